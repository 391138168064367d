#include "cli/table.h"
#include "cli/cli.h"
#include "tool/utf8.h"

#include <string.h>

enum { LEAST = 20 };

static size_t cells_of(const char *text)
{
    size_t cells = 0, size = strlen(text), length;
    for (size_t at = 0; at < size; at += length)
        cells += utf8_cells(utf8_decode(text + at, size - at, &length));
    return cells;
}

/* Bytes of text that fit into so many cells. */
static size_t cut_at(const char *text, size_t width)
{
    size_t used = 0, at = 0, size = strlen(text), length;
    while (at < size) {
        used += utf8_cells(utf8_decode(text + at, size - at, &length));
        if (used > width)
            break;
        at += length;
    }
    return at;
}

static void print_padded(const char *text, size_t width, bool right, FILE *file)
{
    size_t cells = cells_of(text), pad = cells < width ? width - cells : 0;
    fprintf(file, "%*s%s%*s", right ? (int)pad : 0, "", text, right ? 0 : (int)pad, "");
}

void list_cut(char text[LIST_TEXT], size_t room)
{
    const char *more = cli_ascii() ? "..." : "\xe2\x80\xa6"; /* … */
    if (cells_of(text) > room) {
        size_t at = cut_at(text, room - cells_of(more));
        snprintf(text + at, LIST_TEXT - at, "%s", more);
    }
}

/* ---- which columns ---- */

/* The last column that is shown. */
static size_t last_of(const struct list_column *columns, size_t count)
{
    while (count > 1 && columns[count - 1].hidden)
        count--;
    return count - 1;
}

static void measure(const struct list_column *columns, size_t column_count, const struct list_row *rows,
                    size_t row_count, size_t *widths)
{
    for (size_t i = 0; i < column_count; i++) {
        widths[i] = cells_of(columns[i].title);
        for (size_t j = 0; j < row_count; j++) {
            size_t cells = cells_of(rows[j].cells[i]);
            if (cells > widths[i])
                widths[i] = cells;
        }
    }
}

/* What the columns take, the last one cut as far as it may be. */
static size_t least_width(const struct list_column *columns, size_t count, const size_t *widths)
{
    size_t used = 0, last = last_of(columns, count);
    for (size_t i = 0; i < last; i++)
        used += columns[i].hidden ? 0 : widths[i] + 2;
    return used + (widths[last] < LEAST || columns[last].right ? widths[last] : LEAST);
}

static void leave_out(struct list_column *columns, size_t count, const size_t *widths, unsigned width)
{
    while (width && least_width(columns, count, widths) > width) {
        struct list_column *least = NULL;
        for (size_t i = 0; i < count; i++)
            if (!columns[i].hidden && columns[i].spare > (least ? least->spare : 0))
                least = &columns[i];
        if (!least)
            return;
        least->hidden = true;
    }
}

/* ---- rows ---- */

/* The last column is cut to what is left of the width, but never to less than LEAST cells. */
static void print_row(const struct list_column *columns, const size_t *widths, size_t count, const struct list_row *row,
                      unsigned width, bool bold, FILE *file)
{
    size_t used = 0, last = last_of(columns, count);
    char text[LIST_TEXT];
    fputs(bold ? "\033[1m" : "", file);
    for (size_t i = 0; i <= last; i++) {
        if (columns[i].hidden)
            continue;
        snprintf(text, sizeof text, "%s", row ? row->cells[i] : columns[i].title);
        if (i == last && width)
            list_cut(text, width > used + LEAST ? width - used : LEAST);
        print_padded(text, i < last || columns[i].right ? widths[i] : 0, columns[i].right, file);
        fputs(i < last ? "  " : "", file);
        used += widths[i] + 2;
    }
    fputs(bold ? "\033[0m\n" : "\n", file);
}

void list_print(struct list_column *columns, size_t column_count, const struct list_row *rows, size_t row_count,
                unsigned width, bool color, FILE *file)
{
    size_t widths[LIST_COLUMNS];
    measure(columns, column_count, rows, row_count, widths);
    leave_out(columns, column_count, widths, width);
    print_row(columns, widths, column_count, NULL, width, color, file);
    for (size_t j = 0; j < row_count; j++) {
        print_row(columns, widths, column_count, &rows[j], width, false, file);
        if (!*rows[j].note)
            continue;
        fputs(color ? "\033[2m  " : "  ", file);
        cli_put_wrapped(file, rows[j].note, strlen(rows[j].note), 2, width);
        fputs(color ? "\033[0m\n" : "\n", file);
    }
}
