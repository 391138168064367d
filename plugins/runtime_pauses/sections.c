/* The sections of the document. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#include "sections.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* --- names of causes --- */

static const char *const gc_reasons[] = {
    [RP_GC_ALLOC_SMALL] = "allocation",
    [RP_GC_INDUCED] = "induced",
    [RP_GC_LOW_MEMORY] = "low memory",
    [RP_GC_EMPTY] = "empty",
    [RP_GC_ALLOC_LARGE] = "large allocation",
    [RP_GC_OUT_OF_SPACE_SMALL] = "out of space",
    [RP_GC_OUT_OF_SPACE_LARGE] = "out of space, large objects",
    [RP_GC_INDUCED_NOT_FORCED] = "induced, not forced",
    [RP_GC_INTERNAL] = "internal",
    [RP_GC_LOW_MEMORY_BLOCKING] = "low memory, blocking",
    [RP_GC_INDUCED_COMPACTING] = "induced, compacting",
    [RP_GC_LOW_MEMORY_HOST] = "low memory, host",
    [RP_GC_PROVISIONAL_FULL] = "provisional full",
    [RP_GC_LOW_MEMORY_HOST_BLOCKING] = "low memory, host, blocking",
    [RP_GC_TUNING_SMALL] = "background tuning",
    [RP_GC_TUNING_LARGE] = "background tuning, large objects",
    [RP_GC_STEPPING] = "background stepping",
    [RP_GC_INDUCED_AGGRESSIVE] = "induced, aggressive",
};

static const char *gc_reason_name(uint32_t reason)
{
    return reason < MEDIC_COUNT_OF(gc_reasons) ? gc_reasons[reason] : "reason not known";
}

static const char *kind_name(enum gc_kind kind)
{
    static const char *const names[] = {
        [KIND_NONE] = "",
        [KIND_UNKNOWN] = "kind not known",
        [KIND_BLOCKING] = "blocking",
        [KIND_BLOCKING_AND_BEGIN] = "blocking, background begin",
        [KIND_BACKGROUND_BEGIN] = "background, begin",
        [KIND_BACKGROUND_END] = "background, end",
    };
    return names[kind];
}

const char *cause_label(const struct pause *pause, char label[LABEL_MAX])
{
    if (pause->cause == CAUSE_OTHER)
        snprintf(label, LABEL_MAX, "not a collection: %s", suspend_reason_name(pause->raw.reason));
    else if (pause->generation == RP_UNKNOWN)
        snprintf(label, LABEL_MAX, "collection, %s: %s", kind_name(pause->kind), gc_reason_name(pause->gc_reason));
    else
        snprintf(label, LABEL_MAX, "gen%u %s: %s", pause->generation, kind_name(pause->kind),
                 gc_reason_name(pause->gc_reason));
    return label;
}

/* --- summary and delay --- */

static void summary_row(const struct recording *recording, medic_section *section, const char *group,
                        const struct stats *stats)
{
    medic_cell cells[] = {
        medic_string(group),
        medic_whole(stats->count),
        medic_whole(stats->total_ns),
        medic_ratio((double)stats->total_ns, (double)recording->facts.span_ns),
        medic_whole(stats->p50_ns),
        medic_whole(stats->p90_ns),
        medic_whole(stats->p99_ns),
        medic_whole(stats->max_ns),
        medic_whole(stats->counted_ns),
    };

    MEDIC_ROW(recording, section, cells);
}

static void write_summary(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("group", "Pauses for", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("count", "Count", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("total", "Total", MEDIC_COLUMN_DIFF),
        MEDIC_RATIO_COLUMN("share", "Of the time", MEDIC_COLUMN_DIFF | MEDIC_COLUMN_SHARE),
        MEDIC_TIME_COLUMN("p50", "p50", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("p90", "p90", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("p99", "p99", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("max", "Longest", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("counted", "Counted", MEDIC_COLUMN_DIFF),
    };
    medic_section *section =
        MEDIC_OPEN(recording, MEDIC_TABLE, "summary", "How long the program stood still",
                   "Counted: until the collection ends, as GC.GetTotalPauseDuration() does it.", columns);

    summary_row(recording, section, "collections", &recording->facts.gc);
    summary_row(recording, section, "anything else", &recording->facts.cause[CAUSE_OTHER]);
    summary_row(recording, section, "all", &recording->facts.all);
}

static void write_delay(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("percentile", "Percentile", MEDIC_COLUMN_KEY),
        MEDIC_TIME_COLUMN("wait", "Added wait", MEDIC_COLUMN_DIFF),
    };
    const struct {
        const char *name;
        uint64_t wait;
    } rows[] = {
        {"p95", recording->facts.delay_p95_ns},
        {"p99", recording->facts.delay_p99_ns},
        {"p99.9", recording->facts.delay_p999_ns},
    };
    medic_section *section = MEDIC_OPEN(recording, MEDIC_TABLE, "delay", "What pauses add to request times",
                                        "For short requests that arrive at any moment.", columns);

    for (size_t i = 0; i < MEDIC_COUNT_OF(rows); i++) {
        medic_cell cells[] = {medic_string(rows[i].name), medic_whole(rows[i].wait)};
        MEDIC_ROW(recording, section, cells);
    }
}

/* --- causes --- */

struct group {
    const struct pause *example;
    struct stats stats;
    size_t compacting, known; /* known: whether they were */
};

static int same_cause(const struct pause *pause, const void *context)
{
    const struct pause *other = context;

    return pause->cause == other->cause && pause->kind == other->kind && pause->generation == other->generation &&
           pause->gc_reason == other->gc_reason &&
           (pause->cause != CAUSE_OTHER || pause->raw.reason == other->raw.reason);
}

static int by_group_total(const void *left, const void *right)
{
    uint64_t a = ((const struct group *)left)->stats.total_ns, b = ((const struct group *)right)->stats.total_ns;

    return (a < b) - (a > b);
}

/* Reasons, generations and kinds are few: so are their combinations. */
#define GROUPS_MAX 128u

static size_t group_pauses(const struct recording *recording, struct group *groups)
{
    uint64_t *scratch = calloc(recording->pause_count, sizeof *scratch);
    size_t count = 0;

    if (!scratch)
        return 0;
    for (size_t i = 0; i < recording->pause_count; i++) {
        const struct pause *pause = &recording->pauses[i];
        size_t g = 0;
        while (g < count && !same_cause(pause, groups[g].example))
            g++;
        if (g == GROUPS_MAX)
            continue;
        if (g == count)
            groups[count++] = (struct group){.example = pause};
        groups[g].compacting += pause->compacting == 1;
        groups[g].known += pause->compacting >= 0;
    }
    for (size_t g = 0; g < count; g++)
        groups[g].stats = stats_of(recording->pauses, recording->pause_count, same_cause, groups[g].example, scratch);
    free(scratch);
    qsort(groups, count, sizeof *groups, by_group_total);
    return count;
}

static void write_causes(const struct recording *recording, const struct group *groups, size_t count)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("cause", "Cause", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("count", "Count", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("total", "Total", MEDIC_COLUMN_DIFF),
        MEDIC_RATIO_COLUMN("share", "Of all pauses", MEDIC_COLUMN_SHARE),
        MEDIC_TIME_COLUMN("p50", "p50", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("p99", "p99", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("max", "Longest", MEDIC_COLUMN_DIFF),
    };
    medic_section *section = MEDIC_OPEN(recording, MEDIC_TABLE, "causes", "Why", NULL, columns);
    char label[LABEL_MAX];

    for (size_t g = 0; g < count; g++) {
        const struct stats *stats = &groups[g].stats;
        medic_cell cells[] = {
            medic_string(cause_label(groups[g].example, label)),
            medic_whole(stats->count),
            medic_whole(stats->total_ns),
            medic_ratio((double)stats->total_ns, (double)recording->facts.all.total_ns),
            medic_whole(stats->p50_ns),
            medic_whole(stats->p99_ns),
            medic_whole(stats->max_ns),
        };
        MEDIC_ROW(recording, section, cells);
    }
}

static void write_phases(const struct recording *recording, const struct group *groups, size_t count)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("cause", "Cause", MEDIC_COLUMN_KEY),
        MEDIC_TIME_COLUMN("stop", "To stop", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("stopped", "Stopped", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("restart", "To restart", MEDIC_COLUMN_DIFF),
        MEDIC_COUNT_COLUMN("compacting", "Compacting", MEDIC_COLUMN_DIFF),
    };
    medic_section *section =
        MEDIC_OPEN(recording, MEDIC_TABLE, "phases", "What the time went into", "Means of one pause.", columns);
    char label[LABEL_MAX];

    for (size_t g = 0; g < count; g++) {
        const struct stats *stats = &groups[g].stats;
        medic_cell cells[] = {
            medic_string(cause_label(groups[g].example, label)),
            medic_whole(stats->stop_ns / stats->count),
            medic_whole(stats->stopped_ns / stats->count),
            medic_whole(stats->restart_ns / stats->count),
            groups[g].known ? medic_whole(groups[g].compacting) : medic_none(),
        };
        MEDIC_ROW(recording, section, cells);
    }
}

static void write_groups(const struct recording *recording)
{
    struct group groups[GROUPS_MAX];
    size_t count = group_pauses(recording, groups);

    write_causes(recording, groups, count);
    write_phases(recording, groups, count);
}

/* --- what to keep in mind --- */

static void note_own_waits(const struct recording *recording, struct medic_notes *notes)
{
    uint64_t own_ns = 0;
    size_t count = 0;

    for (size_t i = 0; i < recording->pause_count; i++) {
        own_ns += recording->pauses[i].own_ns;
        count += recording->pauses[i].own_ns > 0;
    }
    if (count)
        medic_add_note(notes,
                       "%zu of the pauses waited for Medic's own event session to start or stop, %.1f ms in all: this "
                       "wait is left out, except of what is counted as GC.GetTotalPauseDuration() does it.",
                       count, (double)own_ns / 1e6);
}

static void write_notes(const struct recording *recording)
{
    const struct facts *facts = &recording->facts;
    uint64_t lost = recording->capture->lost(recording->host);
    struct medic_notes notes = MEDIC_NOTES(recording);

    if (recording->capture->end_reason(recording->host) == MEDIC_END_NONE)
        medic_add_note(&notes, "The recording was cut off: this is what had been written until then.");
    if (lost)
        medic_add_note(&notes, "%llu records were lost: counts and sums are too low.", (unsigned long long)lost);
    if (facts->cut)
        medic_add_note(&notes, "A pause still lasted when the recording ended: it is counted up to that moment.");
    if (facts->cut_begin)
        medic_add_note(&notes, "A pause was under way when the recording began: it is counted from that moment.");
    note_own_waits(recording, &notes);
    if (facts->by_callbacks)
        medic_add_note(
            &notes,
            "%zu of %zu pauses for collections have no trace event (the event session was not up): their reason is not "
            "known, and their kind is inferred.",
            facts->by_callbacks, facts->gc.count);
    if (recording->has_totals && recording->totals.bad_events)
        medic_add_note(&notes, "%llu trace events were too short to be understood.",
                       (unsigned long long)recording->totals.bad_events);
}

void write_sections(const struct recording *recording, const struct caller_row *callers, size_t caller_count,
                    const struct slow_row *slow, size_t slow_count)
{
    write_summary(recording);
    if (recording->pause_count) {
        write_delay(recording);
        write_groups(recording);
        write_callers(recording, callers, caller_count);
        write_slow_threads(recording, slow, slow_count);
        write_timeline(recording);
        write_histogram(recording);
        write_single_pauses(recording);
        write_stacks(recording);
    }
    write_notes(recording);
}
