/* The runtime's socket: checked before it is spoken to, every wait with a deadline. */
#include "tool/ipc_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

uint64_t ipc_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t ipc_deadline(unsigned timeout_ms)
{
    return ipc_now_ns() + (uint64_t)timeout_ms * 1000000u;
}

int ipc_ms_left(uint64_t deadline)
{
    uint64_t now = ipc_now_ns();
    uint64_t left = deadline > now ? (deadline - now + 999999) / 1000000 : 0;
    return left > 1 << 30 ? 1 << 30 : (int)left;
}

/* Opens the file itself, so that what is checked is what is connected to. */
static int open_socket_file(const struct ipc_peer *peer, struct stat *st, int *file, medic_reason *why)
{
    if (strchr(peer->socket, '/') || !*peer->socket)
        return medic_fail(why, MEDIC_E_ARGUMENT, "\"%.200s\" is not a file name: give the folder and the socket apart",
                          peer->socket);
    *file = openat(peer->dirfd, peer->socket, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (*file < 0 && errno == EACCES)
        return medic_fail(why, MEDIC_E_DENIED,
                          "the folder of its socket may not be searched: run as its owner or as root");
    if (*file < 0 && errno != ENOENT)
        return medic_fail(why, MEDIC_E_IO, "the socket %.200s cannot be opened (%m): check its folder", peer->socket);
    if (*file < 0)
        return medic_fail(why, MEDIC_E_GONE,
                          "its socket %.200s is gone: the process has ended, or its files were cleaned up "
                          "(restart it then)",
                          peer->socket);
    if (fstat(*file, st) == 0 && S_ISSOCK(st->st_mode) && (peer->uid < 0 || (int64_t)st->st_uid == peer->uid))
        return MEDIC_OK;
    close(*file);
    if (!S_ISSOCK(st->st_mode))
        return medic_fail(why, MEDIC_E_UNSAFE, "%.200s is not a socket: somebody else put it there, remove it",
                          peer->socket);
    return medic_fail(why, MEDIC_E_UNSAFE,
                      "its socket belongs to uid %u but the process runs as uid %lld: it changed its user "
                      "after the start or somebody poses as it; start it as that user",
                      st->st_uid, (long long)peer->uid);
}

static int check_listener(const struct ipc_peer *peer, int fd, medic_reason *why)
{
    struct ucred cred;
    socklen_t size = sizeof cred;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0)
        return medic_fail(why, MEDIC_E_IO, "the listener's credentials cannot be read: %m");
    if (peer->uid >= 0 && (int64_t)cred.uid != peer->uid)
        return medic_fail(why, MEDIC_E_UNSAFE,
                          "uid %u listens on its socket, not uid %lld: somebody poses as the process, "
                          "remove the socket",
                          cred.uid, (long long)peer->uid);
    if (peer->pid > 0 && cred.pid > 0 && cred.pid != peer->pid)
        return medic_fail(why, MEDIC_E_UNSAFE,
                          "process %d listens on the socket of process %d: somebody poses as it, "
                          "remove the socket",
                          cred.pid, peer->pid);
    if (peer->pid == IPC_PEER_HIDDEN && cred.pid > 0)
        return medic_fail(why, MEDIC_E_UNSAFE,
                          "process %d listens on %.200s, which is not its own: somebody poses as another "
                          "process, remove the socket",
                          cred.pid, peer->socket);
    return MEDIC_OK;
}

static int connect_failure(const struct ipc_peer *peer, uid_t owner, medic_reason *why)
{
    switch (errno) {
    case ECONNREFUSED:
        return medic_fail(why, MEDIC_E_GONE,
                          "its socket %.200s is stale, nobody listens any more: the process has ended", peer->socket);
    case EACCES:
    case EPERM:
        return medic_fail(why, MEDIC_E_DENIED, "its socket belongs to uid %u: run as that user or as root", owner);
    default: return medic_fail(why, MEDIC_E_IO, "connecting to %.200s failed: %m", peer->socket);
    }
}

int ipc_try_connect(const struct ipc_peer *peer, int *fd, medic_reason *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat st = {0};
    int file = -1, code = open_socket_file(peer, &st, &file, why);
    if (code != MEDIC_OK)
        return code;
    /* A name of 108 bytes always holds this one, however deep the folder; no rename can slip another file in. */
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", file);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0)
        code = medic_fail(why, MEDIC_E_IO, "no socket could be made (%m): raise the limit of open files");
    else if (connect(*fd, (struct sockaddr *)&address, sizeof address) == 0)
        code = check_listener(peer, *fd, why);
    else if (errno == EAGAIN || errno == EINTR)
        code = IPC_MORE;
    else
        code = connect_failure(peer, st.st_uid, why);
    if (code != MEDIC_OK && *fd >= 0)
        close(*fd);
    close(file);
    return code;
}

int ipc_nobody_accepts(medic_reason *why)
{
    return medic_fail(why, MEDIC_E_TIMEOUT,
                      "its diagnostics server accepts nobody: it is stopped, hangs, or many clients wait; "
                      "end the other tools or continue it (kill -CONT), then try again");
}

int ipc_no_answer(medic_reason *why)
{
    return medic_fail(why, MEDIC_E_TIMEOUT,
                      "it did not answer in time: it is stopped, its machine is busy, or another tool "
                      "keeps its diagnostics server waiting; end that tool, then try again");
}

int ipc_connect(const struct ipc_peer *peer, uint64_t deadline_ns, int *fd, medic_reason *why)
{
    int code;
    while ((code = ipc_try_connect(peer, fd, why)) == IPC_MORE) {
        if (ipc_ms_left(deadline_ns) == 0)
            return ipc_nobody_accepts(why);
        poll(NULL, 0, IPC_RETRY_MS); /* a full queue gives no event to wait for */
    }
    return code;
}

int ipc_connect_at(int dirfd, const char *socket_name, uint64_t deadline_ns, int *fd, medic_reason *why)
{
    struct ipc_peer peer = {.dirfd = dirfd, .socket = socket_name, .uid = -1, .pid = IPC_PEER_ANY};
    return ipc_connect(&peer, deadline_ns, fd, why);
}

static bool wait_for(int fd, short events, uint64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = events};
    int left, n;
    do {
        left = ipc_ms_left(deadline);
        n = poll(&p, 1, left);
    } while ((n < 0 && errno == EINTR) || (n == 0 && left > 0));
    return n > 0;
}

/* The buffer is made to fit first, because the runtime's server is serial: a message
 * that comes in pieces keeps everyone else waiting. The loop is for a kernel that caps the buffer all the same. */
int ipc_send(int fd, const uint8_t *message, size_t length, uint64_t deadline, medic_reason *why)
{
    int room = 4 * IPC_MESSAGE_MAX;
    if (length > 4096)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    while (length > 0) {
        ssize_t n = send(fd, message, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            message += n;
            length -= (size_t)n;
        } else if (errno == EAGAIN) {
            if (!wait_for(fd, POLLOUT, deadline))
                return ipc_no_answer(why);
        } else if (errno != EINTR) {
            return medic_fail(why, MEDIC_E_GONE,
                              "it closed the connection before the request was sent (%m): it is ending");
        }
    }
    return MEDIC_OK;
}

int ipc_receive(int fd, uint8_t *into, size_t size, size_t *got, medic_reason *why)
{
    ssize_t n;
    do
        n = recv(fd, into, size, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    *got = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return MEDIC_OK;
    if (n < 0 && errno == EAGAIN)
        return IPC_MORE;
    return medic_fail(why, MEDIC_E_GONE, "it closed the connection before its reply was complete: it is ending");
}

int ipc_receive_all(int fd, uint8_t *into, size_t size, uint64_t deadline, medic_reason *why)
{
    for (size_t have = 0, got; have < size; have += got) {
        int code = ipc_receive(fd, into + have, size - have, &got, why);
        if (code == IPC_MORE && !wait_for(fd, POLLIN, deadline))
            code = ipc_no_answer(why);
        if (code < 0)
            return code;
    }
    return MEDIC_OK;
}
