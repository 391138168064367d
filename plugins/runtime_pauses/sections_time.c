/* Pauses one by one, over time, and by length. */
#include "sections.h"

#include <stdlib.h>

#define SPANS_MAX 500u
#define BUCKETS 60u

/* --- single pauses --- */

static const char *lane(const struct pause *pause)
{
    static const char *const names[] = {
        [CAUSE_INDUCED] = "forced collections", [CAUSE_FULL] = "blocking gen2",     [CAUSE_YOUNG] = "gen0 and gen1",
        [CAUSE_BACKGROUND] = "background",      [CAUSE_COLLECTION] = "collections", [CAUSE_OTHER] = "other",
    };
    return names[pause->cause];
}

static int by_length(const void *left, const void *right)
{
    uint64_t a = pause_length(*(const struct pause *const *)left),
             b = pause_length(*(const struct pause *const *)right);

    return (a < b) - (a > b);
}

static int by_begin(const void *left, const void *right)
{
    uint64_t a = (*(const struct pause *const *)left)->raw.begin_ns,
             b = (*(const struct pause *const *)right)->raw.begin_ns;

    return (a > b) - (a < b);
}

static uint64_t instant(const struct recording *recording, uint64_t at)
{
    return at > recording->begin_ns ? at - recording->begin_ns : 0;
}

/* The last two columns are left out when they would be empty. */
static uint32_t witness_columns(const struct recording *recording)
{
    uint32_t columns = 0;

    for (size_t i = 0; i < recording->pause_count; i++) {
        if (recording->pauses[i].late != NO_INDEX)
            return 2;
        if (recording->pauses[i].asked != NO_INDEX)
            columns = 1;
    }
    return columns;
}

static void worst_row(const struct recording *recording, medic_section *section, const struct pause *pause,
                      uint32_t columns)
{
    const rp_pause *raw = &pause->raw;
    char label[LABEL_MAX];
    struct site asked, late;

    site_of(recording, pause->asked, &asked);
    site_of(recording, pause->late, &late);
    medic_cell cells[] = {
        medic_whole(instant(recording, raw->begin_ns)),
        medic_whole(pause_length(pause)),
        medic_whole(raw->stopped_ns - raw->begin_ns),
        medic_whole(raw->restart_ns - raw->stopped_ns),
        medic_whole(raw->end_ns - raw->restart_ns),
        medic_string(cause_label(pause, label)),
        medic_string(asked.method),
        medic_string(late.method),
    };
    recording->document->row(section, MEDIC_NO_PARENT, cells, columns);
}

static void write_worst(const struct recording *recording, const struct pause *const *longest)
{
    static const medic_column columns[] = {
        INSTANT("at", "At", MEDIC_ROLE_NONE),          MEDIC_TIME_COLUMN("length", "Length", 0),
        MEDIC_TIME_COLUMN("stop", "To stop", 0),       MEDIC_TIME_COLUMN("stopped", "Stopped", 0),
        MEDIC_TIME_COLUMN("restart", "To restart", 0), MEDIC_TEXT_COLUMN("cause", "Cause", 0),
        MEDIC_TEXT_COLUMN("asked", "Asked for by", 0), MEDIC_TEXT_COLUMN("late", "Last to stop", 0),
    };
    uint32_t count = MEDIC_COUNT_OF(columns) - 2 + witness_columns(recording);
    medic_section *section = medic_open_section(recording->document, recording->host, MEDIC_TABLE, "worst",
                                                "The longest pauses", NULL, columns, count, 0);

    for (size_t i = 0; i < recording->pause_count && i < recording->worst; i++)
        worst_row(recording, section, longest[i], count);
    recording->document->total_rows(section, recording->pause_count);
}

/* Takes the longest ones and puts them back into the order of time. */
static void write_spans(const struct recording *recording, const struct pause **longest)
{
    static const medic_column columns[] = {
        INSTANT("start", "Start", MEDIC_ROLE_START),
        INSTANT("end", "End", MEDIC_ROLE_END),
        {"lane", "Group", MEDIC_STRING, MEDIC_UNIT_NONE, MEDIC_ROLE_LANE, 0},
        {"label", "Cause", MEDIC_STRING, MEDIC_UNIT_NONE, MEDIC_ROLE_LABEL, 0},
    };
    size_t count = recording->pause_count < SPANS_MAX ? recording->pause_count : SPANS_MAX;
    medic_section *section = MEDIC_OPEN(recording, MEDIC_SPANS, "spans", "Pauses one by one",
                                        count < recording->pause_count ? "The longest ones." : NULL, columns);
    char label[LABEL_MAX];

    qsort(longest, count, sizeof(const struct pause *), by_begin);
    for (size_t i = 0; i < count; i++) {
        medic_cell cells[] = {
            medic_whole(instant(recording, longest[i]->raw.begin_ns)),
            medic_whole(instant(recording, longest[i]->raw.restart_ns)),
            medic_string(lane(longest[i])),
            medic_string(cause_label(longest[i], label)),
        };
        MEDIC_ROW(recording, section, cells);
    }
    recording->document->total_rows(section, recording->pause_count);
}

void write_single_pauses(const struct recording *recording)
{
    size_t count = recording->pause_count;
    const struct pause **longest = calloc(count, sizeof *longest);

    if (!longest)
        return;
    for (size_t i = 0; i < count; i++)
        longest[i] = &recording->pauses[i];
    qsort(longest, count, sizeof *longest, by_length);
    write_worst(recording, longest);
    write_spans(recording, longest);
    free(longest);
}

/* --- over time, over lengths --- */

/* Spreads a pause over the buckets that it touches. */
static void spread(double *buckets, double width, uint64_t begin, uint64_t end)
{
    for (size_t b = (size_t)((double)begin / width); b < BUCKETS && (double)b * width < (double)end; b++) {
        double from = (double)b * width, to = from + width;
        if ((double)begin > from)
            from = (double)begin;
        if ((double)end < to)
            to = (double)end;
        if (to > from)
            buckets[b] += to - from;
    }
}

void write_timeline(const struct recording *recording)
{
    static const medic_column columns[] = {
        INSTANT("at", "At", MEDIC_ROLE_TIME),
        MEDIC_RATIO_COLUMN("collections", "Collections", 0),
        MEDIC_RATIO_COLUMN("other", "Anything else", 0),
    };
    double width = (double)recording->facts.span_ns / BUCKETS;
    double collections[BUCKETS] = {0}, other[BUCKETS] = {0};
    uint32_t column_count;
    medic_section *section;

    if (width < 1)
        return;
    column_count = recording->facts.cause[CAUSE_OTHER].count ? 3 : 2;
    section = medic_open_section(recording->document, recording->host, MEDIC_TIMELINE, "timeline",
                                 "Share of time paused", NULL, columns, column_count, 0);
    for (size_t i = 0; i < recording->pause_count; i++) {
        const struct pause *pause = &recording->pauses[i];
        spread(pause->cause == CAUSE_OTHER ? other : collections, width, instant(recording, pause->raw.begin_ns),
               instant(recording, pause->raw.restart_ns));
    }
    for (size_t b = 0; b < BUCKETS; b++) {
        medic_cell cells[] = {medic_whole((uint64_t)((double)b * width)), medic_ratio(collections[b], width),
                              medic_ratio(other[b], width)};
        recording->document->row(section, MEDIC_NO_PARENT, cells, column_count);
    }
}

/* Bucket 0 ends at 1 µs, every further one at twice that. */
static uint32_t length_bucket(uint64_t length)
{
    uint32_t bucket = 0;

    for (uint64_t upper = 1000; length >= upper && bucket < 31; upper *= 2)
        bucket++;
    return bucket;
}

void write_histogram(const struct recording *recording)
{
    static const medic_column columns[] = {
        {"from", "From", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_LOWER, MEDIC_COLUMN_KEY},
        {"to", "Below", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_UPPER, 0},
        {"count", "Pauses", MEDIC_INTEGER, MEDIC_UNIT_COUNT, MEDIC_ROLE_VALUE, MEDIC_COLUMN_DIFF},
    };
    uint64_t counts[32] = {0};
    uint32_t first = 31, last = 0;
    medic_section *section = MEDIC_OPEN(recording, MEDIC_HISTOGRAM, "lengths", "Lengths of pauses", NULL, columns);

    for (size_t i = 0; i < recording->pause_count; i++) {
        uint32_t bucket = length_bucket(pause_length(&recording->pauses[i]));
        counts[bucket]++;
        first = bucket < first ? bucket : first;
        last = bucket > last ? bucket : last;
    }
    for (uint32_t bucket = first; bucket <= last; bucket++) {
        medic_cell cells[] = {medic_whole(bucket ? UINT64_C(500) << bucket : 0), medic_whole(UINT64_C(1000) << bucket),
                              medic_whole(counts[bucket])};
        MEDIC_ROW(recording, section, cells);
    }
}
