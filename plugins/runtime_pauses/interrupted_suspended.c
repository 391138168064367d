#include "interrupted_suspended.h"

#if defined(__x86_64__)

#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGE = 4096, PIECES = INTERRUPTED_WORDS * 8 / PAGE + 1 };

/* The kernel's sigaction: libc's leaves the restorer out. */
struct kernel_sigaction {
    uintptr_t handler;
    unsigned long flags;
    uintptr_t restorer;
    uint64_t mask;
};

uintptr_t interrupted_restorer(void)
{
    static const int signals[] = {34 /* SIGRTMIN of glibc, the activation signal */, SIGSEGV, SIGCHLD};

    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct kernel_sigaction action = {0};
        if (syscall(SYS_rt_sigaction, signals[i], NULL, &action, sizeof action.mask) == 0 && action.restorer)
            return action.restorer;
    }
    return 0;
}

/* Copies the stack from here on, page by page, up to its end. Words copied. */
static size_t copy_stack(uintptr_t from, uint64_t *scratch)
{
    struct iovec local = {scratch, INTERRUPTED_WORDS * 8};
    struct iovec remote[PIECES];
    size_t left = INTERRUPTED_WORDS * 8, pieces = 0;
    ssize_t copied;

    for (uintptr_t at = from; left > 0 && pieces < PIECES; pieces++) {
        size_t size = PAGE - at % PAGE;
        size = size < left ? size : left;
        remote[pieces] = (struct iovec){(void *)at, size};
        at += size;
        left -= size;
    }
    copied = process_vm_readv(getpid(), &local, 1, remote, pieces, 0);
    return copied > 0 ? (size_t)copied / 8 : 0;
}

static uint64_t saved_register(const uint64_t *frame, int which)
{
    return frame[offsetof(ucontext_t, uc_mcontext.gregs) / 8 + (size_t)which];
}

/* The registers that the kernel saved: right behind the address of the restorer. The stack also holds remains of older
 * handlers; their stack pointers do not fit. */
static const uint64_t *signal_frame(uintptr_t restorer, const uint64_t *stack, size_t words, uintptr_t from)
{
    const size_t size = offsetof(ucontext_t, uc_mcontext.gregs) / 8 + NGREG;

    for (size_t i = 0; i + 1 + size <= words; i++) {
        const uint64_t *frame = &stack[i + 1];
        if (stack[i] == restorer && saved_register(frame, REG_RSP) > from + i * 8 && saved_register(frame, REG_RIP) > PAGE)
            return frame;
    }
    return NULL;
}

uint32_t interrupted_stack(uintptr_t restorer, uint64_t *scratch, uint64_t *addresses, uint32_t room)
{
    uintptr_t from = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)7;
    size_t words = restorer ? copy_stack(from, scratch) : 0;
    const uint64_t *frame = signal_frame(restorer, scratch, words, from);
    uint32_t count = 0;

    if (!frame || !room)
        return 0;
    addresses[count++] = saved_register(frame, REG_RIP);
    for (uint64_t base = saved_register(frame, REG_RBP); count < room;) {
        size_t i = (size_t)(base - from) / 8;
        if (base % 8 || base < from || words < 2 || i > words - 2 || !scratch[i + 1])
            break;
        addresses[count++] = scratch[i + 1] - 1;
        if (scratch[i] <= base)
            break;
        base = scratch[i];
    }
    return count;
}

#else

uintptr_t interrupted_restorer(void)
{
    return 0;
}

uint32_t interrupted_stack(uintptr_t restorer, uint64_t *scratch, uint64_t *addresses, uint32_t room)
{
    (void)restorer, (void)scratch, (void)addresses, (void)room;
    return 0;
}

#endif
