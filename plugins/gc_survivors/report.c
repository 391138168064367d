/* The report half: looks at one photograph, or at two one after the other, and writes the document. */
#include "recording.h"

#include <stdlib.h>

void free_analysis(struct recording *recording)
{
    free(recording->holders.labels);
    free(recording->holders.index);
    free(recording->holders.label_of);
    free(recording->paths.all);
    free(recording->paths.index);
    free(recording->types);
    memset(&recording->holders, 0, sizeof recording->holders);
    memset(&recording->paths, 0, sizeof recording->paths);
    memset(recording->generations, 0, sizeof recording->generations);
    recording->dead = (struct generation){0, 0};
    recording->types = NULL;
}

/* A graph or dominators that cannot be had have failed the rendering already: the host says why. */
static int look_at(struct recording *recording, uint32_t photograph, medic_reason *why)
{
    const medic_host *host = recording->host;

    recording->graph = recording->heap->graph(host, photograph);
    recording->tree = recording->graph ? recording->heap->dominators(host, recording->graph) : NULL;
    if (!recording->tree)
        return medic_fail(why, MEDIC_E_CORRUPT, "the photograph of the heap cannot be read");
    if (find_holders(recording) == MEDIC_OK && merge_paths(recording) == MEDIC_OK && count_types(recording) == MEDIC_OK)
        return MEDIC_OK;
    return medic_fail(why, MEDIC_E_MEMORY, "no memory for %u objects", recording->graph->node_count);
}

static void read_records(struct recording *recording)
{
    medic_record record;

    recording->capture->rewind(recording->host);
    while (recording->capture->next(recording->host, &record))
        if (record.type == GS_SECOND_FAILED)
            snprintf(recording->second_failed, sizeof recording->second_failed, "%.*s", (int)record.size,
                     (const char *)record.data);
}

/* One that was asked for and never tried: the session was stopped, or its duration was over. */
static void look_for_second(struct recording *recording, uint32_t photographs)
{
    const medic_params_service *params = recording->host->service(recording->host, MEDIC_SERVICE_PARAMS);
    uint64_t compare_ns = 0;

    if (photographs != 1 || *recording->second_failed ||
        params->get_duration(recording->host, "compare", &compare_ns) != MEDIC_OK || !compare_ns)
        return;
    snprintf(recording->second_failed, sizeof recording->second_failed,
             "the session ended before it was complete; give it more time");
}

/* Two graphs of a large heap would be much memory: of the first only figures are kept. */
static int look_at_all(struct recording *recording, uint32_t photographs, medic_reason *why)
{
    int code = look_at(recording, 0, why);

    if (code != MEDIC_OK || photographs < 2)
        return code;
    if (keep_earlier(recording) != MEDIC_OK)
        return medic_fail(why, MEDIC_E_MEMORY, "no memory for %u objects", recording->graph->node_count);
    free_analysis(recording);
    recording->heap->release(recording->host, recording->graph);
    code = look_at(recording, photographs - 1, why);
    if (code == MEDIC_OK && compare_with_earlier(recording) != MEDIC_OK)
        code = medic_fail(why, MEDIC_E_MEMORY, "no memory for %u objects", recording->graph->node_count);
    return code;
}

static void write_verdict(const struct recording *recording)
{
    struct verdict verdict;

    verdict_of(&recording->facts, &verdict);
    recording->document->verdict(recording->host, verdict.severity, verdict.sentence);
    for (size_t i = 0; i < verdict.finding_count; i++)
        recording->document->finding(recording->host, verdict.findings[i].text, verdict.findings[i].section,
                                     *verdict.findings[i].key ? verdict.findings[i].key : NULL);
}

static int render(const medic_host *host, medic_reason *why)
{
    struct recording *recording = calloc(1, sizeof *recording);
    uint32_t photographs;
    int code = MEDIC_OK;

    if (!recording)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory");
    recording->host = host;
    recording->capture = host->service(host, MEDIC_SERVICE_CAPTURE);
    recording->document = host->service(host, MEDIC_SERVICE_DOCUMENT);
    recording->heap = host->service(host, MEDIC_SERVICE_HEAP_GRAPH);
    read_records(recording);
    photographs = recording->heap->photographs(host);
    look_for_second(recording, photographs);
    if (photographs)
        code = look_at_all(recording, photographs, why);
    if (code == MEDIC_OK) {
        if (photographs)
            find_facts(recording);
        write_verdict(recording);
        if (photographs)
            write_sections(recording);
    }
    free_analysis(recording);
    free(recording->earlier.items);
    free(recording);
    return code;
}

const medic_report gc_survivors_report = {.size = sizeof(medic_report), .render = render};
