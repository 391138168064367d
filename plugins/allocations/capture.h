/* What the callbacks (capture_suspended.c) and the worker (capture.c) share. Counters are exact at any rate: they never go
 * through the ring. */
#ifndef ALLOCATIONS_CAPTURE_H
#define ALLOCATIONS_CAPTURE_H

#include "allocations.h"

#include <medic/sampling.h>
#include <stdatomic.h>

enum {
    TYPES = 8192, /* a power of two */
    TYPE_PROBES = 64
};

struct type_slot {
    _Atomic uint64_t type;         /* 0 = free */
    _Atomic uint32_t told;         /* its AL_TYPE is in the ring or written */
    _Atomic uint32_t first_stacks; /* taken beyond the rate, so that no type goes without */
    _Atomic uint64_t bytes, samples, variance, objects;
    _Atomic uint64_t large_count, large_bytes, large_most, large_on_count, large_on_bytes;
    uint64_t written; /* of the worker: samples and large objects when the sums were written */
};

/* Which samples get a stack. slice_ns 0 = none do. */
struct choice {
    struct medic_sampler sampler;
    uint64_t slice_ns, turned_ns;
};

struct allocations {
    const medic_host *host;
    const medic_records_service *records;
    const medic_clock_service *clock;
    const medic_names_service *names;
    const medic_stacks_service *stacks;
    const medic_events_service *events;
    ICorProfilerInfo12 *info;
    uint32_t mode;              /* enum al_mode */
    uint64_t usage_ns, sums_ns; /* of the worker: when they were written */

    struct choice sample_stacks, large_stacks;
    _Atomic uint64_t on_ns;
    _Atomic uint64_t bytes[AL_HEAPS];
    _Atomic uint64_t samples, variance;
    _Atomic uint64_t large_count, large_bytes;
    _Atomic uint64_t large_least;  /* size of the smallest that the runtime calls large: its bound can be configured */
    _Atomic uint64_t pinned_carry; /* bytes of small pinned objects that no tick has been charged with yet */
    _Atomic uint64_t stacks_taken, stacks_skipped, stacks_lost, unplaced, bad_events;

    /* Of collections; there is one suspension at a time. */
    _Atomic uint64_t suspended_ns; /* 0 = not for a collection */
    _Atomic uint32_t pause_of;     /* enum al_collection */
    _Atomic uint32_t pause_induced;
    _Atomic uint32_t ended;      /* enum al_collection: whose statistics come next */
    _Atomic uint32_t background; /* number of the last one in the background */
    _Atomic uint64_t induced, induced_ns;
    _Atomic uint64_t collections[AL_COLLECTIONS], pause_ns[AL_COLLECTIONS], pause_most_ns[AL_COLLECTIONS];
    _Atomic uint64_t promoted[AL_COLLECTIONS];

    struct type_slot rest; /* of types that the table has no room for */
    struct type_slot types[TYPES];
};

static inline uint64_t load64(_Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static inline void add64(_Atomic uint64_t *value, uint64_t more)
{
    atomic_fetch_add_explicit(value, more, memory_order_relaxed);
}

static inline void most64(_Atomic uint64_t *value, uint64_t candidate)
{
    uint64_t known = load64(value);

    while (known < candidate &&
           !atomic_compare_exchange_weak_explicit(value, &known, candidate, memory_order_relaxed, memory_order_relaxed))
        ;
}

static inline void least64(_Atomic uint64_t *value, uint64_t candidate)
{
    uint64_t known = load64(value);

    while (known > candidate &&
           !atomic_compare_exchange_weak_explicit(value, &known, candidate, memory_order_relaxed, memory_order_relaxed))
        ;
}

extern const medic_callbacks allocations_callbacks;

#endif
