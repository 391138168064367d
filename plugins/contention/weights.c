/* What a wait with a stack stands for. */
#include "recording.h"

#include <stdlib.h>

/* Time that a thread waited for a lock, and what of it was in waits with a stack. */
struct stratum {
    uint32_t lock, tid;
    uint64_t waited_ns, sampled_ns;
};

static int by_lock_and_thread(const void *left, const void *right)
{
    const struct stratum *a = left, *b = right;

    if (a->lock != b->lock)
        return a->lock < b->lock ? -1 : 1;
    return (a->tid > b->tid) - (a->tid < b->tid);
}

static struct stratum *stratum_of(const struct wait *wait, struct stratum *strata, size_t count)
{
    struct stratum key = {.lock = wait->lock, .tid = wait->os_id};

    return bsearch(&key, strata, count, sizeof *strata, by_lock_and_thread);
}

/* Returns how many. */
static size_t make_strata(const struct recording *recording, struct stratum *strata)
{
    size_t count = 0, kept = 0;

    for (size_t i = 0; i < recording->pair_count; i++)
        strata[count++] =
            (struct stratum){recording->pairs[i].lock, recording->pairs[i].tid, recording->pairs[i].wait_ns, 0};
    for (size_t i = 0; i < recording->open_count; i++)
        strata[count++] = (struct stratum){recording->opens[i].lock, recording->opens[i].tid,
                                           open_length(recording, &recording->opens[i]), 0};
    qsort(strata, count, sizeof *strata, by_lock_and_thread);
    for (size_t i = 0; i < count; i++)
        if (kept && by_lock_and_thread(&strata[kept - 1], &strata[i]) == 0)
            strata[kept - 1].waited_ns += strata[i].waited_ns;
        else
            strata[kept++] = strata[i];
    for (size_t i = 0; i < recording->wait_count; i++) {
        const struct wait *wait = &recording->waits[i];
        struct stratum *stratum = is_usable(wait) ? stratum_of(wait, strata, kept) : NULL;
        if (stratum)
            stratum->sampled_ns += wait->wait_ns;
    }
    return kept;
}

static void weigh_by_thread(struct recording *recording, struct stratum *strata, size_t count, double *sums)
{
    for (size_t i = 0; i < recording->wait_count; i++) {
        struct wait *wait = &recording->waits[i];
        const struct group *group = group_of(recording, wait->lock);
        const struct stratum *stratum = stratum_of(wait, strata, count);
        if (!is_usable(wait) || !group)
            continue;
        wait->weight_ns = (double)wait->wait_ns;
        if (stratum && stratum->sampled_ns && stratum->waited_ns)
            wait->weight_ns *= (double)stratum->waited_ns / (double)stratum->sampled_ns;
        sums[group - recording->groups] += wait->weight_ns;
    }
}

/* A wait with a stack stands for a part of the exact sum of its thread and lock: who waits seldom is sampled more often. What is
 * left, of threads without a stack, is spread over the group. */
int weigh(struct recording *recording)
{
    struct stratum *strata = calloc(recording->pair_count + recording->open_count + 1, sizeof *strata);
    double *sums = calloc(recording->group_count + 1, sizeof *sums);
    int good = strata && sums;

    if (good)
        weigh_by_thread(recording, strata, make_strata(recording, strata), sums);
    for (size_t i = 0; good && i < recording->wait_count; i++) {
        struct wait *wait = &recording->waits[i];
        const struct group *group = group_of(recording, wait->lock);
        double sum = wait->weight_ns > 0 && group ? sums[group - recording->groups] : 0;
        if (sum > 0)
            wait->weight_ns *= (double)group->waited_ns / sum;
    }
    free(strata);
    free(sums);
    return good;
}
