/* Finding .NET processes, and saying which of them can be attached to and why the others cannot.
 *
 * A process is known by its pid and start time, its socket by that key, its owner and the credentials of its listener: a
 * socket that somebody else put there is never spoken to. Called by the commands, on any thread; nothing is shared.
 * target_probe.c reads /proc, target_ask.c asks the runtimes, target_list.c and target_find.c use both. */
#ifndef MEDIC_TOOL_TARGET_H
#define MEDIC_TOOL_TARGET_H

#include "ipc.h"

#include <medic/result.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum target_libc { TARGET_LIBC_UNKNOWN, TARGET_LIBC_GLIBC, TARGET_LIBC_MUSL };

/* All text is printable UTF-8 except the paths, which are as the kernel has them. "" means unknown. */
struct target {
    pid_t pid;           /* in our PID namespace; 0: seen by its socket only */
    pid_t inner_pid;     /* in its own, the one in the socket's name */
    uint64_t start_time; /* clock ticks since boot */
    uid_t uid;           /* effective */
    gid_t gid;
    char state; /* of /proc/PID/stat, 0 when socket_only */
    char user[64];
    char comm[64];
    char executable[256];     /* base name */
    char entry_assembly[256]; /* without .dll */
    char runtime[64];         /* 10.0.1 */
    char rid[64];             /* linux-musl-x64 */
    char arch[16];            /* x64, arm64, x86, arm32 */
    enum target_libc libc;
    char *command_line; /* blank-separated */
    uint8_t cookie[16]; /* the runtime's own identity; zero when it was not asked */
    double uptime_s;
    double cpu_s;
    double cpu_percent; /* of one CPU, average since the start */
    uint64_t rss_bytes;
    char *tmp;       /* its temporary folder as it sees it */
    char *tmp_path;  /* the same as we see it, for messages: use target_open_tmp to work in it */
    int tmp_fd;      /* O_PATH, -1 when there is none; owned by the target */
    char socket[64]; /* file name in that folder */
    bool has_socket;
    bool socket_only; /* no /proc entry: a side-car that shares just the folder; its CPU and memory are not known */
    bool attachable;
    int code;         /* MEDIC_OK when attachable, else why not: */
    medic_reason why; /* a clause without the target's name */
    uint64_t socket_dev, socket_ino;
};

struct target_list {
    size_t count;
    struct target *items;
};

/* All .NET processes that are visible, also those that cannot be attached to. All are asked at the same time, so that a
 * hanging one costs timeout_ms once. On success the list is owned by the caller. */
int target_list(struct target_list *list, unsigned timeout_ms, medic_reason *why);
void target_list_free(struct target_list *list);

/* One attachable target by pid, by name (entry assembly, executable, comm; exact, else any case) or by the path of its
 * socket. Else a code and a sentence, and nothing to free. MEDIC_E_AMBIGUOUS lists the candidates, a line
 * for each. */
int target_find(const char *what, unsigned timeout_ms, struct target *target, medic_reason *why);
void target_free(struct target *target);

/* A new O_PATH descriptor of its temporary folder, owned by the caller. Openat works on it; to list it, open "." of it. */
int target_open_tmp(const struct target *target, medic_reason *why);
/* Whom the IPC functions shall talk to. Points into the target. */
struct ipc_peer target_peer(const struct target *target);
/* Whether the very same process is still there; for socket_only ones whether the socket file is. */
bool target_alive(const struct target *target);

#endif
