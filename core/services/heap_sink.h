/* In the copy of the process: what is told of the heap becomes records (medic/heap_format.h), written to the capture by
 * write(2) in chunks. The copy may have been cloned while another thread held any lock: so no allocation, no stdio, no
 * lock of libc from here on; all memory is reserved before, in the target, and touched only in the copy. */
#ifndef CORE_SERVICES_HEAP_SINK_H
#define CORE_SERVICES_HEAP_SINK_H

#include "core/services/heap_layout.h"

#include <medic/clr/profiler.h>
#include <medic/heap_format.h>
#include <medic/result.h>
#include <stdatomic.h>

enum { HEAP_CLASSES_MAX = 1 << 17, HEAP_FUNCTIONS_MAX = 1 << 14 };

#define HEAP_CLASS_CAN_GO UINT64_C(1) /* it can be unloaded: an id that is not valid any more must not be asked for */

enum heap_phase {
    HEAP_NOTHING = 0,
    HEAP_PREPARING = 1, /* the copy makes itself harmless; the target may still be waiting for this */
    HEAP_SAFE = 2,      /* it shares nothing writable with the target any more */
    HEAP_WALKING = 3,
    HEAP_FINISHING = 4, /* frozen objects, values, statics */
    HEAP_COMPLETE = 5,  /* all is written: the copy may end, or be ended */
    HEAP_FAILED = 6     /* text says why */
};

/* What is told one after the other, so that less may be lost. */
enum heap_part { HEAP_GRAPH = 0, HEAP_FROZEN = 1, HEAP_VALUES_TOLD = 2, HEAP_PARTS };

/* Seen by both, MAP_SHARED. Written by the copy, each field by one writer. */
struct heap_shared {
    _Atomic uint32_t phase; /* enum heap_phase */
    _Atomic int32_t code;   /* enum medic_result of a failure */
    _Atomic uint64_t objects, bytes, written;
    _Atomic uint32_t class_count; /* whose names are wanted: of objects, and that declare statics */
    _Atomic uint32_t function_count;
    _Atomic uint64_t durable; /* bytes written when the graph was whole: what comes behind may be lost. 0 = not yet */
    _Atomic uint32_t kept;    /* enum heap_part: the last that is durable */
    char text[MEDIC_REASON_MAX];
    uint64_t classes[HEAP_CLASSES_MAX];     /* ClassID, with HEAP_CLASS_CAN_GO */
    uint64_t functions[HEAP_FUNCTIONS_MAX]; /* of roots on stacks */
};

struct heap_plan {
    medic_heap_record head;
    uint32_t value_units;
    int capture;        /* descriptor that records are written to */
    uint64_t bytes_max; /* that may be written; more is a failure */
    uint16_t runtime_major;
    ICorProfilerInfo12 *info; /* borrowed */
};

struct heap_class;   /* heap_class.h */
struct heap_strings; /* heap_strings.h */
struct heap_statics; /* heap_statics.h */

struct heap_sink {
    struct heap_plan plan;
    struct heap_shared *shared; /* mmap'ed, MAP_SHARED */
    ICorProfilerInfo14 *info14; /* owned reference; NULL before .NET 8 */
    uint8_t *memory;            /* mmap'ed, MAP_PRIVATE | MAP_NORESERVE: everything below points into it */
    uint64_t memory_size;
    uint8_t *out; /* records that wait for a write */
    uint64_t out_used;
    uint8_t *chunk; /* the record of objects that is being filled: room for its heads, then chunk_used bytes */
    uint64_t chunk_used, chunk_count, chunk_first;
    uint64_t expected; /* address where the last object ends */
    struct heap_class *classes, *last_class;
    uint32_t *class_table; /* open addressing, by ClassID: number of the class */
    uint32_t class_count;  /* classes, from 1 */
    uint32_t record_count; /* class records: a class whose references turn out different gets another one */
    uint32_t *offsets;     /* of all classes */
    uint64_t offsets_used;
    uint32_t *function_table; /* the same as class_table, of shared->functions */
    medic_heap_range_entry *ranges;
    uint32_t range_count;
    uint64_t range_begin, range_size; /* of the object before */
    uint64_t odd_objects;             /* whose references could not be read, and that nobody told */
    struct heap_strings *strings;     /* NULL = no values are wanted */
    struct heap_statics *statics;
};

/* Reserves memory, before anything stands still. MEDIC_E_MEMORY. [worker] */
int heap_sink_open(struct heap_sink *sink, const struct heap_plan *plan, medic_reason *why);
void heap_sink_close(struct heap_sink *sink);

/* All below in the copy, on its one thread. A failure is kept in shared (FAILED and a sentence) and everything after it does
 * nothing: only heap_sink_failed asks. */
void heap_sink_fail(struct heap_sink *sink, int code, const char *format, ...) MEDIC_PRINTF(3, 4);
int heap_sink_failed(const struct heap_sink *sink);

/* Writes the HEAP record. */
void heap_sink_begin(struct heap_sink *sink);
/* references: as the runtime tells them, which the layout is compared with; NULL = nobody told (ENUMERATE). */
void heap_sink_object(struct heap_sink *sink, ObjectID object, ClassID type, const ObjectID *references,
                      uint32_t count);
void heap_sink_roots(struct heap_sink *sink, const medic_heap_root_entry *roots, uint32_t count);
void heap_sink_dependents(struct heap_sink *sink, const medic_heap_dependent_entry *dependents, uint32_t count);
void heap_sink_statics(struct heap_sink *sink, const medic_heap_static_entry *statics, uint32_t count);
/* Notes that the worker should name this class, and tell its fields. */
void heap_sink_want_class(struct heap_sink *sink, ClassID type);
/* Frozen objects, ranges of generations, values, static fields (heap_statics.c), for ENUMERATE guessed roots (heap_guess.c);
 * then COMPLETE. */
void heap_sink_end(struct heap_sink *sink);

/* heap_statics.c: tells every static field that can be found; heap_guess.c: words in stacks and other memory that look like
 * references. A crash or hang of them must not cost the photograph: heap_sink_end has made the rest durable by then. */
void heap_tell_statics(struct heap_sink *sink);
void heap_guess_roots(struct heap_sink *sink);

/* heap_names.c, in the target when the copy has gone: name, module and FIELDS records of the classes, names of the
 * functions. [worker] */
int heap_names_write(const struct heap_shared *shared, uint32_t photo);

#endif
