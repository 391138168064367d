/* What the text renderer draws on: lines of cells, strangers' texts made harmless, colours that may be off. Internal to
 * render_text.c and the text_*.c files. */
#ifndef TOOL_TEXT_PAGE_H
#define TOOL_TEXT_PAGE_H

#include "tool/buffer.h"
#include "tool/document.h"
#include "tool/format.h"
#include "tool/render.h"

#define PAGE_INDENT 2

enum style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_TITLE,
    STYLE_BAR,
    STYLE_HEALTHY,
    STYLE_NOTICE,
    STYLE_WARNING,
    STYLE_CRITICAL
};

struct page {
    struct buffer out;
    size_t width;
    unsigned top;
    bool color, ascii;
    enum style style;     /* that has been begun */
    uint64_t duration_ns; /* of the recording */
};

/* One of two spellings of a drawn thing. */
const char *page_pick(const struct page *page, const char *utf8, const char *ascii);
/* Begins a style; STYLE_PLAIN ends it. */
void page_style(struct page *page, enum style style);
void page_add(struct page *page, const char *own_text);
void page_pad(struct page *page, size_t cells);
/* Ends the line, without blanks at its end. */
void page_end(struct page *page);

/* Adds a stranger's text to a buffer: control characters, escapes and direction overrides become visible and harmless,
 * line ends become blanks, and everything is ASCII when the page is. */
void page_clean(const struct page *page, struct buffer *out, const char *text);
/* Cells of a clean text. */
size_t text_cells(const char *text);
size_t page_cells(const struct page *page, const char *stranger);
/* A stranger's text in at most width cells, cut in the middle; returns the cells it took. */
size_t page_put(struct page *page, const char *stranger, size_t width);
/* Wraps a stranger's text: the current line has used cells already, further lines are indented. Ends the last line, and a
 * style that was begun: no colour crosses a line's end, which pagers would cut. */
void page_wrap(struct page *page, const char *stranger, size_t used, size_t indent);
/* A bar of at most width cells for 0..1, in eighths; returns the cells it took. */
size_t page_bar(struct page *page, double share, size_t width);
/* "20 of 4,511 rows", or nothing when all are shown. */
void page_footer(struct page *page, uint64_t shown, uint64_t total, const char *what);
/* A time axis below a drawing that begins at indent: labels from 0 to end_ns. */
void page_axis(struct page *page, size_t indent, size_t width, uint64_t begin_ns, uint64_t end_ns);

/* --- tables (text_table.c) --- */

struct table_column {
    const char *title;
    uint32_t type, unit;
    bool bar;
    size_t number, units, bar_cells, width; /* the layout, by table_layout */
};

/* Rows come from a function, so that merged and computed rows can be shown as well. */
struct table {
    struct table_column columns[DOCUMENT_COLUMNS_MAX + 2];
    uint32_t column_count, row_count;
    bool modest; /* something else stands in the line and wants the room: no wide bars */
    medic_cell (*cell)(const void *context, uint32_t row, uint32_t column);
    const void *context;
};

/* Measures, and shrinks bars and strings until the columns fit into width cells. false: they do not fit. */
bool table_layout(const struct page *page, struct table *table, size_t width);
/* Cells of all columns with their gaps. */
size_t table_width(const struct table *table);
void table_header(struct page *page, const struct table *table, const char *last_title);
/* Without the line's end, padded when more is to follow. */
void table_row(struct page *page, const struct table *table, uint32_t row, bool more);
/* Header and rows, or one card a row when the page is too narrow. */
void table_print(struct page *page, struct table *table);
/* Fills a table with columns of a section. */
void table_of(struct table *table, const struct medic_section *section, uint32_t rows);

/* How many rows of a section are shown. */
uint32_t page_rows(const struct page *page, const struct medic_section *section);
/* The column that names a row: with the role LABEL, else the first string key, else the first string; -1 without. */
int label_column(const struct medic_section *section);

/* --- one function a kind of section --- */
void text_section_table(struct page *page, const struct medic_section *section);
void text_section_tree(struct page *page, const struct medic_section *section);
void text_section_stacks(struct page *page, const struct medic_section *section);
void text_section_graph(struct page *page, const struct medic_section *section);
void text_section_spans(struct page *page, const struct medic_section *section);
void text_section_timeline(struct page *page, const struct medic_section *section);
void text_section_histogram(struct page *page, const struct medic_section *section);
void text_section_text(struct page *page, const struct medic_section *section);

#endif
