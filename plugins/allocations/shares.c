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

/* `part` of `whole`, as stacks of these weights and squares of weights divide it. */
static double division_variance(double part, double whole, double weights, double squares)
{
    double share = whole > 0 ? part / whole : 0, stacks = squares > 0 ? weights * weights / squares : 1;

    if (share > 1)
        share = 1;
    return whole * whole * share * (1 - share) / stacks;
}

/* Of a type's bytes at one place: the error of the whole, and that of its division among places. */
static double part_variance(const struct type *type, double bytes, double large)
{
    double small = (double)type->sums.bytes, part = bytes > large ? bytes - large : 0;
    double share = small > 0 && part < small ? part / small : 1;

    return share * share * type->variance + division_variance(part, small, type->stack_bytes, type->stack_squares) +
           division_variance(large, (double)type->sums.large_on_bytes, type->large_stack_bytes,
                             type->large_stack_squares);
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
        last->variance += shares[i].variance;
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
            shares[used - 1].stacks += shares[i].stacks;
        } else {
            shares[used++] = shares[i];
        }
        shares[used - 1].top = shares[used - 1].bytes;
    }
    return used;
}

static int make_pairs(struct recording *recording)
{
    size_t count = recording->sample_count;
    struct share *pairs = calloc(count + 1, sizeof *pairs);

    if (!pairs)
        return MEDIC_E_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const struct sample *sample = &recording->samples[i];
        pairs[i] = (struct share){.key = frame_of(recording, sample->site)->function_id,
                                  .type = sample->type,
                                  .bytes = sample->bytes,
                                  .objects = sample->size > 0 ? sample->bytes / sample->size : 0,
                                  .large = sample->large ? sample->bytes : 0,
                                  .frame = sample->site,
                                  .method = sample->method,
                                  .kind = sample->kind,
                                  .stacks = 1};
    }
    recording->pairs = pairs;
    recording->pair_count = add_up(pairs, unite_places(pairs, count), 1);
    for (size_t i = 0; i < recording->pair_count; i++) {
        struct share *pair = &pairs[i];
        struct type *type = &recording->types[pair->type];
        pair->type_bytes = pair->bytes;
        pair->variance = part_variance(type, pair->bytes, pair->large);
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
        const struct sample *sample = &recording->samples[i];
        kinds[count++] = (struct share){.key = sample->kind,
                                        .type = sample->type,
                                        .kind = sample->kind,
                                        .bytes = sample->bytes,
                                        .large = sample->large ? sample->bytes : 0,
                                        .frame = sample->site,
                                        .method = sample->method,
                                        .stacks = 1};
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
        kinds[i].variance = part_variance(&recording->types[kinds[i].type], kinds[i].bytes, kinds[i].large);
    }
    recording->kinds = kinds;
    recording->kind_count = add_up(kinds, count, 0);
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
    sort(recording->pairs, recording->pair_count, sizeof *recording->pairs, by_share);
    sort(recording->sites, recording->site_count, sizeof *recording->sites, by_share);
    return MEDIC_OK;
}
