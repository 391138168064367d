/* CPU sampling by one timer a thread: who has a timer, where its stack is, and the way in and out. What happens when a timer
 * goes off is in sampler_signal.c. One sampler at a time: the session's. */
#ifndef CORE_SERVICES_SAMPLER_H
#define CORE_SERVICES_SAMPLER_H

#include "core/ring.h"
#include "core/services/names.h"

#include <medic/service/stacks.h>

struct raw_stack;

/* Takes a signal, and gives every thread its timer. MEDIC_E_UNSUPPORTED: no timer or no signal is to be had; MEDIC_E_MEMORY.
 * [worker] */
int sampler_start(struct ring *ring, ICorProfilerInfo12 *info, const medic_sampling *sampling, medic_reason *why);
/* Looks for new threads, and answers what the handler asked. MEDIC_E_BUSY: the program has taken the signal for itself, so
 * sampling has ended. [worker] */
int sampler_tick(uint64_t now_ns, medic_reason *why);
/* Ends it in the only order that is safe. 0 = a handler has not returned: nobody may detach before another call says 1. May be
 * called when nothing runs.
 * [worker] */
int sampler_stop(void);
/* Frees what is left after the stop. The thread in charge. */
void sampler_free(void);

/* Samples, losses, threads and the handler's time; nothing about stacks. Any time. */
void sampler_state(medic_sampling_state *state);
uint64_t sampler_handler_ns(void);
uint64_t sampler_memory(void);
/* Writes the thread's record when this is its first sample. [worker] */
void sampler_name_thread(const struct raw_stack *raw, uint32_t os_id, names_emit_fn emit, void *context);
/* Asks for one whole copy of this thread's stack. [worker] */
void sampler_ask_deep(const struct raw_stack *raw);

/* The runtime's callbacks, on any thread, whether a sampler runs or not. */
void sampler_thread_begins(ThreadID thread, uint32_t os_id);
void sampler_thread_ends(ThreadID thread);

#endif
