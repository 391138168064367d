/* The report half: counts the strings of the photograph and writes the document. */
#include "dup_strings.h"

#include <medic/words.h>

static int render(const medic_host *host, medic_reason *why)
{
    const medic_document_service *document = host->service(host, MEDIC_SERVICE_DOCUMENT);
    const medic_heap_graph_service *heap = host->service(host, MEDIC_SERVICE_HEAP_GRAPH);
    const medic_heap_graph *graph = heap->photographs(host) ? heap->graph(host, 0) : NULL;
    char sentence[256];
    struct medic_text text = {sentence, sizeof sentence};
    uint64_t strings = 0;

    (void)why;
    if (!graph) {
        document->verdict(host, MEDIC_NOTICE, "There is no photograph of the heap in the recording.");
        return MEDIC_OK;
    }
    for (uint32_t i = 1; i <= graph->class_count; i++)
        if (graph->classes[i].kind == MEDIC_KIND_STRING)
            strings += graph->classes[i].count;
    medic_add(&text, "%llu of %u objects are strings.", (unsigned long long)strings, graph->node_count);
    document->verdict(host, MEDIC_HEALTHY, sentence);
    return MEDIC_OK;
}

const medic_report dup_strings_report = {.size = sizeof(medic_report), .render = render};
