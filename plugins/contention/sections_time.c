/* Waits over time, by length, those that had not ended, and what to keep in mind. */
#include "sections.h"

#include <stdio.h>
#include <stdlib.h>

#define BUCKETS 60u

/* --- time --- */

struct bucket {
    double waited_ns, waits;
};

/* What lies between two ticks is spread evenly. */
static void spread(struct bucket *buckets, uint64_t length, uint64_t from, uint64_t to, double waited_ns, double waits)
{
    double span = (double)(to - from);

    for (uint64_t i = from / length; i < BUCKETS && i * length < to; i++) {
        uint64_t begin = i * length > from ? i * length : from, end = (i + 1) * length < to ? (i + 1) * length : to;
        double part = (double)(end - begin) / span;
        buckets[i].waited_ns += waited_ns * part;
        buckets[i].waits += waits * part;
    }
}

/* Ticks do not have the waits from before the recording. */
static void spread_early(const struct recording *recording, struct bucket *buckets, uint64_t length)
{
    for (size_t i = 0; i < recording->wait_count; i++) {
        const struct wait *wait = &recording->waits[i];
        int early = wait->lock < recording->lock_count && recording->locks[wait->lock].early;
        if (early && wait->wait_ns)
            spread(buckets, length, 0, wait->wait_ns, (double)wait->wait_ns, 0);
    }
}

void write_timeline(const struct recording *recording)
{
    static const medic_column columns[] = {
        {"at", "At", MEDIC_INTEGER, MEDIC_UNIT_INSTANT, MEDIC_ROLE_TIME, 0},
        {"waiting", "Threads waiting", MEDIC_NUMBER, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, 0},
        {"waits", "Waits a second", MEDIC_NUMBER, MEDIC_UNIT_PER_SECOND, MEDIC_ROLE_NONE, 0},
    };
    struct bucket buckets[BUCKETS] = {{0, 0}};
    uint64_t span = recording->end_ns - recording->begin_ns, length = span / BUCKETS + 1;
    medic_section *section;

    if (span < BUCKETS || recording->tick_count < 2)
        return;
    for (size_t i = 1; i < recording->tick_count; i++) {
        const ct_tick *last = &recording->ticks[i - 1], *tick = &recording->ticks[i];
        uint64_t from = last->time_ns > recording->begin_ns ? last->time_ns - recording->begin_ns : 0;
        uint64_t to = tick->time_ns > recording->begin_ns ? tick->time_ns - recording->begin_ns : 0;
        if (to > from && tick->begun >= last->begun)
            spread(buckets, length, from, to,
                   tick->waited_ns > last->waited_ns ? (double)(tick->waited_ns - last->waited_ns) : 0,
                   (double)(tick->begun - last->begun));
    }
    spread_early(recording, buckets, length);
    section = MEDIC_OPEN(recording, MEDIC_TIMELINE, "timeline", "Over time", NULL, columns);
    for (uint32_t i = 0; i < BUCKETS; i++) {
        medic_cell cells[] = {medic_whole(i * length), medic_ratio(buckets[i].waited_ns, (double)length),
                              medic_ratio(buckets[i].waits * 1e9, (double)length)};
        MEDIC_ROW(recording, section, cells);
    }
}

/* --- length --- */

void write_histogram(const struct recording *recording)
{
    static const medic_column columns[] = {
        {"from", "From", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_LOWER, MEDIC_COLUMN_KEY},
        {"to", "To", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_UPPER, 0},
        {"waits", "Waits", MEDIC_INTEGER, MEDIC_UNIT_COUNT, MEDIC_ROLE_VALUE, MEDIC_COLUMN_DIFF},
    };
    uint32_t first = CT_BINS_ALL, last = 0;
    medic_section *section;

    for (uint32_t i = 0; i < CT_BINS_ALL; i++)
        if (recording->bins[i]) {
            first = first < CT_BINS_ALL ? first : i;
            last = i;
        }
    if (first == CT_BINS_ALL)
        return;
    section = MEDIC_OPEN(recording, MEDIC_HISTOGRAM, "lengths", "Waits by length", NULL, columns);
    for (uint32_t octave = first / CT_BIN_OCTAVE; octave <= last / CT_BIN_OCTAVE; octave++) {
        uint32_t bin = octave * CT_BIN_OCTAVE;
        uint64_t waits = 0;
        for (uint32_t i = 0; i < CT_BIN_OCTAVE; i++)
            waits += recording->bins[bin + i];
        medic_cell cells[] = {medic_whole(bin ? ct_bin_begin(bin) : 0), medic_whole(ct_bin_begin(bin + CT_BIN_OCTAVE)),
                              medic_whole(waits)};
        MEDIC_ROW(recording, section, cells);
    }
}

/* --- waits that did not end --- */

static int by_begin(const void *left, const void *right)
{
    uint64_t a = ((const ct_open *)left)->begin_ns, b = ((const ct_open *)right)->begin_ns;

    return (a > b) - (a < b);
}

static void open_row(const struct recording *recording, medic_section *section, const ct_open *open)
{
    const struct wait *wait = wait_by_number(recording, open->number);
    const struct group *group = group_of(recording, open->lock);
    char tid[16];
    const char *owner = thread_name(recording, open->owner);

    snprintf(tid, sizeof tid, "%u", open->owner);
    medic_cell cells[] = {
        medic_string(thread_name(recording, open->tid)),
        medic_whole(open->tid),
        medic_whole(open_length(recording, open)),
        medic_string(group ? lock_name(group) : NULL),
        medic_string(wait ? place_of(recording, wait->anchor).name : NULL),
        medic_string(owner         ? owner
                     : open->owner ? tid
                                   : NULL),
    };
    MEDIC_ROW(recording, section, cells);
}

/* Of the others there are always some. */
static int is_long(const struct recording *recording, const ct_open *open)
{
    return open_length(recording, open) >= recording->long_ns;
}

void write_open_waits(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("name", "Thread", MEDIC_COLUMN_KEY),
        {"tid", "Tid", MEDIC_INTEGER, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, MEDIC_COLUMN_KEY},
        MEDIC_TIME_COLUMN("age", "Has waited", MEDIC_COLUMN_DIFF),
        MEDIC_TEXT_COLUMN("lock", "For", 0),
        MEDIC_TEXT_COLUMN("site", "In", 0),
        MEDIC_TEXT_COLUMN("owner", "Held by", 0),
    };
    medic_section *section;
    uint64_t count = 0;

    if (!recording->open_all || recording->longest_open_ns < recording->long_ns)
        return;
    qsort(recording->opens, recording->open_count, sizeof *recording->opens, by_begin);
    section = MEDIC_OPEN(recording, MEDIC_TABLE, "waiting", "Still waiting at the end",
                         recording->early_all ? "Of those from before the recording: since it began." : NULL, columns);
    for (size_t i = 0; i < recording->open_count; i++)
        if (recording->opens[i].kind == CT_KIND_LOCK && is_long(recording, &recording->opens[i]) && count++ < ROWS_MAX)
            open_row(recording, section, &recording->opens[i]);
    recording->document->total_rows(section, count);
}

/* --- what to keep in mind --- */

static void note_stacks(struct medic_notes *notes, const struct recording *recording)
{
    const ct_totals *totals = &recording->totals;
    uint64_t all = totals->begun + totals->other_begun;
    char share[32];
    struct medic_text text = {share, sizeof share};

    if (!recording->has_totals || !all)
        return;
    medic_add_share(&text, (double)totals->stacks, (double)all);
    if (totals->stacks < all)
        medic_add_note(
            notes,
            "%s of the waits have a stack (stacks_per_second); sites and holders are estimated from these, counts and "
            "times of locks are not.",
            share);
}

static void note_room(struct medic_notes *notes, const ct_totals *totals)
{
    if (totals->no_lock_room)
        medic_add_note(notes, "%llu waits were for locks beyond the first 4,096 and are counted together.",
                       (unsigned long long)totals->no_lock_room);
    if (totals->no_thread_room)
        medic_add_note(notes, "%llu waits were of threads beyond the first 16,384: counted, not timed.",
                       (unsigned long long)totals->no_thread_room);
    if (totals->no_pair_room)
        medic_add_note(notes, "%llu waits are missing in the table by thread, which was full.",
                       (unsigned long long)totals->no_pair_room);
    if (totals->types_unreadable)
        medic_add_note(
            notes, "The kernel does not let the process copy its own memory (process_vm_readv, seccomp): the types of "
                   "locked objects are not known.");
    if (totals->bad_events)
        medic_add_note(notes, "%llu events were not understood.", (unsigned long long)totals->bad_events);
}

static void note_own(struct medic_notes *notes, const ct_totals *totals)
{
    if (totals->own)
        medic_add_note(
            notes,
            "%llu wait%s, %.0f ms in all, had Medic as the cause: the runtime's library held its list of event "
            "sources while the events came up. The program paid them, but they are not in these numbers.",
            (unsigned long long)totals->own, totals->own == 1 ? "" : "s", (double)totals->own_ns / 1e6);
}

void write_notes(const struct recording *recording)
{
    const ct_totals *totals = &recording->totals;
    uint64_t lost = recording->capture->lost(recording->host);
    struct medic_notes notes = MEDIC_NOTES(recording);

    if (recording->capture->end_reason(recording->host) == MEDIC_END_NONE)
        medic_add_note(&notes, "The recording was cut off: this is what had been written until then.");
    note_stacks(&notes, recording);
    if (totals->unpaired)
        medic_add_note(&notes,
                       "%llu waits ended that had begun before the runtime's events came. Of those from before the "
                       "recording what is within it is counted; the others are not in these numbers.",
                       (unsigned long long)totals->unpaired);
    note_own(&notes, totals);
    if (recording->handles && recording->capture->header(recording->host)->runtime_major < 9)
        medic_add_note(&notes, "This runtime does not tell of waits for semaphores and handles: .NET 9 and later do.");
    if (totals->photographs)
        medic_add_note(&notes, "%llu photograph%s, of who waits and who holds, stopped the program for %.1f ms in all.",
                       (unsigned long long)totals->photographs, totals->photographs == 1 ? "" : "s",
                       (double)totals->photographs_ns / 1e6);
    note_room(&notes, totals);
    if (lost)
        medic_add_note(&notes, "%llu records were lost: some waits lack a stack. Counts are not affected.",
                       (unsigned long long)lost);
    if (recording->bad_records)
        medic_add_note(&notes, "%llu records were too short to be understood.",
                       (unsigned long long)recording->bad_records);
}
