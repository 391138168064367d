#include "common/guid.h"

#include <string.h>

#include "common/text.h"

/* The bytes of a GUID in the order of its text: the first three members are written as numbers. */
static void to_text_order(const GUID *guid, uint8_t bytes[16])
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(guid->Data1 >> (24 - 8 * i));
    bytes[4] = (uint8_t)(guid->Data2 >> 8);
    bytes[5] = (uint8_t)guid->Data2;
    bytes[6] = (uint8_t)(guid->Data3 >> 8);
    bytes[7] = (uint8_t)guid->Data3;
    memcpy(bytes + 8, guid->Data4, 8);
}

static void from_text_order(const uint8_t bytes[16], GUID *guid)
{
    guid->Data1 = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    guid->Data2 = (uint16_t)(bytes[4] << 8 | bytes[5]);
    guid->Data3 = (uint16_t)(bytes[6] << 8 | bytes[7]);
    memcpy(guid->Data4, bytes + 8, 8);
}

static int dash_before(int byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void guid_format(const GUID *guid, char text[GUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];
    to_text_order(guid, bytes);
    char *out = text;
    for (int i = 0; i < 16; i++) {
        if (dash_before(i))
            *out++ = '-';
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Stops at the first character that does not fit, so it never reads past the NUL. */
static int scan(const char *text, uint8_t bytes[16])
{
    int braces = *text == '{';
    text += braces;
    for (int i = 0; i < 16; i++) {
        if (dash_before(i) && *text++ != '-')
            return 0;
        int high = digit_value(text[0]);
        int low = high < 0 ? -1 : digit_value(text[1]);
        if (low < 0)
            return 0;
        bytes[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    if (braces && *text++ != '}')
        return 0;
    return *text == '\0';
}

int guid_parse(const char *text, GUID *guid, medic_reason *why)
{
    uint8_t bytes[16];
    char quoted[TEXT_QUOTE_SIZE];
    if (!scan(text, bytes))
        return medic_fail(why, MEDIC_E_ARGUMENT, "%s is not a GUID such as 01234567-89ab-cdef-0123-456789abcdef",
                          text_quote(text, quoted));
    from_text_order(bytes, guid);
    return MEDIC_OK;
}

int guid_equal(const GUID *a, const GUID *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}
