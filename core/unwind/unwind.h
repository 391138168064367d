/* Unwinds copied stacks: from registers and stack bytes, as a signal handler or a suspension left them, to the thread's root.
 *
 * Managed frames by the runtime's own UNWIND_INFO, native ones by .eh_frame; nothing is executed on the thread that is
 * looked at, and nothing of the copy is trusted. x86-64. All of it on the worker. */
#ifndef CORE_UNWIND_UNWIND_H
#define CORE_UNWIND_UNWIND_H

#include <medic/capture_format.h>
#include <medic/clr/profiler.h>
#include <stddef.h>
#include <stdint.h>

/* In DWARF's order for x86-64: rax rdx rcx rbx rsi rdi rbp rsp r8..r15, then the return address column. */
enum {
    UNWIND_RBX = 3,
    UNWIND_RBP = 6,
    UNWIND_RSP = 7,
    UNWIND_IP = 16,
    UNWIND_REGISTERS = 17,
    UNWIND_FRAMES_MAX = 16384
};

struct unwind_registers {
    uint64_t r[UNWIND_REGISTERS];
};

/* A copy of [low, low + size) of a thread's memory. */
struct unwind_stack {
    const uint8_t *bytes;
    uint64_t low, size;
    int whole; /* it ends at the top of the thread's stack */
};

struct unwind_step {
    uint64_t ip;  /* the interrupted instruction, or the return address less 1 */
    uint64_t cfa; /* value of rsp before the call of this frame's function: identifies the activation */
};

struct unwinder;

/* info is borrowed. NULL when out of memory. */
struct unwinder *unwinder_new(ICorProfilerInfo12 *info);
void unwinder_free(struct unwinder *unwinder);
uint64_t unwinder_memory(const struct unwinder *unwinder);
/* Looks at the loaded libraries anew: cheap when nothing has changed. To be called before draining. */
void unwinder_refresh(struct unwinder *unwinder);

/* Walks to the root. Fills steps leaf first, at most capacity, and returns how many; *flags gets MEDIC_STACK_TRUNCATED or
 * MEDIC_STACK_BROKEN when the root was not reached. at_call: the registers are those of a caller, after a call (a suspended
 * thread's first managed frame), not of an interrupted instruction. */
uint32_t unwind(struct unwinder *unwinder, const struct unwind_registers *registers, const struct unwind_stack *stack,
                int at_call, struct unwind_step *steps, uint32_t capacity, uint32_t *flags);

enum unwind_code_kind { UNWIND_UNKNOWN, UNWIND_MANAGED, UNWIND_NATIVE };

/* What lies at an address. */
struct unwind_code {
    enum unwind_code_kind kind;
    /* NATIVE: the library; valid until the next unwinder_refresh. id: from 1, the same for the same mapping. */
    struct {
        uint64_t id, bias, begin, end;
        uint8_t build_id[32];
        uint32_t build_id_size;
        const char *path;
    } image;
};
void unwind_code_at(struct unwinder *unwinder, uint64_t ip, struct unwind_code *code);

/* may = 0: from now on the runtime is not asked, only what is known already is used. For stacks whose code may have been
 * unloaded since: the runtime crashes when it is asked about the address of such code (as with ids, see session_before_unload).
 * At first it may. */
void unwinder_may_ask(struct unwinder *unwinder, int may);

#endif
