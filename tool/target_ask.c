/* Asking the runtimes of targets who they are; what they do not tell, /proc may. */
#include "tool/target_parts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void strip_dll(char *name)
{
    size_t length = strlen(name);
    if (length > 4 && strcasecmp(name + length - 4, ".dll") == 0)
        name[length - 4] = 0;
}

struct ipc_peer target_peer_of(const struct target *t, bool pids_are_ours)
{
    pid_t pid = !pids_are_ours ? IPC_PEER_ANY : t->socket_only ? IPC_PEER_HIDDEN : t->pid;
    return (struct ipc_peer){.dirfd = t->tmp_fd, .socket = t->socket, .uid = t->uid, .pid = pid};
}

static void take_answer(struct target *t, struct ipc_process_info *info)
{
    if (!t->command_line || t->socket_only) {
        free(t->command_line);
        t->command_line = info->command_line ? info->command_line : strdup("");
        info->command_line = NULL;
        if (t->command_line)
            proc_printable(t->command_line);
    }
    if (info->entry_assembly && *info->entry_assembly)
        target_copy_printable(t->entry_assembly, sizeof t->entry_assembly, info->entry_assembly);
    strip_dll(t->entry_assembly);
    target_copy_printable(t->runtime, sizeof t->runtime, info->clr_version);
    t->runtime[strcspn(t->runtime, "+@ ")] = 0; /* 10.0.1+hash, 8.0.1 @Commit: hash */
    target_copy_printable(t->rid, sizeof t->rid, info->rid);
    target_copy_printable(t->arch, sizeof t->arch, info->arch);
    memcpy(t->cookie, info->cookie, sizeof t->cookie);
    if (t->rid[0])
        t->libc = strstr(t->rid, "musl") ? TARGET_LIBC_MUSL : TARGET_LIBC_GLIBC;
}

/* What the runtime did not tell, from /proc. The process may be another by now: then nothing. */
static void complete(struct target *t)
{
    char path[32];
    struct proc_stat stat;
    struct proc_maps maps = {0};
    if (t->pid == 0 || (t->runtime[0] && t->libc != TARGET_LIBC_UNKNOWN && t->arch[0]))
        return;
    snprintf(path, sizeof path, "/proc/%d", t->pid);
    int process = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process < 0)
        return;
    if (proc_read_stat(process, &stat) && stat.start_time == t->start_time && proc_read_maps(process, &maps)) {
        if (!t->runtime[0])
            target_copy_printable(t->runtime, sizeof t->runtime, maps.version);
        if (t->libc == TARGET_LIBC_UNKNOWN)
            t->libc = maps.musl ? TARGET_LIBC_MUSL : maps.glibc ? TARGET_LIBC_GLIBC : TARGET_LIBC_UNKNOWN;
        if (!t->arch[0])
            snprintf(t->arch, sizeof t->arch, "%s", proc_read_arch(process));
    }
    close(process);
}

static bool worth_asking(const struct target *t)
{
    return t->has_socket && t->state != 'T' && t->state != 't' && t->code != MEDIC_E_DENIED;
}

int target_ask(struct target *items, size_t count, bool pids_are_ours, unsigned timeout_ms, medic_reason *why)
{
    struct ipc_query *queries = calloc(count + 1, sizeof *queries);
    size_t asked = 0;
    if (!queries)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while asking processes: free some and try again");
    for (size_t i = 0; i < count; i++)
        if (worth_asking(&items[i]))
            queries[asked++].peer = target_peer_of(&items[i], pids_are_ours);
    ipc_query_all(queries, asked, ipc_deadline(timeout_ms));
    asked = 0;
    for (size_t i = 0; i < count; i++) {
        struct target *t = &items[i];
        if (worth_asking(t)) {
            struct ipc_query *q = &queries[asked++];
            if (q->code == MEDIC_OK)
                take_answer(t, &q->info);
            else
                target_refuse(t, q->code, "%s", q->why.text);
            ipc_process_info_free(&q->info);
        }
        complete(t);
        t->attachable = t->code == MEDIC_OK;
    }
    free(queries);
    return MEDIC_OK;
}
