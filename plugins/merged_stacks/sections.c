/* The sections of the document: what the threads wait for, and the threads one by one. */
#include "sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 200u
#define THREADS_MAX 1000u
#define NAMES_SHOWN 3u

const char *thread_names(const struct recording *recording, const uint32_t *threads, size_t count,
                         char names[NAMES_MAX])
{
    struct medic_text text = {names, NAMES_MAX};

    *names = '\0';
    for (size_t i = 0; i < count && i < NAMES_SHOWN; i++) {
        const struct thread *thread = &recording->threads[threads[i]];
        medic_add(&text, "%s", i ? ", " : "");
        if (*thread->name && !medic_begins_with(thread->name, ".NET TP"))
            medic_add(&text, "%.24s (%u)", thread->name, thread->raw.head.os_id);
        else
            medic_add(&text, "%u", thread->raw.head.os_id);
    }
    if (count > NAMES_SHOWN)
        medic_add(&text, " and %zu more", count - NAMES_SHOWN);
    return names;
}

/* --- waits --- */

static void wait_row(const struct recording *recording, medic_section *section, const struct group *group)
{
    uint32_t threads[NAMES_SHOWN];
    char location[MEDIC_LOCATION_MAX], names[NAMES_MAX];
    const medic_frame frame = {.file = group->place.file, .line = group->place.line};

    for (uint32_t i = 0; i < NAMES_SHOWN; i++)
        threads[i] = group->first + i; /* at most count are read */
    medic_cell cells[] = {
        medic_string(wait_name(group->wait)),
        medic_string(group->place.name),
        medic_whole(group->count),
        medic_ratio(group->count, recording->facts.threads),
        medic_whole(group->pool),
        medic_string(medic_frame_location(&frame, location)),
        medic_string(thread_names(recording, threads, group->count, names)),
    };
    MEDIC_ROW(recording, section, cells);
}

static void write_waits(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("wait", "Waits for", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("where", "In", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("count", "Threads", MEDIC_COLUMN_DIFF),
        MEDIC_SHARE_COLUMN("share", "Of all"),
        MEDIC_COUNT_COLUMN("pool", "Pool", MEDIC_COLUMN_DIFF),
        MEDIC_TEXT_COLUMN("line", "Line", 0),
        MEDIC_TEXT_COLUMN("threads", "Which", 0),
    };
    medic_section *section = MEDIC_OPEN(recording, MEDIC_TABLE, "waits", "What the threads wait for",
                                        "In: the innermost method of the program.", columns);

    for (size_t g = 0; g < recording->group_count && g < ROWS_MAX; g++)
        wait_row(recording, section, &recording->groups[g]);
    recording->document->total_rows(section, recording->group_count);
}

/* --- threads --- */

static const char *state_name(uint32_t state)
{
    switch (state) {
    case 'R': return "running";
    case 'S': return "sleeping";
    case 'D': return "disk";
    case 'T':
    case 't': return "stopped";
    case 'Z':
    case 'X': return "ended";
    default: return NULL;
    }
}

static void thread_row(const struct recording *recording, medic_section *section, const struct thread *thread)
{
    const medic_frame *frame = frame_of(recording, thread->anchor);
    char location[MEDIC_LOCATION_MAX];
    medic_cell cells[] = {
        medic_string(*thread->name ? thread->name : NULL),
        medic_whole(thread->raw.head.os_id),
        medic_string(wait_name(thread->wait)),
        medic_string(thread->anchor ? frame->function : NULL),
        medic_string(medic_frame_location(frame, location)),
        medic_whole(thread->raw.cpu_ns),
        medic_string(state_name(thread->raw.state)),
    };

    MEDIC_ROW(recording, section, cells);
}

static void idle_row(const struct recording *recording, medic_section *section, const struct group *group)
{
    char name[64] = "";
    medic_cell cells[] = {medic_string(name), medic_none(), medic_string(wait_name(group->wait)),
                          medic_none(),       medic_none(), medic_none(),
                          medic_none()};

    (void)recording;
    snprintf(name, sizeof name, "(%u pool workers)", group->count);
    MEDIC_ROW(recording, section, cells);
}

/* Examples of each group come first, so that the first rows tell most. */
static void thread_rows(const struct recording *recording, medic_section *section, int examples, size_t *room)
{
    for (size_t i = 0; i < recording->thread_count && *room; i++) {
        const struct thread *thread = &recording->threads[i];
        int example = i - recording->groups[thread->group].first < NAMES_SHOWN;
        if (thread->wait == WAIT_IDLE || example != examples)
            continue;
        thread_row(recording, section, thread);
        (*room)--;
    }
}

static void write_threads(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("name", "Thread", MEDIC_COLUMN_KEY),
        {"tid", "Tid", MEDIC_INTEGER, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, MEDIC_COLUMN_KEY},
        MEDIC_TEXT_COLUMN("wait", "Waits for", 0),
        MEDIC_TEXT_COLUMN("where", "In", 0),
        MEDIC_TEXT_COLUMN("line", "Line", 0),
        {"cpu", "CPU so far", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_NONE, 0},
        MEDIC_TEXT_COLUMN("state", "Linux says", 0),
    };
    medic_section *section = MEDIC_OPEN(recording, MEDIC_TABLE, "threads", "The threads", NULL, columns);
    uint32_t total = recording->facts.threads - recording->facts.states[WAIT_IDLE];
    size_t room = THREADS_MAX - 1;

    thread_rows(recording, section, 1, &room);
    thread_rows(recording, section, 0, &room);
    for (size_t g = 0; g < recording->group_count; g++)
        if (recording->groups[g].wait == WAIT_IDLE) {
            idle_row(recording, section, &recording->groups[g]);
            total++;
        }
    recording->document->total_rows(section, total);
}

/* --- what to keep in mind --- */

static void note_pause(struct medic_notes *notes, const medic_snapshot *snapshot)
{
    char pause[32] = "";
    struct medic_text text = {pause, sizeof pause};

    medic_add_time(&text, (double)snapshot->pause_ns);
    medic_add_note(notes, "One moment: the program stood still for %s. What matters lasts; look twice.", pause);
}

static void write_notes(const struct recording *recording)
{
    const struct facts *facts = &recording->facts;
    uint64_t lost = recording->capture->lost(recording->host);
    struct medic_notes notes = MEDIC_NOTES(recording);

    if (!recording->has_snapshot)
        medic_add_note(&notes, "The recording was cut off: threads are missing.");
    else
        note_pause(&notes, &recording->snapshot);
    if (lost)
        medic_add_note(&notes, "%llu records were lost: threads are missing.", (unsigned long long)lost);
    if (facts->missed)
        medic_add_note(&notes, "Threads that could not be looked at: %u.", facts->missed);
    if (facts->broken)
        medic_add_note(&notes, "Stacks that do not reach their root: %u.", facts->broken);
    if (facts->inferred)
        medic_add_note(
            &notes,
            "Locks of .NET 8 and 9 leave no frame: threads that stand in their own code count as waiting for one "
            "(%u); native calls may be among them.",
            facts->inferred);
    if (facts->states[WAIT_UNKNOWN])
        medic_add_note(&notes, "Threads that do not run, and no method says why: %u. Some native calls leave no frame.",
                       facts->states[WAIT_UNKNOWN]);
    if (recording->bad_records)
        medic_add_note(&notes, "%llu records were too short to be understood.",
                       (unsigned long long)recording->bad_records);
}

void write_sections(const struct recording *recording)
{
    if (recording->thread_count) {
        write_waits(recording);
        write_merged(recording);
        write_threads(recording);
        write_stacks(recording);
    }
    write_notes(recording);
}
