/* The stacks merged from the root, with the threads that end in each place. */
#include "sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 2000u
#define CHAIN_SHORT 3u
#define METHODS_MAX 512

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

/* The last node of the chain that begins in one: no stack ends on the way, and none branches off. */
static uint32_t chain_end(const struct writer *writer, uint32_t node)
{
    const medic_tree_node *nodes = writer->nodes;

    while (!nodes[node].self && nodes[node].first_child && nodes[node].first_child < writer->count &&
           !nodes[nodes[node].first_child].next)
        node = nodes[node].first_child;
    return node;
}

/* Of a chain all methods when they are few; else the first and the last, and between them the program's own and what they
 * call. */
static void name_chain(const struct writer *writer, uint32_t first, uint32_t last, struct medic_text *text)
{
    uint32_t length = 1;
    int gap = 0, own = 0;

    for (uint32_t node = first; node != last; node = writer->nodes[node].first_child)
        length++;
    for (uint32_t node = first;; node = writer->nodes[node].first_child) {
        const medic_frame *frame = frame_of(writer->recording, writer->nodes[node].frame);
        int told = length <= CHAIN_SHORT || node == first || node == last || own || frame->code == MEDIC_CODE_USER;
        if (told)
            medic_add(text, "%s%s",
                      node == first ? ""
                      : gap         ? " > … > "
                                    : " > ",
                      medic_without_namespace(frame->function));
        gap = !told;
        own = frame->code == MEDIC_CODE_USER;
        if (node == last)
            return;
    }
}

static uint32_t tree_row(const struct writer *writer, uint32_t first, uint32_t last)
{
    const struct recording *recording = writer->recording;
    const medic_frame *frame = frame_of(recording, writer->nodes[last].frame);
    uint32_t parent = writer->nodes[first].parent;
    char location[MEDIC_LOCATION_MAX], names[NAMES_MAX], methods[METHODS_MAX] = "";
    struct medic_text text = {methods, sizeof methods};

    name_chain(writer, first, last, &text);
    medic_cell cells[] = {
        medic_string(methods),
        medic_whole(writer->nodes[first].total),
        medic_string(names_at(recording, writer->ends, writer->end_count, last, names)),
        medic_string(frame->code == MEDIC_CODE_USER ? medic_frame_location(frame, location) : NULL),
    };
    return recording->document->row(writer->section, parent ? writer->rows[parent] : MEDIC_NO_PARENT, cells,
                                    MEDIC_COUNT_OF(cells));
}

/* Depth first, without recursion: stacks are deep. Returns the rows written. */
static uint32_t tree_rows(const struct writer *writer)
{
    uint32_t node = writer->nodes[0].first_child, written = 0;

    while (node && node < writer->count && written < ROWS_MAX) {
        uint32_t last = chain_end(writer, node);
        writer->rows[last] = tree_row(writer, node, last);
        written++;
        node = last;
        if (writer->nodes[node].first_child) {
            node = writer->nodes[node].first_child;
            continue;
        }
        while (node && !writer->nodes[node].next)
            node = writer->nodes[node].parent;
        node = node ? writer->nodes[node].next : 0;
    }
    return written;
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
        medic_cell cells[] = {medic_string(folded[i].name), medic_whole(recording->facts.states[folded[i].wait]),
                              medic_none(), medic_none()};
        if (!recording->facts.states[folded[i].wait])
            continue;
        MEDIC_ROW(recording, writer->section, cells);
        rows++;
    }
    return rows;
}

void write_merged(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("function", "Method", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("threads", "Threads", MEDIC_COLUMN_DIFF),
        MEDIC_TEXT_COLUMN("which", "Which", 0),
        MEDIC_TEXT_COLUMN("line", "Line", 0),
    };
    struct writer writer = {.recording = recording};
    medic_stack_tree *tree = make_tree(recording, is_shown);
    struct end *ends;
    uint32_t rows;

    writer.nodes = recording->trees->nodes(tree, &writer.count);
    if (!writer.nodes || !writer.count)
        return;
    ends = find_ends(recording, writer.nodes, writer.count, &writer.end_count);
    writer.ends = ends;
    writer.rows = calloc(writer.count, sizeof *writer.rows);
    if (ends && writer.rows) {
        writer.section = MEDIC_OPEN(recording, MEDIC_TREE, "merged", "Stacks, merged from the root", NULL, columns);
        rows = tree_rows(&writer);
        rows += folded_rows(&writer);
        recording->document->total_rows(writer.section, rows);
    }
    free(ends);
    free(writer.rows);
}

/* --- every stack --- */

static int has_stack(const struct thread *thread)
{
    return thread->count != 0;
}

void write_stacks(const struct recording *recording)
{
    medic_tree_section section = {
        .size = sizeof section, .unit = MEDIC_UNIT_COUNT, .id = "stacks", .title = "Stacks", .weight = "Threads"};

    recording->trees->stacks(make_tree(recording, has_stack), &section);
}
