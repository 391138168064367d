#include "analysis.h"

#include <medic/clr/profiler.h>
#include <stdlib.h>
#include <string.h>

int gc_reason_is_induced(uint32_t reason)
{
    return reason == RP_GC_INDUCED || reason == RP_GC_INDUCED_NOT_FORCED || reason == RP_GC_INDUCED_COMPACTING ||
           reason == RP_GC_INDUCED_AGGRESSIVE;
}

static int gc_reason_is_low_memory(uint32_t reason)
{
    return reason == RP_GC_LOW_MEMORY || reason == RP_GC_LOW_MEMORY_BLOCKING || reason == RP_GC_LOW_MEMORY_HOST ||
           reason == RP_GC_LOW_MEMORY_HOST_BLOCKING || reason == RP_GC_OUT_OF_SPACE_SMALL ||
           reason == RP_GC_OUT_OF_SPACE_LARGE;
}

/* --- collections out of events --- */

/* At most two are open at a time: a background one, and a blocking one that interrupts it. */
struct builder {
    struct gc *gcs;
    size_t count;
    struct gc *blocking;
    struct gc *background;
    struct gc *last; /* the one that ended last */
};

static void end_gc(struct builder *builder, struct gc **open, uint64_t at)
{
    if (!*open)
        return;
    (*open)->end_ns = at;
    builder->last = *open;
    *open = NULL;
}

static void on_start(struct builder *builder, const rp_gc *event)
{
    struct gc *gc = &builder->gcs[builder->count++];
    struct gc **open = event->type == RP_GC_BACKGROUND ? &builder->background : &builder->blocking;

    *gc = (struct gc){.begin_ns = event->at_ns,
                      .number = event->number,
                      .generation = event->generation,
                      .reason = event->reason,
                      .type = event->type,
                      .mechanisms = RP_UNKNOWN,
                      .pause_mode = RP_UNKNOWN,
                      .heaps = RP_UNKNOWN};
    end_gc(builder, open, event->at_ns); /* the event of its end was lost */
    *open = gc;
}

static void on_end(struct builder *builder, const rp_gc *event)
{
    if (builder->blocking && builder->blocking->number == event->number)
        end_gc(builder, &builder->blocking, event->at_ns);
    else if (builder->background && builder->background->number == event->number)
        end_gc(builder, &builder->background, event->at_ns);
}

/* It has no number. It comes at the end of a collection, or right behind it. */
static void on_history(struct builder *builder, const rp_gc *event)
{
    const uint64_t right_behind = 1000000;
    struct gc *last = builder->last;
    struct gc *gc = builder->blocking;

    if (!gc && last && last->mechanisms == RP_UNKNOWN && event->at_ns - last->end_ns < right_behind)
        gc = last;
    if (!gc)
        gc = builder->background;
    if (!gc)
        return;
    gc->mechanisms = event->mechanisms;
    gc->pause_mode = event->pause_mode;
    gc->heaps = event->heaps;
}

static void on_heap(struct builder *builder, const rp_heap *heap)
{
    struct gc *gc = builder->last;

    if (!gc || gc->heap_bytes)
        return;
    for (int generation = 0; generation < 5; generation++) {
        gc->heap_bytes += heap->size[generation];
        gc->promoted_bytes += heap->promoted[generation];
    }
}

size_t build_gcs(const rp_gc *events, size_t event_count, const rp_heap *heaps, size_t heap_count, struct gc *gcs)
{
    struct builder builder = {.gcs = gcs};
    size_t heap = 0;

    for (size_t i = 0; i < event_count; i++) {
        for (; heap < heap_count && heaps[heap].at_ns < events[i].at_ns; heap++)
            on_heap(&builder, &heaps[heap]);
        if (events[i].what == RP_GC_START)
            on_start(&builder, &events[i]);
        else if (events[i].what == RP_GC_END)
            on_end(&builder, &events[i]);
        else if (events[i].what == RP_GC_HISTORY)
            on_history(&builder, &events[i]);
    }
    for (; heap < heap_count; heap++)
        on_heap(&builder, &heaps[heap]);
    return builder.count;
}

/* --- causes of pauses --- */

static enum cause cause_of_gc(uint32_t generation, uint32_t reason)
{
    if (gc_reason_is_induced(reason))
        return CAUSE_INDUCED;
    if (generation == RP_UNKNOWN)
        return CAUSE_COLLECTION;
    return generation >= 2 ? CAUSE_FULL : CAUSE_YOUNG;
}

static void count_until(struct pause *pause, uint64_t at)
{
    if (at > pause->raw.stopped_ns && at <= pause->raw.restart_ns)
        pause->counted_ns = at - pause->raw.asked_ns;
}

static void explain_by_gc(struct pause *pause, const struct gc *gcs, size_t index, enum gc_kind kind)
{
    const struct gc *gc = &gcs[index];

    pause->gc = index;
    pause->kind = kind;
    pause->generation = gc->generation != RP_UNKNOWN ? gc->generation : pause->raw.generation;
    pause->gc_reason = gc->reason;
    if (kind == KIND_BLOCKING && pause->raw.gc_starts <= 1)
        count_until(pause, gc->end_ns);
    if (kind == KIND_BLOCKING || kind == KIND_BLOCKING_AND_BEGIN) {
        pause->cause = cause_of_gc(pause->generation, gc->reason);
        if (gc->mechanisms != RP_UNKNOWN)
            pause->compacting = (gc->mechanisms & RP_MECHANISM_COMPACTION) != 0;
    } else {
        pause->cause = gc_reason_is_induced(gc->reason) ? CAUSE_INDUCED : CAUSE_BACKGROUND;
        pause->compacting = 0;
    }
}

/* No event: the session of events was not up yet, or starved. The callbacks tell of one begin, and of one end when
 * something blocking was collected: gen2, or a small collection before a background one. */
static enum gc_kind kind_by_callbacks(const rp_pause *raw, int marking_ends)
{
    if (!raw->gc_starts || raw->generation == RP_UNKNOWN)
        return KIND_UNKNOWN;
    if (raw->generation < 2)
        return KIND_BLOCKING;
    if (raw->flags & RP_CUT)
        return KIND_UNKNOWN;
    return marking_ends || raw->gc_ends < raw->gc_starts ? KIND_BACKGROUND_BEGIN : KIND_BLOCKING;
}

static void explain_by_callbacks(struct pause *pause, int marking_ends)
{
    const rp_pause *raw = &pause->raw;

    pause->generation = raw->generation;
    pause->kind = kind_by_callbacks(raw, marking_ends);
    pause->cause = pause->kind == KIND_UNKNOWN            ? CAUSE_COLLECTION
                   : pause->kind == KIND_BACKGROUND_BEGIN ? CAUSE_BACKGROUND
                                                          : cause_of_gc(raw->generation, RP_UNKNOWN);
    if (raw->induced) {
        pause->cause = CAUSE_INDUCED;
        pause->gc_reason = RP_GC_INDUCED;
    }
}

/* What the walk over the pauses remembers of the collections before. */
struct walk {
    const struct gc *gcs;
    size_t count;
    size_t next;           /* first collection that began after the last pause */
    size_t background;     /* the last background collection that has begun, or NO_INDEX */
    int silent_background; /* one has begun of which only the callbacks told; 2 = it was induced */
};

static int background_runs(const struct walk *walk, uint64_t at)
{
    return walk->background != NO_INDEX &&
           (!walk->gcs[walk->background].end_ns || walk->gcs[walk->background].end_ns >= at);
}

static void skip_gcs_before(struct walk *walk, uint64_t at)
{
    for (; walk->next < walk->count && walk->gcs[walk->next].begin_ns < at; walk->next++)
        if (walk->gcs[walk->next].type == RP_GC_BACKGROUND)
            walk->background = walk->next;
}

/* Collections that began in one pause. */
struct within {
    size_t blocking; /* of the oldest generation, or NO_INDEX */
    size_t background;
};

static struct within gcs_within(struct walk *walk, const rp_pause *raw)
{
    struct within within = {NO_INDEX, NO_INDEX};

    for (; walk->next < walk->count && walk->gcs[walk->next].begin_ns <= raw->end_ns; walk->next++) {
        const struct gc *gc = &walk->gcs[walk->next];
        if (gc->type == RP_GC_BACKGROUND)
            within.background = walk->background = walk->next;
        else if (within.blocking == NO_INDEX ||
                 (gc->generation != RP_UNKNOWN && gc->generation > walk->gcs[within.blocking].generation))
            within.blocking = walk->next;
    }
    return within;
}

/* The runtime stops its threads "to prepare a collection" for the end of background marking, and seldom to switch its write
 * barriers. */
static void explain_preparation(struct pause *pause, struct walk *walk)
{
    int events_were_up = walk->count && walk->gcs[0].begin_ns < pause->raw.begin_ns;

    if (background_runs(walk, pause->raw.begin_ns)) {
        explain_by_gc(pause, walk->gcs, walk->background, KIND_BACKGROUND_END);
    } else if (walk->silent_background || !events_were_up) {
        pause->kind = KIND_BACKGROUND_END;
        pause->generation = 2;
        pause->compacting = 0;
        pause->cause = walk->silent_background == 2 ? CAUSE_INDUCED : CAUSE_BACKGROUND;
        pause->gc_reason = walk->silent_background == 2 ? (uint32_t)RP_GC_INDUCED : RP_UNKNOWN;
        walk->silent_background = 0;
    }
}

/* A background collection often has a small one done first, in the same pause: that is where the time goes. */
static void explain_by_events(struct pause *pause, const struct walk *walk, const struct within *within)
{
    int background = within->background != NO_INDEX;

    if (within->blocking == NO_INDEX)
        explain_by_gc(pause, walk->gcs, within->background, KIND_BACKGROUND_BEGIN);
    else
        explain_by_gc(pause, walk->gcs, within->blocking, background ? KIND_BLOCKING_AND_BEGIN : KIND_BLOCKING);
    if (background && gc_reason_is_induced(walk->gcs[within->background].reason)) {
        pause->cause = CAUSE_INDUCED;
        pause->gc_reason = walk->gcs[within->background].reason;
    }
}

/* The end of background marking follows its begin before any other gen2 collection does. */
static int marking_ends_later(const struct pause *pause, const struct pause *end)
{
    for (pause++; pause < end; pause++) {
        if (pause->raw.reason == COR_PRF_SUSPEND_FOR_GC_PREP)
            return 1;
        if (pause->raw.generation == 2)
            return 0;
    }
    return 0;
}

void attribute(struct pause *pauses, size_t pause_count, const struct gc *gcs, size_t gc_count)
{
    struct walk walk = {.gcs = gcs, .count = gc_count, .background = NO_INDEX};

    for (size_t i = 0; i < pause_count; i++) {
        struct pause *pause = &pauses[i];
        struct within within;

        pause->cause = CAUSE_OTHER;
        pause->kind = KIND_NONE;
        pause->generation = pause->gc_reason = RP_UNKNOWN;
        pause->compacting = -1;
        pause->gc = NO_INDEX;
        pause->counted_ns = pause->raw.restart_ns - pause->raw.asked_ns;
        skip_gcs_before(&walk, pause->raw.begin_ns);
        within = gcs_within(&walk, &pause->raw);
        if (within.blocking != NO_INDEX || within.background != NO_INDEX) {
            explain_by_events(pause, &walk, &within);
        } else if (pause->raw.reason == COR_PRF_SUSPEND_FOR_GC ||
                   (pause->raw.reason == RP_UNKNOWN && (pause->raw.gc_starts || pause->raw.gc_ends))) {
            explain_by_callbacks(pause, marking_ends_later(pause, pauses + pause_count));
            if (pause->kind == KIND_BACKGROUND_BEGIN)
                walk.silent_background = pause->cause == CAUSE_INDUCED ? 2 : 1;
        } else if (pause->raw.reason == COR_PRF_SUSPEND_FOR_GC_PREP) {
            explain_preparation(pause, &walk);
        }
    }
}

/* --- numbers --- */

static int compare_u64(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

uint64_t percentile(const uint64_t *lengths, size_t count, double q)
{
    size_t rank;

    if (!count)
        return 0;
    rank = (size_t)((double)count * q);
    if ((double)rank < (double)count * q)
        rank++;
    return lengths[rank == 0 ? 0 : rank > count ? count - 1 : rank - 1];
}

static struct stats stats_of_lengths(uint64_t *lengths, size_t count)
{
    struct stats stats = {.count = count};

    qsort(lengths, count, sizeof *lengths, compare_u64);
    for (size_t i = 0; i < count; i++)
        stats.total_ns += lengths[i];
    stats.p50_ns = percentile(lengths, count, 0.50);
    stats.p90_ns = percentile(lengths, count, 0.90);
    stats.p99_ns = percentile(lengths, count, 0.99);
    stats.max_ns = count ? lengths[count - 1] : 0;
    return stats;
}

struct stats stats_of(const struct pause *pauses, size_t count, int (*pick)(const struct pause *, const void *),
                      const void *context, uint64_t *scratch)
{
    struct stats stats;
    uint64_t stop = 0, stopped = 0, restart = 0, counted = 0;
    size_t picked = 0;

    for (size_t i = 0; i < count; i++) {
        const rp_pause *raw = &pauses[i].raw;
        if (pick && !pick(&pauses[i], context))
            continue;
        scratch[picked++] = pause_length(&pauses[i]);
        stop += raw->stopped_ns - raw->begin_ns;
        stopped += raw->restart_ns - raw->stopped_ns;
        restart += raw->end_ns - raw->restart_ns;
        counted += pauses[i].counted_ns;
    }
    stats = stats_of_lengths(scratch, picked);
    stats.stop_ns = stop;
    stats.stopped_ns = stopped;
    stats.restart_ns = restart;
    stats.counted_ns = counted;
    return stats;
}

/* A request that arrives in a pause waits for the rest of it: of a pause of length L, L - d leads to waits above d. So d is
 * where the sum of max(0, L - d) is the share 1 - q of the span. */
uint64_t added_delay(const uint64_t *lengths, size_t count, uint64_t span_ns, double q)
{
    double budget = (1 - q) * (double)span_ns;
    double sum = 0;

    for (size_t i = count; i > 0; i--) {
        double longer = (double)(count - i + 1);
        double next = i > 1 ? (double)lengths[i - 2] : 0;
        sum += (double)lengths[i - 1];
        if (sum - longer * next >= budget)
            return sum > budget ? (uint64_t)((sum - budget) / longer) : 0;
    }
    return 0;
}

/* --- facts --- */

static int has_cause(const struct pause *pause, const void *cause)
{
    return pause->cause == *(const enum cause *)cause;
}

static int is_collection(const struct pause *pause, const void *unused)
{
    (void)unused;
    return pause->cause != CAUSE_OTHER;
}

static void divide(struct facts *facts, const struct pause *pause)
{
    double length = (double)pause_length(pause);
    double stop = pause_stop(pause) >= RP_SLOW_STOP_NS ? (double)pause_stop(pause) : 0;

    facts->time[CAUSE_STOPPING] += stop;
    facts->harm[CAUSE_STOPPING] += stop * length;
    facts->time[pause->cause] += length - stop;
    facts->harm[pause->cause] += (length - stop) * length;
}

static void count_kinds(struct facts *facts, const struct pause *pause)
{
    facts->cut += (pause->raw.flags & RP_CUT) != 0;
    facts->cut_begin += (pause->raw.flags & RP_CUT_BEGIN) != 0;
    facts->unknown_kind += pause->kind == KIND_UNKNOWN;
    facts->by_callbacks += pause->cause != CAUSE_OTHER && pause->gc == NO_INDEX;
    if (pause->cause == CAUSE_INDUCED) {
        facts->induced_calls += pause->kind != KIND_BACKGROUND_END;
        facts->induced_background += pause->kind == KIND_BACKGROUND_BEGIN;
    }
    if (pause->cause == CAUSE_FULL)
        facts->full_low_memory += (size_t)gc_reason_is_low_memory(pause->gc_reason);
}

static uint32_t main_other_reason(const struct pause *pauses, size_t count)
{
    enum { REASONS = 16, UNKNOWN = REASONS - 1 }; /* the runtime has ten */
    uint64_t time[REASONS] = {0};
    uint32_t best = COR_PRF_SUSPEND_OTHER;

    for (size_t i = 0; i < count; i++)
        if (pauses[i].cause == CAUSE_OTHER)
            time[pauses[i].raw.reason < UNKNOWN ? pauses[i].raw.reason : UNKNOWN] += pause_length(&pauses[i]);
    for (uint32_t reason = 0; reason < REASONS; reason++)
        if (time[reason] > time[best])
            best = reason;
    return best == UNKNOWN ? RP_UNKNOWN : best;
}

static void gc_facts(struct facts *facts, const struct gc *gcs, size_t count)
{
    uint64_t promoted = 0;
    size_t young = 0;

    facts->concurrent_off = -1;
    facts->heaps = RP_UNKNOWN;
    for (size_t i = 0; i < count; i++) {
        if (gcs[i].pause_mode != RP_UNKNOWN)
            facts->concurrent_off = gcs[i].pause_mode == 0;
        if (gcs[i].heaps != RP_UNKNOWN)
            facts->heaps = gcs[i].heaps;
        if (gcs[i].heap_bytes > facts->heap_bytes)
            facts->heap_bytes = gcs[i].heap_bytes;
        if (gcs[i].generation < 2 && gcs[i].heap_bytes) {
            promoted += gcs[i].promoted_bytes;
            young++;
        }
    }
    facts->young_promoted_bytes = young ? promoted / young : 0;
}

static struct stats slow_stops(const struct pause *pauses, size_t count, uint64_t *scratch)
{
    size_t slow = 0;

    for (size_t i = 0; i < count; i++)
        if (pause_stop(&pauses[i]) >= RP_SLOW_STOP_NS)
            scratch[slow++] = pause_stop(&pauses[i]);
    return stats_of_lengths(scratch, slow);
}

int facts_of(const struct pause *pauses, size_t pause_count, const struct gc *gcs, size_t gc_count, uint64_t span_ns,
             uint64_t threshold_ns, struct facts *facts)
{
    uint64_t *scratch = calloc(pause_count + 1, sizeof *scratch);

    memset(facts, 0, sizeof *facts);
    if (!scratch)
        return 0;
    facts->span_ns = span_ns;
    facts->threshold_ns = threshold_ns;
    for (size_t i = 0; i < pause_count; i++) {
        divide(facts, &pauses[i]);
        count_kinds(facts, &pauses[i]);
    }
    facts->other_reason = main_other_reason(pauses, pause_count);
    gc_facts(facts, gcs, gc_count);
    for (enum cause cause = 0; cause < CAUSE_STOPPING; cause++)
        facts->cause[cause] = stats_of(pauses, pause_count, has_cause, &cause, scratch);
    facts->cause[CAUSE_STOPPING] = slow_stops(pauses, pause_count, scratch);
    facts->gc = stats_of(pauses, pause_count, is_collection, NULL, scratch);
    facts->all = stats_of(pauses, pause_count, NULL, NULL, scratch); /* leaves all lengths in scratch, sorted */
    facts->delay_p95_ns = added_delay(scratch, pause_count, span_ns, 0.95);
    facts->delay_p99_ns = added_delay(scratch, pause_count, span_ns, 0.99);
    facts->delay_p999_ns = added_delay(scratch, pause_count, span_ns, 0.999);
    for (size_t i = pause_count; i > 0 && scratch[i - 1] > facts->delay_p99_ns; i--)
        facts->delay_p99_pauses++;
    free(scratch);
    return 1;
}
