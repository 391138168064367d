/* medic.clock: the time in the target. */
#ifndef MEDIC_SERVICE_CLOCK_H
#define MEDIC_SERVICE_CLOCK_H

#include <medic/plugin.h>

#define MEDIC_SERVICE_CLOCK "medic.clock/draft"

typedef struct medic_clock_service {
    uint32_t size;
    uint32_t reserved;
    uint64_t (*now_ns)(void);        /* CLOCK_MONOTONIC; any thread, [suspended] and [signal] included */
    uint64_t (*thread_cpu_ns)(void); /* CPU time of the calling thread; the same */
    uint32_t (*thread_id)(void);     /* Linux tid of the calling thread; the same */
} medic_clock_service;

#endif
