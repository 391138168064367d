/* Where the calling thread's stack is. */
#ifndef CORE_SERVICES_THREAD_BOUNDS_H
#define CORE_SERVICES_THREAD_BOUNDS_H

#include <stdint.h>

/* Memory from low to high is the thread's stack and stays mapped while it lives; the control block that glibc keeps above
 * the frames is left out. */
struct thread_bounds {
    uint64_t low, high;
};

/* 1 = found. Asks glibc: microseconds, for the main thread a reading of /proc/self/maps. Not in a signal handler. */
int thread_bounds_ask(struct thread_bounds *bounds);
/* The same from a cache. [any thread], not in a signal handler. */
int thread_bounds_get(struct thread_bounds *bounds);

#endif
