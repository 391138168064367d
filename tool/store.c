/* The store of files: <root>/<id>/session.json and its artifacts. The lock is flock(2) on the folder: it ends with the
 * process, however that ended, and leaves no file. */
#include "tool/store.h"
#include "tool/files.h"
#include "tool/symbols.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <medic/session.h>

enum { SESSION_JSON_MAX = 4 << 20, PROBE_BYTES = 1 << 20 };

static const char *const artifacts[] = {STORE_SESSION_FILE, STORE_REPORT_FILE, SYMBOLS_FILE, MEDIC_CAPTURE_FILE};

static int explain(medic_reason *why, int error, const char *what, const char *path)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return medic_fail(why, MEDIC_E_IO, "cannot %s %s: no space left: free some, or choose another folder with -o",
                          what, path);
    case EACCES:
    case EPERM:
        return medic_fail(why, MEDIC_E_DENIED, "cannot %s %s: permission denied: choose another folder with -o", what,
                          path);
    default:
        return medic_fail(why, MEDIC_E_IO, "cannot %s %s: %s: choose another folder with -o", what, path,
                          strerror(error));
    }
}

static void make_id(char id[37])
{
    char hex[33];
    file_random_hex(hex, 32);
    hex[12] = '4'; /* RFC 4122, version 4, variant 1 */
    hex[16] = "89ab"[hex[16] & 3];
    snprintf(id, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static void write_time(const struct timespec *time, char text[32])
{
    struct tm utc;
    char seconds[24];
    gmtime_r(&time->tv_sec, &utc);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, 32, "%s.%03ldZ", seconds, time->tv_nsec / 1000000 % 1000);
}

/* ---- locking ---- */

/* Whether the session is ours now. A file system without such locks gives it to everybody. */
static bool lock(int folder)
{
    return !flock(folder, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK;
}

/* ---- create ---- */

static int refuse_used(int folder, const char *path, medic_reason *why)
{
    for (size_t i = 0; i < sizeof artifacts / sizeof *artifacts; i++)
        if (!faccessat(folder, artifacts[i], F_OK, AT_SYMLINK_NOFOLLOW))
            return medic_fail(why, MEDIC_E_BUSY,
                              "%s already holds a session: choose another folder with -o, or remove it", path);
    int empty = file_folder_is_empty(folder);
    if (empty < 0)
        return explain(why, errno, "look into", path);
    return empty ? MEDIC_OK
                 : medic_fail(why, MEDIC_E_BUSY, "%s is not empty: choose a new or empty folder with -o", path);
}

/* A disk that has no room for even a small capture is found out before anybody is attached to. */
static int probe(int folder, const char *path, medic_reason *why)
{
    char name[40], random[17];
    file_random_hex(random, 16);
    snprintf(name, sizeof name, ".probe.%s.tmp", random);
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return explain(why, errno, "write to", path);
    int error = fallocate(fd, 0, 0, PROBE_BYTES) ? errno : 0;
    close(fd);
    unlinkat(folder, name, 0);
    return error == ENOSPC || error == EDQUOT ? explain(why, error, "write to", path) : MEDIC_OK;
}

static int open_new(struct store_session *session, medic_reason *why)
{
    struct stat about;
    bool there = !stat(session->path, &about);
    if (there && !S_ISDIR(about.st_mode))
        return medic_fail(why, MEDIC_E_ARGUMENT, "%s is not a folder: choose another one with -o", session->path);
    if (file_make_folders(session->path, 0700))
        return explain(why, errno, "make the session folder", session->path);
    session->made = !there;
    session->folder = open(session->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (session->folder < 0)
        return explain(why, errno, "open the session folder", session->path);
    session->owned = lock(session->folder);
    int code = session->owned
                   ? refuse_used(session->folder, session->path, why)
                   : medic_fail(why, MEDIC_E_BUSY, "%s is in use by another session: choose another folder with -o",
                                session->path);
    return code == MEDIC_OK ? probe(session->folder, session->path, why) : code;
}

static void close_session(struct store_session *session)
{
    if (session->folder >= 0)
        close(session->folder);
    session->folder = -1;
    session->owned = false;
    arena_free(&session->arena);
}

static int create(struct store *store, const char *place, struct store_session *session, medic_reason *why)
{
    struct timespec now;
    *session = (struct store_session){.store = store, .folder = -1, .stored = !place};
    make_id(session->info.id);
    clock_gettime(CLOCK_REALTIME, &now);
    write_time(&now, session->info.started);
    int size = place ? snprintf(session->path, sizeof session->path, "%s", place)
                     : snprintf(session->path, sizeof session->path, "%s/%s", store->root, session->info.id);
    if (!place && !*store->root)
        return medic_fail(why, MEDIC_E_ARGUMENT,
                          "there is no home folder for sessions: set HOME, or choose a folder with -o");
    if (size <= 0 || size >= (int)sizeof session->path)
        return medic_fail(why, MEDIC_E_ARGUMENT, "the session folder's name is %s", size > 0 ? "too long" : "empty");
    int code = open_new(session, why);
    if (code != MEDIC_OK) {
        bool made = session->made;
        close_session(session);
        if (made)
            rmdir(session->path);
    }
    return code;
}

static int save(struct store_session *session, medic_reason *why)
{
    size_t size;
    char *text = session_info_write(&session->info, &size);
    if (!text)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory");
    int bad = file_replace_at(session->folder, STORE_SESSION_FILE, text, size, 0600), error = errno;
    free(text);
    session->described |= !bad;
    return bad ? explain(why, error, "write session.json in", session->path) : MEDIC_OK;
}

static void discard(struct store_session *session)
{
    if (session->folder < 0)
        return;
    for (size_t i = 0; i < sizeof artifacts / sizeof *artifacts; i++)
        unlinkat(session->folder, artifacts[i], 0);
    if (session->made)
        rmdir(session->path);
    close_session(session);
}

/* ---- open ---- */

/* What is known without session.json. */
static void fill_in(struct store_session *session)
{
    const char *slash = strrchr(session->path, '/'), *name = slash ? slash + 1 : session->path;
    struct timespec last = {0};
    struct stat about;
    for (size_t i = 0; i < sizeof artifacts / sizeof *artifacts; i++)
        if (!fstatat(session->folder, artifacts[i], &about, AT_SYMLINK_NOFOLLOW) && about.st_mtime > last.tv_sec)
            last = about.st_mtim;
    session->info = (struct session_info){.state = STORE_DAMAGED, .target = {.pid = -1, .inner_pid = -1, .uid = -1}};
    snprintf(session->info.id, sizeof session->info.id, "%.36s", name);
    write_time(&last, session->info.started);
}

static int read_info(struct store_session *session, medic_reason *why)
{
    size_t size;
    medic_reason detail = {""};
    char *text = file_read_at(session->folder, STORE_SESSION_FILE, SESSION_JSON_MAX, &size);
    int code = MEDIC_OK, error = errno;
    if (text)
        code = session_info_read(&session->info, text, size, &session->arena, &detail);
    else if (error == ENOMEM)
        code = medic_fail(&detail, MEDIC_E_MEMORY, "out of memory");
    else if (error != ENOENT)
        code = explain(&detail, error, "read session.json in", session->path);
    else if (faccessat(session->folder, MEDIC_CAPTURE_FILE, F_OK, AT_SYMLINK_NOFOLLOW))
        return medic_fail(why, MEDIC_E_NOT_FOUND, "%s holds no session: name the folder that `medic attach` told",
                          session->path);
    free(text);
    session->described = text && code == MEDIC_OK;
    if (session->described)
        return MEDIC_OK;
    fill_in(session); /* of another attach client: the capture speaks for itself; or damaged */
    session->damage = detail;
    return text && code != MEDIC_OK
               ? medic_fail(why, code, "session.json in %.200s cannot be used: %.250s", session->path, detail.text)
               : medic_fail(why, code, "%s", detail.text);
}

static bool has_session(int folder)
{
    return !faccessat(folder, STORE_SESSION_FILE, F_OK, AT_SYMLINK_NOFOLLOW) ||
           !faccessat(folder, MEDIC_CAPTURE_FILE, F_OK, AT_SYMLINK_NOFOLLOW);
}

static bool is_in(const struct store *store, const char *path)
{
    size_t size = strlen(store->root);
    return size && !strncmp(path, store->root, size) && path[size] == '/' && path[size + 1] && path[size + 1] != '.' &&
           !strchr(path + size + 1, '/');
}

static int open_any(struct store *store, const char *path, struct store_session *session, medic_reason *why)
{
    *session = (struct store_session){.store = store, .folder = -1};
    snprintf(session->path, sizeof session->path, "%s", path);
    session->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (session->folder < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? medic_fail(why, MEDIC_E_NOT_FOUND, "there is no session folder %s", path)
                   : explain(why, errno, "open", path);
    session->stored = is_in(store, path);
    if (has_session(session->folder)) /* else it may be one that is just being made: its lock is not ours to take */
        session->owned = lock(session->folder);
    int code = read_info(session, why);
    if (code == MEDIC_E_NOT_FOUND || code == MEDIC_E_MEMORY)
        close_session(session);
    return code;
}

/* damaged: such a one is fine, too. */
static int open_folder(struct store *store, const char *path, bool damaged, struct store_session *session,
                       medic_reason *why)
{
    int code = open_any(store, path, session, why);
    if (code != MEDIC_OK && damaged && session->folder >= 0)
        return MEDIC_OK;
    if (code != MEDIC_OK)
        close_session(session);
    return code;
}

static int list(struct store *store, int (*visit)(void *context, struct store_session *session), void *context,
                medic_reason *why)
{
    DIR *entries = opendir(store->root);
    int result = MEDIC_OK;
    if (!entries)
        return errno == ENOENT ? MEDIC_OK : explain(why, errno, "list", store->root);
    for (struct dirent *entry; result == MEDIC_OK && (entry = readdir(entries));) {
        struct store_session session;
        char path[PATH_MAX];
        if (entry->d_name[0] == '.' ||
            snprintf(path, sizeof path, "%s/%s", store->root, entry->d_name) >= (int)sizeof path)
            continue;
        int code = open_folder(store, path, true, &session, why);
        result = code == MEDIC_OK ? visit(context, &session) : code == MEDIC_E_MEMORY ? code : MEDIC_OK;
        if (code == MEDIC_OK)
            close_session(&session);
    }
    closedir(entries);
    return result;
}

/* ---- by a part of the name ---- */

struct search {
    const char *prefix; /* NULL: the newest one */
    char started[32];
    char path[PATH_MAX];
    char names[160]; /* of those that fit, for the sentence */
    size_t count;
};

static int look_at(void *context, struct store_session *session)
{
    struct search *search = context;
    if (search->prefix ? strncmp(session->info.id, search->prefix, strlen(search->prefix)) != 0
                       : !session->described || strcmp(session->info.started, search->started) < 0)
        return MEDIC_OK;
    size_t used = strlen(search->names);
    if (used + 16 < sizeof search->names)
        snprintf(search->names + used, sizeof search->names - used, "%s%.13s", used ? ", " : "", session->info.id);
    search->count++;
    memcpy(search->started, session->info.started, sizeof search->started);
    memcpy(search->path, session->path, sizeof search->path);
    return MEDIC_OK;
}

static int open_found(struct store *store, const char *which, bool damaged, struct store_session *session,
                      medic_reason *why)
{
    struct search search = {.prefix = strcmp(which, "last") ? which : NULL};
    int code = list(store, look_at, &search, why);
    if (code != MEDIC_OK)
        return code;
    if (search.count == 0 && !search.prefix)
        return medic_fail(why, MEDIC_E_NOT_FOUND, "there is no session yet in %s: make one with `medic attach`",
                          *store->root ? store->root : "the store");
    if (search.count == 0)
        return medic_fail(why, MEDIC_E_NOT_FOUND,
                          "there is no session folder %.100s, nor a session whose id begins so: `medic sessions` lists "
                          "them",
                          which);
    if (search.count > 1 && search.prefix)
        return medic_fail(why, MEDIC_E_AMBIGUOUS, "%.40s is the beginning of %zu sessions (%s): give more of the id",
                          which, search.count, search.names);
    return open_folder(store, search.path, damaged, session, why);
}

static int open_which(struct store *store, const char *which, bool damaged, struct store_session *session,
                      medic_reason *why)
{
    char path[PATH_MAX];
    struct stat about;
    if (strchr(which, '/'))
        return open_folder(store, which, damaged, session, why);
    if (*store->root && *which && *which != '.' &&
        snprintf(path, sizeof path, "%s/%s", store->root, which) < (int)sizeof path && !stat(path, &about))
        return open_folder(store, path, damaged, session, why);
    if (!*which || !stat(which, &about))
        return open_folder(store, which, damaged, session, why);
    return open_found(store, which, damaged, session, why);
}

static int open_session(struct store *store, const char *which, struct store_session *session, medic_reason *why)
{
    return open_which(store, which, false, session, why);
}

static int open_damaged(struct store *store, const char *which, struct store_session *session, medic_reason *why)
{
    return open_which(store, which, true, session, why);
}

/* ---- size and end ---- */

static uint64_t size_of(const struct store_session *session)
{
    uint64_t total = 0;
    struct stat about;
    for (size_t i = 0; i < sizeof artifacts / sizeof *artifacts; i++)
        if (!fstatat(session->folder, artifacts[i], &about, AT_SYMLINK_NOFOLLOW))
            total += (uint64_t)about.st_size;
    return total;
}

/* What a killed process of ours left while it wrote: .report.json.<hex>.tmp */
static bool is_temporary(const char *name)
{
    size_t size = strlen(name);
    return *name == '.' && size > 4 && !strcmp(name + size - 4, ".tmp");
}

static bool is_known(const char *name)
{
    for (size_t i = 0; i < sizeof artifacts / sizeof *artifacts; i++)
        if (!strcmp(name, artifacts[i]))
            return true;
    return is_temporary(name);
}

/* Visits all entries but . and ..; the first that it refuses ends the walk, its name goes into stranger. */
static int walk(int folder, bool (*visit)(int folder, const struct dirent *entry), char stranger[NAME_MAX + 1])
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    int found = 0;
    for (struct dirent *entry; !found && (entry = readdir(entries));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && !visit(folder, entry)) {
            snprintf(stranger, NAME_MAX + 1, "%s", entry->d_name);
            found = 1;
        }
    closedir(entries);
    return found;
}

static bool may_go(int folder, const struct dirent *entry)
{
    struct stat about;
    return is_known(entry->d_name) && !fstatat(folder, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) &&
           S_ISREG(about.st_mode);
}

static bool unlink_one(int folder, const struct dirent *entry)
{
    return !unlinkat(folder, entry->d_name, 0) || errno == ENOENT;
}

/* The folder that is open is the one that the name stands for, and no link. */
static bool is_same_folder(const struct store_session *session)
{
    struct stat named, open_one;
    return !lstat(session->path, &named) && !fstat(session->folder, &open_one) && S_ISDIR(named.st_mode) &&
           named.st_dev == open_one.st_dev && named.st_ino == open_one.st_ino;
}

static int check_removable(const struct store_session *session, medic_reason *why)
{
    char stranger[NAME_MAX + 1] = "";
    if (!session->stored)
        return medic_fail(why, MEDIC_E_UNSAFE,
                          "%s is not in the store, somebody chose that folder: remove it with rm -r when it is not "
                          "needed any more",
                          session->path);
    if (!session->owned)
        return medic_fail(why, MEDIC_E_BUSY, "session %.8s is in use by another medic: `medic stop %.8s` ends it",
                          session->info.id, session->info.id);
    if (!is_same_folder(session))
        return medic_fail(why, MEDIC_E_UNSAFE, "%s is a link or has been replaced: remove it by hand", session->path);
    int found = walk(session->folder, may_go, stranger);
    if (found < 0)
        return explain(why, errno, "look into", session->path);
    return found ? medic_fail(why, MEDIC_E_UNSAFE, "%s holds %.100s, which Medic did not make: move it elsewhere first",
                              session->path, stranger)
                 : MEDIC_OK;
}

static int remove_session(struct store_session *session, medic_reason *why)
{
    char stranger[NAME_MAX + 1];
    int code = check_removable(session, why);
    if (code != MEDIC_OK)
        return code;
    if (walk(session->folder, unlink_one, stranger) || rmdir(session->path))
        return medic_fail(why, errno == EACCES || errno == EPERM || errno == EROFS ? MEDIC_E_DENIED : MEDIC_E_IO,
                          "cannot remove %s: %s", session->path, strerror(errno));
    close_session(session);
    return MEDIC_OK;
}

int store_use_files(struct store *store, const char *root, medic_reason *why)
{
    static const struct store_operations operations = {create, save,          discard, open_session,  open_damaged,
                                                       list,   close_session, size_of, remove_session};
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int size;
    store->operations = &operations;
    if (root)
        size = snprintf(store->root, sizeof store->root, "%s", root);
    else if (state && *state == '/')
        size = snprintf(store->root, sizeof store->root, "%s/medic/sessions", state);
    else if (home && *home == '/')
        size = snprintf(store->root, sizeof store->root, "%s/.local/state/medic/sessions", home);
    else
        size = snprintf(store->root, sizeof store->root, "%s", ""); /* nowhere: create wants a place */
    return size < (int)sizeof store->root
               ? MEDIC_OK
               : medic_fail(why, MEDIC_E_ARGUMENT, "the path of the session store is too long");
}
