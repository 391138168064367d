/* Where a lock is waited for and held, and by whom. */
#include "recording.h"

#include <stdlib.h>
#include <string.h>

/* --- sums by frame --- */

struct tally {
    double *sums; /* by frame or function id */
    uint32_t count;
};

static int tally_make(const struct recording *recording, struct tally *tally)
{
    tally->count = recording->frame_count + 1;
    tally->sums = calloc(tally->count, sizeof *tally->sums);
    return tally->sums != NULL;
}

static void tally_add(struct tally *tally, uint32_t id, double weight)
{
    if (id && id < tally->count)
        tally->sums[id] += weight;
}

static uint32_t tally_top(const struct tally *tally, double *all, double *most)
{
    uint32_t top = 0;

    *all = 0;
    for (uint32_t id = 1; id < tally->count; id++) {
        *all += tally->sums[id];
        if (tally->sums[id] > tally->sums[top])
            top = id;
    }
    *most = top ? tally->sums[top] : 0;
    return top;
}

/* --- who holds --- */

/* Of those seen in a photograph the function that kept others waiting longest. */
static void name_photographed(const struct recording *recording, struct group *group, struct tally *holders)
{
    double all, most, best = 0;

    memset(holders->sums, 0, holders->count * sizeof *holders->sums);
    for (size_t i = 0; i < recording->held_count; i++)
        if (group_of(recording, recording->helds[i].lock) == group)
            tally_add(holders, recording->helds[i].anchor, (double)recording->helds[i].wait_ns);
    group->holder = tally_top(holders, &all, &most);
    group->photographed = group->holder != 0;
    for (size_t i = 0; i < recording->held_count; i++) {
        const struct held *held = &recording->helds[i];
        if (group_of(recording, held->lock) != group || held->function != function_of(recording, group->holder) ||
            (double)held->wait_ns <= best)
            continue;
        best = (double)held->wait_ns;
        group->busy = held->leaf;
        group->sure = held->sure;
    }
}

/* Where the holder had got the lock is told when it is known for a quarter of the waiting at the site, and is one place for half
 * of that; else what a photograph shows. */
static void name_holder(const struct recording *recording, struct group *group, struct tally *holders, double at_site)
{
    double known, most, held = 0;
    uint32_t top;

    for (size_t i = 0; i < recording->wait_count; i++) {
        const struct wait *wait = &recording->waits[i], *got = wait_by_number(recording, wait->owner_wait);
        if (got && got->anchor && is_usable(wait) && group_of(recording, wait->lock) == group &&
            function_of(recording, wait->anchor) == group->site)
            tally_add(holders, got->anchor, wait->weight_ns);
    }
    top = tally_top(holders, &known, &most);
    for (uint32_t id = 1; top && id < holders->count; id++)
        if (function_of(recording, id) == function_of(recording, top))
            held += holders->sums[id];
    if (top && held >= 0.5 * known && known >= 0.25 * at_site)
        group->holder = top;
    else
        name_photographed(recording, group, holders);
}

static void name_site(const struct recording *recording, struct group *group, struct tally *lines,
                      struct tally *functions, double *at_site)
{
    double all;

    for (size_t i = 0; i < recording->wait_count; i++) {
        const struct wait *wait = &recording->waits[i];
        if (!is_usable(wait) || group_of(recording, wait->lock) != group)
            continue;
        tally_add(lines, wait->anchor, wait->weight_ns + 1e-6);
        tally_add(functions, function_of(recording, wait->anchor), wait->weight_ns + 1e-6);
    }
    group->site = tally_top(functions, &all, at_site);
    for (uint32_t id = 1; id < lines->count; id++)
        if (function_of(recording, id) == group->site && lines->sums[id] > (group->line ? lines->sums[group->line] : 0))
            group->line = id;
}

int know_places(struct recording *recording, struct group *group)
{
    struct tally lines = {0}, holders = {0}, functions = {0};
    int good = tally_make(recording, &lines) && tally_make(recording, &holders) && tally_make(recording, &functions);
    double at_site;

    if (good) {
        name_site(recording, group, &lines, &functions, &at_site);
        name_holder(recording, group, &holders, at_site);
    }
    free(lines.sums);
    free(holders.sums);
    free(functions.sums);
    return good;
}

/* --- threads --- */

struct thread_sum {
    uint32_t group, tid;
    uint64_t waits, blocked_ns;
};

static int by_group_and_thread(const void *left, const void *right)
{
    const struct thread_sum *a = left, *b = right;

    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    return (a->tid > b->tid) - (a->tid < b->tid);
}

static int by_thread(const void *left, const void *right)
{
    const struct thread_sum *a = left, *b = right;

    return (a->tid > b->tid) - (a->tid < b->tid);
}

static size_t gather(const struct recording *recording, struct thread_sum *sums)
{
    size_t count = 0;

    for (size_t i = 0; i < recording->pair_count; i++) {
        const ct_pair *pair = &recording->pairs[i];
        const struct group *group = group_of(recording, pair->lock);
        if (group)
            sums[count++] =
                (struct thread_sum){(uint32_t)(group - recording->groups), pair->tid, pair->waits, pair->blocked_ns};
    }
    for (size_t i = 0; i < recording->open_count; i++) {
        const ct_open *open = &recording->opens[i];
        const struct group *group = group_of(recording, open->lock);
        if (!group)
            continue;
        sums[count++] = (struct thread_sum){(uint32_t)(group - recording->groups), open->tid, 1, 0};
        if (open->owner)
            sums[count++] = (struct thread_sum){(uint32_t)(group - recording->groups), open->owner, 0,
                                                open_length(recording, open)};
    }
    return count;
}

uint32_t holding_thread(const struct group *group)
{
    return (double)group->holder_tid_ns * 3 >= (double)group->blocked_ns * 2 ? group->holder_tid : 0;
}

static void add_thread(struct group *group, uint32_t tid, uint64_t waits, uint64_t blocked_ns)
{
    group->threads += waits != 0;
    group->blocked_ns += blocked_ns;
    if (blocked_ns > group->holder_tid_ns) {
        group->holder_tid = tid;
        group->holder_tid_ns = blocked_ns;
    }
}

int know_threads(struct recording *recording)
{
    struct thread_sum *sums = calloc(recording->pair_count + 2 * recording->open_count + 1, sizeof *sums);
    size_t count;

    if (!sums)
        return 0;
    count = gather(recording, sums);
    qsort(sums, count, sizeof *sums, by_group_and_thread);
    for (size_t i = 0, end; i < count; i = end) {
        uint64_t waits = 0, blocked = 0;
        for (end = i; end < count && sums[end].group == sums[i].group && sums[end].tid == sums[i].tid; end++) {
            waits += sums[end].waits;
            blocked += sums[end].blocked_ns;
        }
        add_thread(&recording->groups[sums[i].group], sums[i].tid, waits, blocked);
    }
    qsort(sums, count, sizeof *sums, by_thread);
    for (size_t i = 0, end; i < count; i = end) {
        uint64_t waits = 0;
        for (end = i; end < count && sums[end].tid == sums[i].tid; end++)
            waits += sums[end].waits;
        recording->threads += waits != 0;
    }
    free(sums);
    return 1;
}
