/* Where the CPU goes: a function of the program, with what it called and who called it. */
#include "recording.h"

#include <stdlib.h>

/* Sums by frame or function id. */
struct tally {
    uint64_t *sums;
    uint32_t count; /* ids are 0..count - 1 */
};

static void tally_add(struct tally *tally, uint32_t id, uint64_t weight)
{
    if (id && id < tally->count)
        tally->sums[id] += weight;
}

/* The id with the greatest sum, 0 when all are 0. */
static uint32_t tally_top(const struct tally *tally, uint64_t *sum)
{
    uint32_t top = 0;

    for (uint32_t id = 1; id < tally->count; id++)
        if (tally->sums[id] > tally->sums[top])
            top = id;
    *sum = top ? tally->sums[top] : 0;
    return top;
}

static uint32_t tally_used(const struct tally *tally)
{
    uint32_t used = 0;

    for (uint32_t id = 1; id < tally->count; id++)
        used += tally->sums[id] != 0;
    return used;
}

enum { BY_FUNCTION, BY_LINE, BY_ENTRY, BY_LEAF, BY_CALLER, TALLIES };

static int tallies_make(const struct recording *recording, struct tally *tallies)
{
    size_t count = (size_t)recording->frame_count + 1;
    uint64_t *sums = calloc(TALLIES * count, sizeof *sums);

    for (uint32_t i = 0; i < TALLIES; i++)
        tallies[i] = (struct tally){sums ? sums + i * count : NULL, sums ? (uint32_t)count : 0};
    return sums != NULL;
}

static void look(const struct recording *recording, const struct sample *sample, struct tally *tallies,
                 struct site *site)
{
    const struct view *view = view_of(recording, sample);

    tally_add(&tallies[BY_LINE], view->anchor, sample->weight_ns);
    tally_add(&tallies[BY_CALLER], function_of(recording, view->caller), sample->weight_ns);
    site->user |= view->user;
    if (view->entry) {
        tally_add(&tallies[BY_ENTRY], function_of(recording, view->entry), sample->weight_ns);
        tally_add(&tallies[BY_LEAF], function_of(recording, view->leaf), sample->weight_ns);
    } else {
        site->self_ns += sample->weight_ns;
    }
    if (view->repeats > site->depth)
        site->depth = view->repeats;
    if (view->repeats >= 3)
        site->repeat_ns += sample->weight_ns;
}

static void conclude(const struct recording *recording, const struct tally *tallies, struct site *site)
{
    uint64_t sum;

    site->place = place_of(recording, tally_top(&tallies[BY_LINE], &sum));
    site->entry = place_of(recording, tally_top(&tallies[BY_ENTRY], &site->entry_ns));
    site->leaf = place_of(recording, tally_top(&tallies[BY_LEAF], &site->leaf_ns));
    site->caller = place_of(recording, tally_top(&tallies[BY_CALLER], &site->caller_ns));
    site->callers = tally_used(&tallies[BY_CALLER]);
}

int find_site(const struct recording *recording, int (*pick)(const struct sample *sample, const void *context),
              const void *context, struct site *site)
{
    struct tally tallies[TALLIES];

    *site = (struct site){0};
    if (!tallies_make(recording, tallies))
        return MEDIC_E_MEMORY;
    for (size_t i = 0; i < recording->sample_count; i++)
        if (pick(&recording->samples[i], context))
            tally_add(&tallies[BY_FUNCTION], function_of(recording, view_of(recording, &recording->samples[i])->anchor),
                      recording->samples[i].weight_ns);
    site->function = tally_top(&tallies[BY_FUNCTION], &site->weight_ns);
    for (size_t i = 0; site->function && i < recording->sample_count; i++) {
        const struct sample *sample = &recording->samples[i];
        if (pick(sample, context) && function_of(recording, view_of(recording, sample)->anchor) == site->function)
            look(recording, sample, tallies, site);
    }
    conclude(recording, tallies, site);
    free(tallies[0].sums);
    return MEDIC_OK;
}
