/* The report half: reads the capture into arrays, has them analysed, and writes the document. */
#include "recording.h"

#include <medic/reading.h>
#include <stdlib.h>
#include <string.h>

/* --- reading --- */

/* Behind the head: types of inner exceptions, kept in chain until names are known, and the message. */
static int take_tail(struct sample *sample, const uint8_t *tail, size_t size)
{
    size_t inner = sample->head.inner_count * sizeof(uint64_t);

    if (inner) {
        sample->chain = malloc(inner);
        if (!sample->chain)
            return MEDIC_E_MEMORY;
        memcpy(sample->chain, tail, inner);
    }
    if (sample->head.flags & (EX_NO_MESSAGE | EX_REDACTED) || size < inner)
        return MEDIC_OK;
    sample->message = text_of(tail + inner, sample->head.message_kept);
    if (sample->message)
        sample->folded = fold_message(sample->message);
    return sample->folded ? MEDIC_OK : MEDIC_E_MEMORY;
}

static int read_throw(struct recording *recording, const medic_record *record)
{
    struct sample sample = {.type = NO_INDEX, .route = NO_INDEX};
    size_t tail;

    if (!medic_take(record, &sample.head, sizeof sample.head, &recording->bad_records))
        return MEDIC_OK;
    tail = record->size - sizeof sample.head;
    if (sample.head.inner_count > EX_INNER_MAX || sample.head.message_kept > EX_MESSAGE_MAX ||
        tail < sample.head.inner_count * sizeof(uint64_t) + 2 * sample.head.message_kept) {
        recording->bad_records++;
        return MEDIC_OK;
    }
    if (MEDIC_PUSH(recording, sample, sample) != MEDIC_OK)
        return MEDIC_E_MEMORY;
    return take_tail(&recording->samples[recording->sample_count - 1],
                     (const uint8_t *)record->data + sizeof sample.head, tail);
}

static int read_rate(struct recording *recording, const medic_record *record)
{
    ex_count count;
    struct type type = {0};
    struct route rest = {0};

    if (!medic_take(record, &count, sizeof count, &recording->bad_records))
        return MEDIC_OK;
    type.id = rest.type_id = count.type;
    type.fresh = count.fresh;
    type.propagated = count.propagated;
    return MEDIC_PUSH(recording, type, type) == MEDIC_OK && MEDIC_PUSH(recording, route, rest) == MEDIC_OK
               ? MEDIC_PUSH(recording, rate, count)
               : MEDIC_E_MEMORY;
}

static int read_caught(struct recording *recording, const medic_record *record)
{
    ex_count count;
    struct route route = {0};

    if (!medic_take(record, &count, sizeof count, &recording->bad_records) || !count.catcher)
        return MEDIC_OK;
    route.type_id = count.type;
    route.catcher = count.catcher;
    route.counts[0] = count.fresh;
    route.counts[1] = count.propagated;
    return MEDIC_PUSH(recording, route, route);
}

static int read_catch(struct recording *recording, const medic_record *record)
{
    ex_catch caught;

    return medic_take(record, &caught, sizeof caught, &recording->bad_records) ? MEDIC_PUSH(recording, catch, caught)
                                                                               : MEDIC_OK;
}

static int read_catcher(struct recording *recording, const medic_record *record)
{
    ex_catcher catcher;

    return medic_take(record, &catcher, sizeof catcher, &recording->bad_records)
               ? MEDIC_PUSH(recording, catcher, catcher)
               : MEDIC_OK;
}

static int read_name(struct recording *recording, const medic_record *record)
{
    struct cheap_name name = {0};
    ex_type type;

    if (!medic_take(record, &type, sizeof type, &recording->bad_records))
        return MEDIC_OK;
    name.type = type.type;
    name.name = text_of((const uint8_t *)record->data + sizeof type, (uint32_t)(record->size - sizeof type) / 2);
    return name.name ? MEDIC_PUSH(recording, cheap_name, name) : MEDIC_E_MEMORY;
}

static void read_totals(struct recording *recording, const medic_record *record)
{
    ex_totals totals;

    if (!medic_take(record, &totals, sizeof totals, &recording->bad_records))
        return;
    if (!recording->has_totals)
        recording->first = totals;
    recording->last = totals;
    recording->has_totals = 1;
}

static int read_record(struct recording *recording, const medic_record *record)
{
    switch (record->type) {
    case EX_THROW: return read_throw(recording, record);
    case EX_CATCH: return read_catch(recording, record);
    case EX_RATE: return read_rate(recording, record);
    case EX_CAUGHT: return read_caught(recording, record);
    case EX_CATCHER: return read_catcher(recording, record);
    case EX_NAME: return read_name(recording, record);
    case EX_TOTALS: read_totals(recording, record); return MEDIC_OK;
    default: return MEDIC_OK;
    }
}

static int by_number(const void *left, const void *right)
{
    uint64_t a = ((const struct sample *)left)->head.number, b = ((const struct sample *)right)->head.number;

    return (a > b) - (a < b);
}

static void join_catches(struct recording *recording)
{
    qsort(recording->samples, recording->sample_count, sizeof *recording->samples, by_number);
    for (size_t i = 0; i < recording->catch_count; i++) {
        const ex_catch *caught = &recording->catchs[i];
        struct sample key = {.head = {.number = caught->number}}, *sample;
        sample = bsearch(&key, recording->samples, recording->sample_count, sizeof key, by_number);
        if (!sample)
            continue;
        sample->caught = 1;
        sample->catcher = caught->catcher;
    }
}

/* What a program wrote that died may be later than the end of which its capture knows. */
static void extend_span(struct recording *recording)
{
    if (recording->capture->end_reason(recording->host) != MEDIC_END_NONE)
        return;
    if (recording->has_totals && recording->last.time_ns > recording->end_ns)
        recording->end_ns = recording->last.time_ns;
    for (size_t i = 0; i < recording->rate_count; i++)
        if (recording->rates[i].time_ns > recording->end_ns)
            recording->end_ns = recording->rates[i].time_ns;
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
    extend_span(recording);
    if (recording->sample_count)
        join_catches(recording);
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

static void free_all(struct recording *recording)
{
    for (size_t i = 0; i < recording->sample_count; i++) {
        free(recording->samples[i].message);
        free(recording->samples[i].folded);
        free(recording->samples[i].chain);
        free(recording->samples[i].frames);
    }
    for (size_t i = 0; i < recording->cheap_name_count; i++)
        free(recording->cheap_names[i].name);
    free(recording->cheap_names);
    free(recording->samples);
    free(recording->types);
    free(recording->routes);
    free(recording->rates);
    free(recording->catchs);
    free(recording->catchers);
    free(recording->messages);
    free(recording->sites);
    free(recording->chains);
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
    free_all(&recording);
    return code;
}

const medic_report exceptions_report = {.size = sizeof(medic_report), .render = render};
