/* The sections of the document: locks, sites, holders, threads, stacks. */
#include "sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- locks --- */

static void lock_row(const struct recording *recording, medic_section *section, const struct group *group)
{
    medic_cell cells[] = {
        medic_string(lock_name(group)),
        medic_string(place_of(recording, group->line).name),
        medic_ratio((double)group->waited_ns, (double)recording->waited_ns),
        medic_whole(group->waited_ns),
        medic_whole(group->begun),
        medic_whole(quantile(group->bins, group->max_ns, 0.50)),
        medic_whole(quantile(group->bins, group->max_ns, 0.99)),
        medic_whole(group->max_ns),
    };

    MEDIC_ROW(recording, section, cells);
}

static void write_locks(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("lock", "Object", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("site", "Waited for in", MEDIC_COLUMN_KEY),
        MEDIC_SHARE_COLUMN("share", "Share"),
        MEDIC_TIME_COLUMN("waited", "Waited", MEDIC_COLUMN_DIFF),
        MEDIC_COUNT_COLUMN("waits", "Waits", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("p50", "p50", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("p99", "p99", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("max", "Max", MEDIC_COLUMN_DIFF),
    };
    medic_section *section = MEDIC_OPEN(recording, MEDIC_TABLE, "locks", "Locks by time waited",
                                        "Counts and times are of all waits.", columns);

    for (size_t i = 0; i < recording->group_count && i < ROWS_MAX; i++)
        lock_row(recording, section, &recording->groups[i]);
    recording->document->total_rows(section, recording->group_count);
}

/* A name, or a number. */
static medic_cell holding_cell(const struct recording *recording, const struct group *group, char room[16])
{
    uint32_t tid = holding_thread(group);
    const char *name = thread_name(recording, tid);

    snprintf(room, 16, "%u", tid);
    if (name || tid)
        return medic_string(name ? name : room);
    return medic_string(group->holder_tid ? "several" : NULL);
}

static void write_who(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("lock", "Object", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("site", "Waited for in", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("locks", "Locks", MEDIC_COLUMN_DIFF),
        MEDIC_COUNT_COLUMN("threads", "Threads", MEDIC_COLUMN_DIFF),
        MEDIC_TEXT_COLUMN("held", "Held in", 0),
        MEDIC_TEXT_COLUMN("thread", "Held by", 0),
    };
    medic_section *section = MEDIC_OPEN(recording, MEDIC_TABLE, "who", "Who waits, who holds", NULL, columns);

    for (size_t i = 0; i < recording->group_count && i < ROWS_MAX; i++) {
        const struct group *group = &recording->groups[i];
        char tid[16];
        medic_cell cells[] = {
            medic_string(lock_name(group)),
            medic_string(place_of(recording, group->line).name),
            medic_whole(group->locks),
            medic_whole(group->threads),
            medic_string(place_of(recording, group->holder).name),
            holding_cell(recording, group, tid),
        };
        MEDIC_ROW(recording, section, cells);
    }
    recording->document->total_rows(section, recording->group_count);
}

/* --- where --- */

struct place_sum {
    uint32_t group, function, frame; /* frame: any one of the function */
    double waited_ns;
    uint64_t waits;
};

static int by_place(const void *left, const void *right)
{
    const struct place_sum *a = left, *b = right;

    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    return (a->function > b->function) - (a->function < b->function);
}

static int by_waited(const void *left, const void *right)
{
    const struct place_sum *a = left, *b = right;

    if (a->waited_ns != b->waited_ns)
        return a->waited_ns < b->waited_ns ? 1 : -1;
    return by_place(left, right);
}

/* Equal places become one; greatest first. Returns how many are left. */
static size_t merge_places(struct place_sum *sums, size_t count)
{
    size_t kept = 0;

    qsort(sums, count, sizeof *sums, by_place);
    for (size_t i = 0; i < count; i++) {
        if (!kept || by_place(&sums[kept - 1], &sums[i]) != 0) {
            sums[kept++] = sums[i];
            continue;
        }
        sums[kept - 1].waited_ns += sums[i].waited_ns;
        sums[kept - 1].waits += sums[i].waits;
    }
    qsort(sums, kept, sizeof *sums, by_waited);
    return kept;
}

static struct place_sum *sum_sites(const struct recording *recording, size_t *count)
{
    struct place_sum *sums = calloc(recording->wait_count + 1, sizeof *sums);

    *count = 0;
    for (size_t i = 0; sums && i < recording->wait_count; i++) {
        const struct wait *wait = &recording->waits[i];
        const struct group *group = wait->known ? group_of(recording, wait->lock) : NULL;
        if (group && wait->anchor)
            sums[(*count)++] =
                (struct place_sum){(uint32_t)(group - recording->groups), function_of(recording, wait->anchor),
                                   wait->anchor, wait->weight_ns, 1};
    }
    if (sums)
        *count = merge_places(sums, *count);
    return sums;
}

static struct place_sum *sum_holdings(const struct recording *recording, size_t *count)
{
    struct place_sum *sums = calloc(recording->holding_count + 1, sizeof *sums);

    *count = 0;
    for (size_t i = 0; sums && i < recording->holding_count; i++) {
        const struct holding *holding = &recording->holdings[i];
        if (holding->blocked_ns > 0)
            sums[(*count)++] =
                (struct place_sum){(uint32_t)(group_of(recording, holding->lock) - recording->groups),
                                   function_of(recording, holding->frame), holding->frame, holding->blocked_ns, 1};
    }
    if (sums)
        *count = merge_places(sums, *count);
    return sums;
}

/* Frees sums. */
static void write_places(const struct recording *recording, struct place_sum *sums, size_t count, const char *id,
                         const char *title, const char *heading, const char *note)
{
    const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("method", heading, MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("lock", "Object", MEDIC_COLUMN_KEY),
        MEDIC_SHARE_COLUMN("share", "Share"),
        MEDIC_TIME_COLUMN("waited", "Waited", MEDIC_COLUMN_DIFF),
        MEDIC_COUNT_COLUMN("stacks", "Stacks", MEDIC_COLUMN_DIFF),
        MEDIC_TEXT_COLUMN("where", "Line", 0),
    };
    medic_section *section;

    if (count) {
        section = MEDIC_OPEN(recording, MEDIC_TABLE, id, title, note, columns);
        for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
            char location[MEDIC_LOCATION_MAX];
            medic_cell cells[] = {
                medic_string(place_of(recording, sums[i].frame).name),
                medic_string(lock_name(&recording->groups[sums[i].group])),
                medic_ratio(sums[i].waited_ns, (double)recording->waited_ns),
                rounded(sums[i].waited_ns),
                medic_whole(sums[i].waits),
                medic_string(medic_frame_location(frame_of(recording, sums[i].frame), location)),
            };
            MEDIC_ROW(recording, section, cells);
        }
        recording->document->total_rows(section, count);
    }
    free(sums);
}

/* --- photographs --- */

static int by_held(const void *left, const void *right)
{
    const struct held *a = left, *b = right;
    const uint32_t left_key[] = {a->group, a->function, a->leaf_function};
    const uint32_t right_key[] = {b->group, b->function, b->leaf_function};

    for (int i = 0; i < 3; i++)
        if (left_key[i] != right_key[i])
            return left_key[i] < right_key[i] ? -1 : 1;
    return 0;
}

static void held_row(const struct recording *recording, medic_section *section, const struct held *held, size_t seen)
{
    char location[MEDIC_LOCATION_MAX], caller[256];
    struct medic_text text = {caller, sizeof caller};
    struct medic_place place = place_of(recording, held->caller);

    if (held->caller)
        medic_add_place(&text, &place);
    medic_cell cells[] = {
        medic_string(place_of(recording, held->anchor).name),
        medic_string(place_of(recording, held->leaf).name),
        medic_string(lock_name(&recording->groups[held->group])),
        medic_whole(seen),
        medic_string(medic_frame_location(frame_of(recording, held->anchor), location)),
        medic_string(held->caller ? caller : NULL),
    };

    MEDIC_ROW(recording, section, cells);
}

static void write_photographs(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("method", "Holder in", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("leaf", "Busy in", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("lock", "Object", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("waits", "Waits", MEDIC_COLUMN_DIFF),
        MEDIC_TEXT_COLUMN("where", "Line", 0),
        MEDIC_TEXT_COLUMN("caller", "Called by", 0),
    };
    medic_section *section = NULL;
    size_t rows = 0;

    if (recording->held_count)
        qsort(recording->helds, recording->held_count, sizeof *recording->helds, by_held);
    for (size_t i = 0, end; i < recording->held_count; i = end) {
        for (end = i; end < recording->held_count && by_held(&recording->helds[i], &recording->helds[end]) == 0;)
            end++;
        if (!recording->helds[i].anchor || recording->helds[i].group == NONE || rows++ >= ROWS_MAX)
            continue;
        if (!section)
            section = MEDIC_OPEN(recording, MEDIC_TABLE, "photographs", "What the holders were doing",
                                 "In photographs, while others waited for the lock.", columns);
        held_row(recording, section, &recording->helds[i], end - i);
    }
    if (section)
        recording->document->total_rows(section, rows);
}

/* --- threads --- */

struct thread_row {
    uint32_t tid;
    uint64_t waits, wait_ns, blocked, blocked_ns;
};

static int by_tid(const void *left, const void *right)
{
    const struct thread_row *a = left, *b = right;

    return (a->tid > b->tid) - (a->tid < b->tid);
}

static int by_sum(const void *left, const void *right)
{
    const struct thread_row *a = left, *b = right;
    uint64_t left_sum = a->wait_ns + a->blocked_ns, right_sum = b->wait_ns + b->blocked_ns;

    if (left_sum != right_sum)
        return left_sum < right_sum ? 1 : -1;
    return by_tid(left, right);
}

static size_t gather_threads(const struct recording *recording, struct thread_row *rows)
{
    size_t count = 0, kept = 0;

    for (size_t i = 0; i < recording->pair_count; i++) {
        const ct_pair *pair = &recording->pairs[i];
        if (group_of(recording, pair->lock))
            rows[count++] = (struct thread_row){pair->tid, pair->waits, pair->wait_ns, pair->blocked, pair->blocked_ns};
    }
    for (size_t i = 0; i < recording->open_count; i++) {
        const ct_open *open = &recording->opens[i];
        uint64_t length = open_length(recording, open);
        if (!group_of(recording, open->lock))
            continue;
        rows[count++] = (struct thread_row){open->tid, 1, length, 0, 0};
        if (open->owner)
            rows[count++] = (struct thread_row){open->owner, 0, 0, 1, 0};
    }
    qsort(rows, count, sizeof *rows, by_tid);
    for (size_t i = 0; i < count; i++) {
        struct thread_row *last = kept ? &rows[kept - 1] : NULL;
        if (!last || last->tid != rows[i].tid) {
            rows[kept++] = rows[i];
            continue;
        }
        last->waits += rows[i].waits;
        last->wait_ns += rows[i].wait_ns;
        last->blocked += rows[i].blocked;
        last->blocked_ns += rows[i].blocked_ns;
    }
    qsort(rows, kept, sizeof *rows, by_sum);
    return kept;
}

static void write_threads(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("name", "Thread", MEDIC_COLUMN_KEY),
        {"tid", "Tid", MEDIC_INTEGER, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, MEDIC_COLUMN_KEY},
        MEDIC_SHARE_COLUMN("share", "Of its time"),
        MEDIC_TIME_COLUMN("waited", "Waited", MEDIC_COLUMN_DIFF),
        MEDIC_COUNT_COLUMN("waits", "Waits", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("blocked", "Kept others waiting", MEDIC_COLUMN_DIFF),
        MEDIC_COUNT_COLUMN("times", "Times", MEDIC_COLUMN_DIFF),
    };
    struct thread_row *rows = calloc(recording->pair_count + 2 * recording->open_count + 1, sizeof *rows);
    size_t count = rows ? gather_threads(recording, rows) : 0;
    medic_section *section;

    if (count) {
        section = MEDIC_OPEN(
            recording, MEDIC_TABLE, "threads", "By thread",
            "Kept others waiting: while the thread held the lock. Times: that they began to wait then.", columns);
        for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
            medic_cell cells[] = {
                medic_string(thread_name(recording, rows[i].tid)),
                medic_whole(rows[i].tid),
                medic_ratio((double)rows[i].wait_ns, (double)(recording->end_ns - recording->begin_ns)),
                medic_whole(rows[i].wait_ns),
                medic_whole(rows[i].waits),
                medic_whole(rows[i].blocked_ns),
                medic_whole(rows[i].blocked),
            };
            MEDIC_ROW(recording, section, cells);
        }
        recording->document->total_rows(section, count);
    }
    free(rows);
}

/* --- other waits --- */

static uint32_t pick_other(const struct recording *recording, const struct wait *wait)
{
    (void)recording;
    return wait->kind == CT_KIND_LOCK || !wait->known ? 0 : wait->anchor;
}

/* Weighed by kind: the sums of each kind are exact. */
static double other_weight(const struct recording *recording, uint32_t kind)
{
    uint64_t sum = 0, sampled = 0;

    for (size_t i = 0; i < recording->lock_count; i++)
        if (recording->locks[i].raw.kind == kind)
            sum += recording->locks[i].raw.ended_ns + recording->locks[i].open_ns;
    for (size_t i = 0; i < recording->wait_count; i++)
        if (recording->waits[i].kind == kind && pick_other(recording, &recording->waits[i]))
            sampled += recording->waits[i].wait_ns;
    return sampled ? (double)sum / (double)sampled : 0;
}

static size_t sum_others(const struct recording *recording, struct place_sum *sums)
{
    double monitor = other_weight(recording, CT_KIND_MONITOR_WAIT);
    double handle = other_weight(recording, CT_KIND_WAIT_HANDLE);
    size_t count = 0;

    for (size_t i = 0; i < recording->wait_count; i++) {
        const struct wait *wait = &recording->waits[i];
        uint32_t frame = pick_other(recording, wait);
        if (frame)
            sums[count++] =
                (struct place_sum){wait->kind, function_of(recording, frame), frame,
                                   (double)wait->wait_ns * (wait->kind == CT_KIND_MONITOR_WAIT ? monitor : handle), 1};
    }
    return merge_places(sums, count);
}

static void write_others(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("method", "Method", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("kind", "Waits for", MEDIC_COLUMN_KEY),
        MEDIC_TIME_COLUMN("waited", "Waited", MEDIC_COLUMN_DIFF),
        MEDIC_COUNT_COLUMN("stacks", "Stacks", MEDIC_COLUMN_DIFF),
        MEDIC_TEXT_COLUMN("where", "Line", 0),
    };
    struct place_sum *sums = calloc(recording->wait_count + 1, sizeof *sums);
    size_t count = sums ? sum_others(recording, sums) : 0;
    medic_section *section;

    if (count) {
        section = MEDIC_OPEN(
            recording, MEDIC_TABLE, "handles", "Waits for semaphores and handles",
            "Most of these are idle by design: a thread that waits for work. They are not in the verdict.", columns);
        for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
            char location[MEDIC_LOCATION_MAX];
            medic_cell cells[] = {
                medic_string(place_of(recording, sums[i].frame).name),
                medic_string(sums[i].group == CT_KIND_MONITOR_WAIT ? "semaphore or Monitor.Wait" : "wait handle"),
                rounded(sums[i].waited_ns),
                medic_whole(sums[i].waits),
                medic_string(medic_frame_location(frame_of(recording, sums[i].frame), location)),
            };
            MEDIC_ROW(recording, section, cells);
        }
        recording->document->total_rows(section, count);
    }
    free(sums);
}

/* --- stacks --- */

/* In what is read, the program's own method is the end: that a lock is entered there is known. */
static medic_stack_tree *make_tree(const struct recording *recording, int whole)
{
    medic_stack_tree *tree = recording->trees->create(recording->host);

    for (size_t i = 0; i < recording->wait_count; i++) {
        const struct wait *wait = &recording->waits[i];
        const uint32_t *frames = NULL;
        uint32_t count = wait->weight_ns > 0 ? managed_part(recording, wait->stack, &frames) : 0;
        while (!whole && wait->user && count && frames[count - 1] != wait->anchor)
            count--;
        if (count)
            recording->trees->add(tree, frames, count, (uint64_t)wait->weight_ns, 1);
    }
    return tree;
}

static void write_stacks(const struct recording *recording)
{
    medic_tree_section paths = {.size = sizeof paths,
                                .unit = MEDIC_UNIT_NANOSECONDS,
                                .id = "paths",
                                .title = "Where threads wait for locks",
                                .note = "From the root of the threads; below 1 % left out.",
                                .weight = "Waited",
                                .smallest = 0.01,
                                .rows_max = 500,
                                .flags = MEDIC_TREE_FOLD};
    medic_tree_section stacks = {.size = sizeof stacks,
                                 .unit = MEDIC_UNIT_NANOSECONDS,
                                 .id = "stacks",
                                 .title = "Stacks",
                                 .weight = "Waited",
                                 .rows_max = 5000};

    recording->trees->section(make_tree(recording, 0), &paths);
    write_threads(recording);
    write_timeline(recording);
    write_histogram(recording);
    recording->trees->stacks(make_tree(recording, 1), &stacks);
}

void write_sections(const struct recording *recording)
{
    struct place_sum *sums;
    size_t count = 0;

    if (recording->group_count) {
        write_locks(recording);
        write_who(recording);
        sums = sum_sites(recording, &count);
        write_places(recording, sums, count, "sites", "Where threads wait", "Method",
                     "Estimated from the waits with a stack.");
        sums = sum_holdings(recording, &count);
        write_places(recording, sums, count, "holders", "Where the locks are held meanwhile", "Holder",
                     "How long others waited while a thread held the lock is known of each thread; where it had got it "
                     "is told by the stacks of its own waits for it, else by photographs.");
        write_photographs(recording);
        write_open_waits(recording);
        write_stacks(recording);
    }
    write_others(recording);
    write_notes(recording);
}
