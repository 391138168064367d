/* The part of the CPU sampler that runs in a signal handler, on any thread of the program, and what it shares with the part
 * that runs elsewhere (sampler.c). */
#ifndef CORE_SERVICES_SAMPLER_SIGNAL_H
#define CORE_SERVICES_SAMPLER_SIGNAL_H

#include "core/ring.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

enum { SAMPLER_SLOTS = 16384, SAMPLER_TIMED = 61 };

/* A thread that has a timer. The handler finds it by index and generation, which come with the signal. */
struct sampler_slot {
    _Alignas(64) _Atomic uint32_t tid; /* 0 = free */
    _Atomic uint32_t generation;       /* counts the threads that had this slot */
    /* The thread's stack, as far as it may be read without a thought: mapped, and for as long as the thread lives. high = 0:
     * not known. */
    _Atomic uint64_t low, high;
    _Atomic uint64_t thread;     /* ThreadID, or 0 */
    _Atomic uint64_t carried_ns; /* CPU time that no sample stands for yet; the handler's */
    /* The handler asks for low and high: where it found rsp and the thread's control block. */
    _Atomic uint64_t seen_sp, seen_tcb;
    _Atomic uint32_t asks;
    _Atomic uint32_t deep;     /* the worker asks for one copy of the whole stack */
    _Atomic uint64_t expiries; /* that were told of */
    uint64_t begin_ns;         /* CPU time of the thread when it got its timer */
    uint64_t first_ns;         /* and from then to the first expiry */
    int timer;
};

struct sampler_shared {
    _Atomic uint32_t active;    /* the handler may use what is below */
    _Atomic uint32_t in_flight; /* handlers that run */
    int signal;
    uint32_t record_type;
    uint64_t interval_ns;
    struct ring *ring;
    struct sampler_slot *slots; /* SAMPLER_SLOTS of them, mmap'ed */
    uint8_t *spare;             /* RAW_STACK_CAP bytes, for a copy by the kernel */
    _Atomic uint32_t spare_busy;
    _Atomic uint32_t asks; /* slots that ask for their bounds */
    _Atomic uint64_t samples, lost, skipped;
    _Atomic uint64_t calls, timed_calls, timed_ns; /* of the handler */
};

extern struct sampler_shared sampler_shared;

/* Writes a sample without a stack: for time that no signal told of. The thread itself, not its handler. */
void sampler_write_bare(struct sampler_slot *slot, uint64_t weight_ns);

/* [signal] */
void sampler_on_signal(int number, siginfo_t *info, void *context);

#endif
