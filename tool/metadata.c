#include "tool/metadata.h"

#include <string.h>

#define MAGIC 0x424a5342u /* BSJB */
#define VERSION_MAX 256u
#define STREAMS_MAX 32u

const unsigned char *bytes_take(struct bytes *bytes, size_t size)
{
    if (bytes->bad || size > bytes->left) {
        bytes->bad = true;
        bytes->left = 0; /* loops until nothing is left end, too */
        return NULL;
    }
    const unsigned char *at = bytes->at;
    bytes->at += size;
    bytes->left -= size;
    return at;
}

uint8_t bytes_u8(struct bytes *bytes)
{
    const unsigned char *at = bytes_take(bytes, 1);
    return at ? *at : 0;
}

uint16_t bytes_u16(struct bytes *bytes)
{
    const unsigned char *at = bytes_take(bytes, 2);
    return at ? (uint16_t)(at[0] | at[1] << 8) : 0;
}

uint32_t bytes_u32(struct bytes *bytes)
{
    const unsigned char *at = bytes_take(bytes, 4);
    return at ? (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24 : 0;
}

uint64_t bytes_u64(struct bytes *bytes)
{
    uint64_t low = bytes_u32(bytes);
    return low | (uint64_t)bytes_u32(bytes) << 32;
}

/* The value, and how many bytes it took. */
static uint32_t compressed(struct bytes *bytes, unsigned *size)
{
    uint32_t first = bytes_u8(bytes);
    *size = first < 0x80 ? 1 : first < 0xc0 ? 2 : 4;
    if (first < 0x80)
        return first;
    if (first < 0xc0)
        return (first & 0x3f) << 8 | bytes_u8(bytes);
    if (first >= 0xe0)
        bytes->bad = true;
    const unsigned char *more = bytes_take(bytes, 3);
    return more ? (first & 0x1f) << 24 | (uint32_t)more[0] << 16 | (uint32_t)more[1] << 8 | more[2] : 0;
}

uint32_t bytes_unsigned(struct bytes *bytes)
{
    unsigned size;
    return compressed(bytes, &size);
}

/* The sign is the lowest bit, the rest is two's complement of 6, 13 or 28 bits. */
int32_t bytes_signed(struct bytes *bytes)
{
    unsigned size;
    uint32_t value = compressed(bytes, &size);
    uint32_t sign = size == 1 ? 0xffffffc0u : size == 2 ? 0xffffe000u : 0xf0000000u;
    return (int32_t)(value & 1 ? value >> 1 | sign : value >> 1);
}

/* --- streams --- */

static const char *const NAMES[STREAM_COUNT] = {"#~", "#Pdb", "#Blob", "#GUID"};

static bool read_stream(struct bytes *header, uint64_t total, struct metadata_streams *streams)
{
    uint32_t offset = bytes_u32(header), size = bytes_u32(header);
    char name[32];
    size_t length = 0;
    do {
        if (length == sizeof name)
            return false;
        name[length] = (char)bytes_u8(header);
    } while (name[length++] && !header->bad);
    bytes_take(header, (4 - length % 4) % 4);
    if (header->bad || offset > total || size > total - offset)
        return false;
    for (int i = 0; i < STREAM_COUNT; i++)
        if (strcmp(name, NAMES[i]) == 0) {
            streams->at[i].offset = offset;
            streams->at[i].size = size;
        }
    return true;
}

bool metadata_find_streams(struct bytes start, uint64_t total, struct metadata_streams *streams)
{
    memset(streams, 0, sizeof *streams);
    if (bytes_u32(&start) != MAGIC)
        return false;
    bytes_take(&start, 8); /* versions, reserved */
    uint32_t version_size = bytes_u32(&start);
    if (version_size > VERSION_MAX)
        return false;
    bytes_take(&start, version_size);
    bytes_u16(&start); /* flags */
    uint16_t count = bytes_u16(&start);
    if (start.bad || count > STREAMS_MAX)
        return false;
    for (uint16_t i = 0; i < count; i++)
        if (!read_stream(&start, total, streams))
            return false;
    return true;
}

bool metadata_read_tables(struct bytes *stream, struct metadata_tables *tables)
{
    memset(tables, 0, sizeof *tables);
    bytes_take(stream, 6); /* reserved, version */
    uint8_t wide = bytes_u8(stream);
    bytes_u8(stream);
    tables->valid = bytes_u64(stream);
    bytes_u64(stream); /* which are sorted */
    tables->string_size = wide & 1 ? 4 : 2;
    tables->guid_size = wide & 2 ? 4 : 2;
    tables->blob_size = wide & 4 ? 4 : 2;
    for (unsigned i = 0; i < 64; i++)
        if (tables->valid >> i & 1)
            tables->rows[i] = bytes_u32(stream);
    return !stream->bad;
}

uint32_t metadata_index(struct bytes *row, unsigned size)
{
    return size == 2 ? bytes_u16(row) : bytes_u32(row);
}
