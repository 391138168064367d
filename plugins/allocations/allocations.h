/* The two halves, as the descriptor names them, and the records between them. Revision 1.
 *
 * Little-endian, fixed layout, times in ns of CLOCK_MONOTONIC. A reader takes a record that is at least as long as it knows
 * and ignores what follows, so that members can be appended. */
#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

#include <medic/medic.h>

#define ALLOCATIONS_REVISION 1u

/* Bytes between two samples of the runtime, on average. */
#define AL_INTERVAL 102400.0

enum al_record_type {
    AL_TYPE = MEDIC_RECORD_PLUGIN, /* al_type, once a type */
    AL_STACK,                      /* al_stack */
    AL_LARGE_STACK,                /* al_stack of a large object, all of which are counted */
    AL_SUMS,                       /* al_sums, of what has changed, every second: the last one of a type counts */
    AL_USAGE                       /* al_usage, every tick: the last one counts */
};

/* How bytes are known. */
enum al_mode {
    AL_MODE_SAMPLED = 1, /* AllocationSampled: every byte has the same chance. .NET 10 and later */
    AL_MODE_TICK = 2     /* AllocationTick: the allocation that crosses the next 100 kB: biased. Before */
};

enum al_heap { AL_SMALL, AL_LARGE, AL_PINNED, AL_HEAPS };

/* Collections: of generation 0, 1, 2 that stop the program, and those in the background. */
enum al_collection { AL_GEN0, AL_GEN1, AL_GEN2, AL_BACKGROUND, AL_COLLECTIONS };

typedef struct al_type {
    uint64_t type; /* ClassID; the capture has its name */
    uint64_t base; /* what it derives from, 0 for an array */
} al_type;

typedef struct al_stack {
    medic_stack_head head;
    uint64_t type;
    uint64_t weight;     /* bytes that it stands for */
    uint64_t size;       /* of the object */
    uint64_t stands_for; /* so many samples, of any type: chance chose this one of them. 1 = only itself */
} al_stack;

/* Of one type; 0 = the types for which the table had no room. */
typedef struct al_sums {
    uint64_t type;
    uint64_t bytes;                                /* estimated, without the large objects */
    uint64_t samples;                              /* that the estimate rests on */
    uint64_t variance;                             /* of the estimate, bytes squared */
    uint64_t objects;                              /* estimated, thousandths */
    uint64_t large_count, large_bytes, large_most; /* exactly, since the recording began */
    uint64_t large_on_count, large_on_bytes;       /* of them, since events come */
    uint64_t time_ns;
} al_sums;

typedef struct al_usage {
    uint64_t time_ns;
    uint64_t on_ns; /* since when events come; 0 = not yet */
    uint32_t mode;  /* enum al_mode */
    uint32_t events_state;
    uint64_t bytes[AL_HEAPS]; /* since on_ns; the large ones exactly */
    uint64_t samples;
    uint64_t variance;
    uint64_t large_count, large_bytes; /* since the recording began */
    uint64_t collections[AL_COLLECTIONS];
    uint64_t pause_ns[AL_COLLECTIONS];
    uint64_t pause_most_ns[AL_COLLECTIONS];
    uint64_t promoted[AL_COLLECTIONS]; /* bytes that survived these */
    uint64_t stacks_taken, stacks_skipped, stacks_lost;
    uint64_t unplaced; /* samples of types for which the table had no room */
    uint64_t bad_events;
    uint64_t induced, induced_ns; /* collections that the program asked for, and their pauses */
} al_usage;

extern const medic_capture allocations_capture;
extern const medic_report allocations_report;

#endif
