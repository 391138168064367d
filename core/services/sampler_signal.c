/* [signal] Nothing in here blocks, allocates, takes a lock, or touches memory that is not known to be there. The kernel has
 * put its frame on the interrupted stack: little is put on top of it. */
#include "core/services/sampler_signal.h"

#include "core/os.h"
#include "core/services/context_registers.h"
#include "core/services/raw_stack.h"

#include <asm/prctl.h>
#include <medic/service/stacks.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>
#include <ucontext.h>

enum { PAGE = 4096, SPARE_PIECES = RAW_STACK_CAP / PAGE + 1 };

struct sampler_shared sampler_shared;

/* With the spare buffer: they are too large for somebody else's stack. */
static struct iovec pieces[SPARE_PIECES];

#if defined(__x86_64__)

static uint64_t stack_pointer(const ucontext_t *context)
{
    return (uint64_t)context->uc_mcontext.gregs[REG_RSP];
}

/* Asked of the kernel: a thread without one has nothing at %fs:0. */
static uint64_t control_block(void)
{
    uint64_t address = 0;

    return syscall(SYS_arch_prctl, ARCH_GET_FS, &address) == 0 ? address : 0;
}

#else

static uint64_t stack_pointer(const ucontext_t *context)
{
    (void)context;
    return 0;
}

static uint64_t control_block(void)
{
    return 0;
}

#endif

/* The slot that the signal belongs to: it must be this thread's. A child of a fork has other thread ids. */
static struct sampler_slot *slot_of(uint64_t key)
{
    uint32_t index = (uint32_t)key;
    struct sampler_slot *slot;

    if (index >= SAMPLER_SLOTS)
        return NULL;
    slot = &sampler_shared.slots[index];
    return atomic_load(&slot->generation) == key >> 32 && atomic_load(&slot->tid) == os_thread_id() ? slot : NULL;
}

/* What is to be copied, and how. */
struct extent {
    uint64_t low, size;
    uint32_t flags;
    uint64_t under_low, under_size, under_context;
};

static void fill_sample(struct raw_stack *raw, const struct sampler_slot *slot, uint64_t weight_ns)
{
    medic_cpu_sample *sample = (medic_cpu_sample *)(void *)(raw + 1);

    raw->record_size = sizeof *sample;
    raw->slot = (uint32_t)(slot - sampler_shared.slots);
    raw->generation = atomic_load_explicit(&slot->generation, memory_order_relaxed);
    raw->thread = atomic_load_explicit(&slot->thread, memory_order_relaxed);
    sample->head.time_ns = os_now_ns();
    sample->head.os_id = atomic_load_explicit(&slot->tid, memory_order_relaxed);
    sample->weight_ns = weight_ns;
}

static int write_sample(const struct sampler_slot *slot, const struct extent *extent, const void *bytes,
                        uint64_t weight_ns, const ucontext_t *context)
{
    uint64_t offset = raw_stack_offset(sizeof(medic_cpu_sample));
    uint64_t size = raw_stack_bytes(extent->size, extent->under_size);
    struct raw_stack *raw =
        ring_reserve(sampler_shared.ring, sampler_shared.record_type | RAW_STACK, (uint32_t)(offset + size));

    if (!raw)
        return 0;
    fill_sample(raw, slot, weight_ns);
    raw->flags = extent->flags | RAW_SAMPLE;
    raw->low = extent->low;
    raw->size = extent->size;
    raw->under_low = extent->under_low;
    raw->under_size = extent->under_size;
    raw->under_context = extent->under_context;
    context_registers(context, &raw->registers);
    memcpy((uint8_t *)raw + offset, bytes, extent->size);
    if (extent->under_size)
        memcpy((uint8_t *)raw + offset + size - extent->under_size, (const void *)extent->under_low,
               extent->under_size);
    ring_commit(sampler_shared.ring, raw);
    return 1;
}

void sampler_write_bare(struct sampler_slot *slot, uint64_t weight_ns)
{
    uint64_t size = raw_stack_offset(sizeof(medic_cpu_sample));
    struct raw_stack *raw = ring_reserve(sampler_shared.ring, sampler_shared.record_type | RAW_STACK, (uint32_t)size);

    if (!raw) {
        atomic_fetch_add_explicit(&sampler_shared.lost, 1, memory_order_relaxed);
        ring_count_loss(sampler_shared.ring);
        return;
    }
    fill_sample(raw, slot, weight_ns);
    raw->flags = RAW_SAMPLE | RAW_NONE;
    ring_commit(sampler_shared.ring, raw);
    atomic_fetch_add_explicit(&sampler_shared.samples, 1, memory_order_relaxed);
}

static struct extent up_to(uint64_t low, uint64_t high, uint64_t most)
{
    uint64_t size = high - low;

    return (struct extent){.low = low, .size = size < most ? size : most, .flags = size <= most ? RAW_WHOLE : 0};
}

/* 1 = written, 0 = no room. */
static int copy_directly(struct sampler_slot *slot, uint64_t low, uint64_t high, uint64_t weight_ns,
                         const ucontext_t *context)
{
    struct extent extent;

    if (atomic_load_explicit(&slot->deep, memory_order_relaxed)) {
        uint64_t most = ring_largest(sampler_shared.ring) - raw_stack_offset(sizeof(medic_cpu_sample));

        extent = up_to(low, high, most < RAW_STACK_DEEP ? most : RAW_STACK_DEEP);
        if (write_sample(slot, &extent, (const void *)low, weight_ns, context)) {
            atomic_store_explicit(&slot->deep, 0, memory_order_relaxed);
            return 1;
        }
    }
    extent = up_to(low, high, RAW_STACK_CAP);
    return write_sample(slot, &extent, (const void *)low, weight_ns, context);
}

/* Reads into the spare buffer what there is from low on, page by page: how many bytes there were. */
static uint64_t read_spare(uint64_t low, uint64_t most)
{
    struct iovec local = {sampler_shared.spare, most};
    unsigned long count = 0;
    long got;

    for (uint64_t at = low, end = low + most; at < end; count++) {
        uint64_t next = (at | (PAGE - 1)) + 1;

        if (next > end)
            next = end;
        pieces[count] = (struct iovec){(void *)at, next - at};
        at = next;
    }
    got = syscall(SYS_process_vm_readv, (long)os_process_id(), &local, 1UL, pieces, count, 0UL);
    return got > 0 ? (uint64_t)got : 0;
}

/* Bytes from here to the end of the alternate signal stack; 0 when this is not one. */
static uint64_t left_of_alternate_stack(uint64_t at, const ucontext_t *context)
{
    uint64_t begin = (uint64_t)(uintptr_t)context->uc_stack.ss_sp, size = context->uc_stack.ss_size;

    return at >= begin && at - begin < size ? size - (at - begin) : 0;
}

/* A handler of the program runs on an alternate stack, whose copy is in the spare buffer. The kernel has put the context there
 * in which the thread was interrupted, and in it, what the alternate stack was: that is how it is found. */
static void look_under(const struct sampler_slot *slot, struct extent *extent, const ucontext_t *context)
{
#if defined(__x86_64__)
    const uint64_t block[] = {(uint64_t)(uintptr_t)context->uc_stack.ss_sp, context->uc_stack.ss_size};
    uint64_t low = atomic_load(&slot->low), high = atomic_load(&slot->high), sp;
    uint64_t at = (8 - extent->low % 8) % 8 + offsetof(ucontext_t, uc_stack);

    if (!high || !left_of_alternate_stack(extent->low + RAW_RED_ZONE, context))
        return;
    for (; at + sizeof(ucontext_t) <= extent->size; at += 8) {
        const ucontext_t *under =
            (const void *)(sampler_shared.spare + at - offsetof(ucontext_t, uc_stack)); /* x86: aligned or not */

        if ((uint64_t)(uintptr_t)under->uc_stack.ss_sp != block[0] || under->uc_stack.ss_size != block[1])
            continue;
        sp = (uint64_t)under->uc_mcontext.gregs[REG_RSP] - RAW_RED_ZONE;
        if (sp < low || sp >= high)
            continue;
        extent->under_low = sp;
        extent->under_size = high - sp < RAW_STACK_CAP ? high - sp : RAW_STACK_CAP;
        extent->under_context = at - offsetof(ucontext_t, uc_stack);
        extent->flags = high - sp <= RAW_STACK_CAP ? RAW_WHOLE : 0;
        return;
    }
#else
    (void)slot, (void)extent, (void)context;
#endif
}

/* The stack pointer is nowhere known: a thread's first sample, an alternate signal stack, a stack that is switched to by
 * hand. The kernel copies, because it cannot fault. 1 = written, 0 = no room, -1 = not now. */
static int copy_carefully(struct sampler_slot *slot, uint64_t low, uint64_t weight_ns, const ucontext_t *context)
{
    uint64_t tcb = control_block(), most = RAW_STACK_CAP;
    uint64_t alternate = left_of_alternate_stack(low + RAW_RED_ZONE, context);
    struct extent extent;
    uint32_t free = 0;
    int result = -1;

    if (!alternate) {
        atomic_store_explicit(&slot->seen_sp, low + RAW_RED_ZONE, memory_order_relaxed);
        atomic_store_explicit(&slot->seen_tcb, tcb, memory_order_relaxed);
        if (atomic_exchange(&slot->asks, 1) == 0)
            atomic_fetch_add(&sampler_shared.asks, 1);
    }
    if (low > UINT64_MAX - RAW_STACK_CAP || !atomic_compare_exchange_strong(&sampler_shared.spare_busy, &free, 1))
        return -1;
    if (tcb > low && tcb - low < most)
        most = tcb - low;
    if (alternate && alternate + RAW_RED_ZONE < most)
        most = alternate + RAW_RED_ZONE;
    extent = (struct extent){.low = low, .size = read_spare(low, most)};
    if (extent.size < RAW_STACK_CAP)
        extent.flags = RAW_WHOLE;
    look_under(slot, &extent, context);
    if (extent.size)
        result = write_sample(slot, &extent, sampler_shared.spare, weight_ns, context);
    memset(sampler_shared.spare, 0, extent.size);
    atomic_store(&sampler_shared.spare_busy, 0);
    return result;
}

static void sample(struct sampler_slot *slot, uint64_t expiries, const ucontext_t *context)
{
    uint64_t weight =
        atomic_exchange_explicit(&slot->carried_ns, 0, memory_order_relaxed) + expiries * sampler_shared.interval_ns;
    uint64_t begin = stack_pointer(context) - RAW_RED_ZONE;
    uint64_t low = atomic_load(&slot->low), high = atomic_load(&slot->high);
    int result;

    atomic_fetch_add_explicit(&slot->expiries, expiries, memory_order_relaxed);
    if (high && begin >= low && begin < high)
        result = copy_directly(slot, begin, high, weight, context);
    else
        result = copy_carefully(slot, begin, weight, context);
    if (result > 0) {
        atomic_fetch_add_explicit(&sampler_shared.samples, 1, memory_order_relaxed);
        return;
    }
    /* The thread's next sample stands for this time too. */
    atomic_fetch_add_explicit(&slot->carried_ns, weight, memory_order_relaxed);
    if (result == 0) {
        atomic_fetch_add_explicit(&sampler_shared.lost, 1, memory_order_relaxed);
        ring_count_loss(sampler_shared.ring);
    } else {
        atomic_fetch_add_explicit(&sampler_shared.skipped, 1, memory_order_relaxed);
    }
}

static void timed_sample(struct sampler_slot *slot, uint64_t expiries, const ucontext_t *context)
{
    int timed = atomic_fetch_add_explicit(&sampler_shared.calls, 1, memory_order_relaxed) % SAMPLER_TIMED == 0;
    uint64_t begin = timed ? os_time_ns(CLOCK_THREAD_CPUTIME_ID) : 0;

    sample(slot, expiries, context);
    if (timed) {
        atomic_fetch_add_explicit(&sampler_shared.timed_ns, os_time_ns(CLOCK_THREAD_CPUTIME_ID) - begin,
                                  memory_order_relaxed);
        atomic_fetch_add_explicit(&sampler_shared.timed_calls, 1, memory_order_relaxed);
    }
}

void sampler_on_signal(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    struct sampler_slot *slot;

    (void)number;
    if (info->si_code != SI_TIMER)
        return;
    atomic_fetch_add(&sampler_shared.in_flight, 1);
    if (atomic_load(&sampler_shared.active)) {
        slot = slot_of((uint64_t)(uintptr_t)info->si_value.sival_ptr);
        if (slot)
            timed_sample(slot, 1 + (uint64_t)(info->si_overrun > 0 ? info->si_overrun : 0), context);
    }
    atomic_fetch_sub(&sampler_shared.in_flight, 1);
    errno = saved;
}
