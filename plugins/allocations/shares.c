/* Who has which part of the bytes: methods with types, methods, kinds; and how sure that is. */
#include "recording.h"

#include <stdlib.h>
#include <string.h>

static void sort(void *array, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    if (count)
        qsort(array, count, size, compare);
}

static int order(double a, double b)
{
    return (a < b) - (a > b);
}

static int by_pair(const void *left, const void *right)
{
    const struct share *a = left, *b = right;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    if (a->frame != b->frame)
        return a->frame < b->frame ? -1 : 1;
    return (a->method > b->method) - (a->method < b->method);
}

static int by_share(const void *left, const void *right)
{
    const struct share *a = left, *b = right;
    int by = order(a->bytes, b->bytes);

    return by ? by : by_pair(left, right);
}

static double square(double value)
{
    return value * value;
}

static void add_stacked(struct stacked *to, const struct stacked *more)
{
    to->bytes += more->bytes;
    to->variance += more->variance;
}

/* Of the part of `whole` bytes that stacks give to one place, `all` being all of its stacks: chance drew the samples, and
 * of these the ones that have a stack, each with its variance. Where some have none, a place may have been missed by all:
 * one stack's worth; and what the stacks do not add up to is shared out as they are. */
static double division_variance(double whole, const struct stacked *part, const struct stacked *all)
{
    double share, others, missed, unseen;

    if (!(whole > 0) || !(all->bytes > 0))
        return 0;
    share = part->bytes < all->bytes ? part->bytes / all->bytes : 1;
    others = all->variance > part->variance ? all->variance - part->variance : 0;
    unseen = all->bytes < whole ? 1 - all->bytes / whole : 0;
    missed = unseen > 0 || all->bytes > whole ? all->variance / square(all->bytes) + square(unseen) : 0;
    return square(whole) * ((square(1 - share) * part->variance + square(share) * others) / square(all->bytes) +
                            square(missed) + square(unseen) * share * (1 - share));
}

/* Of a type's bytes at one place: the error of the whole, and that of its division among places. */
static void find_variance(const struct recording *recording, struct share *part)
{
    const struct type *type = &recording->types[part->type];
    double small = (double)type->sums.bytes, bytes = part->bytes > part->large ? part->bytes - part->large : 0;
    double share = small > 0 && bytes < small ? bytes / small : 1;

    part->variance = share * share * (double)type->sums.variance +
                     division_variance(small, &part->small_stacks, &type->small_stacks) +
                     division_variance((double)type->sums.large_on_bytes, &part->large_stacks, &type->large_stacks);
    part->bias = share * share * type->bias;
    if (is_of_many_sizes(type->name))
        part->bias += bias_variance(recording, bytes, small);
}

/* Parts that are added up cannot be further off than any part as great as all of them. */
static void add_bias(const struct recording *recording, struct share *shares, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double most = bias_variance(recording, shares[i].bytes, recording->facts.bytes);
        shares[i].variance += shares[i].bias < most ? shares[i].bias : most;
    }
}

/* Adds up shares of the same key, and type when by_type; returns how many are left. */
static size_t add_up(struct share *shares, size_t count, int by_type)
{
    size_t used = 0;

    sort(shares, count, sizeof *shares, by_pair);
    for (size_t i = 0; i < count; i++) {
        struct share *last = used ? &shares[used - 1] : NULL;
        if (!last || last->key != shares[i].key || (by_type && last->type != shares[i].type)) {
            shares[used++] = shares[i];
            continue;
        }
        last->bytes += shares[i].bytes;
        last->objects += shares[i].objects;
        last->large += shares[i].large;
        add_stacked(&last->small_stacks, &shares[i].small_stacks);
        add_stacked(&last->large_stacks, &shares[i].large_stacks);
        last->variance += shares[i].variance;
        last->bias += shares[i].bias;
        last->stacks += shares[i].stacks;
        if (shares[i].top > last->top) {
            last->top = shares[i].top;
            last->frame = shares[i].frame;
            last->method = shares[i].method;
            last->kind = shares[i].kind;
        }
        if (shares[i].type_bytes > last->type_bytes) {
            last->type_bytes = shares[i].type_bytes;
            last->type = shares[i].type;
        }
    }
    return used;
}

static struct share *copy_shares(const struct share *shares, size_t count)
{
    struct share *copy = calloc(count + 1, sizeof *copy);

    if (copy && count)
        memcpy(copy, shares, count * sizeof *copy);
    return copy;
}

/* Samples of one type at one place first, so that top is the place's and not a single sample's. */
static size_t unite_places(struct share *shares, size_t count)
{
    size_t used = 0;

    sort(shares, count, sizeof *shares, by_pair);
    for (size_t i = 0; i < count; i++) {
        if (used && by_pair(&shares[used - 1], &shares[i]) == 0) {
            shares[used - 1].bytes += shares[i].bytes;
            shares[used - 1].objects += shares[i].objects;
            shares[used - 1].large += shares[i].large;
            add_stacked(&shares[used - 1].small_stacks, &shares[i].small_stacks);
            add_stacked(&shares[used - 1].large_stacks, &shares[i].large_stacks);
            shares[used - 1].stacks += shares[i].stacks;
        } else {
            shares[used++] = shares[i];
        }
        shares[used - 1].top = shares[used - 1].bytes;
    }
    return used;
}

static struct share share_of(const struct sample *sample)
{
    struct share share = {.type = sample->type,
                          .bytes = sample->bytes,
                          .objects = sample->size > 0 ? sample->bytes / sample->size : 0,
                          .frame = sample->site,
                          .method = sample->method,
                          .kind = sample->kind,
                          .stacks = 1};

    *(sample->large ? &share.large_stacks : &share.small_stacks) = (struct stacked){sample->weight, sample->variance};
    if (sample->large)
        share.large = sample->bytes;
    return share;
}

static int make_pairs(struct recording *recording)
{
    size_t count = recording->sample_count;
    struct share *pairs = calloc(count + 1, sizeof *pairs);

    if (!pairs)
        return MEDIC_E_MEMORY;
    for (size_t i = 0; i < count; i++) {
        pairs[i] = share_of(&recording->samples[i]);
        pairs[i].key = frame_of(recording, pairs[i].frame)->function_id;
    }
    recording->pairs = pairs;
    recording->pair_count = add_up(pairs, unite_places(pairs, count), 1);
    for (size_t i = 0; i < recording->pair_count; i++) {
        struct share *pair = &pairs[i];
        struct type *type = &recording->types[pair->type];
        pair->type_bytes = pair->bytes;
        find_variance(recording, pair);
        if (pair->bytes > type->site_bytes) {
            type->site_bytes = pair->bytes;
            type->site = place_of(recording, pair->frame);
        }
        if (pair->large > type->large_site_bytes) {
            type->large_site_bytes = pair->large;
            type->large_site = place_of(recording, pair->frame);
        }
    }
    return MEDIC_OK;
}

/* A type can be of several kinds: strings are, by who makes them. */
static int make_kinds(struct recording *recording)
{
    struct share *kinds = calloc(recording->sample_count + recording->type_count + 1, sizeof *kinds);
    size_t count = 0;

    if (!kinds)
        return MEDIC_E_MEMORY;
    for (size_t i = 0; i < recording->sample_count; i++) {
        kinds[count] = share_of(&recording->samples[i]);
        kinds[count++].key = recording->samples[i].kind;
    }
    for (size_t i = 0; i < recording->type_count; i++) {
        const struct type *type = &recording->types[i];
        if (type->stacks)
            continue;
        enum kind kind = kind_of(type->name, type->base_name, NULL, 0);
        kinds[count++] = (struct share){.key = kind,
                                        .type = (uint32_t)i,
                                        .kind = kind,
                                        .bytes = type->bytes,
                                        .large = (double)type->sums.large_on_bytes,
                                        .top = type->bytes};
    }
    count = add_up(kinds, unite_places(kinds, count), 1);
    for (size_t i = 0; i < count; i++) {
        kinds[i].type_bytes = kinds[i].bytes;
        find_variance(recording, &kinds[i]);
    }
    recording->kinds = kinds;
    recording->kind_count = add_up(kinds, count, 0);
    add_bias(recording, kinds, recording->kind_count);
    sort(kinds, recording->kind_count, sizeof *kinds, by_share);
    return MEDIC_OK;
}

int make_shares(struct recording *recording)
{
    if (make_pairs(recording) != MEDIC_OK || make_kinds(recording) != MEDIC_OK)
        return MEDIC_E_MEMORY;
    recording->sites = copy_shares(recording->pairs, recording->pair_count);
    if (!recording->sites)
        return MEDIC_E_MEMORY;
    for (size_t i = 0; i < recording->pair_count; i++)
        recording->sites[i].top = recording->sites[i].bytes;
    recording->site_count = add_up(recording->sites, recording->pair_count, 0);
    add_bias(recording, recording->sites, recording->site_count);
    add_bias(recording, recording->pairs, recording->pair_count);
    sort(recording->pairs, recording->pair_count, sizeof *recording->pairs, by_share);
    sort(recording->sites, recording->site_count, sizeof *recording->sites, by_share);
    return MEDIC_OK;
}
