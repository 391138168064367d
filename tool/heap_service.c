#include "tool/heap_service.h"

#include <stdlib.h>

uint32_t heap_photographs(const struct capture *capture)
{
    uint32_t count;
    capture_photos(capture, &count);
    return count;
}

int heap_graphs_get(struct heap_graphs *graphs, const struct capture *capture, uint32_t index,
                    struct heap_graph **graph, medic_reason *why)
{
    uint32_t count;
    const struct capture_photo *photos = capture_photos(capture, &count);
    int result = MEDIC_OK;
    if (index >= count)
        return MEDIC_E_NOT_FOUND;
    if (!graphs->items) {
        graphs->items = calloc(count, sizeof *graphs->items);
        graphs->count = count;
    }
    if (!graphs->items)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while reading photograph %u of the heap",
                          photos[index].photo);
    if (!graphs->items[index])
        result = heap_graph_load(capture, &photos[index], &graphs->items[index], why);
    *graph = graphs->items[index];
    return result;
}

struct heap_graph *heap_graphs_find(const struct heap_graphs *graphs, const medic_heap_graph *view)
{
    for (uint32_t i = 0; graphs->items && i < graphs->count; i++)
        if (graphs->items[i] && &graphs->items[i]->view == view)
            return graphs->items[i];
    return NULL;
}

void heap_graphs_release(struct heap_graphs *graphs, const medic_heap_graph *view)
{
    for (uint32_t i = 0; graphs->items && i < graphs->count; i++) {
        if (!graphs->items[i] || &graphs->items[i]->view != view)
            continue;
        heap_graph_free(graphs->items[i]);
        graphs->items[i] = NULL;
    }
}

void heap_graphs_free(struct heap_graphs *graphs)
{
    for (uint32_t i = 0; graphs->items && i < graphs->count; i++)
        heap_graph_free(graphs->items[i]);
    free(graphs->items);
    *graphs = (struct heap_graphs){0};
}

const medic_heap_dominators *heap_graph_dominators(struct heap_graph *graph)
{
    if (!graph->dominators)
        graph->dominators = heap_dominators_make(&graph->view);
    return graph->dominators;
}
