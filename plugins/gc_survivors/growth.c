/* Two photographs: of the first only figures by type and by path are kept, under hashes of their names. */
#include "recording.h"

#include <stdlib.h>

/* Types and paths must not meet in the table. */
#define TYPE_KEY UINT64_C(0x7479706500000000)

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

int keep_earlier(struct recording *recording)
{
    struct earlier *earlier = &recording->earlier;
    const medic_heap_graph *graph = recording->graph;

    for (earlier->size = 1024; earlier->size < ((size_t)graph->class_count + recording->paths.count) * 2;)
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
    for (uint32_t i = 1; i < recording->paths.count; i++)
        keep(earlier, recording->paths.all[i].key, recording->paths.all[i].count, 0, recording->paths.all[i].retained);
    recording->has_earlier = 1;
    return MEDIC_OK;
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
    recording->paths.all[0].retained_before = recording->earlier.bytes;
    for (uint32_t i = 1; i < recording->paths.count; i++) {
        const struct before *item = place(&recording->earlier, recording->paths.all[i].key);
        recording->paths.all[i].count_before = item->count;
        recording->paths.all[i].retained_before = item->retained;
    }
    return sort_paths(recording, 1);
}
