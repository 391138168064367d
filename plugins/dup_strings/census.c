/* Counts the strings: equal ones become a value, the strings of a value get numbers in a row. */
#include "census.h"

#include <stdlib.h>
#include <string.h>

int census_room(void **items, size_t *room, size_t count, size_t size)
{
    size_t wanted = *room ? *room * 2 : 256;
    void *grown;

    if (count <= *room)
        return MEDIC_OK;
    grown = realloc(*items, wanted * size);
    if (!grown)
        return MEDIC_E_MEMORY;
    *items = grown;
    *room = wanted;
    return MEDIC_OK;
}

static int lives(const struct census *census, uint32_t node)
{
    return !census->dead_known || census->parent[node] != PARENT_NONE;
}

/* The value of a string; NULL: no memory. */
static struct value *value_of(struct census *census, uint64_t hash, uint32_t length, uint32_t units)
{
    uint32_t before = census->map.count, number = map_number(&census->map, map_mix(hash, length));

    if (number == MAP_NO_MEMORY ||
        census_room((void **)&census->values, &census->value_room, (size_t)number + 1, sizeof *census->values))
        return NULL;
    if (number == before)
        census->values[number] = (struct value){.hash = hash, .length = length, .units = units};
    return &census->values[number];
}

static void count_one(struct census *census, uint32_t node, struct value *value)
{
    uint64_t bytes = census->graph->units[node] * UNIT_BYTES;

    if (!lives(census, node)) {
        value->dead++;
        census->dead_strings++;
        census->dead_bytes += bytes;
        return;
    }
    census->string_of[node] = (uint32_t)(value - census->values); /* of its value, until they get numbers */
    value->count++;
    census->string_count++;
    census->string_bytes += bytes;
    if (census->graph->generation[node] == MEDIC_GENERATION_FROZEN) {
        census->frozen_strings++;
        census->frozen_bytes += bytes;
    }
}

static void sum_up(struct census *census)
{
    uint32_t first = 0;

    for (uint32_t v = 0; v < census->map.count; v++) {
        struct value *value = &census->values[v];
        value->first = first;
        first += value->count;
        census->wasted += value_wasted(value);
        census->value_bytes += value->count ? value_bytes(value) : 0;
        census->copies += value->count > 1 ? value->count - 1 : 0;
        census->repeated += value->count > 1;
    }
}

/* first of each value moves on while its strings are numbered, and back. */
static void number_strings(struct census *census)
{
    for (uint32_t node = 0; node < census->graph->node_count; node++)
        if (census->string_of[node] != NO_STRING)
            census->string_of[node] = census->values[census->string_of[node]].first++;
    for (uint32_t v = 0; v < census->map.count; v++)
        census->values[v].first -= census->values[v].count;
}

int census_count(struct census *census)
{
    const medic_heap_graph *graph = census->graph;
    size_t size = (graph->node_count ? graph->node_count : 1) * sizeof *census->string_of;

    census->string_of = malloc(size);
    if (!census->string_of)
        return MEDIC_E_MEMORY;
    memset(census->string_of, 0xff, size); /* NO_STRING */
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint32_t length = 0;
        uint64_t hash = is_string(graph, node) ? census->heap->hash(census->host, graph, node, &length) : 0;
        struct value *value;
        if (!hash)
            continue;
        value = value_of(census, hash, length, graph->units[node]);
        if (!value)
            return MEDIC_E_MEMORY;
        count_one(census, node, value);
    }
    map_done(&census->map);
    sum_up(census);
    number_strings(census);
    return MEDIC_OK;
}

void census_free(struct census *census)
{
    map_free(&census->map);
    map_free(&census->holder_map);
    free(census->parent);
    free(census->parent_slot);
    free(census->values);
    free(census->string_of);
    free(census->holders);
    free(census->first_reference);
    free(census->reference);
    free(census->seen);
}
