/* Sessions of a program that is started under a profiler, from the first instruction.
 *
 *     launch_prepare      everything that can be refused before the program runs; then launch->environment is for it
 *     launch_look         while it runs: finds the processes that record, and those that are done
 *     launch_close        removes the folder that the program was told of
 *
 * The runtime is told by the variables CORECLR_ENABLE_PROFILING, CORECLR_PROFILER, CORECLR_PROFILER_PATH and MEDIC_SESSION,
 * which all children inherit. The core decides in each process (core/config.h): those of the .NET SDK are left out; of the
 * others the first makes the session and the rest run without a profiler, or, with children, each makes a folder of its
 * own. A session that is found here goes on as an attach: attach_collect, attach_end. Single-threaded. */
#ifndef TOOL_LAUNCH_H
#define TOOL_LAUNCH_H

#include "tool/attach.h"

/* One process that records. */
struct launched {
    struct attach attach;
    struct target target;
    char work[PATH_MAX]; /* its work folder */
    bool over;           /* then result and reason are set, and it is the caller's to collect and to end */
    bool done;           /* the caller has */
    bool kept;           /* with the work folder left where it is */
    enum attach_result result;
    medic_reason reason;
};

struct launch {
    struct attach_options options; /* target is not used */
    bool children;
    char *const *command;
    struct target self; /* what the program has in common with us: user, folders */
    struct attach base; /* folder, lease, staged files; and the session until a process has made it */
    struct launched **sessions;
    size_t count;
    char **environment; /* for the program, ends with NULL */
};

/* With children options->place is a folder that gets a folder for each process, named by its pid. On failure all is
 * removed. */
int launch_prepare(struct launch *launch, const struct attach_options *options, bool children, char *const *command,
                   medic_reason *why);
/* program: pid of the one that was started. A failure is told once and concerns one session, which is then left out. */
int launch_look(struct launch *launch, pid_t program, medic_reason *why);
/* Sessions that are not done are left to themselves, with their folders, for attach_recover: their lease is free now. */
void launch_close(struct launch *launch);

#endif
