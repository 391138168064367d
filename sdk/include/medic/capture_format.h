/* The capture file, capture.mdc: a header and a run of records, little-endian, written in the target by the core's
 * worker and read by anybody.
 *
 *   header   struct medic_capture_header, then text_size bytes of `key=value` lines, padded with NULs to 8 bytes
 *   record   struct medic_record_header, then size bytes, padded with NULs to 8 bytes
 *
 * A reader checks every checksum. After a bad record it goes on at the next 8-byte boundary where a whole valid record
 * begins, and counts what it skipped; a record cut by the end of the file is dropped and counted; an unknown type is
 * skipped. A capture without MEDIC_RECORD_END is incomplete: the target or Medic was killed. */
#ifndef MEDIC_CAPTURE_FORMAT_H
#define MEDIC_CAPTURE_FORMAT_H

#include <medic/clr/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEDIC_CAPTURE_MAGIC "MEDICCAP"
#define MEDIC_CAPTURE_VERSION 1u
#define MEDIC_RECORD_MAX (1u << 24) /* bytes of one record; a larger size is damage */

typedef struct medic_capture_header {
    char magic[8];            /* MEDIC_CAPTURE_MAGIC, no NUL */
    uint32_t version;         /* MEDIC_CAPTURE_VERSION */
    uint32_t header_size;     /* bytes up to the first record: this struct, the text and its padding */
    GUID plugin_guid;         /* stored as in memory on a little-endian machine */
    uint32_t record_revision; /* the plugin's */
    uint32_t pid;             /* in the target's own pid namespace */
    uint64_t monotonic_ns;    /* CLOCK_MONOTONIC when recording began, ns */
    uint64_t realtime_ns;     /* CLOCK_REALTIME at the same moment, ns since 1970 */
    uint16_t runtime_major;   /* 8, 9, 10 */
    uint16_t runtime_minor;
    uint16_t runtime_build;
    uint16_t runtime_patch;
    uint32_t text_size; /* bytes of text, without padding */
    uint32_t crc;       /* CRC-32 (the IEEE 802.3 one, as zlib's) of header and text, with this member as 0 */
} medic_capture_header;

/* Keys of the text: core= (version of Medic), plugin=, plugin_version=, session=, start= (attach | startup), param.<key>= */

typedef struct medic_record_header {
    uint32_t size; /* bytes of payload, without header and padding */
    uint32_t type;
    uint32_t crc;      /* CRC-32 of size, type (as stored) and payload, in this order */
    uint32_t reserved; /* 0 */
} medic_record_header;

/* Types of the core. */
enum medic_record_type {
    MEDIC_RECORD_NAME = 1,     /* medic_name_record + text */
    MEDIC_RECORD_MODULE = 2,   /* medic_module_record + path */
    MEDIC_RECORD_THREAD = 3,   /* medic_thread_record + name */
    MEDIC_RECORD_CLOCK = 4,    /* medic_clock_record */
    MEDIC_RECORD_LOSS = 5,     /* medic_loss_record */
    MEDIC_RECORD_COST = 6,     /* medic_cost_record; the last one counts */
    MEDIC_RECORD_STACK = 7,    /* medic_stack_record + frame ids */
    MEDIC_RECORD_LOG = 8,      /* medic_log_record + text */
    MEDIC_RECORD_END = 9,      /* medic_end_record + text; the last record of a complete capture */
    MEDIC_RECORD_FRAME = 10,   /* medic_frame_record */
    MEDIC_RECORD_IMAGE = 11,   /* medic_image_record + path */
    MEDIC_RECORD_SYMBOLS = 12, /* medic_symbols_record + bytes */
    /* A photograph of the heap (medic/heap_format.h), in this order; FIELDS and DONE come last. */
    MEDIC_RECORD_HEAP = 13,            /* medic_heap_record */
    MEDIC_RECORD_HEAP_CLASS = 14,      /* medic_heap_class_record + offsets of references */
    MEDIC_RECORD_HEAP_OBJECTS = 15,    /* medic_heap_objects_record + objects */
    MEDIC_RECORD_HEAP_ELEMENTS = 16,   /* medic_heap_elements_record + references */
    MEDIC_RECORD_HEAP_ROOTS = 17,      /* medic_heap_list_record + medic_heap_root_entry each */
    MEDIC_RECORD_HEAP_DEPENDENTS = 18, /* medic_heap_list_record + medic_heap_dependent_entry each */
    MEDIC_RECORD_HEAP_RANGES = 19,     /* medic_heap_list_record + medic_heap_range_entry each */
    MEDIC_RECORD_HEAP_STATICS = 20,    /* medic_heap_list_record + medic_heap_static_entry each */
    MEDIC_RECORD_HEAP_VALUE = 21,      /* medic_heap_value_record + UTF-16 */
    MEDIC_RECORD_HEAP_FIELDS = 22,     /* medic_heap_fields_record + medic_heap_field_entry and name, each */
    MEDIC_RECORD_HEAP_DONE = 23,       /* medic_heap_done_record + text */
    MEDIC_RECORD_PLUGIN = 256  /* the first type that belongs to the plugin */
};

enum medic_name_kind { MEDIC_NAME_TYPE = 1, MEDIC_NAME_FUNCTION = 2 };

/* A name for an id. Written once, before the first record of the plugin that the worker writes after it was asked for. */
typedef struct medic_name_record {
    uint32_t kind;   /* enum medic_name_kind */
    uint32_t token;  /* metadata token, 0 when there is none */
    uint64_t id;     /* ClassID or FunctionID */
    uint64_t module; /* ModuleID, 0 when unknown; a module record carries the rest */
    uint32_t flags;  /* 1 = dynamic code, 2 = could not be resolved: the text says why */
    uint32_t length; /* bytes of text that follow, UTF-8, no NUL */
} medic_name_record;

typedef struct medic_module_record {
    uint64_t id;
    GUID mvid;
    uint64_t base;   /* address where it is mapped, 0 when it is not */
    uint32_t length; /* bytes of path that follow */
    uint32_t flags;  /* 1 = dynamic, 2 = collectible */
} medic_module_record;

typedef struct medic_thread_record {
    uint64_t id;     /* ThreadID, or 0 for a thread the runtime does not know */
    uint32_t os_id;  /* Linux tid in the target's namespace */
    uint32_t length; /* bytes of name that follow */
} medic_thread_record;

typedef struct medic_clock_record {
    uint64_t monotonic_ns;
    uint64_t realtime_ns;
} medic_clock_record;

enum medic_stack_flags {
    MEDIC_STACK_TRUNCATED = 1u << 0,   /* deeper than what was copied: the frames next to the root are missing */
    MEDIC_STACK_BROKEN = 1u << 1,      /* the unwinder lost its way: what lies between and the root is missing */
    MEDIC_STACK_JOINED = 1u << 2,      /* the part next to the root comes from an earlier stack of the same thread */
    MEDIC_STACK_RUNTIME_WALK = 1u << 3 /* walked by the runtime, not by Medic */
};

/* A stack, interned: written once, named by its id. */
typedef struct medic_stack_record {
    uint64_t id;          /* from 1 */
    uint32_t frame_count; /* u32 frame ids that follow, root first; each has a frame record before this one */
    uint32_t flags;       /* enum medic_stack_flags */
} medic_stack_record;

enum medic_frame_kind { MEDIC_FRAME_MANAGED = 1, MEDIC_FRAME_NATIVE = 2, MEDIC_FRAME_UNKNOWN = 3 };
#define MEDIC_NO_IL_OFFSET UINT32_MAX

/* A frame: what a code address was when it was seen. */
typedef struct medic_frame_record {
    uint32_t id;   /* from 1, without gaps */
    uint32_t kind; /* enum medic_frame_kind */
    /* Of the instruction: a return address less 1, except where the thread was interrupted. */
    uint64_t address;
    uint64_t function;  /* MANAGED: FunctionID; its name record has module and token */
    uint64_t image;     /* MANAGED: ModuleID, 0 for dynamic code; NATIVE: id of the image record */
    uint32_t il_offset; /* MANAGED, or MEDIC_NO_IL_OFFSET */
    uint32_t reserved;
} medic_frame_record;

/* A native library (or executable) as it is mapped. */
typedef struct medic_image_record {
    uint64_t id;   /* from 1 */
    uint64_t bias; /* address in memory less the address that the ELF file says */
    uint64_t begin, end;
    uint8_t build_id[32];
    uint32_t build_id_size; /* 0 = it has none */
    uint32_t length;        /* bytes of path that follow, as the target sees it; "[vdso]" for that */
} medic_image_record;

/* Symbols of a module whose files the tool cannot reach; written when the client asks for it (symbols=embed). */
enum medic_symbols_kind {
    MEDIC_SYMBOLS_PDB = 1 /* a portable PDB */,
    MEDIC_SYMBOLS_MPDB = 2 /* one as embedded in the module */
};
typedef struct medic_symbols_record {
    uint64_t module; /* ModuleID */
    uint32_t kind;   /* enum medic_symbols_kind */
    uint32_t length; /* bytes that follow */
} medic_symbols_record;

enum medic_loss_reason {
    MEDIC_LOSS_RING_FULL = 1,
    MEDIC_LOSS_WRITE_FAILED = 2,
    MEDIC_LOSS_UNFINISHED = 3,
    MEDIC_LOSS_LIMIT = 4
};

typedef struct medic_loss_record {
    uint64_t count; /* records lost since the last loss record */
    uint32_t reason;
    uint32_t reserved;
} medic_loss_record;

/* What the diagnosis has cost the target so far. */
typedef struct medic_cost_record {
    uint64_t longest_pause_ns; /* pauses that Medic itself caused */
    uint64_t total_pause_ns;
    uint64_t cpu_ns;          /* Medic's threads, and the callbacks (timed by sampling) */
    uint64_t callback_cpu_ns; /* the callbacks' part of it */
    uint64_t callbacks;       /* number of callbacks */
    uint64_t bytes_written;
    uint64_t target_memory_bytes; /* what the core holds in the target; the plugin's own is not in it */
} medic_cost_record;

enum medic_log_level { MEDIC_LOG_ERROR = 1, MEDIC_LOG_WARNING = 2, MEDIC_LOG_INFO = 3, MEDIC_LOG_DEBUG = 4 };

typedef struct medic_log_record {
    uint64_t monotonic_ns;
    uint32_t level;
    uint32_t length;
} medic_log_record;

enum medic_end_reason {
    MEDIC_END_NONE = 0,        /* not ended, or killed: incomplete */
    MEDIC_END_DURATION = 1,    /* the time asked for is over */
    MEDIC_END_DONE = 2,        /* the plugin has what it needs */
    MEDIC_END_REQUEST = 3,     /* a client asked to stop */
    MEDIC_END_LEASE = 4,       /* the client went away */
    MEDIC_END_BYTES = 5,       /* the capture reached its size limit */
    MEDIC_END_MEMORY = 6,      /* Medic reached its memory limit in the target */
    MEDIC_END_TARGET_EXIT = 7, /* the program ended by itself */
    MEDIC_END_FAILED = 8       /* the session failed: the text says why */
};

typedef struct medic_end_record {
    uint64_t monotonic_ns; /* when recording ended; what follows in the file was written later */
    uint32_t reason;       /* enum medic_end_reason */
    uint32_t length;
} medic_end_record;

#ifdef __cplusplus
}
#endif
#endif
