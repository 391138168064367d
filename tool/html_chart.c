/* Drawings over time and of distributions as inline SVG. The SVG holds shapes in thousandths of its box and stretches with
 * the page; all text stands in HTML beside it and keeps its size. Tooltips are <title> elements. */
#include "tool/html_page.h"

#include "tool/document_summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LANES_MOST 24
#define SPANS_MOST 3000 /* that are drawn */
#define SPAN_LEAST 20   /* of WIDTH: what is shorter is drawn, too */
#define POINTS_MOST 240
#define WIDTH 10000
#define HEIGHT 1000

static bool cell_at(const struct medic_section *section, uint32_t row, int column, double *value)
{
    return column >= 0 && cell_value(section_cell(section, row, (uint32_t)column), value);
}

/* A place on an axis of so many units. */
static long place(double value, double begin, double range, long units)
{
    double at = (value - begin) / range * (double)units;
    return !(at > 0) ? 0 : at < (double)units ? lround(at) : units;
}

/* "0 0 10000 1000", stretched to the box that the style gives it. */
static void begin_svg(struct page *page, const char *class_name)
{
    buffer_format(&page->out,
                  "<svg class=\"%s\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"",
                  class_name, WIDTH, HEIGHT);
}

/* Numbers behind a drawing, for who cannot see it. */
static void begin_numbers(struct page *page)
{
    page_add(page, "<details class=\"numbers\"><summary>The numbers</summary>\n");
}

/* --- spans --- */

struct lanes {
    const struct medic_section *section;
    int start, end, lane, label;
    double range; /* ns */
    struct {
        char name[256];
        uint32_t spans;
        double total; /* ns */
    } lanes[LANES_MOST];
    uint32_t count;
    uint32_t *of_row; /* UINT32_MAX: not drawn */
    uint32_t left_out;
};

static bool span_of(const struct lanes *lanes, uint32_t row, double *start, double *end)
{
    return cell_at(lanes->section, row, lanes->start, start) && cell_at(lanes->section, row, lanes->end, end) &&
           *start >= 0 && *end >= *start;
}

static void lane_name(const struct lanes *lanes, uint32_t row, char *out, size_t size)
{
    struct formatted text;
    if (lanes->lane < 0) {
        snprintf(out, size, "%s", "");
        return;
    }
    const medic_cell *cell = section_cell(lanes->section, row, (uint32_t)lanes->lane);
    format_cell(cell, lanes->section->columns[lanes->lane].unit, false, &text);
    snprintf(out, size, "%s", cell->type == MEDIC_STRING ? cell->as.string : text.number);
}

static uint32_t lane_of(struct lanes *lanes, uint32_t row)
{
    char name[256];
    lane_name(lanes, row, name, sizeof name);
    for (uint32_t i = 0; i < lanes->count; i++)
        if (strcmp(lanes->lanes[i].name, name) == 0)
            return i;
    if (lanes->count == LANES_MOST)
        return UINT32_MAX;
    memcpy(lanes->lanes[lanes->count].name, name, sizeof name);
    return lanes->count++;
}

static void collect_lanes(const struct page *page, struct lanes *lanes)
{
    double start, end;
    uint32_t drawn = 0;
    lanes->range = (double)page->duration_ns;
    for (uint32_t row = 0; row < lanes->section->row_count; row++) {
        lanes->of_row[row] = UINT32_MAX;
        if (!span_of(lanes, row, &start, &end))
            continue;
        uint32_t lane = drawn < SPANS_MOST ? lane_of(lanes, row) : UINT32_MAX;
        lanes->of_row[row] = lane;
        lanes->range = fmax(lanes->range, end);
        if (lane == UINT32_MAX) {
            lanes->left_out++;
            continue;
        }
        drawn++;
        lanes->lanes[lane].spans++;
        lanes->lanes[lane].total += end - start;
    }
    if (!(lanes->range > 0))
        lanes->range = 1;
}

static void put_span(struct page *page, const struct lanes *lanes, uint32_t row)
{
    double start = 0, end = 0;
    span_of(lanes, row, &start, &end);
    long from = place(start, 0, lanes->range, WIDTH), to = place(end, 0, lanes->range, WIDTH);
    long width = to - from < SPAN_LEAST ? SPAN_LEAST : to - from;
    from = from + width > WIDTH ? WIDTH - width : from;
    buffer_format(&page->out, "<rect x=\"%ld\" width=\"%ld\" height=\"%d\"><title>", from, width, HEIGHT);
    if (lanes->label >= 0) {
        const medic_cell *cell = section_cell(lanes->section, row, (uint32_t)lanes->label);
        html_text(page, cell->type == MEDIC_STRING ? cell->as.string : "");
        page_add(page, ", ");
    }
    html_short(page, end - start, MEDIC_UNIT_NANOSECONDS);
    page_add(page, ", at ");
    html_short(page, start, MEDIC_UNIT_INSTANT);
    page_add(page, "</title></rect>\n");
}

static void put_lane(struct page *page, const struct lanes *lanes, uint32_t lane)
{
    struct formatted spans;
    format_value(lanes->lanes[lane].spans, MEDIC_UNIT_COUNT, false, &spans);
    page_add(page, "<div class=\"lane\"><span class=\"lname\">");
    html_text(page, lanes->lanes[lane].name);
    page_add(page, "</span>");
    begin_svg(page, "spans");
    html_text(page, lanes->lanes[lane].name);
    buffer_format(&page->out, ": %s spans, ", spans.number);
    html_short(page, lanes->lanes[lane].total, MEDIC_UNIT_NANOSECONDS);
    page_add(page, " in all\">\n");
    for (uint32_t row = 0; row < lanes->section->row_count; row++)
        if (lanes->of_row[row] == lane)
            put_span(page, lanes, row);
    page_add(page, "</svg></div>\n");
}

static void put_lanes(struct page *page, const struct lanes *lanes)
{
    page_add(page, lanes->lane >= 0 ? "<figure class=\"lanes named\">\n" : "<figure class=\"lanes\">\n");
    for (uint32_t i = 0; i < lanes->count; i++)
        put_lane(page, lanes, i);
    html_axis(page, 0, lanes->range);
    page_add(page, "</figure>\n");
    if (lanes->left_out)
        buffer_format(&page->out, "<p class=\"shown\">%u further spans are not drawn</p>\n", lanes->left_out);
}

/* The list below: the end of a span is shown as its length. */
struct span_list {
    const struct medic_section *section;
    int start, end;
    uint32_t sources[DOCUMENT_COLUMNS_MAX];
};

static medic_cell span_cell(const void *context, uint32_t row, uint32_t column)
{
    const struct span_list *list = context;
    double start, end;
    if ((int)list->sources[column] != list->end)
        return *section_cell(list->section, row, list->sources[column]);
    if (!cell_at(list->section, row, list->end, &end) || !cell_at(list->section, row, list->start, &start))
        return medic_none();
    return medic_number(end - start);
}

/* A column that is a length of time already tells what the end would. */
static bool has_length(const struct medic_section *section)
{
    for (uint32_t i = 0; i < section->column_count; i++)
        if (section->columns[i].unit == MEDIC_UNIT_NANOSECONDS && section->columns[i].role == MEDIC_ROLE_NONE)
            return true;
    return false;
}

static void list_spans(struct page *page, const struct lanes *lanes)
{
    struct span_list list = {.section = lanes->section, .start = lanes->start, .end = lanes->end};
    struct table all, table;
    table_of(&all, lanes->section, page_rows(page, lanes->section));
    table = all;
    table.column_count = 0;
    table.cell = span_cell;
    table.context = &list;
    for (uint32_t i = 0; i < all.column_count; i++) {
        if ((int)i == list.end && has_length(list.section))
            continue;
        struct table_column *column = &table.columns[table.column_count];
        *column = all.columns[i];
        if ((int)i == list.start)
            column->unit = MEDIC_UNIT_INSTANT;
        if ((int)i == list.end) {
            column->title = "length";
            column->unit = MEDIC_UNIT_NANOSECONDS;
        }
        list.sources[table.column_count++] = i;
    }
    html_table(page, &table, lanes->section, true);
    html_shown(page, table.row_count, lanes->section->total_rows, lanes->section->kind);
}

void html_section_spans(struct page *page, const struct medic_section *section)
{
    struct lanes *lanes = calloc(1, sizeof *lanes);
    uint32_t *of_row = calloc((size_t)section->row_count + 1, sizeof *of_row);
    if (!lanes || !of_row) {
        page->out.failed = 1;
        goto out;
    }
    lanes->section = section;
    lanes->of_row = of_row;
    lanes->start = section_role(section, MEDIC_ROLE_START);
    lanes->end = section_role(section, MEDIC_ROLE_END);
    lanes->lane = section_role(section, MEDIC_ROLE_LANE);
    lanes->label = section_role(section, MEDIC_ROLE_LABEL);
    collect_lanes(page, lanes);
    if (!lanes->count) {
        html_section_table(page, section);
        goto out;
    }
    put_lanes(page, lanes);
    list_spans(page, lanes);
out:
    free(of_row);
    free(lanes);
}

/* --- timeline --- */

struct series {
    const struct medic_section *section;
    int time;
    uint32_t column, unit;
    double begin, range; /* ns */
    uint32_t points;
    double values[POINTS_MOST]; /* the peak in each point's time; NaN where nothing is known */
    double lowest, highest;
};

static void time_range(const struct page *page, struct series *series)
{
    double value, last = (double)page->duration_ns;
    for (uint32_t row = 0; row < series->section->row_count; row++)
        if (cell_at(series->section, row, series->time, &value)) {
            last = fmax(last, value);
            series->begin = fmin(series->begin, value);
        }
    series->range = last > series->begin ? last - series->begin : 1;
}

/* Returns whether there is anything to draw. */
static bool sample(struct series *series)
{
    double time, value;
    bool any = false;
    series->points = series->section->row_count < POINTS_MOST ? series->section->row_count : POINTS_MOST;
    for (uint32_t i = 0; i < series->points; i++)
        series->values[i] = NAN;
    for (uint32_t row = 0; row < series->section->row_count; row++) {
        if (!cell_at(series->section, row, series->time, &time) ||
            !cell_at(series->section, row, (int)series->column, &value))
            continue;
        long point = place(time, series->begin, series->range, (long)series->points * 1000) / 1000;
        double *peak = &series->values[point < (long)series->points ? point : (long)series->points - 1];
        *peak = isnan(*peak) ? value : fmax(*peak, value);
        series->lowest = any ? fmin(series->lowest, value) : value;
        series->highest = any ? fmax(series->highest, value) : value;
        any = true;
    }
    for (uint32_t i = 1; i < series->points; i++) /* the last value holds */
        if (isnan(series->values[i]))
            series->values[i] = series->values[i - 1];
    return any;
}

static double floor_of(const struct series *series)
{
    return series->lowest < 0 ? series->lowest : 0;
}

static long left_of(const struct series *series, uint32_t point)
{
    return (long)((uint64_t)point * WIDTH / series->points);
}

static long height_of(const struct series *series, uint32_t point)
{
    double range = series->highest - floor_of(series);
    if (!(range > 0) || !isfinite(range))
        return 0;
    return place(series->values[point], floor_of(series), range, HEIGHT);
}

/* Steps, because a point is the peak of its time. */
static void put_outline(struct page *page, const struct series *series, const char *class_name, bool closed)
{
    bool begun = false;
    buffer_format(&page->out, "<path class=\"%s\" d=\"", class_name);
    for (uint32_t i = 0; i < series->points; i++) {
        if (isnan(series->values[i]))
            continue;
        long left = left_of(series, i), right = left_of(series, i + 1), top = HEIGHT - height_of(series, i);
        if (!begun)
            buffer_format(&page->out, "M%ld %ld", left, closed ? (long)HEIGHT : top);
        begun = true;
        buffer_format(&page->out, "V%ldH%ld", top, right);
    }
    if (closed && begun)
        buffer_format(&page->out, "V%dZ", HEIGHT);
    page_add(page, "\"/>\n");
}

static void put_tooltips(struct page *page, const struct series *series)
{
    for (uint32_t i = 0; i < series->points; i++) {
        if (isnan(series->values[i]))
            continue;
        long left = left_of(series, i);
        buffer_format(&page->out, "<rect x=\"%ld\" width=\"%ld\" height=\"%d\"><title>", left,
                      left_of(series, i + 1) - left, HEIGHT);
        html_short(page, series->values[i], series->unit);
        page_add(page, " at ");
        html_short(page, series->begin + series->range * i / series->points, MEDIC_UNIT_INSTANT);
        page_add(page, "</title></rect>\n");
    }
}

static void put_plot(struct page *page, const struct series *series)
{
    begin_svg(page, "plot");
    html_text(page, series->section->columns[series->column].title);
    page_add(page, " over time: lowest ");
    html_short(page, series->lowest, series->unit);
    page_add(page, ", highest ");
    html_short(page, series->highest, series->unit);
    buffer_format(&page->out, "\">\n<path class=\"grid\" d=\"M0 %dH%dM0 0H%d", HEIGHT / 2, WIDTH, WIDTH);
    for (int i = 1; i < 4; i++)
        buffer_format(&page->out, "M%d 0V%d", WIDTH * i / 4, HEIGHT);
    page_add(page, "\"/>\n");
    put_outline(page, series, "area", true);
    put_outline(page, series, "line", false);
    put_tooltips(page, series);
    page_add(page, "</svg>");
}

static void put_series(struct page *page, const struct series *series)
{
    page_add(page, "<figure class=\"chart\"><figcaption>");
    html_text(page, series->section->columns[series->column].title);
    page_add(page, " <span class=\"detail\">");
    html_short(page, series->lowest, series->unit);
    page_add(page, " \u2013 ");
    html_short(page, series->highest, series->unit);
    page_add(page, "</span></figcaption>\n<div class=\"ends\" aria-hidden=\"true\"><span>");
    html_short(page, series->highest, series->unit);
    page_add(page, "</span><span>");
    html_short(page, floor_of(series), series->unit);
    page_add(page, "</span></div>\n");
    put_plot(page, series);
    html_axis(page, series->begin, series->begin + series->range);
    page_add(page, "</figure>\n");
}

void html_section_timeline(struct page *page, const struct medic_section *section)
{
    struct series *series = calloc(1, sizeof *series);
    bool drawn = false;
    if (!series) {
        page->out.failed = 1;
        return;
    }
    series->section = section;
    series->time = section_role(section, MEDIC_ROLE_TIME);
    time_range(page, series);
    for (uint32_t i = 0; i < section->column_count && series->time >= 0; i++) {
        uint32_t type = section->columns[i].type;
        series->column = i;
        series->unit = section->columns[i].unit;
        if ((int)i == series->time || (type != MEDIC_INTEGER && type != MEDIC_NUMBER) || !sample(series))
            continue;
        put_series(page, series);
        drawn = true;
    }
    if (drawn)
        begin_numbers(page);
    html_section_table(page, section);
    page_add(page, drawn ? "</details>\n" : "");
    free(series);
}

/* --- histogram --- */

struct histogram {
    const struct medic_section *section;
    int lower, upper, value;
    double highest;
};

static void put_bound(struct page *page, const struct histogram *histogram, uint32_t row, int column)
{
    double value;
    uint32_t unit = histogram->section->columns[column].unit;
    if (cell_at(histogram->section, row, column, &value))
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
    cell_at(histogram->section, row, histogram->value, &value);
    long width = histogram->highest > 0 ? place(value, 0, histogram->highest, WIDTH) : 0;
    width = !width && value > 0 ? SPAN_LEAST : width;
    begin_svg(page, "bucket");
    put_range(page, histogram, row);
    buffer_format(&page->out, "\"><rect width=\"%ld\" height=\"%d\"><title>", width, HEIGHT);
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
        if (cell_at(section, row, histogram.value, &value))
            histogram.highest = fmax(histogram.highest, value);
    put_histogram(page, &histogram);
}
