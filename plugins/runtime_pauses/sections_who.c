/* Who asked for pauses, and who kept them waiting. */
#include "sections.h"

#include <stdlib.h>
#include <string.h>

void write_callers(const struct recording *recording, const struct caller_row *rows, size_t count)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("method", "Method", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("caller", "In the program", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("how", "By", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("count", "Pauses", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("total", "Total", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("max", "Longest", MEDIC_COLUMN_DIFF),
    };
    medic_section *section;

    if (!count)
        return;
    section = MEDIC_OPEN(
        recording, MEDIC_TABLE, "callers", "Who asked for it",
        recording->has_totals && recording->totals.stacks_skipped ? "A sample: not every stack was taken." : NULL,
        columns);
    for (size_t i = 0; i < count && i < TOP_ROWS; i++) {
        medic_cell cells[] = {
            medic_string(rows[i].site.method), medic_string(rows[i].site.caller), medic_string(rows[i].how),
            medic_whole(rows[i].count),        medic_whole(rows[i].total_ns),     medic_whole(rows[i].max_ns),
        };
        MEDIC_ROW(recording, section, cells);
    }
    recording->document->total_rows(section, count);
}

void write_slow_threads(const struct recording *recording, const struct slow_row *rows, size_t count)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("method", "Stopped in", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("caller", "In the program", 0),
        MEDIC_TEXT_COLUMN("thread", "Thread", 0),
        MEDIC_COUNT_COLUMN("count", "Pauses", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("total", "Total wait", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("max", "Longest wait", MEDIC_COLUMN_DIFF),
    };
    medic_section *section;

    if (!count)
        return;
    section = MEDIC_OPEN(recording, MEDIC_TABLE, "slow_threads", "Who kept the runtime waiting",
                         "The last thread to stop, of pauses that took 1 ms or longer to begin.", columns);
    for (size_t i = 0; i < count && i < TOP_ROWS; i++) {
        medic_cell cells[] = {
            medic_string(rows[i].site.method), medic_string(rows[i].site.caller), medic_string(rows[i].thread),
            medic_whole(rows[i].count),        medic_whole(rows[i].total_ns),     medic_whole(rows[i].max_ns),
        };
        MEDIC_ROW(recording, section, cells);
    }
    recording->document->total_rows(section, count);
}

/* --- stacks --- */

struct stack_group {
    const struct stack *stack;
    const uint64_t *frames;
    size_t count;
    uint64_t total_ns;
};

static int by_frames(const void *left, const void *right)
{
    const struct stack_group *a = left, *b = right;
    uint32_t count = a->stack->head.frame_count;

    if (count != b->stack->head.frame_count)
        return count < b->stack->head.frame_count ? -1 : 1;
    return memcmp(a->frames, b->frames, count * sizeof *a->frames);
}

static int by_stack_total(const void *left, const void *right)
{
    uint64_t a = ((const struct stack_group *)left)->total_ns, b = ((const struct stack_group *)right)->total_ns;

    return (a < b) - (a > b);
}

static size_t group_stacks(const struct recording *recording, struct stack_group *groups)
{
    size_t used = 0, merged = 0;

    for (size_t i = 0; i < recording->pause_count; i++) {
        const struct pause *pause = &recording->pauses[i];
        const struct stack *stack;
        if (pause->asked == NO_INDEX)
            continue;
        stack = &recording->stacks[pause->asked];
        groups[used++] = (struct stack_group){stack, recording->frames + stack->first, 1, pause_length(pause)};
    }
    qsort(groups, used, sizeof *groups, by_frames);
    for (size_t i = 0; i < used; i++) {
        if (merged && by_frames(&groups[merged - 1], &groups[i]) == 0) {
            groups[merged - 1].count++;
            groups[merged - 1].total_ns += groups[i].total_ns;
        } else {
            groups[merged++] = groups[i];
        }
    }
    qsort(groups, merged, sizeof *groups, by_stack_total);
    return merged;
}

static void stack_row(const struct recording *recording, medic_section *section, const struct stack_group *group)
{
    uint32_t frames[RP_FRAMES_MAX];
    uint32_t count = group->stack->head.frame_count;
    medic_cell cells[] = {medic_whole(group->count), medic_whole(group->total_ns)};

    for (uint32_t i = 0; i < count; i++) {
        uint64_t function = group->frames[count - 1 - i]; /* root first */
        frames[i] = recording->document->frame(section, function_name(recording, function),
                                               function_module(recording, function), NULL, 0);
    }
    recording->document->row_stack(section, frames, count, cells, MEDIC_COUNT_OF(cells));
}

void write_stacks(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_COUNT_COLUMN("count", "Pauses", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("total", "Total", MEDIC_COLUMN_DIFF),
    };
    struct stack_group *groups = calloc(recording->pause_count + 1, sizeof *groups);
    size_t count = groups ? group_stacks(recording, groups) : 0;
    medic_section *section;

    if (count) {
        section = MEDIC_OPEN(recording, MEDIC_STACKS, "caller_stacks", "Stacks of those who asked", NULL, columns);
        for (size_t i = 0; i < count && i < TOP_ROWS; i++)
            stack_row(recording, section, &groups[i]);
        recording->document->total_rows(section, count);
    }
    free(groups);
}
