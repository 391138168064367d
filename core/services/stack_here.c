#include "core/services/stack_here.h"

#include "core/os.h"
#include "core/services/raw_stack.h"
#include "core/services/thread_bounds.h"

#include <medic/result.h>
#include <medic/service/stacks.h>
#include <string.h>

#if defined(__x86_64__)

/* The callee-saved registers, rsp and rip, as they are in the function that this is put into; the others are nobody's. */
static inline __attribute__((always_inline)) int take_own_registers(struct unwind_registers *to)
{
    __asm__ volatile("movq %%rbx, 24(%0)\n\t"
                     "movq %%rbp, 48(%0)\n\t"
                     "movq %%rsp, 56(%0)\n\t"
                     "movq %%r12, 96(%0)\n\t"
                     "movq %%r13, 104(%0)\n\t"
                     "movq %%r14, 112(%0)\n\t"
                     "movq %%r15, 120(%0)\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "movq %%rax, 128(%0)\n"
                     "1:"
                     :
                     : "r"(to->r)
                     : "rax", "memory");
    return 1;
}

#else

static inline int take_own_registers(struct unwind_registers *to)
{
    (void)to;
    return 0;
}

#endif

static int fits(const struct ring *ring, uint32_t type, const void *head, uint32_t head_size, uint64_t tail_size)
{
    return type >= MEDIC_RECORD_PLUGIN && !(type & RAW_STACK) && head && head_size >= sizeof(medic_stack_head) &&
           sizeof(struct raw_stack) + 8 + head_size + tail_size < ring_largest(ring);
}

/* The record without its stack. */
static void fill(struct raw_stack *raw, const void *head, uint32_t head_size, const void *tail, uint32_t tail_size)
{
    uint8_t *payload = (uint8_t *)(raw + 1);
    medic_stack_head own = {0, os_now_ns(), os_thread_id(), 0};

    raw->record_size = head_size + tail_size;
    memcpy(payload, head, head_size);
    memcpy(payload, &own, sizeof own);
    if (tail_size)
        memcpy(payload + head_size, tail, tail_size);
}

static int full(struct ring *ring)
{
    ring_count_loss(ring);
    return MEDIC_E_FULL;
}

__attribute__((noinline)) int stack_here(struct ring *ring, uint32_t type, const void *head, uint32_t head_size,
                                         const void *tail, uint32_t tail_size)
{
    struct unwind_registers registers = {{0}};
    struct thread_bounds bounds;
    struct raw_stack *raw;
    uint64_t low, most, size = 0, offset;

    if (!fits(ring, type, head, head_size, tail_size))
        return MEDIC_E_ARGUMENT;
    if (!take_own_registers(&registers))
        return MEDIC_E_UNSUPPORTED;
    offset = raw_stack_offset(head_size + tail_size);
    most = ring_largest(ring) - offset;
    most = most < RAW_STACK_CAP ? most : RAW_STACK_CAP;
    low = registers.r[UNWIND_RSP];
    /* On a stack that is switched to by hand there is no telling where it ends. */
    if (thread_bounds_get(&bounds) && low >= bounds.low && low < bounds.high)
        size = bounds.high - low < most ? bounds.high - low : most;
    raw = ring_reserve(ring, type | RAW_STACK, (uint32_t)(offset + size));
    if (!raw)
        return full(ring);
    fill(raw, head, head_size, tail, tail_size);
    raw->flags = RAW_HERE | (size == 0 ? RAW_NONE : low + size == bounds.high ? RAW_WHOLE : 0u);
    raw->registers = registers;
    raw->low = low;
    raw->size = size;
    memcpy((uint8_t *)raw + offset, (const void *)low, size);
    ring_commit(ring, raw);
    return MEDIC_OK;
}

int stack_addresses(struct ring *ring, uint32_t type, const void *head, uint32_t head_size, const uintptr_t *addresses,
                    uint32_t count)
{
    uint64_t offset = raw_stack_offset(head_size), size = count * sizeof *addresses;
    struct raw_stack *raw;

    if (!fits(ring, type, head, head_size, size) || (count && !addresses))
        return MEDIC_E_ARGUMENT;
    raw = ring_reserve(ring, type | RAW_STACK, (uint32_t)(offset + size));
    if (!raw)
        return full(ring);
    fill(raw, head, head_size, NULL, 0);
    raw->flags = RAW_ADDRESSES;
    raw->size = size;
    if (size)
        memcpy((uint8_t *)raw + offset, addresses, size);
    ring_commit(ring, raw);
    return MEDIC_OK;
}
