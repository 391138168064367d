/* `key=value` lines: client data, MEDIC_SESSION, the text of a capture header. */
#ifndef COMMON_KEYVALUE_H
#define COMMON_KEYVALUE_H

#include <stddef.h>

struct keyvalue {
    const char *key, *value; /* inside the text, not NUL-terminated */
    size_t key_size, value_size;
};

/* The next pair of the text at *cursor, which moves on. Empty lines and a trailing CR are skipped; the first '=' divides.
 * 1 = filled, 0 = no more, -1 = a line without '=', an empty key, or a NUL inside (filled with the line as key). */
int keyvalue_next(const char **cursor, const char *end, struct keyvalue *pair);
/* Whether the pair's key is this word. */
int keyvalue_is(const struct keyvalue *pair, const char *key);
/* Copies the value, NUL-terminated. 0, or -1 when it does not fit. */
int keyvalue_copy(const struct keyvalue *pair, char *out, size_t out_size);

#endif
