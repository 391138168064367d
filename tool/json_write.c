#include "tool/json.h"

#include "tool/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void add_escaped(struct buffer *out, uint32_t c)
{
    char bytes[4];
    switch (c) {
    case '"': buffer_add(out, "\\\"", 2); return;
    case '\\': buffer_add(out, "\\\\", 2); return;
    case '\n': buffer_add(out, "\\n", 2); return;
    case '\r': buffer_add(out, "\\r", 2); return;
    case '\t': buffer_add(out, "\\t", 2); return;
    default: break;
    }
    /* Controls, and what some readers of JSON take for a line end. */
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
        buffer_format(out, "\\u%04x", c);
    else
        buffer_add(out, bytes, utf8_write(c, bytes));
}

static void add_string(struct buffer *out, const char *string)
{
    buffer_add(out, "\"", 1);
    size_t size = strlen(string), length;
    for (size_t at = 0; at < size; at += length)
        add_escaped(out, utf8_decode(string + at, size - at, &length));
    buffer_add(out, "\"", 1);
}

static void new_line(struct json_writer *writer)
{
    buffer_add(writer->out, "\n", 1);
    buffer_repeat(writer->out, "  ", writer->depth);
}

static void begin_value(struct json_writer *writer, const char *key)
{
    if (!writer->fresh)
        buffer_add_string(writer->out, writer->flat ? ", " : ",");
    if (!writer->flat && writer->depth)
        new_line(writer);
    writer->fresh = false;
    if (key) {
        add_string(writer->out, key);
        buffer_add(writer->out, ": ", 2);
    }
}

void json_open(struct json_writer *writer, const char *key, char bracket, bool flat)
{
    if (!writer->out->size)
        writer->fresh = true;
    begin_value(writer, key);
    buffer_add(writer->out, &bracket, 1);
    writer->depth++;
    writer->fresh = true;
    writer->flat = writer->flat || flat;
}

void json_close(struct json_writer *writer, char bracket, bool flat)
{
    writer->depth--;
    if (!writer->fresh && !writer->flat)
        new_line(writer);
    buffer_add(writer->out, &bracket, 1);
    writer->fresh = false;
    writer->flat = writer->flat && !flat;
}

void json_put_string(struct json_writer *writer, const char *key, const char *value)
{
    begin_value(writer, key);
    if (value)
        add_string(writer->out, value);
    else
        buffer_add(writer->out, "null", 4);
}

void json_put_integer(struct json_writer *writer, const char *key, int64_t value)
{
    begin_value(writer, key);
    buffer_format(writer->out, "%" PRId64, value);
}

void json_put_unsigned(struct json_writer *writer, const char *key, uint64_t value)
{
    json_put_integer(writer, key, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

/* The shortest text that reads back as the same number, with '.' in every locale. */
static void shortest(double value, char out[40])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, 40, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    for (char *c = out; *c; c++)
        if (!strchr("+-0123456789e", *c))
            *c = '.';
}

void json_put_number(struct json_writer *writer, const char *key, double value)
{
    char digits[40];
    begin_value(writer, key);
    if (!isfinite(value)) {
        buffer_add(writer->out, "null", 4);
        return;
    }
    shortest(value, digits);
    buffer_add_string(writer->out, digits);
}

void json_put_bool(struct json_writer *writer, const char *key, bool value)
{
    begin_value(writer, key);
    buffer_add_string(writer->out, value ? "true" : "false");
}

void json_put_null(struct json_writer *writer, const char *key)
{
    begin_value(writer, key);
    buffer_add(writer->out, "null", 4);
}
