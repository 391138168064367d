/* Interning: a walk becomes frames and a stack, each of which is written into the capture once. A frame is a code address and
 * what lay there when it was seen; a stack is told by 64 bits of hash of its frames. Memory is bounded. All of it on the
 * worker. */
#ifndef CORE_SERVICES_FRAMES_H
#define CORE_SERVICES_FRAMES_H

#include "core/services/names.h"
#include "core/unwind/unwind.h"

struct frames;

/* info, names and unwinder are borrowed for its life; emit writes core records. NULL when out of memory. */
struct frames *frames_new(ICorProfilerInfo12 *info, struct names *names, struct unwinder *unwinder, names_emit_fn emit,
                          void *context);
void frames_free(struct frames *frames);
/* Bytes it holds, and how often it had no room for a stack. */
uint64_t frames_memory(const struct frames *frames);
uint64_t frames_lost(const struct frames *frames);

/* The id of the stack whose leaf is steps[0]; flags: enum medic_stack_flags, of the stack. 0 when there are no steps, or no
 * room, which is counted. */
uint64_t frames_stack(struct frames *frames, const struct unwind_step *steps, uint32_t count, uint32_t flags);

/* Calls back for each module (ModuleID) that a frame has named. */
void frames_modules(const struct frames *frames, void (*each)(void *context, uint64_t module), void *context);

#endif
