/* A stack tree as sections of a document. */
#include "tool/stack_tree_parts.h"

#include "tool/buffer.h"
#include "tool/frame_code.h"

#include <stdlib.h>
#include <string.h>

#define CHAIN_NAMES 6                      /* of a folded chain that are told */
#define STACK_FRAMES_MAX ((size_t)2000000) /* of all stacks of a section together */

static medic_tree_section known_part(const medic_tree_section *given)
{
    medic_tree_section known;
    memset(&known, 0, sizeof known);
    memcpy(&known, given, given->size < sizeof known ? given->size : sizeof known);
    if (!(known.smallest > 0))
        known.smallest = 0;
    if (!known.weight)
        known.weight = "weight";
    return known;
}

static medic_cell amount(uint64_t value)
{
    return medic_integer(value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static uint32_t rows_of(const medic_tree_section *section, uint32_t kind)
{
    uint32_t most = document_rows_max(kind);
    return section->rows_max && section->rows_max < most ? section->rows_max : most;
}

/* --- kind tree --- */

/* A row: a chain of nodes, mostly of one. */
struct row {
    uint32_t first, last; /* nodes */
    uint32_t parent;      /* row */
};

struct drawing {
    medic_stack_tree *tree;
    const medic_tree_section *about;
    struct medic_section *section;
    double threshold; /* weight of what is worth telling */
    struct row *heap; /* rows that may come next, the heaviest on top */
    uint32_t heap_count;
    struct buffer text;
};

static bool is_shown(const struct drawing *drawing, uint32_t node)
{
    return (double)drawing->tree->nodes[node].total >= drawing->threshold;
}

/* The child that a node is told together with, or 0. */
static uint32_t folded_into(const struct drawing *drawing, uint32_t n)
{
    const medic_tree_node *nodes = drawing->tree->nodes;
    uint32_t child = nodes[n].first_child;
    if (!(drawing->about->flags & MEDIC_TREE_FOLD) || !child || !is_shown(drawing, child))
        return 0;
    if (nodes[child].next && is_shown(drawing, nodes[child].next))
        return 0;
    uint64_t rest = nodes[n].total - nodes[child].total;
    return rest == 0 || (double)rest < drawing->threshold ? child : 0;
}

static bool is_heavier(const struct drawing *drawing, const struct row *a, const struct row *b)
{
    uint64_t x = drawing->tree->nodes[a->first].total, y = drawing->tree->nodes[b->first].total;
    return x != y ? x > y : a->first < b->first;
}

static void push(struct drawing *drawing, struct row row)
{
    uint32_t at = drawing->heap_count++;
    for (uint32_t up; at && is_heavier(drawing, &row, &drawing->heap[up = (at - 1) / 2]); at = up)
        drawing->heap[at] = drawing->heap[up];
    drawing->heap[at] = row;
}

static struct row pop(struct drawing *drawing)
{
    struct row *heap = drawing->heap, top = heap[0], moved = heap[--drawing->heap_count];
    uint32_t at = 0;
    for (uint32_t child; (child = at * 2 + 1) < drawing->heap_count; at = child) {
        if (child + 1 < drawing->heap_count && is_heavier(drawing, &heap[child + 1], &heap[child]))
            child++;
        if (!is_heavier(drawing, &heap[child], &moved))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
    return top;
}

static void push_children(struct drawing *drawing, uint32_t node, uint32_t row)
{
    const medic_tree_node *nodes = drawing->tree->nodes;
    for (uint32_t n = nodes[node].first_child; n && is_shown(drawing, n); n = nodes[n].next) {
        uint32_t last = n;
        for (uint32_t next; (next = folded_into(drawing, last)) != 0;)
            last = next;
        push(drawing, (struct row){n, last, row});
    }
}

static const medic_frame *frame_of(const medic_stack_tree *tree, uint32_t node)
{
    static const medic_frame NONE = {.function = "?", .module = ""};
    const medic_frame *frame = report_frames_get(tree->frames, tree->nodes[node].frame);
    return frame ? frame : &NONE;
}

/* Of a long chain: its first and its last two, and between them the program's own code, the nearest to the end. */
static bool is_told(const struct drawing *drawing, uint32_t node, uint32_t from_end, bool first, uint32_t *own)
{
    if (first || from_end < 2)
        return true;
    if (frame_of(drawing->tree, node)->code != MEDIC_CODE_USER || *own >= CHAIN_NAMES - 3)
        return false;
    ++*own;
    return true;
}

/* The nodes of a chain that are told, as bits of told (from the end of the chain); the length of the chain. */
static uint32_t choose_names(const struct drawing *drawing, const struct row *row, unsigned char *told, uint32_t room)
{
    uint32_t length = 0, own = 0;
    for (uint32_t n = row->last;; n = drawing->tree->nodes[n].parent) {
        if (length < room)
            told[length] = is_told(drawing, n, length, n == row->first, &own);
        length++;
        if (n == row->first)
            return length;
    }
}

static void put_chain(struct drawing *drawing, const struct row *row)
{
    static unsigned char told[1 << 14]; /* one thread; a deeper chain is told by its end */
    uint32_t length = choose_names(drawing, row, told, sizeof told), position = length;
    bool gap = false;
    buffer_cut(&drawing->text, 0);
    for (uint32_t n = row->first;; n = drawing->tree->nodes[n].first_child) {
        position--;
        bool shown = length <= CHAIN_NAMES || (position < sizeof told ? told[position] : n == row->first);
        if (shown) {
            buffer_add_string(&drawing->text, n == row->first ? "" : gap ? " > ... > " : " > ");
            buffer_add_string(&drawing->text, frame_of(drawing->tree, n)->function);
        }
        gap = !shown;
        if (n == row->last)
            return;
    }
}

/* "Program.cs:12", or the module. */
static void put_location(const medic_frame *frame, struct buffer *out)
{
    buffer_cut(out, 0);
    if (frame->file || strcmp(frame->module, frame->function) != 0) /* a nameless one is called as its module */
        buffer_add_string(out, frame->file ? path_name(frame->file) : frame->module);
    if (frame->file && frame->line)
        buffer_format(out, ":%u", frame->line);
}

static uint32_t put_tree_row(struct drawing *drawing, const struct row *row)
{
    struct buffer location = {0};
    const medic_tree_node *node = &drawing->tree->nodes[row->first];
    double whole = (double)drawing->tree->nodes[0].total;
    put_chain(drawing, row);
    put_location(frame_of(drawing->tree, row->last), &location);
    medic_cell cells[] = {
        medic_string(buffer_get(&drawing->text)), location.size ? medic_string(buffer_get(&location)) : medic_none(),
        medic_number(whole > 0 ? (double)node->total / whole : 0), amount(node->total), amount(node->total_count)};
    if (location.failed || drawing->text.failed)
        tree_fail(drawing->tree);
    uint32_t index = section_row(drawing->section, row->parent, cells, sizeof cells / sizeof *cells);
    buffer_free(&location);
    return index;
}

static struct medic_section *begin_tree(medic_stack_tree *tree, const medic_tree_section *about)
{
    const medic_column columns[] = {
        {"function", "function", MEDIC_STRING, 0, MEDIC_ROLE_LABEL, MEDIC_COLUMN_KEY},
        {"location", "location", MEDIC_STRING, 0, 0, 0},
        {"share", "share", MEDIC_NUMBER, MEDIC_UNIT_RATIO, 0, MEDIC_COLUMN_SHARE},
        {"weight", about->weight, MEDIC_INTEGER, about->unit, MEDIC_ROLE_VALUE, MEDIC_COLUMN_DIFF},
        {"stacks", "stacks", MEDIC_INTEGER, MEDIC_UNIT_COUNT, 0, 0},
    };
    medic_section_info info = {
        .size = sizeof info,
        .kind = MEDIC_TREE,
        .id = about->id,
        .title = about->title,
        .note = about->note,
        .columns = columns,
        .column_size = sizeof *columns,
        .column_count = sizeof columns / sizeof *columns,
    };
    return document_section(tree->document, &info);
}

/* How many rows it would be if nothing were left out. */
static uint32_t all_rows(const medic_stack_tree *tree, const medic_tree_section *about)
{
    uint32_t rows = 0;
    for (uint32_t i = 1; i < tree->node_count; i++) {
        uint32_t child = tree->nodes[i].first_child;
        bool folded = (about->flags & MEDIC_TREE_FOLD) && child && !tree->nodes[child].next &&
                      tree->nodes[i].total == tree->nodes[child].total;
        rows += !folded;
    }
    return rows;
}

void stack_tree_section(medic_stack_tree *tree, const medic_tree_section *given)
{
    medic_tree_section about = known_part(given);
    uint32_t count;
    stack_tree_nodes(tree, &count);
    if (tree->failed)
        return;
    struct drawing drawing = {.tree = tree, .about = &about, .section = begin_tree(tree, &about)};
    drawing.threshold = about.smallest * (double)tree->nodes[0].total;
    drawing.heap = malloc(count * sizeof *drawing.heap);
    if (!drawing.heap) {
        tree_fail(tree);
        return;
    }
    push_children(&drawing, 0, MEDIC_NO_PARENT);
    uint32_t most = rows_of(&about, MEDIC_TREE);
    for (uint32_t rows = 0; rows < most && drawing.heap_count; rows++) {
        struct row row = pop(&drawing);
        push_children(&drawing, row.last, put_tree_row(&drawing, &row));
    }
    section_total_rows(drawing.section, all_rows(tree, &about));
    buffer_free(&drawing.text);
    free(drawing.heap);
}

/* --- kind stacks --- */

struct listing {
    medic_stack_tree *tree;
    struct medic_section *section;
    uint32_t *index; /* frame id -> frame of the section plus 1 */
    uint32_t *path;  /* of one stack */
    size_t frames;   /* written so far */
};

struct ending {
    uint32_t node;
    uint64_t self;
};

static int by_weight(const void *a, const void *b)
{
    const struct ending *x = a, *y = b;
    if (x->self != y->self)
        return x->self > y->self ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

/* Nodes in which stacks end, the heaviest first. NULL: no memory. */
static struct ending *find_endings(const medic_stack_tree *tree, uint32_t *count)
{
    struct ending *endings = malloc(tree->node_count * sizeof *endings);
    *count = 0;
    for (uint32_t i = 1; endings && i < tree->node_count; i++)
        if (tree->nodes[i].self || tree->nodes[i].self_count)
            endings[(*count)++] = (struct ending){i, tree->nodes[i].self};
    if (endings)
        qsort(endings, *count, sizeof *endings, by_weight);
    return endings;
}

static uint32_t depth_of(const medic_stack_tree *tree, uint32_t node)
{
    uint32_t depth = 0;
    for (; node; node = tree->nodes[node].parent)
        depth++;
    return depth;
}

static uint32_t frame_index(struct listing *listing, uint32_t node)
{
    uint32_t *known = &listing->index[listing->tree->nodes[node].frame];
    if (!*known) {
        const medic_frame *frame = frame_of(listing->tree, node);
        *known = section_frame(listing->section, frame->function, frame->module, frame->file, frame->line) + 1;
    }
    return *known - 1;
}

/* Whether it still fits into what a document holds. */
static bool put_stack(struct listing *listing, uint32_t node)
{
    uint32_t depth = depth_of(listing->tree, node), at = depth;
    listing->frames += depth;
    if (listing->frames > STACK_FRAMES_MAX || listing->section->frame_count + depth > DOCUMENT_FRAMES_MAX)
        return false;
    for (uint32_t n = node; n; n = listing->tree->nodes[n].parent)
        listing->path[--at] = frame_index(listing, n);
    const medic_tree_node *end = &listing->tree->nodes[node];
    medic_cell cells[] = {amount(end->self), amount(end->self_count)};
    section_row_stack(listing->section, listing->path, depth, cells, 2);
    return true;
}

static struct medic_section *begin_stacks(medic_stack_tree *tree, const medic_tree_section *about)
{
    const medic_column columns[] = {
        {"weight", about->weight, MEDIC_INTEGER, about->unit, MEDIC_ROLE_VALUE, MEDIC_COLUMN_DIFF},
        {"stacks", "stacks", MEDIC_INTEGER, MEDIC_UNIT_COUNT, 0, 0},
    };
    medic_section_info info = {
        .size = sizeof info,
        .kind = MEDIC_STACKS,
        .id = about->id,
        .title = about->title,
        .note = about->note,
        .columns = columns,
        .column_size = sizeof *columns,
        .column_count = sizeof columns / sizeof *columns,
        .flags = MEDIC_SECTION_DETAIL,
    };
    return document_section(tree->document, &info);
}

void stack_tree_stacks(medic_stack_tree *tree, const medic_tree_section *given)
{
    medic_tree_section about = known_part(given);
    uint32_t count;
    stack_tree_nodes(tree, &count);
    if (tree->failed)
        return;
    struct listing listing = {.tree = tree, .section = begin_stacks(tree, &about)};
    struct ending *endings = find_endings(tree, &count);
    listing.index = calloc((size_t)report_frames_count(tree->frames) + 1, sizeof *listing.index);
    listing.path = malloc((size_t)tree->node_count * sizeof *listing.path);
    if (endings && listing.index && listing.path) {
        uint32_t most = rows_of(&about, MEDIC_STACKS);
        double threshold = about.smallest * (double)tree->nodes[0].total;
        for (uint32_t i = 0; i < count && i < most; i++)
            if ((double)endings[i].self < threshold || !put_stack(&listing, endings[i].node))
                break;
        section_total_rows(listing.section, count);
    } else {
        tree_fail(tree);
    }
    free(endings);
    free(listing.index);
    free(listing.path);
}
