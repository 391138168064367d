#include "frame_walk_suspended.h"

#if defined(__x86_64__)

#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGE = 4096, PIECES = FRAME_WALK_WORDS * 8 / PAGE + 1 };

/* The kernel's sigaction: libc's leaves the restorer out. */
struct kernel_sigaction {
    uintptr_t handler;
    unsigned long flags;
    uintptr_t restorer;
    uint64_t mask;
};

uintptr_t frame_walk_restorer(void)
{
    static const int signals[] = {34 /* the runtime's activation signal: glibc's SIGRTMIN */, SIGSEGV, SIGCHLD};

    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct kernel_sigaction action = {0};
        if (syscall(SYS_rt_sigaction, signals[i], NULL, &action, sizeof action.mask) == 0 && action.restorer)
            return action.restorer;
    }
    return 0;
}

/* A copy of the stack: words[i] stood at from + 8 * i. */
struct stack_copy {
    uintptr_t from;
    const uint64_t *words;
    size_t count;
};

/* Page by page, so that it ends where the stack does. */
static struct stack_copy copy_stack(uintptr_t from, uint64_t *scratch)
{
    struct iovec local = {scratch, FRAME_WALK_WORDS * 8};
    struct iovec remote[PIECES];
    size_t left = FRAME_WALK_WORDS * 8, pieces = 0;
    ssize_t copied;

    for (uintptr_t at = from; left > 0 && pieces < PIECES; pieces++) {
        size_t size = PAGE - at % PAGE;
        size = size < left ? size : left;
        remote[pieces] = (struct iovec){(void *)at, size};
        at += size;
        left -= size;
    }
    copied = process_vm_readv(getpid(), &local, 1, remote, pieces, 0);
    return (struct stack_copy){from, scratch, copied > 0 ? (size_t)copied / 8 : 0};
}

/* The frame that begins at base (saved frame pointer, return address), or NULL. */
static const uint64_t *frame_at(const struct stack_copy *stack, uint64_t base)
{
    size_t i = (size_t)(base - stack->from) / 8;

    return base % 8 || base < stack->from || stack->count < 2 || i > stack->count - 2 ? NULL : &stack->words[i];
}

/* Who called us may have used the frame pointer for something else, so the chain is found by its looks: this many frames, each
 * above the one before. The runtime's own are more than that. */
#define LINKS 4

static int is_chain(const struct stack_copy *stack, uint64_t base)
{
    for (int i = 0; i < LINKS; i++) {
        const uint64_t *frame = frame_at(stack, base);
        if (!frame || frame[0] <= base + 8 || frame[1] < PAGE)
            return 0;
        base = frame[0];
    }
    return 1;
}

static uint64_t first_frame(const struct stack_copy *stack)
{
    for (size_t i = 0; i < stack->count; i++)
        if (is_chain(stack, stack->from + i * 8))
            return stack->from + i * 8;
    return 0;
}

/* The registers that the kernel saved lie right behind the address of the restorer. NULL when the copy ends before. */
static const uint64_t *saved_registers(const struct stack_copy *stack, const uint64_t *frame)
{
    const size_t first = offsetof(ucontext_t, uc_mcontext.gregs) / 8;

    return frame + 2 + first + NGREG <= stack->words + stack->count ? frame + 2 + first : NULL;
}

uint32_t frame_walk(uintptr_t restorer, uint64_t *scratch, uint64_t *addresses, uint32_t room)
{
    struct stack_copy stack = copy_stack((uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)7, scratch);
    uint64_t base = first_frame(&stack);
    uint32_t count = 0;

    while (count < room) {
        const uint64_t *frame = frame_at(&stack, base);
        const uint64_t *registers = NULL;
        uint64_t next;
        if (!frame || frame[1] < PAGE)
            break;
        if (frame[1] == restorer)
            registers = saved_registers(&stack, frame);
        addresses[count++] = registers ? registers[REG_RIP] : frame[1] - 1;
        next = registers ? registers[REG_RBP] : frame[0];
        if (next <= base)
            break;
        base = next;
    }
    return count;
}

#else

uintptr_t frame_walk_restorer(void)
{
    return 0;
}

uint32_t frame_walk(uintptr_t restorer, uint64_t *scratch, uint64_t *addresses, uint32_t room)
{
    (void)restorer, (void)scratch, (void)addresses, (void)room;
    return 0;
}

#endif
