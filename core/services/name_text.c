#include "name_text.h"

#include <string.h>

#define REPLACEMENT 0xFFFDu
#define ELLIPSIS_SIZE (sizeof NAME_ELLIPSIS - 1)

/* Where a character begins at or before `at`, so that a cut there leaves whole characters. */
static size_t character_boundary(const char *bytes, size_t at)
{
    while (at > 0 && ((unsigned char)bytes[at] & 0xC0) == 0x80)
        at--;
    return at;
}

void name_text_put(struct name_text *text, const char *bytes, size_t size)
{
    if (text->cut || text->capacity < ELLIPSIS_SIZE)
        return;
    size_t room = text->capacity - text->length;
    if (size <= room) {
        memcpy(text->bytes + text->length, bytes, size);
        text->length += size;
        return;
    }
    /* The new text may fit partly, or the old one may have to give way to the ellipsis. */
    if (room > ELLIPSIS_SIZE) {
        size_t part = character_boundary(bytes, room - ELLIPSIS_SIZE);
        memcpy(text->bytes + text->length, bytes, part);
        text->length += part;
    } else if (room < ELLIPSIS_SIZE) {
        text->length = character_boundary(text->bytes, text->capacity - ELLIPSIS_SIZE);
    }
    memcpy(text->bytes + text->length, NAME_ELLIPSIS, ELLIPSIS_SIZE);
    text->length += ELLIPSIS_SIZE;
    text->cut = true;
}

void name_text_puts(struct name_text *text, const char *string)
{
    name_text_put(text, string, strlen(string));
}

static void put_code_point(struct name_text *text, uint32_t c)
{
    char bytes[4];
    size_t size;
    if (c < 0x80) {
        bytes[0] = (char)c;
        size = 1;
    } else if (c < 0x800) {
        bytes[0] = (char)(0xC0 | c >> 6);
        bytes[1] = (char)(0x80 | (c & 0x3F));
        size = 2;
    } else if (c < 0x10000) {
        bytes[0] = (char)(0xE0 | c >> 12);
        bytes[1] = (char)(0x80 | (c >> 6 & 0x3F));
        bytes[2] = (char)(0x80 | (c & 0x3F));
        size = 3;
    } else {
        bytes[0] = (char)(0xF0 | c >> 18);
        bytes[1] = (char)(0x80 | (c >> 12 & 0x3F));
        bytes[2] = (char)(0x80 | (c >> 6 & 0x3F));
        bytes[3] = (char)(0x80 | (c & 0x3F));
        size = 4;
    }
    name_text_put(text, bytes, size);
}

void name_text_put_wide(struct name_text *text, const uint16_t *units, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t c = units[i];
        bool high = c >= 0xD800 && c < 0xDC00;
        bool low_follows = i + 1 < count && units[i + 1] >= 0xDC00 && units[i + 1] < 0xE000;
        if (high && low_follows)
            c = 0x10000 + ((c - 0xD800) << 10) + (units[++i] - 0xDC00u);
        else if (c >= 0xD800 && c < 0xE000)
            c = REPLACEMENT;
        put_code_point(text, c);
    }
}

/* Bytes of the character that this byte begins, 0 when none does. */
static size_t character_size(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first < 0xE0)
        return 2;
    if (first >= 0xE0 && first < 0xF0)
        return 3;
    return first >= 0xF0 && first < 0xF5 ? 4 : 0;
}

/* How many bytes at `at` continue a character of this size, the first one included. */
static size_t continued(const unsigned char *at, size_t size)
{
    size_t n = 1;
    while (n < size && (at[n] & 0xC0) == 0x80)
        n++;
    return n;
}

static uint32_t decode(const unsigned char *at, size_t size)
{
    static const uint32_t first_mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07}, least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c = at[0] & first_mask[size];
    for (size_t i = 1; i < size; i++)
        c = c << 6 | (at[i] & 0x3Fu);
    return c < least[size] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) ? REPLACEMENT : c;
}

void name_text_put_foreign(struct name_text *text, const char *bytes, size_t size)
{
    const unsigned char *at = (const unsigned char *)bytes, *end = at + size;
    while (at < end) {
        size_t left = (size_t)(end - at), whole = character_size(*at);
        size_t found = whole == 0 ? 1 : continued(at, whole < left ? whole : left);
        if (whole > left && found == left)
            return;
        put_code_point(text, whole == found ? decode(at, whole) : REPLACEMENT);
        at += found;
    }
}
