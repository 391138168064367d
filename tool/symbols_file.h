/* How symbols.json is laid out. For symbols.c, which fills it. */
#ifndef TOOL_SYMBOLS_FILE_H
#define TOOL_SYMBOLS_FILE_H

#include "tool/buffer.h"
#include "tool/symbols.h"

#define SYMBOLS_SCHEMA 1

/* Of one frame; function and file: index of a text, -1 = not known. */
struct symbols_row {
    uint32_t frame;
    int32_t function, file;
    uint32_t line;
};

struct symbols_content {
    const char *const *functions, *const *files; /* UTF-8 */
    size_t function_count, file_count;
    const struct symbols_row *rows; /* by ascending frame */
    size_t row_count;
};

void symbols_write(const struct symbols_content *content, struct buffer *out);

#endif
