/* The live line of a session on stderr, if that is a terminal. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <medic/session.h>
#include <stdbool.h>

struct progress {
    bool shown; /* whether there is a terminal */
    bool dirty; /* the line holds something */
    uint64_t last_ns;
    char what[128]; /* "runtime_pauses on 4121 (web)" */
};

void progress_begin(struct progress *progress, const char *profiler, int pid, const char *name);
/* As attach_observer.progress; context: struct progress. */
void progress_show(void *context, const medic_status *status, int64_t left_ns);
/* Clears the line. */
void progress_end(struct progress *progress);

#endif
