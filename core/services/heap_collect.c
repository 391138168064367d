/* The route COLLECT: a collection of the target is forced, and when it is done, with the world still stopped, the process
 * forks. The runtime then walks the heap in the copy; in the target it is told to stop at the first object.
 *
 * MONITOR_GC makes the runtime pay for every collection, so it is set as late as can be: an event session of our own hears
 * event 205, which a collection sends just before it would walk, on the thread that will. The first callback of the walk forks:
 * the roots come in the copy too. It is glibc's fork, because the walk allocates in the copy. From a fork refused nothing
 * follows: no object is walked in the target, ever. */
#include "core/os.h"
#include "core/services/events.h"
#include "core/services/heap_memory.h"
#include "core/services/heap_routes.h"
#include "core/services/signal_room.h"
#include "core/session.h"
#include "core/thread.h"

#include <medic/clr/hresults.h>
#include <medic/event_data.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)
#define EVENTS_NS (5000 * MS) /* for the event session to come up: it waits while collections run back to back */
#define SAFE_NS_MAX                                                                                                    \
    (500 * MS) /* after the collection the target waits for its copy: 2 to 10 ms, where there is a CPU */
#define POLL_NS (MS / 2)
/* A prediction above LONG is worth waiting for a better one for GLANCE. */
#define GLANCE_NS (500 * MS)
#define LONG_NS (500 * MS)
#define PUBLISH_NS (250 * MS)

enum { EVENT_RESTARTED = 3, EVENT_SUSPENDS = 9, EVENT_HISTORY = 205, HISTORY_SIZE = 28 };
enum { OLDEST = 2, REASON_INDUCED = 1, CONCURRENT = 1 };

/* Of the collection that is waited for. The runtime's threads change it from ARMED on, up to OVER. */
enum state {
    IDLE = 0,
    ARMED = 1,  /* the next complete collection is the one */
    CHOSEN = 2, /* this is it: its walk is about to begin */
    FORKED = 3, /* the walk has begun; there is a copy, or a reason why not */
    OVER = 4    /* it is done, and MONITOR_GC is off again */
};

static struct {
    _Atomic int state;
    struct heap_take *take;
    ICorProfilerInfo12 *info;
    struct events events;
    _Atomic uint32_t returned; /* 1 = ForceGC has */
    _Atomic uint32_t release;  /* futex: 1 = the thread that called it may end */
    _Atomic uint32_t running;  /* 1 = it is there */
    HRESULT forced, told;      /* what the runtime said to ForceGC, and to MONITOR_GC */
    int fork_error;            /* errno */
    int safe;                  /* the copy is */
    int is_copy;               /* this process is */
    _Atomic uint64_t begin_ns, end_ns;
    _Atomic uint64_t cpu_ns; /* of the thread that forced it */
} collect;

int heap_collect_armed(void)
{
    return atomic_load_explicit(&collect.state, memory_order_relaxed) != IDLE;
}

static HRESULT set_mask(uint32_t low, uint32_t high)
{
    return collect.info->lpVtbl->SetEventMask2(collect.info, session.mask_low | low, session.mask_high | high);
}

/* Whether this collection was asked for and went through all generations while the world stood still. One that the program
 * needed runs on a thread of the program, with which a copy would end. The event's version 0: u64 budget, heaps, generation,
 * reductions, reason, mechanisms, each u32; later versions append. */
static int is_wanted(const BYTE *history, ULONG size)
{
    return size >= HISTORY_SIZE && medic_u32_at(history, 12) == OLDEST && medic_u32_at(history, 20) == REASON_INDUCED &&
           !(medic_u32_at(history, 24) & CONCURRENT);
}

static void choose(void)
{
    int armed = ARMED;

    if (!atomic_compare_exchange_strong(&collect.state, &armed, CHOSEN))
        return;
    collect.told = set_mask(COR_PRF_MONITOR_GC, COR_PRF_HIGH_BASIC_GC | COR_PRF_HIGH_MONITOR_EVENT_PIPE);
}

void heap_event(DWORD id, const BYTE *data, ULONG size)
{
    int state = atomic_load(&collect.state);

    if (id == EVENT_SUSPENDS && state == ARMED)
        atomic_store(&collect.begin_ns, os_now_ns());
    else if (id == EVENT_HISTORY && state == ARMED && is_wanted(data, size))
        choose();
    else if (id == EVENT_RESTARTED && state == OVER && !atomic_load(&collect.end_ns))
        atomic_store(&collect.end_ns, os_now_ns());
}

/* Signals wait meanwhile: one to the process group would find the copy with the program's handlers. */
static void make_copy(void)
{
    struct heap_take *take = collect.take;
    sigset_t all, before;
    pid_t pid;

    take->sink->plan.head.time_ns = os_now_ns();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0) {
        collect.is_copy = 1;
        heap_child_begin(&take->child);
        heap_walk_begin(take->sink);
        return;
    }
    collect.fork_error = pid < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return;
    take->pid = pid;
    if (take->safe_ns > SAFE_NS_MAX)
        take->safe_ns = SAFE_NS_MAX;
    collect.safe = heap_watch_safe(take, take->safe_ns);
}

static void finish(void)
{
    int state = atomic_load(&collect.state);

    if (collect.is_copy)
        heap_child_end(&collect.take->child);
    if (state != CHOSEN && state != FORKED)
        return;
    set_mask(0, COR_PRF_HIGH_BASIC_GC | COR_PRF_HIGH_MONITOR_EVENT_PIPE);
    atomic_store(&collect.state, OVER);
}

void heap_collect_moment(enum heap_moment moment)
{
    int chosen = CHOSEN;

    if (moment == HEAP_AT_FINISH)
        finish();
    else if (atomic_compare_exchange_strong(&collect.state, &chosen, FORKED))
        make_copy();
}

/* A thread that never ran managed code: the runtime forces a collection on no other. With workstation GC it is the one that
 * forks, and the copy dies with it: so it stays until that has ended. */
static void *run_force(void *unused)
{
    uint64_t none = 0;

    (void)unused;
    thread_name("medic-collect");
    atomic_store(&collect.begin_ns, os_now_ns());
    collect.forced = collect.info->lpVtbl->ForceGC(collect.info);
    atomic_compare_exchange_strong(&collect.end_ns, &none, os_now_ns());
    atomic_store(&collect.cpu_ns, os_time_ns(CLOCK_THREAD_CPUTIME_ID));
    atomic_store(&collect.returned, 1);
    while (!atomic_load(&collect.release))
        os_futex_wait(&collect.release, 0, PUBLISH_NS);
    atomic_store(&collect.running, 0);
    return NULL;
}

static void release(void)
{
    atomic_store(&collect.release, 1);
    os_futex_wake(&collect.release);
    while (atomic_load(&collect.running) && !atomic_load(&session.exiting))
        os_sleep_ns(POLL_NS);
}

/* On return no collection forks or walks any more. One that is at it comes to its end first. */
static void disarm(void)
{
    int armed = ARMED;

    if (!atomic_compare_exchange_strong(&collect.state, &armed, IDLE)) {
        while (atomic_load(&collect.state) != OVER)
            os_sleep_ns(POLL_NS);
        atomic_store(&collect.state, IDLE);
    }
    if (!atomic_load(&session.exiting))
        set_mask(0, 0);
}

/* Nobody may leave before ForceGC has returned, but a program that exits does not wait for anybody. */
static int wait_for_return(medic_reason *why)
{
    uint64_t published = os_now_ns();

    while (!atomic_load(&collect.returned)) {
        if (atomic_load(&session.exiting))
            return medic_fail(why, MEDIC_E_GONE, "the program ended while its heap was photographed");
        if (os_now_ns() - published >= PUBLISH_NS) {
            published = os_now_ns();
            session_publish(MEDIC_SESSION_RUNNING);
        }
        os_sleep_ns(POLL_NS);
    }
    return MEDIC_OK;
}

static int explain(struct heap_take *take, medic_reason *why)
{
    if (FAILED(collect.forced))
        return medic_fail(why, MEDIC_E_FAIL, "the runtime refuses to collect (%#x)", (unsigned)collect.forced);
    if (FAILED(collect.told)) {
        take->hopeless = 1;
        return medic_fail(why, MEDIC_E_UNSUPPORTED, "the runtime refuses to tell of the heap (%#x)",
                          (unsigned)collect.told);
    }
    if (collect.fork_error)
        return heap_watch_refused(take, collect.fork_error, why);
    return medic_fail(why, MEDIC_E_FAIL, "the runtime collected, and told nothing of it");
}

/* Forces the collection. MEDIC_OK: there is a copy. */
static int force(struct heap_take *take, medic_reason *why)
{
    int code, error;

    collect.take = take;
    collect.forced = collect.told = S_OK;
    collect.fork_error = collect.safe = 0;
    atomic_store(&collect.returned, 0);
    atomic_store(&collect.release, 0);
    atomic_store(&collect.end_ns, 0);
    atomic_store(&collect.cpu_ns, 0);
    collect.forced = set_mask(0, COR_PRF_HIGH_BASIC_GC | COR_PRF_HIGH_MONITOR_EVENT_PIPE);
    if (FAILED(collect.forced))
        return explain(take, why);
    atomic_store(&collect.running, 1);
    atomic_store(&collect.state, ARMED);
    error = thread_start(run_force, NULL);
    if (error) {
        atomic_store(&collect.running, 0);
        disarm();
        return medic_fail(why, MEDIC_E_FAIL, "cannot start a thread in the target: %s", strerror(error));
    }
    code = wait_for_return(why);
    disarm();
    if (code == MEDIC_OK && !take->pid)
        code = explain(take, why);
    if (code == MEDIC_OK || collect.fork_error)
        take->pause_ns = atomic_load(&collect.end_ns) - atomic_load(&collect.begin_ns);
    return code;
}

static int start_events(medic_reason *why)
{
    static const medic_event_provider gc = {.name = "Microsoft-Windows-DotNETRuntime", .keywords = 1, .level = 4};
    uint64_t deadline = os_now_ns() + EVENTS_NS;
    int code;

    events_init(&collect.events, session.info);
    code = events_start(&collect.events, &gc, 1, why);
    while (code == MEDIC_OK && atomic_load(&collect.events.state) == MEDIC_EVENTS_STARTING) {
        if (os_now_ns() > deadline || atomic_load(&session.exiting))
            return medic_fail(why, MEDIC_E_TIMEOUT, "the runtime has not finished starting the event session");
        os_sleep_ns(POLL_NS);
    }
    if (code == MEDIC_OK && atomic_load(&collect.events.state) == MEDIC_EVENTS_FAILED)
        return medic_fail(why, MEDIC_E_UNSUPPORTED, "the runtime refuses an event session (%#x)",
                          (unsigned)collect.events.result);
    return code;
}

int heap_collect_stop(uint64_t timeout_ns, medic_reason *why)
{
    int code = collect.info ? events_stop(&collect.events, timeout_ns, why) : MEDIC_OK;

    if (code == MEDIC_OK)
        collect.info = NULL;
    return code;
}

static void count_cpu(void)
{
    uint64_t used = atomic_exchange(&collect.events.cpu_ns, 0) + atomic_exchange(&collect.cpu_ns, 0);

    atomic_fetch_add(&session.events.cpu_ns, used);
}

int heap_collect_take(struct heap_take *take, medic_reason *why)
{
    medic_reason late;
    int code;

    if (heap_collect_stop(0, why) != MEDIC_OK)
        return MEDIC_E_TIMEOUT;
    code = signal_room_to_suspend(why);
    if (code == MEDIC_OK)
        code = heap_child_prepare(&take->child, take->sink, take->limit_ns + take->limit_ns / 2, why);
    if (code != MEDIC_OK)
        return code;
    collect.info = session.info;
    code = start_events(why);
    if (code == MEDIC_OK)
        code = force(take, why);
    if (code == MEDIC_OK)
        code = heap_watch_rest(take, collect.safe, why);
    else if (take->pid)
        heap_watch_kill(take);
    release();
    if (!atomic_load(&session.exiting))
        heap_collect_stop(EVENTS_NS, &late); /* or the end of the session tries again */
    count_cpu();
    heap_child_free(&take->child);
    return code;
}

/* ---- what it will cost ---- */

/* Measured with objects of 53 bytes and 1.5 references: 1.0 to 1.6 ms per MB of small objects, the larger on a busy machine;
 * with server GC the heaps share it, not evenly. A large object costs little, unless it is full of references. fork: 20 to
 * 28 ms per GB. */
uint64_t heap_collect_cost_ns(uint64_t small, uint64_t large, uint64_t heaps, uint64_t resident)
{
    uint64_t collecting = small / 2 * 3 + large / 4, shared = heaps > 1 ? collecting / (heaps * 3) * 4 : collecting;

    return 15 * MS + shared + resident / 1024 * 28;
}

/* Every heap of server GC has at least one range in each of the generations 0 to 2, and few have more in the younger. */
static uint64_t cost_of(const COR_PRF_GC_GENERATION_RANGE *ranges, ULONG count, uint64_t resident)
{
    uint64_t bytes[2] = {0, 0}, counts[OLDEST + 1] = {0, 0, 0}, heaps = UINT64_MAX;

    for (ULONG i = 0; i < count; i++) {
        int is_large = ranges[i].generation > COR_PRF_GC_GEN_2;

        bytes[is_large] += ranges[i].rangeLength;
        if (!is_large)
            counts[ranges[i].generation]++;
    }
    for (int i = 0; i <= OLDEST; i++)
        heaps = counts[i] < heaps ? counts[i] : heaps;
    return heap_collect_cost_ns(bytes[0], bytes[1], heaps, resident);
}

/* 0 when the runtime cannot tell: it notes its ranges with a collection, so not before there was one under our eyes. */
static uint64_t cost_by_ranges(uint64_t resident)
{
    COR_PRF_GC_GENERATION_RANGE *ranges;
    ULONG count = 0, got = 0;
    uint64_t cost = 0;

    if (FAILED(session.info->lpVtbl->GetGenerationBounds(session.info, 0, &count, NULL)) || !count)
        return 0;
    count += count / 4 + 64; /* a collection may come in between */
    ranges = calloc(count, sizeof *ranges);
    if (ranges && SUCCEEDED(session.info->lpVtbl->GetGenerationBounds(session.info, count, &got, ranges)))
        cost = cost_of(ranges, got < count ? got : count, resident);
    free(ranges);
    return cost;
}

uint64_t heap_collect_predict_ns(void)
{
    uint64_t deadline = os_now_ns() + GLANCE_NS, most, cost;
    struct heap_size size;

    heap_size_read(&size);
    most = heap_collect_cost_ns(size.anonymous, 0, 1, size.resident);
    /* All memory taken for objects is far too much where garbage fills it; but then a collection is near. */
    while (!(cost = cost_by_ranges(size.resident)) && most > LONG_NS && os_now_ns() < deadline)
        os_sleep_ns(10 * MS);
    return cost ? cost : most;
}
