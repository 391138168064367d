/* A plain table for `ps` and the like: columns as wide as their widest text, the last one cut at the terminal's
 * edge. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stdio.h>

enum { LIST_COLUMNS = 10, LIST_TEXT = 512 };

struct list_column {
    const char *title;
    bool right;  /* numbers */
    bool hidden; /* decided after all rows are known */
};

struct list_row {
    char cells[LIST_COLUMNS][LIST_TEXT]; /* printable UTF-8 */
    char note[LIST_TEXT];                /* a line under the row, "" for none */
};

/* width: 0 = do not cut. */
void list_print(const struct list_column *columns, size_t column_count, const struct list_row *rows, size_t row_count,
                unsigned width, bool color, FILE *file);

#endif
