/* UTF-16 as a program had it, which need not be well formed, to UTF-8 that is safe to show anywhere. */
#include "value_text.h"

#include <stdio.h>
#include <string.h>

enum { CLUSTER_MAX = 32 };

struct range {
    uint32_t first, last;
};

static int in(uint32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return 1;
    return 0;
}

static int is_high(uint16_t unit)
{
    return (unit & 0xfc00) == 0xd800;
}

static int is_low(uint16_t unit)
{
    return (unit & 0xfc00) == 0xdc00;
}

/* The character at a unit, and how many units it takes. A surrogate alone is returned as it is. */
static uint32_t character_at(const uint16_t *text, uint32_t units, uint32_t at, uint32_t *taken)
{
    *taken = 1;
    if (is_high(text[at]) && at + 1 < units && is_low(text[at + 1])) {
        *taken = 2;
        return 0x10000u + ((uint32_t)(text[at] & 0x3ff) << 10 | (text[at + 1] & 0x3ff));
    }
    return text[at];
}

/* --- where to cut --- */

/* Belongs to the character before it: accents, variation selectors, skin tones, what joins. */
static int goes_on(uint32_t c)
{
    static const struct range ranges[] = {
        {0x0300, 0x036f}, {0x0483, 0x0489},   {0x0591, 0x05bd},   {0x0610, 0x061a}, {0x064b, 0x065f},
        {0x0900, 0x0903}, {0x093a, 0x094f},   {0x0e31, 0x0e31},   {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e},
        {0x1160, 0x11ff}, {0x1ab0, 0x1aff},   {0x1dc0, 0x1dff},   {0x200c, 0x200d}, {0x20d0, 0x20f0},
        {0x302a, 0x302f}, {0x3099, 0x309a},   {0xfe00, 0xfe0f},   {0xfe20, 0xfe2f}, {0x1f3fb, 0x1f3ff},
        {0xd7b0, 0xd7fb}, {0xe0020, 0xe007f}, {0xe0100, 0xe01ef},
    };
    return in(c, ranges, sizeof ranges / sizeof *ranges);
}

static int may_cut(const uint16_t *text, uint32_t units, uint32_t at)
{
    uint32_t taken, next;

    if (at == 0)
        return 1;
    if (at == units) /* what follows was not kept */
        return !is_high(text[at - 1]);
    if (is_low(text[at]) && is_high(text[at - 1]))
        return 0;
    next = character_at(text, units, at, &taken);
    if (next == '\n')
        return text[at - 1] != '\r';
    return !goes_on(next) && text[at - 1] != 0x200d;
}

/* At most `most`, and before a character, or where a heap of accents does not end. */
static uint32_t cut(const uint16_t *text, uint32_t units, uint32_t most)
{
    uint32_t at = most;

    while (most - at < CLUSTER_MAX && !may_cut(text, units, at))
        at--;
    if (may_cut(text, units, at))
        return at;
    return most - (uint32_t)is_high(text[most - 1]);
}

/* --- characters --- */

/* Would move, hide or break what stands around it. */
static int is_hidden(uint32_t c)
{
    static const struct range ranges[] = {
        {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad}, {0x061c, 0x061c}, {0x180e, 0x180e},
        {0x200b, 0x200b}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xd800, 0xdfff},
        {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xfffe, 0xffff},
    };
    return in(c, ranges, sizeof ranges / sizeof *ranges);
}

static size_t write_utf8(char *out, uint32_t c)
{
    size_t bytes = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    if (bytes == 1) {
        out[0] = (char)c;
        return 1;
    }
    for (size_t i = bytes - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00u >> bytes & 0xff) | c);
    return bytes;
}

static size_t write_character(char *out, uint32_t c)
{
    static const char short_forms[] = "\"\"\\\\\nn\rr\tt"; /* pairs */

    for (const char *form = short_forms; *form; form += 2)
        if ((uint32_t)*form == c) {
            out[0] = '\\';
            out[1] = form[1];
            return 2;
        }
    if (!is_hidden(c))
        return write_utf8(out, c);
    return (size_t)snprintf(out, VALUE_TEXT_UNIT + 1, "\\u%04X", c & 0xffff);
}

int value_text(char *out, const uint16_t *text, uint32_t units, uint32_t length, uint32_t most)
{
    uint32_t shown = units < most ? units : most, taken;

    if (shown < length)
        shown = cut(text, units, shown);
    *out++ = '"';
    for (uint32_t at = 0; at < shown; at += taken)
        out += write_character(out, character_at(text, shown, at, &taken));
    strcpy(out, shown < length ? "…\"" : "\"");
    return shown < length;
}
