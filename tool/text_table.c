#include "tool/text_page.h"

#include <string.h>

#define GAP 2
#define BAR_MOST 16
#define BAR_GOOD 10
#define BAR_LEAST 5
#define STRING_GOOD 24
#define STRING_LEAST 12

static bool is_text(const struct table_column *column)
{
    return column->type == MEDIC_STRING || column->type == MEDIC_BOOLEAN;
}

static size_t at_least(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t longest_word(const struct page *page, const char *title)
{
    struct buffer clean = {0};
    size_t longest = 0;
    page_clean(page, &clean, title);
    for (const char *at = buffer_get(&clean); *at;) {
        char word[256];
        size_t blanks = strspn(at, " "), size = strcspn(at + blanks, " ");
        size_t kept = size < sizeof word ? size : sizeof word - 1;
        memcpy(word, at + blanks, kept);
        word[kept] = '\0';
        longest = at_least(longest, text_cells(word));
        at += blanks + size;
    }
    buffer_free(&clean);
    return longest;
}

/* --- measuring --- */

static void measure_cell(const struct page *page, struct table_column *column, const medic_cell *cell)
{
    struct formatted text;
    if (cell->type == MEDIC_STRING) {
        column->number = at_least(column->number, page_cells(page, cell->as.string));
        return;
    }
    format_cell(cell, column->unit, page->ascii, &text);
    column->number = at_least(column->number, text_cells(text.number));
    if (text.unit[0])
        column->units = at_least(column->units, text_cells(text.unit) + 1);
}

static size_t content_width(const struct table_column *column)
{
    return column->number + column->units + (column->bar_cells ? column->bar_cells + 1 : 0);
}

static void set_widths(const struct page *page, struct table *table, bool whole_titles)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        struct table_column *column = &table->columns[i];
        size_t title = whole_titles ? page_cells(page, column->title) : longest_word(page, column->title);
        column->width = at_least(content_width(column), title);
    }
}

static void set_bars(struct table *table, size_t cells)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        table->columns[i].bar_cells = table->columns[i].bar ? cells : 0;
}

size_t table_width(const struct table *table)
{
    size_t width = table->column_count ? (table->column_count - 1) * GAP : 0;
    for (uint32_t i = 0; i < table->column_count; i++)
        width += table->columns[i].width;
    return width;
}

/* Takes cells from the widest strings, down to least, until the table fits. */
static bool shrink_strings(struct table *table, size_t width, size_t least)
{
    while (table_width(table) > width) {
        struct table_column *widest = NULL;
        for (uint32_t i = 0; i < table->column_count; i++) {
            struct table_column *column = &table->columns[i];
            if (column->type == MEDIC_STRING && column->width > least && (!widest || column->width > widest->width))
                widest = column;
        }
        if (!widest)
            return false;
        widest->width--;
    }
    return true;
}

static bool fits(const struct page *page, struct table *table, size_t width, size_t bars, bool whole_titles)
{
    set_bars(table, bars);
    set_widths(page, table, whole_titles);
    return table_width(table) <= width;
}

bool table_layout(const struct page *page, struct table *table, size_t width)
{
    static const struct {
        size_t bars;
        bool whole_titles;
    } TRIES[] = {{BAR_MOST, true}, {BAR_GOOD, true}, {BAR_GOOD, false}, {BAR_LEAST, false}};
    for (uint32_t i = 0; i < table->column_count; i++) {
        struct table_column *column = &table->columns[i];
        column->number = column->units = 0;
        for (uint32_t row = 0; row < table->row_count; row++) {
            medic_cell cell = table->cell(table->context, row, i);
            measure_cell(page, column, &cell);
        }
    }
    for (size_t i = table->modest ? 1 : 0; i < sizeof TRIES / sizeof *TRIES; i++)
        if (fits(page, table, width, TRIES[i].bars, TRIES[i].whole_titles))
            return true;
    if (shrink_strings(table, width, STRING_GOOD))
        return true;
    return fits(page, table, width, 0, false) || shrink_strings(table, width, STRING_LEAST);
}

/* --- printing --- */

#define HEADER_LINES 4

/* The words of a title that stand on one of the header's lines, greedily filled; "" when there is none. */
static void title_line(const struct page *page, const struct table_column *column, unsigned wanted, struct buffer *out)
{
    struct buffer clean = {0};
    unsigned line = 0;
    page_clean(page, &clean, column->title);
    for (const char *at = buffer_get(&clean); *at;) {
        size_t blanks = strspn(at, " "), size = strcspn(at + blanks, " "), before = out->size;
        if (size && out->size)
            buffer_add(out, " ", 1);
        buffer_add(out, at + blanks, size);
        if (text_cells(buffer_get(out)) > column->width && before) {
            buffer_cut(out, before);
            if (line++ == wanted)
                break;
            buffer_cut(out, 0);
            continue;
        }
        at += blanks + size;
    }
    if (line < wanted)
        buffer_cut(out, 0);
    buffer_free(&clean);
}

static unsigned title_lines(const struct page *page, const struct table_column *column)
{
    unsigned lines = 1;
    for (; lines < HEADER_LINES; lines++) {
        struct buffer text = {0};
        title_line(page, column, lines, &text);
        bool empty = !text.size;
        buffer_free(&text);
        if (empty)
            break;
    }
    return lines;
}

static void print_title(struct page *page, const struct table_column *column, const char *text)
{
    size_t cells = text_cells(text), numbers = column->number + column->units;
    size_t room = column->bar_cells && cells <= numbers ? numbers : column->width;
    if (!is_text(column) && !(column->bar_cells && cells > numbers) && cells < room)
        page_pad(page, room - cells);
    else
        room = cells;
    size_t before = room > cells ? room - cells : 0;
    size_t put = page_put(page, text, column->width);
    page_pad(page, column->width - (before + put < column->width ? before + put : column->width));
}

void table_header(struct page *page, const struct table *table, const char *last_title)
{
    unsigned lines = 1;
    for (uint32_t i = 0; i < table->column_count; i++) {
        unsigned more = title_lines(page, &table->columns[i]);
        lines = more > lines ? more : lines;
    }
    for (unsigned line = 0; line < lines; line++) {
        page_pad(page, PAGE_INDENT);
        page_style(page, STYLE_DIM);
        for (uint32_t i = 0; i < table->column_count; i++) {
            struct buffer text = {0};
            unsigned own = title_lines(page, &table->columns[i]);
            if (line + own >= lines) /* titles stand on the last line */
                title_line(page, &table->columns[i], line + own - lines, &text);
            page_pad(page, i ? GAP : 0);
            print_title(page, &table->columns[i], buffer_get(&text));
            buffer_free(&text);
        }
        if (last_title && line + 1 == lines) {
            size_t used = PAGE_INDENT + table_width(table) + (table->column_count ? GAP : 0);
            page_pad(page, table->column_count ? GAP : 0);
            page_put(page, last_title, page->width > used ? page->width - used : 1);
        }
        page_style(page, STYLE_PLAIN);
        page_end(page);
    }
}

static void print_number(struct page *page, const struct table_column *column, const medic_cell *cell)
{
    struct formatted text;
    double share;
    format_cell(cell, column->unit, page->ascii, &text);
    size_t number = text_cells(text.number), content = content_width(column);
    size_t lead = column->bar_cells ? 0 : column->width - content;
    page_pad(page, lead + column->number - number);
    page_add(page, text.number);
    size_t used = lead + column->number;
    if (text.unit[0]) {
        page_add(page, " ");
        page_add(page, text.unit);
        used += 1 + text_cells(text.unit);
    }
    if (column->bar_cells && cell_value(cell, &share)) {
        page_pad(page, column->number + column->units + 1 - used);
        used = column->number + column->units + 1 + page_bar(page, share, column->bar_cells);
    }
    page_pad(page, column->width - used);
}

void table_row(struct page *page, const struct table *table, uint32_t row, bool more)
{
    page_pad(page, PAGE_INDENT);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        medic_cell cell = table->cell(table->context, row, i);
        page_pad(page, i ? GAP : 0);
        if (cell.type == MEDIC_STRING) {
            size_t used = page_put(page, cell.as.string, column->width);
            page_pad(page, column->width - used);
        } else if (is_text(column)) {
            struct formatted text;
            format_cell(&cell, MEDIC_UNIT_NONE, page->ascii, &text);
            size_t used = text_cells(text.number);
            page_add(page, text.number);
            page_pad(page, column->width - used);
        } else {
            print_number(page, column, &cell);
        }
    }
    page_pad(page, more && table->column_count ? GAP : 0);
}

/* --- cards, for pages that are too narrow for a line a row --- */

static void card_value(const struct page *page, struct buffer *out, const struct table_column *column,
                       const medic_cell *cell)
{
    struct formatted text;
    if (cell->type == MEDIC_STRING) {
        page_clean(page, out, cell->as.string);
        return;
    }
    format_cell(cell, column->unit, page->ascii, &text);
    buffer_format(out, "%s%s%s", text.number, text.unit[0] ? "\u00a0" : "", text.unit); /* not torn when wrapped */
}

static void print_card(struct page *page, const struct table *table, uint32_t row)
{
    uint32_t head = 0;
    for (uint32_t i = table->column_count; i > 0; i--)
        if (table->columns[i - 1].type == MEDIC_STRING)
            head = i - 1;
    struct buffer value = {0}, rest = {0};
    medic_cell cell = table->cell(table->context, row, head);
    card_value(page, &value, &table->columns[head], &cell);
    page_pad(page, PAGE_INDENT);
    page_style(page, STYLE_BOLD);
    page_put(page, buffer_get(&value), page->width - PAGE_INDENT);
    page_style(page, STYLE_PLAIN);
    page_end(page);
    for (uint32_t i = 0; i < table->column_count; i++) {
        cell = table->cell(table->context, row, i);
        if (i == head || !cell.type || (cell.type == MEDIC_STRING && !*cell.as.string))
            continue;
        buffer_add_string(&rest, rest.size ? ", " : "");
        page_clean(page, &rest, table->columns[i].title);
        buffer_add_string(&rest, " ");
        card_value(page, &rest, &table->columns[i], &cell);
    }
    page_pad(page, 2 * PAGE_INDENT);
    page_wrap(page, buffer_get(&rest), 2 * PAGE_INDENT, 2 * PAGE_INDENT);
    buffer_free(&value);
    buffer_free(&rest);
}

void table_print(struct page *page, struct table *table)
{
    bool lines = table_layout(page, table, page->width - PAGE_INDENT);
    if (lines && table->row_count)
        table_header(page, table, NULL);
    for (uint32_t row = 0; row < table->row_count; row++) {
        if (!lines) {
            print_card(page, table, row);
            continue;
        }
        table_row(page, table, row, false);
        page_end(page);
    }
}

static medic_cell own_cell(const void *context, uint32_t row, uint32_t column)
{
    return *section_cell(context, row, column);
}

void table_of(struct table *table, const struct medic_section *section, uint32_t rows)
{
    memset(table, 0, sizeof *table);
    table->column_count = section->column_count;
    table->row_count = rows;
    table->cell = own_cell;
    table->context = section;
    for (uint32_t i = 0; i < section->column_count; i++) {
        const struct document_column *column = &section->columns[i];
        table->columns[i].title = column->title;
        table->columns[i].type = column->type;
        table->columns[i].unit = column->unit;
        table->columns[i].bar = (column->flags & MEDIC_COLUMN_SHARE) && column->unit == MEDIC_UNIT_RATIO;
    }
}

void text_section_table(struct page *page, const struct medic_section *section)
{
    struct table table;
    table_of(&table, section, page_rows(page, section));
    table_print(page, &table);
    page_footer(page, table.row_count, section->total_rows, "rows");
}
