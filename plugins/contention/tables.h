/* Counters by lock, by thread, and by lock and thread, in memory of a fixed size. Written by the threads that wait, without
 * locks, and read by the worker at any time. What finds no room is counted by the caller. */
#ifndef CONTENTION_TABLES_H
#define CONTENTION_TABLES_H

#include "records.h"

#include <stdatomic.h>

enum { LOCKS = 4096, THREADS = 16384, PAIRS = 16384 };

struct lock_slot {
    _Atomic uint64_t key; /* 0 = free */
    _Atomic uint32_t kind;
    _Atomic uint32_t type_reads;
    _Atomic uint64_t begun, ended, ended_ns, max_ns;
    /* Who holds it, as far as events tell: who got it after waiting, or whom the last one that began to wait found. */
    _Atomic uint64_t holder, previous; /* pack_got; the wait is 0 when it is not known by which */
    _Atomic uint64_t charged_ns;       /* all waiting until then is charged */
    _Atomic uint64_t kept_ns;          /* charged to the holder */
    _Atomic uint64_t own_ns;           /* when Medic's own thread got it last */
    _Atomic uint32_t waiting;          /* threads */
    _Atomic uint32_t bins[CT_BINS_ALL];
};

/* The wait of a thread that goes on. Only the thread itself writes. */
struct open_wait {
    _Atomic uint64_t begin_ns; /* 0 = it does not wait */
    _Atomic uint64_t number;   /* of the ct_wait */
    _Atomic uint32_t lock;
    _Atomic uint32_t owner;
    _Atomic uint32_t kind;
    _Atomic uint32_t own; /* for something that Medic's own thread holds */
};

struct thread_slot {
    _Atomic uint32_t tid;    /* 0 = free */
    struct open_wait lock;   /* for a lock */
    struct open_wait handle; /* for something else */
};

struct pair_slot {
    _Atomic uint64_t key; /* 0 = free */
    _Atomic uint64_t waits, wait_ns, blocked, blocked_ns;
    _Atomic uint64_t stack_ns; /* when a wait of it got a stack last; 0 = none did */
};

struct tables {
    struct lock_slot locks[LOCKS + 1]; /* [0]: all that found no room */
    struct thread_slot threads[THREADS];
    struct pair_slot pairs[PAIRS];
};

static inline uint64_t get64(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static inline uint32_t get32(const _Atomic uint32_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static inline void put64(_Atomic uint64_t *value, uint64_t to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

static inline void put32(_Atomic uint32_t *value, uint32_t to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

static inline void more64(_Atomic uint64_t *value, uint64_t by)
{
    atomic_fetch_add_explicit(value, by, memory_order_relaxed);
}

/* A tid has at most 22 bits. */
static inline uint64_t pack_got(uint32_t tid, uint64_t number)
{
    return (uint64_t)tid << 40 | (number & ((UINT64_C(1) << 40) - 1));
}

static inline uint32_t got_tid(uint64_t got)
{
    return (uint32_t)(got >> 40);
}

static inline uint64_t got_number(uint64_t got)
{
    return got & ((UINT64_C(1) << 40) - 1);
}

/* Each finds or makes its entry. Index of the lock, 0 when there is no room. */
uint32_t lock_of(struct tables *tables, uint64_t key, uint32_t kind);
/* NULL when there is no room. */
struct thread_slot *thread_of(struct tables *tables, uint32_t tid);
struct pair_slot *pair_of(struct tables *tables, uint32_t lock, uint32_t tid);

static inline uint32_t pair_lock(uint64_t key)
{
    return (uint32_t)(key >> 32) - 1;
}

/* Adds one wait that ended. */
void count_wait(struct lock_slot *lock, uint64_t wait_ns);

#endif
