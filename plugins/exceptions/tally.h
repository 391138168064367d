/* A bounded table of counters for the callbacks: a pair of keys has two counters, one a shard, so that threads that throw at the
 * same time rarely write the same cache line. Never blocks or allocates after tally_open. A key that two threads bring for the
 * first time in the same moment may stand in it twice: whoever reads adds up by key. */
#ifndef EXCEPTIONS_TALLY_H
#define EXCEPTIONS_TALLY_H

#include <stdatomic.h>
#include <stdint.h>

enum { TALLY_SHARDS = 16, TALLY_NONE = -1 };

struct tally_pair {
    _Atomic uint64_t fresh, propagated;
};

struct tally_entry {
    uint64_t first, second;
    _Atomic uint32_t state;     /* enum tally_state */
    _Atomic uint32_t stacks[2]; /* samples taken of it: fresh, propagated */
    uint32_t reserved;
    struct tally_pair told; /* of the worker: what it has written so far */
};

enum tally_state { TALLY_FREE, TALLY_BUSY, TALLY_READY, TALLY_ANNOUNCED };

struct tally {
    uint32_t room;               /* a power of two */
    struct tally_entry *entries; /* room */
    struct tally_pair *counts;   /* TALLY_SHARDS times room */
    _Atomic uint32_t *used;      /* room: numbers of entries plus one, as they were made; 0 = none yet */
    _Atomic uint32_t used_count;
};

/* 1, or 0 when there is no memory. */
int tally_open(struct tally *tally, uint32_t room);
void tally_close(struct tally *tally);
/* The entry of the pair, made if need be; TALLY_NONE when there is no room. [runtime] */
int32_t tally_find(struct tally *tally, uint64_t first, uint64_t second);
/* The number-th entry that was made, TALLY_NONE when there are not so many yet. [worker] */
int32_t tally_entry(const struct tally *tally, uint32_t number);
/* What was counted since the last call. [worker] 0 = nothing. */
int tally_take(struct tally *tally, uint32_t entry, uint64_t *fresh, uint64_t *propagated);

/* [runtime] */
static inline void tally_add(struct tally *tally, uint32_t shard, int32_t entry, int propagated)
{
    struct tally_pair *pair = &tally->counts[(shard % TALLY_SHARDS) * tally->room + (uint32_t)entry];

    atomic_fetch_add_explicit(propagated ? &pair->propagated : &pair->fresh, 1, memory_order_relaxed);
}

/* Whether the caller is to announce the entry; if that fails, tally_unannounced makes another one try. [runtime] */
static inline int tally_announces(struct tally *tally, int32_t entry)
{
    struct tally_entry *of = &tally->entries[entry];
    uint32_t ready = TALLY_READY;

    return atomic_load_explicit(&of->state, memory_order_relaxed) == TALLY_READY &&
           atomic_compare_exchange_strong(&of->state, &ready, TALLY_ANNOUNCED);
}

static inline void tally_unannounced(struct tally *tally, int32_t entry)
{
    atomic_store(&tally->entries[entry].state, TALLY_READY);
}

#endif
