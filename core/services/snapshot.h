/* A photograph of all managed threads in one suspension of the runtime.
 *
 * In the suspension only the registers of each thread's first managed frame are asked for and its stack is copied; the
 * unwinding comes after the resume. The suspension itself is in snapshot_suspended.c. */
#ifndef CORE_SERVICES_SNAPSHOT_H
#define CORE_SERVICES_SNAPSHOT_H

#include "core/services/memory_map.h"
#include "core/unwind/unwind.h"

#include <medic/service/stacks.h>

enum { SHOT_STACK_MAX = 256 << 10, SHOT_WALK_MAX = 1024 };

struct shot_thread {
    ThreadID thread;
    uint32_t os_id;
    uint32_t flags;      /* enum shot_flags */
    uint64_t low, high;  /* of the stack, from the first managed frame's rsp to its top (or SHOT_STACK_MAX) */
    uint64_t offset;     /* of the copy in bytes */
    uint64_t size;       /* of the copy; 0 = none */
    uint64_t weight_ns;  /* for who takes samples */
    uint32_t walk_first; /* the runtime's own walk: index of its first address, */
    uint32_t walk_count; /* and how many */
    struct unwind_registers registers;
};

enum shot_flags {
    SHOT_HAS_FRAME = 1u << 0, /* registers are those of a managed frame */
    SHOT_WHOLE = 1u << 1      /* high is the top of the stack */
};

struct shot {
    ICorProfilerInfo12 *info; /* borrowed */
    struct shot_thread *threads;
    uint32_t capacity, count;
    uint32_t missed; /* more threads than capacity, or the runtime did not say */
    uint8_t *bytes;  /* mmap'ed */
    uint64_t bytes_capacity, bytes_used;
    uint64_t *walks; /* addresses, leaf first; NULL = the runtime's own walk is not wanted */
    uint32_t walks_capacity, walks_used;
    struct memory_map map;
    int memory_fd; /* /proc/self/mem, for where process_vm_readv is refused; -1 = not open */
    uint64_t begin_ns, pause_ns;
    uint64_t patience_ns; /* how long the runtime may be busy with suspensions of its own */
    HRESULT result;       /* of the suspension */
    /* Whether this thread's stack is wanted; NULL = every one's. Runs in the suspension; may set weight_ns. */
    int (*wanted)(void *context, struct shot_thread *thread);
    void *context;
};

/* Makes room for as many threads as there are now, and some more. [worker] */
int shot_open(struct shot *shot, ICorProfilerInfo12 *info, int with_walks, medic_reason *why);
/* Suspends, looks, resumes. May be called again. [worker] */
void shot_take(struct shot *shot);
void shot_close(struct shot *shot);

/* CPU time that a thread of this process has used, ns; 0 when it has gone. Any thread. */
uint64_t shot_cpu_ns(uint32_t os_id);

/* medic.stacks' snapshot. [worker] */
int snapshot_take(uint32_t record_type, uint32_t flags, medic_snapshot *result, medic_reason *why);

#endif
