/* What the pauses of a recording mean, as arithmetic over plain arrays: no capture, no document, no names. [tool] and tests. */
#ifndef RUNTIME_PAUSES_ANALYSIS_H
#define RUNTIME_PAUSES_ANALYSIS_H

#include "records.h"

#include <stddef.h>

#define NO_INDEX SIZE_MAX

/* A collection, put together from its events. What was not seen is RP_UNKNOWN. */
struct gc {
    uint64_t begin_ns;
    uint64_t end_ns; /* 0 = its end was not seen */
    uint32_t number;
    uint32_t generation;
    uint32_t reason;     /* enum rp_gc_reason */
    uint32_t type;       /* enum rp_gc_type */
    uint32_t mechanisms; /* enum rp_mechanism */
    uint32_t pause_mode;
    uint32_t heaps;
    uint64_t heap_bytes;     /* after it, 0 = unknown */
    uint64_t promoted_bytes; /* by it */
};

/* Why the program stood still. CAUSE_STOPPING is not the cause of a pause but of a part of each: the wait for threads. */
enum cause {
    CAUSE_INDUCED,    /* a collection that the program or a library asked for, of whatever kind */
    CAUSE_FULL,       /* a blocking gen2 collection of the runtime's own accord */
    CAUSE_YOUNG,      /* a gen0 or gen1 collection */
    CAUSE_BACKGROUND, /* begin or end of a background collection */
    CAUSE_COLLECTION, /* a collection of unknown kind */
    CAUSE_OTHER,      /* not a collection */
    CAUSE_STOPPING,
    CAUSE_COUNT
};

enum gc_kind {
    KIND_NONE,
    KIND_UNKNOWN,
    KIND_BLOCKING,
    KIND_BLOCKING_AND_BEGIN, /* a small collection, and the begin of a background one in the same pause */
    KIND_BACKGROUND_BEGIN,
    KIND_BACKGROUND_END
};

struct pause {
    rp_pause raw;
    size_t asked; /* indices into the reader's stacks, or NO_INDEX */
    size_t late;
    /* attribute() fills the rest. */
    enum cause cause;
    enum gc_kind kind;
    uint32_t generation; /* RP_UNKNOWN when there is none */
    uint32_t gc_reason;  /* enum rp_gc_reason, RP_UNKNOWN */
    int compacting;      /* 1, 0, or -1 when unknown */
    size_t gc;           /* index of the collection that explains it, or NO_INDEX: then the callbacks do */
    uint64_t own_ns;     /* at its begin, the wait for Medic's own thread: no part of raw any more */
    uint64_t
        counted_ns; /* of it, what GC.GetTotalPauseDuration counts: until the collection ends, or the restart begins */
};

/* Until the threads are let go: from then on they run, if they get a processor. */
static inline uint64_t pause_length(const struct pause *pause)
{
    return pause->raw.restart_ns - pause->raw.begin_ns;
}
static inline uint64_t pause_stop(const struct pause *pause)
{
    return pause->raw.stopped_ns - pause->raw.begin_ns;
}

int gc_reason_is_induced(uint32_t reason);

/* Builds collections from their events, which are sorted by time. Returns their number; gcs has room for event_count.
 * Events that belong to no collection that was seen to begin are left out. */
size_t build_gcs(const rp_gc *events, size_t event_count, const rp_heap *heaps, size_t heap_count, struct gc *gcs);

/* Says of every pause what caused it. Both arrays are sorted by begin. */
void attribute(struct pause *pauses, size_t pause_count, const struct gc *gcs, size_t gc_count);

struct stats {
    size_t count;
    uint64_t total_ns;
    uint64_t p50_ns, p90_ns, p99_ns, max_ns;  /* nearest rank */
    uint64_t stop_ns, stopped_ns, restart_ns; /* sums of the phases */
    uint64_t counted_ns;                      /* sum of the pauses' */
};

/* lengths is sorted, ascending. q in (0, 1]. 0 when there are none. */
uint64_t percentile(const uint64_t *lengths, size_t count, double q);
/* Of the pauses for which pick answers 1 (NULL: all). scratch has room for count values. */
struct stats stats_of(const struct pause *pauses, size_t count, int (*pick)(const struct pause *, const void *),
                      const void *context, uint64_t *scratch);

/* The wait that the pauses add at quantile q to requests of no length that arrive at any moment of the span: 1 - q of them
 * wait longer. lengths is sorted, ascending. */
uint64_t added_delay(const uint64_t *lengths, size_t count, uint64_t span_ns, double q);

/* Sums over everything, for the verdict. */
struct facts {
    uint64_t span_ns;
    uint64_t threshold_ns;
    struct stats all;
    struct stats gc;                 /* pauses for collections: what GC.GetTotalPauseDuration counts */
    struct stats cause[CAUSE_COUNT]; /* CAUSE_STOPPING: lengths of the waits of at least RP_SLOW_STOP_NS */
    double time[CAUSE_COUNT];        /* ns: every pause divided into waiting for threads and the rest */
    double harm[CAUSE_COUNT];        /* the same, each ns weighed by the length of its pause: ns^2 */
    uint64_t delay_p95_ns, delay_p99_ns, delay_p999_ns;
    size_t delay_p99_pauses;       /* how many pauses are longer than delay_p99_ns */
    size_t cut;                    /* pauses that still lasted at the end */
    size_t cut_begin;              /* pauses that were under way at the begin */
    size_t unknown_kind;           /* pauses for collections of which not even the callbacks told the kind */
    size_t by_callbacks;           /* pauses for collections without an event */
    size_t induced_calls;          /* collections that the program asked for */
    size_t induced_background;     /* of these, background ones */
    size_t full_low_memory;        /* of the blocking gen2: because memory is short */
    int concurrent_off;            /* 1 = collections say so, 0 = they say no, -1 = unknown */
    uint32_t heaps;                /* RP_UNKNOWN */
    uint64_t heap_bytes;           /* the largest after any collection, 0 = unknown */
    uint64_t young_promoted_bytes; /* mean of gen0 and gen1 collections, 0 = unknown */
    uint32_t other_reason;         /* COR_PRF_SUSPEND_REASON with the most time among CAUSE_OTHER */
};

/* Out of attributed pauses. 1, or 0 when out of memory. */
int facts_of(const struct pause *pauses, size_t pause_count, const struct gc *gcs, size_t gc_count, uint64_t span_ns,
             uint64_t threshold_ns, struct facts *facts);

#endif
