/* JSON, read from strangers (jansson parses) and written in a stable order with a line for each row. jansson and not cJSON,
 * because cJSON's numbers are doubles: an int64 (an address, a byte count) must come back exactly. */
#ifndef TOOL_JSON_H
#define TOOL_JSON_H

#include "tool/arena.h"
#include "tool/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum json_type {
    JSON_KIND_NULL,
    JSON_KIND_BOOLEAN,
    JSON_KIND_INTEGER,
    JSON_KIND_NUMBER,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT
};

struct json {
    enum json_type type;
    union {
        bool boolean;
        int64_t integer;    /* a number without fraction and exponent that fits */
        double number;      /* every other number */
        const char *string; /* repaired UTF-8; \u0000 became U+FFFD */
    } as;
    const char *key;           /* of a member of an object */
    struct json *first, *next; /* children; the next sibling */
};

/* Parses a whole text into the arena. MEDIC_E_CORRUPT with the place, MEDIC_E_MEMORY. */
int json_parse(const char *text, size_t size, struct arena *arena, struct json **root, medic_reason *why);

/* Each takes a value that may be NULL or of another type: then it is not there. The first of equal keys counts. */
const struct json *json_member(const struct json *object, const char *key);
const char *json_get_string(const struct json *value);             /* or NULL */
bool json_get_integer(const struct json *value, int64_t *integer); /* whole numbers that fit, 1e3 too */
uint64_t json_get_unsigned(const struct json *value);              /* 0 when there is none or it is negative */
bool json_get_number(const struct json *value, double *number);    /* integers too */
bool json_get_bool(const struct json *value);
/* For walks over a container of one type: its first child, or NULL when value is none such. */
const struct json *json_first(const struct json *value, enum json_type container);

/* --- writing: appends to a text, two blanks an indent --- */

struct json_writer {
    struct buffer *out;
    unsigned depth;
    bool fresh; /* nothing stands in the current container yet */
    bool flat;  /* the current container is written on one line */
};

/* key: NULL in arrays and at the root. A flat container keeps everything inside it on its line. */
void json_open(struct json_writer *writer, const char *key, char bracket, bool flat);
void json_close(struct json_writer *writer, char bracket, bool flat);
void json_put_string(struct json_writer *writer, const char *key, const char *value); /* NULL gives null */
void json_put_integer(struct json_writer *writer, const char *key, int64_t value);
void json_put_unsigned(struct json_writer *writer, const char *key, uint64_t value);
void json_put_number(struct json_writer *writer, const char *key, double value); /* not finite gives null */
void json_put_bool(struct json_writer *writer, const char *key, bool value);
void json_put_null(struct json_writer *writer, const char *key);

#endif
