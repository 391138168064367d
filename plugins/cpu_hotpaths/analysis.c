/* From samples to facts: who ran, on which thread, at what. */
#include "recording.h"

#include <stdlib.h>
#include <string.h>

/* --- samples by stack, threads, collections --- */

static int by_stack(const void *left, const void *right)
{
    const struct sample *a = left, *b = right;

    if (a->stack != b->stack)
        return a->stack < b->stack ? -1 : 1;
    return (a->os_id > b->os_id) - (a->os_id < b->os_id);
}

static int by_os_id(const void *left, const void *right)
{
    uint32_t a = ((const struct thread *)left)->os_id, b = ((const struct thread *)right)->os_id;

    return (a > b) - (a < b);
}

static int by_gc_thread(const void *left, const void *right)
{
    const ch_gc *a = left, *b = right;

    if (a->os_id != b->os_id)
        return a->os_id < b->os_id ? -1 : 1;
    return (a->time_ns > b->time_ns) - (a->time_ns < b->time_ns);
}

static void sort(void *array, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    if (count)
        qsort(array, count, size, compare);
}

const struct view *view_of(const struct recording *recording, const struct sample *sample)
{
    return &recording->views[sample->view];
}

static int make_views(struct recording *recording)
{
    sort(recording->samples, recording->sample_count, sizeof *recording->samples, by_stack);
    recording->views = calloc(recording->sample_count + 1, sizeof *recording->views);
    if (!recording->views)
        return MEDIC_E_MEMORY;
    for (size_t i = 0; i < recording->sample_count; i++) {
        struct sample *sample = &recording->samples[i];
        if (!i || sample->stack != sample[-1].stack)
            view_stack(recording, sample->stack, &recording->views[recording->view_count++]);
        sample->view = (uint32_t)(recording->view_count - 1);
    }
    return MEDIC_OK;
}

/* The runtime's own code before and after System.Runtime.EH, or libgcc's, has no name. But what is called from the very
 * instruction that throws is throwing. */
static int find_throws(struct recording *recording)
{
    uint8_t *throws = calloc((size_t)recording->frame_count + 1, 1);

    if (!throws)
        return MEDIC_E_MEMORY;
    for (size_t i = 0; i < recording->view_count; i++)
        if (recording->views[i].work == WORK_EXCEPTIONS && recording->views[i].helper <= recording->frame_count)
            throws[recording->views[i].helper] = 1;
    throws[0] = 0;
    for (size_t i = 0; i < recording->view_count; i++) {
        struct view *view = &recording->views[i];
        if (view->work == WORK_RUNTIME && view->helper <= recording->frame_count && throws[view->helper])
            view->work = WORK_EXCEPTIONS;
    }
    free(throws);
    return MEDIC_OK;
}

static size_t list_threads(struct recording *recording, struct thread *threads)
{
    size_t count = 0;

    for (size_t i = 0; i < recording->sample_count; i++)
        threads[i] = (struct thread){.os_id = recording->samples[i].os_id};
    sort(threads, recording->sample_count, sizeof *threads, by_os_id);
    for (size_t i = 0; i < recording->sample_count; i++)
        if (!count || threads[count - 1].os_id != threads[i].os_id)
            threads[count++] = threads[i];
    return count;
}

static void name_thread(const struct recording *recording, struct thread *thread)
{
    uint64_t managed = 0;
    const char *name = recording->frames->thread(recording->host, thread->os_id, &managed);

    thread->name = name && *name ? name : "";
    thread->kind = thread_kind_of(name, managed);
}

static struct thread *find_thread(const struct recording *recording, uint32_t os_id)
{
    struct thread key = {.os_id = os_id};

    return bsearch(&key, recording->threads, recording->thread_count, sizeof key, by_os_id);
}

static int make_threads(struct recording *recording)
{
    recording->threads = calloc(recording->sample_count + 1, sizeof *recording->threads);
    if (!recording->threads)
        return MEDIC_E_MEMORY;
    recording->thread_count = list_threads(recording, recording->threads);
    for (size_t i = 0; i < recording->thread_count; i++)
        name_thread(recording, &recording->threads[i]);
    for (size_t i = 0; i < recording->sample_count; i++) {
        struct sample *sample = &recording->samples[i];
        struct thread *thread = find_thread(recording, sample->os_id);
        sample->thread = (uint32_t)(thread - recording->threads);
        thread->cpu_ns += sample->weight_ns;
        thread->samples++;
        if (thread->kind == THREAD_NATIVE && view_of(recording, sample)->managed)
            thread->kind = THREAD_MANAGED;
    }
    return MEDIC_OK;
}

static int make_gcs(struct recording *recording)
{
    const ch_gc *events = recording->gc_events;

    recording->gcs = calloc(recording->gc_event_count + 1, sizeof *recording->gcs);
    if (!recording->gcs)
        return MEDIC_E_MEMORY;
    sort(recording->gc_events, recording->gc_event_count, sizeof *events, by_gc_thread);
    for (size_t i = 1; i < recording->gc_event_count; i++)
        if (events[i - 1].what == CH_GC_BEGIN && events[i].what == CH_GC_END && events[i - 1].os_id == events[i].os_id)
            recording->gcs[recording->gc_count++] =
                (struct gc){events[i].os_id, events[i - 1].time_ns, events[i].time_ns};
    return MEDIC_OK;
}

static int collects(const struct recording *recording, const struct sample *sample)
{
    size_t low = 0, high = recording->gc_count;

    while (low < high) { /* the last one that begins before */
        size_t middle = low + (high - low) / 2;
        const struct gc *gc = &recording->gcs[middle];
        if (gc->os_id < sample->os_id || (gc->os_id == sample->os_id && gc->begin_ns <= sample->time_ns))
            low = middle + 1;
        else
            high = middle;
    }
    return low && recording->gcs[low - 1].os_id == sample->os_id && sample->time_ns <= recording->gcs[low - 1].end_ns;
}

static void set_work(struct sample *sample, enum work work, enum code code)
{
    sample->work = work;
    sample->code = code;
}

static void classify(const struct recording *recording, struct sample *sample)
{
    const struct view *view = view_of(recording, sample);
    enum thread_kind kind = recording->threads[sample->thread].kind;

    set_work(sample, view->work, view->code);
    if (kind == THREAD_MEDIC)
        set_work(sample, WORK_MEDIC, view->code);
    else if (kind == THREAD_GC || (view->in_runtime && collects(recording, sample)))
        set_work(sample, WORK_GC, CODE_GC);
    else if (kind == THREAD_JIT && view->in_runtime)
        set_work(sample, WORK_JIT, CODE_JIT);
}

int analyse(struct recording *recording)
{
    if (unite_nameless(recording) != MEDIC_OK || make_views(recording) != MEDIC_OK ||
        find_throws(recording) != MEDIC_OK || make_threads(recording) != MEDIC_OK || make_gcs(recording) != MEDIC_OK)
        return MEDIC_E_MEMORY;
    for (size_t i = 0; i < recording->sample_count; i++)
        classify(recording, &recording->samples[i]);
    return MEDIC_OK;
}
