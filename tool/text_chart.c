/* Drawings over time: sections of kind spans and timeline. */
#include "tool/series.h"
#include "tool/spans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LANES_MOST 12
#define LANE_LABEL_MOST 24
#define CHART_ROWS 5
#define SERIES_AS_CHARTS 2 /* more series than this get one line each */
#define CELLS_MOST SERIES_POINTS_MOST
#define CHART_LEAST 12 /* cells that a line of a series needs to say something */

static const char *const LEVELS[] = {" ",      "\u2581", "\u2582", "\u2583", "\u2584",
                                     "\u2585", "\u2586", "\u2587", "\u2588"};
static const char *const ASCII_LEVELS[] = {" ", ".", ".", ":", "-", "=", "+", "*", "#"};

static const char *level(const struct page *page, unsigned eighths)
{
    eighths = eighths > 8 ? 8 : eighths;
    return page->ascii ? ASCII_LEVELS[eighths] : LEVELS[eighths];
}

static void put_left(struct page *page, const char *text, size_t width)
{
    page_pad(page, width - page_put(page, text, width));
}

static void put_right(struct page *page, const char *text, size_t width)
{
    size_t cells = page_cells(page, text);
    page_pad(page, cells < width ? width - cells : 0);
    page_put(page, text, width);
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* --- spans --- */

struct lanes {
    struct spans spans;
    double range; /* ns */
    size_t cells;
    struct {
        char name[SPANS_LANE_SIZE];
        double covered[CELLS_MOST]; /* 0..1 a cell */
    } * lanes;
    uint32_t count, dropped;
};

/* The lane of a row, made when it is new; NULL when there are too many. */
static double *lane_of(const struct page *page, struct lanes *lanes, uint32_t row)
{
    char name[SPANS_LANE_SIZE];
    spans_lane(&lanes->spans, row, page->ascii, name);
    for (uint32_t i = 0; i < lanes->count; i++)
        if (strcmp(lanes->lanes[i].name, name) == 0)
            return lanes->lanes[i].covered;
    if (lanes->count == LANES_MOST) {
        lanes->dropped++;
        return NULL;
    }
    memcpy(lanes->lanes[lanes->count].name, name, sizeof name);
    return lanes->lanes[lanes->count++].covered;
}

static void cover(struct lanes *lanes, double *covered, double start, double end)
{
    double scale = (double)lanes->cells / lanes->range, from = start * scale, to = end * scale;
    for (size_t i = (size_t)from; i < lanes->cells && (double)i < to; i++) {
        double begin = larger(from, (double)i), stop = to < (double)i + 1 ? to : (double)i + 1;
        covered[i] += stop - begin;
    }
    size_t only = (size_t)from < lanes->cells ? (size_t)from : lanes->cells - 1;
    covered[only] = larger(covered[only], 1e-9); /* shorter than anything that can be drawn, and yet there */
}

static void collect_lanes(const struct page *page, struct lanes *lanes)
{
    double start, end;
    lanes->range = spans_range(&lanes->spans, page->duration_ns);
    for (uint32_t row = 0; row < lanes->spans.section->row_count; row++) {
        double *covered = spans_at(&lanes->spans, row, &start, &end) ? lane_of(page, lanes, row) : NULL;
        if (covered)
            cover(lanes, covered, start, end);
    }
}

static void draw_lanes(struct page *page, struct lanes *lanes, size_t label)
{
    size_t indent = PAGE_INDENT + label + (label ? 1 : 0);
    for (uint32_t i = 0; i < lanes->count; i++) {
        page_pad(page, PAGE_INDENT);
        if (label) {
            put_left(page, lanes->lanes[i].name, label);
            page_add(page, " ");
        }
        page_style(page, STYLE_BAR);
        for (size_t cell = 0; cell < lanes->cells; cell++) {
            double covered = lanes->lanes[i].covered[cell];
            page_add(page, covered > 0 ? level(page, 1 + (unsigned)(covered * 7.01)) : page_pick(page, "\u00b7", "_"));
        }
        page_style(page, STYLE_PLAIN);
        page_end(page);
    }
    page_axis(page, indent, lanes->cells, 0, lanes->range < 9e18 ? (uint64_t)lanes->range : 0);
    if (lanes->dropped) {
        struct formatted number;
        format_value(lanes->dropped, MEDIC_UNIT_COUNT, page->ascii, &number);
        page_pad(page, PAGE_INDENT);
        page_style(page, STYLE_DIM);
        buffer_format(&page->out, "%s spans in further lanes are not drawn", number.number);
        page_style(page, STYLE_PLAIN);
        page_end(page);
    }
}

static size_t widest_lane(const struct page *page, const struct lanes *lanes)
{
    size_t widest = 0;
    for (uint32_t row = 0; lanes->spans.lane >= 0 && row < lanes->spans.section->row_count; row++) {
        char name[SPANS_LANE_SIZE];
        spans_lane(&lanes->spans, row, page->ascii, name);
        size_t cells = page_cells(page, name);
        widest = cells > widest ? cells : widest;
    }
    return widest < LANE_LABEL_MOST ? widest : LANE_LABEL_MOST;
}

static void list_spans(struct page *page, struct spans *spans)
{
    struct table table;
    spans_table(spans, page_rows(page, spans->section), &table);
    table_print(page, &table);
    page_footer(page, table.row_count, spans->section->total_rows, "spans");
}

void text_section_spans(struct page *page, const struct medic_section *section)
{
    struct lanes lanes = {0};
    spans_init(&lanes.spans, section);
    if (lanes.spans.start < 0 || lanes.spans.end < 0 || !section->row_count) {
        text_section_table(page, section);
        return;
    }
    lanes.lanes = calloc(LANES_MOST, sizeof *lanes.lanes);
    if (!lanes.lanes) {
        page->out.failed = 1;
        return;
    }
    size_t label = widest_lane(page, &lanes);
    lanes.cells = page->width - PAGE_INDENT - label - (label ? 1 : 0);
    lanes.cells = lanes.cells < CELLS_MOST ? lanes.cells : CELLS_MOST;
    collect_lanes(page, &lanes);
    draw_lanes(page, &lanes, label);
    page_end(page);
    list_spans(page, &lanes.spans);
    free(lanes.lanes);
}

/* --- timeline --- */

/* Height of a cell in eighths of a line, of lines lines; anything above the baseline shows. */
static unsigned height(const struct series *series, size_t cell, unsigned lines)
{
    double value = series->values[cell], base = series_floor(series), range = series->highest - base;
    if (isnan(value) || !(range > 0) || !isfinite(range))
        return 0;
    unsigned eighths = (unsigned)llround((value - base) / range * 8 * lines);
    return !eighths && value > base ? 1 : eighths;
}

static void draw_line(struct page *page, const struct series *series, unsigned line, unsigned lines)
{
    page_style(page, STYLE_BAR);
    for (size_t i = 0; i < series->points; i++) {
        unsigned below = (lines - 1 - line) * 8, eighths = height(series, i, lines);
        page_add(page, level(page, eighths > below ? eighths - below : 0));
    }
    page_style(page, STYLE_PLAIN);
}

static void series_label(const struct page *page, const struct series *series, double value, char *out, size_t size)
{
    format_short(value, series->section->columns[series->column].unit, page->ascii, out, size);
}

static void draw_chart(struct page *page, const struct series *series, size_t label)
{
    char top[64], bottom[64];
    series_label(page, series, series->highest, top, sizeof top);
    series_label(page, series, series_floor(series), bottom, sizeof bottom);
    page_pad(page, PAGE_INDENT);
    page_put(page, series->section->columns[series->column].title, page->width - PAGE_INDENT);
    page_end(page);
    for (unsigned line = 0; line < CHART_ROWS; line++) {
        page_pad(page, PAGE_INDENT);
        page_style(page, STYLE_DIM);
        put_right(page, line == 0 ? top : line + 1 == CHART_ROWS ? bottom : "", label);
        page_add(page, line == 0 || line + 1 == CHART_ROWS ? page_pick(page, " \u2524", " |")
                                                           : page_pick(page, " \u2502", " |"));
        page_style(page, STYLE_PLAIN);
        draw_line(page, series, line, CHART_ROWS);
        page_end(page);
    }
}

static void draw_spark(struct page *page, const struct series *series, size_t label, size_t low, size_t high)
{
    char lowest[64], highest[64];
    series_label(page, series, series->lowest, lowest, sizeof lowest);
    series_label(page, series, series->highest, highest, sizeof highest);
    page_pad(page, PAGE_INDENT);
    put_left(page, series->section->columns[series->column].title, label);
    page_add(page, " ");
    draw_line(page, series, 0, 1);
    if (low) {
        page_add(page, "  ");
        put_right(page, series->any ? lowest : "", low);
        page_add(page, page_pick(page, " \u2013 ", " - "));
        put_right(page, series->any ? highest : "", high);
    }
    page_end(page);
}

struct timeline {
    struct series *series;
    uint32_t count;
    size_t titles, tops, bottoms, lows; /* cells of the widest */
};

static void widen(size_t *widest, size_t cells)
{
    *widest = cells > *widest ? cells : *widest;
}

static void measure_series(const struct page *page, struct timeline *timeline, const struct series *series)
{
    char text[64];
    widen(&timeline->titles, page_cells(page, series->section->columns[series->column].title));
    series_label(page, series, series->highest, text, sizeof text);
    widen(&timeline->tops, page_cells(page, text));
    series_label(page, series, series_floor(series), text, sizeof text);
    widen(&timeline->bottoms, page_cells(page, text));
    series_label(page, series, series->lowest, text, sizeof text);
    widen(&timeline->lows, page_cells(page, text));
}

static void collect_series(const struct page *page, const struct medic_section *section, int time,
                           struct timeline *timeline)
{
    for (uint32_t i = series_next_column(section, time, 0); i < section->column_count;
         i = series_next_column(section, time, i + 1)) {
        struct series *series = &timeline->series[timeline->count++];
        series_init(series, section, time, page->duration_ns);
        series_sample(series, i, 1);
        measure_series(page, timeline, series);
    }
}

static void draw_timeline(struct page *page, struct timeline *timeline)
{
    bool charts = timeline->count <= SERIES_AS_CHARTS;
    size_t label = charts ? (timeline->tops > timeline->bottoms ? timeline->tops : timeline->bottoms)
                          : (timeline->titles < LANE_LABEL_MOST ? timeline->titles : LANE_LABEL_MOST);
    size_t left = PAGE_INDENT + label + (charts ? 2 : 1), right = charts ? 0 : 2 + timeline->lows + 3 + timeline->tops;
    if (page->width < left + right + CHART_LEAST) { /* too narrow for the numbers */
        right = 0;
        timeline->lows = 0;
    }
    size_t cells = page->width > left + right + 1 ? page->width - left - right : 1;
    cells = cells < CELLS_MOST ? cells : CELLS_MOST;
    for (uint32_t i = 0; i < timeline->count; i++) {
        struct series *series = &timeline->series[i];
        series_sample(series, series->column, cells);
        if (charts)
            draw_chart(page, series, label);
        else
            draw_spark(page, series, label, timeline->lows, timeline->tops);
    }
    const struct series *any = timeline->series;
    double end = any->begin + any->range;
    page_axis(page, left, cells, 0, end > 0 && end < 9e18 ? (uint64_t)end : 0);
}

void text_section_timeline(struct page *page, const struct medic_section *section)
{
    int time = section_role(section, MEDIC_ROLE_TIME);
    struct timeline timeline = {0};
    if (time >= 0 && section->row_count) {
        timeline.series = calloc(section->column_count, sizeof *timeline.series);
        if (!timeline.series) {
            page->out.failed = 1;
            return;
        }
        collect_series(page, section, time, &timeline);
    }
    if (timeline.count)
        draw_timeline(page, &timeline);
    else
        text_section_table(page, section);
    free(timeline.series);
}
