#include "tally.h"

#include <stdlib.h>

enum { PROBES = 64 };

int tally_open(struct tally *tally, uint32_t room)
{
    tally->room = room;
    tally->entries = calloc(room, sizeof *tally->entries);
    tally->counts = calloc((size_t)room * TALLY_SHARDS, sizeof *tally->counts);
    tally->used = calloc(room, sizeof *tally->used);
    return tally->entries && tally->counts && tally->used;
}

void tally_close(struct tally *tally)
{
    free(tally->entries);
    free(tally->counts);
    free(tally->used);
}

static uint64_t mix(uint64_t first, uint64_t second)
{
    uint64_t hash = (first ^ (second << 31 | second >> 33)) * UINT64_C(0x9E3779B97F4A7C15);

    return hash ^ hash >> 32;
}

static int32_t make(struct tally *tally, uint64_t first, uint64_t second, uint32_t number)
{
    struct tally_entry *entry = &tally->entries[number];

    entry->first = first;
    entry->second = second;
    atomic_store_explicit(&entry->state, TALLY_READY, memory_order_release);
    atomic_store_explicit(&tally->used[atomic_fetch_add(&tally->used_count, 1)], number + 1, memory_order_release);
    return (int32_t)number;
}

int32_t tally_find(struct tally *tally, uint64_t first, uint64_t second)
{
    uint64_t at = mix(first, second);

    for (uint32_t i = 0; i < PROBES; i++, at++) {
        struct tally_entry *entry = &tally->entries[at & (tally->room - 1)];
        uint32_t state = atomic_load_explicit(&entry->state, memory_order_acquire);
        if (state == TALLY_FREE && atomic_compare_exchange_strong(&entry->state, &state, TALLY_BUSY)) {
            return make(tally, first, second, (uint32_t)at & (tally->room - 1));
        }
        if (state != TALLY_BUSY && entry->first == first && entry->second == second)
            return (int32_t)(at & (tally->room - 1));
    }
    return TALLY_NONE;
}

int32_t tally_entry(const struct tally *tally, uint32_t number)
{
    uint32_t entry = number < tally->room ? atomic_load_explicit(&tally->used[number], memory_order_acquire) : 0;

    return entry ? (int32_t)entry - 1 : TALLY_NONE;
}

static uint64_t since(_Atomic uint64_t *told, uint64_t now)
{
    uint64_t before = atomic_load_explicit(told, memory_order_relaxed);

    atomic_store_explicit(told, now, memory_order_relaxed);
    return now - before;
}

int tally_take(struct tally *tally, uint32_t number, uint64_t *fresh, uint64_t *propagated)
{
    struct tally_entry *entry = &tally->entries[number];
    uint64_t now[2] = {0, 0};

    if (atomic_load_explicit(&entry->state, memory_order_acquire) < TALLY_READY)
        return 0;
    for (uint32_t shard = 0; shard < TALLY_SHARDS; shard++) {
        struct tally_pair *pair = &tally->counts[shard * tally->room + number];
        now[0] += atomic_load_explicit(&pair->fresh, memory_order_relaxed);
        now[1] += atomic_load_explicit(&pair->propagated, memory_order_relaxed);
    }
    *fresh = since(&entry->told.fresh, now[0]);
    *propagated = since(&entry->told.propagated, now[1]);
    return *fresh || *propagated;
}
