/* What lives, and by which way: breadth first from the strong roots, static fields before the others. */
#include "census.h"

#include <stdlib.h>
#include <string.h>

struct search {
    struct census *census;
    uint32_t *queue; /* [node_count] */
    uint32_t begin, end;
};

static void reach(struct search *search, uint32_t node, uint32_t parent, uint8_t slot)
{
    struct census *census = search->census;

    if (node >= census->graph->node_count || census->parent[node] != PARENT_NONE)
        return;
    census->parent[node] = parent;
    census->parent_slot[node] = slot;
    census->heap_bytes += census->graph->units[node] * UNIT_BYTES;
    search->queue[search->end++] = node;
}

static void follow(struct search *search)
{
    const medic_heap_graph *graph = search->census->graph;

    while (search->begin < search->end) {
        uint32_t node = search->queue[search->begin++];
        for (uint64_t edge = graph->first_edge[node]; edge < graph->first_edge[node + 1]; edge++)
            reach(search, graph->target[edge], node, graph->slot[edge]);
    }
}

static void search_all(struct search *search)
{
    const medic_heap_graph *graph = search->census->graph;

    for (uint32_t r = 0; r < graph->strong_root_count; r++)
        reach(search, graph->roots[r].node, graph->node_count + 1 + r, 0);
    follow(search);
    for (uint32_t node = 0; node < graph->node_count; node++)
        if (graph->generation[node] == MEDIC_GENERATION_FROZEN)
            reach(search, node, PARENT_FROZEN, 0);
    follow(search);
}

int census_reach(struct census *census)
{
    const medic_heap_graph *graph = census->graph;
    size_t count = graph->node_count ? graph->node_count : 1;
    struct search search = {.census = census, .queue = malloc(count * sizeof *search.queue)};

    census->parent = malloc(count * sizeof *census->parent);
    census->parent_slot = malloc(count);
    if (!search.queue || !census->parent || !census->parent_slot) {
        free(search.queue);
        return MEDIC_E_MEMORY;
    }
    memset(census->parent, 0xff, count * sizeof *census->parent); /* PARENT_NONE */
    search_all(&search);
    free(search.queue);
    census->dead_known = (graph->contents & MEDIC_HEAP_DEAD) && graph->strong_root_count;
    if (!census->dead_known)
        census->heap_bytes = graph->bytes;
    return MEDIC_OK;
}
