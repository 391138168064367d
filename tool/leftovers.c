#include "tool/leftovers.h"
#include "common/session_file.h"
#include "tool/identity.h"
#include "tool/store.h"
#include "tool/work.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HASH_DIGITS = 32, RANDOM_DIGITS = 16 };

static const char *const known_files[] = {MEDIC_STATUS_FILE, MEDIC_REQUEST_FILE, MEDIC_LEASE_FILE, MEDIC_CAPTURE_FILE};
enum { KNOWN_FILES = sizeof known_files / sizeof *known_files };

/* ---- names ---- */

static bool is_hex(const char *text, size_t size)
{
    return strspn(text, "0123456789abcdef") >= size;
}

/* libmedic-<hash>.so, runtime_pauses-<hash>.so, and what a killed copy of one left: .<that>.<random>.tmp */
static bool is_library(const char *name)
{
    size_t skip = *name == '.', size = strspn(name + skip, "abcdefghijklmnopqrstuvwxyz0123456789_");
    const char *at = name + skip + size;
    if (!size || *at != '-' || !is_hex(at + 1, HASH_DIGITS) || strncmp(at + 1 + HASH_DIGITS, ".so", 3))
        return false;
    at += 1 + HASH_DIGITS + 3;
    return skip ? *at == '.' && is_hex(at + 1, RANDOM_DIGITS) && !strcmp(at + 1 + RANDOM_DIGITS, ".tmp") : !*at;
}

/* medic-<uid>, or medic-<uid>-<random> where somebody sat on that name. */
static bool is_place(const char *name, uid_t uid)
{
    char own[32];
    size_t size = (size_t)snprintf(own, sizeof own, "medic-%u", uid);
    if (strncmp(name, own, size))
        return false;
    return !name[size] ||
           (name[size] == '-' && strlen(name + size + 1) == RANDOM_DIGITS && is_hex(name + size + 1, RANDOM_DIGITS));
}

/* ---- opening ---- */

static int open_folder(int parent, const char *name, uid_t uid)
{
    struct stat about;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && !fstat(fd, &about) && about.st_uid == uid && !(about.st_mode & 077))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The folder that a name leads to, which may have two parts: no link is followed in either. parent: its own parent. */
static int open_work(int place, const char *name, uid_t uid, int *parent)
{
    char launch[NAME_MAX + 1];
    const char *slash = strchr(name, '/');
    snprintf(launch, sizeof launch, "%.*s", slash ? (int)(slash - name) : 1, slash ? name : ".");
    *parent = open_folder(place, launch, uid);
    int folder = *parent < 0 ? -1 : open_folder(*parent, slash ? slash + 1 : name, uid);
    if (folder < 0 && *parent >= 0) {
        int error = errno;
        close(*parent);
        errno = error;
    }
    return folder;
}

static DIR *open_entries(int folder)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries && fd >= 0)
        close(fd);
    return entries;
}

/* ---- one ---- */

static time_t later(time_t a, time_t b)
{
    return a > b ? a : b;
}

static void read_work(int folder, struct leftover *work)
{
    struct stat about;
    for (size_t i = 0; i < KNOWN_FILES; i++)
        if (!fstatat(folder, known_files[i], &about, AT_SYMLINK_NOFOLLOW)) {
            work->used = later(work->used, about.st_mtime);
            work->bytes += (uint64_t)about.st_size;
        }
    work->leased = work_lease(folder) != WORK_LEASE_NONE;
    work->held = work_lease(folder) == WORK_LEASE_HELD;
    int status = openat(folder, MEDIC_STATUS_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    for (int attempt = 0; status >= 0 && !work->has_status && attempt < 3; attempt++)
        work->has_status = status_read(status, &work->status) == MEDIC_OK;
    if (status >= 0)
        close(status);
}

/* Whether the entry is a library; then it is filled in. */
static bool look_at_file(int place, const char *name, uid_t uid, struct leftover *one)
{
    struct stat about;
    if (!is_library(name) || fstatat(place, name, &about, AT_SYMLINK_NOFOLLOW) || about.st_uid != uid ||
        !S_ISREG(about.st_mode))
        return false;
    *one = (struct leftover){
        .kind = LEFTOVER_LIBRARY, .used = later(about.st_mtime, about.st_atime), .bytes = (uint64_t)about.st_size};
    snprintf(one->name, sizeof one->name, "%s", name);
    return true;
}

/* The opened folder, filled in; -1 when it is none of ours. */
static int look_at_folder(int parent, const char *name, uid_t uid, struct leftover *one)
{
    struct stat about;
    int folder = open_folder(parent, name, uid);
    if (folder < 0)
        return -1;
    *one = (struct leftover){.kind = LEFTOVER_WORK, .used = fstat(folder, &about) ? 0 : about.st_mtime};
    snprintf(one->name, sizeof one->name, "%s", name);
    read_work(folder, one);
    return folder;
}

/* ---- all ---- */

static bool add(struct leftovers *list, const char *place, struct leftover *one)
{
    struct leftover *items = reallocarray(list->items, list->count + 1, sizeof *items);
    if (!items)
        return false;
    list->items = items;
    snprintf(one->place, sizeof one->place, "%.63s", place);
    items[list->count++] = *one;
    return true;
}

/* The processes of a launch. Its folder is in use as long as one of theirs is. */
static bool list_children(int folder, uid_t uid, const char *place, struct leftover *launch, struct leftovers *list)
{
    DIR *entries = open_entries(folder);
    struct leftover one;
    bool fits = true;
    for (struct dirent *entry; entries && fits && (entry = readdir(entries));) {
        int child = work_is_child(entry->d_name) ? look_at_folder(folder, entry->d_name, uid, &one) : -1;
        if (child < 0)
            continue;
        close(child);
        snprintf(one.name, sizeof one.name, "%.100s/%.100s", launch->name, entry->d_name);
        launch->used = later(launch->used, one.used);
        fits = add(list, place, &one);
    }
    if (entries)
        closedir(entries);
    return fits;
}

static bool list_entry(int folder, const char *name, uid_t uid, const char *place, struct leftovers *list)
{
    struct leftover one;
    if (look_at_file(folder, name, uid, &one))
        return add(list, place, &one);
    int work = store_is_id(name) || work_is_launch(name) ? look_at_folder(folder, name, uid, &one) : -1;
    if (work < 0)
        return true;
    bool fits = list_children(work, uid, place, &one, list) && add(list, place, &one);
    close(work);
    return fits;
}

static bool list_place(int tmp, const char *name, uid_t uid, struct leftovers *list)
{
    int place = open_folder(tmp, name, uid);
    DIR *entries = place < 0 ? NULL : open_entries(place);
    bool fits = true;
    for (struct dirent *entry; entries && fits && (entry = readdir(entries));)
        fits = list_entry(place, entry->d_name, uid, name, list);
    if (entries)
        closedir(entries);
    if (place >= 0)
        close(place);
    return fits;
}

int leftovers_list(int tmp, uid_t uid, gid_t gid, struct leftovers *list, medic_reason *why)
{
    struct identity identity;
    bool fits = true;
    *list = (struct leftovers){0};
    int code = identity_enter(&identity, uid, gid, why);
    if (code != MEDIC_OK)
        return code;
    DIR *entries = open_entries(tmp);
    int error = errno;
    for (struct dirent *entry; entries && fits && (entry = readdir(entries));)
        if (is_place(entry->d_name, uid))
            fits = list_place(tmp, entry->d_name, uid, list);
    if (entries)
        closedir(entries);
    identity_leave(&identity);
    if (fits && entries)
        return MEDIC_OK;
    leftovers_free(list);
    return fits ? medic_fail(why, MEDIC_E_DENIED, "the target's temporary folder cannot be listed: %s", strerror(error))
                : medic_fail(why, MEDIC_E_MEMORY, "out of memory");
}

void leftovers_free(struct leftovers *list)
{
    free(list->items);
    *list = (struct leftovers){0};
}

/* ---- one of them, again ---- */

bool leftover_records(const struct leftover *work)
{
    return work->kind == LEFTOVER_WORK && work->has_status &&
           (work->status.state == MEDIC_SESSION_STARTING || work->status.state == MEDIC_SESSION_RUNNING ||
            work->status.state == MEDIC_SESSION_STOPPING);
}

/* 0 or an errno. */
static int write_stop(int tmp, uid_t uid, const struct leftover *work)
{
    medic_request stop = {.sequence = 1, .command = MEDIC_REQUEST_STOP};
    int parent = -1, place = open_folder(tmp, work->place, uid);
    int folder = place < 0 ? -1 : open_work(place, work->name, uid, &parent);
    int fd = folder < 0
                 ? -1
                 : openat(folder, MEDIC_REQUEST_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    int error = fd < 0 || request_write(fd, &stop) != MEDIC_OK ? errno : 0;
    if (fd >= 0)
        close(fd);
    if (folder >= 0) {
        close(folder);
        close(parent);
    }
    if (place >= 0)
        close(place);
    return error;
}

int leftovers_stop(int tmp, uid_t uid, gid_t gid, const struct leftover *work, medic_reason *why)
{
    struct identity identity;
    int code = identity_enter(&identity, uid, gid, why);
    if (code != MEDIC_OK)
        return code;
    int error = write_stop(tmp, uid, work);
    identity_leave(&identity);
    return error ? medic_fail(why, MEDIC_E_IO, "cannot ask session %.8s to stop (%s): it ends by itself", work->name,
                              strerror(error))
                 : MEDIC_OK;
}

/* ---- sweeping ---- */

bool leftover_is_stale(const struct leftover *one, time_t now)
{
    if (one->used > now - LEFTOVERS_KEEP_S)
        return false;
    return one->kind == LEFTOVER_LIBRARY || (one->leased && !one->held);
}

/* Marks as used (now) what the process maps. */
static void spare_mapped(int process, struct leftovers *list, time_t now)
{
    int fd = openat(process, "maps", O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    char *line = NULL;
    size_t room = 0;
    if (!file && fd >= 0)
        close(fd);
    while (file && getline(&line, &room, file) > 0) {
        const char *base = strstr(line, "/medic-") ? strrchr(line, '/') + 1 : NULL;
        for (size_t i = 0; base && i < list->count; i++)
            if (list->items[i].kind == LEFTOVER_LIBRARY &&
                !strncmp(base, list->items[i].name, strlen(list->items[i].name)))
                list->items[i].used = now;
    }
    free(line);
    if (file)
        fclose(file);
}

static void spare_all_mapped(struct leftovers *list, time_t now)
{
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; processes && (entry = readdir(processes));) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        int process = openat(dirfd(processes), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (process >= 0) {
            spare_mapped(process, list, now);
            close(process);
        }
    }
    if (processes)
        closedir(processes);
}

/* Its known files and the folder; one that holds more stays. */
static bool remove_work(int place, const struct leftover *work, uid_t uid)
{
    const char *slash = strchr(work->name, '/');
    int parent, folder = open_work(place, work->name, uid, &parent);
    if (folder < 0)
        return false;
    for (size_t i = 0; i < KNOWN_FILES; i++)
        unlinkat(folder, known_files[i], 0);
    close(folder);
    bool gone = !unlinkat(parent, slash ? slash + 1 : work->name, AT_REMOVEDIR);
    close(parent);
    return gone;
}

static void remove_one(int tmp, const struct leftover *one, uid_t uid, struct leftovers_swept *swept)
{
    int place = open_folder(tmp, one->place, uid);
    if (place < 0)
        return;
    bool gone = one->kind == LEFTOVER_WORK ? remove_work(place, one, uid) : !unlinkat(place, one->name, 0);
    close(place);
    if (!gone)
        return;
    swept->bytes += one->bytes;
    *(one->kind == LEFTOVER_WORK ? &swept->folders : &swept->libraries) += 1;
}

void leftovers_sweep(const struct target *target, time_t now, struct leftovers_swept *swept)
{
    struct leftovers list;
    struct identity identity;
    bool any = false;
    *swept = (struct leftovers_swept){0};
    if (target->socket_only) /* nobody's maps can be seen */
        return;
    int tmp = target_open_tmp(target, NULL);
    if (tmp < 0)
        return;
    if (leftovers_list(tmp, target->uid, target->gid, &list, NULL) == MEDIC_OK) {
        for (size_t i = 0; i < list.count; i++)
            any |= leftover_is_stale(&list.items[i], now);
        if (any)
            spare_all_mapped(&list, now);
        if (any && identity_enter(&identity, target->uid, target->gid, NULL) == MEDIC_OK) {
            for (size_t i = 0; i < list.count; i++)
                if (leftover_is_stale(&list.items[i], now))
                    remove_one(tmp, &list.items[i], target->uid, swept);
            identity_leave(&identity);
        }
        leftovers_free(&list);
    }
    close(tmp);
}
