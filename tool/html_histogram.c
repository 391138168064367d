/* Distributions: a table whose rows have bars. */
#include "tool/html_page.h"

#include <math.h>

struct histogram {
    const struct medic_section *section;
    int lower, upper, value;
    double highest;
};

static bool number_at(const struct medic_section *section, uint32_t row, int column, double *value)
{
    return cell_value(section_cell(section, row, (uint32_t)column), value);
}

static void put_bound(struct page *page, const struct histogram *histogram, uint32_t row, int column)
{
    double value;
    uint32_t unit = histogram->section->columns[column].unit;
    if (number_at(histogram->section, row, column, &value))
        html_short(page, value, unit == MEDIC_UNIT_INSTANT ? (uint32_t)MEDIC_UNIT_NANOSECONDS : unit);
    else
        page_add(page, column == histogram->upper ? "\u221e" : "less");
}

static void put_range(struct page *page, const struct histogram *histogram, uint32_t row)
{
    put_bound(page, histogram, row, histogram->lower);
    page_add(page, " \u2013 ");
    put_bound(page, histogram, row, histogram->upper);
}

static void put_bucket_bar(struct page *page, const struct histogram *histogram, uint32_t row)
{
    double value = 0;
    number_at(histogram->section, row, histogram->value, &value);
    long width = histogram->highest > 0 ? html_place(value, 0, histogram->highest, HTML_SVG_WIDTH) : 0;
    width = !width && value > 0 ? HTML_SVG_LEAST : width;
    html_svg(page, "bucket");
    put_range(page, histogram, row);
    buffer_format(&page->out, "\"><rect width=\"%ld\" height=\"%d\"><title>", width, HTML_SVG_HEIGHT);
    put_range(page, histogram, row);
    page_add(page, ": ");
    html_short(page, value, histogram->section->columns[histogram->value].unit);
    page_add(page, "</title></rect></svg>");
}

static bool is_bound(const struct histogram *histogram, uint32_t column)
{
    return (int)column == histogram->lower || (int)column == histogram->upper;
}

static const char *alignment(const struct document_column *column)
{
    return column->type == MEDIC_INTEGER || column->type == MEDIC_NUMBER ? " class=\"n\"" : "";
}

static void put_bucket(struct page *page, const struct histogram *histogram, uint32_t row)
{
    const struct medic_section *section = histogram->section;
    page_add(page, "<tr");
    html_cited(page, section, row);
    page_add(page, "><th scope=\"row\">");
    put_range(page, histogram, row);
    page_add(page, "</th>");
    for (uint32_t i = 0; i < section->column_count; i++) {
        if (is_bound(histogram, i))
            continue;
        buffer_format(&page->out, "<td%s>", alignment(&section->columns[i]));
        html_value(page, section_cell(section, row, i), section->columns[i].unit);
        page_add(page, "</td>");
    }
    page_add(page, "<td class=\"wide\">");
    put_bucket_bar(page, histogram, row);
    page_add(page, "</td></tr>\n");
}

static void put_histogram(struct page *page, const struct histogram *histogram)
{
    const struct medic_section *section = histogram->section;
    page_add(page, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"");
    html_text(page, section->title);
    page_add(page, "\"><table class=\"histogram\">\n<thead><tr><th scope=\"col\">");
    html_text(page, section->columns[histogram->lower].title);
    page_add(page, " \u2013 ");
    html_text(page, section->columns[histogram->upper].title);
    page_add(page, "</th>");
    for (uint32_t i = 0; i < section->column_count; i++) {
        if (is_bound(histogram, i))
            continue;
        buffer_format(&page->out, "<th scope=\"col\"%s>", alignment(&section->columns[i]));
        html_text(page, section->columns[i].title);
        page_add(page, "</th>");
    }
    page_add(page, "<td></td></tr></thead>\n<tbody>\n");
    for (uint32_t row = 0; row < section->row_count; row++)
        put_bucket(page, histogram, row);
    page_add(page, "</tbody></table></div>\n");
    html_shown(page, section->row_count, section->total_rows, section->kind);
}

static int value_column(const struct histogram *histogram)
{
    const struct medic_section *section = histogram->section;
    int value = section_role(section, MEDIC_ROLE_VALUE);
    for (uint32_t i = 0; i < section->column_count && value < 0; i++) {
        uint32_t type = section->columns[i].type;
        if (!is_bound(histogram, i) && (type == MEDIC_INTEGER || type == MEDIC_NUMBER))
            value = (int)i;
    }
    return value;
}

void html_section_histogram(struct page *page, const struct medic_section *section)
{
    struct histogram histogram = {.section = section,
                                  .lower = section_role(section, MEDIC_ROLE_LOWER),
                                  .upper = section_role(section, MEDIC_ROLE_UPPER)};
    double value;
    histogram.value = value_column(&histogram);
    if (histogram.lower < 0 || histogram.upper < 0 || histogram.value < 0) {
        html_section_table(page, section);
        return;
    }
    for (uint32_t row = 0; row < section->row_count; row++)
        if (number_at(section, row, histogram.value, &value))
            histogram.highest = fmax(histogram.highest, value);
    put_histogram(page, &histogram);
}
