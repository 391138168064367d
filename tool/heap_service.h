/* medic.heap_graph: the photographs of a capture for a report half. For report_host.c. */
#ifndef TOOL_HEAP_SERVICE_H
#define TOOL_HEAP_SERVICE_H

#include "tool/heap_graph.h"

/* The graphs that a report has asked for: zeroed = none. */
struct heap_graphs {
    struct heap_graph **items; /* by photograph; NULL = not loaded, or released */
    uint32_t count;
};

uint32_t heap_photographs(const struct capture *capture);
/* Loaded when first asked for, and again after a release. MEDIC_E_NOT_FOUND: the capture has not so many; else as
 * heap_graph_load. */
int heap_graphs_get(struct heap_graphs *graphs, const struct capture *capture, uint32_t index,
                    struct heap_graph **graph, medic_reason *why);
/* The one of the graphs that a report half names; NULL when it is none of them. */
struct heap_graph *heap_graphs_find(const struct heap_graphs *graphs, const medic_heap_graph *view);
void heap_graphs_release(struct heap_graphs *graphs, const medic_heap_graph *view);
void heap_graphs_free(struct heap_graphs *graphs);

/* Made when first asked for. NULL: no memory. */
const medic_heap_dominators *heap_graph_dominators(struct heap_graph *graph);

#endif
