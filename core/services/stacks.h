/* medic.stacks behind the table: turns what travels through the ring, or was copied in a suspension, into interned stacks.
 * State of the one session there is; the worker's, unless it says otherwise. */
#ifndef CORE_SERVICES_STACKS_H
#define CORE_SERVICES_STACKS_H

#include "core/ring.h"
#include "core/unwind/unwind.h"

#include <medic/service/stacks.h>

extern const medic_stacks_service stacks_service;

/* To be called before a run of stacks_resolve: looks for libraries that were loaded or unloaded. */
void stacks_refresh(void);
/* Whether a record of the ring is one with a stack that is to be resolved. */
int stacks_is_raw(uint32_t type);
/* Unwinds, writes stack and frames, and makes of the ring's record, in its place, what the plugin is to see. 0 = it is damaged:
 * drop it. */
int stacks_resolve(const struct ring_record *record, medic_record *shown);

/* For snapshots: the id of the stack in a copy; *flags gets enum medic_stack_flags. 0 when there is none. unwind()'s
 * parameters. */
uint64_t stacks_intern_copy(const struct unwind_registers *registers, const struct unwind_stack *stack, int at_call,
                            uint32_t *flags);
/* The same with addresses, leaf first: the leaf exact, the others return addresses. flags go to the stack as they are. */
uint64_t stacks_intern_addresses(const uint64_t *addresses, uint64_t count, uint32_t flags);

/* Every tick while recording. Ends the session when sampling cannot go on. */
void stacks_tick(uint64_t now_ns);
/* Ends sampling: 0 = a signal handler or a suspension has not returned, nobody may detach before another call says 1. At the end
 * of the session, before the plugin's stop, however it ended. */
int stacks_stop(void);
/* The thread in charge, after stacks_stop. */
void stacks_free(void);

uint64_t stacks_memory(void);
uint64_t stacks_handler_ns(void);
/* Calls back for each module that a frame has named. */
void stacks_modules(void (*each)(void *context, uint64_t module), void *context);

#endif
