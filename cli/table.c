#include "cli/table.h"
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

static void print_last(const char *text, size_t room, FILE *file)
{
    if (!room || cells_of(text) <= room) {
        fputs(text, file);
        return;
    }
    fprintf(file, "%.*s", (int)cut_at(text, room - 1), text);
    fputs("\xe2\x80\xa6", file); /* … */
}

/* The last column is cut to what is left of the width, but never to less than LEAST cells. */
static void print_row(const struct list_column *columns, const size_t *widths, size_t count, const struct list_row *row,
                      unsigned width, bool bold, FILE *file)
{
    size_t used = 0;
    fputs(bold ? "\033[1m" : "", file);
    for (size_t i = 0; i < count; i++) {
        const char *text = row ? row->cells[i] : columns[i].title;
        if (columns[i].hidden)
            continue;
        if (i + 1 == count) {
            print_last(text, !width ? 0 : width > used + LEAST ? width - used : LEAST, file);
            break;
        }
        print_padded(text, widths[i], columns[i].right, file);
        fputs("  ", file);
        used += widths[i] + 2;
    }
    fputs(bold ? "\033[0m\n" : "\n", file);
}

void list_print(const struct list_column *columns, size_t column_count, const struct list_row *rows, size_t row_count,
                unsigned width, bool color, FILE *file)
{
    size_t widths[LIST_COLUMNS];
    for (size_t i = 0; i < column_count; i++) {
        widths[i] = cells_of(columns[i].title);
        for (size_t j = 0; j < row_count; j++) {
            size_t cells = cells_of(rows[j].cells[i]);
            if (cells > widths[i])
                widths[i] = cells;
        }
    }
    print_row(columns, widths, column_count, NULL, width, color, file);
    for (size_t j = 0; j < row_count; j++) {
        print_row(columns, widths, column_count, &rows[j], width, false, file);
        if (*rows[j].note)
            fprintf(file, "%s  %s%s\n", color ? "\033[2m" : "", rows[j].note, color ? "\033[0m" : "");
    }
}
