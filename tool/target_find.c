/* The one target that a user means: by pid, by name or by the path of its socket. */
#include "tool/target_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The end of every find: asks a probed target. Takes it over when it is of no use. */
static int settle(struct target_scan *scan, struct target *t, unsigned timeout_ms, medic_reason *why)
{
    int code = target_ask(t, 1, scan->pids_are_ours, timeout_ms, why);
    if (code == MEDIC_OK && !t->attachable) {
        code = t->code;
        if (t->socket_only)
            medic_fail(why, code, "cannot attach through %.100s/%s: %.300s", t->tmp_path, t->socket, t->why.text);
        else
            medic_fail(why, code, "cannot attach to %d (%.80s): %.380s", t->pid, target_display_name(t), t->why.text);
    }
    if (code != MEDIC_OK)
        target_free(t);
    return code;
}

static int find_by_pid(struct target_scan *scan, const char *what, unsigned timeout_ms, struct target *t,
                       medic_reason *why)
{
    errno = 0;
    unsigned long pid = strtoul(what, NULL, 10);
    if (errno || pid == 0 || pid > INT32_MAX)
        return medic_fail(why, MEDIC_E_ARGUMENT, "%.40s is no process id: give a number from 1 to %d, or a name", what,
                          INT32_MAX);
    int code = target_probe(scan, (pid_t)pid, t, why);
    return code == MEDIC_OK ? settle(scan, t, timeout_ms, why) : code;
}

/* The folder as the target sees it is in its environment only. */
static void learn_tmp(struct target *t, unsigned timeout_ms, bool pids_are_ours)
{
    struct ipc_peer peer = target_peer_of(t, pids_are_ours);
    struct ipc_environment env;
    if (ipc_environment(&peer, ipc_deadline(timeout_ms), &env, NULL) != MEDIC_OK)
        return;
    const char *tmp = "/tmp";
    for (size_t i = 0; i < env.count; i++)
        if (strncmp(env.entries[i], "TMPDIR=", 7) == 0 && env.entries[i][7])
            tmp = env.entries[i] + 7;
    char *copy = strdup(tmp);
    if (copy) {
        free(t->tmp);
        t->tmp = copy;
    }
    ipc_environment_free(&env);
}

/* A socket of a process we can see leads to that process, when the socket is really its own. */
static int find_listener(struct target_scan *scan, pid_t pid, struct target *t, unsigned timeout_ms, medic_reason *why)
{
    struct target seen;
    int code = target_probe(scan, pid, &seen, why);
    if (code == MEDIC_OK && (seen.socket_dev != t->socket_dev || seen.socket_ino != t->socket_ino)) {
        code = medic_fail(why, MEDIC_E_UNSAFE,
                          "process %d listens on %s, which is not its own socket: somebody poses as another "
                          "process, give the pid instead",
                          pid, t->socket);
        target_free(&seen);
    }
    target_free(t);
    if (code != MEDIC_OK)
        return code;
    *t = seen;
    return settle(scan, t, timeout_ms, why);
}

static int find_by_socket(struct target_scan *scan, const char *what, unsigned timeout_ms, struct target *t,
                          medic_reason *why)
{
    const char *name = proc_base_name(what);
    struct ucred cred = {0};
    socklen_t size = sizeof cred;
    int fd = -1;
    char *folder = name - what > 1 ? strndup(what, (size_t)(name - what - 1)) : strdup("/");
    int dirfd = folder ? open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    int code = MEDIC_OK;
    if (dirfd < 0 || !target_from_socket(scan, dirfd, folder, name, t))
        code = medic_fail(why, MEDIC_E_NOT_FOUND,
                          "%.200s is not a diagnostics socket: its name is "
                          "dotnet-diagnostic-<pid>-<start>-socket, see the temporary folder",
                          what);
    if (dirfd >= 0)
        close(dirfd);
    free(folder);
    if (code != MEDIC_OK)
        return code;
    struct ipc_peer peer = {.dirfd = t->tmp_fd, .socket = t->socket, .uid = t->uid, .pid = IPC_PEER_ANY};
    medic_reason clause = {0};
    code = ipc_connect(&peer, ipc_deadline(timeout_ms), &fd, &clause);
    if (code != MEDIC_OK) {
        target_free(t);
        return medic_fail(why, code, "cannot attach through %.120s: %.300s", what, clause.text);
    }
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size);
    close(fd);
    if (cred.pid > 0 && scan->pids_are_ours)
        return find_listener(scan, cred.pid, t, timeout_ms, why);
    code = settle(scan, t, timeout_ms, why);
    if (code == MEDIC_OK)
        learn_tmp(t, timeout_ms, scan->pids_are_ours);
    return code;
}

static bool is_called(const struct target *t, const char *name, bool any_case)
{
    int (*compare)(const char *, const char *) = any_case ? strcasecmp : strcmp;
    return compare(t->entry_assembly, name) == 0 || compare(t->executable, name) == 0 || compare(t->comm, name) == 0;
}

static size_t count_called(const struct target_list *list, const char *name, bool any_case, size_t *last)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        if (is_called(&list->items[i], name, any_case)) {
            *last = i;
            count++;
        }
    return count;
}

/* One a line, behind the sentence. */
static int put_candidate(char *to, size_t room, const struct target *t)
{
    char place[140];
    if (t->pid)
        snprintf(place, sizeof place, "%8d", t->pid);
    else
        snprintf(place, sizeof place, "  %.60s/%.60s", t->tmp_path, t->socket);
    proc_printable(place);
    return snprintf(to, room, "\n%s  %.80s", place, t->command_line ? t->command_line : "");
}

static int ambiguous(const struct target_list *list, const char *name, bool any_case, size_t count, medic_reason *why)
{
    medic_reason text;
    int used = snprintf(text.text, sizeof text.text, "%.60s names %zu processes, give the pid of one:", name, count);
    proc_printable(text.text);
    for (size_t i = 0; i < list->count && used > 0 && (size_t)used < sizeof text.text - 160; i++) {
        if (!is_called(&list->items[i], name, any_case))
            continue;
        used += put_candidate(text.text + used, sizeof text.text - (size_t)used, &list->items[i]);
        count--;
    }
    return medic_fail(why, MEDIC_E_AMBIGUOUS, count ? "%s\n          and %zu more" : "%s", text.text, count);
}

static int find_by_name(struct target_scan *scan, const char *name, unsigned timeout_ms, struct target *t,
                        medic_reason *why)
{
    struct target_list list;
    size_t found = 0;
    bool any_case = false;
    int code = target_list(&list, timeout_ms, why);
    if (code != MEDIC_OK)
        return code;
    size_t count = count_called(&list, name, any_case, &found);
    if (count == 0)
        count = count_called(&list, name, any_case = true, &found);
    if (count == 0)
        code = medic_fail(why, MEDIC_E_NOT_FOUND,
                          "no .NET process is called %.200s: `medic ps` lists the .NET programs", name);
    else if (count > 1)
        code = ambiguous(&list, name, any_case, count, why);
    else if (!list.items[found].attachable)
        code = medic_fail(why, list.items[found].code, "cannot attach to %d (%.80s): %.380s", list.items[found].pid,
                          target_display_name(&list.items[found]), list.items[found].why.text);
    if (code == MEDIC_OK) {
        *t = list.items[found];
        list.items[found] = (struct target){.tmp_fd = -1};
        if (t->socket_only)
            learn_tmp(t, timeout_ms, scan->pids_are_ours);
    }
    target_list_free(&list);
    return code;
}

int target_find(const char *what, unsigned timeout_ms, struct target *target, medic_reason *why)
{
    struct target_scan scan;
    *target = (struct target){.tmp_fd = -1};
    if (!*what)
        return medic_fail(why, MEDIC_E_ARGUMENT,
                          "no process is given: give its pid, its name, or the path of its socket");
    int code = target_open_scan(&scan, why);
    if (code != MEDIC_OK)
        return code;
    if (strchr(what, '/'))
        code = find_by_socket(&scan, what, timeout_ms, target, why);
    else if (strspn(what, "0123456789") == strlen(what))
        code = find_by_pid(&scan, what, timeout_ms, target, why);
    else
        code = find_by_name(&scan, what, timeout_ms, target, why);
    close(scan.proc);
    return code;
}
