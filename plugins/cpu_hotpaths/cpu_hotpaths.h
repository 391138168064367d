/* The record layout of cpu_hotpaths: what its capture half writes and its report half reads. Revision 1. */
#ifndef CPU_HOTPATHS_H
#define CPU_HOTPATHS_H

#include <medic/medic.h>

#define CPU_HOTPATHS_REVISION 1

enum {
    CH_SAMPLE = 256, /* medic_cpu_sample */
    CH_USAGE = 257,  /* ch_usage, about every 100 ms and at both ends */
    CH_TOTALS = 258, /* medic_sampling_state, at the end */
    CH_GC = 259,     /* ch_gc: without it, collections on the program's own threads count as runtime */
    CH_WAITED = 260  /* ch_waited, at both ends */
};

enum ch_gc_what { CH_GC_BEGIN = 1, CH_GC_END = 2 };

/* A collection begins or ends on the thread that works at it. A begin without an end of the same thread is the begin of a
 * background collection, which goes on elsewhere. */
typedef struct ch_gc {
    uint64_t time_ns;
    uint32_t os_id;
    uint32_t what; /* enum ch_gc_what */
} ch_gc;

/* CPU time of the process so far. Its growth is the truth that the samples are measured by. */
typedef struct ch_usage {
    uint64_t time_ns;    /* CLOCK_MONOTONIC */
    uint64_t process_ns; /* CLOCK_PROCESS_CPUTIME_ID */
    uint64_t medic_ns;   /* of it, Medic's own worker */
    uint32_t processors; /* that the process may run on */
    uint32_t reserved;
} ch_usage;

/* Time that the threads alive have stood ready without a processor, each since it began. */
typedef struct ch_waited {
    uint64_t time_ns;
    uint64_t waited_ns;
    uint32_t threads;
    uint32_t reserved;
} ch_waited;

extern const medic_capture cpu_hotpaths_capture;
extern const medic_report cpu_hotpaths_report;

#endif
