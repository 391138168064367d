/* From samples to all throws: what each of them stands for, and those of the same text together, with the error of that. */
#include "recording.h"

#include <medic/sampling.h>

#include <stdlib.h>
#include <string.h>

#define NO_OTHER_SEEN 3 /* samples: what would be seen with 95 % if it were there */

/* --- weights --- */

/* Fresh or propagated throws of a type: those of samples that stand for themselves, and of the others. */
struct told {
    double one, more;
};

/* Those for which chance decided share what is left of the count; when there are none, all do. */
static double scaled(const struct told *told, uint64_t count, double stands_for)
{
    double left = (double)count - told->one;

    if (told->more > 0 && left > 0)
        return stands_for > 1 ? stands_for * left / told->more : 1;
    return (double)count * stands_for / (told->one + told->more);
}

/* Variance of a count that chance took one of so many for. */
static double spread_of(double weight)
{
    return weight > 1 ? weight * (weight - 1) : 0;
}

static double stands_for(const struct sample *sample)
{
    return sample->head.stands_for ? (double)sample->head.stands_for : 1;
}

int weigh_samples(struct recording *recording)
{
    struct told(*told)[2] = calloc(recording->type_count + 1, sizeof *told);

    if (!told)
        return MEDIC_E_MEMORY;
    for (size_t i = 0; i < recording->sample_count; i++) {
        const struct sample *sample = &recording->samples[i];
        struct told *of;
        if (sample->type == NO_INDEX)
            continue;
        of = &told[sample->type][(sample->head.flags & EX_PROPAGATED) != 0];
        *(stands_for(sample) > 1 ? &of->more : &of->one) += stands_for(sample);
    }
    for (size_t i = 0; i < recording->sample_count; i++) {
        struct sample *sample = &recording->samples[i];
        int again = (sample->head.flags & EX_PROPAGATED) != 0;
        struct type *type = sample->type == NO_INDEX ? NULL : &recording->types[sample->type];
        if (!type)
            continue;
        sample->weight = scaled(&told[sample->type][again], again ? type->propagated : type->fresh, stands_for(sample));
        if (!again)
            type->spread += spread_of(sample->weight);
    }
    free(told);
    return MEDIC_OK;
}

/* Of a part of a known whole: its own samples, and the others', that scale it. */
double error_of(const struct recording *recording, const struct group *group)
{
    const struct type *type = &recording->types[group->type];
    double part = type->fresh ? group->count / (double)type->fresh : 1, rest = 1 - part, error, least;

    if (type->spread <= 0)
        return 0;
    error = MEDIC_CERTAIN * medic_root(rest * rest * group->spread + part * part * (type->spread - group->spread));
    least = NO_OTHER_SEEN * group->count / (double)group->samples;
    if (least > group->count - (double)group->samples)
        least = group->count - (double)group->samples;
    return error > least ? error : least;
}

/* --- groups --- */

static const char *message_of(const struct sample *sample)
{
    return sample->folded;
}

static const char *site_of(const struct sample *sample)
{
    return sample->site_name;
}

static const char *chain_of(const struct sample *sample)
{
    return sample->chain;
}

static int by_text(const void *left, const void *right)
{
    const struct group *a = left, *b = right;
    int order;

    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    order = strcmp(a->text, b->text);
    return order ? order : (a->example > b->example) - (a->example < b->example);
}

static int by_count(const void *left, const void *right)
{
    const struct group *a = left, *b = right;

    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return by_text(left, right);
}

/* Fresh throws only: what is thrown again has the same message and comes from elsewhere. */
static struct group *group_by(const struct recording *recording, const char *(*text)(const struct sample *),
                              size_t *count)
{
    struct group *groups = calloc(recording->sample_count + 1, sizeof *groups);
    size_t used = 0, merged = 0;

    *count = 0;
    if (!groups)
        return NULL;
    for (size_t i = 0; i < recording->sample_count; i++) {
        const struct sample *sample = &recording->samples[i];
        if (text(sample) && sample->type != NO_INDEX && !(sample->head.flags & EX_PROPAGATED))
            groups[used++] =
                (struct group){sample->type, text(sample), sample->weight, spread_of(sample->weight), 1, i};
    }
    qsort(groups, used, sizeof *groups, by_text);
    for (size_t i = 0; i < used; i++) {
        if (merged && groups[merged - 1].type == groups[i].type && !strcmp(groups[merged - 1].text, groups[i].text)) {
            groups[merged - 1].count += groups[i].count;
            groups[merged - 1].spread += groups[i].spread;
            groups[merged - 1].samples++;
        } else {
            groups[merged++] = groups[i];
        }
    }
    qsort(groups, merged, sizeof *groups, by_count);
    *count = merged;
    return groups;
}

static int make_chains(struct recording *recording)
{
    for (size_t i = 0; i < recording->sample_count; i++) {
        struct sample *sample = &recording->samples[i];
        char chain[1024];
        struct medic_text text = {chain, sizeof chain};
        uint64_t inner[EX_INNER_MAX];
        if (!sample->head.inner_count || sample->type == NO_INDEX)
            continue;
        memcpy(inner, sample->chain, sample->head.inner_count * sizeof inner[0]);
        medic_add(&text, "%s", recording->types[sample->type].name);
        for (uint32_t k = 0; k < sample->head.inner_count; k++)
            medic_add(&text, " > %s", name_of(recording, MEDIC_NAME_TYPE, inner[k], "(unknown type)"));
        if (sample->head.flags & EX_MORE_INNER)
            medic_add(&text, " > ...");
        free(sample->chain);
        sample->chain = strdup(chain);
        if (!sample->chain)
            return MEDIC_E_MEMORY;
    }
    return MEDIC_OK;
}

int make_groups(struct recording *recording)
{
    if (make_chains(recording) != MEDIC_OK)
        return MEDIC_E_MEMORY;
    recording->messages = group_by(recording, message_of, &recording->message_count);
    recording->sites = group_by(recording, site_of, &recording->site_count);
    recording->chains = group_by(recording, chain_of, &recording->chain_count);
    if (!recording->messages || !recording->sites || !recording->chains)
        return MEDIC_E_MEMORY;
    for (size_t i = recording->site_count; i-- > 0;)
        recording->types[recording->sites[i].type].site = i;
    for (size_t i = recording->message_count; i-- > 0;)
        recording->types[recording->messages[i].type].message = i;
    return MEDIC_OK;
}
