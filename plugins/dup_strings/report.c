/* The report half: counts the strings of the photograph, sorts what it found, and writes the document. */
#include "findings.h"

#include <stdlib.h>

struct ranked {
    uint64_t wasted, tie;
    uint32_t index;
};

static int by_waste(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;

    if (a->wasted != b->wasted)
        return a->wasted < b->wasted ? 1 : -1;
    if (a->tie != b->tie)
        return a->tie < b->tie ? 1 : -1;
    return (a->index > b->index) - (a->index < b->index);
}

/* Indices, sorted, in the place of `ranked`. */
static uint32_t *sorted(struct ranked *ranked, size_t count)
{
    uint32_t *indices = malloc((count + 1) * sizeof *indices);

    if (indices) {
        qsort(ranked, count, sizeof *ranked, by_waste);
        for (size_t i = 0; i < count; i++)
            indices[i] = ranked[i].index;
    }
    free(ranked);
    return indices;
}

static uint32_t *sort_values(const struct census *census)
{
    struct ranked *ranked = malloc(((size_t)census->repeated + 1) * sizeof *ranked);
    size_t count = 0;

    if (!ranked)
        return NULL;
    for (uint32_t v = 0; v < census->map.count; v++)
        if (census->values[v].count > 1)
            ranked[count++] = (struct ranked){value_wasted(&census->values[v]), census->values[v].hash, v};
    return sorted(ranked, count);
}

static uint32_t *sort_holders(const struct census *census, uint32_t *holder_count)
{
    struct ranked *ranked = malloc(((size_t)census->holder_map.count + 1) * sizeof *ranked);

    *holder_count = 0;
    if (!ranked)
        return NULL;
    for (uint32_t h = 0; h < census->holder_map.count; h++)
        if (census->holders[h].copies)
            ranked[(*holder_count)++] = (struct ranked){census->holders[h].wasted, census->holders[h].copies, h};
    return sorted(ranked, *holder_count);
}

static int think(struct work *work)
{
    struct census *census = &work->census;

    if (census_reach(census) || census_count(census) || census_hold(census))
        return MEDIC_E_MEMORY;
    work->values = sort_values(census);
    work->holders = sort_holders(census, &work->holder_count);
    return work->values && work->holders ? MEDIC_OK : MEDIC_E_MEMORY;
}

static int read_params(struct work *work, medic_reason *why)
{
    const medic_params_service *params = work->host->service(work->host, MEDIC_SERVICE_PARAMS);
    int64_t length = 0;
    int code = params->get_bool(work->host, "redact", &work->redact);

    if (code == MEDIC_OK)
        code = params->get_int(work->host, "value_length", &length);
    if (code != MEDIC_OK)
        return medic_fail(why, code, "the host does not know the parameters of dup_strings");
    work->value_length = (uint32_t)length;
    return MEDIC_OK;
}

static void write_nothing(const struct work *work)
{
    work->document->verdict(work->host, MEDIC_NOTICE,
                            "No photograph of the heap was taken: the recording ended before it was complete.");
}

static int write_all(struct work *work, medic_reason *why)
{
    int code = read_params(work, why);

    if (code != MEDIC_OK)
        return code;
    if (!(work->census.graph->contents & MEDIC_HEAP_HASHES))
        return medic_fail(why, MEDIC_E_CORRUPT, "the photograph of the heap has no hashes of strings");
    if (think(work) != MEDIC_OK)
        return medic_fail(why, MEDIC_E_MEMORY, "no memory for the strings of %u objects",
                          work->census.graph->node_count);
    write_verdict(work);
    write_findings(work);
    write_sections(work);
    return MEDIC_OK;
}

static int render(const medic_host *host, medic_reason *why)
{
    struct work *work = calloc(1, sizeof *work);
    int code = MEDIC_OK;

    if (!work)
        return medic_fail(why, MEDIC_E_MEMORY, "no memory for the report of dup_strings");
    work->host = work->census.host = host;
    work->document = host->service(host, MEDIC_SERVICE_DOCUMENT);
    work->capture = host->service(host, MEDIC_SERVICE_CAPTURE);
    work->census.heap = host->service(host, MEDIC_SERVICE_HEAP_GRAPH);
    if (!work->census.heap->photographs(host))
        write_nothing(work);
    else if ((work->census.graph = work->census.heap->graph(host, 0)) != NULL)
        code = write_all(work, why);
    else
        code = medic_fail(why, MEDIC_E_CORRUPT, "the photograph of the heap cannot be read");
    census_free(&work->census);
    free(work->values);
    free(work->holders);
    free(work);
    return code;
}

const medic_report dup_strings_report = {.size = sizeof(medic_report), .render = render};
