#include "core/files.h"

#include "common/crc32.h"
#include "common/guid.h"
#include "common/session_file.h"
#include "common/sys.h"
#include "core/os.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define LEASE_CHECK_NS UINT64_C(500000000)

void files_init(struct files *files)
{
    memset(files, 0, sizeof *files);
    files->folder = files->capture = files->status = files->request = files->lease = -1;
}

/* A folder of ours: a directory of this user (or of root, who may do anything anyway) that nobody else can enter. */
static int check_folder(int fd, const char *path, medic_reason *why)
{
    struct stat st;

    if (sys_fstat(fd, &st) != 0)
        return medic_fail(why, MEDIC_E_IO, "cannot look at the session folder %s: %s", path, strerror(errno));
    if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return medic_fail(
            why, MEDIC_E_UNSAFE,
            "the session folder %s belongs to uid %u with mode %03o; it must belong to uid %u with mode 700", path,
            st.st_uid, st.st_mode & 0777, geteuid());
    return MEDIC_OK;
}

static int open_folder(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int random_guid(GUID *guid)
{
    return syscall(SYS_getrandom, guid, sizeof *guid, 0) == (long)sizeof *guid ? 0 : -1;
}

/* <tmp>/medic-<uid>/<random id>. A first component that somebody else has put there is not used. */
static int make_folder(struct files *files, medic_reason *why)
{
    const char *tmp = getenv("TMPDIR");
    char id[GUID_TEXT_SIZE], parent[64];
    int tmp_fd = -1, parent_fd = -1, length, code;
    GUID guid;

    if (!tmp || tmp[0] != '/')
        tmp = "/tmp";
    if (random_guid(&guid) != 0)
        return medic_fail(why, MEDIC_E_IO, "no random number from the kernel: %s", strerror(errno));
    guid.Data3 = (uint16_t)((guid.Data3 & 0x0fff) | 0x4000); /* RFC 4122, version 4 */
    guid.Data4[0] = (uint8_t)((guid.Data4[0] & 0x3f) | 0x80);
    guid_format(&guid, id);
    snprintf(parent, sizeof parent, "medic-%u", geteuid());
    length = snprintf(files->path, sizeof files->path, "%s/%s/%s", tmp, parent, id);
    if (length < 0 || (size_t)length >= sizeof files->path)
        return medic_fail(why, MEDIC_E_ARGUMENT, "the temporary folder's path is longer than %d bytes",
                          CONFIG_PATH_MAX);
    tmp_fd = open(tmp, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (tmp_fd < 0)
        return medic_fail(why, MEDIC_E_IO, "cannot open the temporary folder %s: %s", tmp, strerror(errno));
    mkdirat(tmp_fd, parent, 0700); /* may exist: what counts is what can be opened and passes the check */
    parent_fd = open_folder(tmp_fd, parent);
    if (parent_fd < 0)
        code = medic_fail(why, MEDIC_E_IO, "cannot make the folder %s/%s: %s", tmp, parent, strerror(errno));
    else
        code = check_folder(parent_fd, parent, why);
    if (code == MEDIC_OK && mkdirat(parent_fd, id, 0700) != 0)
        code = medic_fail(why, MEDIC_E_IO, "cannot make the session folder %s: %s", files->path, strerror(errno));
    if (code == MEDIC_OK) {
        files->folder = open_folder(parent_fd, id);
        if (files->folder < 0)
            code = medic_fail(why, MEDIC_E_IO, "cannot open the session folder %s: %s", files->path, strerror(errno));
    }
    close(tmp_fd);
    if (parent_fd >= 0)
        close(parent_fd);
    return code;
}

static int create_file(const struct files *files, const char *name, int *fd, medic_reason *why)
{
    *fd = openat(files->folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (*fd >= 0)
        return MEDIC_OK;
    if (errno == EEXIST)
        return medic_fail(why, MEDIC_E_BUSY, "the session folder %s is in use: it has a file %s already", files->path,
                          name);
    return medic_fail(why, MEDIC_E_IO, "cannot create %s in the session folder %s: %s", name, files->path,
                      strerror(errno));
}

int files_open(struct files *files, const char *path, medic_reason *why)
{
    int code;

    if (path[0] == '\0') {
        code = make_folder(files, why);
    } else {
        snprintf(files->path, sizeof files->path, "%s", path);
        files->folder = open_folder(AT_FDCWD, path);
        code = files->folder < 0
                   ? medic_fail(why, MEDIC_E_IO, "cannot open the session folder %s: %s", path, strerror(errno))
                   : MEDIC_OK;
    }
    if (code == MEDIC_OK)
        code = check_folder(files->folder, files->path, why);
    if (code == MEDIC_OK)
        code = create_file(files, MEDIC_STATUS_FILE, &files->status, why);
    if (code != MEDIC_OK)
        files_close(files);
    return code;
}

/* What every session's folder has: the lease is the parent's, by a hard link, the requests are its own. */
static int furnish(int parent, struct files *files, medic_reason *why)
{
    if (linkat(parent, MEDIC_LEASE_FILE, files->folder, MEDIC_LEASE_FILE, 0) != 0 && errno != ENOENT)
        return medic_fail(why, MEDIC_E_IO, "cannot share the lease in %s: %s", files->path, strerror(errno));
    return create_file(files, MEDIC_REQUEST_FILE, &files->request, why);
}

int files_open_child(struct files *files, const char *path, medic_reason *why)
{
    uint32_t random = 0;
    char name[32];
    int length, code, parent = open_folder(AT_FDCWD, path);

    if (parent < 0)
        return medic_fail(why, MEDIC_E_IO, "cannot open the session folder %s: %s", path, strerror(errno));
    code = check_folder(parent, path, why);
    syscall(SYS_getrandom, &random, sizeof random, 0);
    snprintf(name, sizeof name, "%d-%08x", (int)getpid(), random);
    length = snprintf(files->path, sizeof files->path, "%s/%s", path, name);
    if (code == MEDIC_OK && (length < 0 || (size_t)length >= sizeof files->path))
        code = medic_fail(why, MEDIC_E_ARGUMENT, "session= is longer than %d bytes", CONFIG_PATH_MAX);
    if (code == MEDIC_OK && mkdirat(parent, name, 0700) != 0)
        code = medic_fail(why, MEDIC_E_IO, "cannot make the session folder %s: %s", files->path, strerror(errno));
    if (code == MEDIC_OK) {
        files->folder = open_folder(parent, name);
        code = files->folder < 0
                   ? medic_fail(why, MEDIC_E_IO, "cannot open the session folder %s: %s", files->path, strerror(errno))
                   : furnish(parent, files, why);
    }
    if (code == MEDIC_OK)
        code = create_file(files, MEDIC_STATUS_FILE, &files->status, why);
    if (code != MEDIC_OK)
        files_close(files);
    close(parent);
    return code;
}

int files_begin(struct files *files, int has_lease, medic_reason *why)
{
    int code = create_file(files, MEDIC_CAPTURE_FILE, &files->capture, why);

    if (code != MEDIC_OK)
        return code;
    files->buffer = malloc(FILES_BUFFER_SIZE);
    if (!files->buffer)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory for the capture's buffer");
    if (has_lease) {
        files->lease = openat(files->folder, MEDIC_LEASE_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (files->lease < 0)
            return medic_fail(why, MEDIC_E_IO, "cannot open the lease in %s: %s", files->path, strerror(errno));
    }
    files->lease_seen_ns = os_now_ns();
    return MEDIC_OK;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void files_close(struct files *files)
{
    close_one(&files->capture);
    close_one(&files->status);
    close_one(&files->request);
    close_one(&files->lease);
    close_one(&files->folder);
    free(files->buffer);
    files->buffer = NULL;
}

static int write_all(struct files *files, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    while (size && !files->write_error) {
        ssize_t n = write(files->capture, bytes, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            files->write_error = n < 0 ? errno : ENOSPC;
            break;
        }
        bytes += n;
        size -= (size_t)n;
    }
    return files->write_error ? MEDIC_E_IO : MEDIC_OK;
}

int files_flush(struct files *files)
{
    int code = write_all(files, files->buffer, files->buffered);

    files->buffered = 0;
    return code;
}

int files_explain(const struct files *files, medic_reason *why)
{
    return medic_fail(why, MEDIC_E_IO, "cannot write the capture in %.300s: %s; what was written before is kept",
                      files->path, strerror(files->write_error));
}

static int append(struct files *files, const void *data, size_t size)
{
    files->written += size;
    if (size > FILES_BUFFER_SIZE - files->buffered && files_flush(files) != MEDIC_OK)
        return MEDIC_E_IO;
    if (size > FILES_BUFFER_SIZE)
        return write_all(files, data, size);
    if (size)
        memcpy(files->buffer + files->buffered, data, size);
    files->buffered += size;
    return MEDIC_OK;
}

static int pad(struct files *files, size_t size)
{
    static const uint8_t zeros[8];

    return append(files, zeros, (8 - size % 8) % 8);
}

int files_write_header(struct files *files, const medic_capture_header *header, const char *text, size_t text_size)
{
    medic_capture_header sealed = *header;

    sealed.header_size = (uint32_t)((sizeof sealed + text_size + 7) & ~(size_t)7);
    sealed.text_size = (uint32_t)text_size;
    sealed.crc = 0;
    sealed.crc = crc32_update(crc32_update(0, &sealed, sizeof sealed), text, text_size);
    append(files, &sealed, sizeof sealed);
    append(files, text, text_size);
    return pad(files, sizeof sealed + text_size);
}

int files_write_record(struct files *files, uint32_t type, const void *head, uint32_t head_size, const void *tail,
                       uint32_t tail_size)
{
    medic_record_header header = {head_size + tail_size, type, 0, 0};

    if (files->write_error)
        return MEDIC_E_IO;
    if (header.size < head_size || header.size > MEDIC_RECORD_MAX)
        return MEDIC_E_ARGUMENT;
    header.crc = crc32_update(0, &header, 8);
    header.crc = crc32_update(header.crc, head, head_size);
    header.crc = crc32_update(header.crc, tail, tail_size);
    append(files, &header, sizeof header);
    append(files, head, head_size);
    append(files, tail, tail_size);
    return pad(files, header.size);
}

int files_lend(struct files *files, uint64_t *mark)
{
    int code = files_flush(files);

    *mark = files->written;
    return code;
}

int files_take_back(struct files *files, uint64_t mark, uint64_t size)
{
    off_t end = (off_t)(mark + size);

    if (files->write_error)
        return MEDIC_E_IO;
    if (ftruncate(files->capture, end) != 0 || lseek(files->capture, end, SEEK_SET) != end) {
        files->write_error = errno;
        return MEDIC_E_IO;
    }
    files->written = mark + size;
    return MEDIC_OK;
}

uint64_t files_room(const struct files *files)
{
    struct statfs disk;

    if (fstatfs(files->capture, &disk) != 0)
        return UINT64_MAX;
    return (uint64_t)disk.f_bavail * (uint64_t)disk.f_bsize;
}

/* Fills the chunk with what the file has at offset, and zeros where it has nothing. */
static void read_chunk(int fd, uint64_t offset, uint8_t *chunk, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = pread(fd, chunk + done, size - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    memset(chunk + done, 0, size - done);
}

int files_write_record_of_file(struct files *files, uint32_t type, const void *head, uint32_t head_size, int fd,
                               uint64_t offset, uint32_t size)
{
    static uint8_t chunk[16384]; /* one worker at a time */
    medic_record_header header = {head_size + size, type, 0, 0};

    if (files->write_error)
        return MEDIC_E_IO;
    if (header.size < head_size || header.size > MEDIC_RECORD_MAX)
        return MEDIC_E_ARGUMENT;
    header.crc = crc32_update(crc32_update(0, &header, 8), head, head_size);
    for (int write_it = 0; write_it < 2; write_it++) {
        for (uint32_t at = 0, part; at < size; at += part) {
            part = size - at < sizeof chunk ? size - at : (uint32_t)sizeof chunk;
            read_chunk(fd, offset + at, chunk, part);
            if (write_it)
                append(files, chunk, part);
            else
                header.crc = crc32_update(header.crc, chunk, part);
        }
        if (!write_it) {
            append(files, &header, sizeof header);
            append(files, head, head_size);
        }
    }
    return pad(files, header.size);
}

int files_stop_requested(struct files *files)
{
    medic_request request;

    if (files->request < 0)
        files->request = openat(files->folder, MEDIC_REQUEST_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return files->request >= 0 && request_read(files->request, &request) == MEDIC_OK &&
           request.command == MEDIC_REQUEST_STOP;
}

int files_lease_lost(struct files *files, uint64_t grace_ns, uint64_t now_ns)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (files->lease < 0 || now_ns - files->lease_checked_ns < LEASE_CHECK_NS)
        return 0;
    files->lease_checked_ns = now_ns;
    if (fcntl(files->lease, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK)
        files->lease_seen_ns = now_ns;
    return now_ns - files->lease_seen_ns > grace_ns;
}

/* Past RLIMIT_FSIZE a write raises SIGXFSZ, which ends a process that does not expect it. Medic's own threads block it; this
 * also runs on threads of the runtime. */
static int write_status_quietly(int fd, medic_status *status)
{
    static const struct timespec at_once = {0, 0};
    sigset_t exceeded, before;
    int code;

    sigemptyset(&exceeded);
    sigaddset(&exceeded, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &exceeded, &before);
    code = status_write(fd, status);
    if (code != MEDIC_OK && !sigismember(&before, SIGXFSZ)) {
        int error = errno;

        while (sigtimedwait(&exceeded, NULL, &at_once) < 0 && errno == EINTR)
            ;
        errno = error;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

int files_write_status(struct files *files, medic_status *status)
{
    status->sequence = ++files->sequence;
    return files->status >= 0 ? write_status_quietly(files->status, status) : MEDIC_OK;
}
