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

static int by_lock_and_thread(const void *left, const void *right)
{
    const struct holding *a = left, *b = right;

    if (a->lock != b->lock)
        return a->lock < b->lock ? -1 : 1;
    return a->tid != b->tid ? (a->tid > b->tid) - (a->tid < b->tid) : (a->held != NULL) - (b->held != NULL);
}

static size_t gather_holdings(const struct recording *recording, struct holding *list)
{
    size_t count = 0;

    for (size_t i = 0; i < recording->wait_count; i++) {
        const struct wait *wait = &recording->waits[i];
        if (wait->kept_ns && wait->anchor && group_of(recording, wait->lock))
            list[count++] = (struct holding){wait->lock, wait->os_id, wait->anchor, NULL, (double)wait->kept_ns, 0};
    }
    for (size_t i = 0; i < recording->held_count; i++) {
        const struct held *held = &recording->helds[i];
        if (held->anchor && group_of(recording, held->lock))
            list[count++] = (struct holding){held->lock, held->owner, held->anchor, held, (double)held->wait_ns + 1, 0};
    }
    qsort(list, count, sizeof *list, by_lock_and_thread);
    return count;
}

static uint64_t blocked_by(const struct recording *recording, uint32_t lock, uint32_t tid)
{
    size_t low = 0, high = recording->pair_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const ct_pair *pair = &recording->pairs[middle];
        if (pair->lock < lock || (pair->lock == lock && pair->tid < tid))
            low = middle + 1;
        else
            high = middle;
    }
    return low < recording->pair_count && recording->pairs[low].lock == lock && recording->pairs[low].tid == tid
               ? recording->pairs[low].blocked_ns
               : 0;
}

/* How long others waited for a lock that a thread held is exact. Where the thread had got it is told by the waits by which it
 * got it, of which some have a stack; where it has none, by photographs. */
int find_holdings(struct recording *recording)
{
    struct holding *list = calloc(recording->wait_count + recording->held_count + 1, sizeof *list);
    size_t count;

    recording->holdings = list;
    if (!list)
        return 0;
    count = recording->holding_count = gather_holdings(recording, list);
    for (size_t i = 0, end; i < count; i = end) {
        double sum = 0, blocked = (double)blocked_by(recording, list[i].lock, list[i].tid);
        for (end = i; end < count && list[end].lock == list[i].lock && list[end].tid == list[i].tid; end++)
            sum += !list[end].held == !list[i].held ? list[end].weight : 0;
        for (size_t k = i; k < end && sum > 0; k++)
            list[k].blocked_ns = !list[k].held == !list[i].held ? blocked * list[k].weight / sum : 0;
    }
    return 1;
}

/* What a thread waited for the locks of a group, and what of it in the site that is told. */
struct waiter {
    uint32_t tid;
    double all_ns, site_ns;
};

static int by_waiter(const void *left, const void *right)
{
    const struct waiter *a = left, *b = right;

    return (a->tid > b->tid) - (a->tid < b->tid);
}

/* Sorted by thread; the first one is the sum of all. NULL when out of memory. */
static struct waiter *gather_waiters(const struct recording *recording, const struct group *group, size_t *count)
{
    struct waiter *waiters = calloc(recording->wait_count + 1, sizeof *waiters);
    size_t all = 1, kept = 1;

    for (size_t i = 0; waiters && i < recording->wait_count; i++) {
        const struct wait *wait = &recording->waits[i];
        double site = function_of(recording, wait->anchor) == group->site ? wait->weight_ns : 0;
        if (!is_usable(wait) || group_of(recording, wait->lock) != group || !wait->os_id)
            continue;
        waiters[all++] = (struct waiter){wait->os_id, wait->weight_ns, site};
        waiters[0].all_ns += wait->weight_ns;
        waiters[0].site_ns += site;
    }
    if (waiters)
        qsort(waiters, all, sizeof *waiters, by_waiter);
    for (size_t i = 1; waiters && i < all; i++)
        if (kept > 1 && waiters[kept - 1].tid == waiters[i].tid) {
            waiters[kept - 1].all_ns += waiters[i].all_ns;
            waiters[kept - 1].site_ns += waiters[i].site_ns;
        } else {
            waiters[kept++] = waiters[i];
        }
    *count = kept;
    return waiters;
}

/* Of those that wait while a thread holds the lock, all but itself, the share that waits in the site. */
static double share_in_site(const struct waiter *waiters, size_t count, uint32_t holder)
{
    struct waiter key = {.tid = holder};
    const struct waiter *own = holder ? bsearch(&key, waiters, count, sizeof *waiters, by_waiter) : NULL;
    double all = waiters[0].all_ns - (own ? own->all_ns : 0), site = waiters[0].site_ns - (own ? own->site_ns : 0);

    return all > 0 && site > 0 ? site / all : 0;
}

static int is_held_there(const struct recording *recording, const struct holding *holding, const struct group *group)
{
    return group_of(recording, holding->lock) == group && holding->blocked_ns > 0 &&
           function_of(recording, holding->frame) == function_of(recording, group->holder);
}

/* The line in the method, and what photographs add: what the holder did there, and that it is known from them only. */
static void detail_holder(const struct recording *recording, struct group *group)
{
    uint32_t line = group->holder;
    double best = 0, best_photo = 0;

    group->photographed = 1;
    for (size_t i = 0; i < recording->holding_count; i++) {
        const struct holding *holding = &recording->holdings[i];
        if (!is_held_there(recording, holding, group))
            continue;
        if (holding->blocked_ns > best) {
            best = holding->blocked_ns;
            line = holding->frame;
        }
        group->photographed &= holding->held != NULL;
        if (holding->held && holding->blocked_ns > best_photo) {
            best_photo = holding->blocked_ns;
            group->busy = holding->held->leaf;
            group->sure = holding->held->sure;
        }
    }
    group->holder = line;
}

/* Who holds it while others wait in the site. */
static int name_holder(const struct recording *recording, struct group *group, struct tally *holders, double at_site)
{
    size_t count;
    struct waiter *waiters = gather_waiters(recording, group, &count);
    double known, most;

    if (!waiters)
        return 0;
    for (size_t i = 0; i < recording->holding_count; i++) {
        const struct holding *holding = &recording->holdings[i];
        if (group_of(recording, holding->lock) == group)
            tally_add(holders, function_of(recording, holding->frame),
                      holding->blocked_ns * share_in_site(waiters, count, holding->tid));
    }
    free(waiters);
    group->holder = tally_top(holders, &known, &most);
    if (!group->holder || at_site <= 0)
        return 1;
    group->holder_share = most < at_site ? most / at_site : 1;
    group->known_share = known < at_site ? known / at_site : 1;
    detail_holder(recording, group);
    return 1;
}

/* Those of System.Threading.Lock without a timeout go through others that begin so too. */
static int is_timed(const struct recording *recording, const struct wait *wait)
{
    const char *entry = frame_of(recording, wait->entry)->function;

    return medic_begins_with(entry, "System.Threading.Monitor.TryEnter") ||
           strcmp(entry, "System.Threading.Lock.TryEnter") == 0;
}

static int is_of_the_library(const struct recording *recording, uint32_t frame)
{
    const char *name = frame_of(recording, frame)->function;

    return frame && frame_of(recording, frame)->kind == MEDIC_FRAME_MANAGED &&
           !medic_begins_with(name, "System.Threading.Monitor.") && !medic_begins_with(name, "System.Threading.Lock.");
}

/* What the program calls in the site to get the lock. */
static void know_entry(const struct recording *recording, struct group *group)
{
    double best = 0;

    for (size_t i = 0; i < recording->wait_count; i++) {
        const struct wait *wait = &recording->waits[i];
        if (!is_usable(wait) || group_of(recording, wait->lock) != group || !wait->user ||
            function_of(recording, wait->anchor) != group->site)
            continue;
        group->timed |= is_timed(recording, wait);
        if (wait->weight_ns <= best)
            continue;
        best = wait->weight_ns;
        group->entry = is_of_the_library(recording, wait->entry) ? wait->entry : 0;
    }
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
    know_entry(recording, group);
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
        good = name_holder(recording, group, &holders, at_site);
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
    struct thread_sum *sums = calloc(recording->pair_count + recording->open_count + 1, sizeof *sums);
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
