#include "common/keyvalue.h"

#include <string.h>

int keyvalue_next(const char **cursor, const char *end, struct keyvalue *pair)
{
    while (*cursor < end) {
        const char *line = *cursor;
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        *cursor = stop ? stop + 1 : end;
        size_t size = (size_t)((stop ? stop : end) - line);
        if (size > 0 && line[size - 1] == '\r')
            size--;
        if (size == 0)
            continue;
        const char *equals = memchr(line, '=', size);
        if (!equals || equals == line || memchr(line, '\0', size)) {
            *pair = (struct keyvalue){line, line + size, size, 0};
            return -1;
        }
        size_t key_size = (size_t)(equals - line);
        *pair = (struct keyvalue){line, equals + 1, key_size, size - key_size - 1};
        return 1;
    }
    return 0;
}

int keyvalue_is(const struct keyvalue *pair, const char *key)
{
    return strlen(key) == pair->key_size && memcmp(key, pair->key, pair->key_size) == 0;
}

int keyvalue_copy(const struct keyvalue *pair, char *out, size_t out_size)
{
    if (pair->value_size >= out_size)
        return -1;
    memcpy(out, pair->value, pair->value_size);
    out[pair->value_size] = '\0';
    return 0;
}
