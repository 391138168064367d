/* What the routes of a photograph share. heap.c chooses a route, opens the sink, and calls its take; a route makes a copy of the
 * process, which becomes harmless (heap_child.c), tells the sink (heap_walk.c) and ends; heap_watch.c sees to that.
 *
 * A route's take, in order:
 *   heap_child_prepare                      [worker]  all memory and descriptors that the copy will need
 *   clone or fork while nothing managed runs
 *     in the copy:    heap_child_begin      [copy]    harmless, phase SAFE; then heap_walk_begin and whatever makes the
 *                                                     runtime tell; heap_child_end when it has told all
 *     in the target:  heap_watch_safe       [worker] or [suspended]  before anything goes on that the copy could disturb
 *   heap_watch_run                          [worker]  until the copy has ended, however it does
 *   heap_child_free                         [worker] */
#ifndef CORE_SERVICES_HEAP_ROUTES_H
#define CORE_SERVICES_HEAP_ROUTES_H

#include "core/services/heap.h"
#include "core/services/heap_child.h"
#include "core/services/heap_memory.h"
#include "core/services/heap_sink.h"

/* What a route was asked, and what came of it. */
struct heap_take {
    struct heap_sink *sink;
    struct heap_child child;
    int pid;                 /* of the copy; 0 = there is none (any more) */
    uint64_t limit_ns;       /* how long the copy may live */
    struct heap_floor floor; /* below which memory must not fall meanwhile */
    uint64_t safe_ns;        /* how long the target may wait for its copy to become harmless */

    uint64_t pause_ns; /* that the target stood still */
    uint64_t copy_ns, copy_cpu_ns, copy_memory_bytes;
    int hopeless; /* after a failure: 1 = no other attempt on this route makes sense */
    int is_cut;   /* the graph is whole, and the copy ended before all behind it was told: the sentence says why */
};

/* MEDIC_OK, or why there is no photograph; nothing is left behind then but bytes in the capture, which heap.c takes back.
 * MEDIC_E_STOPPED and MEDIC_E_GONE end the photograph, MEDIC_E_IO too. [worker] */
int heap_copy_take(struct heap_take *take, medic_reason *why);
int heap_enumerate_take(struct heap_take *take, medic_reason *why);
/* Waits until the runtime lets itself be suspended, which it does not while it starts. MEDIC_OK, or a sentence. [worker] */
int heap_copy_wait_for_runtime(ICorProfilerInfo12 *info, medic_reason *why);
int heap_collect_take(struct heap_take *take, medic_reason *why);
/* How long a forced collection of the target will probably hold it, the fork included. Any guess is made to the long side.
 * [worker] */
uint64_t heap_collect_predict_ns(void);
/* The same for a heap of so many bytes of small and large objects, in a process with so many bytes in memory. Pure. */
uint64_t heap_collect_cost_ns(uint64_t small, uint64_t large, uint64_t heaps, uint64_t resident);
/* Takes down the event session that a photograph could not. MEDIC_E_TIMEOUT: nobody may detach yet. [worker] */
int heap_collect_stop(uint64_t timeout_ns, medic_reason *why);

/* ---- heap_walk.c: callbacks of a collection in the copy go to the sink ---- */

/* From now on, in this process. heap.h's callbacks answer 1. [copy] */
void heap_walk_begin(struct heap_sink *sink);

/* heap_collect.c: a collection of the target has come so far, and this process is not the copy. Called while armed, from heap.h's
 * callbacks, with nothing managed running, by the collecting threads (of server GC: several at once, HEAP_AT_OBJECTS).
 * In the copy that it makes it calls heap_walk_begin before it returns, and the callback goes to the sink; in the target the
 * answer is E_FAIL for HEAP_AT_OBJECTS. */
enum heap_moment { HEAP_AT_ROOTS, HEAP_AT_DEPENDENTS, HEAP_AT_OBJECTS, HEAP_AT_FINISH };
int heap_collect_armed(void); /* one relaxed load */
void heap_collect_moment(enum heap_moment moment);

/* ---- heap_watch.c ---- */

/* Waits until the copy shares nothing any more. 1; or 0 when it ended before, or took longer than limit_ns and was killed.
 * No allocation, no lock: also while the runtime is suspended. */
int heap_watch_safe(const struct heap_take *take, uint64_t limit_ns);
/* Until the copy has ended, and is waited for: publishes progress; ends it on a request to stop, a lost lease, the target's
 * exit, its deadline, when it hangs, or when memory becomes short. Fills copy_ns to is_cut. [worker] */
int heap_watch_run(struct heap_take *take, medic_reason *why);
/* The same after heap_watch_safe, of which it gets the answer. [worker] */
int heap_watch_rest(struct heap_take *take, int safe, medic_reason *why);
/* There is no copy: error is the clone's or fork's. A sentence. [worker] */
int heap_watch_refused(struct heap_take *take, int error, medic_reason *why);
/* Kills it and waits for it. [worker] */
void heap_watch_kill(struct heap_take *take);

#endif
