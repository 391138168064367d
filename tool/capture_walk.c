#include "tool/capture_walk.h"

#include "common/crc32.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_BYTES ((size_t)1 << 18)
/* A search reads every candidate's bytes; a file made of overlapping candidates would make that quadratic. */
#define SEARCH_BASE ((uint64_t)256 << 20)
#define SEARCH_FACTOR 8

void walk_begin(struct capture_walk *walk, int fd, uint64_t first, uint64_t size)
{
    memset(walk, 0, sizeof *walk);
    walk->fd = fd;
    walk->first = first;
    walk->size = size;
    walk_rewind(walk);
}

void walk_rewind(struct capture_walk *walk)
{
    walk->offset = walk->first;
    walk->damaged_records = walk->damaged_bytes = 0;
    walk->cut = walk->error = 0;
    walk->search_budget = SEARCH_BASE + walk->size * SEARCH_FACTOR;
}

void walk_end(struct capture_walk *walk)
{
    free(walk->buffer);
    walk->buffer = NULL;
}

static int make_room(struct capture_walk *walk, size_t need)
{
    size_t room = need > WINDOW_BYTES ? need : WINDOW_BYTES;
    if (walk->buffer_capacity >= room)
        return 0;
    unsigned char *larger = realloc(walk->buffer, room);
    if (!larger) {
        walk->error = ENOMEM;
        return -1;
    }
    walk->buffer = larger;
    walk->buffer_capacity = room;
    return 0;
}

/* Moves the window so that it begins at offset, keeping what it already has of it. */
static void slide(struct capture_walk *walk, uint64_t offset)
{
    uint64_t have_end = walk->buffer_offset + walk->buffer_used;
    if (offset >= walk->buffer_offset && offset < have_end) {
        size_t skip = (size_t)(offset - walk->buffer_offset);
        walk->buffer_used -= skip;
        memmove(walk->buffer, walk->buffer + skip, walk->buffer_used);
    } else {
        walk->buffer_used = 0;
    }
    walk->buffer_offset = offset;
}

static void fill(struct capture_walk *walk)
{
    while (walk->buffer_used < walk->buffer_capacity) {
        uint64_t at = walk->buffer_offset + walk->buffer_used;
        if (at >= walk->size)
            return;
        size_t want = walk->buffer_capacity - walk->buffer_used;
        if (want > walk->size - at)
            want = (size_t)(walk->size - at);
        ssize_t got = pread(walk->fd, walk->buffer + walk->buffer_used, want, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            walk->error = errno;
            return;
        }
        if (got == 0) { /* the file has shrunk */
            walk->size = at;
            return;
        }
        walk->buffer_used += (size_t)got;
    }
}

/* need bytes of the file at offset, or NULL when they are not all there. */
static const unsigned char *look(struct capture_walk *walk, uint64_t offset, size_t need)
{
    if (offset > walk->size || need > walk->size - offset || walk->error)
        return NULL;
    if (offset < walk->buffer_offset || offset + need > walk->buffer_offset + walk->buffer_used) {
        if (make_room(walk, need))
            return NULL;
        slide(walk, offset);
        fill(walk);
    }
    if (walk->error || offset + need > walk->buffer_offset + walk->buffer_used)
        return NULL;
    return walk->buffer + (offset - walk->buffer_offset);
}

/* Bytes of a record in the file, padding included. */
static size_t stored_size(uint32_t payload)
{
    return sizeof(medic_record_header) + ((size_t)payload + 7) / 8 * 8;
}

/* Whether a whole valid record begins at offset. The last record's padding may be missing: its payload is whole. */
static int record_at(struct capture_walk *walk, uint64_t offset, medic_record *record, int searching)
{
    medic_record_header header;
    const unsigned char *bytes = look(walk, offset, sizeof header);
    if (!bytes)
        return 0;
    memcpy(&header, bytes, sizeof header);
    if (header.reserved || header.size > MEDIC_RECORD_MAX)
        return 0;
    if (header.size > walk->size - offset - sizeof header)
        return 0;
    if (searching) {
        if (walk->search_budget < header.size)
            return 0;
        walk->search_budget -= header.size;
    }
    bytes = look(walk, offset, sizeof header + header.size);
    if (!bytes)
        return 0;
    uint32_t crc = crc32_update(0, bytes, 8);
    crc = crc32_update(crc, bytes + sizeof header, header.size);
    if (crc != header.crc)
        return 0;
    record->type = header.type;
    record->size = header.size;
    record->data = bytes + sizeof header;
    return 1;
}

static int search(struct capture_walk *walk, medic_record *record)
{
    uint64_t bad = walk->offset;
    while (walk->offset < walk->size && !walk->error && walk->search_budget) {
        walk->offset += 8;
        if (walk->offset < walk->size && record_at(walk, walk->offset, record, 1)) {
            walk->damaged_bytes += walk->offset - bad;
            return 1;
        }
    }
    walk->damaged_bytes += walk->size > bad ? walk->size - bad : 0;
    walk->offset = walk->size;
    walk->cut = 1;
    return 0;
}

int walk_next(struct capture_walk *walk, medic_record *record)
{
    if (walk->offset >= walk->size || walk->error)
        return 0;
    if (!record_at(walk, walk->offset, record, 0)) {
        if (walk->error)
            return 0;
        walk->damaged_records++;
        if (!search(walk, record))
            return 0;
    }
    walk->offset += stored_size(record->size);
    return 1;
}

uint64_t walk_payload_offset(const struct capture_walk *walk, const medic_record *record)
{
    return walk->offset - stored_size(record->size) + sizeof(medic_record_header);
}
