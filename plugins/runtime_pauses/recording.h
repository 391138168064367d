/* A capture of runtime_pauses in memory, as the report half works on it. [tool] */
#ifndef RUNTIME_PAUSES_RECORDING_H
#define RUNTIME_PAUSES_RECORDING_H

#include "analysis.h"
#include "verdict.h"

#include <medic/medic.h>

/* A stack, its frames being frames[first .. first + head.frame_count). */
struct stack {
    uint32_t type; /* RP_ASKED, RP_LATE, RP_TRIGGERED */
    rp_stack head;
    size_t first;
};

/* The arrays are owned by report.c. */
struct recording {
    const medic_host *host;
    const medic_capture_service *capture;
    const medic_document_service *document;
    uint64_t begin_ns, end_ns;
    uint64_t threshold_ns;
    size_t worst;

    struct pause *pauses; /* by begin */
    size_t pause_count, pause_room;
    struct gc *gcs; /* by begin */
    size_t gc_count;
    rp_gc *events; /* by time */
    size_t event_count, event_room;
    rp_heap *heaps; /* by time */
    size_t heap_count, heap_room;
    struct stack *stacks;
    size_t stack_count, stack_room;
    uint64_t *frames;
    size_t frame_count, frame_room;
    rp_totals totals;
    int has_totals;

    struct facts facts;
};

/* --- stacks.c: who asked, who was slow --- */

/* Texts are owned by the host; never NULL except caller. */
struct site {
    const char *method; /* the innermost one that says something: the caller of GC.Collect, the allocating method */
    const char *caller; /* the innermost one that belongs to the program, NULL when it is the same or there is none */
};

/* 0 when the index is NO_INDEX or the stack has no frames. */
int site_of(const struct recording *recording, size_t stack, struct site *site);
/* NULL for an unknown or nameless thread. */
const char *thread_name(const struct recording *recording, uint64_t thread);
const char *function_name(const struct recording *recording, uint64_t function);
/* File name of the module that holds it, or NULL. */
const char *function_module(const struct recording *recording, uint64_t function);

/* Pauses that were asked for, in the same way at the same place. */
struct caller_row {
    const char *how;
    struct site site;
    enum cause cause;
    size_t count;
    uint64_t total_ns, max_ns;
};

/* The waits for threads that stopped in one method. */
struct slow_row {
    struct site site;
    const char *thread; /* NULL when there are several, or no name */
    size_t count;
    uint64_t total_ns, max_ns; /* of the waits */
};

/* Sorted by total, the largest first; the caller frees. NULL when there are none or no memory. */
struct caller_row *caller_rows(const struct recording *recording, size_t *count);
struct slow_row *slow_rows(const struct recording *recording, size_t *count);

struct witnesses witnesses_of(const struct caller_row *callers, size_t caller_count, const struct slow_row *slow,
                              size_t slow_count);

/* --- sections.c --- */

void write_sections(const struct recording *recording, const struct caller_row *callers, size_t caller_count,
                    const struct slow_row *slow, size_t slow_count);

#endif
