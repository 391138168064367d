#include "common/session_file.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "common/crc32.h"

/* Both structs begin with magic and size and end with the checksum of everything before it. */
struct seal {
    uint32_t magic;
    uint32_t size;
};

_Static_assert(offsetof(medic_status, crc) + sizeof(uint32_t) == sizeof(medic_status), "the checksum comes last");
_Static_assert(offsetof(medic_request, crc) + sizeof(uint32_t) == sizeof(medic_request), "the checksum comes last");

void status_seal(medic_status *status)
{
    status->magic = MEDIC_STATUS_MAGIC;
    status->size = sizeof *status;
    status->crc = crc32_update(0, status, offsetof(medic_status, crc));
}

void request_seal(medic_request *request)
{
    request->magic = MEDIC_REQUEST_MAGIC;
    request->size = sizeof *request;
    request->crc = crc32_update(0, request, offsetof(medic_request, crc));
}

/* One read: two could straddle a rewrite, which the checksum would only turn into another try. */
static ssize_t read_at_start(int fd, void *data, size_t size)
{
    ssize_t got;
    do
        got = pread(fd, data, size, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

static int read_sealed(int fd, void *data, size_t size, uint32_t magic)
{
    ssize_t got = read_at_start(fd, data, size);
    if (got < 0)
        return MEDIC_E_IO;
    if (got == 0)
        return MEDIC_E_NOT_FOUND;
    const struct seal *seal = data;
    if ((size_t)got != size || seal->magic != magic || seal->size != size)
        return MEDIC_E_CORRUPT;
    return MEDIC_OK;
}

int status_read(int fd, medic_status *status)
{
    medic_status copy;
    int code = read_sealed(fd, &copy, sizeof copy, MEDIC_STATUS_MAGIC);
    if (code)
        return code;
    if (copy.crc != crc32_update(0, &copy, offsetof(medic_status, crc)))
        return MEDIC_E_CORRUPT;
    copy.text[sizeof copy.text - 1] = '\0';
    *status = copy;
    return MEDIC_OK;
}

int request_read(int fd, medic_request *request)
{
    medic_request copy;
    int code = read_sealed(fd, &copy, sizeof copy, MEDIC_REQUEST_MAGIC);
    if (code)
        return code;
    if (copy.crc != crc32_update(0, &copy, offsetof(medic_request, crc)))
        return MEDIC_E_CORRUPT;
    *request = copy;
    return MEDIC_OK;
}

static int write_at_start(int fd, const void *data, size_t size)
{
    ssize_t put;
    do
        put = pwrite(fd, data, size, 0);
    while (put < 0 && errno == EINTR);
    if (put < 0)
        return MEDIC_E_IO;
    if ((size_t)put != size) {
        errno = ENOSPC; /* the only reason for a short write to a plain file */
        return MEDIC_E_IO;
    }
    return MEDIC_OK;
}

int status_write(int fd, medic_status *status)
{
    status_seal(status);
    return write_at_start(fd, status, sizeof *status);
}

int request_write(int fd, medic_request *request)
{
    request_seal(request);
    return write_at_start(fd, request, sizeof *request);
}

static const char *lookup(const char *const *words, size_t count, uint32_t index)
{
    return index < count ? words[index] : "unknown";
}

const char *session_state_text(uint32_t state)
{
    static const char *const words[] = {
        [MEDIC_SESSION_NONE] = "none",         [MEDIC_SESSION_STARTING] = "starting",
        [MEDIC_SESSION_RUNNING] = "running",   [MEDIC_SESSION_STOPPING] = "stopping",
        [MEDIC_SESSION_CAPTURED] = "captured", [MEDIC_SESSION_DETACHING] = "detaching",
        [MEDIC_SESSION_ENDED] = "ended",       [MEDIC_SESSION_DORMANT] = "dormant",
        [MEDIC_SESSION_FAILED] = "failed",     [MEDIC_SESSION_INERT] = "inert",
    };
    return lookup(words, sizeof words / sizeof *words, state);
}

const char *end_reason_text(uint32_t reason)
{
    static const char *const words[] = {
        [MEDIC_END_NONE] = "incomplete",      [MEDIC_END_DURATION] = "duration",       [MEDIC_END_DONE] = "done",
        [MEDIC_END_REQUEST] = "stop request", [MEDIC_END_LEASE] = "client gone",       [MEDIC_END_BYTES] = "size limit",
        [MEDIC_END_MEMORY] = "memory limit",  [MEDIC_END_TARGET_EXIT] = "target exit", [MEDIC_END_FAILED] = "failed",
    };
    return lookup(words, sizeof words / sizeof *words, reason);
}
