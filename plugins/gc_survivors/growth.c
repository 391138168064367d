/* Two photographs: of the first only figures by type and by path are kept, under hashes of their names. */
#include "recording.h"

#include <stdlib.h>

/* Types and paths must not meet in the table. */
#define TYPE_KEY UINT64_C(0x7479706500000000)
#define STEP_KEY UINT64_C(0x7374657000000000)

static uint64_t key_of_type(const medic_heap_class *class)
{
    return hash_text(hash_text(TYPE_KEY, class->module), class->name);
}

static struct before *place(const struct earlier *earlier, uint64_t key)
{
    size_t at = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (earlier->size - 1);

    while (earlier->items[at].key && earlier->items[at].key != key)
        at = (at + 1) & (earlier->size - 1);
    return &earlier->items[at];
}

/* Equal names are added up: a type can be loaded twice. */
static void keep(struct earlier *earlier, uint64_t key, uint64_t count, uint64_t bytes, uint64_t retained)
{
    struct before *item = place(earlier, key);

    item->key = key;
    item->count += count;
    item->bytes += bytes;
    item->retained += retained;
}

/* Names a path by its last step only. An object that a stack holds for a moment hangs somewhere else then, with all below
 * it: there this tells that it is not new. */
static uint64_t key_of_step(const struct recording *recording, const struct path *path)
{
    const medic_heap_class *classes = recording->graph->classes;
    const struct path *parent = &recording->paths.all[path->parent];
    uint64_t key = hash_text(STEP_KEY, classes[path->class_index].name);

    if (path->depth < 3 || path->slot >= PATH_NO_SLOT)
        return key;
    return hash_text(key + path->slot, classes[parent->class_index].name);
}

int keep_earlier(struct recording *recording)
{
    struct earlier *earlier = &recording->earlier;
    const medic_heap_graph *graph = recording->graph;
    const struct path *all = recording->paths.all;

    for (earlier->size = 1024; earlier->size < ((size_t)graph->class_count + 2 * recording->paths.count) * 2;)
        earlier->size *= 2;
    earlier->items = calloc(earlier->size, sizeof *earlier->items);
    if (!earlier->items)
        return MEDIC_E_MEMORY;
    earlier->objects = recording->tree->reachable;
    earlier->bytes = recording->tree->reachable_bytes;
    earlier->time_ns = graph->time_ns;
    earlier->route = graph->route;
    earlier->done = graph->done;
    for (uint32_t i = 1; i <= graph->class_count; i++)
        keep(earlier, key_of_type(&graph->classes[i]), recording->types[i].count, recording->types[i].bytes,
             recording->types[i].retained);
    for (uint32_t i = 1; i < recording->paths.count; i++) {
        keep(earlier, all[i].key, all[i].count, 0, all[i].retained);
        if (all[i].depth > 1)
            keep(earlier, key_of_step(recording, &all[i]), all[i].count, 0, all[i].retained);
    }
    recording->has_earlier = 1;
    return MEDIC_OK;
}

static uint64_t less(uint64_t from, uint64_t what)
{
    return from > what ? from - what : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The paths that were there before; what is left of their steps was somewhere else. */
static void find_paths(struct recording *recording)
{
    for (uint32_t i = 1; i < recording->paths.count; i++) {
        struct path *path = &recording->paths.all[i];
        const struct before *item = place(&recording->earlier, path->key);
        struct before *step = path->depth > 1 ? place(&recording->earlier, key_of_step(recording, path)) : NULL;
        path->count_before = item->count;
        path->retained_before = item->retained;
        if (step && step->key) {
            step->count = less(step->count, item->count);
            step->retained = less(step->retained, item->retained);
        }
    }
}

/* Paths that were not there take what is left of their last steps. Children come behind their parents. */
static void find_moved(struct recording *recording)
{
    struct path *all = recording->paths.all;

    for (uint32_t i = recording->paths.count; i-- > 1;) {
        struct before *step = all[i].depth > 1 ? place(&recording->earlier, key_of_step(recording, &all[i])) : NULL;
        uint64_t moved = 0;
        if (step && step->key && !all[i].count_before) {
            moved = least(step->retained, all[i].retained);
            all[i].count_before = least(step->count, all[i].count);
            step->retained -= moved;
            step->count -= all[i].count_before;
        }
        all[i].moved = moved > all[i].moved ? moved : all[i].moved; /* its own, or that of its children */
        all[i].retained_before += all[i].moved;
        all[all[i].parent].moved += all[i].moved;
    }
}

int compare_with_earlier(struct recording *recording)
{
    const medic_heap_graph *graph = recording->graph;

    recording->span_ns = graph->time_ns > recording->earlier.time_ns ? graph->time_ns - recording->earlier.time_ns : 0;
    for (uint32_t i = 1; i <= graph->class_count; i++) {
        const struct before *item = place(&recording->earlier, key_of_type(&graph->classes[i]));
        recording->types[i].count_before = item->count;
        recording->types[i].bytes_before = item->bytes;
        recording->types[i].retained_before = item->retained;
    }
    find_paths(recording);
    find_moved(recording);
    recording->paths.all[0].retained_before = recording->earlier.bytes;
    return sort_paths(recording, 1);
}
