/* The report half: reads the capture into arrays, has them analysed, and writes the document. */
#include "recording.h"

#include <medic/reading.h>
#include <stdlib.h>
#include <string.h>

/* No sample stands for more CPU time than this: what says so is damage, and would drown the rest. */
#define WEIGHT_MOST_NS (UINT64_C(60) * 1000000000)

/* --- reading --- */

static int read_sample(struct recording *recording, const medic_record *record)
{
    medic_cpu_sample raw;
    struct sample sample = {0};

    if (!medic_take(record, &raw, sizeof raw, &recording->bad_records) || !raw.weight_ns)
        return MEDIC_OK;
    sample.time_ns = raw.head.time_ns;
    sample.stack = raw.head.stack;
    sample.os_id = raw.head.os_id;
    sample.flags = raw.head.flags;
    sample.weight_ns = raw.weight_ns < WEIGHT_MOST_NS ? raw.weight_ns : WEIGHT_MOST_NS;
    return MEDIC_PUSH(recording, sample, sample);
}

static int read_usage(struct recording *recording, const medic_record *record)
{
    ch_usage usage;

    return medic_take(record, &usage, sizeof usage, &recording->bad_records) ? MEDIC_PUSH(recording, usage, usage)
                                                                             : MEDIC_OK;
}

static int read_gc(struct recording *recording, const medic_record *record)
{
    ch_gc event;

    return medic_take(record, &event, sizeof event, &recording->bad_records) ? MEDIC_PUSH(recording, gc_event, event)
                                                                             : MEDIC_OK;
}

static void read_waited(struct recording *recording, const medic_record *record)
{
    size_t at = recording->waited_count ? 1 : 0;

    if (medic_take(record, &recording->waited[at], sizeof recording->waited[at], &recording->bad_records))
        recording->waited_count = at + 1;
}

static int read_record(struct recording *recording, const medic_record *record)
{
    switch (record->type) {
    case CH_SAMPLE: return read_sample(recording, record);
    case CH_USAGE: return read_usage(recording, record);
    case CH_GC: return read_gc(recording, record);
    case CH_WAITED: read_waited(recording, record); return MEDIC_OK;
    case CH_TOTALS:
        recording->has_totals |=
            medic_take(record, &recording->totals, sizeof recording->totals, &recording->bad_records);
        return MEDIC_OK;
    default: return MEDIC_OK;
    }
}

static int by_time(const void *left, const void *right)
{
    uint64_t a = ((const ch_usage *)left)->time_ns, b = ((const ch_usage *)right)->time_ns;

    return (a > b) - (a < b);
}

static int read_all(struct recording *recording, medic_reason *why)
{
    medic_record record;

    recording->capture->span(recording->host, &recording->begin_ns, &recording->end_ns);
    if (recording->end_ns < recording->begin_ns)
        recording->end_ns = recording->begin_ns;
    recording->capture->rewind(recording->host);
    while (recording->capture->next(recording->host, &record))
        if (read_record(recording, &record) != MEDIC_OK)
            return medic_fail(why, MEDIC_E_MEMORY, "no memory for more than %zu samples", recording->sample_count);
    if (recording->usage_count)
        qsort(recording->usages, recording->usage_count, sizeof *recording->usages, by_time);
    return MEDIC_OK;
}

/* --- the document --- */

static void write_verdict(const struct recording *recording)
{
    struct verdict verdict;

    verdict_of(&recording->facts, &verdict);
    recording->document->verdict(recording->host, verdict.severity, verdict.sentence);
    for (size_t i = 0; i < verdict.finding_count; i++)
        recording->document->finding(recording->host, verdict.findings[i].text, verdict.findings[i].section,
                                     verdict.findings[i].key);
}

static void read_params(struct recording *recording)
{
    const medic_params_service *params = recording->host->service(recording->host, MEDIC_SERVICE_PARAMS);

    if (!params || params->get_bool(recording->host, "native", &recording->native) != MEDIC_OK)
        recording->native = 1;
}

static int render(const medic_host *host, medic_reason *why)
{
    struct recording recording = {.host = host,
                                  .capture = host->service(host, MEDIC_SERVICE_CAPTURE),
                                  .document = host->service(host, MEDIC_SERVICE_DOCUMENT),
                                  .frames = host->service(host, MEDIC_SERVICE_FRAMES),
                                  .trees = host->service(host, MEDIC_SERVICE_STACK_TREE)};
    int code;

    read_params(&recording);
    code = read_all(&recording, why);
    if (code == MEDIC_OK && (analyse(&recording) != MEDIC_OK || find_facts(&recording) != MEDIC_OK))
        code = medic_fail(why, MEDIC_E_MEMORY, "no memory for %zu samples", recording.sample_count);
    if (code == MEDIC_OK) {
        write_verdict(&recording);
        write_sections(&recording);
    }
    free(recording.alike);
    free(recording.samples);
    free(recording.views);
    free(recording.threads);
    free(recording.gc_events);
    free(recording.gcs);
    free(recording.usages);
    return code;
}

const medic_report cpu_hotpaths_report = {.size = sizeof(medic_report), .render = render};
