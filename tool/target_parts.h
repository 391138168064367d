/* The parts of the discovery: reading, asking, listing, finding. For the target*.c files. */
#ifndef TOOL_TARGET_PARTS_H
#define TOOL_TARGET_PARTS_H

#include "tool/proc.h"
#include "tool/target.h"

/* What one pass over the machine shares. */
struct target_scan {
    int proc;
    bool pids_are_ours; /* /proc shows our own PID namespace: credentials can be compared with its numbers */
    uid_t user_uid;     /* the last name looked up */
    char user[64];
};

/* The first reason stays: it was the stronger one. */
#define target_refuse(t, number, ...)                                                                                  \
    ((t)->code == MEDIC_OK ? (void)((t)->code = medic_fail(&(t)->why, (number), __VA_ARGS__)) : (void)0)

/* On success scan->proc is the caller's to close. */
int target_open_scan(struct target_scan *scan, medic_reason *why);

/* Looks at one process without asking it. MEDIC_OK: it is .NET, attachable or not; else *t is empty. */
int target_probe(struct target_scan *scan, pid_t pid, struct target *t, medic_reason *why);
/* A target that is known by nothing but its socket. false: not such a file, or out of memory. */
bool target_from_socket(struct target_scan *scan, int dirfd, const char *folder, const char *name, struct target *t);
/* Asks all runtimes and settles who is attachable. */
int target_ask(struct target *items, size_t count, bool pids_are_ours, unsigned timeout_ms, medic_reason *why);
struct ipc_peer target_peer_of(const struct target *t, bool pids_are_ours);

void target_user_name(struct target_scan *scan, uid_t uid, char *out, size_t room);
double target_seconds_since(uint64_t start_ticks);
/* NULL is "". */
void target_copy_printable(char *out, size_t room, const char *text);
const char *target_display_name(const struct target *t);

#endif
