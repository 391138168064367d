/* A capture of contention in memory, as the report half works on it. [tool] */
#ifndef CONTENTION_RECORDING_H
#define CONTENTION_RECORDING_H

#include "contention.h"
#include "records.h"

#include <medic/words.h>

#define LOCKS_MOST 65536u /* a lock with a greater number is damage */
#define NONE UINT32_MAX

/* A wait that has a stack. */
struct wait {
    uint64_t number, time_ns, stack;
    uint64_t kept_ns; /* what others waited while the lock was held that was got by this wait */
    uint64_t wait_ns; /* until it ended, or the recording did */
    double weight_ns; /* of all waits, what this one stands for */
    uint32_t lock, owner, kind, os_id;
    int known;       /* its length is */
    uint32_t anchor; /* frame: the innermost one of the program's own, else the innermost managed one; 0 = none */
    uint32_t entry;  /* frame that the anchor called */
    int user;        /* the anchor is the program's */
};

/* A holder as a photograph shows it. */
struct held {
    uint64_t wait_ns, stack;
    uint64_t number, time_ns; /* ct_held.number; of the photograph */
    uint32_t lock, owner;
    uint32_t anchor,
        leaf;        /* frames; anchor: as of a wait, or where this lock is known to be taken; leaf: the innermost */
    uint32_t caller; /* frame: the program's own method that called the anchor, 0 = none, or no need to tell */
    uint32_t function, leaf_function, group;
    int sure; /* the anchor is a method in which others wait for the lock */
};

struct lock {
    ct_lock raw;
    uint32_t bins[CT_BINS_ALL];
    uint64_t open, open_ns; /* waits that had not ended */
    uint64_t type;          /* ClassID, 0 = not known */
    uint64_t handle;        /* ct_type.handle */
    char *type_object;      /* "typeof(Orders.Registry)"; NULL = it is none, or not known of which */
    uint32_t site;          /* function where most of its waits were seen; 0 = no stack */
    uint32_t group;         /* NONE = nobody waited for it */
    int early;              /* not one lock, but all that were waited for at one place since before the recording */
    int inferred;           /* ... as it seems: no frame and no event says that they wait for a lock */
};

/* Locks that are told as one: those of one type, and where the type says nothing (System.Object) those of one site. */
struct group {
    uint64_t type;
    const char *name; /* of the type; NULL = not known */
    uint32_t site;    /* function; 0 = not seen */
    uint32_t line;    /* frame in the site where most of it was; 0 */
    uint64_t locks, begun, waited_ns, max_ns, open;
    uint64_t bins[CT_BINS_ALL];
    uint32_t threads; /* that waited for it */
    uint32_t holder;  /* frame where those that held it had got it, while it was waited for in the site; 0 = not seen */
    uint32_t busy;    /* frame: what it did there, in a photograph; 0 */
    int photographed; /* the holder is known from photographs only */
    int sure;         /* ... and others wait for the lock in the same method */
    double holder_share, known_share; /* of the waiting in the site: while it was held there; while that was known */
    uint32_t entry;              /* frame: the library's method that locks, called in the site; 0 = the program does */
    int timed;                   /* waits in the site give up after a while */
    uint64_t early, inferred_ns; /* waits that began before the recording; time of those that are none for sure */
    uint32_t holder_tid;         /* the thread for which others waited longest; 0 */
    uint64_t holder_tid_ns, blocked_ns;
};

/* Where a lock was held while others waited: by one stack of a wait that got it, or by a photograph. */
struct holding {
    uint32_t lock, tid;
    uint32_t frame;
    const struct held *held; /* NULL = from a wait */
    double weight;           /* among those of the same thread and lock */
    double blocked_ns;       /* of what others waited for this thread and lock, the part that it stands for */
};

struct recording {
    const medic_host *host;
    const medic_capture_service *capture;
    const medic_document_service *document;
    const medic_frames_service *frames;
    const medic_stack_tree_service *trees;
    uint64_t begin_ns, end_ns, long_ns;
    int handles; /* the parameter */

    struct wait *waits; /* by number */
    size_t wait_count, wait_room;
    ct_end *ends;
    size_t end_count, end_room;
    ct_type *types; /* by lock, then type */
    size_t type_count, type_room;
    ct_tick *ticks; /* by time */
    size_t tick_count, tick_room;
    ct_pair *pairs; /* by lock, then tid */
    size_t pair_count, pair_room;
    ct_open *opens;
    size_t open_count, open_room;
    ct_thread *names;
    size_t name_count, name_room;
    medic_thread_stack *photos; /* while reading: the stacks of the last photograph */
    size_t photo_count, photo_room;
    int photo_told; /* ... and its holders were read */
    struct held *helds;
    size_t held_count, held_room;
    ct_kept *kepts;
    size_t kept_count, kept_room;
    medic_thread_stack *firsts;
    size_t first_count, first_room;
    ct_stood *stoods;
    size_t stood_count, stood_room;
    ct_early *priors;
    size_t prior_count, prior_room;
    struct holding *holdings; /* by lock and thread */
    size_t holding_count;
    struct lock *locks; /* by number */
    size_t lock_count;
    struct group *groups; /* most waited for first */
    size_t group_count;
    ct_totals totals;
    int has_totals;
    uint64_t bad_records;
    uint32_t frame_count;

    /* All locks. */
    uint64_t waits_all, waited_ns, max_ns, open_all;
    uint64_t bins[CT_BINS_ALL];
    uint32_t threads;
    uint64_t longest_open_ns;
    uint32_t rwlock_waiters;         /* threads that waited for a ReaderWriterLock(Slim) at the begin */
    uint64_t early_all, inferred_ns; /* as in groups */
};

/* recording.c: MEDIC_OK or MEDIC_E_MEMORY with a sentence. The caller frees with recording_free in any case. */
int read_recording(struct recording *recording, medic_reason *why);
void recording_free(struct recording *recording);
/* NULL: no memory, or damage. */
struct lock *lock_at(struct recording *recording, uint32_t index);

/* early.c: waits that had begun before the recording, as if it had seen them begin. 0 when out of memory. */
int add_early_waits(struct recording *recording);

/* facts.c. MEDIC_OK or MEDIC_E_MEMORY. */
int find_facts(struct recording *recording);
const medic_frame *frame_of(const struct recording *recording, uint32_t id); /* never NULL */
/* The managed part of a stack: without the way from the root of the thread, and without how it was taken. Returns its length. */
uint32_t managed_part(const struct recording *recording, uint64_t stack, const uint32_t **frames);
/* The name of a thread, or NULL. */
const char *thread_name(const struct recording *recording, uint32_t tid);
/* The innermost method of the program in which it waits. */
void find_anchor(const struct recording *recording, struct wait *wait);
uint32_t function_of(const struct recording *recording, uint32_t frame);
struct medic_place place_of(const struct recording *recording, uint32_t frame);
/* A wait for a lock, of which length and place are known. */
int is_usable(const struct wait *wait);
uint64_t open_length(const struct recording *recording, const ct_open *open);
const struct wait *wait_by_number(const struct recording *recording, uint64_t number);
/* weights.c: fills weight_ns of the waits. 0 when out of memory. */
int weigh(struct recording *recording);
/* NULL for a wait for something else. */
const struct group *group_of(const struct recording *recording, uint32_t lock);
/* Length that a share q of the waits does not exceed, within the width of a bin (a quarter of an octave). */
uint64_t quantile(const uint64_t bins[CT_BINS_ALL], uint64_t max_ns, double q);
/* "Orders.Account", "a lock without a known type" */
const char *lock_name(const struct group *group);

/* deadlock.c: the threads of a circle, each waiting for the next one. Returns how many, 0 = there is none. */
#define DEADLOCK_NS UINT64_C(1000000000) /* shorter waits may yet end */
enum { DEADLOCK_MOST = 16, OPENS_LOOKED_AT = 1024 };
uint32_t find_deadlock(const struct recording *recording, uint32_t tids[DEADLOCK_MOST]);

/* holders.c: each 1, or 0 when out of memory. The second fills the line, the site and the holder of a group; and the threads of all. */
int find_holdings(struct recording *recording);
int know_places(struct recording *recording, struct group *group);
int know_threads(struct recording *recording);
/* The thread for which others waited two thirds of the time; 0 = there is none. */
uint32_t holding_thread(const struct group *group);

/* verdict.c */
void write_verdict(const struct recording *recording);

/* sections.c, sections_time.c */
void write_sections(const struct recording *recording);
void write_timeline(const struct recording *recording);
void write_histogram(const struct recording *recording);
void write_open_waits(const struct recording *recording);
void write_notes(const struct recording *recording);

#endif
