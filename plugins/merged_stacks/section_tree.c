/* The stacks merged from the root, with the threads that end in each place. */
#include "sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 2000u

/* A thread and the node of the tree where its stack ends. */
struct end {
    uint32_t node;
    uint32_t thread; /* index */
};

static int is_shown(const struct thread *thread)
{
    return thread->count && thread->wait != WAIT_IDLE && thread->wait != WAIT_SERVICE;
}

static medic_stack_tree *make_tree(const struct recording *recording, int (*pick)(const struct thread *))
{
    medic_stack_tree *tree = recording->trees->create(recording->host);

    for (size_t i = 0; i < recording->thread_count; i++)
        if (pick(&recording->threads[i]))
            recording->trees->add(tree, recording->threads[i].frames, recording->threads[i].count, 1, 1);
    return tree;
}

/* --- where stacks end --- */

static uint32_t child_of(const struct recording *recording, const medic_tree_node *nodes, uint32_t count,
                         uint32_t parent, uint32_t function)
{
    uint32_t child = nodes[parent].first_child;

    while (child && child < count && function_of(recording, nodes[child].frame) != function)
        child = nodes[child].next;
    return child < count ? child : 0;
}

static uint32_t end_of(const struct recording *recording, const medic_tree_node *nodes, uint32_t count,
                       const struct thread *thread)
{
    uint32_t node = 0;

    for (uint32_t i = 0; i < thread->count; i++) {
        uint32_t child = child_of(recording, nodes, count, node, function_of(recording, thread->frames[i]));
        if (!child)
            return node;
        node = child;
    }
    return node;
}

static int by_node(const void *left, const void *right)
{
    const struct end *a = left, *b = right;

    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    return (a->thread > b->thread) - (a->thread < b->thread);
}

static struct end *find_ends(const struct recording *recording, const medic_tree_node *nodes, uint32_t count,
                             size_t *end_count)
{
    struct end *ends = calloc(recording->thread_count + 1, sizeof *ends);

    *end_count = 0;
    if (!ends)
        return NULL;
    for (size_t i = 0; i < recording->thread_count; i++)
        if (is_shown(&recording->threads[i]))
            ends[(*end_count)++] = (struct end){end_of(recording, nodes, count, &recording->threads[i]), (uint32_t)i};
    qsort(ends, *end_count, sizeof *ends, by_node);
    return ends;
}

/* The names of the threads that end in a node, or NULL. */
static const char *names_at(const struct recording *recording, const struct end *ends, size_t end_count, uint32_t node,
                            char names[NAMES_MAX])
{
    uint32_t threads[8];
    size_t low = 0, high = end_count, count = 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ends[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low + count < end_count && ends[low + count].node == node; count++)
        if (count < sizeof threads / sizeof *threads)
            threads[count] = ends[low + count].thread;
    return count ? thread_names(recording, threads, count, names) : NULL;
}

/* --- the tree --- */

struct writer {
    const struct recording *recording;
    medic_section *section;
    const medic_tree_node *nodes;
    uint32_t count;
    const struct end *ends;
    size_t end_count;
    uint32_t *rows; /* of nodes */
};

static uint32_t tree_row(const struct writer *writer, uint32_t node)
{
    const struct recording *recording = writer->recording;
    const medic_frame *frame = frame_of(recording, writer->nodes[node].frame);
    uint32_t parent = writer->nodes[node].parent;
    char location[LOCATION_MAX], names[NAMES_MAX];
    medic_cell cells[] = {
        medic_string(frame->function),
        whole(writer->nodes[node].total),
        medic_string(frame->code == MEDIC_CODE_USER ? location_of(frame, location) : NULL),
        medic_string(names_at(recording, writer->ends, writer->end_count, node, names)),
    };

    return recording->document->row(writer->section, parent ? writer->rows[parent] : MEDIC_NO_PARENT, cells,
                                    COUNT_OF(cells));
}

/* Depth first, without recursion: stacks are deep. */
static void tree_rows(const struct writer *writer)
{
    uint32_t node = writer->nodes[0].first_child, written = 0;

    while (node && node < writer->count && written < ROWS_MAX) {
        writer->rows[node] = tree_row(writer, node);
        written++;
        if (writer->nodes[node].first_child) {
            node = writer->nodes[node].first_child;
            continue;
        }
        while (node && !writer->nodes[node].next)
            node = writer->nodes[node].parent;
        node = node ? writer->nodes[node].next : 0;
    }
}

/* Threads that are not in the tree, one line a kind; returns how many lines. */
static uint32_t folded_rows(const struct writer *writer)
{
    static const struct {
        enum wait wait;
        const char *name;
    } folded[] = {
        {WAIT_IDLE, "(idle thread-pool workers)"},
        {WAIT_SERVICE, "(threads of the runtime and the framework)"},
    };
    const struct recording *recording = writer->recording;
    uint32_t rows = 0;

    for (size_t i = 0; i < sizeof folded / sizeof *folded; i++) {
        medic_cell cells[] = {medic_string(folded[i].name), whole(recording->facts.states[folded[i].wait]),
                              medic_none(), medic_none()};
        if (!recording->facts.states[folded[i].wait])
            continue;
        ROW(recording, writer->section, cells);
        rows++;
    }
    return rows;
}

static void write_tree(const struct recording *recording)
{
    static const medic_column columns[] = {
        TEXT("function", "Method", MEDIC_COLUMN_KEY),
        TALLY("threads", "Threads"),
        TEXT("line", "Line", 0),
        TEXT("which", "Which", 0),
    };
    struct writer writer = {.recording = recording};
    medic_stack_tree *tree = make_tree(recording, is_shown);
    struct end *ends;

    writer.nodes = recording->trees->nodes(tree, &writer.count);
    if (!writer.nodes || !writer.count)
        return;
    ends = find_ends(recording, writer.nodes, writer.count, &writer.end_count);
    writer.ends = ends;
    writer.rows = calloc(writer.count, sizeof *writer.rows);
    if (ends && writer.rows) {
        writer.section = SECTION(recording, MEDIC_TREE, "merged", "Stacks, merged from the root", NULL, columns);
        tree_rows(&writer);
        recording->document->total_rows(writer.section, writer.count - 1 + folded_rows(&writer));
    }
    free(ends);
    free(writer.rows);
}

/* --- every stack --- */

static int has_stack(const struct thread *thread)
{
    return thread->count != 0;
}

static void write_stacks(const struct recording *recording)
{
    medic_tree_section section = {
        .size = sizeof section, .unit = MEDIC_UNIT_COUNT, .id = "stacks", .title = "Stacks", .weight = "Threads"};

    recording->trees->stacks(make_tree(recording, has_stack), &section);
}

void write_merged(const struct recording *recording)
{
    write_tree(recording);
    write_stacks(recording);
}
