/* medic.stacks: call stacks, managed and native, from the thread's root to the leaf.
 *
 * A stack is taken as a copy of registers and stack memory, for a microsecond, where it stands; the worker unwinds it later.
 * So a stack travels with a record of the plugin: the record's struct begins with a medic_stack_head, which the core fills
 * in, from the ring to drain and the file. The stacks themselves, and their frames, become core records
 * (medic/capture_format.h), each written once and before the first record that names it. The report half reads them through
 * medic.frames (medic/service/frames.h). */
#ifndef MEDIC_SERVICE_STACKS_H
#define MEDIC_SERVICE_STACKS_H

#include <medic/capture_format.h>
#include <medic/plugin.h>

#define MEDIC_SERVICE_STACKS "medic.stacks/draft"

/* What a record that carries a stack begins with. flags: enum medic_stack_flags (medic/capture_format.h). */
typedef struct medic_stack_head {
    uint64_t stack;   /* id of the stack; 0 = there is none, and flags say why */
    uint64_t time_ns; /* CLOCK_MONOTONIC when it was taken */
    uint32_t os_id;   /* Linux tid of the thread whose stack it is */
    uint32_t flags;
} medic_stack_head;

/* ---- CPU sampling ---- */

enum medic_sampling_engine {
    MEDIC_ENGINE_AUTO = 0,      /* timers; where they cannot be had, suspension */
    MEDIC_ENGINE_TIMERS = 1,    /* per-thread CPU timers: every thread, native ones too, wherever it is */
    MEDIC_ENGINE_SUSPENSION = 2 /* suspends the runtime to look: managed threads at safe points only, so it is biased */
};

typedef struct medic_sampling {
    uint32_t size;        /* sizeof(medic_sampling) */
    uint32_t record_type; /* of the plugin: each sample becomes a medic_cpu_sample of this type */
    uint64_t interval_ns; /* CPU time of a thread between two of its samples; the kernel's tick is the least it does */
    uint32_t engine;      /* enum medic_sampling_engine */
    uint32_t reserved;
} medic_sampling;

typedef struct medic_cpu_sample {
    medic_stack_head head;
    uint64_t weight_ns; /* CPU time that this sample stands for: the interval times the timer's overruns */
} medic_cpu_sample;

typedef struct medic_sampling_state {
    uint32_t size;
    uint32_t engine;  /* the one in use; MEDIC_ENGINE_AUTO = none */
    uint64_t samples; /* taken */
    uint64_t lost;    /* taken, but there was no room for them; their time is in lost_ns */
    uint64_t lost_ns;
    uint64_t unwound;        /* of the samples drained so far: stack reached the thread's root */
    uint64_t truncated;      /* ... deeper than what is copied */
    uint64_t broken;         /* ... the way to the root was lost */
    uint64_t threads;        /* sampled so far, ended ones too */
    uint64_t threads_missed; /* no timer could be had for them */
    uint64_t handler_ns;     /* CPU time of the signal handler, all threads */
    /* When sampling ended, which is a little before stop is called; 0 = it has not. To compare the samples with. */
    uint64_t end_time_ns;    /* CLOCK_MONOTONIC */
    uint64_t end_process_ns; /* CPU time of the process by then */
    uint64_t end_worker_ns;  /* of it, the worker's */
} medic_sampling_state;

/* ---- a photograph of all managed threads ---- */

enum medic_snapshot_flags {
    MEDIC_SNAPSHOT_COMPARE =
        1u << 0 /* for tests and benches: the runtime's own walk of each thread too, as a second record
                                        with MEDIC_STACK_RUNTIME_WALK */
};

/* One record a thread. */
typedef struct medic_thread_stack {
    medic_stack_head head; /* from the first managed frame on: native code below it goes on running in a suspension */
    uint64_t thread;       /* ThreadID */
    uint64_t cpu_ns;       /* CPU time of the thread so far */
    uint32_t state;        /* what Linux says right after the pause: 'R', 'S', 'D', ...; 0 = not known */
    uint32_t reserved;
} medic_thread_stack;

typedef struct medic_snapshot {
    uint32_t size;
    uint32_t threads;  /* recorded */
    uint32_t empty;    /* of these, without a managed frame */
    uint32_t missed;   /* could not be looked at */
    uint64_t pause_ns; /* from the request to suspend to the resume; it is in the session's cost */
} medic_snapshot;

typedef struct medic_stacks_service {
    uint32_t size;
    uint32_t reserved;
    /* [worker] Begins to sample; ends with the session, before stop. Once a session. MEDIC_E_UNSUPPORTED when the engine
     * asked for cannot be had (RLIMIT_SIGPENDING, seccomp, architecture); the sentence says which and what else there is. */
    int (*sample_cpu)(const medic_host *host, const medic_sampling *sampling, medic_reason *why);
    /* [worker] Callable in stop too. */
    void (*sampling_state)(const medic_host *host, medic_sampling_state *state);
    /* [worker] Suspends the runtime once, and copies the stack of every managed thread: a medic_thread_stack each, of type
     * record_type, straight to drain's caller and the file, past the ring. flags: enum medic_snapshot_flags. */
    int (*snapshot)(const medic_host *host, uint32_t record_type, uint32_t flags, medic_snapshot *result,
                    medic_reason *why);
    /* [runtime] Writes a record with the calling thread's own stack: head is the plugin's struct, its first member a
     * medic_stack_head; tail goes behind it. As medic.records: never blocks, and MEDIC_E_FULL is counted. */
    int (*here)(const medic_host *host, uint32_t record_type, const void *head, uint32_t head_size, const void *tail,
                uint32_t tail_size);
    /* [runtime] The same with a stack that is known as addresses, leaf first, the leaf an exact instruction, the others return
     * addresses: what EventPipeEventDelivered hands over (for few events: .NET 8 to 10 give none to those of the runtime). */
    int (*addresses)(const medic_host *host, uint32_t record_type, const void *head, uint32_t head_size,
                     const uintptr_t *addresses, uint32_t count);
} medic_stacks_service;

#endif
