#include "core/dispatch.h"

#include "core/os.h"
#include "core/services/heap.h"
#include "core/services/sampler.h"
#include "core/session.h"

#include <medic/clr/callback_list.h>
#include <medic/clr/hresults.h>
#include <string.h>

/* Reading a thread's clock is a system call: it costs as much as ten calls that only count. */
enum { SLOTS = 64, EARLY_CALLS = 8, SAMPLE_EVERY_EARLY = 61, SAMPLE_EVERY = 499, CLOCK_READINGS = 4 };

/* Threads are spread over the slots by their stacks, so that two of them rarely write the same cache line. */
static struct slot {
    _Alignas(64) _Atomic uint32_t inside;
    _Atomic uint64_t calls;
    _Atomic uint64_t sampled_calls; /* for which those that were timed stand */
    _Atomic uint64_t sampled_ns;    /* of these calls alone, without the reading of the clock */
    _Atomic uint64_t first_ns;      /* of the first call, which stands for itself only: it is slower than the others */
    _Atomic uint64_t clock_ns;      /* of reading the clock */
} slots[SLOTS];

#define NUMBER(name, params, args) CALL_##name,
enum call { MEDIC_CALLBACK_LIST(NUMBER) CALLS };

/* What the plugin answers. The others turn back in front of the gate and leave nothing behind: the runtime makes dozens of
 * calls for an exception, whoever listens. A call that reads an old value comes a moment too early or too late, no more:
 * only the gate lets it in. */
static _Atomic unsigned char answered[CALLS];
static _Atomic int is_open;
static const medic_callbacks *open_callbacks;
static void *open_self;

static struct slot *own_slot(void)
{
    uintptr_t stack = (uintptr_t)__builtin_frame_address(0);

    return &slots[((stack >> 12) * UINT64_C(0x9E3779B97F4A7C15)) >> 58];
}

/* A call on its way through the gate. */
struct pass {
    struct slot *slot; /* NULL: not let in */
    uint64_t begin_cpu_ns;
    uint64_t clock_ns;   /* what reading that clock took */
    uint64_t stands_for; /* calls; 0: not timed */
    int is_first;        /* in its slot */
};

/* For how many calls this one is timed; 0 = it is not. A session of few calls is to be told its cost too, so the first ones
 * are timed more often. Divisors are constants, which cost a multiplication. */
static uint64_t timed_for(uint64_t number)
{
    if (number >= SAMPLE_EVERY)
        return number % SAMPLE_EVERY ? 0 : SAMPLE_EVERY;
    if (number >= EARLY_CALLS)
        return number % SAMPLE_EVERY_EARLY ? 0 : SAMPLE_EVERY_EARLY;
    return 1;
}

/* What is between two readings is most of a reading. The first one is slow, which would make the call look cheaper. */
static void begin_clock(struct pass *pass)
{
    uint64_t before;

    os_time_ns(CLOCK_THREAD_CPUTIME_ID);
    before = os_time_ns(CLOCK_THREAD_CPUTIME_ID);
    pass->begin_cpu_ns = os_time_ns(CLOCK_THREAD_CPUTIME_ID);
    pass->clock_ns = pass->begin_cpu_ns - before;
}

static struct pass enter(void)
{
    uint64_t number;
    struct pass pass = {own_slot(), 0, 0, 0, 0};

    atomic_fetch_add(&pass.slot->inside, 1);
    if (!atomic_load(&is_open)) {
        atomic_fetch_sub(&pass.slot->inside, 1);
        pass.slot = NULL;
        return pass;
    }
    number = atomic_fetch_add_explicit(&pass.slot->calls, 1, memory_order_relaxed);
    pass.stands_for = timed_for(number);
    pass.is_first = number == 0;
    if (pass.stands_for)
        begin_clock(&pass);
    return pass;
}

static void end_clock(const struct pass *pass)
{
    uint64_t took = os_time_ns(CLOCK_THREAD_CPUTIME_ID) - pass->begin_cpu_ns - pass->clock_ns;

    if (pass->is_first) {
        atomic_fetch_add_explicit(&pass->slot->first_ns, took, memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(&pass->slot->sampled_calls, pass->stands_for, memory_order_relaxed);
        atomic_fetch_add_explicit(&pass->slot->sampled_ns, took * pass->stands_for, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&pass->slot->clock_ns, CLOCK_READINGS * pass->clock_ns, memory_order_relaxed);
}

static void leave(struct pass pass)
{
    if (pass.stands_for)
        end_clock(&pass);
    atomic_fetch_sub(&pass.slot->inside, 1);
}

void dispatch_open(const medic_callbacks *callbacks, void *self)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        atomic_store(&slots[i].calls, 0);
        atomic_store(&slots[i].sampled_calls, 0);
        atomic_store(&slots[i].sampled_ns, 0);
        atomic_store(&slots[i].first_ns, 0);
        atomic_store(&slots[i].clock_ns, 0);
    }
#define NOTE(name, params, args)                                                                                       \
    atomic_store_explicit(&answered[CALL_##name], callbacks->name != NULL, memory_order_relaxed);
    MEDIC_CALLBACK_LIST(NOTE)
    open_callbacks = callbacks;
    open_self = self;
    atomic_store(&is_open, 1);
}

void dispatch_close(void)
{
    atomic_store(&is_open, 0);
}

static int anybody_inside(void)
{
    uint32_t inside = 0;

    for (unsigned i = 0; i < SLOTS; i++)
        inside += atomic_load(&slots[i].inside);
    return inside != 0;
}

int dispatch_quiet(uint64_t timeout_ns)
{
    uint64_t deadline = os_now_ns() + timeout_ns;

    while (anybody_inside()) {
        if (os_now_ns() > deadline)
            return 0;
        os_sleep_ns(UINT64_C(1000000));
    }
    return 1;
}

struct dispatch_cost dispatch_cost(void)
{
    struct dispatch_cost cost = {0, 0};
    uint64_t first_calls = 0, first_ns = 0, clock_ns = 0, calls = 0, ns = 0;
    double estimate;

    for (unsigned i = 0; i < SLOTS; i++) {
        uint64_t of_slot = atomic_load_explicit(&slots[i].calls, memory_order_relaxed);
        cost.calls += of_slot;
        first_calls += of_slot != 0;
        first_ns += atomic_load_explicit(&slots[i].first_ns, memory_order_relaxed);
        clock_ns += atomic_load_explicit(&slots[i].clock_ns, memory_order_relaxed);
        calls += atomic_load_explicit(&slots[i].sampled_calls, memory_order_relaxed);
        ns += atomic_load_explicit(&slots[i].sampled_ns, memory_order_relaxed);
    }
    if (!cost.calls)
        return cost;
    estimate = calls ? (double)(int64_t)ns / (double)calls : (double)(int64_t)first_ns / (double)first_calls;
    estimate = (double)(int64_t)first_ns + estimate * (double)(cost.calls - first_calls);
    cost.cpu_ns = clock_ns + (estimate > 0 ? (uint64_t)estimate : 0);
    return cost;
}

/* What the runtime gets when no plugin answers. Success of ObjectReferences would ask for a walk of the whole heap. */
#define UNANSWERED(name) (strcmp(#name, "ObjectReferences") == 0 ? E_FAIL : S_OK)

/* Two functions, so that the first one is four instructions. */
#define THUNK(name, params, args)                                                                                      \
    static __attribute__((noinline)) HRESULT answer_##name(ICorProfilerCallback11 *This MEDIC_SPLICE params)           \
    {                                                                                                                  \
        HRESULT answer = UNANSWERED(name);                                                                             \
        struct pass pass = enter();                                                                                    \
                                                                                                                       \
        (void)This;                                                                                                    \
        if (!pass.slot)                                                                                                \
            return answer;                                                                                             \
        if (open_callbacks->name)                                                                                      \
            answer = open_callbacks->name(open_self MEDIC_SPLICE args);                                                \
        leave(pass);                                                                                                   \
        return answer;                                                                                                 \
    }                                                                                                                  \
                                                                                                                       \
    static HRESULT thunk_##name(ICorProfilerCallback11 *This MEDIC_SPLICE params)                                      \
    {                                                                                                                  \
        if (!atomic_load_explicit(&answered[CALL_##name], memory_order_relaxed))                                       \
            return UNANSWERED(name);                                                                                   \
        return answer_##name(This MEDIC_SPLICE args);                                                                  \
    }
MEDIC_CALLBACK_LIST(THUNK)

/* These two have an output that the runtime reads whoever answers. */
static HRESULT cached_function_search(ICorProfilerCallback11 *This, FunctionID function, BOOL *use_cached)
{
    *use_cached = TRUE;
    return thunk_JITCachedFunctionSearchStarted(This, function, use_cached);
}

static HRESULT inlining(ICorProfilerCallback11 *This, FunctionID caller, FunctionID callee, BOOL *should_inline)
{
    *should_inline = TRUE;
    return thunk_JITInlining(This, caller, callee, should_inline);
}

/* What this module defines is about to go: ids of it that wait in the ring must be resolved before, the one that the
 * plugin records now included. */
static HRESULT module_unload_started(ICorProfilerCallback11 *This, ModuleID module)
{
    HRESULT answer = thunk_ModuleUnloadStarted(This, module);

    session_before_unload();
    return answer;
}

/* Threads that begin and end under a CPU sampler, whether the plugin asked for them or not. The first comes on the thread
 * itself, before it runs anything of its own. */
static HRESULT thread_assigned(ICorProfilerCallback11 *This, ThreadID thread, DWORD os_id)
{
    sampler_thread_begins(thread, os_id);
    return thunk_ThreadAssignedToOSThread(This, thread, os_id);
}

static HRESULT thread_destroyed(ICorProfilerCallback11 *This, ThreadID thread)
{
    sampler_thread_ends(thread);
    return thunk_ThreadDestroyed(This, thread);
}

/* A photograph of the heap sees these before any plugin, in the copy of the process instead of it. */
static HRESULT object_references(ICorProfilerCallback11 *This, ObjectID object, ClassID type, ULONG count,
                                 ObjectID *references)
{
    HRESULT answer;

    if (heap_object_references(object, type, count, references, &answer))
        return answer;
    return thunk_ObjectReferences(This, object, type, count, references);
}

static HRESULT root_references(ICorProfilerCallback11 *This, ULONG count, ObjectID *objects,
                               COR_PRF_GC_ROOT_KIND *kinds, COR_PRF_GC_ROOT_FLAGS *flags, UINT_PTR *ids)
{
    if (heap_root_references(count, objects, kinds, flags, ids))
        return S_OK;
    return thunk_RootReferences2(This, count, objects, kinds, flags, ids);
}

static HRESULT dependent_references(ICorProfilerCallback11 *This, ULONG count, ObjectID *keys, ObjectID *values,
                                    GCHandleID *handles)
{
    if (heap_dependent_references(count, keys, values, handles))
        return S_OK;
    return thunk_ConditionalWeakTableElementReferences(This, count, keys, values, handles);
}

static HRESULT collection_finished(ICorProfilerCallback11 *This)
{
    if (heap_collection_finished())
        return S_OK;
    return thunk_GarbageCollectionFinished(This);
}

static HRESULT event_delivered(ICorProfilerCallback11 *This, EVENTPIPE_PROVIDER provider, DWORD id, DWORD version,
                               ULONG metadata_size, LPCBYTE metadata, ULONG size, LPCBYTE data, LPCGUID activity,
                               LPCGUID related, ThreadID thread, ULONG frame_count, UINT_PTR *frames)
{
    heap_event(id, data, size);
    return thunk_EventPipeEventDelivered(This, provider, id, version, metadata_size, metadata, size, data, activity,
                                         related, thread, frame_count, frames);
}

/* .NET has no remoting: the runtime never calls these. */
static HRESULT remoting(ICorProfilerCallback11 *This)
{
    (void)This;
    return S_OK;
}

static HRESULT remoting_message(ICorProfilerCallback11 *This, GUID *cookie, BOOL is_async)
{
    (void)This, (void)cookie, (void)is_async;
    return S_OK;
}

static HRESULT query_interface(ICorProfilerCallback11 *This, REFIID iid, void **object)
{
    static const GUID known[] = {
        MEDIC_IID_IUnknown,
        MEDIC_IID_ICorProfilerCallback,
        MEDIC_IID_ICorProfilerCallback2,
        MEDIC_IID_ICorProfilerCallback3,
        MEDIC_IID_ICorProfilerCallback4,
        MEDIC_IID_ICorProfilerCallback5,
        MEDIC_IID_ICorProfilerCallback6,
        MEDIC_IID_ICorProfilerCallback7,
        MEDIC_IID_ICorProfilerCallback8,
        MEDIC_IID_ICorProfilerCallback9,
        MEDIC_IID_ICorProfilerCallback10,
        MEDIC_IID_ICorProfilerCallback11,
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (medic_guid_equal(iid, &known[i])) {
            *object = This;
            return S_OK;
        }
    }
    *object = NULL;
    return E_NOINTERFACE;
}

static ULONG add_ref(ICorProfilerCallback11 *This)
{
    (void)This;
    return 1;
}

static HRESULT initialize(ICorProfilerCallback11 *This, IUnknown *info)
{
    (void)This;
    return session_begin_at_startup(info);
}

static HRESULT initialize_for_attach(ICorProfilerCallback11 *This, IUnknown *info, void *client_data, UINT size)
{
    (void)This;
    return session_begin_at_attach(info, client_data, size);
}

static HRESULT attach_complete(ICorProfilerCallback11 *This)
{
    (void)This;
    session_attached();
    return S_OK;
}

static HRESULT detach_succeeded(ICorProfilerCallback11 *This)
{
    (void)This;
    session_detached();
    return S_OK;
}

static HRESULT shutdown_runtime(ICorProfilerCallback11 *This)
{
    (void)This;
    session_target_exits();
    return S_OK;
}

static HRESULT notification_only(ICorProfilerCallback11 *This, BOOL *only)
{
    (void)This;
    *only = FALSE;
    return S_OK;
}

/* The slots that differ from their thunk come last and win. */
/* clang-format off */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#define SLOT(name, params, args) .name = thunk_##name,
static const ICorProfilerCallback11Vtbl vtable = {
    .QueryInterface = query_interface,
    .AddRef = add_ref,
    .Release = add_ref,
    .Initialize = initialize,
    .Shutdown = shutdown_runtime,
    .InitializeForAttach = initialize_for_attach,
    .ProfilerAttachComplete = attach_complete,
    .ProfilerDetachSucceeded = detach_succeeded,
    .LoadAsNotificationOnly = notification_only,
    .RemotingClientInvocationStarted = remoting,
    .RemotingClientSendingMessage = remoting_message,
    .RemotingClientReceivingReply = remoting_message,
    .RemotingClientInvocationFinished = remoting,
    .RemotingServerReceivingMessage = remoting_message,
    .RemotingServerInvocationStarted = remoting,
    .RemotingServerInvocationReturned = remoting,
    .RemotingServerSendingReply = remoting_message,
    MEDIC_CALLBACK_LIST(SLOT)
    .JITCachedFunctionSearchStarted = cached_function_search,
    .JITInlining = inlining,
    .ModuleUnloadStarted = module_unload_started,
    .ObjectReferences = object_references,
    .RootReferences2 = root_references,
    .ConditionalWeakTableElementReferences = dependent_references,
    .GarbageCollectionFinished = collection_finished,
    .EventPipeEventDelivered = event_delivered,
    .ThreadAssignedToOSThread = thread_assigned,
    .ThreadDestroyed = thread_destroyed,
};
#pragma GCC diagnostic pop
/* clang-format on */

ICorProfilerCallback11 dispatch_callback = {&vtable};
