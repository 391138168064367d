#include "tool/buffer.h"

#include <stdlib.h>
#include <string.h>

static int reserve(struct buffer *buffer, size_t more)
{
    if (buffer->failed)
        return -1;
    if (more < buffer->capacity - buffer->size)
        return 0;
    size_t room = buffer->capacity ? buffer->capacity : 256;
    while (room - buffer->size <= more) {
        if (room > SIZE_MAX / 4) {
            buffer->failed = 1;
            return -1;
        }
        room *= 2;
    }
    char *larger = realloc(buffer->bytes, room);
    if (!larger) {
        buffer->failed = 1;
        return -1;
    }
    buffer->bytes = larger;
    buffer->capacity = room;
    return 0;
}

void buffer_add(struct buffer *buffer, const char *bytes, size_t size)
{
    if (reserve(buffer, size))
        return;
    if (size)
        memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
    buffer->bytes[buffer->size] = '\0';
}

void buffer_add_string(struct buffer *buffer, const char *string)
{
    buffer_add(buffer, string, strlen(string));
}

void buffer_repeat(struct buffer *buffer, const char *string, size_t count)
{
    for (size_t size = strlen(string); count > 0; count--)
        buffer_add(buffer, string, size);
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0)
        buffer->failed = 1;
    else if (!reserve(buffer, (size_t)size)) {
        vsnprintf(buffer->bytes + buffer->size, (size_t)size + 1, format, again);
        buffer->size += (size_t)size;
    }
    va_end(again);
}

void buffer_cut(struct buffer *buffer, size_t size)
{
    if (size < buffer->size) {
        buffer->size = size;
        buffer->bytes[size] = '\0';
    }
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->bytes);
    memset(buffer, 0, sizeof *buffer);
}

const char *buffer_get(const struct buffer *buffer)
{
    return buffer->bytes ? buffer->bytes : "";
}
