/* The sections of the document: types, messages, inner exceptions, how they came over time, how long it took to catch them. */
#include "sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 500u

static double seconds(const struct recording *recording)
{
    return recording->facts.span_ns ? (double)recording->facts.span_ns / 1e9 : 1;
}

/* --- types --- */

static const char *caught_in(const struct recording *recording, const struct type *type)
{
    if (type->route != NO_INDEX)
        return recording->routes[type->route].name;
    return recording->facts.cheap ? NULL : "(nobody was seen to)";
}

static void type_row(const struct recording *recording, medic_section *section, const struct type *type)
{
    const struct group *site = type->site == NO_INDEX ? NULL : &recording->sites[type->site];
    const struct group *message = type->message == NO_INDEX ? NULL : &recording->messages[type->message];
    struct medic_place place =
        site ? place_of(recording, recording->samples[site->example].site) : (struct medic_place){0};
    char location[MEDIC_LOCATION_MAX];
    int known = !recording->facts.cheap && type->cpu_ns > 0;
    double all = (double)recording->facts.process_ns;
    medic_cell cells[] = {
        medic_string(type->name),
        medic_whole(type->fresh),
        medic_whole(type->propagated),
        medic_number((double)throws_of(type) / seconds(recording)),
        known && all ? medic_ratio(type->cpu_ns < all ? type->cpu_ns : all, all) : medic_none(),
        known ? about(type->cpu_ns) : medic_none(),
        medic_string(place.name),
        medic_string(medic_location(place.file, place.line, location)),
        medic_string(caught_in(recording, type)),
        medic_string(message ? message->text : NULL),
        medic_ratio((double)type->samples, (double)throws_of(type)),
    };

    MEDIC_ROW(recording, section, cells);
}

static void write_types(const struct recording *recording, int noise, const char *id, const char *title,
                        const char *note)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("type", "Type", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("fresh", "Thrown", MEDIC_COLUMN_DIFF),
        MEDIC_COUNT_COLUMN("propagated", "Again", MEDIC_COLUMN_DIFF),
        MEDIC_RATE_COLUMN("rate", "Rate", MEDIC_UNIT_PER_SECOND),
        MEDIC_SHARE_COLUMN("cpu_share", "CPU ≈"),
        MEDIC_TIME_COLUMN("cpu", "CPU time ≈", MEDIC_COLUMN_DIFF),
        MEDIC_TEXT_COLUMN("site", "Thrown in", 0),
        MEDIC_TEXT_COLUMN("line", "Line", 0),
        MEDIC_TEXT_COLUMN("catcher", "Caught in", 0),
        MEDIC_TEXT_COLUMN("message", "Message", 0),
        {"sampled", "Sampled", MEDIC_NUMBER, MEDIC_UNIT_RATIO, MEDIC_ROLE_NONE, 0},
    };
    medic_section *section = MEDIC_OPEN(recording, MEDIC_TABLE, id, title, note, columns);
    uint64_t rows = 0;

    for (size_t i = 0; i < recording->type_count; i++)
        if (is_noise(&recording->types[i]) == noise && rows++ < ROWS_MAX)
            type_row(recording, section, &recording->types[i]);
    recording->document->total_rows(section, rows);
}

/* --- texts of samples --- */

static void write_groups(const struct recording *recording, const struct group *groups, size_t count,
                         medic_section *section, int example)
{
    for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
        const struct group *group = &groups[i];
        const struct type *type = &recording->types[group->type];
        double error = error_of(recording, group);
        const char *one = example ? recording->samples[group->example].message : NULL;
        medic_cell cells[] = {
            medic_string(*group->text ? group->text : "(empty)"),
            medic_string(type->name),
            counted(group->count, error),
            error_cell(group->count, error),
            share(group->count, error, (double)type->fresh),
            medic_string(one && strcmp(one, group->text) != 0 ? one : NULL),
        };
        recording->document->row(section, MEDIC_NO_PARENT, cells, example ? 6 : 5);
    }
    recording->document->total_rows(section, count);
}

static void write_messages(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("message", "Message", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("type", "Type", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("count", "Thrown ≈", MEDIC_COLUMN_DIFF),
        MEDIC_RATIO_COLUMN("error", "±", 0),
        MEDIC_SHARE_COLUMN("share", "Of its type"),
        MEDIC_TEXT_COLUMN("example", "Example", 0),
    };

    if (!recording->message_count)
        return;
    write_groups(
        recording, recording->messages, recording->message_count,
        MEDIC_OPEN(
            recording, MEDIC_TABLE, "messages", "Messages",
            "Of the sampled throws, scaled to all; ±: right in 19 of 20 cases. # stands for a number, <id> for a GUID "
            "or a hexadecimal id.",
            columns),
        1);
}

static void write_chains(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("chain", "Exception > inner exceptions", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("type", "Type", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("count", "Thrown ≈", MEDIC_COLUMN_DIFF),
        MEDIC_RATIO_COLUMN("error", "±", 0),
        MEDIC_SHARE_COLUMN("share", "Of its type"),
    };

    if (!recording->chain_count)
        return;
    write_groups(recording, recording->chains, recording->chain_count,
                 MEDIC_OPEN(recording, MEDIC_TABLE, "inner", "Inner exceptions",
                            "Of the sampled throws, scaled to all; ±: right in 19 of 20 cases.", columns),
                 0);
}

/* --- over time --- */

static void write_timeline(const struct recording *recording)
{
    static const medic_column columns[] = {
        {"time", "Time", MEDIC_INTEGER, MEDIC_UNIT_INSTANT, MEDIC_ROLE_TIME, 0},
        {"fresh", "Thrown", MEDIC_NUMBER, MEDIC_UNIT_PER_SECOND, MEDIC_ROLE_NONE, 0},
        {"propagated", "Again", MEDIC_NUMBER, MEDIC_UNIT_PER_SECOND, MEDIC_ROLE_NONE, 0},
    };
    double fresh[TIMELINE_PARTS] = {0}, again[TIMELINE_PARTS] = {0}, span = (double)recording->facts.span_ns;
    uint32_t count = timeline_parts(recording);
    medic_section *section;

    if (!count)
        return;
    section = MEDIC_OPEN(recording, MEDIC_TIMELINE, "timeline", "Throws over time", NULL, columns);
    for (size_t i = 0; i < recording->rate_count; i++) {
        const ex_count *rate = &recording->rates[i];
        double at = rate->time_ns > recording->begin_ns ? (double)(rate->time_ns - recording->begin_ns) / span : 0;
        uint32_t bucket = at < 1 ? (uint32_t)(at * count) : count - 1;
        fresh[bucket] += (double)rate->fresh;
        again[bucket] += (double)rate->propagated;
    }
    for (uint32_t i = 0; i < count; i++) {
        double length = span / count;
        medic_cell cells[] = {medic_whole((uint64_t)(i * length)), medic_number(fresh[i] * 1e9 / length),
                              medic_number(again[i] * 1e9 / length)};
        MEDIC_ROW(recording, section, cells);
    }
}

/* Buckets double from one microsecond on. */
static void write_times(const struct recording *recording)
{
    static const medic_column columns[] = {
        {"from", "From", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_LOWER, 0},
        {"to", "To", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_UPPER, 0},
        {"count", "Throws ≈", MEDIC_INTEGER, MEDIC_UNIT_COUNT, MEDIC_ROLE_VALUE, 0},
    };
    double counts[40] = {0};
    uint32_t first = 40, last = 0;
    medic_section *section;

    for (size_t i = 0; i < recording->catch_count; i++) {
        const ex_catch *caught = &recording->catchs[i];
        double weight = timed_weight(recording, caught);
        uint32_t bucket = 0;
        if (weight <= 0)
            continue;
        while (bucket < 39 && caught->time_ns >= UINT64_C(1000) << bucket)
            bucket++;
        counts[bucket] += weight;
        first = bucket < first ? bucket : first;
        last = bucket > last ? bucket : last;
    }
    if (first > last)
        return;
    section = MEDIC_OPEN(recording, MEDIC_HISTOGRAM, "times", "From the throw to the catch block",
                         "Filters and finally blocks that run in between are part of it.", columns);
    for (uint32_t i = first; i <= last; i++) {
        medic_cell cells[] = {medic_whole(i ? UINT64_C(500) << i : 0), medic_whole(UINT64_C(1000) << i),
                              about(counts[i])};
        MEDIC_ROW(recording, section, cells);
    }
}

/* --- notes --- */

static void note_sampling(const struct recording *recording, struct medic_text *text)
{
    uint64_t all = 0;

    for (size_t i = 0; i < recording->type_count; i++)
        all += throws_of(&recording->types[i]);
    medic_add(text, "Throws are counted one by one. Stacks and messages are of ");
    medic_add_number(text, recording->sample_count);
    medic_add(text, " of them (");
    medic_add_share(text, (double)recording->sample_count, (double)all);
    medic_add(text, "): about %u a second, chosen by chance, and the first of each type.",
              recording->last.stacks_per_second);
}

static void note_cpu(const struct recording *recording, struct medic_text *text)
{
    const struct facts *facts = &recording->facts;
    double all = facts->cpu_ns + facts->noise_cpu_ns;

    if (facts->cheap) {
        medic_add(
            text,
            "The cheap mode does not tell who catches, nor what it costs; and what an await or ExceptionDispatchInfo "
            "throws again counts as thrown.");
        return;
    }
    medic_add(text, "CPU is estimated from the CPU time between throw and catch block of some throws");
    if (facts->cpu_ns > 0) {
        medic_add(text, ", within about ");
        medic_add_share(text, facts->cpu_error_ns, all);
    }
    medic_add(text, ". What comes before and after (making the exception, leaving the catch block) is not in it; what "
                    "watching costs is, about a fifth.");
}

static void note_losses(const struct recording *recording, struct medic_text *text)
{
    const ex_totals *last = &recording->last;

    if (last->fresh + last->propagated) {
        medic_add_number(text, last->fresh + last->propagated);
        medic_add(text, " throws are of more types than can be told apart; they stand in no row. ");
    }
    if (last->routes_missed + last->threads_missed) {
        medic_add_number(text, last->routes_missed + last->threads_missed);
        medic_add(text, " were caught by a method that is not known, for lack of room. ");
    }
    if (last->samples_full) {
        medic_add_number(text, last->samples_full);
        medic_add(text, " samples were lost, the ring was full. ");
    }
    if (last->bad_events) {
        medic_add_number(text, last->bad_events);
        medic_add(text, " events were not understood. ");
    }
    if (recording->bad_records) {
        medic_add_number(text, recording->bad_records);
        medic_add(text, " records were damaged. ");
    }
}

static void write_notes(const struct recording *recording)
{
    static void (*const note[])(const struct recording *, struct medic_text *) = {note_sampling, note_cpu, note_losses};
    struct medic_notes notes = MEDIC_NOTES(recording);

    for (uint32_t i = 0; i < MEDIC_COUNT_OF(note); i++) {
        char sentence[VERDICT_TEXT];
        struct medic_text text = {sentence, sizeof sentence};
        *sentence = '\0';
        note[i](recording, &text);
        if (*sentence)
            medic_add_note(&notes, "%s", sentence);
    }
}

void write_sections(const struct recording *recording)
{
    write_types(
        recording, 0, "types", "Exceptions",
        "Again: the same exception, thrown again by throw, by an await that it passes, or by ExceptionDispatchInfo.");
    write_messages(recording);
    write_where(recording);
    write_chains(recording);
    write_timeline(recording);
    write_times(recording);
    if (recording->facts.noise_types)
        write_types(recording, 1, "framework", "Of the framework",
                    "Thrown and caught there; no code of the program between.");
    write_stacks(recording);
    write_notes(recording);
}
