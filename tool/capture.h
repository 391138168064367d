/* Reads a capture file (medic/capture_format.h) that may be truncated, damaged, or made to hurt: what cannot be trusted is
 * skipped and counted, memory is bounded, nothing in the file can crash the reader or keep it busy for long.
 *
 * Opening walks the file once and indexes the core's records; capture_next then streams the plugin's. Single-threaded. */
#ifndef TOOL_CAPTURE_H
#define TOOL_CAPTURE_H

#include "tool/capture_walk.h"

#include <medic/capture_format.h>
#include <medic/plugin.h>
#include <stddef.h>

struct capture;

/* What the first walk found. */
struct capture_totals {
    uint64_t file_bytes;
    uint64_t records;         /* valid ones, of every type */
    uint64_t plugin_records;  /* of these, the plugin's */
    uint64_t unknown_records; /* of a core type that this reader does not know */
    uint64_t damaged_records; /* places where a record was damaged or cut; core records that contradict themselves */
    uint64_t damaged_bytes;   /* skipped until the next valid record */
    uint64_t lost_records;    /* told by loss records: lost in the target */
    int cut;                  /* the file ends within a record */
};

struct capture_log_line {
    const char *text;
    uint64_t monotonic_ns;
    uint32_t level; /* enum medic_log_level */
};

/* fd: a regular file, read with pread; the caller keeps it open as long as the capture and closes it. What is appended
 * after opening is not seen. MEDIC_E_CORRUPT when the header is not one, MEDIC_E_UNSUPPORTED for a later version,
 * MEDIC_E_IO, MEDIC_E_MEMORY. */
int capture_open(int fd, struct capture **out, medic_reason *why);
void capture_close(struct capture *capture);

/* Everything below is owned by the capture. */
const medic_capture_header *capture_header(const struct capture *capture);
/* The `key=value` lines of the header, repaired UTF-8. */
const char *capture_text(const struct capture *capture, size_t *size);
/* The value of a key, or NULL. */
const char *capture_value(struct capture *capture, const char *key);
const struct capture_totals *capture_totals(const struct capture *capture);

/* The next record of the plugin: 1 = filled, 0 = no more. Its data is valid until the next call. */
int capture_next(struct capture *capture, medic_record *record);
void capture_rewind(struct capture *capture);

/* NULL when there is none. Texts are repaired UTF-8 and NUL-terminated. */
const medic_name_record *capture_name(const struct capture *capture, uint32_t kind, uint64_t id, const char **text);
const medic_module_record *capture_module(const struct capture *capture, uint64_t id, const char **path);
const medic_thread_record *capture_thread(const struct capture *capture, uint64_t id, const char **name);

/* The last record of a thread with this Linux tid; its id is 0 when the runtime does not know the thread. */
const medic_thread_record *capture_thread_of(const struct capture *capture, uint32_t os_id, const char **name);

/* Frame ids are 1..count; a frame whose record was damaged is NULL. */
uint32_t capture_frame_count(const struct capture *capture);
const medic_frame_record *capture_frame(const struct capture *capture, uint32_t id);
/* Frame ids within 1..count, root first; NULL and 0 when there is no such stack. flags: enum medic_stack_flags, may be
 * NULL. */
const uint32_t *capture_stack(const struct capture *capture, uint64_t id, uint32_t *count, uint32_t *flags);
const medic_image_record *capture_image(const struct capture *capture, uint64_t id, const char **path);

/* A complete photograph of the heap (medic/heap_format.h): where its records are. */
struct capture_photo {
    uint32_t photo;      /* its number in the records */
    uint64_t begin, end; /* in the file: its HEAP record, behind its DONE record */
    uint64_t objects;    /* as its records say; never more than their bytes can hold */
};
/* In the order of the file. */
const struct capture_photo *capture_photos(const struct capture *capture, uint32_t *count);
/* A walk over the records between, all types and all photographs: the caller's, walk_end. */
void capture_walk_photo(const struct capture *capture, const struct capture_photo *photo, struct capture_walk *walk);

/* Symbols that the capture brought for a module. */
struct capture_symbols {
    uint32_t kind; /* enum medic_symbols_kind; anything, as all of the file */
    size_t size;
    unsigned char *bytes; /* the caller's: free */
};
/* Reads them from the file. MEDIC_E_NOT_FOUND, MEDIC_E_MEMORY, MEDIC_E_IO, MEDIC_E_CORRUPT. */
int capture_symbols(const struct capture *capture, uint64_t module, struct capture_symbols *symbols);

/* The last cost record, or NULL. */
const medic_cost_record *capture_cost(const struct capture *capture);
/* The end record and its text, or NULL: the capture is incomplete. */
const medic_end_record *capture_end(const struct capture *capture, const char **text);
/* CLOCK_MONOTONIC when recording began and ended, or the last time seen. end >= begin. */
void capture_span(const struct capture *capture, uint64_t *begin_ns, uint64_t *end_ns);
/* For a capture without an end: a later time that the caller knows of. */
void capture_extend(struct capture *capture, uint64_t monotonic_ns);
/* Records lost for a reason (enum medic_loss_reason); 0 for all unknown reasons. */
uint64_t capture_lost(const struct capture *capture, uint32_t reason);
/* Lines the core and the plugin logged, in order; at most CAPTURE_LOG_MAX are kept. */
#define CAPTURE_LOG_MAX 1000
const struct capture_log_line *capture_log(const struct capture *capture, size_t *count);

#endif
