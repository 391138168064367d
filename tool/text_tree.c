/* Trees in box characters: sections of kind tree, and stacks (merged from the root).
 *
 * Numbers stand left, the tree right, where it may be as long as the line. An only child stands straight below its parent,
 * without an indent of its own, so that a deep chain does not march off the page. */
#include "tool/text_page.h"

#include "tool/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define NONE UINT32_MAX
#define LABEL_LEAST 24
/* Of a chain longer than CHAIN_MOST, so many lines of its beginning and end are shown. */
#define CHAIN_MOST 14
#define CHAIN_HEAD 3
#define CHAIN_TAIL 8

struct node {
    uint32_t parent, first, last, next; /* NONE = none */
    uint32_t children;
    uint32_t hidden; /* children that are not shown */
    uint32_t row;    /* of the section; stacks: the frame */
    bool shown;
    bool folded; /* within a long chain: counted, not drawn */
    double weight;
};

struct tree {
    struct page *page;
    const struct medic_section *section;
    struct node *nodes;
    uint32_t count;
    uint32_t root; /* first root */
    uint32_t roots;
    struct table table; /* the numbers at the left */
    uint32_t sources[DOCUMENT_COLUMNS_MAX];
    double total;
    void (*label)(struct tree *tree, uint32_t node, size_t width);
};

/* --- drawing --- */

/* Whether a node hangs at a branch: its siblings, or other roots, are there too. */
static bool branches(const struct tree *tree, uint32_t n)
{
    uint32_t parent = tree->nodes[n].parent;
    return parent == NONE ? tree->roots > 1 : tree->nodes[parent].children > 1;
}

static uint32_t next_shown(const struct tree *tree, uint32_t n)
{
    for (n = tree->nodes[n].next; n != NONE && !tree->nodes[n].shown;)
        n = tree->nodes[n].next;
    return n;
}

/* Whether something is drawn below a node at its own level. */
static bool goes_on(const struct tree *tree, uint32_t n)
{
    uint32_t parent = tree->nodes[n].parent;
    return next_shown(tree, n) != NONE || (parent != NONE && tree->nodes[parent].hidden);
}

/* The lines that pass a node (and, for its own line, the fork that leads to it); the innermost that fit into the page.
 * Returns the cells. */
static size_t put_prefix(struct tree *tree, uint32_t node, bool own_fork)
{
    struct page *page = tree->page;
    const char *pieces[256];
    size_t count = 0, most = page->width / 3 / 3;
    bool cut = false;
    for (uint32_t n = node; n != NONE; n = tree->nodes[n].parent) {
        if (!branches(tree, n))
            continue;
        if (count == most || count == sizeof pieces / sizeof *pieces) {
            cut = true;
            break;
        }
        bool more = goes_on(tree, n);
        if (n == node && own_fork)
            pieces[count++] = more ? page_pick(page, "\u251c\u2500 ", "|- ") : page_pick(page, "\u2514\u2500 ", "`- ");
        else
            pieces[count++] = more ? page_pick(page, "\u2502  ", "|  ") : "   ";
    }
    page_style(page, STYLE_DIM);
    if (cut)
        page_add(page, page_pick(page, "\u2026  ", "~  "));
    for (size_t i = count; i > 0; i--)
        page_add(page, pieces[i - 1]);
    page_style(page, STYLE_PLAIN);
    return (count + cut) * 3;
}

/* The blank left part of a line without numbers. */
static size_t begin_note(struct tree *tree)
{
    size_t left = PAGE_INDENT + (tree->table.column_count ? table_width(&tree->table) + 2 : 0);
    page_pad(tree->page, left);
    return left;
}

static void end_note(struct tree *tree, size_t used, const char *note)
{
    struct page *page = tree->page;
    page_style(page, STYLE_DIM);
    page_put(page, note, page->width > used ? page->width - used : 1);
    page_style(page, STYLE_PLAIN);
    page_end(page);
}

static void put_hidden(struct tree *tree, uint32_t parent)
{
    struct page *page = tree->page;
    struct formatted number;
    char note[80];
    size_t used = begin_note(tree);
    used += put_prefix(tree, parent, false);
    format_value(tree->nodes[parent].hidden, MEDIC_UNIT_COUNT, page->ascii, &number);
    snprintf(note, sizeof note, "%s%s %s more",
             tree->nodes[parent].children > 1 ? page_pick(page, "\u2514\u2500 ", "`- ") : "",
             page_pick(page, "\u2026", "..."), number.number);
    end_note(tree, used, note);
}

static void put_folded(struct tree *tree, uint32_t node, uint32_t count)
{
    char note[80];
    size_t used = begin_note(tree);
    used += put_prefix(tree, node, false);
    snprintf(note, sizeof note, "%s %u more in between", page_pick(tree->page, "\u22ee", ":"), count);
    end_note(tree, used, note);
}

static void put_node(struct tree *tree, uint32_t node)
{
    struct page *page = tree->page;
    table_row(page, &tree->table, node, true);
    size_t used = PAGE_INDENT + (tree->table.column_count ? table_width(&tree->table) + 2 : 0);
    used += put_prefix(tree, node, true);
    tree->label(tree, node, page->width > used + 8 ? page->width - used : 8);
    page_end(page);
}

static uint32_t first_shown(const struct tree *tree, uint32_t n)
{
    uint32_t child = tree->nodes[n].first;
    return child == NONE || tree->nodes[child].shown ? child : next_shown(tree, child);
}

/* The node behind n in the order of lines; says on the way what was left out. */
static uint32_t advance(struct tree *tree, uint32_t n)
{
    uint32_t child = first_shown(tree, n);
    if (child != NONE)
        return child;
    if (tree->nodes[n].hidden)
        put_hidden(tree, n);
    for (; n != NONE; n = tree->nodes[n].parent) {
        uint32_t sibling = next_shown(tree, n), parent = tree->nodes[n].parent;
        if (sibling != NONE)
            return sibling;
        if (parent != NONE && tree->nodes[parent].hidden)
            put_hidden(tree, parent);
    }
    return NONE;
}

static void draw(struct tree *tree)
{
    uint32_t folded = 0, n = tree->root;
    while (n != NONE && !tree->nodes[n].shown)
        n = tree->nodes[n].next;
    for (; n != NONE; n = advance(tree, n)) {
        if (tree->nodes[n].folded) {
            folded++;
            continue;
        }
        if (folded)
            put_folded(tree, n, folded);
        folded = 0;
        put_node(tree, n);
    }
}

/* --- building --- */

static void init_node(struct node *node, uint32_t parent, uint32_t row)
{
    *node = (struct node){.parent = parent, .first = NONE, .last = NONE, .next = NONE, .row = row};
}

static void link_node(struct tree *tree, uint32_t n, uint32_t *last_root)
{
    struct node *nodes = tree->nodes;
    uint32_t parent = nodes[n].parent;
    uint32_t *last = parent == NONE ? last_root : &nodes[parent].last;
    if (*last != NONE)
        nodes[*last].next = n;
    else if (parent == NONE)
        tree->root = n;
    else
        nodes[parent].first = n;
    *last = n;
    if (parent == NONE)
        tree->roots++;
    else
        nodes[parent].children++;
}

static void count_hidden(struct tree *tree)
{
    for (uint32_t i = 0; i < tree->count; i++)
        if (!tree->nodes[i].shown && tree->nodes[i].parent != NONE)
            tree->nodes[tree->nodes[i].parent].hidden++;
}

/* Only numbers that say something fit at the left: the last columns go first. */
static void lay_out(struct tree *tree)
{
    size_t room =
        tree->page->width > LABEL_LEAST + 2 * PAGE_INDENT ? tree->page->width - LABEL_LEAST - 2 * PAGE_INDENT : 1;
    size_t most = tree->page->width / 2 > room ? room : tree->page->width / 2;
    tree->table.modest = true;
    while (tree->table.column_count && !table_layout(tree->page, &tree->table, most))
        tree->table.column_count--;
}

/* --- kind tree --- */

static medic_cell tree_cell(const void *context, uint32_t node, uint32_t column)
{
    const struct tree *tree = context;
    return *section_cell(tree->section, tree->nodes[node].row, tree->sources[column]);
}

static void put_detail(struct page *page, const char *text, size_t *left)
{
    if (!text || !*text || *left < 6)
        return;
    page_style(page, STYLE_DIM);
    page_add(page, "  ");
    size_t used = 2 + page_put(page, text, *left - 2);
    page_style(page, STYLE_PLAIN);
    *left = *left > used ? *left - used : 0;
}

static void tree_label(struct tree *tree, uint32_t node, size_t width)
{
    const struct medic_section *section = tree->section;
    int label = label_column(section);
    uint32_t row = tree->nodes[node].row;
    const medic_cell *cell = label >= 0 ? section_cell(section, row, (uint32_t)label) : NULL;
    size_t left = width - page_put(tree->page, cell && cell->type == MEDIC_STRING ? cell->as.string : "?", width);
    for (uint32_t i = 0; i < section->column_count; i++) {
        cell = section_cell(section, row, i);
        if (cell->type == MEDIC_STRING && (int)i != label)
            put_detail(tree->page, cell->as.string, &left);
    }
}

static void tree_numbers(struct tree *tree)
{
    struct table all;
    table_of(&all, tree->section, tree->count);
    tree->table = all;
    tree->table.column_count = 0;
    for (uint32_t i = 0; i < all.column_count; i++) {
        if (all.columns[i].type == MEDIC_STRING)
            continue;
        tree->sources[tree->table.column_count] = i;
        tree->table.columns[tree->table.column_count++] = all.columns[i];
    }
    tree->table.cell = tree_cell;
    tree->table.context = tree;
}

static const char *label_title(const struct medic_section *section)
{
    int label = label_column(section);
    return label >= 0 ? section->columns[label].title : "";
}

void text_section_tree(struct page *page, const struct medic_section *section)
{
    struct tree tree = {.page = page, .section = section, .root = NONE, .label = tree_label};
    uint32_t last_root = NONE;
    tree.nodes = calloc(section->row_count ? section->row_count : 1, sizeof *tree.nodes);
    if (!tree.nodes) {
        page->out.failed = 1;
        return;
    }
    tree.count = section->row_count;
    for (uint32_t i = 0; i < tree.count; i++) {
        init_node(&tree.nodes[i], section->parents[i] == MEDIC_NO_PARENT ? NONE : section->parents[i], i);
        tree.nodes[i].shown = i < page->top; /* parents come before their children */
        link_node(&tree, i, &last_root);
    }
    count_hidden(&tree);
    uint32_t shown = page_rows(page, section);
    tree.count = shown; /* measure what is shown */
    tree_numbers(&tree);
    lay_out(&tree);
    if (shown)
        table_header(page, &tree.table, label_title(section));
    draw(&tree);
    page_footer(page, shown, section->total_rows, "rows");
    free(tree.nodes);
}

/* --- kind stacks --- */

/* Finds a merged node by its parent and function. */
struct merge_key {
    uint32_t parent;
    uint32_t frame; /* the first one with the same texts */
};

struct merge {
    struct merge_key key;
    uint32_t node;
    UT_hash_handle hh;
};

struct same_frame {
    const char *text; /* function, module and file in one */
    uint32_t frame;
    UT_hash_handle hh;
};

struct merger {
    struct tree *tree;
    struct arena arena;
    struct merge *merges;
    struct same_frame *frames;
    uint32_t *canonical; /* per frame */
    size_t capacity;
    uint32_t last_root;
    int weight; /* the column, or -1: every row counts one */
};

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

/* Lines of one function are one line of the tree, as they are one function to the reader. */
static int find_same_frames(struct merger *merger)
{
    const struct medic_section *section = merger->tree->section;
    merger->canonical = arena_alloc(&merger->arena, (size_t)section->frame_count * sizeof *merger->canonical);
    if (!merger->canonical)
        return -1;
    for (uint32_t i = 0; i < section->frame_count; i++) {
        const struct document_frame *frame = &section->frames[i];
        struct buffer text = {0};
        struct same_frame *same = NULL;
        buffer_format(&text, "%s\n%s\n%s", frame->function, frame->module ? frame->module : "",
                      frame->file ? frame->file : "");
        if (text.failed)
            return -1;
        HASH_FIND(hh, merger->frames, text.bytes, text.size, same);
        if (!same && (same = arena_alloc(&merger->arena, sizeof *same + text.size + 1)) != NULL) {
            char *key = memcpy(same + 1, text.bytes, text.size + 1);
            same->text = key;
            same->frame = i;
            HASH_ADD_KEYPTR(hh, merger->frames, key, text.size, same);
        }
        buffer_free(&text);
        if (!same || !same->hh.tbl)
            return -1;
        merger->canonical[i] = same->frame;
    }
    return 0;
}

static uint32_t merged_child(struct merger *merger, uint32_t parent, uint32_t frame)
{
    struct tree *tree = merger->tree;
    struct merge_key key = {parent, merger->canonical[frame]};
    struct merge *merge = NULL;
    HASH_FIND(hh, merger->merges, &key, sizeof key, merge);
    if (merge)
        return merge->node;
    merge = arena_alloc(&merger->arena, sizeof *merge);
    if (!merge || arena_grow(&merger->arena, (void **)&tree->nodes, &merger->capacity, (size_t)tree->count + 1,
                             sizeof *tree->nodes))
        return NONE;
    merge->key = key;
    merge->node = tree->count++;
    HASH_ADD(hh, merger->merges, key, sizeof merge->key, merge);
    if (!merge->hh.tbl)
        return NONE;
    init_node(&tree->nodes[merge->node], parent, frame);
    link_node(tree, merge->node, &merger->last_root);
    return merge->node;
}

static int merge_row(struct merger *merger, uint32_t row)
{
    struct tree *tree = merger->tree;
    const struct document_stack *stack = &tree->section->stacks[row];
    double weight = 1;
    if (merger->weight >= 0 && !cell_value(section_cell(tree->section, row, (uint32_t)merger->weight), &weight))
        weight = 0;
    tree->total += weight;
    uint32_t node = NONE;
    for (uint32_t i = 0; i < stack->count; i++) {
        node = merged_child(merger, node, stack->frames[i]);
        if (node == NONE)
            return -1;
        tree->nodes[node].weight += weight;
        tree->nodes[node].shown |= row < tree->page->top;
    }
    return 0;
}

static int build_stacks(struct merger *merger)
{
    merger->arena.limit = DOCUMENT_BYTES_MAX;
    if (find_same_frames(merger))
        return -1;
    for (uint32_t row = 0; row < merger->tree->section->row_count; row++)
        if (merge_row(merger, row))
            return -1;
    return 0;
}

/* Children of every node heaviest first, ties as they came. */
static void sort_children(struct tree *tree, uint32_t *first)
{
    uint32_t sorted = NONE;
    for (uint32_t n = *first, next; n != NONE; n = next) {
        next = tree->nodes[n].next;
        uint32_t *at = &sorted;
        while (*at != NONE && tree->nodes[*at].weight >= tree->nodes[n].weight)
            at = &tree->nodes[*at].next;
        tree->nodes[n].next = *at;
        *at = n;
    }
    *first = sorted;
}

static void fold_chain(struct tree *tree, uint32_t first)
{
    uint32_t length = 1, n = first;
    while (tree->nodes[n].children == 1 && tree->nodes[tree->nodes[n].first].weight == tree->nodes[first].weight) {
        n = tree->nodes[n].first;
        length++;
    }
    if (length <= CHAIN_MOST)
        return;
    n = first;
    for (uint32_t i = 0; i < length; i++, n = tree->nodes[n].first)
        tree->nodes[n].folded = i >= CHAIN_HEAD && i < length - CHAIN_TAIL;
}

static void fold_chains(struct tree *tree)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        uint32_t parent = tree->nodes[i].parent;
        bool begins =
            parent == NONE || tree->nodes[parent].children != 1 || tree->nodes[parent].weight != tree->nodes[i].weight;
        if (begins && tree->page->top != UINT32_MAX)
            fold_chain(tree, i);
    }
}

static medic_cell stack_cell(const void *context, uint32_t node, uint32_t column)
{
    const struct tree *tree = context;
    double weight = tree->nodes[node].weight;
    if (column == 1)
        return medic_number(tree->total > 0 ? weight / tree->total : 0);
    return medic_number(weight);
}

static void stack_label(struct tree *tree, uint32_t node, size_t width)
{
    const struct document_frame *frame = &tree->section->frames[tree->nodes[node].row];
    size_t left = width - page_put(tree->page, frame->function, width);
    if (!frame->file) {
        put_detail(tree->page, frame->module, &left);
        return;
    }
    struct buffer place = {0};
    const char *slash = strrchr(frame->file, '/');
    buffer_add_string(&place, slash ? slash + 1 : frame->file);
    if (frame->line)
        buffer_format(&place, ":%u", frame->line);
    put_detail(tree->page, buffer_get(&place), &left);
    buffer_free(&place);
}

static void stack_columns(struct tree *tree, int weight)
{
    tree->table.cell = stack_cell;
    tree->table.context = tree;
    tree->table.column_count = 2;
    tree->table.columns[0] =
        (struct table_column){.title = weight < 0 ? "stacks" : tree->section->columns[weight].title,
                              .type = MEDIC_NUMBER,
                              .unit = weight < 0 ? MEDIC_UNIT_COUNT : tree->section->columns[weight].unit};
    tree->table.columns[1] =
        (struct table_column){.title = "share", .type = MEDIC_NUMBER, .unit = MEDIC_UNIT_RATIO, .bar = true};
    tree->table.row_count = tree->count;
}

void text_section_stacks(struct page *page, const struct medic_section *section)
{
    struct tree tree = {.page = page, .section = section, .root = NONE, .label = stack_label};
    struct merger merger = {.tree = &tree, .last_root = NONE, .weight = weight_column(section)};
    if (build_stacks(&merger)) {
        page->out.failed = 1;
    } else {
        sort_children(&tree, &tree.root);
        for (uint32_t i = 0; i < tree.count; i++)
            sort_children(&tree, &tree.nodes[i].first);
        count_hidden(&tree);
        fold_chains(&tree);
        stack_columns(&tree, merger.weight);
        lay_out(&tree);
        if (tree.count)
            table_header(page, &tree.table, "stack, from the root");
        draw(&tree);
        page_footer(page, page_rows(page, section), section->total_rows, "stacks");
    }
    HASH_CLEAR(hh, merger.merges);
    HASH_CLEAR(hh, merger.frames);
    arena_free(&merger.arena);
}
