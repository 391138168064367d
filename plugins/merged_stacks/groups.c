/* Threads that wait for the same, and what they come down to. */
#include "recording.h"

#include <stdlib.h>
#include <string.h>

/* --- sorting into groups --- */

struct key {
    uint32_t thread; /* index */
    enum wait wait;
    uint32_t function, line, os_id;
};

/* All idle workers are one group, and so are the runtime's threads. */
static int has_place(enum wait wait)
{
    return wait != WAIT_IDLE && wait != WAIT_SERVICE;
}

static struct key key_of(const struct recording *recording, uint32_t index)
{
    const struct thread *thread = &recording->threads[index];
    struct key key = {.thread = index, .wait = thread->wait, .os_id = thread->raw.head.os_id};

    if (has_place(thread->wait)) {
        key.function = function_of(recording, thread->anchor);
        key.line = frame_of(recording, thread->anchor)->line;
    }
    return key;
}

static int same_group(const struct key *a, const struct key *b)
{
    return a->wait == b->wait && a->function == b->function;
}

static int compare(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int by_group(const void *left, const void *right)
{
    const struct key *a = left, *b = right;
    int order = compare(a->wait, b->wait);

    if (!order)
        order = compare(a->function, b->function);
    if (!order)
        order = compare(a->line, b->line);
    return order ? order : compare(a->os_id, b->os_id);
}

/* The frame whose line most threads of a run of keys stand at. */
static uint32_t common_frame(const struct recording *recording, const struct key *keys, size_t count)
{
    size_t best = 0, best_count = 0;

    for (size_t i = 0, run; i < count; i += run) {
        for (run = 1; i + run < count && keys[i + run].line == keys[i].line;)
            run++;
        if (run > best_count) {
            best = i;
            best_count = run;
        }
    }
    return count ? recording->threads[keys[best].thread].anchor : 0;
}

static struct group group_of(const struct recording *recording, const struct key *keys, size_t count)
{
    struct group group = {.wait = keys->wait, .function = keys->function, .count = (uint32_t)count};

    if (has_place(keys->wait))
        group.place = place_of(recording, common_frame(recording, keys, count));
    for (size_t i = 0; i < count; i++)
        group.pool += (uint32_t)recording->threads[keys[i].thread].pool;
    return group;
}

static int last_kinds(enum wait wait)
{
    return wait == WAIT_IDLE ? 1 : wait == WAIT_SERVICE ? 2 : 0;
}

static int by_size(const void *left, const void *right)
{
    const struct group *a = left, *b = right;
    int order = last_kinds(a->wait) - last_kinds(b->wait);

    if (!order)
        order = compare(b->count, a->count);
    if (!order)
        order = compare(a->wait, b->wait);
    return order ? order : compare(a->function, b->function);
}

static void cut_groups(struct recording *recording, const struct key *keys)
{
    size_t count = recording->thread_count;

    for (size_t i = 0, run; i < count; i += run) {
        for (run = 1; i + run < count && same_group(&keys[i], &keys[i + run]);)
            run++;
        recording->groups[recording->group_count] = group_of(recording, &keys[i], run);
        recording->groups[recording->group_count++].first = (uint32_t)i;
    }
    if (recording->group_count)
        qsort(recording->groups, recording->group_count, sizeof *recording->groups, by_size);
}

/* Puts the threads into the order of the groups. keys are in the order of by_group. */
static void order_threads(struct recording *recording, const struct key *keys, struct thread *ordered)
{
    size_t at = 0;

    for (size_t g = 0; g < recording->group_count; g++) {
        struct group *group = &recording->groups[g];
        size_t i = group->first; /* as yet of keys */
        group->first = (uint32_t)at;
        for (uint32_t n = 0; n < group->count; n++) {
            ordered[at] = recording->threads[keys[i + n].thread];
            ordered[at++].group = (uint32_t)g;
        }
    }
}

/* --- facts --- */

static void count_states(const struct recording *recording, struct facts *facts)
{
    facts->threads = (uint32_t)recording->thread_count;
    for (size_t i = 0; i < recording->thread_count; i++) {
        const struct thread *thread = &recording->threads[i];
        facts->states[thread->wait]++;
        facts->inferred += (uint32_t)thread->inferred;
        facts->broken += (thread->raw.head.flags & (MEDIC_STACK_BROKEN | MEDIC_STACK_TRUNCATED)) != 0;
        if (thread->pool) {
            facts->pool++;
            facts->pool_idle += thread->wait == WAIT_IDLE;
            facts->pool_blocked += (uint32_t)wait_blocks(thread->wait);
        }
    }
}

static void find_crowds(const struct recording *recording, struct facts *facts)
{
    for (size_t g = 0; g < recording->group_count && facts->crowd_count < CROWDS_MAX; g++) {
        const struct group *group = &recording->groups[g];
        if (wait_blocks(group->wait))
            facts->crowds[facts->crowd_count++] = (struct crowd){group->wait, group->count, group->pool,
                                                                 recording->threads[group->first].user, group->place};
    }
}

static int passes(const struct recording *recording, const struct thread *thread, uint32_t function)
{
    for (uint32_t i = 0; i < thread->count; i++)
        if (function_of(recording, thread->frames[i]) == function)
            return 1;
    return 0;
}

/* The lock that most wait for is taken in their function: who is in it and does not wait may hold it. */
static void find_holder(const struct recording *recording, struct facts *facts)
{
    const struct group *group = recording->groups;
    const struct group *end = group + recording->group_count;

    while (group < end && group->wait != WAIT_LOCK && group->wait != WAIT_RWLOCK)
        group++;
    if (group == end || !group->function)
        return;
    for (size_t i = 0; i < recording->thread_count; i++) {
        const struct thread *thread = &recording->threads[i];
        if (&recording->groups[thread->group] == group || !passes(recording, thread, group->function))
            continue;
        facts->holder = thread->name;
        facts->holder_tid = thread->raw.head.os_id;
        facts->holder_wait = thread->wait;
        return;
    }
}

static void find_facts(struct recording *recording)
{
    struct facts *facts = &recording->facts;

    count_states(recording, facts);
    find_crowds(recording, facts);
    find_holder(recording, facts);
    facts->complete = recording->has_snapshot;
    facts->missed = recording->has_snapshot ? recording->snapshot.missed : 0;
}

int make_groups(struct recording *recording)
{
    size_t count = recording->thread_count;
    struct key *keys = calloc(count + 1, sizeof *keys);
    struct thread *ordered = calloc(count + 1, sizeof *ordered);
    int code = MEDIC_E_MEMORY;

    recording->groups = calloc(count + 1, sizeof *recording->groups);
    if (keys && ordered && recording->groups) {
        for (size_t i = 0; i < count; i++)
            keys[i] = key_of(recording, (uint32_t)i);
        qsort(keys, count, sizeof *keys, by_group);
        cut_groups(recording, keys);
        order_threads(recording, keys, ordered);
        free(recording->threads);
        recording->threads = ordered;
        ordered = NULL;
        find_facts(recording);
        code = MEDIC_OK;
    }
    free(keys);
    free(ordered);
    return code;
}
