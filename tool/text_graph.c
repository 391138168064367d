/* Sections of kind graph: the rows as a table, then every row with its edges. */
#include "tool/text_page.h"

#include <stdlib.h>

static void put_row_name(struct page *page, const struct medic_section *section, uint32_t row, size_t width)
{
    int label = label_column(section);
    const medic_cell *cell = section_cell(section, row, label < 0 ? 0 : (uint32_t)label);
    struct formatted text;
    if (cell->type == MEDIC_STRING) {
        page_put(page, cell->as.string, width);
        return;
    }
    format_cell(cell, MEDIC_UNIT_NONE, page->ascii, &text);
    page_add(page, text.number);
}

static void put_edge(struct page *page, const struct medic_section *section, const struct document_edge *edge,
                     bool last)
{
    size_t room = page->width - PAGE_INDENT - 3;
    page_pad(page, PAGE_INDENT);
    page_style(page, STYLE_DIM);
    page_add(page, last ? page_pick(page, "\u2514\u2500", "`-") : page_pick(page, "\u251c\u2500", "|-"));
    if (edge->label && *edge->label) {
        page_add(page, " ");
        room -= 4 + page_put(page, edge->label, room / 3);
        page_add(page, page_pick(page, " \u2500", " -"));
    }
    page_add(page, page_pick(page, "\u25b8 ", "> "));
    page_style(page, STYLE_PLAIN);
    put_row_name(page, section, edge->to, room);
    page_end(page);
}

static void put_edges_of(struct page *page, const struct medic_section *section, uint32_t row,
                         const struct document_edge *const *edges, uint32_t count)
{
    uint32_t shown = count < page->top ? count : page->top;
    page_pad(page, PAGE_INDENT);
    put_row_name(page, section, row, page->width - PAGE_INDENT);
    page_end(page);
    for (uint32_t i = 0; i < shown; i++)
        put_edge(page, section, edges[i], i + 1 == count);
    if (shown < count) {
        page_pad(page, PAGE_INDENT);
        page_style(page, STYLE_DIM);
        buffer_format(&page->out, "%s %u more", page_pick(page, "\u2514\u2500 \u2026", "`- ..."), count - shown);
        page_style(page, STYLE_PLAIN);
        page_end(page);
    }
}

static int by_from(const void *a, const void *b)
{
    const struct document_edge *one = *(const struct document_edge *const *)a,
                               *two = *(const struct document_edge *const *)b;
    if (one->from != two->from)
        return one->from < two->from ? -1 : 1;
    return one < two ? -1 : one > two; /* as they were added */
}

void text_section_graph(struct page *page, const struct medic_section *section)
{
    text_section_table(page, section);
    if (!section->edge_count)
        return;
    const struct document_edge **edges = calloc(section->edge_count, sizeof *edges);
    if (!edges) {
        page->out.failed = 1;
        return;
    }
    for (uint32_t i = 0; i < section->edge_count; i++)
        edges[i] = &section->edges[i];
    qsort(edges, section->edge_count, sizeof *edges, by_from);
    page_end(page);
    for (uint32_t i = 0, count; i < section->edge_count && edges[i]->from < page_rows(page, section); i += count) {
        for (count = 1; i + count < section->edge_count && edges[i + count]->from == edges[i]->from;)
            count++;
        put_edges_of(page, section, edges[i]->from, edges + i, count);
    }
    free(edges);
}
