/* The sections about collections and time, and what to keep in mind. */
#include "sections.h"

#include <stdarg.h>
#include <stdio.h>

#define BUCKETS 40u
#define BUCKET_LEAST_NS UINT64_C(250000000)

/* --- collections --- */

static const char *const collection_names[AL_COLLECTIONS] = {
    [AL_GEN0] = "gen0", [AL_GEN1] = "gen1", [AL_GEN2] = "gen2", [AL_BACKGROUND] = "background (gen2)"};

static medic_cell per_second(const struct recording *recording, double value)
{
    return recording->facts.seconds > 0 ? medic_number(value / recording->facts.seconds) : medic_none();
}

void write_collections(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("generation", "Generation", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("count", "Collections", 0),
        MEDIC_RATE_COLUMN("rate", "Rate", MEDIC_UNIT_PER_SECOND),
        MEDIC_SHARE_COLUMN("paused", "Of the time paused"),
        MEDIC_TIME_COLUMN("average", "Pause each", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("longest", "Longest", MEDIC_COLUMN_DIFF),
        MEDIC_BYTES_COLUMN("promoted", "Survived each", 0),
    };
    const al_usage *last = recording->usage_count ? &recording->usages[recording->usage_count - 1] : NULL;
    medic_section *section;

    if (!last || !last->on_ns)
        return;
    section =
        MEDIC_OPEN(recording, MEDIC_TABLE, "collections", "What the collector does about it",
                   "By the oldest generation collected. Most objects die in gen0; what survives is copied.", columns);
    for (uint32_t i = 0; i < AL_COLLECTIONS; i++) {
        uint64_t count = last->collections[i];
        medic_cell cells[] = {
            medic_string(collection_names[i]),
            whole((double)count),
            per_second(recording, (double)count),
            per_second(recording, (double)last->pause_ns[i] / 1e9),
            count ? whole((double)(last->pause_ns[i] / count)) : medic_none(),
            last->pause_most_ns[i] ? whole((double)last->pause_most_ns[i]) : medic_none(),
            count ? whole((double)(last->promoted[i] / count)) : medic_none(),
        };
        MEDIC_ROW(recording, section, cells);
    }
}

/* --- time --- */

static uint64_t growth(uint64_t before, uint64_t after)
{
    return after > before ? after - before : 0;
}

static void time_row(const struct recording *recording, medic_section *section, const al_usage *before,
                     const al_usage *after)
{
    double seconds = (double)(after->time_ns - before->time_ns) / 1e9;
    uint64_t bytes = 0, collections = 0, paused = 0;
    medic_cell cells[5];

    for (uint32_t i = 0; i < AL_HEAPS; i++)
        bytes += growth(before->bytes[i], after->bytes[i]);
    for (uint32_t i = 0; i < AL_COLLECTIONS; i++) {
        collections += growth(before->collections[i], after->collections[i]);
        paused += growth(before->pause_ns[i], after->pause_ns[i]);
    }
    cells[0] = whole((double)growth(recording->begin_ns, before->time_ns));
    cells[1] = medic_number(
        honest((double)bytes / seconds, medic_root((double)growth(before->variance, after->variance)) / seconds));
    cells[2] = medic_number((double)growth(before->bytes[AL_LARGE], after->bytes[AL_LARGE]) / seconds);
    cells[3] = medic_number((double)collections / seconds);
    cells[4] = medic_number((double)paused / 1e9 / seconds);
    MEDIC_ROW(recording, section, cells);
}

void write_timeline(const struct recording *recording)
{
    static const medic_column columns[] = {
        {"time", "Time", MEDIC_INTEGER, MEDIC_UNIT_INSTANT, MEDIC_ROLE_TIME, 0},
        {"rate", "Allocated", MEDIC_NUMBER, MEDIC_UNIT_BYTES_PER_SECOND, MEDIC_ROLE_NONE, 0},
        {"large", "Large objects", MEDIC_NUMBER, MEDIC_UNIT_BYTES_PER_SECOND, MEDIC_ROLE_NONE, 0},
        {"collections", "Collections", MEDIC_NUMBER, MEDIC_UNIT_PER_SECOND, MEDIC_ROLE_NONE, 0},
        {"paused", "Paused", MEDIC_NUMBER, MEDIC_UNIT_RATIO, MEDIC_ROLE_NONE, 0},
    };
    uint64_t least = (uint64_t)(recording->facts.seconds * 1e9) / BUCKETS;
    const al_usage *before = NULL;
    medic_section *section;

    if (recording->facts.seconds <= 0)
        return;
    if (least < BUCKET_LEAST_NS)
        least = BUCKET_LEAST_NS;
    section = MEDIC_OPEN(recording, MEDIC_TIMELINE, "timeline", "Over time", NULL, columns);
    for (size_t i = 0; i < recording->usage_count; i++) {
        const al_usage *usage = &recording->usages[i];
        if (!usage->on_ns)
            continue;
        if (before && usage->time_ns - before->time_ns < least)
            continue;
        if (before)
            time_row(recording, section, before, usage);
        before = usage;
    }
}

/* --- notes --- */

static void note_stacks(struct medic_notes *notes, const al_usage *last)
{
    uint64_t all = last->stacks_taken + last->stacks_skipped + last->stacks_lost;

    if (all && last->stacks_taken < all)
        medic_add_note(notes,
                       "%.*f %% of the samples have a stack (stacks_per_second), chosen by chance; each stands for "
                       "those around it "
                       "that have none. The bytes of a type are shared out among its own, and ± takes the choice in.",
                       last->stacks_taken * 10 < all ? 1 : 0, 100 * (double)last->stacks_taken / (double)all);
    if (last->stacks_lost)
        medic_add_note(notes, "%llu stacks were lost for want of room; no bytes are.",
                       (unsigned long long)last->stacks_lost);
}

static void note_mode(struct medic_notes *notes, const struct facts *facts)
{
    if (facts->mode == AL_MODE_TICK && facts->seconds > 0)
        medic_add_note(
            notes,
            "Before .NET 10 the runtime has no fair samples (AllocationTick): the total is right to 100 kB, but how it "
            "is divided among small types is biased.");
}

void write_notes(const struct recording *recording)
{
    const al_usage *last = recording->usage_count ? &recording->usages[recording->usage_count - 1] : NULL;
    uint64_t lost = recording->capture->lost(recording->host);
    struct medic_notes notes = MEDIC_NOTES(recording);

    if (recording->capture->end_reason(recording->host) == MEDIC_END_NONE)
        medic_add_note(&notes, "The recording was cut off: this is what had been written until then.");
    note_mode(&notes, &recording->facts);
    if (last) {
        double late = last->on_ns > recording->begin_ns ? (double)(last->on_ns - recording->begin_ns) / 1e9 : 0;
        if (late >= 0.5)
            medic_add_note(
                &notes, "The runtime took %.1f s to begin to send events: rates are of the time from then on.", late);
        note_stacks(&notes, last);
        if (last->unplaced)
            medic_add_note(&notes, "%llu samples are of types beyond the first 8,192: they are one row.",
                           (unsigned long long)last->unplaced);
        if (last->bad_events)
            medic_add_note(&notes, "%llu events could not be understood.", (unsigned long long)last->bad_events);
    }
    if (lost)
        medic_add_note(&notes, "%llu records were lost: some stacks are missing, the sums are right.",
                       (unsigned long long)lost);
    if (recording->bad_records)
        medic_add_note(&notes, "%llu records were too short to be understood.",
                       (unsigned long long)recording->bad_records);
}
