#include "common/text.h"

#include <stdint.h>
#include <string.h>

int text_is_word(const char *text, size_t size)
{
    if (size == 0 || text[0] < 'a' || text[0] > 'z')
        return 0;
    for (size_t i = 1; i < size; i++) {
        char c = text[i];
        if (c == '\0')
            return 1;
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return 0;
    }
    return 0;
}

/* Bytes of the UTF-8 sequence that this byte begins, and the payload bits in it; 0 = it begins none. */
static size_t sequence_length(unsigned char first, uint32_t *bits)
{
    if (first < 0x80)
        return *bits = first, 1;
    if (first >= 0xc2 && first <= 0xdf)
        return *bits = first & 0x1fu, 2;
    if (first >= 0xe0 && first <= 0xef)
        return *bits = first & 0x0fu, 3;
    if (first >= 0xf0 && first <= 0xf4)
        return *bits = first & 0x07u, 4;
    return 0;
}

static int is_clean_code(uint32_t code, size_t length)
{
    static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000}; /* below: longer than needed */
    return code >= lowest[length] && code >= 0x20 && !(code >= 0x7f && code < 0xa0) &&
           !(code >= 0xd800 && code < 0xe000) && code < 0x110000;
}

/* Bytes of the clean character at text, 0 when there is none. The NUL stops it before the end. */
static size_t clean_character(const char *text, size_t left)
{
    uint32_t code = 0;
    size_t length = sequence_length((unsigned char)text[0], &code);
    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if ((byte & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (byte & 0x3fu);
    }
    return is_clean_code(code, length) ? length : 0;
}

int text_is_clean(const char *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        if (text[i] == '\0')
            return 1;
        size_t length = clean_character(text + i, size - i);
        if (length == 0)
            return 0;
        i += length;
    }
    return 0;
}

const char *text_quote(const char *text, char out[TEXT_QUOTE_SIZE])
{
    const size_t room = TEXT_QUOTE_SIZE - sizeof "\"...\""; /* for what stands between the first quote and the dots */
    size_t left = strnlen(text, TEXT_QUOTE_SIZE + 4); /* enough to see that it is too long, and a whole character */
    size_t at = 0;
    out[at++] = '"';
    for (size_t i = 0; i < left;) {
        size_t length = clean_character(text + i, left - i);
        size_t width = length ? length : 1;
        if (at + width > room) {
            memcpy(out + at, "...", 3);
            at += 3;
            break;
        }
        if (length)
            memcpy(out + at, text + i, length);
        else
            out[at] = '?';
        at += width;
        i += width;
    }
    out[at++] = '"';
    out[at] = '\0';
    return out;
}
