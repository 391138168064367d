/* The container that .NET metadata and portable PDBs share (ECMA-335 II.24.2): where the streams are, and the integers that
 * blobs are made of. Everything comes from strangers: nothing is read outside of what was given. */
#ifndef TOOL_METADATA_H
#define TOOL_METADATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is left of some bytes; bad: something was asked for that is not there, and from then on all is 0. */
struct bytes {
    const unsigned char *at;
    size_t left;
    bool bad;
};

const unsigned char *bytes_take(struct bytes *bytes, size_t size); /* NULL when they are not there */
uint8_t bytes_u8(struct bytes *bytes);
uint16_t bytes_u16(struct bytes *bytes);
uint32_t bytes_u32(struct bytes *bytes);
uint64_t bytes_u64(struct bytes *bytes);
/* Compressed integers of ECMA-335 II.23.2. */
uint32_t bytes_unsigned(struct bytes *bytes);
int32_t bytes_signed(struct bytes *bytes);

enum metadata_stream { STREAM_TABLES, STREAM_PDB, STREAM_BLOB, STREAM_GUID, STREAM_COUNT };

struct metadata_streams {
    struct {
        uint32_t offset, size; /* within the metadata; size 0 = not there */
    } at[STREAM_COUNT];
};

/* start: the beginning of the metadata, whose whole size is total. false: it is none. */
bool metadata_find_streams(struct bytes start, uint64_t total, struct metadata_streams *streams);

/* The head of the stream of tables. */
struct metadata_tables {
    uint64_t valid; /* a bit for each table */
    uint32_t rows[64];
    unsigned string_size, guid_size, blob_size; /* bytes of an index into that heap */
};

/* Leaves tables->... at the first row of the first table. false: damaged. */
bool metadata_read_tables(struct bytes *stream, struct metadata_tables *tables);
/* An index of 2 or 4 bytes. */
uint32_t metadata_index(struct bytes *row, unsigned size);

#endif
