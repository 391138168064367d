/* A position in bytes that may be damaged: reading past the end gives zeros and is noted. */
#ifndef CORE_UNWIND_DWARF_CURSOR_H
#define CORE_UNWIND_DWARF_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct dwarf_cursor {
    const uint8_t *at, *end;
    bool bad;
};

static inline uint64_t dwarf_uint(struct dwarf_cursor *c, size_t size)
{
    uint64_t value = 0;
    if (c->bad || (size_t)(c->end - c->at) < size) {
        c->bad = true;
        return 0;
    }
    memcpy(&value, c->at, size); /* little-endian, as the machine */
    c->at += size;
    return value;
}

static inline int64_t dwarf_int(struct dwarf_cursor *c, size_t size)
{
    unsigned shift = (unsigned)(64 - 8 * size);
    return (int64_t)(dwarf_uint(c, size) << shift) >> shift;
}

static inline uint8_t dwarf_u8(struct dwarf_cursor *c)
{
    return (uint8_t)dwarf_uint(c, 1);
}

/* Either LEB128; bits beyond 64 are dropped. */
static inline uint64_t dwarf_leb(struct dwarf_cursor *c, bool is_signed)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = dwarf_u8(c);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while ((byte & 0x80) && !c->bad && shift < 140);
    if (is_signed && (byte & 0x40) && shift < 64)
        value |= ~UINT64_C(0) << shift;
    return value;
}

static inline uint64_t dwarf_uleb(struct dwarf_cursor *c)
{
    return dwarf_leb(c, false);
}

static inline int64_t dwarf_sleb(struct dwarf_cursor *c)
{
    return (int64_t)dwarf_leb(c, true);
}

static inline void dwarf_skip(struct dwarf_cursor *c, uint64_t size)
{
    if (c->bad || (uint64_t)(c->end - c->at) < size)
        c->bad = true;
    else
        c->at += size;
}

#endif
