/* Drawings over time as inline SVG: sections of kind spans and timeline. Tooltips are <title> elements. */
#include "tool/html_page.h"

#include "tool/series.h"
#include "tool/spans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LANES_MOST 24
#define SPANS_MOST 3000 /* that are drawn */
#define POINTS_MOST 240
#define WIDTH HTML_SVG_WIDTH
#define HEIGHT HTML_SVG_HEIGHT

/* Numbers behind a drawing, for who cannot see it. */
static void begin_numbers(struct page *page)
{
    page_add(page, "<details class=\"numbers\"><summary>The numbers</summary>\n");
}

/* --- spans --- */

struct lanes {
    struct spans spans;
    double range; /* ns */
    struct {
        char name[SPANS_LANE_SIZE];
        uint32_t spans;
        double total; /* ns */
    } lanes[LANES_MOST];
    uint32_t count;
    uint32_t *of_row; /* UINT32_MAX: not drawn */
    uint32_t left_out;
};

static uint32_t lane_of(struct lanes *lanes, uint32_t row)
{
    char name[SPANS_LANE_SIZE];
    spans_lane(&lanes->spans, row, false, name);
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
    lanes->range = spans_range(&lanes->spans, page->duration_ns);
    for (uint32_t row = 0; row < lanes->spans.section->row_count; row++) {
        lanes->of_row[row] = UINT32_MAX;
        if (!spans_at(&lanes->spans, row, &start, &end))
            continue;
        uint32_t lane = drawn < SPANS_MOST ? lane_of(lanes, row) : UINT32_MAX;
        lanes->of_row[row] = lane;
        if (lane == UINT32_MAX) {
            lanes->left_out++;
            continue;
        }
        drawn++;
        lanes->lanes[lane].spans++;
        lanes->lanes[lane].total += end - start;
    }
}

static void put_span(struct page *page, const struct lanes *lanes, uint32_t row)
{
    double start = 0, end = 0;
    spans_at(&lanes->spans, row, &start, &end);
    long from = html_place(start, 0, lanes->range, WIDTH), to = html_place(end, 0, lanes->range, WIDTH);
    long width = to - from < HTML_SVG_LEAST ? HTML_SVG_LEAST : to - from;
    from = from + width > WIDTH ? WIDTH - width : from;
    buffer_format(&page->out, "<rect x=\"%ld\" width=\"%ld\" height=\"%d\"><title>", from, width, HEIGHT);
    if (lanes->spans.label >= 0) {
        const medic_cell *cell = section_cell(lanes->spans.section, row, (uint32_t)lanes->spans.label);
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
    html_svg(page, "spans");
    html_text(page, lanes->lanes[lane].name);
    buffer_format(&page->out, ": %s spans, ", spans.number);
    html_short(page, lanes->lanes[lane].total, MEDIC_UNIT_NANOSECONDS);
    page_add(page, " in all\">\n");
    for (uint32_t row = 0; row < lanes->spans.section->row_count; row++)
        if (lanes->of_row[row] == lane)
            put_span(page, lanes, row);
    page_add(page, "</svg></div>\n");
}

static void put_lanes(struct page *page, const struct lanes *lanes)
{
    page_add(page, lanes->spans.lane >= 0 ? "<figure class=\"lanes named\">\n" : "<figure class=\"lanes\">\n");
    for (uint32_t i = 0; i < lanes->count; i++)
        put_lane(page, lanes, i);
    html_axis(page, 0, lanes->range);
    page_add(page, "</figure>\n");
    if (lanes->left_out)
        buffer_format(&page->out, "<p class=\"shown\">%u further spans are not drawn</p>\n", lanes->left_out);
}

static void list_spans(struct page *page, struct spans *spans)
{
    struct table table;
    spans_table(spans, page_rows(page, spans->section), &table);
    html_table(page, &table, spans->section, true);
    html_shown(page, table.row_count, spans->section->total_rows, spans->section->kind);
}

void html_section_spans(struct page *page, const struct medic_section *section)
{
    struct lanes *lanes = calloc(1, sizeof *lanes);
    uint32_t *of_row = calloc((size_t)section->row_count + 1, sizeof *of_row);
    if (!lanes || !of_row) {
        page->out.failed = 1;
        goto out;
    }
    spans_init(&lanes->spans, section);
    lanes->of_row = of_row;
    collect_lanes(page, lanes);
    if (!lanes->count) {
        html_section_table(page, section);
        goto out;
    }
    put_lanes(page, lanes);
    list_spans(page, &lanes->spans);
out:
    free(of_row);
    free(lanes);
}

/* --- timeline --- */

static uint32_t unit_of_series(const struct series *series)
{
    return series->section->columns[series->column].unit;
}

static long left_of(const struct series *series, size_t point)
{
    return (long)((uint64_t)point * WIDTH / series->points);
}

static long height_of(const struct series *series, size_t point)
{
    double range = series->highest - series_floor(series);
    if (!(range > 0) || !isfinite(range))
        return 0;
    return html_place(series->values[point], series_floor(series), range, HEIGHT);
}

/* Steps, because a point is the peak of its time. */
static void put_outline(struct page *page, const struct series *series, const char *class_name, bool closed)
{
    bool begun = false;
    buffer_format(&page->out, "<path class=\"%s\" d=\"", class_name);
    for (size_t i = 0; i < series->points; i++) {
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
    for (size_t i = 0; i < series->points; i++) {
        if (isnan(series->values[i]))
            continue;
        long left = left_of(series, i);
        buffer_format(&page->out, "<rect x=\"%ld\" width=\"%ld\" height=\"%d\"><title>", left,
                      left_of(series, i + 1) - left, HEIGHT);
        html_short(page, series->values[i], unit_of_series(series));
        page_add(page, " at ");
        html_short(page, series->begin + series->range * (double)i / (double)series->points, MEDIC_UNIT_INSTANT);
        page_add(page, "</title></rect>\n");
    }
}

static void put_plot(struct page *page, const struct series *series)
{
    html_svg(page, "plot");
    html_text(page, series->section->columns[series->column].title);
    page_add(page, " over time: lowest ");
    html_short(page, series->lowest, unit_of_series(series));
    page_add(page, ", highest ");
    html_short(page, series->highest, unit_of_series(series));
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
    html_short(page, series->lowest, unit_of_series(series));
    page_add(page, " \u2013 ");
    html_short(page, series->highest, unit_of_series(series));
    page_add(page, "</span></figcaption>\n<div class=\"ends\" aria-hidden=\"true\"><span>");
    html_short(page, series->highest, unit_of_series(series));
    page_add(page, "</span><span>");
    html_short(page, series_floor(series), unit_of_series(series));
    page_add(page, "</span></div>\n");
    put_plot(page, series);
    html_axis(page, series->begin, series->begin + series->range);
    page_add(page, "</figure>\n");
}

void html_section_timeline(struct page *page, const struct medic_section *section)
{
    int time = section_role(section, MEDIC_ROLE_TIME);
    size_t points = section->row_count < POINTS_MOST ? section->row_count : POINTS_MOST;
    struct series *series = calloc(1, sizeof *series);
    bool drawn = false;
    if (!series) {
        page->out.failed = 1;
        return;
    }
    if (time >= 0 && points) {
        series_init(series, section, time, page->duration_ns);
        for (uint32_t i = series_next_column(section, time, 0); i < section->column_count;
             i = series_next_column(section, time, i + 1)) {
            if (!series_sample(series, i, points))
                continue;
            put_series(page, series);
            drawn = true;
        }
    }
    if (drawn)
        begin_numbers(page);
    html_section_table(page, section);
    page_add(page, drawn ? "</details>\n" : "");
    free(series);
}
