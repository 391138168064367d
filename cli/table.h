/* A plain table for `ps` and the like: columns as wide as their widest text, the last one cut at the terminal's
 * edge. Where they do not fit, some give way. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stdio.h>

enum { LIST_COLUMNS = 10, LIST_TEXT = 512 };

struct list_column {
    const char *title;
    bool right;  /* numbers */
    bool hidden; /* decided after all rows are known */
    int spare;   /* 1 and more: may be left out where there is no room, the highest first */
};

struct list_row {
    char cells[LIST_COLUMNS][LIST_TEXT]; /* printable UTF-8 */
    char note[LIST_TEXT];                /* a line under the row, "" for none; wrapped */
};

/* Shortens a text of a row to so many cells, with an ellipsis. */
void list_cut(char text[LIST_TEXT], size_t cells);
/* width: 0 = do not cut. Columns that gave way are hidden then. */
void list_print(struct list_column *columns, size_t column_count, const struct list_row *rows, size_t row_count,
                unsigned width, bool color, FILE *file);

#endif
