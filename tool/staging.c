#include "tool/staging.h"
#include "tool/files.h"
#include "tool/identity.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xxhash.h>

enum { RANDOM_DIGITS = 16, STAGED_MODE = 0500, CHUNK = 64 * 1024 };

int staging_explain(medic_reason *why, int error, const char *what, const char *path)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return medic_fail(why, MEDIC_E_IO, "cannot %s %s: no space left: free some, and try again", what, path);
    case EROFS:
        return medic_fail(why, MEDIC_E_IO, "cannot %s %s: its file system is read-only: mount a writable one there",
                          what, path);
    case EACCES:
    case EPERM:
        return medic_fail(why, MEDIC_E_DENIED,
                          "cannot %s %s: permission denied: run Medic as the target's user or as root", what, path);
    case EOVERFLOW:
        return medic_fail(why, MEDIC_E_DENIED,
                          "cannot %s %s: it lies in a user namespace: run Medic as the target's user", what, path);
    default: return medic_fail(why, MEDIC_E_IO, "cannot %s %s: %s", what, path, strerror(error));
    }
}

/* ---- the folder ---- */

/* A descriptor, when the name is a folder of this uid that nobody else can enter; else -1. */
static int open_own(int parent, const char *name, uid_t uid)
{
    struct stat about;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && !fstat(fd, &about) && about.st_uid == uid && (about.st_mode & 0777) == 0700)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* A folder with a random name that an earlier session had to make: used again, so that the target maps one core
 * only. */
static int open_earlier(struct staging *staging)
{
    size_t size = strlen(staging->name);
    int fd = openat(staging->parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), found = -1;
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    for (struct dirent *entry; found < 0 && (entry = readdir(entries));) {
        const char *name = entry->d_name;
        if (strlen(name) != size + 1 + RANDOM_DIGITS || strncmp(name, staging->name, size) || name[size] != '-')
            continue;
        found = open_own(staging->parent, name, staging->uid);
        if (found >= 0)
            memcpy(staging->name, name, size + 2 + RANDOM_DIGITS);
    }
    closedir(entries);
    return found;
}

/* Makes the name and opens it; -1 with errno: EEXIST when it is there but not ours. */
static int make_own(struct staging *staging, const char *name)
{
    bool made = mkdirat(staging->parent, name, 0700) == 0;
    if (!made && errno != EEXIST)
        return -1;
    int fd = open_own(staging->parent, name, staging->uid);
    if (fd >= 0)
        staging->made = made;
    else
        errno = EEXIST;
    return fd;
}

static int open_any(struct staging *staging)
{
    int fd = make_own(staging, staging->name);
    if (fd >= 0 || errno != EEXIST)
        return fd;
    fd = open_earlier(staging); /* somebody sits on our name */
    for (int attempt = 0; fd < 0 && attempt < 8; attempt++) {
        char name[sizeof staging->name], random[RANDOM_DIGITS + 1];
        file_random_hex(random, RANDOM_DIGITS);
        snprintf(name, sizeof name, "%.32s-%s", staging->name, random);
        fd = make_own(staging, name);
        if (fd >= 0)
            memcpy(staging->name, name, sizeof name);
        else if (errno != EEXIST)
            break;
    }
    return fd;
}

int staging_open(struct staging *staging, int parent, const char *inner_parent, uid_t uid, gid_t gid, medic_reason *why)
{
    struct identity identity;
    *staging = (struct staging){.parent = parent, .folder = -1, .uid = uid, .gid = gid};
    snprintf(staging->name, sizeof staging->name, "medic-%u", uid);
    int code = identity_enter(&identity, uid, gid, why);
    if (code != MEDIC_OK)
        return code;
    staging->folder = open_any(staging);
    int error = errno;
    identity_leave(&identity);
    if (staging->folder < 0)
        return staging_explain(why, error == EEXIST ? EACCES : error, "make a folder in the target's", inner_parent);
    int size = snprintf(staging->inner, sizeof staging->inner, "%s%s%s", inner_parent,
                        inner_parent[strlen(inner_parent) - 1] == '/' ? "" : "/", staging->name);
    if (size < (int)sizeof staging->inner)
        return MEDIC_OK;
    staging_close(staging, false);
    return medic_fail(why, MEDIC_E_IO, "the path of the target's temporary folder is too long: %.100s...",
                      inner_parent);
}

bool staging_may_execute(int folder)
{
    struct statvfs about;
    return fstatvfs(folder, &about) || !(about.f_flag & ST_NOEXEC);
}

void staging_close(struct staging *staging, bool keep)
{
    struct identity identity;
    if (staging->folder < 0)
        return;
    close(staging->folder);
    staging->folder = -1;
    if (keep || !staging->made || identity_enter(&identity, staging->uid, staging->gid, NULL) != MEDIC_OK)
        return;
    unlinkat(staging->parent, staging->name, AT_REMOVEDIR);
    identity_leave(&identity);
}

/* ---- files ---- */

struct digest {
    XXH128_hash_t hash;
    off_t size;
};

/* Reads the file from its beginning. 0 or -1. */
static int digest_file(int fd, struct digest *digest)
{
    XXH3_state_t *state = XXH3_createState();
    char *buffer = malloc(CHUNK);
    ssize_t got = -1;
    digest->size = 0;
    if (state && buffer && XXH3_128bits_reset(state) == XXH_OK) {
        while ((got = pread(fd, buffer, CHUNK, digest->size)) != 0) {
            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0)
                break;
            XXH3_128bits_update(state, buffer, (size_t)got);
            digest->size += got;
        }
        digest->hash = XXH3_128bits_digest(state);
    }
    int error = errno;
    free(buffer);
    XXH3_freeState(state);
    errno = error;
    return got == 0 ? 0 : -1;
}

static bool same_digest(const struct digest *a, const struct digest *b)
{
    return a->size == b->size && XXH128_isEqual(a->hash, b->hash);
}

/* Whether the name is a file that we would have written. */
static bool is_staged(const struct staging *staging, const char *name, const struct digest *expected)
{
    struct digest found;
    struct stat about;
    int fd = openat(staging->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = !fstat(fd, &about) && S_ISREG(about.st_mode) && about.st_uid == staging->uid &&
                (about.st_mode & 07777) == STAGED_MODE && about.st_size == expected->size && !digest_file(fd, &found) &&
                same_digest(&found, expected);
    close(fd);
    return good;
}

/* Fills the temporary file. 0, or an errno; EIO also when what can be read back is not what was meant. */
static int fill(int fd, int source, const struct digest *expected)
{
    struct digest found;
    if (lseek(source, 0, SEEK_SET) < 0 || file_copy(source, fd, NULL) < 0 || fsync(fd))
        return errno;
    if (digest_file(fd, &found))
        return errno;
    if (!same_digest(&found, expected))
        return EIO;
    return fchmod(fd, STAGED_MODE) ? errno : 0;
}

/* 0 or an errno; the temporary file is gone in either case. */
static int copy_in(const struct staging *staging, int source, const char *name, const struct digest *expected)
{
    char temporary[NAME_MAX + 1], random[RANDOM_DIGITS + 1];
    file_random_hex(random, RANDOM_DIGITS);
    snprintf(temporary, sizeof temporary, ".%.150s.%s.tmp", name, random);
    int fd = openat(staging->folder, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int error = fill(fd, source, expected);
    if (close(fd) && !error)
        error = errno;
    if (!error && renameat(staging->folder, temporary, staging->folder, name))
        error = errno;
    if (error)
        unlinkat(staging->folder, temporary, 0);
    return error;
}

static int put(const struct staging *staging, int source, const char *path, const char *name,
               const struct digest *expected, medic_reason *why)
{
    struct identity identity;
    int code = identity_enter(&identity, staging->uid, staging->gid, why);
    if (code != MEDIC_OK)
        return code;
    int error = is_staged(staging, name, expected) ? 0 : copy_in(staging, source, name, expected);
    identity_leave(&identity);
    if (error == EIO)
        return medic_fail(why, MEDIC_E_IO,
                          "the copy of %s in the target's %s does not read back as it was written: check that disk",
                          path, staging->inner);
    return error ? staging_explain(why, error, "copy a file to the target's", staging->inner) : MEDIC_OK;
}

int staging_put(const struct staging *staging, const char *source, const char *stem, char file[PATH_MAX],
                medic_reason *why)
{
    struct digest digest;
    char name[NAME_MAX + 1];
    int fd = open(source, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || digest_file(fd, &digest)) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return medic_fail(why, MEDIC_E_IO, "cannot read %s: %s", source, strerror(error));
    }
    snprintf(name, sizeof name, "%.100s-%016llx%016llx.so", stem, (unsigned long long)digest.hash.high64,
             (unsigned long long)digest.hash.low64);
    int code = put(staging, fd, source, name, &digest, why);
    close(fd);
    if (code == MEDIC_OK && snprintf(file, PATH_MAX, "%s/%s", staging->inner, name) >= PATH_MAX)
        return medic_fail(why, MEDIC_E_IO, "the path of the target's temporary folder is too long: %.100s...",
                          staging->inner);
    return code;
}
