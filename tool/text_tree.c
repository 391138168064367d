/* Trees in box characters: sections of kind tree, and stacks (merged from the root).
 *
 * Numbers stand left, the tree right, where it may be as long as the line. An only child stands straight below its parent,
 * without an indent of its own, so that a deep chain does not march off the page. */
#include "tool/text_page.h"

#include "tool/outline.h"

#include <stdlib.h>
#include <string.h>

#define NONE OUTLINE_NONE
#define LABEL_LEAST 24
/* Of a chain longer than CHAIN_MOST, so many lines of its beginning and end are shown. */
#define CHAIN_MOST 14
#define CHAIN_HEAD 3
#define CHAIN_TAIL 8

struct tree {
    struct page *page;
    const struct medic_section *section;
    struct outline outline;
    bool *folded;       /* per node: within a long chain, counted, not drawn; NULL = none is */
    struct table table; /* the numbers at the left */
    uint32_t sources[DOCUMENT_COLUMNS_MAX];
    void (*label)(struct tree *tree, uint32_t node, size_t width);
};

/* --- drawing --- */

/* Whether a node hangs at a branch: its siblings, or other roots, are there too. */
static bool branches(const struct tree *tree, uint32_t n)
{
    uint32_t parent = tree->outline.nodes[n].parent;
    return (parent == NONE ? tree->outline.roots : tree->outline.nodes[parent].children) > 1;
}

static uint32_t next_shown(const struct tree *tree, uint32_t n)
{
    return outline_shown(&tree->outline, tree->outline.nodes[n].next);
}

/* Whether something is drawn below a node at its own level. */
static bool goes_on(const struct tree *tree, uint32_t n)
{
    uint32_t parent = tree->outline.nodes[n].parent;
    return next_shown(tree, n) != NONE || (parent != NONE && tree->outline.nodes[parent].hidden);
}

/* The lines that pass a node (and, for its own line, the fork that leads to it); the innermost that fit into the page.
 * Returns the cells. */
static size_t put_prefix(struct tree *tree, uint32_t node, bool own_fork)
{
    struct page *page = tree->page;
    const char *pieces[256];
    size_t count = 0, most = page->width / 3 / 3;
    bool cut = false;
    for (uint32_t n = node; n != NONE; n = tree->outline.nodes[n].parent) {
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
    format_value(tree->outline.nodes[parent].hidden, MEDIC_UNIT_COUNT, page->ascii, &number);
    snprintf(note, sizeof note, "%s%s %s more",
             tree->outline.nodes[parent].children > 1 ? page_pick(page, "\u2514\u2500 ", "`- ") : "",
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

/* The node behind n in the order of lines; says on the way what was left out. */
static uint32_t advance(struct tree *tree, uint32_t n)
{
    uint32_t child = outline_shown(&tree->outline, tree->outline.nodes[n].first);
    if (child != NONE)
        return child;
    if (tree->outline.nodes[n].hidden)
        put_hidden(tree, n);
    for (; n != NONE; n = tree->outline.nodes[n].parent) {
        uint32_t sibling = next_shown(tree, n), parent = tree->outline.nodes[n].parent;
        if (sibling != NONE)
            return sibling;
        if (parent != NONE && tree->outline.nodes[parent].hidden)
            put_hidden(tree, parent);
    }
    return NONE;
}

static void draw(struct tree *tree)
{
    uint32_t folded = 0;
    for (uint32_t n = outline_shown(&tree->outline, tree->outline.root); n != NONE; n = advance(tree, n)) {
        if (tree->folded && tree->folded[n]) {
            folded++;
            continue;
        }
        if (folded)
            put_folded(tree, n, folded);
        folded = 0;
        put_node(tree, n);
    }
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
    return *section_cell(tree->section, tree->outline.nodes[node].row, tree->sources[column]);
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
    uint32_t row = tree->outline.nodes[node].row;
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
    table_of(&all, tree->section, page_rows(tree->page, tree->section)); /* what is shown is measured */
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
    struct tree tree = {.page = page, .section = section, .label = tree_label};
    uint32_t shown = page_rows(page, section);
    if (outline_of_tree(&tree.outline, section, page->top)) {
        page->out.failed = 1;
    } else {
        tree_numbers(&tree);
        lay_out(&tree);
        if (shown)
            table_header(page, &tree.table, label_title(section));
        draw(&tree);
        page_footer(page, shown, section->total_rows, "rows");
    }
    outline_free(&tree.outline);
}

/* --- kind stacks --- */

static void fold_chain(struct tree *tree, uint32_t first)
{
    const struct outline_node *nodes = tree->outline.nodes;
    uint32_t length = 1, n = first;
    while (nodes[n].children == 1 && nodes[nodes[n].first].weight == nodes[first].weight) {
        n = nodes[n].first;
        length++;
    }
    if (length <= CHAIN_MOST)
        return;
    n = first;
    for (uint32_t i = 0; i < length; i++, n = nodes[n].first)
        tree->folded[n] = i >= CHAIN_HEAD && i < length - CHAIN_TAIL;
}

static int fold_chains(struct tree *tree)
{
    const struct outline_node *nodes = tree->outline.nodes;
    if (tree->page->top == UINT32_MAX)
        return 0;
    tree->folded = calloc((size_t)tree->outline.count + 1, sizeof *tree->folded);
    for (uint32_t i = 0; tree->folded && i < tree->outline.count; i++) {
        uint32_t parent = nodes[i].parent;
        if (parent == NONE || nodes[parent].children != 1 || nodes[parent].weight != nodes[i].weight)
            fold_chain(tree, i);
    }
    return tree->folded ? 0 : -1;
}

static medic_cell stack_cell(const void *context, uint32_t node, uint32_t column)
{
    const struct tree *tree = context;
    double weight = tree->outline.nodes[node].weight;
    if (column == 1)
        return medic_number(tree->outline.total > 0 ? weight / tree->outline.total : 0);
    return medic_number(weight);
}

static void stack_label(struct tree *tree, uint32_t node, size_t width)
{
    const struct document_frame *frame = &tree->section->frames[tree->outline.nodes[node].row];
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

static void stack_columns(struct tree *tree)
{
    int weight = tree->outline.weight;
    tree->table.cell = stack_cell;
    tree->table.context = tree;
    tree->table.column_count = 2;
    tree->table.columns[0] =
        (struct table_column){.title = weight < 0 ? "stacks" : tree->section->columns[weight].title,
                              .type = MEDIC_NUMBER,
                              .unit = weight < 0 ? MEDIC_UNIT_COUNT : tree->section->columns[weight].unit};
    tree->table.columns[1] =
        (struct table_column){.title = "share", .type = MEDIC_NUMBER, .unit = MEDIC_UNIT_RATIO, .bar = true};
    tree->table.row_count = tree->outline.count;
}

void text_section_stacks(struct page *page, const struct medic_section *section)
{
    struct tree tree = {.page = page, .section = section, .label = stack_label};
    if (outline_of_stacks(&tree.outline, section, page->top) || fold_chains(&tree)) {
        page->out.failed = 1;
    } else {
        stack_columns(&tree);
        lay_out(&tree);
        if (tree.outline.count)
            table_header(page, &tree.table, "stack, from the root");
        draw(&tree);
        page_footer(page, page_rows(page, section), section->total_rows, "stacks");
    }
    free(tree.folded);
    outline_free(&tree.outline);
}
