/* The decisions of heap_watch.c, which need no process. */
#ifndef CORE_SERVICES_HEAP_WATCH_H
#define CORE_SERVICES_HEAP_WATCH_H

#include <stdint.h>

/* The copy at one moment. */
struct heap_pulse {
    uint64_t now_ns, cpu_ns;
    uint64_t work; /* anything that grows while it works: objects, bytes written, phase */
    int telling;   /* 1 = the runtime has told objects: the collection is over */
    int asleep;
};

struct heap_life {
    uint64_t work, moved_ns, moved_cpu_ns; /* when the work last grew */
    uint64_t asleep_since_ns;              /* 0 = awake when last looked at */
    uint32_t asleep_seen;                  /* how often in a row */
    uint64_t collect_ns;                   /* CPU time that a collection may take */
};

void heap_life_begin(struct heap_life *life, uint64_t now_ns, uint64_t heap_bytes);
/* 1 = it hangs: it has slept for too long without any progress, or computed. Pure. */
int heap_life_hangs(struct heap_life *life, const struct heap_pulse *pulse);
/* State, CPU time in ticks, and minor faults from the text of /proc/PID/stat; 0 = it cannot be understood. Pure. */
int heap_watch_stat(const char *text, char *state, uint64_t *ticks, uint64_t *faults);

#endif
