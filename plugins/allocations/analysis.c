/* From records to facts: what is allocated, where, and how sure that is. */
#include "recording.h"

#include <stdlib.h>
#include <string.h>

#define TICK_BIAS 0.6 /* of the bytes of a small part of the whole: README.md */

static void sort(void *array, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    if (count)
        qsort(array, count, size, compare);
}

/* --- names --- */

const medic_frame *frame_of(const struct recording *recording, uint32_t id)
{
    static const medic_frame none = {.function = "(unknown)", .module = ""};
    const medic_frame *frame = id ? recording->frames->frame(recording->host, id) : NULL;

    return frame ? frame : &none;
}

struct medic_place place_of(const struct recording *recording, uint32_t id)
{
    const medic_frame *frame = frame_of(recording, id);

    return (struct medic_place){id ? frame->function : NULL, frame->module, frame->file, frame->line, frame->code};
}

static const char *type_name(const struct recording *recording, uint64_t id)
{
    const char *text = NULL;

    if (id && recording->capture->name)
        recording->capture->name(recording->host, MEDIC_NAME_TYPE, id, &text);
    return text;
}

/* --- types: the records of one become one --- */

static int by_id(const void *left, const void *right)
{
    const struct type *a = left, *b = right;
    uint64_t a_count = a->sums.samples + a->sums.large_count, b_count = b->sums.samples + b->sums.large_count;

    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return (a_count > b_count) - (a_count < b_count);
}

static void merge_types(struct recording *recording)
{
    struct type *types = recording->types;
    size_t count = 0;

    sort(types, recording->type_count, sizeof *types, by_id);
    for (size_t i = 0; i < recording->type_count; i++) {
        if (count && types[count - 1].id == types[i].id) {
            types[count - 1].sums = types[i].sums; /* counters only grow: the last is the greatest */
            if (types[i].base)
                types[count - 1].base = types[i].base;
        } else {
            types[count++] = types[i];
        }
    }
    recording->type_count = count;
    for (size_t i = 0; i < count; i++) {
        struct type *type = &types[i];
        type->name = type_name(recording, type->id);
        if (!type->name)
            type->name = type->id ? "(type without a name)" : "(other types)";
        type->base_name = type_name(recording, type->base);
    }
}

static int by_name(const void *left, const void *right)
{
    const struct type *a = *(struct type *const *)left, *b = *(struct type *const *)right;
    int by = strcmp(a->name, b->name);

    return by ? by : (a->id > b->id) - (a->id < b->id);
}

static void take_over(struct type *into, struct type *from, uint32_t index)
{
    al_sums *to = &into->sums;
    const al_sums *of = &from->sums;

    to->bytes += of->bytes;
    to->samples += of->samples;
    to->variance += of->variance;
    to->objects += of->objects;
    to->large_count += of->large_count;
    to->large_bytes += of->large_bytes;
    to->large_on_count += of->large_on_count;
    to->large_on_bytes += of->large_on_bytes;
    if (of->large_most > to->large_most)
        to->large_most = of->large_most;
    from->same_as = index + 1;
    from->sums = (al_sums){.type = of->type};
}

/* Ticks favour small objects: what one part of the whole has too much of, the others have too little of. One standard
 * error is half of the most. */
double bias_variance(const struct recording *recording, double part, double whole)
{
    double others = whole > part ? 1 - part / whole : 0;
    double error = recording->facts.mode == AL_MODE_TICK ? TICK_BIAS / MEDIC_CERTAIN * part * others : 0;

    return error * error;
}

/* Types that a person would call by one name (closures of a class, a type loaded twice) are one row. */
static int unite_types(struct recording *recording)
{
    struct type **order = calloc(recording->type_count + 1, sizeof *order), *first = NULL;

    if (!order)
        return MEDIC_E_MEMORY;
    for (size_t i = 0; i < recording->type_count; i++)
        order[i] = &recording->types[i];
    sort(order, recording->type_count, sizeof *order, by_name);
    for (size_t i = 0; i < recording->type_count; i++) {
        if (first && strcmp(first->name, order[i]->name) == 0)
            take_over(first, order[i], (uint32_t)(first - recording->types));
        else
            first = order[i];
    }
    free(order);
    for (size_t i = 0; i < recording->type_count; i++) {
        struct type *type = &recording->types[i];
        type->bytes = (double)type->sums.bytes + (double)type->sums.large_on_bytes;
        type->objects = (double)type->sums.objects / 1000 + (double)type->sums.large_on_count;
        type->bias = bias_variance(recording, (double)type->sums.bytes, recording->facts.bytes);
        type->variance = (double)type->sums.variance + type->bias;
    }
    return MEDIC_OK;
}

struct type *find_type(const struct recording *recording, uint64_t id)
{
    size_t low = 0, high = recording->type_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (recording->types[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == recording->type_count || recording->types[low].id != id)
        return NULL;
    return &recording->types[recording->types[low].same_as ? recording->types[low].same_as - 1 : low];
}

/* --- samples --- */

/* Behind the managed method that allocates lies only the way into the runtime and to Medic. */
static void look_at_stack(const struct recording *recording, struct sample *sample)
{
    const uint32_t *frames;
    uint32_t count, at;

    if (!sample->stack || !recording->frames->stack(recording->host, sample->stack, &frames, &count))
        return;
    while (count && frame_of(recording, frames[count - 1])->kind != MEDIC_FRAME_MANAGED)
        count--;
    if (!count)
        return;
    sample->count = count;
    for (at = count; at > 1 && is_allocator(frame_of(recording, frames[at - 1])->function);)
        at--;
    sample->method = sample->site = frames[at - 1];
    for (uint32_t i = at; i; i--)
        if (frame_of(recording, frames[i - 1])->code == MEDIC_CODE_USER) {
            sample->site = frames[i - 1];
            return;
        }
}

static int join_sample(struct recording *recording, struct sample *sample)
{
    struct type *type = find_type(recording, sample->type);
    struct stacked *stacked;

    if (!type)
        type = find_type(recording, 0);
    if (!type)
        return 0;
    sample->type = (uint32_t)(type - recording->types);
    look_at_stack(recording, sample);
    if (!sample->count)
        return 0;
    type->stacks++;
    stacked = sample->large ? &type->large_stacks : &type->small_stacks;
    stacked->bytes += sample->weight;
    stacked->variance += sample->variance;
    return 1;
}

static void weigh_sample(struct recording *recording, struct sample *sample)
{
    const struct type *type = &recording->types[sample->type];

    sample->bytes = sample->large ? sample->weight * (double)type->sums.large_on_bytes / type->large_stacks.bytes
                                  : sample->weight * (double)type->sums.bytes / type->small_stacks.bytes;
}

/* Drops samples that say nothing about a place. */
static void join_samples(struct recording *recording)
{
    size_t kept = 0;

    for (size_t i = 0; i < recording->sample_count; i++)
        if (join_sample(recording, &recording->samples[i]))
            recording->samples[kept++] = recording->samples[i];
    recording->sample_count = kept;
    for (size_t i = 0; i < kept; i++)
        weigh_sample(recording, &recording->samples[i]);
}

/* --- facts --- */

static int by_time(const void *left, const void *right)
{
    uint64_t a = ((const al_usage *)left)->time_ns, b = ((const al_usage *)right)->time_ns;

    return (a > b) - (a < b);
}

static void find_usage(const struct recording *recording, struct facts *facts)
{
    const al_usage *last = recording->usage_count ? &recording->usages[recording->usage_count - 1] : NULL;

    if (!last)
        return;
    facts->mode = last->mode == AL_MODE_TICK ? AL_MODE_TICK : AL_MODE_SAMPLED;
    facts->cut = !last->on_ns;
    if (last->on_ns && last->time_ns > last->on_ns)
        facts->seconds = (double)(last->time_ns - last->on_ns) / 1e9;
    for (uint32_t i = 0; i < AL_HEAPS; i++) {
        facts->heaps[i] = (double)last->bytes[i];
        facts->bytes += facts->heaps[i];
    }
    /* What crosses the next 100 kB is chance; how much was allocated between is not. */
    facts->variance = facts->mode == AL_MODE_SAMPLED ? (double)last->variance : 0;
    facts->samples = last->samples;
    facts->induced = last->induced;
    facts->induced_ns = last->induced_ns;
    facts->survived = (double)last->promoted[AL_GEN0] + (double)last->promoted[AL_GEN1];
    for (uint32_t i = 0; i < AL_COLLECTIONS; i++) {
        facts->collections[i] = last->collections[i];
        facts->pause_ns[i] = last->pause_ns[i];
        if (facts->seconds > 0)
            facts->paused += (double)last->pause_ns[i] / 1e9 / facts->seconds;
    }
}

/* Another method than the site's, when it allocates most of it there. */
struct medic_place helper_of(const struct recording *recording, const struct share *share)
{
    if (share->top * 2 < share->bytes ||
        frame_of(recording, share->method)->function_id == frame_of(recording, share->frame)->function_id)
        return (struct medic_place){0};
    return place_of(recording, share->method);
}

static struct lead lead_of(const struct recording *recording, const struct share *share)
{
    struct lead lead = {.type = recording->types[share->type].name,
                        .place = place_of(recording, share->frame),
                        .bytes = share->bytes,
                        .variance = share->variance,
                        .kind = share->kind};

    lead.method = helper_of(recording, share);
    return lead;
}

static void find_leads(const struct recording *recording, struct facts *facts)
{
    if (recording->pair_count)
        facts->lead = lead_of(recording, &recording->pairs[0]);
    for (size_t i = 0; i < recording->kind_count && !facts->kind.type; i++)
        if (kind_hint(recording->kinds[i].kind))
            facts->kind = lead_of(recording, &recording->kinds[i]);
    for (size_t i = 0; i < recording->type_count; i++) {
        const struct type *type = &recording->types[i];
        struct lead lead = {.type = type->name, .place = type->site, .bytes = type->bytes, .variance = type->variance};
        facts->large_count += type->sums.large_count;
        if (type->bytes > facts->type.bytes)
            facts->type = lead;
        if ((double)type->sums.large_bytes > facts->large.bytes) {
            facts->large = lead;
            facts->large.bytes = (double)type->sums.large_bytes;
            facts->large.variance = 0;
            facts->large.place = type->large_site;
        }
    }
}

int analyse(struct recording *recording)
{
    sort(recording->usages, recording->usage_count, sizeof *recording->usages, by_time);
    find_usage(recording, &recording->facts);
    merge_types(recording);
    if (unite_types(recording) != MEDIC_OK)
        return MEDIC_E_MEMORY;
    join_samples(recording);
    if (find_kinds(recording) != MEDIC_OK || make_shares(recording) != MEDIC_OK)
        return MEDIC_E_MEMORY;
    recording->facts.stacks = recording->sample_count;
    find_leads(recording, &recording->facts);
    return MEDIC_OK;
}
