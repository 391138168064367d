/* One walk over the records of a capture file, through a buffer that holds the record at hand. For capture.c. */
#ifndef TOOL_CAPTURE_WALK_H
#define TOOL_CAPTURE_WALK_H

#include <medic/capture_format.h>
#include <medic/plugin.h>
#include <stddef.h>

struct capture_walk {
    int fd;
    int error;       /* errno of a failed read, or ENOMEM; the walk ends there */
    uint64_t first;  /* offset of the first record */
    uint64_t size;   /* of the file; less when it turns out to be shorter */
    uint64_t offset; /* of the next record */
    uint64_t damaged_records, damaged_bytes;
    int cut;                /* the file ends within damage */
    uint64_t search_budget; /* bytes that may still be checksummed in search of a valid record */
    unsigned char *buffer;  /* file bytes from buffer_offset (a multiple of 8) on */
    uint64_t buffer_offset;
    size_t buffer_used, buffer_capacity;
};

void walk_begin(struct capture_walk *walk, int fd, uint64_t first, uint64_t size);
/* Back to the first record; the counters begin again. */
void walk_rewind(struct capture_walk *walk);
/* The next valid record: 1 = filled (data valid until the next call), 0 = no more. */
int walk_next(struct capture_walk *walk, medic_record *record);
/* Where in the file the data of the record that walk_next gave last begins. */
uint64_t walk_payload_offset(const struct capture_walk *walk, const medic_record *record);
void walk_end(struct capture_walk *walk);

#endif
