/* The callbacks. They run while the runtime stops its threads or keeps them stopped: nothing here allocates, locks or
 * waits. A stopped thread reports itself when it no longer holds up the suspension, so a stack taken there costs the pause
 * nothing; whether it was the slow one is known only when the pause is over, and the worker decides it then. */
#include "capture.h"
#include "frame_walk_suspended.h"
#include "gc_events.h"

#include <string.h>

/* Stacks at the start of a suspension and at a trigger: one every STACK_STEP on average, STACK_BURST of them at once. */
#define STACK_STEP_NS UINT64_C(5000000)
#define STACK_BURST UINT64_C(100)
/* Slow threads recorded for one pause: after these, only their time. */
#define LATE_STACKS_MAX 128u
#define LATE_RECORDS_MAX 1024u
/* The suspending thread can see that the last thread has stopped before that thread says so. */
#define LATE_GRACE_NS UINT64_C(300000)

/* --- stacks --- */

/* A token bucket in one word. Two threads that race may both pass: the ring bounds what that costs. */
static int stack_allowed(struct pauses *self, uint64_t now)
{
    uint64_t due = load64(&self->stack_due_ns);

    if (due > now + STACK_BURST * STACK_STEP_NS) {
        atomic_fetch_add_explicit(&self->stacks_skipped, 1, memory_order_relaxed);
        return 0;
    }
    store64(&self->stack_due_ns, (due > now ? due : now) + STACK_STEP_NS);
    return 1;
}

static HRESULT collect_frame(FunctionID function, UINT_PTR ip, COR_PRF_FRAME_INFO frame, ULONG32 context_size,
                             BYTE *context, void *data)
{
    struct stack *stack = data;

    (void)ip, (void)frame, (void)context_size, (void)context;
    if (!function)
        return S_OK; /* a run of native frames */
    if (stack->head.frame_count == RP_FRAMES_MAX)
        return E_ABORT;
    stack->frames[stack->head.frame_count++] = function;
    return S_OK;
}

/* The stack of the calling thread. A thread that the runtime does not manage has none. */
static void take_stack(struct pauses *self, struct stack *stack)
{
    self->info->lpVtbl->DoStackSnapshot(self->info, 0, collect_frame, COR_PRF_SNAPSHOT_DEFAULT, stack, NULL, 0);
}

static void write_stack(struct pauses *self, uint32_t type, const struct stack *stack)
{
    self->records->write2(self->host, type, &stack->head, sizeof stack->head, stack->frames,
                          stack->head.frame_count * (uint32_t)sizeof stack->frames[0]);
}

static void begin_stack(struct pauses *self, struct stack *stack, uint64_t now)
{
    memset(&stack->head, 0, sizeof stack->head);
    stack->head.pause = load64(&self->number);
    stack->head.at_ns = now;
    stack->head.tid = self->clock->thread_id();
    stack->head.reason = RP_UNKNOWN;
}

/* --- suspensions --- */

/* The collector's own threads have no managed frames, so they are not asked. */
static void record_asker(struct pauses *self, uint64_t now)
{
    struct stack stack;
    ThreadID thread;

    if (FAILED(self->info->lpVtbl->GetCurrentThreadID(self->info, &thread)) || !stack_allowed(self, now))
        return;
    begin_stack(self, &stack, now);
    stack.head.thread = thread;
    take_stack(self, &stack);
    if (!stack.head.frame_count)
        return;
    store32(&self->asked, 1);
    write_stack(self, RP_ASKED, &stack);
}

void begin_pause(struct pauses *self, uint64_t now, uint32_t reason)
{
    store64(&self->begin_ns, now);
    store64(&self->stopped_ns, 0);
    store64(&self->restart_ns, 0);
    store32(&self->reason, reason);
    store32(&self->flags, 0);
    store32(&self->threads, 0);
    store32(&self->late, 0);
    store32(&self->asked, 0);
    store32(&self->gc_starts, 0);
    store32(&self->gc_ends, 0);
    store32(&self->generation, RP_UNKNOWN);
    store32(&self->induced, 0);
}

static HRESULT suspend_started(void *instance, COR_PRF_SUSPEND_REASON reason)
{
    struct pauses *self = instance;
    uint64_t now = self->clock->now_ns();

    begin_pause(self, now, (uint32_t)reason);
    store64(&self->number, load64(&self->number) + 1);
    enter(self, STOPPING);
    if (self->stacks)
        record_asker(self, now);
    return S_OK;
}

/* The recording began in the middle of a suspension, in a phase not after this one. */
static void missed_until(struct pauses *self, enum phase phase)
{
    if (phase_of(self) != UNSEEN)
        return;
    store64(&self->number, load64(&self->number) + 1);
    store32(&self->flags, RP_CUT_BEGIN);
    if (phase > STOPPING)
        store64(&self->stopped_ns, load64(&self->begin_ns));
    if (phase > STOPPED)
        store64(&self->restart_ns, load64(&self->begin_ns));
    enter(self, phase);
}

static HRESULT suspend_finished(void *instance)
{
    struct pauses *self = instance;

    missed_until(self, STOPPING);
    if (phase_of(self) == STOPPING) {
        store64(&self->stopped_ns, self->clock->now_ns());
        enter(self, STOPPED);
    }
    return S_OK;
}

static HRESULT resume_started(void *instance)
{
    struct pauses *self = instance;

    missed_until(self, STOPPED);
    if (phase_of(self) == STOPPED) {
        store64(&self->restart_ns, self->clock->now_ns());
        enter(self, RESTARTING);
    }
    return S_OK;
}

rp_pause finished_pause(struct pauses *self, uint64_t end, uint32_t flags)
{
    uint64_t stopped = load64(&self->stopped_ns);
    uint64_t restart = load64(&self->restart_ns);

    uint64_t begin = load64(&self->begin_ns), asked = load64(&self->asked_ns);

    return (rp_pause){.number = load64(&self->number),
                      .begin_ns = begin,
                      .stopped_ns = stopped ? stopped : end,
                      .restart_ns = restart ? restart : end,
                      .end_ns = end,
                      .reason = load32(&self->reason),
                      .flags = flags | load32(&self->flags),
                      .threads = load32(&self->threads),
                      .gc_starts = load32(&self->gc_starts),
                      .gc_ends = load32(&self->gc_ends),
                      .generation = load32(&self->generation),
                      .induced = load32(&self->induced),
                      .asked_ns = asked && asked < begin ? asked : begin};
}

static void finish(struct pauses *self, uint32_t flags)
{
    rp_pause pause;

    if (phase_of(self) == IDLE)
        return;
    pause = finished_pause(self, self->clock->now_ns(), flags);
    store64(&self->asked_ns, 0);
    enter(self, IDLE);
    self->records->write(self->host, RP_PAUSE, &pause, sizeof pause);
}

static HRESULT suspend_aborted(void *instance)
{
    missed_until(instance, STOPPING);
    finish(instance, RP_ABORTED);
    return S_OK;
}

static HRESULT resume_finished(void *instance)
{
    missed_until(instance, RESTARTING);
    finish(instance, 0);
    return S_OK;
}

/* None when too many threads do this in the same moment. */
static void take_stack_by_frames(struct pauses *self, struct stack *stack)
{
    for (uint32_t i = 0; i < SCRATCHES; i++) {
        uint32_t bit = 1u << i;
        if (atomic_fetch_or_explicit(&self->scratch_taken, bit, memory_order_acquire) & bit)
            continue;
        stack->head.frame_count =
            frame_walk(self->restorer, self->scratch + (size_t)i * FRAME_WALK_WORDS, stack->frames, RP_FRAMES_MAX);
        stack->head.flags |= RP_ADDRESSES;
        atomic_fetch_and_explicit(&self->scratch_taken, ~bit, memory_order_release);
        return;
    }
}

/* On the stopped thread itself, many at a time. */
static HRESULT thread_suspended(void *instance, ThreadID thread)
{
    struct pauses *self = instance;
    uint32_t phase = phase_of(self);
    struct stack stack;
    uint64_t now, begin, stopped;
    uint32_t nth;

    if (phase == IDLE || phase == UNSEEN || phase == RESTARTING)
        return S_OK;
    now = self->clock->now_ns();
    begin = load64(&self->begin_ns);
    stopped = load64(&self->stopped_ns);
    if (phase == STOPPING)
        atomic_fetch_add_explicit(&self->threads, 1, memory_order_relaxed);
    else if (now > stopped + LATE_GRACE_NS || stopped < begin + RP_SLOW_STOP_NS)
        return S_OK; /* it came back from native code while the others stood still */
    if (!self->stacks || now < begin + RP_SLOW_STOP_NS)
        return S_OK;

    nth = atomic_fetch_add_explicit(&self->late, 1, memory_order_relaxed);
    if (nth >= LATE_RECORDS_MAX)
        return S_OK;
    begin_stack(self, &stack, now);
    stack.head.thread = thread;
    stack.head.flags = phase == STOPPED ? RP_AFTER_STOP : 0;
    if (stack.head.tid == medic_events_thread(self->events, self->host))
        stack.head.flags |= RP_OWN;
    else if (nth < LATE_STACKS_MAX)
        take_stack_by_frames(self, &stack);
    write_stack(self, RP_LATE, &stack);
    return S_OK;
}

/* --- collections --- */

static HRESULT gc_started(void *instance, int generations, BOOL *collected, COR_PRF_GC_REASON reason)
{
    struct pauses *self = instance;
    uint32_t oldest = load32(&self->generation);

    if (phase_of(self) == IDLE)
        return S_OK;
    /* The array goes on with the large and the pinned object heap. */
    for (int i = 0; i < generations && i <= 2; i++)
        if (collected[i] && (oldest == RP_UNKNOWN || oldest < (uint32_t)i))
            oldest = (uint32_t)i;
    store32(&self->generation, oldest);
    if (reason == COR_PRF_GC_INDUCED)
        store32(&self->induced, 1);
    atomic_fetch_add_explicit(&self->gc_starts, 1, memory_order_relaxed);
    return S_OK;
}

static HRESULT gc_finished(void *instance)
{
    struct pauses *self = instance;

    if (phase_of(self) != IDLE)
        atomic_fetch_add_explicit(&self->gc_ends, 1, memory_order_relaxed);
    return S_OK;
}

/* The runtime fires this event on the thread that wants the collection: under server GC that thread is not the one that
 * suspends. */
static int triggered(struct pauses *self, const uint8_t *data, uint32_t size)
{
    uint64_t now = self->clock->now_ns();
    struct stack stack;
    uint32_t reason;

    if (!gc_event_read_trigger(data, size, &reason))
        return 0;
    if (!self->stacks || (phase_of(self) > UNSEEN && load32(&self->asked)) || !stack_allowed(self, now))
        return 1;
    begin_stack(self, &stack, now);
    if (phase_of(self) <= UNSEEN)
        stack.head.pause = 0;
    stack.head.reason = reason;
    if (FAILED(self->info->lpVtbl->GetCurrentThreadID(self->info, &stack.head.thread)))
        stack.head.thread = 0;
    take_stack(self, &stack);
    if (stack.head.frame_count)
        write_stack(self, RP_TRIGGERED, &stack);
    return 1;
}

static int heap_sized(struct pauses *self, uint32_t version, const uint8_t *data, uint32_t size)
{
    rp_heap heap;

    if (!gc_event_read_heap(version, data, size, &heap))
        return 0;
    heap.at_ns = self->clock->now_ns();
    self->records->write(self->host, RP_HEAP, &heap, sizeof heap);
    return 1;
}

static int collection_event(struct pauses *self, uint32_t id, uint32_t version, const uint8_t *data, uint32_t size)
{
    rp_gc gc = {.at_ns = self->clock->now_ns()};

    if (!gc_event_read(id, version, data, size, &gc))
        return 0;
    self->records->write(self->host, RP_GC, &gc, sizeof gc);
    return 1;
}

static HRESULT event_delivered(void *instance, EVENTPIPE_PROVIDER provider, DWORD id, DWORD version,
                               ULONG metadata_size, LPCBYTE metadata, ULONG size, LPCBYTE data, LPCGUID activity,
                               LPCGUID related, ThreadID thread, ULONG frame_count, UINT_PTR *frames)
{
    struct pauses *self = instance;
    int good;

    (void)provider, (void)metadata_size, (void)metadata, (void)activity, (void)related;
    (void)thread, (void)frame_count, (void)frames;
    switch (id) {
    case GC_EVENT_START:
    case GC_EVENT_END:
    case GC_EVENT_GLOBAL_HISTORY: good = collection_event(self, id, version, data, size); break;
    case GC_EVENT_SUSPEND_BEGIN:
        store64(&self->asked_ns, self->clock->now_ns());
        good = 1;
        break;
    case GC_EVENT_HEAP_STATS: good = heap_sized(self, version, data, size); break;
    case GC_EVENT_TRIGGERED: good = triggered(self, data, size); break;
    default: return S_OK;
    }
    atomic_fetch_add_explicit(good ? &self->good_events : &self->bad_events, 1, memory_order_relaxed);
    return S_OK;
}

const medic_callbacks runtime_pauses_callbacks = {
    .size = sizeof(medic_callbacks),
    .RuntimeSuspendStarted = suspend_started,
    .RuntimeSuspendFinished = suspend_finished,
    .RuntimeSuspendAborted = suspend_aborted,
    .RuntimeResumeStarted = resume_started,
    .RuntimeResumeFinished = resume_finished,
    .RuntimeThreadSuspended = thread_suspended,
    .GarbageCollectionStarted = gc_started,
    .GarbageCollectionFinished = gc_finished,
    .EventPipeEventDelivered = event_delivered,
};
