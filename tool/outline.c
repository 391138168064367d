#include "tool/outline.h"

#include "tool/format.h"

#include <stdlib.h>
#include <string.h>

#define NONE OUTLINE_NONE

uint32_t outline_shown(const struct outline *outline, uint32_t node)
{
    while (node != NONE && !outline->nodes[node].shown)
        node = outline->nodes[node].next;
    return node;
}

uint32_t outline_only_child(const struct outline *outline, uint32_t node)
{
    return outline->nodes[node].children == 1 ? outline_shown(outline, outline->nodes[node].first) : NONE;
}

void outline_free(struct outline *outline)
{
    free(outline->nodes);
    memset(outline, 0, sizeof *outline);
}

static int allocate(struct outline *outline, size_t nodes)
{
    memset(outline, 0, sizeof *outline);
    outline->root = NONE;
    outline->weight = -1;
    outline->nodes = calloc(nodes ? nodes : 1, sizeof *outline->nodes);
    return outline->nodes ? 0 : -1;
}

static uint32_t add_node(struct outline *outline, uint32_t parent, uint32_t row)
{
    outline->nodes[outline->count] = (struct outline_node){.parent = parent, .first = NONE, .next = NONE, .row = row};
    return outline->count++;
}

/* Puts a node before its siblings. */
static void link_node(struct outline *outline, uint32_t n)
{
    struct outline_node *node = &outline->nodes[n];
    uint32_t *first = node->parent == NONE ? &outline->root : &outline->nodes[node->parent].first;
    node->next = *first;
    *first = n;
    if (node->parent != NONE)
        outline->nodes[node->parent].children++;
    else
        outline->roots++;
    if (node->shown)
        return;
    if (node->parent != NONE)
        outline->nodes[node->parent].hidden++;
    else
        outline->hidden++;
}

int outline_of_tree(struct outline *outline, const struct medic_section *section, uint32_t top)
{
    if (allocate(outline, section->row_count))
        return -1;
    for (uint32_t row = 0; row < section->row_count; row++) {
        uint32_t parent = section->parents ? section->parents[row] : MEDIC_NO_PARENT;
        uint32_t node = add_node(outline, parent == MEDIC_NO_PARENT ? NONE : parent, row);
        outline->nodes[node].shown = row < top; /* parents come before their children */
    }
    for (uint32_t node = outline->count; node-- > 0;)
        link_node(outline, node);
    return 0;
}

/* --- stacks --- */

struct merger {
    const struct medic_section *section;
    uint32_t *order;     /* of frames, and then of rows */
    uint32_t *canonical; /* per frame: the same for frames that are one function to a reader */
};

static int compare_texts(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

/* Lambdas of one method share its name: those on other lines are others, as far as a name and a line can tell. */
static uint32_t line_of_nameless(const struct document_frame *frame)
{
    size_t length = frame->function ? strlen(frame->function) : 0;
    return length >= 7 && strcmp(frame->function + length - 7, "lambda)") == 0 ? frame->line : 0;
}

static int compare_frames(const void *a, const void *b, void *context)
{
    const struct medic_section *section = context;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    const struct document_frame *one = &section->frames[i], *two = &section->frames[j];
    int order = compare_texts(one->function, two->function);
    order = order ? order : compare_texts(one->module, two->module);
    order = order ? order : compare_texts(one->file, two->file);
    if (!order && line_of_nameless(one) != line_of_nameless(two))
        return line_of_nameless(one) < line_of_nameless(two) ? -1 : 1;
    return order ? order : i < j ? -1 : i > j;
}

static bool same_function(const struct document_frame *one, const struct document_frame *two)
{
    return compare_texts(one->function, two->function) == 0 && compare_texts(one->module, two->module) == 0 &&
           compare_texts(one->file, two->file) == 0 && line_of_nameless(one) == line_of_nameless(two);
}

static void find_same_frames(struct merger *merger)
{
    const struct medic_section *section = merger->section;
    for (uint32_t i = 0; i < section->frame_count; i++)
        merger->order[i] = i;
    qsort_r(merger->order, section->frame_count, sizeof *merger->order, compare_frames, (void *)(uintptr_t)section);
    for (uint32_t i = 0, first = 0; i < section->frame_count; i++) {
        if (!same_function(&section->frames[merger->order[first]], &section->frames[merger->order[i]]))
            first = i;
        merger->canonical[merger->order[i]] = merger->order[first];
    }
}

static uint32_t frame_at(const struct merger *merger, uint32_t row, uint32_t depth)
{
    return merger->canonical[merger->section->stacks[row].frames[depth]];
}

static uint32_t common_depth(const struct merger *merger, uint32_t one, uint32_t two)
{
    const struct document_stack *stacks = merger->section->stacks;
    uint32_t depth = 0, most = stacks[one].count < stacks[two].count ? stacks[one].count : stacks[two].count;
    while (depth < most && frame_at(merger, one, depth) == frame_at(merger, two, depth))
        depth++;
    return depth;
}

static int compare_rows(const void *a, const void *b, void *context)
{
    const struct merger *merger = context;
    const struct document_stack *stacks = merger->section->stacks;
    uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b, depth = common_depth(merger, one, two);
    if (depth == stacks[one].count || depth == stacks[two].count)
        return stacks[one].count != stacks[two].count ? (stacks[one].count < stacks[two].count ? -1 : 1)
               : one < two                            ? -1
                                                      : one > two;
    return frame_at(merger, one, depth) < frame_at(merger, two, depth) ? -1 : 1;
}

static int weight_column(const struct medic_section *section)
{
    int value = section_role(section, MEDIC_ROLE_VALUE);
    for (uint32_t i = 0; i < section->column_count && value < 0; i++) {
        uint32_t type = section->columns[i].type;
        if ((type == MEDIC_INTEGER || type == MEDIC_NUMBER) && section->columns[i].unit != MEDIC_UNIT_RATIO)
            value = (int)i;
    }
    return value;
}

static double weight_of(const struct outline *outline, const struct medic_section *section, uint32_t row)
{
    double weight = 1;
    if (outline->weight >= 0 && !cell_value(section_cell(section, row, (uint32_t)outline->weight), &weight))
        weight = 0;
    return weight;
}

/* Rows in the order of their stacks: each shares the path of the one before as far as both agree. */
static void merge_rows(struct outline *outline, const struct merger *merger, uint32_t top, uint32_t *path)
{
    const struct medic_section *section = merger->section;
    for (uint32_t i = 0; i < section->row_count; i++) {
        uint32_t row = merger->order[i], shared = i ? common_depth(merger, merger->order[i - 1], row) : 0;
        double weight = weight_of(outline, section, row);
        outline->total += weight;
        for (uint32_t depth = 0; depth < section->stacks[row].count; depth++) {
            if (depth >= shared)
                path[depth] = add_node(outline, depth ? path[depth - 1] : NONE, frame_at(merger, row, depth));
            outline->nodes[path[depth]].weight += weight;
            outline->nodes[path[depth]].shown |= row < top;
        }
    }
}

static int compare_weights(const void *a, const void *b, void *context)
{
    const struct outline_node *nodes = context;
    uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b;
    if (nodes[one].weight < nodes[two].weight || nodes[one].weight > nodes[two].weight)
        return nodes[one].weight < nodes[two].weight ? -1 : 1;
    return nodes[one].row > nodes[two].row ? -1 : nodes[one].row < nodes[two].row; /* ties as they came */
}

static int link_by_weight(struct outline *outline)
{
    uint32_t *order = calloc(outline->count ? outline->count : 1, sizeof *order);
    if (!order)
        return -1;
    for (uint32_t i = 0; i < outline->count; i++)
        order[i] = i;
    qsort_r(order, outline->count, sizeof *order, compare_weights, outline->nodes);
    for (uint32_t i = 0; i < outline->count; i++)
        link_node(outline, order[i]);
    free(order);
    return 0;
}

/* Nodes that merge_rows will add: what each stack does not share with the one before. */
static size_t count_nodes(const struct merger *merger)
{
    const struct medic_section *section = merger->section;
    size_t count = 0;
    for (uint32_t i = 0; i < section->row_count; i++) {
        uint32_t row = merger->order[i];
        count += section->stacks[row].count - (i ? common_depth(merger, merger->order[i - 1], row) : 0);
    }
    return count;
}

static int merge(struct outline *outline, struct merger *merger, uint32_t top, uint32_t *path)
{
    find_same_frames(merger);
    for (uint32_t i = 0; i < merger->section->row_count; i++)
        merger->order[i] = i;
    qsort_r(merger->order, merger->section->row_count, sizeof *merger->order, compare_rows, merger);
    if (allocate(outline, count_nodes(merger)))
        return -1;
    outline->weight = weight_column(merger->section);
    merge_rows(outline, merger, top, path);
    return link_by_weight(outline);
}

int outline_of_stacks(struct outline *outline, const struct medic_section *section, uint32_t top)
{
    struct merger merger = {.section = section};
    uint32_t deepest = 0, *path;
    size_t order = section->frame_count > section->row_count ? section->frame_count : section->row_count;
    memset(outline, 0, sizeof *outline);
    for (uint32_t row = 0; row < section->row_count; row++)
        deepest = section->stacks[row].count > deepest ? section->stacks[row].count : deepest;
    merger.order = calloc(order + 1, sizeof *merger.order);
    merger.canonical = calloc((size_t)section->frame_count + 1, sizeof *merger.canonical);
    path = calloc((size_t)deepest + 1, sizeof *path);
    int result = merger.order && merger.canonical && path ? merge(outline, &merger, top, path) : -1;
    free(merger.order);
    free(merger.canonical);
    free(path);
    return result;
}
