/* A capture of cpu_hotpaths in memory, as the report half works on it. [tool] */
#ifndef CPU_HOTPATHS_RECORDING_H
#define CPU_HOTPATHS_RECORDING_H

#include "cpu_hotpaths.h"
#include "facts.h"

/* What a stack says, whoever ran it. Ids are of frames, 0 = none. */
struct view {
    uint64_t stack;         /* id */
    const uint32_t *frames; /* root first; owned by the host */
    uint32_t count;
    uint32_t leaf;
    uint32_t anchor;  /* the innermost one of the program's own; else the innermost managed one; else the leaf */
    int user;         /* the anchor is the program's */
    uint32_t caller;  /* the program's function next to it, towards the root */
    uint32_t entry;   /* what the anchor called; 0 when it is the leaf */
    uint32_t repeats; /* how often the anchor's function is on the stack */
    uint32_t helper;  /* the managed frame, from the anchor on, that called the runtime's native code first */
    enum work work;
    enum code code;
    int in_runtime; /* the leaf is the runtime's, or libc called by it: a collection, when one goes on */
    int managed;    /* has a managed frame */
};

struct sample {
    uint64_t time_ns, weight_ns, stack;
    uint32_t os_id, flags;
    uint32_t thread, view; /* indices */
    enum work work;
    enum code code;
};

enum thread_kind {
    THREAD_NATIVE,
    THREAD_MANAGED,
    THREAD_POOL,
    THREAD_GC,
    THREAD_JIT,
    THREAD_FINALIZER,
    THREAD_RUNTIME,
    THREAD_MEDIC
};

struct thread {
    uint32_t os_id;
    const char *name; /* never NULL */
    enum thread_kind kind;
    uint64_t cpu_ns, samples;
};

/* A collection on the thread that works at it. */
struct gc {
    uint32_t os_id;
    uint64_t begin_ns, end_ns;
};

/* The arrays are owned by report.c. */
struct recording {
    const medic_host *host;
    const medic_capture_service *capture;
    const medic_document_service *document;
    const medic_frames_service *frames;
    const medic_stack_tree_service *trees;
    uint64_t begin_ns, end_ns;
    int native; /* the parameter */

    uint32_t *alike; /* by frame id: of native frames without a name the first one of their library, else itself */
    uint32_t frame_count;
    struct sample *samples; /* by stack, then thread */
    size_t sample_count, sample_room;
    struct view *views; /* one a stack */
    size_t view_count;
    struct thread *threads; /* by os_id */
    size_t thread_count;
    ch_gc *gc_events;
    size_t gc_event_count, gc_event_room;
    struct gc *gcs; /* by thread, then begin */
    size_t gc_count;
    ch_usage *usages; /* by time */
    size_t usage_count, usage_room;
    ch_waited waited[2]; /* the first and the last */
    size_t waited_count;
    medic_sampling_state totals;
    int has_totals;
    uint64_t bad_records;

    medic_stack_tree *tree;
    struct facts facts;
};

/* --- work.c: what a stack and a thread are at --- */

/* Fills a view of a stack that the host has. */
void view_stack(const struct recording *recording, uint64_t stack, struct view *view);
/* The frame, or one without a name. Never NULL. */
const medic_frame *frame_of(const struct recording *recording, uint32_t id);
/* The program's own code, which somebody wrote: not what is made at run time (compiled expressions, proxies). */
int is_own(const medic_frame *frame);
/* Fills alike. MEDIC_OK or MEDIC_E_MEMORY. */
int unite_nameless(struct recording *recording);
/* A frame of which only the library is known, or nothing. */
int is_nameless(const medic_frame *frame);
/* Equal for all frames of a function; at most frame_count, 0 for an id that is none. */
uint32_t function_of(const struct recording *recording, uint32_t frame);
enum thread_kind thread_kind_of(const char *name, uint64_t managed);
const char *thread_kind_name(enum thread_kind kind);
struct medic_place place_of(const struct recording *recording, uint32_t frame);
/* The frames that are shown: all, or the managed ones (at least one); a run of nameless ones is one
 * frame, and native ones at the root are left out. room for view->count ids; returns how many. */
uint32_t shown_frames(const struct recording *recording, const struct view *view, uint32_t *frames);

/* --- analysis.c --- */

/* From records to samples that know their thread, view and work. MEDIC_OK or MEDIC_E_MEMORY. */
int analyse(struct recording *recording);
const struct view *view_of(const struct recording *recording, const struct sample *sample);

/* --- site.c --- */

/* The place where the samples that are picked spend most, in sum. MEDIC_OK (site->function 0: nowhere) or
 * MEDIC_E_MEMORY. */
int find_site(const struct recording *recording, int (*pick)(const struct sample *sample, const void *context),
              const void *context, struct site *site);

/* --- facts.c --- */

/* CPU in a module's own instructions. */
struct module_row {
    const char *name;
    uint32_t code; /* enum medic_code */
    uint64_t self_ns;
};

/* Fills facts. MEDIC_OK or MEDIC_E_MEMORY. */
int find_facts(struct recording *recording);
/* Most CPU first; the caller frees. NULL when there are none or no memory. */
struct module_row *module_rows(const struct recording *recording, size_t *count);

/* --- sections*.c --- */

void write_sections(const struct recording *recording);

#endif
