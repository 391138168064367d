#include "tool/work.h"
#include "common/session_file.h"
#include "tool/files.h"
#include "tool/identity.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const known_files[] = {MEDIC_STATUS_FILE, MEDIC_REQUEST_FILE, MEDIC_LEASE_FILE, MEDIC_CAPTURE_FILE};

static struct work closed_work(uid_t uid, gid_t gid)
{
    return (struct work){
        .place = {.folder = -1}, .folder = -1, .request = -1, .lease = -1, .status = -1, .uid = uid, .gid = gid};
}

/* ---- names ---- */

static size_t hex_digits(const char *text)
{
    return strspn(text, "0123456789abcdef");
}

bool work_is_launch(const char *name)
{
    static const size_t prefix = sizeof WORK_LAUNCH - 1;
    return !strncmp(name, WORK_LAUNCH, prefix) && hex_digits(name + prefix) == 16 && !name[prefix + 16];
}

bool work_is_child(const char *name)
{
    size_t pid = strspn(name, "0123456789");
    return pid && pid <= 10 && name[pid] == '-' && hex_digits(name + pid + 1) == 8 && !name[pid + 9];
}

/* ---- making ---- */

static int make_file(int folder, const char *name)
{
    return openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* 0 or an errno. With the target's uid. */
static int make_files(struct work *work)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    medic_request none = {.command = MEDIC_REQUEST_NONE};
    if (mkdirat(work->place.folder, work->name, 0700))
        return errno;
    work->folder = openat(work->place.folder, work->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (work->folder < 0)
        return errno;
    work->request = make_file(work->folder, MEDIC_REQUEST_FILE);
    work->lease = work->request < 0 ? -1 : make_file(work->folder, MEDIC_LEASE_FILE);
    if (work->lease < 0 || fcntl(work->lease, F_OFD_SETLK, &lock) || request_write(work->request, &none) != MEDIC_OK)
        return errno;
    return 0;
}

/* The path that lasts: under /proc/PID/root it is gone with the target, but most targets share our file system. */
static void name_outer(struct work *work, const char *outer_tmp)
{
    struct stat inner, own;
    if (!fstat(work->folder, &own) && !stat(work->inner, &inner) && inner.st_dev == own.st_dev &&
        inner.st_ino == own.st_ino)
        memcpy(work->outer, work->inner, sizeof work->outer);
    else
        snprintf(work->outer, sizeof work->outer, "%.3900s/%s/%s", outer_tmp, work->place.name, work->name);
}

int work_make(struct work *work, int tmp, const char *inner_tmp, const char *outer_tmp, uid_t uid, gid_t gid,
              const char *id, medic_reason *why)
{
    struct identity identity;
    *work = closed_work(uid, gid);
    snprintf(work->name, sizeof work->name, "%s", id);
    int code = staging_open(&work->place, tmp, inner_tmp, uid, gid, why);
    if (code != MEDIC_OK)
        return code;
    snprintf(work->inner, sizeof work->inner, "%.4000s/%s", work->place.inner, work->name);
    code = identity_enter(&identity, uid, gid, why);
    if (code == MEDIC_OK) {
        int error = make_files(work);
        identity_leave(&identity);
        if (error)
            code = staging_explain(why, error, "make the session's folder in the target's", work->place.inner);
    }
    if (code == MEDIC_OK)
        name_outer(work, outer_tmp);
    else
        work_close(work, true);
    return code;
}

/* ---- finding ---- */

int work_find(struct work *work, const char *path, int64_t uid, medic_reason *why)
{
    struct identity identity;
    struct stat about;
    *work = closed_work(0, 0);
    if (fstatat(AT_FDCWD, path, &about, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT || errno == ENOTDIR || errno == ESRCH
                   ? medic_fail(why, MEDIC_E_GONE, "the session's folder %s is gone, with its target", path)
                   : staging_explain(why, errno, "look into", path);
    if (!S_ISDIR(about.st_mode) || (about.st_mode & 077) || (uid >= 0 && about.st_uid != (uid_t)uid))
        return medic_fail(why, MEDIC_E_UNSAFE,
                          "%s is not the folder that the session made: its owner or mode is another", path);
    work->uid = about.st_uid;
    work->gid = about.st_gid;
    snprintf(work->outer, sizeof work->outer, "%s", path);
    int code = identity_enter(&identity, work->uid, work->gid, why);
    if (code != MEDIC_OK)
        return code;
    work->folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (work->folder >= 0)
        work->request = openat(work->folder, MEDIC_REQUEST_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    int error = errno;
    identity_leave(&identity);
    return work->folder < 0 ? staging_explain(why, error, "open the session's folder", path) : MEDIC_OK;
}

/* ---- talking ---- */

static int open_as_owner(const struct work *work, const char *name)
{
    struct identity identity;
    if (identity_enter(&identity, work->uid, work->gid, NULL) != MEDIC_OK) {
        errno = EPERM;
        return -1;
    }
    int fd = openat(work->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    identity_leave(&identity);
    return fd;
}

int work_status(struct work *work, medic_status *status)
{
    if (work->status < 0)
        work->status = open_as_owner(work, MEDIC_STATUS_FILE);
    return work->status < 0 ? MEDIC_E_NOT_FOUND : status_read(work->status, status);
}

int work_request_stop(struct work *work, medic_reason *why)
{
    medic_request stop = {.sequence = ++work->sequence, .command = MEDIC_REQUEST_STOP};
    if (work->request < 0 || request_write(work->request, &stop) != MEDIC_OK)
        return medic_fail(why, MEDIC_E_IO, "cannot ask the session to stop (%s): it ends by itself", strerror(errno));
    return MEDIC_OK;
}

/* ---- fetching ---- */

static int explain_copy(medic_reason *why, int error, int writing, const struct work *work, const char *path)
{
    if (!writing)
        return medic_fail(why, MEDIC_E_IO, "cannot read the capture in %s: %s", work->outer, strerror(error));
    return medic_fail(why, MEDIC_E_IO,
                      "cannot copy the capture to %s: %s: it stays in %s; make room, then `medic report %s`", path,
                      error == ENOSPC || error == EDQUOT ? "no space left" : strerror(error), work->outer, path);
}

static int copy_capture(struct work *work, int from, int folder, const char *path, medic_reason *why)
{
    int writing = 1, error = 0;
    char temporary[64], random[17];
    file_random_hex(random, 16);
    snprintf(temporary, sizeof temporary, ".capture.%s.tmp", random);
    int to = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return explain_copy(why, errno, 1, work, path);
    if (file_copy(from, to, &writing) < 0) {
        error = errno;
    } else {
        writing = 1;
        if (fdatasync(to))
            error = errno;
    }
    if (close(to) && !error)
        error = errno;
    if (!error && renameat(folder, temporary, folder, MEDIC_CAPTURE_FILE))
        error = errno;
    if (!error)
        return MEDIC_OK;
    unlinkat(folder, temporary, 0);
    return explain_copy(why, error, writing, work, path);
}

int work_fetch_capture(struct work *work, int folder, const char *path, medic_reason *why)
{
    struct stat about;
    int from = open_as_owner(work, MEDIC_CAPTURE_FILE);
    if (from < 0)
        return errno == ENOENT ? medic_fail(why, MEDIC_E_NOT_FOUND, "nothing was captured")
                               : staging_explain(why, errno, "read the capture in", work->outer);
    int code = fstat(from, &about) || !S_ISREG(about.st_mode)
                   ? medic_fail(why, MEDIC_E_UNSAFE, "the capture in %s is not a regular file", work->outer)
                   : copy_capture(work, from, folder, path, why);
    close(from);
    return code;
}

/* ---- the end ---- */

enum work_lease work_lease(int folder)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int lease = openat(folder, MEDIC_LEASE_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (lease < 0)
        return WORK_LEASE_NONE;
    bool held = fcntl(lease, F_OFD_GETLK, &lock) || lock.l_type != F_UNLCK;
    close(lease);
    return held ? WORK_LEASE_HELD : WORK_LEASE_FREE;
}

/* Whether there is nothing in it but what the launch put there. */
static bool is_left(int folder)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    bool left = entries && work_lease(folder) != WORK_LEASE_HELD;
    for (struct dirent *entry; left && (entry = readdir(entries));)
        left = *entry->d_name == '.' || !strcmp(entry->d_name, MEDIC_REQUEST_FILE) ||
               !strcmp(entry->d_name, MEDIC_LEASE_FILE);
    if (entries)
        closedir(entries);
    else if (fd >= 0)
        close(fd);
    return left;
}

/* The folder that a killed launch left, when this was the last one in it. */
static void remove_launch(const char *child, uid_t uid)
{
    char path[PATH_MAX];
    struct stat about;
    const char *slash = strrchr(child, '/');
    snprintf(path, sizeof path, "%.*s", slash ? (int)(slash - child) : 0, child);
    const char *name = strrchr(path, '/');
    if (!name || !work_is_launch(name + 1))
        return;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder >= 0 && !fstat(folder, &about) && about.st_uid == uid && is_left(folder)) {
        unlinkat(folder, MEDIC_REQUEST_FILE, 0);
        unlinkat(folder, MEDIC_LEASE_FILE, 0);
        rmdir(path);
    }
    if (folder >= 0)
        close(folder);
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void remove_files(const struct work *work)
{
    struct identity identity;
    if (identity_enter(&identity, work->uid, work->gid, NULL) != MEDIC_OK)
        return;
    for (size_t i = 0; work->folder >= 0 && i < sizeof known_files / sizeof *known_files; i++)
        unlinkat(work->folder, known_files[i], 0);
    if (work->place.folder >= 0)
        unlinkat(work->place.folder, work->name, AT_REMOVEDIR);
    else if (work->folder >= 0 && !rmdir(work->outer))
        remove_launch(work->outer, work->uid);
    identity_leave(&identity);
}

void work_close(struct work *work, bool remove)
{
    if (remove)
        remove_files(work);
    close_one(&work->status);
    close_one(&work->request);
    close_one(&work->lease);
    close_one(&work->folder);
    staging_close(&work->place, !remove);
}
