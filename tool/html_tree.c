/* Sections that nest: trees, stacks (merged from the root) and graphs, as lists that open and close without a script.
 *
 * An only child stands straight below its parent, in the same item, so that a deep chain does not march off the page. */
#include "tool/html_page.h"

#include "tool/document_summary.h"
#include "tool/outline.h"

#include <string.h>

#define DEPTH_MOST 64 /* of nested lists: browsers give up at some hundreds of elements */
/* Of a chain longer than CHAIN_MOST, so many nodes of its beginning and end are shown at once. */
#define CHAIN_MOST 14
#define CHAIN_HEAD 3
#define CHAIN_TAIL 8
#define OPEN_SHARE 0.02 /* lighter branches of stacks begin closed */

struct nest {
    struct page *page;
    const struct medic_section *section;
    struct outline outline;
    struct table_column columns[DOCUMENT_COLUMNS_MAX];
    uint32_t sources[DOCUMENT_COLUMNS_MAX];
    uint32_t column_count;
    medic_cell (*cell)(const struct nest *nest, uint32_t node, uint32_t column);
    void (*label)(const struct nest *nest, uint32_t node);
    bool stacks;
};

/* --- one node --- */

static void put_numbers(const struct nest *nest, uint32_t node)
{
    struct page *page = nest->page;
    for (uint32_t i = 0; i < nest->column_count; i++) {
        const struct table_column *column = &nest->columns[i];
        medic_cell cell = nest->cell(nest, node, i);
        double share;
        buffer_format(&page->out, "<span class=\"v%s\"><span class=\"k\">", column->bar ? " share" : "");
        html_text(page, column->title);
        page_add(page, " </span>");
        html_value(page, &cell, column->unit);
        if (column->bar && cell_value(&cell, &share))
            html_bar(page, share);
        page_add(page, "</span>");
    }
}

/* follows: an only child, straight below its parent. */
static void put_row(const struct nest *nest, uint32_t node, const char *element, bool follows)
{
    struct page *page = nest->page;
    uint32_t row = nest->outline.nodes[node].row;
    bool cited = !nest->stacks && html_is_cited(nest->section, row);
    buffer_format(&page->out, "<%s><span class=\"row%s%s\"", element, follows ? " follows" : "", cited ? " cited" : "");
    if (cited) {
        page_add(page, " id=\"");
        html_row_id(page, nest->section, row);
        page_add(page, "\"");
    }
    page_add(page, "><span class=\"name\">");
    nest->label(nest, node);
    page_add(page, "</span>");
    put_numbers(nest, node);
    buffer_format(&page->out, "</span></%s>\n", element);
}

static void put_more(struct page *page, uint32_t hidden)
{
    struct formatted number;
    if (!hidden)
        return;
    format_value(hidden, MEDIC_UNIT_COUNT, false, &number);
    buffer_format(&page->out, "<li class=\"more\">\u2026 %s more</li>\n", number.number);
}

/* --- chains and lists --- */

/* The nodes of a chain from first on, the last of which has no child or several. Stacks: as long as all is passed on. */
static uint32_t chain_next(const struct nest *nest, uint32_t node)
{
    const struct outline_node *nodes = nest->outline.nodes;
    uint32_t child = outline_only_child(&nest->outline, node);
    bool whole = !nest->stacks || child == OUTLINE_NONE || !(nodes[child].weight < nodes[node].weight);
    return whole ? child : OUTLINE_NONE;
}

static uint32_t chain_length(const struct nest *nest, uint32_t node)
{
    uint32_t length = 0;
    for (; node != OUTLINE_NONE; node = chain_next(nest, node))
        length++;
    return length;
}

/* All nodes of the chain but the last, which is returned. */
static uint32_t put_chain(const struct nest *nest, uint32_t node)
{
    struct page *page = nest->page;
    uint32_t length = chain_length(nest, node);
    bool folds = length > CHAIN_MOST && page->top != UINT32_MAX;
    for (uint32_t i = 0; i + 1 < length; i++, node = chain_next(nest, node)) {
        if (folds && i == CHAIN_HEAD)
            buffer_format(&page->out, "<details class=\"fold\"><summary>\u22ee %u more in between</summary>\n",
                          length - CHAIN_HEAD - CHAIN_TAIL);
        if (folds && i == length - CHAIN_TAIL)
            page_add(page, "</details>\n");
        put_row(nest, node, "div", i > 0);
    }
    return node;
}

static bool begins_open(const struct nest *nest, uint32_t node)
{
    return !nest->stacks || !(nest->outline.nodes[node].weight < OPEN_SHARE * nest->outline.total);
}

static void put_list(const struct nest *nest, uint32_t first, uint32_t hidden, unsigned depth);

static void put_item(const struct nest *nest, uint32_t node, unsigned depth)
{
    struct page *page = nest->page;
    page_add(page, "<li>");
    uint32_t last = put_chain(nest, node);
    const struct outline_node *end = &nest->outline.nodes[last];
    if (!end->children) {
        put_row(nest, last, "div", last != node);
    } else if (depth >= DEPTH_MOST) {
        put_row(nest, last, "div", last != node);
        page_add(page, "<div class=\"more\">\u2026 deeper than this page can show</div>");
    } else {
        page_add(page, begins_open(nest, last) ? "<details open>" : "<details>");
        put_row(nest, last, "summary", last != node);
        put_list(nest, end->first, end->hidden, depth + 1);
        page_add(page, "</details>");
    }
    page_add(page, "</li>\n");
}

static void put_list(const struct nest *nest, uint32_t first, uint32_t hidden, unsigned depth)
{
    page_add(nest->page, "<ul>\n");
    for (uint32_t n = outline_shown(&nest->outline, first); n != OUTLINE_NONE;
         n = outline_shown(&nest->outline, nest->outline.nodes[n].next))
        put_item(nest, n, depth);
    put_more(nest->page, hidden);
    page_add(nest->page, "</ul>\n");
}

static void put_nest(const struct nest *nest, const char *label)
{
    struct page *page = nest->page;
    page_add(page, "<div class=\"tree\">\n<div class=\"row head\" aria-hidden=\"true\"><span class=\"name\">");
    html_text(page, label);
    page_add(page, "</span>");
    for (uint32_t i = 0; i < nest->column_count; i++) {
        buffer_format(&page->out, "<span class=\"v%s\">", nest->columns[i].bar ? " share" : "");
        html_text(page, nest->columns[i].title);
        page_add(page, "</span>");
    }
    page_add(page, "</div>\n");
    put_list(nest, nest->outline.root, nest->outline.hidden, 0);
    page_add(page, "</div>\n");
    html_shown(page, page_rows(page, nest->section), nest->section->total_rows, nest->section->kind);
}

static void put_detail(struct page *page, const char *text)
{
    if (!text || !*text)
        return;
    page_add(page, " <span class=\"detail\">");
    html_name(page, text);
    page_add(page, "</span>");
}

/* --- kind tree --- */

static medic_cell tree_cell(const struct nest *nest, uint32_t node, uint32_t column)
{
    return *section_cell(nest->section, nest->outline.nodes[node].row, nest->sources[column]);
}

static void tree_label(const struct nest *nest, uint32_t node)
{
    const struct medic_section *section = nest->section;
    uint32_t row = nest->outline.nodes[node].row;
    int label = label_column(section);
    const medic_cell *cell = label >= 0 ? section_cell(section, row, (uint32_t)label) : NULL;
    html_name(nest->page, cell && cell->type == MEDIC_STRING ? cell->as.string : "?");
    for (uint32_t i = 0; i < section->column_count; i++) {
        cell = section_cell(section, row, i);
        if (cell->type == MEDIC_STRING && (int)i != label)
            put_detail(nest->page, cell->as.string);
    }
}

static void tree_columns(struct nest *nest)
{
    struct table all;
    table_of(&all, nest->section, 0);
    for (uint32_t i = 0; i < all.column_count; i++) {
        if (all.columns[i].type == MEDIC_STRING)
            continue;
        nest->sources[nest->column_count] = i;
        nest->columns[nest->column_count++] = all.columns[i];
    }
}

void html_section_tree(struct page *page, const struct medic_section *section)
{
    struct nest nest = {.page = page, .section = section, .cell = tree_cell, .label = tree_label};
    int label = label_column(section);
    if (outline_of_tree(&nest.outline, section, page->top)) {
        page->out.failed = 1;
    } else {
        tree_columns(&nest);
        put_nest(&nest, label >= 0 ? section->columns[label].title : "");
    }
    outline_free(&nest.outline);
}

/* --- kind stacks --- */

static medic_cell stack_cell(const struct nest *nest, uint32_t node, uint32_t column)
{
    double weight = nest->outline.nodes[node].weight;
    if (column == 1)
        return medic_number(nest->outline.total > 0 ? weight / nest->outline.total : 0);
    return medic_number(weight);
}

static void stack_label(const struct nest *nest, uint32_t node)
{
    const struct document_frame *frame = &nest->section->frames[nest->outline.nodes[node].row];
    struct buffer place = {0};
    html_name(nest->page, frame->function);
    if (frame->file) {
        const char *slash = strrchr(frame->file, '/');
        buffer_add_string(&place, slash ? slash + 1 : frame->file);
        if (frame->line)
            buffer_format(&place, ":%u", frame->line);
    }
    put_detail(nest->page, frame->file ? buffer_get(&place) : frame->module);
    buffer_free(&place);
}

static void stack_columns(struct nest *nest)
{
    int weight = nest->outline.weight;
    const struct document_column *column = weight < 0 ? NULL : &nest->section->columns[weight];
    nest->column_count = 2;
    nest->columns[0] = (struct table_column){.title = column ? column->title : "stacks",
                                             .type = MEDIC_NUMBER,
                                             .unit = column ? column->unit : (uint32_t)MEDIC_UNIT_COUNT};
    nest->columns[1] =
        (struct table_column){.title = "share", .type = MEDIC_NUMBER, .unit = MEDIC_UNIT_RATIO, .bar = true};
}

void html_section_stacks(struct page *page, const struct medic_section *section)
{
    struct nest nest = {.page = page, .section = section, .cell = stack_cell, .label = stack_label, .stacks = true};
    if (outline_of_stacks(&nest.outline, section, page->top)) {
        page->out.failed = 1;
    } else {
        stack_columns(&nest);
        put_nest(&nest, "stack, from the root");
    }
    outline_free(&nest.outline);
}

/* --- kind graph: the rows as a table, then every row with its edges --- */

static void put_row_name(struct page *page, const struct medic_section *section, uint32_t row)
{
    int label = label_column(section);
    const medic_cell *cell = section_cell(section, row, label < 0 ? 0 : (uint32_t)label);
    html_value(page, cell, MEDIC_UNIT_NONE);
}

static void put_edges_of(struct page *page, const struct medic_section *section, uint32_t row)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < section->edge_count; i++) {
        const struct document_edge *edge = &section->edges[i];
        if (edge->from != row)
            continue;
        if (!count++) {
            page_add(page, "<li><span class=\"name\">");
            put_row_name(page, section, row);
            page_add(page, "</span>\n<ul>\n");
        }
        if (count > page->top)
            continue;
        page_add(page, "<li><span class=\"edge\">");
        html_text(page, edge->label ? edge->label : "");
        page_add(page, " \u2192</span> <span class=\"name\">");
        put_row_name(page, section, edge->to);
        page_add(page, "</span></li>\n");
    }
    if (count > page->top)
        put_more(page, count - page->top);
    page_add(page, count ? "</ul></li>\n" : "");
}

void html_section_graph(struct page *page, const struct medic_section *section)
{
    html_section_table(page, section);
    if (!section->edge_count)
        return;
    page_add(page, "<ul class=\"graph\">\n");
    for (uint32_t row = 0; row < page_rows(page, section); row++)
        put_edges_of(page, section, row);
    page_add(page, "</ul>\n");
}
