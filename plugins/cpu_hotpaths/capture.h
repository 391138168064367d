/* What the files of the capture half share. */
#ifndef CPU_HOTPATHS_CAPTURE_H
#define CPU_HOTPATHS_CAPTURE_H

#include "cpu_hotpaths.h"

/* Samples of one tick that wait to be added up: a power of two, and how many of them may be taken before all are written. */
enum { PENDING = 1024, PENDING_MAX = 768 };

struct hotpaths {
    const medic_host *host;
    const medic_records_service *records;
    const medic_clock_service *clock;
    const medic_stacks_service *stacks;
    medic_sampling sampling;
    uint64_t written_ns; /* when the last ch_usage was */
    uint32_t pending_count;
    medic_cpu_sample pending[PENDING]; /* os_id = 0: free */
};

/* capture_waits.c: writes a ch_waited. [worker] */
void write_waited(struct hotpaths *self);

/* capture_suspended.c */
extern const medic_callbacks cpu_hotpaths_callbacks;

#endif
