/* A text that grows. When memory runs out it stays as it is and remembers: check failed once, at the end. */
#ifndef TOOL_BUFFER_H
#define TOOL_BUFFER_H

#include <medic/result.h>
#include <stddef.h>

/* Zeroed = empty. bytes is NUL-terminated once something was added, NULL before. */
struct buffer {
    char *bytes;
    size_t size, capacity;
    int failed;
};

void buffer_add(struct buffer *buffer, const char *bytes, size_t size);
void buffer_add_string(struct buffer *buffer, const char *string);
void buffer_repeat(struct buffer *buffer, const char *string, size_t count);
void buffer_format(struct buffer *buffer, const char *format, ...) MEDIC_PRINTF(2, 3);
/* Cuts it to its first size bytes; the memory is kept. */
void buffer_cut(struct buffer *buffer, size_t size);
void buffer_free(struct buffer *buffer);
/* The text, "" when it is empty. */
const char *buffer_get(const struct buffer *buffer);

#endif
