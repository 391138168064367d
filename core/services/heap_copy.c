/* Routes COPY and ENUMERATE: the runtime is suspended, the process cloned, and the runtime resumed as soon as the copy shares
 * nothing with it any more. The copy has this one thread.
 *
 * A raw clone, because fork of libc takes locks that a suspended thread may hold, and without a signal to the target when the
 * copy ends. */
#include "core/os.h"
#include "core/services/heap_routes.h"
#include "core/services/signal_room.h"
#include "core/session.h"

#include <medic/clr/hresults.h>
#include <signal.h>
#include <string.h>

#define PATIENCE_NS UINT64_C(10000000000)
#define RETRY_NS UINT64_C(50000)

static struct heap_child *walking; /* in the copy: who it is */

static _Noreturn void collect_and_walk(struct heap_take *take)
{
    struct heap_sink *sink = take->sink;
    ICorProfilerInfo12 *info = sink->plan.info;
    HRESULT hr;

    heap_child_begin(&take->child);
    walking = &take->child;
    heap_walk_begin(sink);
    info->lpVtbl->ResumeRuntime(info);
    hr = info->lpVtbl->SetEventMask2(info, COR_PRF_MONITOR_GC, 0);
    if (SUCCEEDED(hr))
        hr = info->lpVtbl->ForceGC(info); /* ends in heap_collection_finished */
    heap_sink_fail(sink, MEDIC_E_UNSUPPORTED, "the runtime does not collect in the copy of the process (%#x)",
                   (unsigned)hr);
    heap_child_end(&take->child);
}

int heap_collection_finished(void)
{
    if (walking)
        heap_child_end(walking);
    if (heap_collect_armed())
        heap_collect_moment(HEAP_AT_FINISH);
    return 0;
}

static BOOL list_object(ObjectID object, void *context)
{
    struct heap_sink *sink = context;
    uint64_t method_table;

    memcpy(&method_table, (const void *)object, sizeof method_table);
    heap_sink_object(sink, object, (ClassID)(method_table & ~UINT64_C(7)), NULL, 0);
    return !heap_sink_failed(sink);
}

static _Noreturn void list(struct heap_take *take, ICorProfilerInfo15 *info)
{
    struct heap_sink *sink = take->sink;
    HRESULT hr;

    heap_child_begin(&take->child);
    heap_sink_begin(sink);
    hr = info->lpVtbl->EnumerateGCHeapObjects(info, list_object, sink); /* the copy's runtime is suspended still */
    if (FAILED(hr))
        heap_sink_fail(sink, MEDIC_E_UNSUPPORTED, "the runtime does not list its objects in the copy (%#x)",
                       (unsigned)hr);
    heap_child_end(&take->child);
}

/* While somebody else suspends, a collection above all, the runtime refuses: it is asked again until it does not. Often,
 * because directly after a collection the next one is farthest: a copy in which a collection was about to begin is useless.
 * Before the runtime is up, in a session that began with the program, it refuses too. */
static HRESULT suspend(ICorProfilerInfo12 *info, uint64_t *begin_ns)
{
    uint64_t deadline = os_now_ns() + PATIENCE_NS;
    HRESULT hr;

    for (;;) {
        int is_up;

        *begin_ns = os_now_ns();
        hr = info->lpVtbl->SuspendRuntime(info);
        is_up = hr != CORPROF_E_RUNTIME_UNINITIALIZED;
        if ((is_up && hr != CORPROF_E_SUSPENSION_IN_PROGRESS) || *begin_ns > deadline ||
            atomic_load(&session.end_reason) != MEDIC_END_NONE)
            return hr;
        os_sleep_ns(is_up ? RETRY_NS : RETRY_NS * 20);
    }
}

static int refused(HRESULT hr, medic_reason *why)
{
    return medic_fail(why, MEDIC_E_FAIL, "the runtime refuses to suspend its threads (%#x)", (unsigned)hr);
}

int heap_copy_wait_for_runtime(ICorProfilerInfo12 *info, medic_reason *why)
{
    uint64_t begin_ns;
    int code = signal_room_to_suspend(why);
    HRESULT hr;

    if (code != MEDIC_OK)
        return code;
    hr = suspend(info, &begin_ns);
    if (FAILED(hr))
        return refused(hr, why);
    info->lpVtbl->ResumeRuntime(info);
    session_paused(os_now_ns() - begin_ns);
    return MEDIC_OK;
}

/* 0 in the copy, which runs on on this stack. */
static int clone_process(void)
{
    return (int)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
}

/* info15: NULL = collect. */
static int take_copy(struct heap_take *take, ICorProfilerInfo15 *info15, medic_reason *why)
{
    ICorProfilerInfo12 *info = take->sink->plan.info;
    uint64_t begin_ns;
    HRESULT hr = suspend(info, &begin_ns);
    int error, safe = 0;

    if (FAILED(hr))
        return refused(hr, why);
    take->sink->plan.head.time_ns = begin_ns;
    take->pid = clone_process();
    if (take->pid == 0) {
        if (info15)
            list(take, info15);
        collect_and_walk(take);
    }
    error = errno;
    if (take->pid > 0)
        safe = heap_watch_safe(take, take->safe_ns);
    info->lpVtbl->ResumeRuntime(info);
    take->pause_ns = os_now_ns() - begin_ns;
    if (take->pid < 0)
        return heap_watch_refused(take, error, why);
    return heap_watch_rest(take, safe, why);
}

static int prepare_and_take(struct heap_take *take, ICorProfilerInfo15 *info15, medic_reason *why)
{
    int code = signal_room_to_suspend(why);

    if (code != MEDIC_OK)
        return code;
    code = heap_child_prepare(&take->child, take->sink, take->limit_ns + take->limit_ns / 2, why);
    if (code != MEDIC_OK)
        return code;
    code = take_copy(take, info15, why);
    heap_child_free(&take->child);
    return code;
}

int heap_copy_take(struct heap_take *take, medic_reason *why)
{
    return prepare_and_take(take, NULL, why);
}

int heap_enumerate_take(struct heap_take *take, medic_reason *why)
{
    static const GUID iid15 = MEDIC_IID_ICorProfilerInfo15;
    ICorProfilerInfo12 *info = take->sink->plan.info;
    void *info15 = NULL;
    int code;

    if (FAILED(info->lpVtbl->QueryInterface(info, &iid15, &info15)) || !info15)
        return medic_fail(why, MEDIC_E_UNSUPPORTED,
                          "the runtime cannot list its objects without a collection before .NET 9");
    code = prepare_and_take(take, info15, why);
    ((ICorProfilerInfo15 *)info15)->lpVtbl->Release(info15);
    return code;
}
