#include "tool/pe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define SECTIONS_MAX 96u
#define DEBUG_MAX 64u
#define PDB_SIZE_MAX ((uint32_t)256 << 20)
#define METADATA_HEAD 1024u

enum { DEBUG_CODEVIEW = 2, DEBUG_EMBEDDED = 17, DIRECTORY_DEBUG = 6, DIRECTORY_CLR = 14 };

struct section {
    uint32_t address, size, offset;
};

struct image {
    int fd;
    uint64_t size;
    struct section sections[SECTIONS_MAX];
    uint32_t section_count;
    struct {
        uint32_t address, size;
    } debug, clr;
};

/* At most size bytes, as many as the file has. */
static int read_some(const struct image *image, uint64_t offset, void *out, size_t size, size_t *got)
{
    *got = 0;
    while (*got < size) {
        ssize_t more = pread(image->fd, (char *)out + *got, size - *got, (off_t)(offset + *got));
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return MEDIC_E_IO;
        if (more == 0)
            break;
        *got += (size_t)more;
    }
    return MEDIC_OK;
}

static int read_all(const struct image *image, uint64_t offset, void *out, size_t size)
{
    size_t got;
    if (offset > image->size || size > image->size - offset)
        return MEDIC_E_CORRUPT;
    int result = read_some(image, offset, out, size, &got);
    return result || got == size ? result : MEDIC_E_CORRUPT;
}

/* --- headers --- */

static void read_directories(struct image *image, struct bytes optional)
{
    struct bytes start = optional;
    unsigned before = bytes_u16(&optional) == 0x20b ? 112 : 96;
    bytes_take(&start, before - 4);
    uint32_t count = bytes_u32(&start);
    for (uint32_t i = 0; i < count && i <= DIRECTORY_CLR; i++) {
        uint32_t address = bytes_u32(&start), size = bytes_u32(&start);
        if (i == DIRECTORY_DEBUG) {
            image->debug.address = address;
            image->debug.size = size;
        } else if (i == DIRECTORY_CLR) {
            image->clr.address = address;
            image->clr.size = size;
        }
    }
}

static int read_sections(struct image *image, uint64_t offset)
{
    unsigned char table[SECTIONS_MAX * 40];
    int result = read_all(image, offset, table, image->section_count * 40);
    struct bytes rows = {table, image->section_count * 40, false};
    for (uint32_t i = 0; i < image->section_count && !result; i++) {
        struct section *section = &image->sections[i];
        bytes_take(&rows, 8);
        uint32_t virtual_size = bytes_u32(&rows);
        section->address = bytes_u32(&rows);
        section->size = bytes_u32(&rows);
        section->offset = bytes_u32(&rows);
        if (section->size > virtual_size && virtual_size)
            section->size = virtual_size;
        bytes_take(&rows, 16);
    }
    return result;
}

static int read_headers(struct image *image)
{
    unsigned char dos[64], coff[24], optional[1024];
    int result = read_all(image, 0, dos, sizeof dos);
    if (!result && (dos[0] != 'M' || dos[1] != 'Z'))
        return MEDIC_E_CORRUPT;
    if (result)
        return result;
    struct bytes start = {dos + 60, 4, false};
    uint64_t at = bytes_u32(&start);
    if ((result = read_all(image, at, coff, sizeof coff)) != 0)
        return result;
    if (memcmp(coff, "PE\0\0", 4) != 0)
        return MEDIC_E_CORRUPT;
    struct bytes head = {coff + 6, sizeof coff - 6, false};
    image->section_count = bytes_u16(&head);
    bytes_take(&head, 12);
    uint16_t optional_size = bytes_u16(&head);
    if (image->section_count > SECTIONS_MAX || optional_size > sizeof optional)
        return MEDIC_E_CORRUPT;
    if ((result = read_all(image, at + sizeof coff, optional, optional_size)) != 0)
        return result;
    read_directories(image, (struct bytes){optional, optional_size, false});
    return read_sections(image, at + sizeof coff + optional_size);
}

/* Where size bytes at an address are in the file; 0 = nowhere. */
static uint64_t offset_of(const struct image *image, uint32_t address, uint32_t size)
{
    for (uint32_t i = 0; i < image->section_count; i++) {
        const struct section *section = &image->sections[i];
        if (address < section->address || address - section->address > section->size ||
            size > section->size - (address - section->address))
            continue;
        return (uint64_t)section->offset + (address - section->address);
    }
    return 0;
}

/* --- the debug directory --- */

struct debug_entry {
    uint32_t stamp, type, size, offset;
    uint16_t minor;
};

/* "RSDS", a GUID, an age, a path. The PDB's id is the GUID and the stamp of the entry. */
static int take_codeview(const struct image *image, const struct debug_entry *entry, struct pe *pe)
{
    unsigned char data[24 + PE_PATH_MAX] = {0};
    uint32_t size = entry->size < sizeof data - 1 ? entry->size : (uint32_t)sizeof data - 1;
    if (entry->minor != 0x504d || entry->size < 24) /* "PM": of a portable PDB */
        return MEDIC_OK;
    int result = read_all(image, entry->offset, data, size);
    if (result || memcmp(data, "RSDS", 4) != 0)
        return result;
    memcpy(pe->pdb_id, data + 4, 16);
    for (int i = 0; i < 4; i++)
        pe->pdb_id[16 + i] = (unsigned char)(entry->stamp >> 8 * i);
    memcpy(pe->pdb_path, data + 24, sizeof pe->pdb_path - 1);
    pe->pdb_path[sizeof pe->pdb_path - 1] = '\0';
    pe->has_pdb = true;
    return MEDIC_OK;
}

static int read_debug(const struct image *image, struct pe *pe)
{
    unsigned char table[DEBUG_MAX * 28];
    uint32_t count = image->debug.size / 28;
    if (count == 0)
        return MEDIC_OK;
    if (count > DEBUG_MAX)
        count = DEBUG_MAX;
    uint64_t at = offset_of(image, image->debug.address, count * 28);
    int result = at ? read_all(image, at, table, count * 28) : MEDIC_E_CORRUPT;
    struct bytes rows = {table, count * 28, false};
    for (uint32_t i = 0; i < count && !result; i++) {
        struct debug_entry entry = {0};
        bytes_u32(&rows);
        entry.stamp = bytes_u32(&rows);
        bytes_u16(&rows);
        entry.minor = bytes_u16(&rows);
        entry.type = bytes_u32(&rows);
        entry.size = bytes_u32(&rows);
        bytes_u32(&rows);
        entry.offset = bytes_u32(&rows);
        if (entry.type == DEBUG_CODEVIEW && !pe->has_pdb) {
            result = take_codeview(image, &entry, pe);
        } else if (entry.type == DEBUG_EMBEDDED && entry.offset < image->size &&
                   entry.size <= image->size - entry.offset) {
            pe->embedded_offset = entry.offset;
            pe->embedded_size = entry.size;
        }
    }
    return result;
}

/* --- the MVID --- */

/* Row 1 of table 0, Module: generation, name, mvid. */
static uint32_t mvid_index(struct bytes stream)
{
    struct metadata_tables tables;
    if (!metadata_read_tables(&stream, &tables) || !(tables.valid & 1) || !tables.rows[0])
        return 0;
    bytes_u16(&stream);
    metadata_index(&stream, tables.string_size);
    uint32_t index = metadata_index(&stream, tables.guid_size);
    return stream.bad ? 0 : index;
}

static int read_mvid(const struct image *image, struct pe *pe)
{
    unsigned char head[METADATA_HEAD], clr[16];
    struct metadata_streams streams;
    size_t got;
    uint64_t at = offset_of(image, image->clr.address, sizeof clr);
    if (!image->clr.size || !at)
        return MEDIC_E_CORRUPT;
    int result = read_all(image, at, clr, sizeof clr);
    struct bytes metadata = {clr + 8, 8, false};
    uint32_t address = bytes_u32(&metadata), size = bytes_u32(&metadata);
    uint64_t start = offset_of(image, address, size);
    if (!result)
        result = start ? read_some(image, start, head, sizeof head, &got) : MEDIC_E_CORRUPT;
    if (result)
        return result;
    if (!metadata_find_streams((struct bytes){head, got, false}, size, &streams))
        return MEDIC_E_CORRUPT;
    result = read_some(image, start + streams.at[STREAM_TABLES].offset, head, sizeof head, &got);
    if (got > streams.at[STREAM_TABLES].size)
        got = streams.at[STREAM_TABLES].size;
    uint32_t index = result ? 0 : mvid_index((struct bytes){head, got, false});
    if (!index || index > streams.at[STREAM_GUID].size / 16)
        return result ? result : MEDIC_E_CORRUPT;
    pe->has_mvid = true;
    return read_all(image, start + streams.at[STREAM_GUID].offset + (uint64_t)(index - 1) * 16, &pe->mvid,
                    sizeof pe->mvid);
}

int pe_read(int fd, struct pe *pe)
{
    struct image image = {.fd = fd};
    struct stat about;
    memset(pe, 0, sizeof *pe);
    if (fstat(fd, &about))
        return MEDIC_E_IO;
    image.size = (uint64_t)about.st_size;
    int result = read_headers(&image);
    if (!result)
        result = read_debug(&image, pe);
    return result ? result : read_mvid(&image, pe);
}

/* --- embedded PDBs --- */

int pe_unpack(const unsigned char *packed, size_t packed_size, unsigned char **out, size_t *size)
{
    struct bytes head = {packed, packed_size, false};
    const unsigned char *magic = bytes_take(&head, 4);
    uint32_t wanted = bytes_u32(&head);
    if (!magic || head.bad || memcmp(magic, "MPDB", 4) != 0 || wanted > PDB_SIZE_MAX || head.left > UINT32_MAX)
        return MEDIC_E_CORRUPT;
    unsigned char *bytes = malloc(wanted ? wanted : 1);
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)head.at,
                       .avail_in = (uInt)head.left,
                       .next_out = bytes,
                       .avail_out = wanted};
    if (!bytes || inflateInit2(&stream, -15) != Z_OK) {
        free(bytes);
        return MEDIC_E_MEMORY;
    }
    int ended = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    if (ended != Z_STREAM_END || stream.avail_out) {
        free(bytes);
        return MEDIC_E_CORRUPT;
    }
    *out = bytes;
    *size = wanted;
    return MEDIC_OK;
}
