/* The records of runtime_pauses: what the capture half writes and the report half reads. Revision 1.
 *
 * Little-endian, fixed layout, times in ns of CLOCK_MONOTONIC. A reader takes a record that is at least as long as it knows
 * and ignores what follows, so that members can be appended. */
#ifndef RUNTIME_PAUSES_RECORDS_H
#define RUNTIME_PAUSES_RECORDS_H

#include <medic/capture_format.h>

#define RP_REVISION 1u
#define RP_FRAMES_MAX 48u
#define RP_SLOW_STOP_NS UINT64_C(1000000) /* from here on a thread was slow to stop */
#define RP_UNKNOWN UINT32_MAX

enum rp_record_type {
    RP_PAUSE = MEDIC_RECORD_PLUGIN, /* rp_pause, when a suspension is over */
    RP_ASKED,     /* rp_stack of the thread that asked for the suspension `pause`, when it has managed frames */
    RP_LATE,      /* rp_stack of the thread that kept the suspension `pause` waiting the longest */
    RP_TRIGGERED, /* rp_stack of the thread that triggered a collection (event 35); pause = the running one, or 0 */
    RP_GC,        /* rp_gc */
    RP_HEAP,      /* rp_heap */
    RP_TOTALS     /* rp_totals, once, at the end of a capture that was not killed */
};

enum rp_pause_flags {
    RP_ABORTED = 1u << 0,  /* the runtime gave the suspension up */
    RP_CUT = 1u << 1,      /* still going on when the recording ended: end_ns is that moment */
    RP_CUT_BEGIN = 1u << 2 /* under way when the recording began: begin_ns is that moment, the reason is RP_UNKNOWN */
};

/* begin_ns <= stopped_ns <= restart_ns <= end_ns. A phase that was not reached has the end as its time. */
typedef struct rp_pause {
    uint64_t number;     /* 1, 2, ... in the order of their begin */
    uint64_t begin_ns;   /* the runtime asks its threads to stop */
    uint64_t stopped_ns; /* all have stopped */
    uint64_t restart_ns; /* the work is done, the threads are let go */
    uint64_t end_ns;     /* all may run */
    uint32_t reason;     /* COR_PRF_SUSPEND_REASON, or RP_UNKNOWN */
    uint32_t flags;      /* enum rp_pause_flags */
    uint32_t threads;    /* that reported to have been stopped in time */
    uint32_t gc_starts;  /* GarbageCollectionStarted callbacks during the pause */
    uint32_t gc_ends;    /* GarbageCollectionFinished callbacks during the pause */
    uint32_t generation; /* the oldest one these collected, 0-2, or RP_UNKNOWN */
    uint32_t induced;    /* one of them was induced, says the callback */
    uint32_t reserved;
    uint64_t
        asked_ns; /* the runtime's clock for the pause begins: it still waits for its own lock; begin_ns when unknown */
} rp_pause;

/* Followed by frame_count FunctionIDs (uint64_t), innermost first. */
typedef struct rp_stack {
    uint64_t pause; /* number */
    uint64_t at_ns;
    uint64_t thread; /* ThreadID, 0 for a thread that the runtime does not manage */
    uint32_t tid;
    uint32_t frame_count; /* 0: no managed frame, or the rate of stacks was used up */
    uint32_t reason;      /* RP_TRIGGERED: reason of the collection, as in GCStart; else RP_UNKNOWN */
    uint32_t flags;       /* enum rp_stack_flags */
} rp_stack;

enum rp_stack_flags {
    RP_AFTER_STOP = 1u << 0, /* RP_LATE: reported itself just after the runtime had seen that all had stopped */
    RP_ADDRESSES = 1u << 1,  /* in the ring only: the frames are code addresses */
    RP_OWN = 1u << 2         /* RP_LATE: Medic's own thread, while it starts or stops the event session; no frames */
};

enum rp_gc_what { RP_GC_START = 1, RP_GC_END = 2, RP_GC_HISTORY = 3 };

/* One event about a collection. Members that the event does not have are RP_UNKNOWN. */
typedef struct rp_gc {
    uint64_t at_ns;
    uint32_t what;       /* enum rp_gc_what */
    uint32_t number;     /* START, END: counts the collections of the process */
    uint32_t generation; /* START, END, HISTORY: 0-2 */
    uint32_t reason;     /* START, HISTORY: enum rp_gc_reason */
    uint32_t type;       /* START: enum rp_gc_type */
    uint32_t mechanisms; /* HISTORY: enum rp_mechanism */
    uint32_t
        pause_mode; /* HISTORY: 0 = concurrent collections are off, 1 interactive, 2 low latency, 3 sustained, 4 no GC */
    uint32_t heaps; /* HISTORY: 1 for workstation GC */
} rp_gc;

enum rp_gc_type {
    RP_GC_BLOCKING = 0,
    RP_GC_BACKGROUND = 1,
    RP_GC_FOREGROUND = 2 /* blocking, during a background one */
};

enum rp_mechanism { RP_MECHANISM_CONCURRENT = 1u << 0, RP_MECHANISM_COMPACTION = 1u << 1 };

enum rp_gc_reason {
    RP_GC_ALLOC_SMALL = 0,
    RP_GC_INDUCED = 1,
    RP_GC_LOW_MEMORY = 2,
    RP_GC_EMPTY = 3,
    RP_GC_ALLOC_LARGE = 4,
    RP_GC_OUT_OF_SPACE_SMALL = 5,
    RP_GC_OUT_OF_SPACE_LARGE = 6,
    RP_GC_INDUCED_NOT_FORCED = 7,
    RP_GC_INTERNAL = 8,
    RP_GC_LOW_MEMORY_BLOCKING = 9,
    RP_GC_INDUCED_COMPACTING = 10,
    RP_GC_LOW_MEMORY_HOST = 11,
    RP_GC_PROVISIONAL_FULL = 12,
    RP_GC_LOW_MEMORY_HOST_BLOCKING = 13,
    RP_GC_TUNING_SMALL = 14,
    RP_GC_TUNING_LARGE = 15,
    RP_GC_STEPPING = 16,
    RP_GC_INDUCED_AGGRESSIVE = 17
};

/* After a collection, bytes. Generation 3 is the large object heap, 4 the pinned one. */
typedef struct rp_heap {
    uint64_t at_ns;
    uint64_t size[5];
    uint64_t promoted[5];
    uint32_t pinned; /* objects */
    uint32_t handles;
} rp_heap;

typedef struct rp_totals {
    uint64_t stacks_skipped; /* over the rate */
    uint64_t events;         /* trace events that were understood */
    uint64_t bad_events;     /* of a known id, but too short */
} rp_totals;

#endif
