/* The .NET diagnostics IPC client, see ipc.h. First the bytes, then the socket, then the commands. */
#include "ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_MS = 2, ENVIRONMENT_MAX = 64 << 20, MORE = 1 };

static const char magic[14] = "DOTNET_IPC_V1";
static const unsigned info_revisions[] = {IPC_PROCESS_INFO_3, IPC_PROCESS_INFO_2, IPC_PROCESS_INFO};
static const size_t info_revision_count = sizeof info_revisions / sizeof *info_revisions;

/* ---- bytes: reading ---- */

/* A cursor that turns bad once and stays so: callers check it at the end. */
struct cursor {
    const uint8_t *at;
    size_t left;
    int code;
};

static const uint8_t *take(struct cursor *c, size_t size)
{
    if (c->code == MEDIC_OK && size > c->left)
        c->code = MEDIC_E_CORRUPT;
    if (c->code != MEDIC_OK)
        return NULL;
    const uint8_t *at = c->at;
    c->at += size;
    c->left -= size;
    return at;
}

static uint64_t take_uint(struct cursor *c, size_t size)
{
    const uint8_t *at = take(c, size);
    uint64_t value = 0;
    for (size_t i = 0; at && i < size; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static char *put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    int tail = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xC0, 0xE0, 0xF0};
    *out++ = (char)(lead[tail] | (code >> (6 * tail)));
    while (tail-- > 0)
        *out++ = (char)(0x80 | ((code >> (6 * tail)) & 0x3F));
    return out;
}

static uint32_t unit_at(const uint8_t *units, size_t i)
{
    return (uint32_t)units[2 * i] | (uint32_t)units[2 * i + 1] << 8;
}

/* Stops at the first NUL; a lone surrogate becomes U+FFFD. NULL: out of memory. */
static char *utf8_of_utf16(const uint8_t *units, size_t count)
{
    char *text = malloc(count * 3 + 1), *out = text;
    if (!text)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        uint32_t code = unit_at(units, i);
        uint32_t next = i + 1 < count ? unit_at(units, i + 1) : 0;
        if (code == 0)
            break;
        if ((code & 0xFC00) == 0xD800 && (next & 0xFC00) == 0xDC00) {
            code = 0x10000 + ((code & 0x3FF) << 10) + (next & 0x3FF);
            i++;
        } else if ((code & 0xF800) == 0xD800) {
            code = 0xFFFD;
        }
        out = put_utf8(out, code);
    }
    *out = 0;
    return text;
}

/* A string; the null string (count 0) gives NULL. */
static char *take_string(struct cursor *c)
{
    uint64_t count = take_uint(c, 4);
    const uint8_t *units = take(c, (size_t)count * 2);
    if (!units || count == 0)
        return NULL;
    char *text = utf8_of_utf16(units, (size_t)count);
    if (!text)
        c->code = MEDIC_E_MEMORY;
    return text;
}

static int cursor_result(const struct cursor *c, const char *what, medic_reason *why)
{
    if (c->code == MEDIC_E_CORRUPT)
        return medic_fail(why, c->code, "the process' reply to %s is cut short or malformed: it may be no .NET runtime",
                          what);
    if (c->code == MEDIC_E_MEMORY)
        return medic_fail(why, c->code, "out of memory while reading the reply to %s: free some and try again", what);
    return MEDIC_OK;
}

int ipc_parse_header(const uint8_t *bytes, size_t size, struct ipc_header *header, medic_reason *why)
{
    memset(header, 0, sizeof *header);
    if (size < IPC_HEADER_SIZE || memcmp(bytes, magic, sizeof magic) != 0)
        return medic_fail(why, MEDIC_E_CORRUPT,
                          "the reply does not begin as a .NET diagnostics message: "
                          "something else listens on this socket");
    header->size = (uint16_t)(bytes[14] | bytes[15] << 8);
    header->command = (uint16_t)(bytes[16] << 8 | bytes[17]);
    if (header->size < IPC_HEADER_SIZE)
        return medic_fail(why, MEDIC_E_CORRUPT,
                          "the reply claims %u bytes, less than its own header: "
                          "something else listens on this socket",
                          header->size);
    return MEDIC_OK;
}

int ipc_parse_process_info(unsigned command, const uint8_t *payload, size_t size, struct ipc_process_info *info,
                           medic_reason *why)
{
    struct cursor c = {payload, size, MEDIC_OK};
    memset(info, 0, sizeof *info);
    uint64_t version = command == IPC_PROCESS_INFO_3 ? take_uint(&c, 4) : 0;
    info->pid = take_uint(&c, 8);
    const uint8_t *cookie = take(&c, sizeof info->cookie);
    if (cookie)
        memcpy(info->cookie, cookie, sizeof info->cookie);
    info->command_line = take_string(&c);
    info->os = take_string(&c);
    info->arch = take_string(&c);
    if (command != IPC_PROCESS_INFO) {
        info->entry_assembly = take_string(&c);
        info->clr_version = take_string(&c);
    }
    if (version >= 1)
        info->rid = take_string(&c);
    int code = cursor_result(&c, "ProcessInfo", why);
    if (code != MEDIC_OK)
        ipc_process_info_free(info);
    return code;
}

void ipc_process_info_free(struct ipc_process_info *info)
{
    free(info->command_line);
    free(info->os);
    free(info->arch);
    free(info->entry_assembly);
    free(info->clr_version);
    free(info->rid);
    memset(info, 0, sizeof *info);
}

int ipc_parse_hresult(const uint8_t *payload, size_t size, int32_t *hresult, medic_reason *why)
{
    struct cursor c = {payload, size, MEDIC_OK};
    *hresult = (int32_t)(uint32_t)take_uint(&c, 4);
    return cursor_result(&c, "the command", why);
}

int ipc_parse_environment(const uint8_t *bytes, size_t size, struct ipc_environment *env, medic_reason *why)
{
    struct cursor c = {bytes, size, MEDIC_OK};
    uint64_t count = take_uint(&c, 4);
    memset(env, 0, sizeof *env);
    if (count > c.left / 4) /* every string has a count of its own */
        c.code = MEDIC_E_CORRUPT;
    if (c.code == MEDIC_OK && !(env->entries = calloc((size_t)count + 1, sizeof *env->entries)))
        c.code = MEDIC_E_MEMORY;
    while (c.code == MEDIC_OK && count-- > 0) {
        char *entry = take_string(&c);
        if (entry)
            env->entries[env->count++] = entry;
    }
    int code = cursor_result(&c, "ProcessEnvironment", why);
    if (code != MEDIC_OK)
        ipc_environment_free(env);
    return code;
}

void ipc_environment_free(struct ipc_environment *env)
{
    for (size_t i = 0; i < env->count; i++)
        free(env->entries[i]);
    free(env->entries);
    memset(env, 0, sizeof *env);
}

/* ---- bytes: writing ---- */

static uint8_t *put_uint(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *out++ = (uint8_t)(value >> (8 * i));
    return out;
}

int ipc_build_message(unsigned command, const uint8_t *payload, size_t size, uint8_t **message, size_t *length,
                      medic_reason *why)
{
    *message = NULL;
    *length = 0;
    if (size > IPC_MESSAGE_MAX - IPC_HEADER_SIZE)
        return medic_fail(why, MEDIC_E_ARGUMENT,
                          "a request of %zu bytes does not fit the protocol's %d: give shorter parameters",
                          size + IPC_HEADER_SIZE, IPC_MESSAGE_MAX);
    uint8_t *bytes = malloc(IPC_HEADER_SIZE + size);
    if (!bytes)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while building a request: free some and try again");
    memcpy(bytes, magic, sizeof magic);
    uint8_t *out = put_uint(bytes + sizeof magic, IPC_HEADER_SIZE + size, 2);
    *out++ = (uint8_t)(command >> 8);
    *out++ = (uint8_t)command;
    out = put_uint(out, 0, 2);
    if (size)
        memcpy(out, payload, size);
    *message = bytes;
    *length = IPC_HEADER_SIZE + size;
    return MEDIC_OK;
}

/* Decodes one character; 0 for NUL and for anything that is not UTF-8. */
static uint32_t take_utf8(const uint8_t **at)
{
    const uint8_t *p = *at;
    int tail = *p < 0x80 ? 0 : (*p & 0xE0) == 0xC0 ? 1 : (*p & 0xF0) == 0xE0 ? 2 : (*p & 0xF8) == 0xF0 ? 3 : -1;
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (tail < 0)
        return 0;
    uint32_t code = tail == 0 ? *p : *p & (0x3Fu >> tail);
    for (int i = 1; i <= tail; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3F);
    }
    if (code < least[tail] || code > 0x10FFFF || (code & 0xFFFFF800) == 0xD800)
        return 0;
    *at = p + tail + 1;
    return code;
}

/* Writes the string with its count and NUL: at most 4 + 2 * (strlen + 1) bytes. NULL: not UTF-8. */
static uint8_t *put_string(uint8_t *out, const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    uint8_t *count_at = out;
    out += 4;
    while (*at) {
        uint32_t code = take_utf8(&at);
        if (!code)
            return NULL;
        if (code >= 0x10000) {
            out = put_uint(out, 0xD800 + ((code - 0x10000) >> 10), 2);
            code = 0xDC00 + (code & 0x3FF);
        }
        out = put_uint(out, code, 2);
    }
    out = put_uint(out, 0, 2);
    put_uint(count_at, (uint64_t)(out - count_at - 4) / 2, 4);
    return out;
}

int ipc_build_attach(const struct ipc_attach *attach, uint8_t **message, size_t *length, medic_reason *why)
{
    size_t path_length = strlen(attach->path);
    *message = NULL;
    *length = 0;
    uint8_t *payload = malloc(4 + 16 + 4 + 2 * (path_length + 1) + 4 + attach->size);
    if (!payload)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while building a request: free some and try again");
    uint8_t *out = put_uint(payload, attach->timeout_ms, 4);
    memcpy(out, attach->guid, 16);
    out = put_string(out + 16, attach->path);
    int code;
    if (!out) {
        code = medic_fail(why, MEDIC_E_ARGUMENT, "the path of the profiler is not valid UTF-8: move it to a plain one");
    } else {
        out = put_uint(out, attach->size, 4);
        if (attach->size)
            memcpy(out, attach->data, attach->size);
        code = ipc_build_message(IPC_ATTACH_PROFILER, payload, (size_t)(out - payload) + attach->size, message, length,
                                 why);
    }
    free(payload);
    return code;
}

/* ---- the socket ---- */

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

/* Rounded up, so that a poll never spins in the last millisecond. */
static int ms_left(uint64_t deadline)
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

/* One attempt. MORE: the listener's queue is full, try again. */
static int try_connect(const struct ipc_peer *peer, int *fd, medic_reason *why)
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
        code = MORE;
    else
        code = connect_failure(peer, st.st_uid, why);
    if (code != MEDIC_OK && *fd >= 0)
        close(*fd);
    close(file);
    return code;
}

static int nobody_accepts(medic_reason *why)
{
    return medic_fail(why, MEDIC_E_TIMEOUT,
                      "its diagnostics server accepts nobody: it is stopped, hangs, or many clients wait; "
                      "end the other tools or continue it (kill -CONT), then try again");
}

static int no_answer(medic_reason *why)
{
    return medic_fail(why, MEDIC_E_TIMEOUT,
                      "it did not answer in time: it is stopped, its machine is busy, or another tool "
                      "keeps its diagnostics server waiting; end that tool, then try again");
}

int ipc_connect(const struct ipc_peer *peer, uint64_t deadline_ns, int *fd, medic_reason *why)
{
    int code;
    while ((code = try_connect(peer, fd, why)) == MORE) {
        if (ms_left(deadline_ns) == 0)
            return nobody_accepts(why);
        poll(NULL, 0, RETRY_MS); /* a full queue gives no event to wait for */
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
        left = ms_left(deadline);
        n = poll(&p, 1, left);
    } while ((n < 0 && errno == EINTR) || (n == 0 && left > 0));
    return n > 0;
}

/* One send for the whole message. The buffer is made to fit first, because the runtime's server is serial: a message
 * that comes in pieces keeps everyone else waiting. The loop is for a kernel that caps the buffer all the same. */
static int send_message(int fd, const uint8_t *message, size_t length, uint64_t deadline, medic_reason *why)
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
                return no_answer(why);
        } else if (errno != EINTR) {
            return medic_fail(why, MEDIC_E_GONE,
                              "it closed the connection before the request was sent (%m): it is ending");
        }
    }
    return MEDIC_OK;
}

/* Reads what is there, at most size bytes. MORE: nothing now. 0 bytes is an end. */
static int receive(int fd, uint8_t *into, size_t size, size_t *got, medic_reason *why)
{
    ssize_t n;
    do
        n = recv(fd, into, size, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    *got = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return MEDIC_OK;
    if (n < 0 && errno == EAGAIN)
        return MORE;
    return medic_fail(why, MEDIC_E_GONE, "it closed the connection before its reply was complete: it is ending");
}

static int receive_all(int fd, uint8_t *into, size_t size, uint64_t deadline, medic_reason *why)
{
    for (size_t have = 0, got; have < size; have += got) {
        int code = receive(fd, into + have, size - have, &got, why);
        if (code == MORE && !wait_for(fd, POLLIN, deadline))
            code = no_answer(why);
        if (code < 0)
            return code;
    }
    return MEDIC_OK;
}

/* ---- commands that wait ---- */

/* *body is owned by the caller on success. */
static int receive_reply(int fd, uint64_t deadline, struct ipc_header *header, uint8_t **body, medic_reason *why)
{
    uint8_t head[IPC_HEADER_SIZE];
    int code = receive_all(fd, head, sizeof head, deadline, why);
    if (code == MEDIC_OK)
        code = ipc_parse_header(head, sizeof head, header, why);
    if (code != MEDIC_OK)
        return code;
    *body = malloc(header->size);
    if (!*body)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while reading a reply: free some and try again");
    code = receive_all(fd, *body, header->size - IPC_HEADER_SIZE, deadline, why);
    if (code != MEDIC_OK)
        free(*body);
    return code;
}

/* Sends the message and reads the reply. *fd stays open for a continuation; *fd and *body are the caller's on success. */
static int exchange(const struct ipc_peer *peer, const uint8_t *message, size_t length, uint64_t deadline, int *fd,
                    struct ipc_header *header, uint8_t **body, medic_reason *why)
{
    int code = ipc_connect(peer, deadline, fd, why);
    if (code != MEDIC_OK)
        return code;
    code = send_message(*fd, message, length, deadline, why);
    if (code == MEDIC_OK)
        code = receive_reply(*fd, deadline, header, body, why);
    if (code != MEDIC_OK)
        close(*fd);
    return code;
}

/* For replies that are nothing but an HRESULT, good or bad. */
static int exchange_hresult(const struct ipc_peer *peer, const uint8_t *message, size_t length, uint64_t deadline,
                            int32_t *hresult, medic_reason *why)
{
    struct ipc_header header;
    uint8_t *body;
    int fd, code = exchange(peer, message, length, deadline, &fd, &header, &body, why);
    if (code != MEDIC_OK)
        return code;
    close(fd);
    if (header.command == IPC_OK && header.size == IPC_HEADER_SIZE)
        *hresult = 0;
    else
        code = ipc_parse_hresult(body, header.size - IPC_HEADER_SIZE, hresult, why);
    if (code == MEDIC_OK && header.command != IPC_OK && *hresult >= 0)
        code = medic_fail(why, MEDIC_E_CORRUPT, "it answered with command 0x%04x: it may be no .NET runtime",
                          header.command);
    free(body);
    return code;
}

int ipc_attach_profiler(const struct ipc_peer *peer, uint64_t deadline_ns, const struct ipc_attach *attach,
                        int32_t *hresult, medic_reason *why)
{
    uint8_t *message;
    size_t length;
    int32_t answer = 0;
    int code = ipc_build_attach(attach, &message, &length, why);
    if (code == MEDIC_OK)
        code = exchange_hresult(peer, message, length, deadline_ns, &answer, why);
    if (code == MEDIC_OK && answer < 0)
        code = ipc_explain(answer, attach->path, why);
    if (hresult)
        *hresult = answer;
    free(message);
    return code;
}

int ipc_resume_runtime(const struct ipc_peer *peer, uint64_t deadline_ns, medic_reason *why)
{
    uint8_t *message;
    size_t length;
    int32_t answer = 0;
    int code = ipc_build_message(IPC_RESUME_RUNTIME, NULL, 0, &message, &length, why);
    if (code == MEDIC_OK)
        code = exchange_hresult(peer, message, length, deadline_ns, &answer, why);
    if (code == MEDIC_OK && answer < 0)
        code = ipc_explain(answer, NULL, why);
    free(message);
    return code;
}

/* The length comes from the other side: memory grows with what arrives, not with what is claimed. */
static int receive_environment(int fd, size_t size, uint64_t deadline, struct ipc_environment *env, medic_reason *why)
{
    uint8_t *bytes = NULL;
    int code = size <= ENVIRONMENT_MAX ? MEDIC_OK
                                       : medic_fail(why, MEDIC_E_CORRUPT,
                                                    "it claims an environment of %zu bytes: "
                                                    "it may be no .NET runtime",
                                                    size);
    for (size_t have = 0; code == MEDIC_OK && have < size;) {
        size_t step = size - have < IPC_MESSAGE_MAX ? size - have : IPC_MESSAGE_MAX;
        uint8_t *more = realloc(bytes, have + step);
        if (!more) {
            code =
                medic_fail(why, MEDIC_E_MEMORY, "out of memory while reading a reply: free some and try again");
            break;
        }
        bytes = more;
        code = receive_all(fd, bytes + have, step, deadline, why);
        have += step;
    }
    if (code == MEDIC_OK)
        code = ipc_parse_environment(bytes, size, env, why);
    free(bytes);
    return code;
}

int ipc_environment(const struct ipc_peer *peer, uint64_t deadline_ns, struct ipc_environment *env, medic_reason *why)
{
    struct ipc_header header;
    uint8_t *message, *body;
    size_t length;
    int32_t answer = 0;
    int fd;
    memset(env, 0, sizeof *env);
    int code = ipc_build_message(IPC_PROCESS_ENVIRONMENT, NULL, 0, &message, &length, why);
    if (code != MEDIC_OK)
        return code;
    code = exchange(peer, message, length, deadline_ns, &fd, &header, &body, why);
    free(message);
    if (code != MEDIC_OK)
        return code;
    code = ipc_parse_hresult(body, header.size - IPC_HEADER_SIZE, &answer, why); /* here: the size, or the error */
    if (code == MEDIC_OK && header.command != IPC_OK)
        code = ipc_explain(answer, NULL, why);
    if (code == MEDIC_OK)
        code = receive_environment(fd, (uint32_t)answer, deadline_ns, env, why);
    free(body);
    close(fd);
    return code;
}

/* ---- ProcessInfo, many at once ---- */

static void query_reset(struct ipc_query *q)
{
    if (q->state.connected)
        close(q->state.fd);
    free(q->state.body);
    q->state.body = NULL;
    q->state.connected = false;
    q->state.have = q->state.size = 0;
}

static void query_end(struct ipc_query *q, int code)
{
    query_reset(q);
    q->code = code;
    q->state.done = true;
}

/* Connects and sends; does nothing yet when the listener's queue is full. */
static void query_begin(struct ipc_query *q)
{
    uint8_t *message;
    size_t length;
    int code = try_connect(&q->peer, &q->state.fd, &q->why);
    if (code == MORE)
        return;
    if (code == MEDIC_OK) {
        q->state.connected = true;
        code = ipc_build_message(info_revisions[q->state.revision], NULL, 0, &message, &length, &q->why);
        if (code == MEDIC_OK)
            code = send_message(q->state.fd, message, length, 0, &q->why);
        free(message);
    }
    if (code != MEDIC_OK)
        query_end(q, code);
}

static void query_answered(struct ipc_query *q, const struct ipc_header *header)
{
    const int32_t unknown = (int32_t)0x80131385;
    size_t size = header->size - (size_t)IPC_HEADER_SIZE;
    int32_t error = 0;
    int code;
    if (header->command == IPC_OK) {
        code = ipc_parse_process_info(info_revisions[q->state.revision], q->state.body, size, &q->info, &q->why);
    } else {
        code = ipc_parse_hresult(q->state.body, size, &error, &q->why);
        if (code == MEDIC_OK && error == unknown && q->state.revision + 1 < info_revision_count) {
            query_reset(q);
            q->state.revision++;
            query_begin(q);
            return;
        }
        if (code == MEDIC_OK)
            code = ipc_explain(error, NULL, &q->why);
    }
    query_end(q, code);
}

/* Takes what has arrived. */
static void query_step(struct ipc_query *q)
{
    struct ipc_header header = {0};
    size_t got, *have = &q->state.have;
    int code = MEDIC_OK;
    while (code == MEDIC_OK && (*have < IPC_HEADER_SIZE || *have < q->state.size)) {
        if (*have < IPC_HEADER_SIZE)
            code = receive(q->state.fd, q->state.head + *have, IPC_HEADER_SIZE - *have, &got, &q->why);
        else
            code = receive(q->state.fd, q->state.body + *have - IPC_HEADER_SIZE, q->state.size - *have, &got, &q->why);
        *have += got;
        if (code == MEDIC_OK && *have == IPC_HEADER_SIZE) {
            code = ipc_parse_header(q->state.head, IPC_HEADER_SIZE, &header, &q->why);
            q->state.size = header.size;
            if (code == MEDIC_OK && !(q->state.body = malloc(header.size)))
                code =
                    medic_fail(&q->why, MEDIC_E_MEMORY, "out of memory while reading a reply: free some and try again");
        }
    }
    if (code == MORE)
        return;
    if (code == MEDIC_OK)
        code = ipc_parse_header(q->state.head, IPC_HEADER_SIZE, &header, &q->why);
    if (code == MEDIC_OK)
        query_answered(q, &header);
    else
        query_end(q, code);
}

/* Fills the poll set; returns how many are still open. waiting: some could not connect yet. */
static size_t collect(struct ipc_query *queries, size_t count, struct pollfd *polls, bool *waiting)
{
    size_t open = 0;
    *waiting = false;
    for (size_t i = 0; i < count; i++) {
        struct ipc_query *q = &queries[i];
        if (!q->state.done && !q->state.connected)
            query_begin(q);
        polls[i] = (struct pollfd){.fd = q->state.connected ? q->state.fd : -1, .events = POLLIN};
        open += !q->state.done;
        *waiting |= !q->state.done && !q->state.connected;
    }
    return open;
}

void ipc_query_all(struct ipc_query *queries, size_t count, uint64_t deadline_ns)
{
    bool waiting;
    struct pollfd *polls = calloc(count + 1, sizeof *polls);
    while (polls && collect(queries, count, polls, &waiting) > 0) {
        int left = ms_left(deadline_ns);
        if (left == 0)
            break;
        poll(polls, count, waiting && left > RETRY_MS ? RETRY_MS : left);
        for (size_t i = 0; i < count; i++)
            if (polls[i].fd >= 0 && polls[i].revents)
                query_step(&queries[i]);
    }
    free(polls);
    for (size_t i = 0; i < count; i++)
        if (!queries[i].state.done)
            query_end(&queries[i],
                      queries[i].state.connected ? no_answer(&queries[i].why) : nobody_accepts(&queries[i].why));
}

int ipc_process_info(const struct ipc_peer *peer, uint64_t deadline_ns, struct ipc_process_info *info,
                     medic_reason *why)
{
    struct ipc_query query = {.peer = *peer};
    ipc_query_all(&query, 1, deadline_ns);
    *info = query.info;
    if (why && query.code != MEDIC_OK)
        *why = query.why;
    return query.code;
}

/* ---- what the runtime's errors mean ---- */

static const struct {
    uint32_t hresult;
    int code;
    bool names_path;
    const char *text;
} meanings[] = {
    {0x8013136A, MEDIC_E_BUSY, false,
     "another profiler is loaded in the process: wait until it has detached or end it; one that "
     "was loaded at the start leaves only with a restart"},
    {0x80131367, MEDIC_E_BUSY, false, "another profiler is just detaching from the process: try again in some seconds"},
    {0x80131368, MEDIC_E_ABI, true,
     "the runtime refuses the profiler as not attachable: install the core and the plugin of one version"},
    {0x8013136E, MEDIC_E_ABI, true,
     "the profiler lacks ICorProfilerCallback3: install the core and the plugin of one version"},
    {0x8007007E, MEDIC_E_NOT_FOUND, true,
     "the process cannot load the profiler: the file is not visible or not readable for it, lies "
     "on a noexec mount, or was built for another libc or architecture; stage it elsewhere"},
    {0x8007007F, MEDIC_E_ABI, true,
     "the file is a library but no profiler, it exports no DllGetClassObject: give the path of libmedic.so"},
    {0x80070005, MEDIC_E_DENIED, true,
     "the process may not read the profiler: make the file and its folders readable for its user"},
    {0x80040154, MEDIC_E_NOT_FOUND, true,
     "the profiler does not know the GUID it was asked for: see the list of plugins"},
    {0x80040111, MEDIC_E_NOT_FOUND, true,
     "the profiler does not know the GUID it was asked for: see the list of plugins"},
    {0x80131371, MEDIC_E_BUSY, false, "the runtime is still starting: try again in a second"},
    {0x8013135B, MEDIC_E_BUSY, false,
     "the start of the runtime is suspended by a diagnostics port: resume it, then attach"},
    {0x80131379, MEDIC_E_TIMEOUT, false, "the runtime gave up waiting for a background collection to end: try again"},
    {0x80131384, MEDIC_E_CORRUPT, false, "the runtime could not decode the request: its protocol differs, report this"},
    {0x80131385, MEDIC_E_UNSUPPORTED, false,
     "the runtime does not know the command: it is too old or compiled ahead of time "
     "(native AOT); run the program on .NET 8 or later with the JIT"},
    {0x80131386, MEDIC_E_CORRUPT, false, "the runtime does not know the protocol's version: it differs, report this"},
    {0x80131515, MEDIC_E_UNSUPPORTED, false, "the runtime was built without this ability: use the standard runtime"},
    {0x8007000E, MEDIC_E_MEMORY, false, "the process is out of memory: raise its limit or try again later"},
    {0x800705B4, MEDIC_E_TIMEOUT, false,
     "the runtime gave up before the profiler was ready: try again with a longer time"},
    {0x80131370, MEDIC_E_BUSY, false, "a profiler that rewrote code cannot leave the process: restart it"},
};

int ipc_explain(int32_t hresult, const char *path, medic_reason *why)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (meanings[i].hresult != (uint32_t)hresult)
            continue;
        if (meanings[i].names_path && path)
            return medic_fail(why, meanings[i].code, "%s (%.180s, 0x%08X)", meanings[i].text, path, (unsigned)hresult);
        return medic_fail(why, meanings[i].code, "%s (0x%08X)", meanings[i].text, (unsigned)hresult);
    }
    return medic_fail(why, MEDIC_E_FAIL, "the runtime answered with error 0x%08X: see the profiler's log, or try again",
                      (unsigned)hresult);
}
