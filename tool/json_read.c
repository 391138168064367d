#include "tool/json.h"

#include "tool/utf8.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    const char *text;
    size_t size, at;
    struct arena *arena;
    unsigned depth;
    int error;
    medic_reason *why;
};

static void fail(struct parser *parser, const char *what)
{
    if (parser->error)
        return;
    size_t line = 1;
    for (size_t i = 0; i < parser->at && i < parser->size; i++)
        line += parser->text[i] == '\n';
    parser->error = medic_fail(parser->why, MEDIC_E_CORRUPT, "not valid JSON: %s in line %zu (byte %zu)", what, line, parser->at);
}

static void *need(struct parser *parser, size_t size)
{
    void *memory = arena_alloc(parser->arena, size);
    if (!memory && !parser->error)
        parser->error = medic_fail(parser->why, MEDIC_E_MEMORY, "the JSON needs more memory than it may have");
    return memory;
}

static int peek(const struct parser *parser)
{
    return parser->at < parser->size ? (unsigned char)parser->text[parser->at] : -1;
}

static int skip_blank(struct parser *parser)
{
    while (parser->at < parser->size && memchr(" \t\r\n", parser->text[parser->at], 4))
        parser->at++;
    return peek(parser);
}

static bool take_word(struct parser *parser, const char *word)
{
    size_t size = strlen(word);
    if (parser->size - parser->at < size || memcmp(parser->text + parser->at, word, size) != 0) {
        fail(parser, "an unknown word");
        return false;
    }
    parser->at += size;
    return true;
}

/* --- strings --- */

static uint32_t hex4(struct parser *parser)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int c = peek(parser);
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)c - '0';
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            digit = (uint32_t)(c | 32) - 'a' + 10;
        else {
            fail(parser, "a bad \\u escape");
            return UTF8_REPLACEMENT;
        }
        value = value << 4 | digit;
        parser->at++;
    }
    return value;
}

/* After "\u": one character; a lone surrogate or NUL becomes U+FFFD. */
static uint32_t unicode_escape(struct parser *parser)
{
    uint32_t c = hex4(parser);
    if (c >= 0xd800 && c <= 0xdbff && parser->size - parser->at >= 6 && parser->text[parser->at] == '\\' &&
        parser->text[parser->at + 1] == 'u') {
        size_t before = parser->at;
        parser->at += 2;
        uint32_t low = hex4(parser);
        if (low >= 0xdc00 && low <= 0xdfff)
            return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        parser->at = before;
    }
    return c == 0 || (c >= 0xd800 && c <= 0xdfff) ? UTF8_REPLACEMENT : c;
}

static uint32_t escape(struct parser *parser)
{
    static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
    int c = peek(parser);
    parser->at++;
    if (c == 'u')
        return unicode_escape(parser);
    const char *found = c > 0 ? strchr(FROM, c) : NULL;
    if (!found) {
        fail(parser, "an unknown escape");
        return UTF8_REPLACEMENT;
    }
    return (unsigned char)TO[found - FROM];
}

/* The end of the string that begins at parser->at, so that its room is known. A bad byte may grow to three. */
static size_t string_room(const struct parser *parser)
{
    size_t room = 1;
    for (size_t i = parser->at; i < parser->size && parser->text[i] != '"'; i++) {
        room += (unsigned char)parser->text[i] < 0x80 && parser->text[i] ? 1 : 3;
        if (parser->text[i] == '\\') {
            i++;
            room += 1;
        }
    }
    return room;
}

static const char *string(struct parser *parser)
{
    parser->at++;
    char *out = need(parser, string_room(parser));
    size_t used = 0;
    while (out && !parser->error) {
        int c = peek(parser);
        if (c < 0x20) {
            fail(parser, c < 0 ? "an unfinished string" : "a control character in a string");
            break;
        }
        if (c == '"') {
            parser->at++;
            out[used] = '\0';
            return out;
        }
        size_t length = 1;
        uint32_t character;
        if (c == '\\') {
            parser->at++;
            character = escape(parser);
            length = 0;
        } else {
            character = utf8_decode(parser->text + parser->at, parser->size - parser->at, &length);
        }
        parser->at += length;
        used += utf8_encode(character, out + used);
    }
    return NULL;
}

/* --- numbers --- */

static size_t skip_digits(struct parser *parser)
{
    size_t before = parser->at;
    while (peek(parser) >= '0' && peek(parser) <= '9')
        parser->at++;
    return parser->at - before;
}

/* JSON's grammar; *whole = no fraction and no exponent. */
static bool scan_number(struct parser *parser, bool *whole)
{
    *whole = true;
    if (peek(parser) == '-')
        parser->at++;
    bool zero = peek(parser) == '0';
    size_t digits = skip_digits(parser);
    if (!digits || (zero && digits > 1))
        return false;
    if (peek(parser) == '.') {
        parser->at++;
        *whole = false;
        if (!skip_digits(parser))
            return false;
    }
    if (peek(parser) == 'e' || peek(parser) == 'E') {
        parser->at++;
        *whole = false;
        if (peek(parser) == '+' || peek(parser) == '-')
            parser->at++;
        if (!skip_digits(parser))
            return false;
    }
    return true;
}

/* strtod with '.' as the decimal point, whatever the locale says. */
static double parse_double(char *digits)
{
    const char *point = localeconv()->decimal_point;
    char *dot = strchr(digits, '.');
    if (dot && point[0] && !point[1])
        *dot = point[0];
    return strtod(digits, NULL);
}

static void number(struct parser *parser, struct json *value)
{
    char digits[512];
    size_t begin = parser->at;
    bool whole;
    if (!scan_number(parser, &whole) || parser->at - begin >= sizeof digits) {
        fail(parser, "a bad number");
        return;
    }
    memcpy(digits, parser->text + begin, parser->at - begin);
    digits[parser->at - begin] = '\0';
    errno = 0;
    value->type = JSON_INTEGER;
    value->as.integer = whole ? strtoll(digits, NULL, 10) : 0;
    if (whole && !errno)
        return;
    value->type = JSON_NUMBER;
    value->as.number = parse_double(digits);
}

/* --- values --- */

static struct json *parse_value(struct parser *parser);

static void container(struct parser *parser, struct json *value, char close)
{
    struct json **tail = &value->first;
    value->type = close == '}' ? JSON_OBJECT : JSON_ARRAY;
    if (++parser->depth > JSON_DEPTH_MAX) {
        fail(parser, "nesting that is too deep");
        return;
    }
    parser->at++;
    if (skip_blank(parser) == close) {
        parser->at++;
        parser->depth--;
        return;
    }
    while (!parser->error) {
        const char *key = NULL;
        if (close == '}') {
            if (skip_blank(parser) != '"') {
                fail(parser, "a member without a name");
                return;
            }
            key = string(parser);
            if (skip_blank(parser) != ':') {
                fail(parser, "a missing colon");
                return;
            }
            parser->at++;
        }
        struct json *child = parse_value(parser);
        if (parser->error)
            return;
        child->key = key;
        *tail = child;
        tail = &child->next;
        int c = skip_blank(parser);
        parser->at++;
        if (c == close)
            break;
        if (c != ',') {
            parser->at--;
            fail(parser, "a missing comma or bracket");
        }
    }
    parser->depth--;
}

static struct json *parse_value(struct parser *parser)
{
    struct json *value = need(parser, sizeof *value);
    int c = skip_blank(parser);
    if (!value)
        return NULL;
    switch (c) {
    case '{': container(parser, value, '}'); break;
    case '[': container(parser, value, ']'); break;
    case '"':
        value->type = JSON_STRING;
        value->as.string = string(parser);
        break;
    case 't':
    case 'f':
        value->type = JSON_BOOLEAN;
        value->as.boolean = c == 't';
        take_word(parser, c == 't' ? "true" : "false");
        break;
    case 'n': take_word(parser, "null"); break;
    case -1: fail(parser, "an unexpected end"); break;
    default: number(parser, value); break;
    }
    return parser->error ? NULL : value;
}

int json_parse(const char *text, size_t size, struct arena *arena, struct json **root, medic_reason *why)
{
    struct parser parser = {.text = text, .size = size, .arena = arena, .why = why};
    *root = parse_value(&parser);
    if (!parser.error && skip_blank(&parser) != -1)
        fail(&parser, "something behind the end");
    return parser.error;
}

/* --- looking --- */

const struct json *json_first(const struct json *value, enum json_type container_type)
{
    return value && value->type == container_type ? value->first : NULL;
}

const struct json *json_member(const struct json *object, const char *key)
{
    for (const struct json *member = json_first(object, JSON_OBJECT); member; member = member->next)
        if (strcmp(member->key, key) == 0)
            return member;
    return NULL;
}

const char *json_string(const struct json *value)
{
    return value && value->type == JSON_STRING ? value->as.string : NULL;
}

bool json_integer(const struct json *value, int64_t *integer)
{
    if (value && value->type == JSON_INTEGER) {
        *integer = value->as.integer;
        return true;
    }
    if (!value || value->type != JSON_NUMBER || !(fabs(value->as.number) < 9e15) || value->as.number != floor(value->as.number))
        return false;
    *integer = (int64_t)value->as.number;
    return true;
}

uint64_t json_unsigned(const struct json *value)
{
    int64_t integer;
    return json_integer(value, &integer) && integer > 0 ? (uint64_t)integer : 0;
}

bool json_number(const struct json *value, double *out)
{
    if (!value || (value->type != JSON_INTEGER && value->type != JSON_NUMBER))
        return false;
    *out = value->type == JSON_INTEGER ? (double)value->as.integer : value->as.number;
    return true;
}

bool json_true(const struct json *value)
{
    return value && value->type == JSON_BOOLEAN && value->as.boolean;
}
