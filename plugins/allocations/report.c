/* The report half: reads the capture into arrays, has them analysed, and writes the document. */
#include "recording.h"

#include <medic/reading.h>
#include <stdlib.h>
#include <string.h>

/* No record stands for more than this: what says so is damage. */
#define BYTES_MOST (UINT64_C(1) << 60)
#define STANDS_FOR_MOST (UINT64_C(1) << 40)

static int read_type(struct recording *recording, const medic_record *record)
{
    al_type raw;
    struct type type = {0};

    if (!medic_take(record, &raw, sizeof raw, &recording->bad_records) || !raw.type)
        return MEDIC_OK;
    type.id = raw.type;
    type.base = raw.base;
    return MEDIC_PUSH(recording, type, type);
}

static int read_sums(struct recording *recording, const medic_record *record)
{
    struct type type = {0};
    al_sums *sums = &type.sums;
    struct point point;

    if (!medic_take(record, sums, sizeof *sums, &recording->bad_records) || sums->bytes > BYTES_MOST ||
        sums->large_bytes > BYTES_MOST || sums->large_on_bytes > sums->large_bytes ||
        sums->large_on_count > sums->large_count)
        return MEDIC_OK;
    type.id = sums->type;
    point = (struct point){sums->type, sums->time_ns, (double)sums->bytes + (double)sums->large_on_bytes,
                           (double)sums->variance};
    return MEDIC_PUSH(recording, point, point) == MEDIC_OK ? MEDIC_PUSH(recording, type, type) : MEDIC_E_MEMORY;
}

static int read_stack(struct recording *recording, const medic_record *record)
{
    al_stack raw;
    struct sample sample = {.large = record->type == AL_LARGE_STACK};
    double number;

    if (!medic_take(record, &raw, sizeof raw, &recording->bad_records) || !raw.weight || raw.weight > BYTES_MOST ||
        !raw.stands_for || raw.stands_for > STANDS_FOR_MOST)
        return MEDIC_OK;
    number = (double)raw.stands_for;
    sample.type = raw.type;
    sample.stack = raw.head.stack;
    sample.time_ns = raw.head.time_ns;
    sample.weight = (double)raw.weight * number;
    sample.variance = sample.weight * (double)raw.weight * (sample.large ? number - 1 : number);
    sample.size = (double)raw.size;
    return MEDIC_PUSH(recording, sample, sample);
}

static int read_usage(struct recording *recording, const medic_record *record)
{
    al_usage usage;

    return medic_take(record, &usage, sizeof usage, &recording->bad_records) ? MEDIC_PUSH(recording, usage, usage)
                                                                             : MEDIC_OK;
}

static int read_record(struct recording *recording, const medic_record *record)
{
    switch (record->type) {
    case AL_TYPE: return read_type(recording, record);
    case AL_SUMS: return read_sums(recording, record);
    case AL_STACK:
    case AL_LARGE_STACK: return read_stack(recording, record);
    case AL_USAGE: return read_usage(recording, record);
    default: return MEDIC_OK;
    }
}

static int read_all(struct recording *recording, medic_reason *why)
{
    medic_record record;

    recording->capture->span(recording->host, &recording->begin_ns, &recording->end_ns);
    recording->capture->rewind(recording->host);
    while (recording->capture->next(recording->host, &record))
        if (read_record(recording, &record) != MEDIC_OK)
            return medic_fail(why, MEDIC_E_MEMORY, "no memory for more than %zu samples", recording->sample_count);
    return MEDIC_OK;
}

static void write_verdict(const struct recording *recording)
{
    struct verdict verdict;

    verdict_of(&recording->facts, &verdict);
    recording->document->verdict(recording->host, verdict.severity, verdict.sentence);
    for (size_t i = 0; i < verdict.finding_count; i++) {
        const struct finding *finding = &verdict.findings[i];
        recording->document->finding(recording->host, finding->text, finding->section,
                                     finding->key[0] ? finding->key : NULL);
    }
}

static int render(const medic_host *host, medic_reason *why)
{
    struct recording recording = {.host = host,
                                  .capture = host->service(host, MEDIC_SERVICE_CAPTURE),
                                  .document = host->service(host, MEDIC_SERVICE_DOCUMENT),
                                  .frames = host->service(host, MEDIC_SERVICE_FRAMES),
                                  .trees = host->service(host, MEDIC_SERVICE_STACK_TREE)};
    int code = read_all(&recording, why);

    if (code == MEDIC_OK && analyse(&recording) != MEDIC_OK)
        code = medic_fail(why, MEDIC_E_MEMORY, "no memory for %zu samples", recording.sample_count);
    if (code == MEDIC_OK) {
        write_verdict(&recording);
        write_sections(&recording);
    }
    free(recording.types);
    free(recording.points);
    free(recording.samples);
    free(recording.usages);
    free(recording.pairs);
    free(recording.sites);
    free(recording.kinds);
    return code;
}

const medic_report allocations_report = {.size = sizeof(medic_report), .render = render};
