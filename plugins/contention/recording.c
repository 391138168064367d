/* From records to arrays. */
#include "recording.h"

#include <medic/reading.h>
#include <stdlib.h>
#include <string.h>

#define TAKE_AND_PUSH(recording, record, name, type)                                                                   \
    __extension__({                                                                                                    \
        type value_;                                                                                                   \
        medic_take(record, &value_, sizeof value_, &recording->bad_records) ? MEDIC_PUSH(recording, name, value_)      \
                                                                            : MEDIC_OK;                                \
    })

static int read_wait(struct recording *recording, const medic_record *record)
{
    ct_wait raw;
    struct wait wait = {0};

    if (!medic_take(record, &raw, sizeof raw, &recording->bad_records))
        return MEDIC_OK;
    wait.number = raw.number;
    wait.time_ns = raw.head.time_ns;
    wait.stack = raw.head.stack;
    wait.os_id = raw.head.os_id;
    wait.lock = raw.lock;
    wait.owner = raw.owner;
    wait.kind = raw.kind;
    return MEDIC_PUSH(recording, wait, wait);
}

struct lock *lock_at(struct recording *recording, uint32_t index)
{
    if (index >= LOCKS_MOST) {
        recording->bad_records++;
        return NULL;
    }
    if (index >= recording->lock_count) {
        size_t count = (size_t)index + 256;
        struct lock *locks = realloc(recording->locks, count * sizeof *locks);
        if (!locks)
            return NULL;
        memset(locks + recording->lock_count, 0, (count - recording->lock_count) * sizeof *locks);
        recording->locks = locks;
        recording->lock_count = count;
    }
    return &recording->locks[index];
}

static int read_lock(struct recording *recording, const medic_record *record)
{
    ct_lock raw;
    struct lock *lock;

    if (!medic_take(record, &raw, sizeof raw, &recording->bad_records))
        return MEDIC_OK;
    lock = lock_at(recording, raw.lock);
    if (lock)
        lock->raw = raw;
    return lock || raw.lock >= LOCKS_MOST ? MEDIC_OK : MEDIC_E_MEMORY;
}

static int read_bins(struct recording *recording, const medic_record *record)
{
    ct_bins raw;
    struct lock *lock;

    if (!medic_take(record, &raw, sizeof raw, &recording->bad_records))
        return MEDIC_OK;
    if (raw.first > CT_BINS_ALL - CT_BINS_RUN) {
        recording->bad_records++;
        return MEDIC_OK;
    }
    lock = lock_at(recording, raw.lock);
    if (lock)
        memcpy(lock->bins + raw.first, raw.counts, sizeof raw.counts);
    return lock || raw.lock >= LOCKS_MOST ? MEDIC_OK : MEDIC_E_MEMORY;
}

static int read_photo(struct recording *recording, const medic_record *record)
{
    if (recording->photo_told)
        recording->photo_count = 0;
    recording->photo_told = 0;
    return TAKE_AND_PUSH(recording, record, photo, medic_thread_stack);
}

static int read_held(struct recording *recording, const medic_record *record)
{
    struct held held = {0};
    ct_held raw;

    recording->photo_told = 1;
    if (!medic_take(record, &raw, sizeof raw, &recording->bad_records))
        return MEDIC_OK;
    held.wait_ns = raw.wait_ns;
    held.lock = raw.lock;
    held.owner = raw.owner;
    held.number = raw.number;
    for (size_t i = 0; i < recording->photo_count; i++)
        if (recording->photos[i].head.os_id == raw.owner) {
            held.stack = recording->photos[i].head.stack;
            held.time_ns = recording->photos[i].head.time_ns;
        }
    return MEDIC_PUSH(recording, held, held);
}

/* Damage must not make a wait longer than the recording. */
static int read_early(struct recording *recording, const medic_record *record)
{
    ct_early early;

    if (!medic_take(record, &early, sizeof early, &recording->bad_records))
        return MEDIC_OK;
    if (early.wait_ns > recording->end_ns - recording->begin_ns)
        early.wait_ns = recording->end_ns - recording->begin_ns;
    return MEDIC_PUSH(recording, prior, early);
}

static int read_record(struct recording *recording, const medic_record *record)
{
    switch (record->type) {
    case CT_WAIT: return read_wait(recording, record);
    case CT_END: return TAKE_AND_PUSH(recording, record, end, ct_end);
    case CT_TYPE: return TAKE_AND_PUSH(recording, record, type, ct_type);
    case CT_TICK: return TAKE_AND_PUSH(recording, record, tick, ct_tick);
    case CT_LOCK: return read_lock(recording, record);
    case CT_BINS: return read_bins(recording, record);
    case CT_PAIR: return TAKE_AND_PUSH(recording, record, pair, ct_pair);
    case CT_OPEN: return TAKE_AND_PUSH(recording, record, open, ct_open);
    case CT_THREAD: return TAKE_AND_PUSH(recording, record, name, ct_thread);
    case CT_STACK: return read_photo(recording, record);
    case CT_HELD: return read_held(recording, record);
    case CT_KEPT: return TAKE_AND_PUSH(recording, record, kept, ct_kept);
    case CT_FIRST: return TAKE_AND_PUSH(recording, record, first, medic_thread_stack);
    case CT_STOOD: return TAKE_AND_PUSH(recording, record, stood, ct_stood);
    case CT_EARLY: return read_early(recording, record);
    case CT_TOTALS:
        recording->has_totals |=
            medic_take(record, &recording->totals, sizeof recording->totals, &recording->bad_records);
        return MEDIC_OK;
    default: return MEDIC_OK;
    }
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int by_number(const void *left, const void *right)
{
    return COMPARE(((const struct wait *)left)->number, ((const struct wait *)right)->number);
}

static int by_type(const void *left, const void *right)
{
    const ct_type *a = left, *b = right;

    return a->lock != b->lock ? COMPARE(a->lock, b->lock) : COMPARE(a->type, b->type);
}

static int by_time(const void *left, const void *right)
{
    return COMPARE(((const ct_tick *)left)->time_ns, ((const ct_tick *)right)->time_ns);
}

/* Counts only grow: the last record of a pair is the greatest. */
static int by_pair(const void *left, const void *right)
{
    const ct_pair *a = left, *b = right;

    if (a->lock != b->lock || a->tid != b->tid)
        return a->lock != b->lock ? COMPARE(a->lock, b->lock) : COMPARE(a->tid, b->tid);
    return COMPARE(b->waits + b->blocked, a->waits + a->blocked);
}

static void sort(void *array, size_t count, size_t element, int (*compare)(const void *, const void *))
{
    if (count)
        qsort(array, count, element, compare);
}

static void put_in_order(struct recording *recording)
{
    size_t kept = 0;

    sort(recording->waits, recording->wait_count, sizeof *recording->waits, by_number);
    sort(recording->types, recording->type_count, sizeof *recording->types, by_type);
    sort(recording->ticks, recording->tick_count, sizeof *recording->ticks, by_time);
    sort(recording->pairs, recording->pair_count, sizeof *recording->pairs, by_pair);
    for (size_t i = 0; i < recording->pair_count; i++)
        if (!kept || recording->pairs[kept - 1].lock != recording->pairs[i].lock ||
            recording->pairs[kept - 1].tid != recording->pairs[i].tid)
            recording->pairs[kept++] = recording->pairs[i];
    recording->pair_count = kept;
}

int read_recording(struct recording *recording, medic_reason *why)
{
    medic_record record;

    recording->capture->span(recording->host, &recording->begin_ns, &recording->end_ns);
    if (recording->end_ns < recording->begin_ns)
        recording->end_ns = recording->begin_ns;
    recording->frame_count = recording->frames->frame_count(recording->host);
    if (recording->frame_count == UINT32_MAX)
        recording->frame_count--;
    recording->capture->rewind(recording->host);
    while (recording->capture->next(recording->host, &record))
        if (read_record(recording, &record) != MEDIC_OK)
            return medic_fail(why, MEDIC_E_MEMORY, "no memory for more than %zu waits", recording->wait_count);
    if (!add_early_waits(recording))
        return medic_fail(why, MEDIC_E_MEMORY, "no memory for more than %zu waits", recording->wait_count);
    put_in_order(recording);
    return MEDIC_OK;
}

void recording_free(struct recording *recording)
{
    free(recording->waits);
    free(recording->ends);
    free(recording->types);
    free(recording->ticks);
    free(recording->pairs);
    free(recording->opens);
    free(recording->names);
    free(recording->photos);
    free(recording->helds);
    free(recording->kepts);
    free(recording->firsts);
    free(recording->stoods);
    free(recording->priors);
    free(recording->holdings);
    for (size_t i = 0; i < recording->lock_count; i++)
        free(recording->locks[i].type_object);
    free(recording->locks);
    free(recording->groups);
}
