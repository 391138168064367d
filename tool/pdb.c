#include "tool/pdb.h"

#include <string.h>

enum { TABLE_DOCUMENT = 0x30, TABLE_METHOD = 0x31, TOKEN_METHOD = 0x06 };

#define BUDGET ((uint64_t)256 << 20)
#define POINTS_MAX ((size_t)1 << 20) /* bytes of the sequence points of one method */
#define PATH_BYTES_MAX 8192u

static struct bytes stream_of(const unsigned char *bytes, const struct metadata_streams *streams,
                              enum metadata_stream which)
{
    return (struct bytes){bytes + streams->at[which].offset, streams->at[which].size, false};
}

/* The rows of a table, which stand at the front of what is left. */
static struct bytes take_rows(struct bytes *tables, uint32_t rows, unsigned row_size)
{
    uint64_t size = (uint64_t)rows * row_size;
    const unsigned char *at = bytes_take(tables, size > SIZE_MAX ? SIZE_MAX : (size_t)size);
    return (struct bytes){at, at ? (size_t)size : 0, at == NULL};
}

static bool find_tables(struct pdb *pdb, struct bytes stream)
{
    struct metadata_tables tables;
    if (!metadata_read_tables(&stream, &tables))
        return false;
    if (tables.valid & ((UINT64_C(1) << TABLE_DOCUMENT) - 1)) /* those are of assemblies */
        return false;
    pdb->document_count = tables.rows[TABLE_DOCUMENT];
    pdb->method_count = tables.rows[TABLE_METHOD];
    pdb->blob_size = tables.blob_size;
    pdb->document_index = pdb->document_count < 0x10000 ? 2 : 4;
    pdb->document_row = 2 * tables.blob_size + 2 * tables.guid_size;
    pdb->method_row = pdb->document_index + tables.blob_size;
    pdb->documents = take_rows(&stream, pdb->document_count, pdb->document_row);
    pdb->methods = take_rows(&stream, pdb->method_count, pdb->method_row);
    return !stream.bad;
}

int pdb_open(const unsigned char *bytes, size_t size, struct pdb *pdb)
{
    struct metadata_streams streams;
    memset(pdb, 0, sizeof *pdb);
    if (!metadata_find_streams((struct bytes){bytes, size, false}, size, &streams))
        return MEDIC_E_CORRUPT;
    struct bytes about = stream_of(bytes, &streams, STREAM_PDB);
    const unsigned char *id = bytes_take(&about, PDB_ID_SIZE);
    if (!id || !find_tables(pdb, stream_of(bytes, &streams, STREAM_TABLES)))
        return MEDIC_E_CORRUPT;
    memcpy(pdb->id, id, PDB_ID_SIZE);
    pdb->blobs = stream_of(bytes, &streams, STREAM_BLOB);
    pdb->budget = BUDGET;
    return MEDIC_OK;
}

static struct bytes row_at(struct bytes rows, uint32_t row, unsigned row_size)
{
    bytes_take(&rows, (size_t)(row - 1) * row_size);
    return rows;
}

static struct bytes blob_at(const struct pdb *pdb, uint32_t index)
{
    struct bytes blob = pdb->blobs;
    bytes_take(&blob, index);
    uint32_t size = bytes_unsigned(&blob);
    const unsigned char *at = bytes_take(&blob, size);
    return (struct bytes){at, at ? size : 0, at == NULL};
}

/* --- sequence points --- */

struct points {
    struct bytes blob;
    uint32_t document, offset;
    int64_t line; /* of the last visible point; -1 = there was none */
    bool first;
};

/* 1 = a visible point, 0 = a hidden one, -1 = the end, or damage. */
static int next_point(struct points *points)
{
    struct bytes *blob = &points->blob;
    if (!blob->left || blob->bad)
        return -1;
    uint32_t delta = bytes_unsigned(blob);
    while (!points->first && delta == 0 && !blob->bad) { /* the following points are of another document */
        points->document = bytes_unsigned(blob);
        delta = bytes_unsigned(blob);
    }
    points->first = false;
    if (delta > UINT32_MAX - points->offset)
        return -1;
    points->offset += delta;
    uint32_t lines = bytes_unsigned(blob);
    int64_t columns = lines ? bytes_signed(blob) : (int64_t)bytes_unsigned(blob);
    if (blob->bad)
        return -1;
    if (lines == 0 && columns == 0)
        return 0;
    if (points->line < 0) {
        points->line = bytes_unsigned(blob);
        bytes_unsigned(blob); /* column */
    } else {
        points->line += bytes_signed(blob);
        bytes_signed(blob);
    }
    return blob->bad || points->line < 0 || points->line > UINT32_MAX ? -1 : 1;
}

static bool begin_points(struct pdb *pdb, uint32_t token, struct points *points)
{
    uint32_t row = token & 0xffffffu;
    if (token >> 24 != TOKEN_METHOD || row == 0 || row > pdb->method_count)
        return false;
    struct bytes method = row_at(pdb->methods, row, pdb->method_row);
    uint32_t document = metadata_index(&method, pdb->document_index);
    uint32_t index = metadata_index(&method, pdb->blob_size);
    if (method.bad || index == 0)
        return false;
    *points = (struct points){blob_at(pdb, index), document, 0, -1, true};
    if (points->blob.left > POINTS_MAX || points->blob.left > pdb->budget)
        return false;
    pdb->budget -= points->blob.left;
    bytes_unsigned(&points->blob); /* signature of the locals */
    if (document == 0)
        points->document = bytes_unsigned(&points->blob);
    return !points->blob.bad;
}

bool pdb_find(struct pdb *pdb, uint32_t token, uint32_t il_offset, struct pdb_place *place)
{
    struct points points;
    bool found = false;
    if (!begin_points(pdb, token, &points))
        return false;
    for (int kind; (kind = next_point(&points)) >= 0;) {
        if (points.offset > il_offset && found)
            break;
        if (kind == 0)
            continue;
        *place = (struct pdb_place){points.document, (uint32_t)points.line};
        found = true;
    }
    return found;
}

/* --- documents --- */

/* A byte that separates, then the indexes of parts. */
bool pdb_document(const struct pdb *pdb, uint32_t document, struct buffer *out)
{
    if (document == 0 || document > pdb->document_count)
        return false;
    struct bytes row = row_at(pdb->documents, document, pdb->document_row);
    struct bytes name = blob_at(pdb, metadata_index(&row, pdb->blob_size));
    size_t begin = out->size;
    char separator = (char)bytes_u8(&name);
    if (name.bad || (unsigned char)separator > 0x7f)
        return false;
    for (bool first = true; name.left; first = false) {
        struct bytes part = blob_at(pdb, bytes_unsigned(&name));
        if (name.bad || part.bad || out->size - begin + part.left >= PATH_BYTES_MAX)
            return false;
        if (!first && separator)
            buffer_add(out, &separator, 1);
        buffer_add(out, (const char *)part.at, part.left);
    }
    return out->size > begin;
}
