/* What the callbacks (capture_suspended.c) and the worker (capture.c) share.
 *
 * The runtime has at most one suspension in flight (it holds the thread store lock), but its callbacks come on different
 * threads: the one that asks, those that are stopped, those that collect. What they share lies in atomics; `phase` is
 * written last and read first. */
#ifndef RUNTIME_PAUSES_CAPTURE_H
#define RUNTIME_PAUSES_CAPTURE_H

#include "records.h"

#include <medic/medic.h>
#include <stdatomic.h>

#define SCRATCHES 4u /* threads whose stacks are walked by frame pointers in the same moment */

/* UNSEEN: until the first callback it is not known whether a suspension was under way when the recording began. */
enum phase { IDLE, UNSEEN, STOPPING, STOPPED, RESTARTING };

struct stack {
    rp_stack head;
    uint64_t frames[RP_FRAMES_MAX];
};

struct pauses {
    const medic_host *host;
    const medic_records_service *records;
    const medic_clock_service *clock;
    const medic_names_service *names;
    const medic_events_service *events; /* may be NULL, as the log */
    const medic_log_service *log;
    ICorProfilerInfo12 *info;
    int stacks;
    uintptr_t restorer;
    uint64_t *scratch; /* SCRATCHES times FRAME_WALK_WORDS; touched only by threads that are slow to stop */
    _Atomic uint32_t scratch_taken; /* a bit each */

    /* The suspension in flight. */
    _Atomic uint32_t phase;
    _Atomic uint64_t number;
    _Atomic uint64_t asked_ns; /* event 9, just before */
    _Atomic uint64_t begin_ns;
    _Atomic uint64_t stopped_ns;
    _Atomic uint64_t restart_ns;
    _Atomic uint32_t reason;
    _Atomic uint32_t threads;
    _Atomic uint32_t late;  /* slow threads recorded */
    _Atomic uint32_t asked; /* its stack was taken */
    _Atomic uint32_t gc_starts;
    _Atomic uint32_t gc_ends;
    _Atomic uint32_t generation;
    _Atomic uint32_t induced;
    _Atomic uint32_t flags; /* enum rp_pause_flags */

    _Atomic uint64_t stack_due_ns; /* when the next stack would be due at the steady rate */
    _Atomic uint64_t stacks_skipped;
    _Atomic uint64_t good_events;
    _Atomic uint64_t bad_events;

    /* Of the worker: the last slow thread before the runtime had stopped, and the first one after. */
    struct stack before;
    struct stack after;
};

static inline uint64_t load64(_Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static inline uint32_t load32(_Atomic uint32_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static inline void store64(_Atomic uint64_t *value, uint64_t to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

static inline void store32(_Atomic uint32_t *value, uint32_t to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

static inline uint32_t phase_of(struct pauses *self)
{
    return atomic_load_explicit(&self->phase, memory_order_acquire);
}

static inline void enter(struct pauses *self, enum phase phase)
{
    atomic_store_explicit(&self->phase, (uint32_t)phase, memory_order_release);
}

/* Makes ready for a suspension that begins now. [worker] before the first callback, then the callbacks. */
void begin_pause(struct pauses *self, uint64_t now, uint32_t reason);
/* The suspension in flight, as it would look if it ended now. */
rp_pause finished_pause(struct pauses *self, uint64_t end, uint32_t flags);

extern const medic_callbacks runtime_pauses_callbacks;

#endif
