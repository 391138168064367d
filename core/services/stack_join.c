#include "core/services/stack_join.h"

#include <stdlib.h>
#include <string.h>

static struct join_chain *find(struct join *join, uint64_t thread)
{
    for (unsigned i = 0; i < JOIN_CHAINS; i++) {
        if (join->chains[i].thread == thread)
            return &join->chains[i];
    }
    return NULL;
}

static struct join_chain *oldest(struct join *join)
{
    struct join_chain *found = &join->chains[0];

    for (unsigned i = 1; i < JOIN_CHAINS; i++) {
        if (join->chains[i].used < found->used)
            found = &join->chains[i];
    }
    return found;
}

void join_remember(struct join *join, uint64_t thread, const struct unwind_step *steps, uint32_t count, uint32_t flags)
{
    struct join_chain *chain = find(join, thread);

    if (!chain)
        chain = oldest(join);
    free(chain->steps);
    *chain = (struct join_chain){.steps = count ? malloc(count * sizeof *steps) : NULL};
    if (!chain->steps)
        return;
    memcpy(chain->steps, steps, count * sizeof *steps);
    chain->thread = thread;
    chain->count = count;
    chain->flags = flags;
    chain->used = ++join->clock;
}

/* The index in the chain behind the activation, or 0. A chain's cfas grow towards the root. */
static uint32_t behind(const struct join_chain *chain, const struct unwind_step *step)
{
    uint32_t low = 0, high = chain->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (chain->steps[middle].cfa < step->cfa)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < chain->count && chain->steps[low].cfa == step->cfa; low++) {
        if (chain->steps[low].ip == step->ip)
            return low + 1;
    }
    return 0;
}

uint32_t join_complete(struct join *join, uint64_t thread, struct unwind_step *steps, uint32_t count, uint32_t capacity,
                       uint32_t *flags)
{
    struct join_chain *chain = find(join, thread);

    if (!chain || !thread)
        return count;
    chain->used = ++join->clock;
    /* From the root's side: the outermost activation that both know is the oldest one. The leaf is where it was interrupted,
     * not a call. */
    for (uint32_t i = count; i-- > 1;) {
        uint32_t next = behind(chain, &steps[i]), more;

        if (!next)
            continue;
        more = chain->count - next < capacity - (i + 1) ? chain->count - next : capacity - (i + 1);
        memcpy(steps + i + 1, chain->steps + next, more * sizeof *steps);
        *flags = MEDIC_STACK_JOINED | chain->flags;
        return i + 1 + more;
    }
    return count;
}

uint64_t join_memory(const struct join *join)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < JOIN_CHAINS; i++)
        bytes += join->chains[i].count * sizeof *join->chains[i].steps;
    return bytes;
}

void join_free(struct join *join)
{
    for (unsigned i = 0; i < JOIN_CHAINS; i++)
        free(join->chains[i].steps);
    memset(join, 0, sizeof *join);
}
