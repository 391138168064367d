#include "tool/html_page.h"

#include "tool/document_summary.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

/* --- strangers' texts --- */

static void put_character(struct page *page, char c)
{
    switch (c) {
    case '&': page_add(page, "&amp;"); break;
    case '<': page_add(page, "&lt;"); break;
    case '>': page_add(page, "&gt;"); break;
    case '"': page_add(page, "&quot;"); break;
    case '\'': page_add(page, "&#39;"); break;
    default: buffer_add(&page->out, &c, 1); break;
    }
}

static void put_escaped(struct page *page, const char *stranger, const char *break_behind)
{
    struct buffer clean = {0};
    size_t characters = 0;
    page_clean(page, &clean, stranger);
    for (const char *c = buffer_get(&clean); *c; c++) {
        bool begins = (*c & 0xc0) != 0x80;
        if (begins && ++characters > HTML_STRING_MOST) {
            page_add(page, "\u2026");
            break;
        }
        put_character(page, *c);
        if (strchr(break_behind, *c) && c[1] && c[1] != ' ')
            page_add(page, "<wbr>");
    }
    page->out.failed |= clean.failed;
    buffer_free(&clean);
}

void html_text(struct page *page, const char *stranger)
{
    put_escaped(page, stranger, "");
}

void html_name(struct page *page, const char *stranger)
{
    put_escaped(page, stranger, ".,<(/|+");
}

/* --- numbers --- */

void html_value(struct page *page, const medic_cell *cell, uint32_t unit)
{
    struct formatted text;
    if (cell->type == MEDIC_STRING) {
        html_name(page, cell->as.string);
        return;
    }
    format_cell(cell, unit, false, &text);
    html_text(page, text.number);
    if (text.unit[0])
        buffer_format(&page->out, "<span class=\"u\">\u00a0%s</span>", text.unit);
}

void html_short(struct page *page, double value, uint32_t unit)
{
    char text[128];
    format_short(value, unit, false, text, sizeof text);
    html_text(page, text);
}

void html_bar(struct page *page, double share)
{
    unsigned hundredths = !(share > 0) ? 0 : share >= 1 ? 10000 : (unsigned)lround(share * 10000);
    page_add(page, "<span class=\"bar\">");
    if (share > 0)
        buffer_format(&page->out, "<i style=\"width:%u.%02u%%\"></i>", hundredths / 100, hundredths % 100);
    page_add(page, "</span>");
}

/* --- anchors --- */

void html_section_id(struct page *page, const struct medic_section *section)
{
    page_add(page, "s-");
    for (const unsigned char *c = (const unsigned char *)section->id; *c; c++)
        if (isascii(*c) && (isalnum(*c) || *c == '_'))
            buffer_add(&page->out, (const char *)c, 1);
        else
            buffer_format(&page->out, "-%02x", *c);
}

void html_row_id(struct page *page, const struct medic_section *section, uint32_t row)
{
    html_section_id(page, section);
    buffer_format(&page->out, ".%u", row);
}

bool html_is_cited(const struct medic_section *section, uint32_t row)
{
    const struct document *document = section->document;
    for (uint32_t i = 0; i < document->finding_count; i++) {
        const struct document_finding *finding = &document->findings[i];
        if (finding->section && finding->row && strcmp(finding->section, section->id) == 0 &&
            summary_is_row(section, row, finding->row))
            return true;
    }
    return false;
}

void html_cited(struct page *page, const struct medic_section *section, uint32_t row)
{
    if (!html_is_cited(section, row))
        return;
    page_add(page, " class=\"cited\" id=\"");
    html_row_id(page, section, row);
    page_add(page, "\"");
}

void html_shown(struct page *page, uint64_t shown, uint64_t total, uint32_t kind)
{
    struct buffer text = {0};
    summary_shown(shown, total, summary_rows(kind), &text);
    if (text.size)
        buffer_format(&page->out, "<p class=\"shown\">%s</p>\n", text.bytes);
    page->out.failed |= text.failed;
    buffer_free(&text);
}

/* --- tables --- */

static const char *alignment(const struct table_column *column)
{
    return column->type == MEDIC_STRING || column->type == MEDIC_BOOLEAN ? ""
           : column->bar                                                 ? " class=\"n share\""
                                                                         : " class=\"n\"";
}

/* The column that names a row, which is its header. */
static uint32_t naming_column(const struct table *table)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        if (table->columns[i].type == MEDIC_STRING)
            return i;
    return UINT32_MAX;
}

static void put_cell(struct page *page, const struct table_column *column, const medic_cell *cell, bool names)
{
    double share;
    buffer_format(&page->out, names ? "<th scope=\"row\"%s>" : "<td%s>", alignment(column));
    html_value(page, cell, column->unit);
    if (column->bar && cell_value(cell, &share))
        html_bar(page, share);
    page_add(page, names ? "</th>" : "</td>");
}

static void put_head(struct page *page, const struct table *table)
{
    page_add(page, "<thead><tr>");
    for (uint32_t i = 0; i < table->column_count; i++) {
        buffer_format(&page->out, "<th scope=\"col\"%s>", alignment(&table->columns[i]));
        html_text(page, table->columns[i].title);
        page_add(page, "</th>");
    }
    page_add(page, "</tr></thead>\n<tbody>\n");
}

void html_table(struct page *page, const struct table *table, const struct medic_section *section, bool cited)
{
    uint32_t names = naming_column(table);
    page_add(page, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"");
    html_text(page, section->title);
    page_add(page, "\"><table>\n");
    put_head(page, table);
    for (uint32_t row = 0; row < table->row_count; row++) {
        page_add(page, "<tr");
        if (cited)
            html_cited(page, section, row);
        page_add(page, ">");
        for (uint32_t i = 0; i < table->column_count; i++) {
            medic_cell cell = table->cell(table->context, row, i);
            put_cell(page, &table->columns[i], &cell, i == names);
        }
        page_add(page, "</tr>\n");
    }
    page_add(page, "</tbody></table></div>\n");
}

void html_section_table(struct page *page, const struct medic_section *section)
{
    struct table table;
    table_of(&table, section, page_rows(page, section));
    html_table(page, &table, section, true);
    html_shown(page, table.row_count, section->total_rows, section->kind);
}

/* --- drawings --- */

long html_place(double value, double begin, double range, long units)
{
    double at = (value - begin) / range * (double)units;
    return !(at > 0) ? 0 : at < (double)units ? lround(at) : units;
}

void html_svg(struct page *page, const char *class_name)
{
    buffer_format(&page->out,
                  "<svg class=\"%s\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"",
                  class_name, HTML_SVG_WIDTH, HTML_SVG_HEIGHT);
}

/* --- axes --- */

void html_axis(struct page *page, double begin_ns, double end_ns)
{
    double unit = end_ns - begin_ns >= 2e9 ? 1e7 : 1;
    page_add(page, "<div class=\"axis\" aria-hidden=\"true\">");
    for (unsigned i = 0; i <= 4; i++) {
        double at = begin_ns + (end_ns - begin_ns) * i / 4;
        page_add(page, "<span>");
        html_short(page, round(at / unit) * unit, MEDIC_UNIT_NANOSECONDS);
        page_add(page, "</span>");
    }
    page_add(page, "</div>\n");
}
