/* What each sample is: by its type, by the methods that allocate, and by what else is allocated at the same place, because
 * the JIT compiles many of the framework's methods into those of the program. */
#include "recording.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES_ASKED 8u              /* from the allocation on */
#define POOLED_LEAST 2048.0          /* below that GC.AllocateUninitializedArray is not to be seen */
#define ARRAY_HEADER 24.0            /* and the end of an array: sizes come with and without it */
#define BUILDER_MOST (8000 * 2 + 64) /* bytes of the char[] that a StringBuilder goes on with */

/* The kinds that are allocated at a place, as bits. */
struct place_kinds {
    uint32_t key; /* function id of the site */
    uint32_t kinds;
};

static int by_key(const void *left, const void *right)
{
    uint32_t a = ((const struct place_kinds *)left)->key, b = ((const struct place_kinds *)right)->key;

    return (a > b) - (a < b);
}

/* ArrayPool's arrays have a power of two of elements. */
static int is_pool_size(double size)
{
    for (double whole = POOLED_LEAST; whole <= size; whole *= 2)
        if (size <= whole + ARRAY_HEADER)
            return 1;
    return 0;
}

/* By the innermost method of the framework that says something, up to the program's own. */
static enum kind kind_by_methods(const struct recording *recording, const struct sample *sample,
                                 const struct type *type)
{
    enum kind kind = kind_of(type->name, type->base_name, NULL, 0);
    int first = 1, uninitialized = 0;
    const uint32_t *frames;
    uint32_t count;

    if (!recording->frames->stack(recording->host, sample->stack, &frames, &count))
        return kind;
    for (uint32_t i = sample->count; i && sample->count - i < FRAMES_ASKED; i--) {
        const medic_frame *frame = frame_of(recording, frames[i - 1]);
        int own = frame->code == MEDIC_CODE_USER;
        enum kind said = kind_of(type->name, type->base_name, frame->function, own);
        uninitialized |= strstr(frame->function, "System.GC.AllocateUninitializedArray") != NULL;
        if (is_allocator(frame->function))
            continue;
        if (first || (!kind_is_vague(said) && !own))
            kind = said;
        first = 0;
        if (own || !kind_is_vague(kind))
            break;
    }
    if (uninitialized && (kind == KIND_BUFFER || kind == KIND_ARRAY) && is_pool_size(sample->size))
        kind = KIND_POOL;
    return kind;
}

static enum kind kind_beside(const struct recording *recording, const struct sample *sample, uint32_t kinds)
{
    const struct type *type = &recording->types[sample->type];
    int by_itself = frame_of(recording, sample->method)->function_id == frame_of(recording, sample->site)->function_id;

    if (sample->kind == KIND_DELEGATE && by_itself && (kinds >> KIND_CLOSURE & 1))
        return KIND_CLOSURE;
    if ((sample->kind == KIND_BUFFER || sample->kind == KIND_POOL) && (kinds >> KIND_BUILDER & 1) &&
        is_chars(type->name) && sample->size <= BUILDER_MOST)
        return KIND_BUILDER;
    if (sample->kind == KIND_BUFFER && (kinds >> KIND_POOL & 1) && is_pool_size(sample->size))
        return KIND_POOL;
    if (sample->kind == KIND_ARRAY && (kinds >> KIND_GROWTH & 1) && is_ints(type->name)) /* where its buckets begin */
        return KIND_GROWTH;
    if (sample->kind == KIND_ARRAY && (kinds >> KIND_EXCEPTION & 1) && is_stack_trace(type->name))
        return KIND_EXCEPTION;
    return sample->kind;
}

/* One for each place, by key. */
static size_t collect_places(const struct recording *recording, struct place_kinds *places)
{
    size_t used = 0;

    for (size_t i = 0; i < recording->sample_count; i++) {
        const struct sample *sample = &recording->samples[i];
        places[i] = (struct place_kinds){frame_of(recording, sample->site)->function_id, UINT32_C(1) << sample->kind};
    }
    if (recording->sample_count)
        qsort(places, recording->sample_count, sizeof *places, by_key);
    for (size_t i = 0; i < recording->sample_count; i++) {
        if (used && places[used - 1].key == places[i].key)
            places[used - 1].kinds |= places[i].kinds;
        else
            places[used++] = places[i];
    }
    return used;
}

int find_kinds(struct recording *recording)
{
    struct place_kinds *places = calloc(recording->sample_count + 1, sizeof *places);
    size_t count;

    if (!places)
        return MEDIC_E_MEMORY;
    for (size_t i = 0; i < recording->sample_count; i++) {
        struct sample *sample = &recording->samples[i];
        sample->kind = kind_by_methods(recording, sample, &recording->types[sample->type]);
    }
    count = collect_places(recording, places);
    for (size_t i = 0; i < recording->sample_count; i++) {
        struct sample *sample = &recording->samples[i];
        struct place_kinds key = {.key = frame_of(recording, sample->site)->function_id};
        const struct place_kinds *place = bsearch(&key, places, count, sizeof *places, by_key);
        if (place)
            sample->kind = kind_beside(recording, sample, place->kinds);
    }
    free(places);
    return MEDIC_OK;
}
