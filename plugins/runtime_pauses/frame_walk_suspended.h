/* The calling thread's stack by frame pointers, for the one callback in which DoStackSnapshot refuses: a thread that reports
 * itself stopped (RuntimeThreadSuspended) is in a region where the runtime forbids that walk (CORPROF_E_STACKSNAPSHOT_UNSAFE,
 * .NET 8 to 10).
 *
 * The runtime's own code and nearly all compiled methods keep a chain of frame pointers; a method that does not hides its
 * caller. When the thread was stopped by the runtime's signal, the chain leads through the frame in which the kernel has
 * put its registers. All memory is read through the kernel, so that nothing the walk meets can fault. */
#ifndef RUNTIME_PAUSES_FRAME_WALK_H
#define RUNTIME_PAUSES_FRAME_WALK_H

#include <stdint.h>

#define FRAME_WALK_WORDS 4096u /* of stack that are looked at: 32 KiB */

/* The code that signal handlers return to; 0 when it cannot be told (another processor than x86-64). [worker] */
uintptr_t frame_walk_restorer(void);

/* Code addresses, innermost first, native ones included, as a lookup wants them: return addresses less one. scratch has
 * FRAME_WALK_WORDS words. Returns their number, at most room. [suspended] */
uint32_t frame_walk(uintptr_t restorer, uint64_t *scratch, uint64_t *addresses, uint32_t room);

#endif
