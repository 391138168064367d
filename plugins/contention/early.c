/* Waits that had begun before the recording. Their begin was not told, so their locks and holders are not known; the photograph at
 * the begin shows where they wait. One is known by its end, or by not having run until the recording ended. */
#include "recording.h"

#include <medic/reading.h>
#include <string.h>

#define FIRST_NUMBER (UINT64_C(1) << 62) /* beyond those of waits that were seen to begin */

#define RWLOCK "System.Threading.ReaderWriterLock"

enum standing { NOT_FOR_A_LOCK, FOR_A_LOCK, PERHAPS_FOR_A_LOCK };

static int is_entering(const char *name, const char *type)
{
    return medic_begins_with(name, type) && strstr(name + strlen(type), "Enter") != NULL;
}

/* Locks of .NET 8 and 9 leave no frame, but for System.Threading.Lock: there who stands in the program's own code waits for one, or
 * in a call that leaves no frame either. */
static enum standing standing_of(const struct recording *recording, uint64_t stack)
{
    const uint32_t *frames = NULL;
    uint32_t count = managed_part(recording, stack, &frames);
    int has_frames = recording->capture->header(recording->host)->runtime_major >= 10;

    if (count && !has_frames && frame_of(recording, frames[count - 1])->code == MEDIC_CODE_USER)
        return PERHAPS_FOR_A_LOCK;
    for (uint32_t i = count; i > 0 && frame_of(recording, frames[i - 1])->code != MEDIC_CODE_USER; i--) {
        const char *name = frame_of(recording, frames[i - 1])->function;
        if (is_entering(name, "System.Threading.Monitor.") || is_entering(name, "System.Threading.Lock.") ||
            is_entering(name, RWLOCK))
            return FOR_A_LOCK;
        if (medic_begins_with(name, "System.Threading.Monitor."))
            return NOT_FOR_A_LOCK;
    }
    return NOT_FOR_A_LOCK;
}

static const ct_early *end_of(const struct recording *recording, const medic_thread_stack *first)
{
    for (size_t i = 0; i < recording->prior_count; i++)
        if (recording->priors[i].tid == first->head.os_id && recording->priors[i].time_ns >= first->head.time_ns)
            return &recording->priors[i];
    return NULL;
}

static int has_stood(const struct recording *recording, uint32_t tid)
{
    for (size_t i = 0; i < recording->stood_count; i++)
        if (recording->stoods[i].tid == tid)
            return 1;
    return 0;
}

/* Who stands in a method in which others were seen to wait for a lock waits for one too. */
static int is_site(const struct recording *recording, uint32_t function)
{
    for (size_t i = 0; i < recording->wait_count; i++) {
        struct wait wait = recording->waits[i];
        if (wait.number >= FIRST_NUMBER || wait.kind != CT_KIND_LOCK)
            continue;
        find_anchor(recording, &wait);
        if (wait.anchor && function_of(recording, wait.anchor) == function)
            return 1;
    }
    return 0;
}

/* All that wait in one method are told as one lock. NULL when out of memory. */
static struct lock *lock_of_site(struct recording *recording, uint32_t function, size_t first, enum standing standing)
{
    struct lock *lock;
    size_t index = first;

    while (index < recording->lock_count && recording->locks[index].raw.begun &&
           recording->locks[index].site != function)
        index++;
    lock = index < LOCKS_MOST ? lock_at(recording, (uint32_t)index) : NULL;
    if (!lock)
        return NULL;
    if (!lock->raw.begun) {
        lock->raw.lock = (uint32_t)index;
        lock->raw.kind = CT_KIND_LOCK;
        lock->site = function;
        lock->early = 1;
        lock->inferred = standing == PERHAPS_FOR_A_LOCK && !is_site(recording, function);
    }
    if (standing != PERHAPS_FOR_A_LOCK)
        lock->inferred = 0;
    return lock;
}

static int add_ended(struct recording *recording, struct lock *lock, const struct wait *wait, uint64_t wait_ns)
{
    ct_end end = {wait->number, wait_ns};
    ct_pair pair = {.lock = wait->lock, .tid = wait->os_id, .waits = 1, .wait_ns = wait_ns};

    lock->raw.ended++;
    lock->raw.ended_ns += wait_ns;
    lock->bins[ct_bin_of(wait_ns)]++;
    if (lock->raw.max_ns < wait_ns)
        lock->raw.max_ns = wait_ns;
    return MEDIC_PUSH(recording, end, end) == MEDIC_OK && MEDIC_PUSH(recording, pair, pair) == MEDIC_OK;
}

/* ended: NULL = it had not when the recording did. */
static int add_wait(struct recording *recording, size_t first_lock, struct wait wait, const ct_early *ended,
                    enum standing standing)
{
    struct lock *lock;
    ct_open open;

    wait.number = FIRST_NUMBER + recording->wait_count;
    wait.kind = CT_KIND_LOCK;
    find_anchor(recording, &wait);
    lock = lock_of_site(recording, function_of(recording, wait.anchor), first_lock, standing);
    if (!lock)
        return 0;
    wait.lock = lock->raw.lock;
    lock->raw.begun++;
    if (MEDIC_PUSH(recording, wait, wait) != MEDIC_OK)
        return 0;
    if (ended)
        return add_ended(recording, lock, &wait, ended->wait_ns);
    open = (ct_open){recording->begin_ns, wait.number, wait.lock, wait.os_id, 0, CT_KIND_LOCK};
    return MEDIC_PUSH(recording, open, open) == MEDIC_OK;
}

static int add_photographed(struct recording *recording, size_t first_lock, const medic_thread_stack *first)
{
    const ct_early *ended = end_of(recording, first);
    struct wait wait = {.time_ns = recording->begin_ns, .stack = first->head.stack, .os_id = first->head.os_id};
    enum standing standing = ended ? FOR_A_LOCK : standing_of(recording, first->head.stack);

    if (standing == NOT_FOR_A_LOCK || (!ended && !has_stood(recording, first->head.os_id)))
        return 1;
    return add_wait(recording, first_lock, wait, ended, standing);
}

static int is_photographed(const struct recording *recording, const ct_early *early)
{
    for (size_t i = 0; i < recording->first_count; i++)
        if (recording->firsts[i].head.os_id == early->tid)
            return end_of(recording, &recording->firsts[i]) == early;
    return 0;
}

static int waits_for_rwlock(const struct recording *recording, uint64_t stack)
{
    const uint32_t *frames = NULL;
    uint32_t count = managed_part(recording, stack, &frames);

    for (uint32_t i = count; i > 0 && frame_of(recording, frames[i - 1])->code != MEDIC_CODE_USER; i--)
        if (is_entering(frame_of(recording, frames[i - 1])->function, RWLOCK))
            return 1;
    return 0;
}

/* Their waits are not told by the events of locks. */
static void count_rwlock_waiters(struct recording *recording)
{
    for (size_t i = 0; i < recording->first_count; i++)
        recording->rwlock_waiters += (uint32_t)waits_for_rwlock(recording, recording->firsts[i].head.stack);
}

int add_early_waits(struct recording *recording)
{
    size_t first_lock = recording->lock_count;

    count_rwlock_waiters(recording);
    for (size_t i = 0; i < recording->first_count; i++)
        if (!add_photographed(recording, first_lock, &recording->firsts[i]))
            return 0;
    for (size_t i = 0; i < recording->prior_count; i++) {
        struct wait wait = {.time_ns = recording->begin_ns, .os_id = recording->priors[i].tid};
        if (!is_photographed(recording, &recording->priors[i]) &&
            !add_wait(recording, first_lock, wait, &recording->priors[i], FOR_A_LOCK))
            return 0;
    }
    return 1;
}
