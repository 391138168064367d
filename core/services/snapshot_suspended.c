/* What happens while the runtime is suspended: no allocation of ours, no lock, no read that could fault. Nothing of the
 * copies is looked at here.
 *
 * Threads in native code go on running in a suspension, but not back into managed code: from the first managed frame on
 * their stacks stand still. The runtime's lock on its list of threads is held by the suspension, so every ThreadID that it
 * lists stays valid until the resume. */
#include "core/os.h"
#include "core/services/snapshot.h"

#include <medic/clr/hresults.h>
#include <sys/uio.h>

enum { BATCH = 64, IOV_BATCH = 512 };

/* Offsets in the runtime's CONTEXT of x86-64 (winnt.h, as pal.h repeats it), in the order of struct unwind_registers:
 * rax rdx rcx rbx rsi rdi rbp rsp r8..r15 rip. */
#if defined(__x86_64__)
static const uint16_t context_offsets[UNWIND_REGISTERS] = {
    0x78, 0x88, 0x80, 0x90, 0xA8, 0xB0, 0xA0, 0x98, 0xB8, 0xC0, 0xC8, 0xD0, 0xD8, 0xE0, 0xE8, 0xF0, 0xF8,
};
#define CONTEXT_SIZE_MIN 0x100u

static uint64_t word_at(const BYTE *bytes)
{
    uint64_t word = 0;

    for (unsigned i = 8; i-- > 0;)
        word = word << 8 | bytes[i];
    return word;
}

static int take_registers(struct shot_thread *thread, const BYTE *context, ULONG32 size)
{
    if (!context || size < CONTEXT_SIZE_MIN)
        return 0;
    for (unsigned i = 0; i < UNWIND_REGISTERS; i++)
        thread->registers.r[i] = word_at(context + context_offsets[i]);
    return 1;
}
#else
static int take_registers(struct shot_thread *thread, const BYTE *context, ULONG32 size)
{
    (void)thread, (void)context, (void)size;
    return 0;
}
#endif

/* The walk of one thread, as the runtime tells it. */
struct walk {
    struct shot *shot;
    struct shot_thread *thread;
};

static HRESULT see_frame(FunctionID function, UINT_PTR ip, COR_PRF_FRAME_INFO frame, ULONG32 size, BYTE *context,
                         void *data)
{
    struct walk *walk = data;
    struct shot *shot = walk->shot;

    (void)frame;
    if (!function)
        return S_OK; /* a run of native frames */
    if (!(walk->thread->flags & SHOT_HAS_FRAME) && take_registers(walk->thread, context, size))
        walk->thread->flags |= SHOT_HAS_FRAME;
    if (!shot->walks && (walk->thread->flags & SHOT_HAS_FRAME))
        return S_FALSE; /* one is enough */
    if (!shot->walks || shot->walks_used == shot->walks_capacity || walk->thread->walk_count == SHOT_WALK_MAX)
        return S_FALSE;
    shot->walks[shot->walks_used++] = ip;
    walk->thread->walk_count++;
    return S_OK;
}

static void find_stack(struct shot *shot, struct shot_thread *thread)
{
    uint64_t low = thread->registers.r[UNWIND_RSP];
    const struct memory_range *range = memory_map_find(&shot->map, low);

    if (!range)
        return;
    thread->low = low;
    thread->high = range->end;
    thread->flags |= SHOT_WHOLE;
    if (thread->high - low > SHOT_STACK_MAX) {
        thread->high = low + SHOT_STACK_MAX;
        thread->flags &= ~(uint32_t)SHOT_WHOLE;
    }
}

static void see_thread(struct shot *shot, ThreadID id)
{
    struct shot_thread *thread = &shot->threads[shot->count];
    struct walk walk = {shot, thread};
    DWORD os_id = 0;

    *thread = (struct shot_thread){.thread = id, .walk_first = shot->walks_used};
    if (FAILED(shot->info->lpVtbl->GetThreadInfo(shot->info, id, &os_id)))
        os_id = 0;
    thread->os_id = os_id;
    if (shot->wanted && !shot->wanted(shot->context, thread))
        return;
    shot->count++;
    shot->info->lpVtbl->DoStackSnapshot(shot->info, id, see_frame, COR_PRF_SNAPSHOT_REGISTER_CONTEXT, &walk, NULL, 0);
    if (thread->flags & SHOT_HAS_FRAME)
        find_stack(shot, thread);
}

static void see_threads(struct shot *shot)
{
    ICorProfilerThreadEnum *threads = NULL;
    ThreadID ids[BATCH];
    ULONG got;

    if (FAILED(shot->info->lpVtbl->EnumThreads(shot->info, &threads)) || !threads) {
        shot->missed++;
        return;
    }
    do {
        got = 0;
        if (FAILED(threads->lpVtbl->Next(threads, BATCH, ids, &got)))
            break;
        for (ULONG i = 0; i < got; i++) {
            if (shot->count < shot->capacity)
                see_thread(shot, ids[i]);
            else
                shot->missed++;
        }
    } while (got);
    threads->lpVtbl->Release(threads);
}

/* By the kernel, which does not fault where the map is older than the truth. Returns how many of the threads it was through
 * with, or -1 when it is refused. */
static int copy_batch(struct shot *shot, struct shot_thread **threads, struct iovec *remote, unsigned count)
{
    struct iovec local = {shot->bytes + threads[0]->offset, 0};
    uint64_t left;
    ssize_t got;

    for (unsigned i = 0; i < count; i++)
        local.iov_len += remote[i].iov_len;
    got = process_vm_readv(getpid(), &local, 1, remote, count, 0);
    if (got < 0 && errno != EFAULT)
        return -1;
    left = got < 0 ? 0 : (uint64_t)got;
    for (unsigned i = 0; i < count; i++) {
        uint64_t wanted = remote[i].iov_len;

        threads[i]->size = left < wanted ? left : wanted;
        left -= threads[i]->size;
        if (threads[i]->size < wanted) {
            threads[i]->flags &= ~(uint32_t)SHOT_WHOLE;
            return (int)i + 1; /* what follows was not looked at */
        }
    }
    return (int)count;
}

/* The slow way, for where seccomp forbids the fast one. */
static void copy_by_file(struct shot *shot, struct shot_thread *thread)
{
    uint64_t wanted = thread->high - thread->low;
    ssize_t got = shot->memory_fd < 0
                      ? -1
                      : pread(shot->memory_fd, shot->bytes + thread->offset, (size_t)wanted, (off_t)thread->low);

    thread->size = got > 0 ? (uint64_t)got : 0;
    if (thread->size < wanted)
        thread->flags &= ~(uint32_t)SHOT_WHOLE;
}

static void copy_stacks(struct shot *shot)
{
    struct shot_thread *batch[IOV_BATCH];
    struct iovec remote[IOV_BATCH];
    uint32_t next = 0;
    int refused = 0;

    while (next < shot->count) {
        unsigned count = 0;
        uint32_t i = next;

        for (; i < shot->count && count < IOV_BATCH; i++) {
            struct shot_thread *thread = &shot->threads[i];
            uint64_t room = shot->bytes_capacity - shot->bytes_used;

            if (thread->high == thread->low)
                continue;
            if (thread->high - thread->low > room) {
                thread->high = thread->low + room;
                thread->flags &= ~(uint32_t)SHOT_WHOLE;
                if (!room)
                    continue;
            }
            thread->offset = shot->bytes_used;
            shot->bytes_used += thread->high - thread->low;
            batch[count] = thread;
            remote[count++] = (struct iovec){(void *)(uintptr_t)thread->low, (size_t)(thread->high - thread->low)};
        }
        for (unsigned done = 0; done < count;) {
            int through = refused ? -1 : copy_batch(shot, batch + done, remote + done, count - done);

            if (through < 0) {
                refused = 1;
                copy_by_file(shot, batch[done]);
                through = 1;
            }
            done += (unsigned)through;
        }
        next = i;
    }
}

/* While somebody else suspends, a collection above all, the runtime refuses: it is asked again until it does not. */
static void suspend(struct shot *shot)
{
    uint64_t deadline = os_now_ns() + shot->patience_ns;

    do {
        shot->begin_ns = os_now_ns();
        shot->result = shot->info->lpVtbl->SuspendRuntime(shot->info);
        if (shot->result != CORPROF_E_SUSPENSION_IN_PROGRESS)
            return;
        os_sleep_ns(UINT64_C(200000));
    } while (shot->begin_ns < deadline);
}

void shot_take(struct shot *shot)
{
    shot->count = 0;
    shot->missed = 0;
    shot->bytes_used = 0;
    shot->walks_used = 0;
    suspend(shot);
    if (FAILED(shot->result)) {
        shot->pause_ns = 0;
        return;
    }
    see_threads(shot);
    copy_stacks(shot);
    shot->info->lpVtbl->ResumeRuntime(shot->info);
    shot->pause_ns = os_now_ns() - shot->begin_ns;
}
