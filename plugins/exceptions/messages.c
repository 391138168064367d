/* Messages of exceptions: from UTF-16, and folded, so that those that differ in numbers and ids only are one. */
#include "recording.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { ID_LEAST = 8 }; /* digits of a hexadecimal word that is an id */

static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)(code < 0x20 || code == 0x7f ? ' ' : code);
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

static uint32_t unit_at(const uint8_t *utf16, uint32_t i)
{
    return utf16[2 * i] | (uint32_t)utf16[2 * i + 1] << 8;
}

char *text_of(const uint8_t *utf16, uint32_t units)
{
    char *text = malloc((size_t)units * 3 + 1), *to = text;

    if (!text)
        return NULL;
    for (uint32_t i = 0; i < units; i++) {
        uint32_t code = unit_at(utf16, i), low = i + 1 < units ? unit_at(utf16, i + 1) : 0;
        if (code >= 0xd800 && code < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            i++;
        } else if (code >= 0xd800 && code < 0xe000) {
            code = 0xfffd;
        }
        to = put_utf8(to, code);
    }
    *to = '\0';
    return text;
}

static int is_word(char c)
{
    return isalnum((unsigned char)c) || (c & 0x80);
}

/* Length of a GUID or a long hexadecimal word with a digit in it; 0 = there is none. */
static size_t id_length(const char *text)
{
    size_t length = 0, digits = 0, hex = 0;

    for (; isxdigit((unsigned char)text[length]) || (text[length] == '-' && hex >= 4); length++) {
        hex += text[length] != '-';
        digits += isdigit((unsigned char)text[length]) != 0;
    }
    while (length && text[length - 1] == '-')
        length--;
    return hex >= ID_LEAST && digits && digits < hex && !is_word(text[length]) ? length : 0;
}

static size_t number_length(const char *text)
{
    size_t length = 0;

    while (isdigit((unsigned char)text[length]) ||
           (length && text[length] && strchr(".,:", text[length]) && isdigit((unsigned char)text[length + 1])))
        length++;
    return length;
}

/* Int32, UInt64: the digits are part of a name. */
static int ends_int(const char *begin, const char *at)
{
    return at - begin >= 3 && memcmp(at - 3, "Int", 3) == 0;
}

char *fold_message(const char *text)
{
    char *folded = malloc(strlen(text) + 1), *to = folded;
    const char *begin = text;

    if (!folded)
        return NULL;
    for (char before = ' '; *text;) {
        size_t id = is_word(before) ? 0 : id_length(text), number = id ? 0 : number_length(text), length = id + number;
        if (id) { /* "<id>" is shorter */
            memcpy(to, "<id>", 4);
            to += 4;
        } else if (number && before != '`' && !ends_int(begin, text)) { /* not of List`1 */
            *to++ = '#';
        } else {
            length = length ? length : 1;
            memcpy(to, text, length);
            to += length;
        }
        before = text[length - 1];
        text += length;
    }
    *to = '\0';
    return folded;
}
