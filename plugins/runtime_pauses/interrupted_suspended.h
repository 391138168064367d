/* Where a thread was when the runtime's signal stopped it.
 *
 * A thread that is interrupted by the activation signal waits for the end of the suspension inside the signal handler, and
 * there DoStackSnapshot answers CORPROF_E_STACKSNAPSHOT_UNSAFE: the thread holds its own hijack lock. The kernel has put its
 * registers on the stack, in the frame that the handler will return through. */
#ifndef RUNTIME_PAUSES_INTERRUPTED_H
#define RUNTIME_PAUSES_INTERRUPTED_H

#include <stdint.h>

#define INTERRUPTED_WORDS 4096u /* of stack that are looked at: 32 KiB */

/* The code that signal handlers return to, 0 when it cannot be told (another processor than x86-64). [worker] */
uintptr_t interrupted_restorer(void);

/* From a callback on the interrupted thread: code addresses, innermost first, as a lookup wants them (return addresses less
 * one). Callers by frame pointers: a method without a frame hides its caller. scratch has INTERRUPTED_WORDS words. Reads
 * memory through the kernel, so that nothing it meets can fault. Returns their number. [suspended] */
uint32_t interrupted_stack(uintptr_t restorer, uint64_t *scratch, uint64_t *addresses, uint32_t room);

#endif
