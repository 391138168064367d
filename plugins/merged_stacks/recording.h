/* A capture of merged_stacks in memory, as the report half works on it. [tool] */
#ifndef MERGED_STACKS_RECORDING_H
#define MERGED_STACKS_RECORDING_H

#include "merged_stacks.h"
#include "verdict.h"

struct thread {
    medic_thread_stack raw;
    const char *name; /* never NULL */
    uint32_t *frames; /* the managed ones, root first; owned by report.c */
    uint32_t count;
    enum wait wait;
    uint32_t anchor; /* frame: the innermost one of the program's own, else the innermost; 0 = no frame */
    int user;        /* the anchor is the program's */
    int inferred;    /* the wait is: see settle() in waits.c */
    int pool;        /* a thread-pool worker */
    uint32_t group;  /* index */
};

/* Threads that wait for the same kind of thing in the same function. */
struct group {
    enum wait wait;
    uint32_t function;        /* id, 0 = none */
    struct medic_place place; /* the line most of them stand at */
    uint32_t count, pool;
    uint32_t first; /* thread: index */
};

/* The arrays are owned by report.c. */
struct recording {
    const medic_host *host;
    const medic_capture_service *capture;
    const medic_document_service *document;
    const medic_frames_service *frames;
    const medic_stack_tree_service *trees;

    struct thread *threads; /* by group, then tid */
    size_t thread_count, thread_room;
    struct group *groups; /* most threads first, those of the runtime and idle ones last */
    size_t group_count;
    int locks_have_frames; /* from .NET 10 on Monitor.Enter is a method when it waits */
    medic_snapshot snapshot;
    int has_snapshot;
    uint64_t bad_records;
    struct facts facts;
};

/* --- waits.c --- */

/* The frame, or one without a name. Never NULL. */
const medic_frame *frame_of(const struct recording *recording, uint32_t id);
/* Equal for all frames of a function; 0 for an id that is none. */
uint32_t function_of(const struct recording *recording, uint32_t frame);
struct medic_place place_of(const struct recording *recording, uint32_t frame);
/* Fills frames to pool of a thread whose raw part is there. MEDIC_OK or MEDIC_E_MEMORY. */
int look_at_thread(const struct recording *recording, struct thread *thread);

/* --- groups.c --- */

/* Sorts the threads into groups and finds the facts. MEDIC_OK or MEDIC_E_MEMORY. */
int make_groups(struct recording *recording);

/* --- sections.c, section_tree.c --- */

#define NAMES_MAX 160
/* "worker 3 (4123), 4124 and 5 more" of some threads, given by index. */
const char *thread_names(const struct recording *recording, const uint32_t *threads, size_t count,
                         char names[NAMES_MAX]);
medic_section *open_section(const struct recording *recording, uint32_t kind, const char *id, const char *title,
                            const char *note, const medic_column *columns, uint32_t column_count);
/* "Gate.cs:17" in location, or NULL. */
#define LOCATION_MAX 160
const char *location_of(const medic_frame *frame, char location[LOCATION_MAX]);

void write_sections(const struct recording *recording);
void write_merged(const struct recording *recording);
void write_stacks(const struct recording *recording);

#endif
