/* The records of contention: what the capture half writes and the report half reads. Revision 1.
 *
 * Little-endian, fixed layout, times in ns of CLOCK_MONOTONIC. A reader takes a record that is at least as long as it knows
 * and ignores what follows, so that members can be appended. */
#ifndef CONTENTION_RECORDS_H
#define CONTENTION_RECORDS_H

#include <medic/service/stacks.h>

#define CT_REVISION 1u

enum ct_record_type {
    CT_WAIT = MEDIC_RECORD_PLUGIN, /* ct_wait: a wait that got a stack, when it begins */
    CT_END,                        /* ct_end: ... when it ends */
    CT_TYPE,                       /* ct_type: what kind of object a lock belongs to, as it was seen once */
    CT_TICK,                       /* ct_tick, about every 100 ms and at both ends */
    CT_LOCK,                       /* ct_lock, every few seconds and at the end; the last one of a lock counts */
    CT_BINS,                       /* ct_bins, as ct_lock */
    CT_PAIR,                       /* ct_pair, as ct_lock */
    CT_OPEN,                       /* ct_open, at the end: a wait that had not ended */
    CT_TOTALS,                     /* ct_totals, as ct_lock */
    CT_THREAD,                     /* ct_thread, once a thread */
    CT_STACK,                      /* medic_thread_stack: a thread in a photograph */
    CT_HELD,                       /* ct_held, behind the stacks of its photograph */
    CT_KEPT,                       /* ct_kept: what others waited while a thread held a lock */
    CT_FIRST, /* medic_thread_stack: a thread in the photograph at the begin, that was not seen to begin to wait */
    CT_STOOD, /* ct_stood, at the end: such a thread, when it has not run since */
    CT_EARLY  /* ct_early: a wait for a lock ends that had begun before the recording */
};

enum ct_kind {
    CT_KIND_LOCK = 1,         /* lock statement, Monitor.Enter, System.Threading.Lock */
    CT_KIND_MONITOR_WAIT = 2, /* Monitor.Wait, and what is made of it: SemaphoreSlim, ManualResetEventSlim, Task.Wait */
    CT_KIND_WAIT_HANDLE = 3   /* WaitHandle: events, mutexes, semaphores */
};

/* Lengths of waits on a scale of four steps an octave: bin i holds [ct_bin_begin(i), ct_bin_begin(i + 1)). The first one takes
 * all that is shorter, the last one all that is longer. */
#define CT_BINS_ALL 96u
#define CT_BIN_OCTAVE 4u
#define CT_BIN_FIRST 10u /* 2^10 ns */

static inline uint64_t ct_bin_begin(uint32_t bin)
{
    return ((uint64_t)(CT_BIN_OCTAVE + bin % CT_BIN_OCTAVE) << (CT_BIN_FIRST + bin / CT_BIN_OCTAVE)) / CT_BIN_OCTAVE;
}

static inline uint32_t ct_bin_of(uint64_t ns)
{
    uint32_t octave, bin;

    if (ns < UINT64_C(1) << CT_BIN_FIRST)
        return 0;
    octave = 63u - (uint32_t)__builtin_clzll(ns);
    bin = (octave - CT_BIN_FIRST) * CT_BIN_OCTAVE + (uint32_t)(ns >> (octave - 2) & (CT_BIN_OCTAVE - 1));
    return bin < CT_BINS_ALL ? bin : CT_BINS_ALL - 1;
}

/* The stack is that of the waiting thread. It is also where the thread got the lock, when it did. */
typedef struct ct_wait {
    medic_stack_head head;
    uint64_t number; /* 1, 2, ... of the waits that were to get a stack */
    uint32_t lock;   /* ct_lock.lock */
    uint32_t owner;  /* tid of who held it when it began; 0 = not known */
    uint32_t kind;   /* enum ct_kind */
    uint32_t reserved;
} ct_wait;

typedef struct ct_end {
    uint64_t number; /* of the wait */
    uint64_t wait_ns;
} ct_end;

/* Written when somebody else gets the lock, and at the end. */
typedef struct ct_kept {
    uint64_t number;     /* of the wait by which the holder had got it */
    uint64_t blocked_ns; /* by all that waited meanwhile */
} ct_kept;

typedef struct ct_stood {
    uint32_t tid;
    uint32_t reserved;
} ct_stood;

typedef struct ct_early {
    uint64_t time_ns;
    uint64_t wait_ns; /* since the recording began */
    uint32_t tid;
    uint32_t reserved;
} ct_early;

typedef struct ct_type {
    uint64_t type;   /* ClassID */
    uint64_t handle; /* of a System.RuntimeType the ClassID that it stands for; of others it means nothing */
    uint32_t lock;
    uint32_t reserved;
} ct_type;

typedef struct ct_tick {
    uint64_t time_ns;
    uint64_t begun, ended; /* waits for locks, so far */
    uint64_t waited_ns;    /* by all of them so far, those that go on too */
    uint32_t waiting;      /* threads that wait for a lock now */
    uint32_t reserved;
} ct_tick;

/* lock 0 stands for all locks that found no room in the table. */
typedef struct ct_lock {
    uint32_t lock;
    uint32_t kind; /* enum ct_kind */
    uint64_t key;  /* address by which the runtime knows it: equal for equal locks, at one time */
    uint64_t begun, ended;
    uint64_t ended_ns; /* of those that ended */
    uint64_t max_ns;
} ct_lock;

#define CT_BINS_RUN 24u
typedef struct ct_bins {
    uint32_t lock;
    uint32_t first;
    uint32_t counts[CT_BINS_RUN];
} ct_bins;

/* A lock and a thread that waited for it, or was waited for. */
typedef struct ct_pair {
    uint32_t lock;
    uint32_t tid;
    uint64_t waits, wait_ns; /* of this thread for the lock, ended ones */
    uint64_t blocked;        /* waits of others, that began when this thread held it */
    uint64_t blocked_ns;     /* of others, ended ones or not, while this thread held it */
} ct_pair;

typedef struct ct_open {
    uint64_t begin_ns;
    uint64_t number; /* of the ct_wait, 0 = it has no stack */
    uint32_t lock;
    uint32_t tid;
    uint32_t owner;
    uint32_t kind; /* enum ct_kind */
} ct_open;

/* The name that Linux has: the runtime's, cut after 15 bytes. */
typedef struct ct_thread {
    uint32_t tid;
    char name[20];
} ct_thread;

/* A thread that waited before and after a photograph, for a lock that the owner held when it began to wait. */
typedef struct ct_held {
    uint64_t wait_ns; /* so far */
    uint64_t number;  /* of the ct_wait of the one that waits; 0 = it has no stack */
    uint32_t lock;
    uint32_t owner;
} ct_held;

typedef struct ct_totals {
    uint64_t begun, ended, ended_ns; /* waits for locks */
    uint64_t unpaired;               /* ended, but begun before the events came, or on a thread without room */
    uint64_t unpaired_ns;
    uint64_t no_lock_room, no_thread_room, no_pair_room; /* waits */
    uint64_t stacks;                                     /* waits that got one */
    uint64_t bad_events;                                 /* of a known id, but not understood */
    uint32_t types_unreadable;                           /* the kernel refuses to copy memory: types are not known */
    uint32_t events_state;                               /* enum medic_events_state */
    uint64_t photographs, photographs_ns;                /* ct_held; what they stopped the program for */
    uint64_t other_begun;                                /* waits for semaphores and wait handles */
    uint64_t own, own_ns; /* ended waits for what Medic's own event session held: nowhere else */
} ct_totals;

#endif
