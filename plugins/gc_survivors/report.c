/* The report half: reads the photographs as graphs and writes the document. */
#include "gc_survivors.h"

static int render(const medic_host *host, medic_reason *why)
{
    const medic_heap_graph_service *heap = host->service(host, MEDIC_SERVICE_HEAP_GRAPH);
    const medic_document_service *document = host->service(host, MEDIC_SERVICE_DOCUMENT);
    const medic_heap_graph *graph = heap->photographs(host) ? heap->graph(host, 0) : NULL;
    char sentence[200];

    (void)why;
    if (!graph) {
        document->verdict(host, MEDIC_NOTICE, "No photograph of the heap is in the capture: the session ended before.");
        return MEDIC_OK;
    }
    snprintf(sentence, sizeof sentence, "%u objects with %.1f MB are on the heap.", graph->node_count,
             (double)graph->bytes / 1e6);
    document->verdict(host, MEDIC_HEALTHY, sentence);
    return MEDIC_OK;
}

const medic_report gc_survivors_report = {.size = sizeof(medic_report), .render = render};
