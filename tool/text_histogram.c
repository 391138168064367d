/* Sections of kind histogram: a line a bucket, with a bar. */
#include "tool/text_page.h"

#include <math.h>
#include <stdlib.h>

#define BUCKET_LABEL 192
#define BUCKET_BAR_MOST 60

static void widen(size_t *widest, size_t cells)
{
    *widest = cells > *widest ? cells : *widest;
}

struct histogram {
    const struct medic_section *section;
    uint32_t lower, upper, value;
    size_t lowers, uppers; /* cells */
    double highest;
    uint32_t sources[DOCUMENT_COLUMNS_MAX + 1];
    char (*labels)[BUCKET_LABEL]; /* one a row */
};

static void bound(const struct page *page, const struct histogram *histogram, uint32_t row, uint32_t column, char *out,
                  size_t size)
{
    double value;
    bool known = cell_value(section_cell(histogram->section, row, column), &value);
    uint32_t unit = histogram->section->columns[column].unit;
    if (!known)
        snprintf(out, size, "%s", column == histogram->upper ? page_pick(page, "\u221e", "more") : "less");
    else
        format_short(value, unit == MEDIC_UNIT_INSTANT ? MEDIC_UNIT_NANOSECONDS : unit, page->ascii, out, size);
}

static void measure_histogram(const struct page *page, struct histogram *histogram)
{
    for (uint32_t row = 0; row < histogram->section->row_count; row++) {
        char text[64];
        double value;
        bound(page, histogram, row, histogram->lower, text, sizeof text);
        widen(&histogram->lowers, text_cells(text));
        bound(page, histogram, row, histogram->upper, text, sizeof text);
        widen(&histogram->uppers, text_cells(text));
        if (cell_value(section_cell(histogram->section, row, histogram->value), &value))
            histogram->highest = fmax(histogram->highest, value);
    }
}

static medic_cell histogram_cell(const void *context, uint32_t row, uint32_t column)
{
    const struct histogram *histogram = context;
    if (column == 0)
        return medic_string(histogram->labels[row]);
    return *section_cell(histogram->section, row, histogram->sources[column]);
}

/* The bounds of a bucket, the value, and what else is known of it. */
static void histogram_table(struct histogram *histogram, struct table *table)
{
    struct table all;
    table_of(&all, histogram->section, histogram->section->row_count);
    *table = all;
    table->cell = histogram_cell;
    table->context = histogram;
    table->columns[0] = (struct table_column){.title = "", .type = MEDIC_STRING};
    table->column_count = 1;
    for (uint32_t i = 0; i < all.column_count; i++) {
        if (i == histogram->lower || i == histogram->upper)
            continue;
        histogram->sources[table->column_count] = i;
        table->columns[table->column_count] = all.columns[i];
        table->columns[table->column_count++].bar = false; /* one bar is enough */
    }
}

static void make_label(const struct page *page, struct histogram *histogram, uint32_t row)
{
    char lower[64], upper[64];
    bound(page, histogram, row, histogram->lower, lower, sizeof lower);
    bound(page, histogram, row, histogram->upper, upper, sizeof upper);
    snprintf(histogram->labels[row], BUCKET_LABEL, "%*s%s%s%*s%s", (int)(histogram->lowers - text_cells(lower)), "",
             lower, page_pick(page, " \u2013 ", " - "), (int)(histogram->uppers - text_cells(upper)), "", upper);
}

static void draw_buckets(struct page *page, const struct histogram *histogram, const struct table *table)
{
    size_t used = PAGE_INDENT + table_width(table) + 2, bars = page->width > used ? page->width - used : 0;
    bars = bars < BUCKET_BAR_MOST ? bars : BUCKET_BAR_MOST;
    table_header(page, table, NULL);
    for (uint32_t row = 0; row < histogram->section->row_count; row++) {
        double value = 0;
        cell_value(section_cell(histogram->section, row, histogram->value), &value);
        table_row(page, table, row, true);
        page_bar(page, isfinite(histogram->highest) && histogram->highest > 0 ? value / histogram->highest : 0, bars);
        page_end(page);
    }
    page_footer(page, histogram->section->row_count, histogram->section->total_rows, "buckets");
}

static int histogram_value(const struct medic_section *section, int lower, int upper)
{
    int value = section_role(section, MEDIC_ROLE_VALUE);
    for (uint32_t i = 0; i < section->column_count && value < 0; i++) {
        uint32_t type = section->columns[i].type;
        if ((int)i != lower && (int)i != upper && (type == MEDIC_INTEGER || type == MEDIC_NUMBER))
            value = (int)i;
    }
    return value;
}

void text_section_histogram(struct page *page, const struct medic_section *section)
{
    int lower = section_role(section, MEDIC_ROLE_LOWER), upper = section_role(section, MEDIC_ROLE_UPPER);
    int value = histogram_value(section, lower, upper);
    if (lower < 0 || upper < 0 || value < 0 || !section->row_count) {
        text_section_table(page, section);
        return;
    }
    struct histogram histogram = {
        .section = section, .lower = (uint32_t)lower, .upper = (uint32_t)upper, .value = (uint32_t)value};
    histogram.labels = calloc(section->row_count, sizeof *histogram.labels);
    if (!histogram.labels) {
        page->out.failed = 1;
        return;
    }
    struct table table;
    measure_histogram(page, &histogram);
    for (uint32_t row = 0; row < section->row_count; row++)
        make_label(page, &histogram, row);
    histogram_table(&histogram, &table);
    if (table_layout(page, &table, page->width - PAGE_INDENT - 12))
        draw_buckets(page, &histogram, &table);
    else
        text_section_table(page, section);
    free(histogram.labels);
}
