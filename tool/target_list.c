/* The list of all targets. Order of work: read /proc, add sockets without a process, ask all runtimes at once. */
#include "tool/target_parts.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void target_list_free(struct target_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        target_free(&list->items[i]);
    free(list->items);
    *list = (struct target_list){0};
}

/* Takes over *t. */
static int list_add(struct target_list *list, struct target *t, medic_reason *why)
{
    struct target *items = reallocarray(list->items, list->count + 1, sizeof *items);
    if (!items) {
        target_free(t);
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while listing processes: free some and try again");
    }
    list->items = items;
    list->items[list->count++] = *t;
    return MEDIC_OK;
}

static void list_remove(struct target_list *list, size_t i)
{
    target_free(&list->items[i]);
    list->count--;
    memmove(&list->items[i], &list->items[i + 1], (list->count - i) * sizeof *list->items);
}

static int probe_all(struct target_scan *scan, struct target_list *list, medic_reason *why)
{
    int fd = openat(scan->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    struct target t;
    int code = MEDIC_OK;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return medic_fail(why, MEDIC_E_IO, "/proc cannot be read (%m): mount it to see processes");
    }
    while (code == MEDIC_OK && (entry = readdir(dir)))
        if (isdigit((unsigned char)entry->d_name[0]) &&
            target_probe(scan, (pid_t)atol(entry->d_name), &t, NULL) == MEDIC_OK)
            code = list_add(list, &t, why);
    closedir(dir);
    return code;
}

/* ---- sockets without a process ---- */

static bool claimed(const struct target_list *list, const struct stat *st)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].has_socket && list->items[i].socket_dev == st->st_dev &&
            list->items[i].socket_ino == st->st_ino)
            return true;
    return false;
}

bool target_from_socket(struct target_scan *scan, int dirfd, const char *folder, const char *name, struct target *t)
{
    uint64_t pid, key;
    struct stat st;
    *t = (struct target){.tmp_fd = -1};
    if (!proc_parse_socket_name(name, &pid, &key) || pid > INT32_MAX || strlen(name) >= sizeof t->socket)
        return false;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    t->inner_pid = (pid_t)pid;
    t->start_time = key;
    t->uid = st.st_uid;
    t->gid = st.st_gid;
    t->uptime_s = target_seconds_since(key); /* one kernel, one boot time */
    t->socket_only = t->has_socket = true;
    t->socket_dev = st.st_dev;
    t->socket_ino = st.st_ino;
    snprintf(t->socket, sizeof t->socket, "%s", name);
    target_user_name(scan, t->uid, t->user, sizeof t->user);
    t->tmp = strdup(folder);
    t->tmp_path = strdup(folder);
    t->tmp_fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
    if (t->tmp && t->tmp_path && t->tmp_fd >= 0)
        return true;
    target_free(t);
    return false;
}

static int add_sockets(struct target_scan *scan, const char *folder, struct target_list *list, medic_reason *why)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    struct target t;
    struct stat st;
    int code = MEDIC_OK;
    while (dir && code == MEDIC_OK && (entry = readdir(dir))) {
        uint64_t pid, key;
        if (!proc_parse_socket_name(entry->d_name, &pid, &key) ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || claimed(list, &st))
            continue;
        if (target_from_socket(scan, dirfd(dir), folder, entry->d_name, &t))
            code = list_add(list, &t, why);
    }
    if (dir)
        closedir(dir);
    return code;
}

int target_list(struct target_list *list, unsigned timeout_ms, medic_reason *why)
{
    const char *own_tmp = getenv("TMPDIR");
    struct target_scan scan;
    *list = (struct target_list){0};
    int code = target_open_scan(&scan, why);
    if (code != MEDIC_OK)
        return code;
    code = probe_all(&scan, list, why);
    if (code == MEDIC_OK)
        code = add_sockets(&scan, "/tmp", list, why);
    if (code == MEDIC_OK && own_tmp && *own_tmp)
        code = add_sockets(&scan, own_tmp, list, why);
    if (code == MEDIC_OK)
        code = target_ask(list->items, list->count, scan.pids_are_ours, timeout_ms, why);
    close(scan.proc);
    if (code != MEDIC_OK) {
        target_list_free(list);
        return code;
    }
    for (size_t i = list->count; i-- > 0;) {
        const struct target *t = &list->items[i];
        if ((t->socket_only && !t->attachable) || (t->code == MEDIC_E_GONE && !target_alive(t)))
            list_remove(list, i);
    }
    return MEDIC_OK;
}
