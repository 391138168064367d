/* The report half: reads the capture into arrays, has them analysed, and writes the document. */
#include "runtime_pauses.h"

#include "recording.h"

#include <medic/reading.h>

#include <medic/clr/profiler.h>
#include <stdlib.h>
#include <string.h>

/* --- reading --- */

static int read_pause(struct recording *recording, const medic_record *record)
{
    struct pause pause = {.asked = NO_INDEX, .late = NO_INDEX, .gc = NO_INDEX};
    const rp_pause *raw = &pause.raw;

    if (!medic_take(record, &pause.raw, sizeof pause.raw, NULL) || raw->begin_ns > raw->stopped_ns ||
        raw->stopped_ns > raw->restart_ns || raw->restart_ns > raw->end_ns || raw->asked_ns > raw->begin_ns)
        return MEDIC_OK;
    return MEDIC_PUSH(recording, pause, pause);
}

static int read_stack(struct recording *recording, const medic_record *record)
{
    struct stack stack = {.type = record->type, .first = recording->frame_count};
    uint64_t frame;

    if (!medic_take(record, &stack.head, sizeof stack.head, NULL) || stack.head.frame_count > RP_FRAMES_MAX ||
        record->size < sizeof stack.head + stack.head.frame_count * sizeof frame)
        return MEDIC_OK;
    for (uint32_t i = 0; i < stack.head.frame_count; i++) {
        memcpy(&frame, (const char *)record->data + sizeof stack.head + i * sizeof frame, sizeof frame);
        if (MEDIC_PUSH(recording, frame, frame) != MEDIC_OK)
            return MEDIC_E_MEMORY;
    }
    return MEDIC_PUSH(recording, stack, stack);
}

static int read_gc(struct recording *recording, const medic_record *record)
{
    rp_gc event;

    return medic_take(record, &event, sizeof event, NULL) ? MEDIC_PUSH(recording, event, event) : MEDIC_OK;
}

static int read_heap(struct recording *recording, const medic_record *record)
{
    rp_heap heap;

    return medic_take(record, &heap, sizeof heap, NULL) ? MEDIC_PUSH(recording, heap, heap) : MEDIC_OK;
}

static int read_record(struct recording *recording, const medic_record *record)
{
    switch (record->type) {
    case RP_PAUSE: return read_pause(recording, record);
    case RP_ASKED:
    case RP_LATE:
    case RP_TRIGGERED: return read_stack(recording, record);
    case RP_GC: return read_gc(recording, record);
    case RP_HEAP: return read_heap(recording, record);
    case RP_TOTALS:
        recording->has_totals |= medic_take(record, &recording->totals, sizeof recording->totals, NULL);
        return MEDIC_OK;
    default: return MEDIC_OK;
    }
}

/* --- order: the ring keeps no order between threads --- */

#define DEFINE_COMPARE(name, type, member)                                                                             \
    static int name(const void *left, const void *right)                                                               \
    {                                                                                                                  \
        uint64_t a = ((const type *)left)->member, b = ((const type *)right)->member;                                  \
        return (a > b) - (a < b);                                                                                      \
    }
DEFINE_COMPARE(compare_pauses, struct pause, raw.number)
DEFINE_COMPARE(compare_events, rp_gc, at_ns)
DEFINE_COMPARE(compare_heaps, rp_heap, at_ns)
DEFINE_COMPARE(compare_stacks, struct stack, head.at_ns)

static void sort(void *array, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    if (count)
        qsort(array, count, size, compare);
}

static void sort_all(struct recording *recording)
{
    sort(recording->pauses, recording->pause_count, sizeof *recording->pauses, compare_pauses);
    sort(recording->events, recording->event_count, sizeof *recording->events, compare_events);
    sort(recording->heaps, recording->heap_count, sizeof *recording->heaps, compare_heaps);
    sort(recording->stacks, recording->stack_count, sizeof *recording->stacks, compare_stacks);
}

/* --- stacks to pauses --- */

/* The first pause with a number (or a begin) of at least this much. */
static size_t first_pause(const struct recording *recording, uint64_t value, int by_time)
{
    size_t low = 0, high = recording->pause_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const rp_pause *raw = &recording->pauses[middle].raw;
        if ((by_time ? raw->begin_ns : raw->number) < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct pause *pause_number(const struct recording *recording, uint64_t number)
{
    size_t i = first_pause(recording, number, 0);

    return i < recording->pause_count && recording->pauses[i].raw.number == number ? &recording->pauses[i] : NULL;
}

/* The collection that was triggered before any thread was stopped is the next one. */
static struct pause *pause_triggered(const struct recording *recording, const rp_stack *head)
{
    size_t i;

    if (head->pause)
        return pause_number(recording, head->pause);
    for (i = first_pause(recording, head->at_ns, 1); i < recording->pause_count; i++)
        if (recording->pauses[i].raw.reason == COR_PRF_SUSPEND_FOR_GC)
            return &recording->pauses[i];
    return NULL;
}

/* Waiting for Medic's own thread is not an illness of the program: the pause begins after it. */
static void leave_out_own_wait(struct pause *pause)
{
    pause->own_ns = pause_stop(pause);
    pause->raw.begin_ns = pause->raw.stopped_ns;
}

static void join_stacks(struct recording *recording)
{
    for (size_t i = 0; i < recording->stack_count; i++) {
        const struct stack *stack = &recording->stacks[i];
        struct pause *pause = stack->type == RP_TRIGGERED ? pause_triggered(recording, &stack->head)
                                                          : pause_number(recording, stack->head.pause);
        if (!pause)
            continue;
        if (stack->type == RP_LATE && stack->head.flags & RP_OWN)
            leave_out_own_wait(pause);
        else if (stack->type == RP_LATE)
            pause->late = i;
        else if (stack->head.frame_count)
            pause->asked = i;
    }
}

/* --- rendering --- */

static int read_all(struct recording *recording, medic_reason *why)
{
    medic_record record;

    recording->capture->span(recording->host, &recording->begin_ns, &recording->end_ns);
    while (recording->capture->next(recording->host, &record))
        if (read_record(recording, &record) != MEDIC_OK)
            return medic_fail(why, MEDIC_E_MEMORY, "no memory for %zu pauses", recording->pause_count);
    return MEDIC_OK;
}

static int analyse(struct recording *recording, medic_reason *why)
{
    sort_all(recording);
    join_stacks(recording);
    recording->gcs = calloc(recording->event_count + 1, sizeof *recording->gcs);
    if (!recording->gcs)
        return medic_fail(why, MEDIC_E_MEMORY, "no memory for %zu events", recording->event_count);
    recording->gc_count =
        build_gcs(recording->events, recording->event_count, recording->heaps, recording->heap_count, recording->gcs);
    attribute(recording->pauses, recording->pause_count, recording->gcs, recording->gc_count);
    if (!facts_of(recording->pauses, recording->pause_count, recording->gcs, recording->gc_count,
                  recording->end_ns - recording->begin_ns, recording->threshold_ns, &recording->facts))
        return medic_fail(why, MEDIC_E_MEMORY, "no memory for %zu pauses", recording->pause_count);
    return MEDIC_OK;
}

static void write_document(const struct recording *recording)
{
    size_t caller_count, slow_count;
    struct caller_row *callers = caller_rows(recording, &caller_count);
    struct slow_row *slow = slow_rows(recording, &slow_count);
    struct witnesses witnesses = witnesses_of(callers, caller_count, slow, slow_count);
    struct verdict verdict;

    verdict_of(&recording->facts, &witnesses, &verdict);
    recording->document->verdict(recording->host, verdict.severity, verdict.sentence);
    for (size_t i = 0; i < verdict.finding_count; i++)
        recording->document->finding(recording->host, verdict.findings[i].text, verdict.findings[i].section,
                                     verdict.findings[i].key);
    write_sections(recording, callers, caller_count, slow, slow_count);
    free(callers);
    free(slow);
}

static int read_params(struct recording *recording, medic_reason *why)
{
    const medic_params_service *params = recording->host->service(recording->host, MEDIC_SERVICE_PARAMS);
    int64_t worst = 0;

    if (params->get_duration(recording->host, "threshold", &recording->threshold_ns) != MEDIC_OK ||
        params->get_int(recording->host, "worst", &worst) != MEDIC_OK || worst < 1 || !recording->threshold_ns)
        return medic_fail(why, MEDIC_E_ARGUMENT, "the host gives runtime_pauses no valid threshold or worst");
    recording->worst = (size_t)worst;
    return MEDIC_OK;
}

static int render(const medic_host *host, medic_reason *why)
{
    struct recording recording = {.host = host,
                                  .capture = host->service(host, MEDIC_SERVICE_CAPTURE),
                                  .document = host->service(host, MEDIC_SERVICE_DOCUMENT)};
    int code = read_params(&recording, why);

    if (code == MEDIC_OK)
        code = read_all(&recording, why);
    if (code == MEDIC_OK)
        code = analyse(&recording, why);
    if (code == MEDIC_OK)
        write_document(&recording);
    free(recording.pauses);
    free(recording.gcs);
    free(recording.events);
    free(recording.heaps);
    free(recording.stacks);
    free(recording.frames);
    return code;
}

const medic_report runtime_pauses_report = {.size = sizeof(medic_report), .render = render};
