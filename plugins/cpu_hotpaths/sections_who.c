/* The sections by thread and by time, and what to keep in mind. */
#include "sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- threads --- */

#define THREADS_MAX 100u

static int by_cpu(const void *left, const void *right)
{
    const struct thread *a = *(const struct thread *const *)left, *b = *(const struct thread *const *)right;

    if (a->cpu_ns != b->cpu_ns)
        return a->cpu_ns < b->cpu_ns ? 1 : -1;
    return (a->os_id > b->os_id) - (a->os_id < b->os_id);
}

static int pick_thread(const struct sample *sample, const void *thread)
{
    return sample->thread == *(const uint32_t *)thread;
}

static void thread_row(const struct recording *recording, medic_section *section, const struct thread *thread)
{
    uint32_t index = (uint32_t)(thread - recording->threads);
    struct site site = {0};

    find_site(recording, pick_thread, &index, &site);
    medic_cell cells[] = {
        medic_string(*thread->name ? thread->name : NULL),
        medic_whole(thread->os_id),
        medic_string(thread_kind_name(thread->kind)),
        thread->kind == THREAD_MEDIC ? medic_none() : share_of(recording, thread->cpu_ns),
        medic_whole(thread->cpu_ns),
        medic_string(site.place.name),
    };
    MEDIC_ROW(recording, section, cells);
}

void write_threads(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("name", "Thread", MEDIC_COLUMN_KEY),
        {"tid", "Tid", MEDIC_INTEGER, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, MEDIC_COLUMN_KEY},
        MEDIC_TEXT_COLUMN("kind", "Kind", 0),
        MEDIC_SHARE_COLUMN("share", "Of CPU"),
        MEDIC_TIME_COLUMN("cpu", "CPU time", MEDIC_COLUMN_DIFF),
        MEDIC_TEXT_COLUMN("mostly", "Mostly in", 0),
    };
    const struct thread **order = calloc(recording->thread_count + 1, sizeof *order);
    medic_section *section;

    if (!order)
        return;
    for (size_t i = 0; i < recording->thread_count; i++)
        order[i] = &recording->threads[i];
    qsort(order, recording->thread_count, sizeof *order, by_cpu);
    section = MEDIC_OPEN(recording, MEDIC_TABLE, "threads", "By thread", NULL, columns);
    for (size_t i = 0; i < recording->thread_count && i < THREADS_MAX; i++)
        thread_row(recording, section, order[i]);
    recording->document->total_rows(section, recording->thread_count);
    free(order);
}

/* --- time --- */

#define BUCKETS 60u

enum lane { LANE_PROGRAM, LANE_GC, LANE_JIT, LANE_OTHER, LANES };

static enum lane lane_of(enum work work)
{
    switch (work) {
    case WORK_GC: return LANE_GC;
    case WORK_JIT: return LANE_JIT;
    case WORK_RUNTIME:
    case WORK_POOL:
    case WORK_MEDIC: return LANE_OTHER;
    default: return LANE_PROGRAM;
    }
}

void write_timeline(const struct recording *recording)
{
    static const medic_column columns[] = {
        {"at", "At", MEDIC_INTEGER, MEDIC_UNIT_INSTANT, MEDIC_ROLE_TIME, 0},
        MEDIC_COLUMN_OF("program", "Program", MEDIC_NUMBER, MEDIC_UNIT_NONE, 0),
        MEDIC_COLUMN_OF("gc", "GC", MEDIC_NUMBER, MEDIC_UNIT_NONE, 0),
        MEDIC_COLUMN_OF("jit", "JIT", MEDIC_NUMBER, MEDIC_UNIT_NONE, 0),
        MEDIC_COLUMN_OF("other", "Other runtime", MEDIC_NUMBER, MEDIC_UNIT_NONE, 0),
    };
    uint64_t sums[BUCKETS][LANES] = {{0}};
    uint64_t span = recording->end_ns - recording->begin_ns;
    uint64_t length = span / BUCKETS + 1;
    medic_section *section;

    if (span < BUCKETS)
        return;
    for (size_t i = 0; i < recording->sample_count; i++) {
        const struct sample *sample = &recording->samples[i];
        uint64_t at = sample->time_ns > recording->begin_ns ? (sample->time_ns - recording->begin_ns) / length : 0;
        sums[at < BUCKETS ? at : BUCKETS - 1][lane_of(sample->work)] += sample->weight_ns;
    }
    section = MEDIC_OPEN(recording, MEDIC_TIMELINE, "timeline", "Over time", "Processors busy.", columns);
    for (uint32_t i = 0; i < BUCKETS; i++) {
        medic_cell cells[LANES + 1] = {medic_whole(i * length)};
        for (int lane = 0; lane < LANES; lane++)
            cells[lane + 1] = medic_ratio((double)sums[i][lane], (double)length);
        MEDIC_ROW(recording, section, cells);
    }
}

/* --- what to keep in mind --- */

/* "3 %: " in front of a sentence; 0 when the part is too small to be told. */
static int worth_telling(const struct facts *facts, uint64_t part, char *percent, size_t size)
{
    struct medic_text text = {percent, size};

    if (!part || (double)part < 0.001 * (double)facts->base_ns)
        return 0;
    medic_add_share(&text, (double)part, (double)facts->base_ns);
    return 1;
}

static void note_stacks(struct medic_notes *notes, const struct facts *facts)
{
    char percent[32];

    if (worth_telling(facts, facts->truncated_ns, percent, sizeof percent))
        medic_add_note(notes,
                       "%s of CPU is in stacks deeper than what is copied: the frames next to their root are missing.",
                       percent);
    if (worth_telling(facts, facts->broken_ns, percent, sizeof percent))
        medic_add_note(notes, "%s of CPU is in stacks that could not be followed to their root.", percent);
    if (worth_telling(facts, facts->blind_ns, percent, sizeof percent))
        medic_add_note(notes, "%s of CPU is in samples without a stack.", percent);
    if (worth_telling(facts, facts->unknown_ns, percent, sizeof percent))
        medic_add_note(notes, "%s of CPU is in code that has no name.", percent);
}

void write_notes(const struct recording *recording)
{
    const struct facts *facts = &recording->facts;
    uint64_t lost = recording->capture->lost(recording->host);
    struct medic_notes notes = MEDIC_NOTES(recording);

    if (recording->capture->end_reason(recording->host) == MEDIC_END_NONE)
        medic_add_note(&notes, "The recording was cut off: this is what had been written until then.");
    if (facts->engine == MEDIC_ENGINE_SUSPENSION)
        medic_add_note(
            &notes,
            "Engine: suspension. Threads were looked at where they could be stopped, so the numbers are biased: "
            "they show which paths are taken, not how hot a method is.");
    if (lost)
        medic_add_note(&notes, "%llu records were lost: sums are too low.", (unsigned long long)lost);
    if (facts->lost)
        medic_add_note(&notes, "%llu samples were lost for want of room; they are in no row.",
                       (unsigned long long)facts->lost);
    if (facts->threads_missed)
        medic_add_note(&notes, "%llu threads could not be sampled: there was no timer for them.",
                       (unsigned long long)facts->threads_missed);
    note_stacks(&notes, facts);
    if (!recording->native && recording->sample_count)
        medic_add_note(&notes, "native=false: native frames are counted for the managed method that called them.");
    if (recording->bad_records)
        medic_add_note(&notes, "%llu records were too short to be understood.",
                       (unsigned long long)recording->bad_records);
}
