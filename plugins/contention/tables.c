#include "tables.h"

enum { PROBES = 64 };

static uint32_t hash(uint64_t key)
{
    return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 40);
}

/* The entry is ours, or became ours now. */
static int claim(_Atomic uint64_t *at, uint64_t key)
{
    uint64_t seen = get64(at);

    if (seen == 0 &&
        atomic_compare_exchange_strong_explicit(at, &seen, key, memory_order_relaxed, memory_order_relaxed))
        return 1;
    return seen == key;
}

uint32_t lock_of(struct tables *tables, uint64_t key, uint32_t kind)
{
    uint32_t at = hash(key);

    for (uint32_t i = 0; key && i < PROBES; i++, at++) {
        uint32_t index = at % LOCKS + 1;
        if (claim(&tables->locks[index].key, key)) {
            if (!get32(&tables->locks[index].kind))
                put32(&tables->locks[index].kind, kind);
            return index;
        }
    }
    return 0;
}

struct thread_slot *thread_of(struct tables *tables, uint32_t tid)
{
    uint32_t at = hash(tid);

    for (uint32_t i = 0; tid && i < PROBES; i++, at++) {
        struct thread_slot *thread = &tables->threads[at % THREADS];
        uint32_t seen = get32(&thread->tid);
        if (seen == 0 && atomic_compare_exchange_strong_explicit(&thread->tid, &seen, tid, memory_order_relaxed,
                                                                 memory_order_relaxed))
            return thread;
        if (seen == tid)
            return thread;
    }
    return NULL;
}

struct pair_slot *pair_of(struct tables *tables, uint32_t lock, uint32_t tid)
{
    uint64_t key = (uint64_t)(lock + 1) << 32 | tid;
    uint32_t at = hash(key);

    for (uint32_t i = 0; tid && i < PROBES; i++, at++)
        if (claim(&tables->pairs[at % PAIRS].key, key))
            return &tables->pairs[at % PAIRS];
    return NULL;
}

void count_wait(struct lock_slot *lock, uint64_t wait_ns)
{
    uint64_t max = get64(&lock->max_ns);

    more64(&lock->ended, 1);
    more64(&lock->ended_ns, wait_ns);
    atomic_fetch_add_explicit(&lock->bins[ct_bin_of(wait_ns)], 1, memory_order_relaxed);
    while (wait_ns > max && !atomic_compare_exchange_weak_explicit(&lock->max_ns, &max, wait_ns, memory_order_relaxed,
                                                                   memory_order_relaxed))
        ;
}
