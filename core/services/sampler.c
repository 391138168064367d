#include "core/services/sampler.h"

#include "core/os.h"
#include "core/services/memory_map.h"
#include "core/services/raw_stack.h"
#include "core/services/sampler_signal.h"
#include "core/services/signal_room.h"
#include "core/services/small_stacks.h"
#include "core/services/thread_bounds.h"
#include "core/thread.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid /* glibc before 2.37 has no name for it */
#endif

#define MS UINT64_C(1000000)
#define POLL_NS (500 * MS)
#define QUIET_NS (2000 * MS)
#define GRACE_NS (20 * MS)
/* POLL_SHARE: looking around may take a thousandth of a core. WINDOW: slots in which a thread may be. TRIES: of a callback to
 * get the lock; who fails is found by the next poll. */
enum { POLL_SHARE = 1000, WINDOW = 64, TRIES = 200, FIRST_SIGNAL_BELOW_MAX = 2, THREADS_PER_CALL = 64 };

static struct {
    /* Around every change of who has a slot. Held for microseconds; never by a handler. */
    _Atomic uint32_t lock;
    _Atomic uint64_t used[SAMPLER_SLOTS / 64];
    uint64_t random;
    uint64_t threads, lost_ns;
    uint64_t failed, missed; /* timers that could not be had: since the last poll, and the most of one poll */
    uint64_t live, room;     /* timers that there are, and how many more there may be */
    uint64_t end_time_ns, end_process_ns, end_worker_ns;
    int last_error; /* errno of the last timer that could not be had */

    int has_signal, ignores_signal;
    struct sigaction before;
    uint64_t next_poll_ns, next_map_ns;
    struct memory_map map;
    uint32_t *named; /* for each slot the generation whose thread record is written */
} sampler;

/* ---- the lock ---- */

static int try_lock(unsigned tries)
{
    for (unsigned i = 0; i < tries; i++) {
        if (atomic_exchange(&sampler.lock, 1) == 0)
            return 1;
        sched_yield();
    }
    return 0;
}

static void lock(void)
{
    while (!try_lock(TRIES))
        os_sleep_ns(MS / 10);
}

static void unlock(void)
{
    atomic_store(&sampler.lock, 0);
}

static uint64_t own_cpu_ns(void)
{
    return os_time_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- slots ---- */

static int is_used(uint32_t index)
{
    return (sampler.used[index / 64] >> (index % 64)) & 1;
}

/* Under the lock. */
static struct sampler_slot *find(uint32_t tid)
{
    for (uint32_t i = 0; i < WINDOW; i++) {
        uint32_t index = (tid + i) % SAMPLER_SLOTS;

        if (is_used(index) && atomic_load(&sampler_shared.slots[index].tid) == tid)
            return &sampler_shared.slots[index];
    }
    return NULL;
}

/* So that the timers of threads that began together, or live for less than an interval, do not fall on one another: the
 * first expiry comes at any moment of the first interval. Then a thread's samples stand for its time on average, however
 * short it lives. */
static uint64_t random_below(uint64_t bound)
{
    sampler.random ^= sampler.random << 13;
    sampler.random ^= sampler.random >> 7;
    sampler.random ^= sampler.random << 17;
    return sampler.random % bound;
}

static struct timespec as_timespec(uint64_t ns)
{
    return (struct timespec){(time_t)(ns / (1000 * MS)), (long)(ns % (1000 * MS))};
}

/* 0 or an errno. The kernel's own calls: glibc's timer_create would run a thread of its own for other kinds of notice. */
static int start_timer(struct sampler_slot *slot, uint32_t tid)
{
    uint64_t key = (uint64_t)atomic_load(&slot->generation) << 32 | (uint64_t)(slot - sampler_shared.slots);
    struct sigevent event;
    struct itimerspec times;
    clockid_t clock = os_thread_clock(tid);

    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = sampler_shared.signal;
    event.sigev_value.sival_ptr = (void *)(uintptr_t)key;
    event.sigev_notify_thread_id = (pid_t)tid;
    slot->begin_ns = os_time_ns(clock);
    slot->first_ns = 1 + random_below(sampler_shared.interval_ns);
    times.it_interval = as_timespec(sampler_shared.interval_ns);
    times.it_value = as_timespec(slot->first_ns);
    if (syscall(SYS_timer_create, clock, &event, &slot->timer) != 0)
        return errno;
    if (syscall(SYS_timer_settime, slot->timer, 0, &times, NULL) != 0) {
        int error = errno;

        syscall(SYS_timer_delete, slot->timer);
        return error;
    }
    return 0;
}

/* Under the lock. NULL: no room, or no timer. */
static struct sampler_slot *add(uint32_t tid)
{
    struct sampler_slot *slot;
    uint32_t index = tid % SAMPLER_SLOTS, i = 0;
    int error;

    while (i < WINDOW && is_used((index + i) % SAMPLER_SLOTS))
        i++;
    index = (index + i) % SAMPLER_SLOTS;
    slot = &sampler_shared.slots[index];
    error = i == WINDOW ? ENOSPC : sampler.room == 0 ? EAGAIN : 0;
    if (!error) {
        atomic_store(&slot->high, 0);
        atomic_store(&slot->thread, 0);
        atomic_store(&slot->carried_ns, 0);
        atomic_store(&slot->asks, 0);
        atomic_store(&slot->deep, 0);
        atomic_store(&slot->expiries, 0);
        atomic_fetch_add(&slot->generation, 1);
        atomic_store(&slot->tid, tid);
        error = start_timer(slot, tid);
    }
    if (error == ESRCH || error == EINVAL) { /* the thread has ended meanwhile */
        atomic_store(&slot->tid, 0);
        return NULL;
    }
    if (error) {
        if (i < WINDOW)
            atomic_store(&slot->tid, 0);
        sampler.failed++;
        sampler.last_error = error;
        return NULL;
    }
    sampler.used[index / 64] |= UINT64_C(1) << (index % 64);
    sampler.threads++;
    sampler.live++;
    sampler.room--;
    return slot;
}

/* Under the lock. */
static void release(struct sampler_slot *slot)
{
    uint32_t index = (uint32_t)(slot - sampler_shared.slots);

    sampler.used[index / 64] &= ~(UINT64_C(1) << (index % 64));
    sampler.lost_ns += atomic_exchange(&slot->carried_ns, 0);
    sampler.live--;
    sampler.room++;
    atomic_store(&slot->tid, 0);
}

static void drop(struct sampler_slot *slot)
{
    syscall(SYS_timer_delete, slot->timer);
    release(slot);
}

/* The kernel looks at CPU timers at its ticks, so a thread that lives between two of them is never told of. What a timer with
 * no such limit would have told is written when the thread ends. The thread itself, under the lock. */
static void settle(struct sampler_slot *slot)
{
    uint64_t used, due, told, weight;

    syscall(SYS_timer_delete, slot->timer); /* what was pending has come by the end of this call */
    used = own_cpu_ns() - slot->begin_ns;
    told = atomic_load(&slot->expiries);
    due = used < slot->first_ns ? 0 : 1 + (used - slot->first_ns) / sampler_shared.interval_ns;
    weight = atomic_exchange(&slot->carried_ns, 0) + (due > told ? (due - told) * sampler_shared.interval_ns : 0);
    if (weight)
        sampler_write_bare(slot, weight);
}

/* A timer whose thread has ended has no next expiry. Another thread may have its id by now. */
static int has_ended(const struct sampler_slot *slot)
{
    struct itimerspec left;

    return syscall(SYS_timer_gettime, slot->timer, &left) != 0 ||
           (left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
}

/* ---- threads ---- */

void sampler_thread_begins(ThreadID thread, uint32_t os_id)
{
    struct thread_bounds bounds = {0, 0};
    struct sampler_slot *slot;

    if (!atomic_load(&sampler_shared.active))
        return;
    if (os_id == os_thread_id())
        thread_bounds_ask(&bounds);
    if (!try_lock(TRIES))
        return;
    if (atomic_load(&sampler_shared.active)) {
        slot = find(os_id);
        if (slot && has_ended(slot)) {
            drop(slot);
            slot = NULL;
        }
        if (!slot)
            slot = add(os_id);
        if (slot) {
            atomic_store(&slot->thread, thread);
            atomic_store(&slot->low, bounds.low);
            atomic_store(&slot->high, bounds.high);
        }
    }
    unlock();
}

void sampler_thread_ends(ThreadID thread)
{
    struct sampler_slot *slot;

    if (!atomic_load(&sampler_shared.active) || !try_lock(TRIES))
        return;
    slot = atomic_load(&sampler_shared.active) ? find(os_thread_id()) : NULL;
    /* Told by another thread it says nothing of this one; the poll notices the end. */
    if (slot && atomic_load(&slot->thread) == thread) {
        settle(slot);
        release(slot);
    }
    unlock();
}

static void sweep(void)
{
    for (uint32_t word = 0; word < SAMPLER_SLOTS / 64; word++) {
        for (uint64_t bits = sampler.used[word]; bits; bits &= bits - 1) {
            uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(bits);

            lock();
            if (is_used(index) && has_ended(&sampler_shared.slots[index]))
                drop(&sampler_shared.slots[index]);
            unlock();
        }
    }
}

/* A thread that blocks the signal would never be interrupted by it; and if it waits for signals, get one that is not for it. */
static int blocks_signal(uint32_t tid)
{
    static const char key[] = "\nSigBlk:";
    char text[4096];
    uint32_t size = thread_read_file(tid, "status", text, sizeof text - 1);
    const char *line;

    text[size] = '\0';
    line = strstr(text, key);
    return line && (strtoull(line + sizeof key - 1, NULL, 16) >> (sampler_shared.signal - 1) & 1);
}

/* MEDIC_OK, or MEDIC_E_UNSUPPORTED when there is no looking. */
static int add_new_threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    struct dirent *entry;

    if (!folder)
        return MEDIC_E_UNSUPPORTED;
    while ((entry = readdir(folder))) {
        uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);
        int known;

        if (!tid || thread_is_own(tid))
            continue;
        lock();
        known = find(tid) != NULL;
        unlock();
        if (known || blocks_signal(tid))
            continue;
        lock();
        if (!find(tid))
            add(tid);
        unlock();
    }
    closedir(folder);
    return MEDIC_OK;
}

/* The program needs pending signals of its own, and its runtime needs them to stop its threads: at least half of what there
 * would be without the timers is left. */
static void share_room(void)
{
    uint64_t others = signal_room(), all;

    lock();
    all = others > UINT64_MAX - sampler.live ? UINT64_MAX : others + sampler.live;
    sampler.room = all / 2 > sampler.live ? all / 2 - sampler.live : 0;
    unlock();
}

static int poll_threads(uint64_t now)
{
    uint64_t begin = own_cpu_ns(), cost;
    int code;

    sweep();
    share_room();
    sampler.failed = 0;
    code = add_new_threads();
    if (sampler.failed > sampler.missed)
        sampler.missed = sampler.failed;
    cost = own_cpu_ns() - begin;
    sampler.next_poll_ns = now + (cost * POLL_SHARE > POLL_NS ? cost * POLL_SHARE : POLL_NS);
    return code;
}

/* Which thread of the runtime is which of Linux, for those that began before. */
static void know_managed_threads(ICorProfilerInfo12 *info)
{
    ICorProfilerThreadEnum *list = NULL;
    ThreadID ids[THREADS_PER_CALL];
    ULONG count = 0;
    HRESULT hr;

    if (FAILED(info->lpVtbl->EnumThreads(info, &list)) || !list)
        return;
    do {
        hr = list->lpVtbl->Next(list, THREADS_PER_CALL, ids, &count);
        for (ULONG i = 0; SUCCEEDED(hr) && i < count && i < THREADS_PER_CALL; i++) {
            struct sampler_slot *slot;
            DWORD tid = 0;

            if (FAILED(info->lpVtbl->GetThreadInfo(info, ids[i], &tid)) || !tid)
                continue;
            lock();
            slot = find(tid);
            if (slot)
                atomic_store(&slot->thread, ids[i]);
            unlock();
        }
    } while (hr == S_OK && count);
    list->lpVtbl->Release(list);
}

/* ---- where stacks are ---- */

/* The mapping must hold the stack pointer and, above it, what ends with the thread: glibc puts a thread's control block at
 * the top of its stack. The main thread's is elsewhere; its stack is where the kernel left the program's arguments, and never
 * goes away. */
static void set_bounds(struct sampler_slot *slot)
{
    uint64_t sp = atomic_load(&slot->seen_sp), top = atomic_load(&slot->seen_tcb);
    const struct memory_range *range = memory_map_find(&sampler.map, sp);

    if (atomic_load(&slot->tid) == os_process_id())
        top = getauxval(AT_RANDOM);
    if (!range || top <= sp || top > range->end)
        return;
    atomic_store(&slot->high, 0);
    atomic_store(&slot->low, range->begin);
    atomic_store(&slot->high, top);
}

static void answer_asks(uint64_t now)
{
    uint64_t begin = own_cpu_ns();
    int code;

    if (!atomic_load(&sampler_shared.asks) || now < sampler.next_map_ns)
        return;
    atomic_store(&sampler_shared.asks, 0);
    code = memory_map_read(&sampler.map);
    for (uint32_t word = 0; word < SAMPLER_SLOTS / 64; word++) {
        for (uint64_t bits = sampler.used[word]; bits; bits &= bits - 1) {
            struct sampler_slot *slot = &sampler_shared.slots[word * 64 + (uint32_t)__builtin_ctzll(bits)];

            lock();
            if (atomic_load(&slot->tid) && atomic_load(&slot->asks)) {
                if (code == MEDIC_OK)
                    set_bounds(slot);
                atomic_store(&slot->asks, 0);
            }
            unlock();
        }
    }
    sampler.next_map_ns = now + (own_cpu_ns() - begin) * POLL_SHARE;
}

/* ---- the signal ---- */

/* From the top down: .NET uses the first real-time signal, glibc the two before it, and programs tend to begin there too. */
static int take_signal(medic_reason *why)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    struct sigaction own;

    memset(&own, 0, sizeof own);
    own.sa_sigaction = sampler_on_signal;
    own.sa_flags = SA_SIGINFO | SA_RESTART;
    /* Nobody runs on top of the handler, who might jump out of it, except for a fault. */
    sigfillset(&own.sa_mask);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&own.sa_mask, faults[i]);
    for (int number = SIGRTMAX - FIRST_SIGNAL_BELOW_MAX; number > SIGRTMIN; number--) {
        if (sigaction(number, NULL, &sampler.before) != 0 || (sampler.before.sa_flags & SA_SIGINFO) ||
            sampler.before.sa_handler != SIG_DFL)
            continue;
        if (sigaction(number, &own, NULL) == 0) {
            sampler_shared.signal = number;
            sampler.has_signal = 1;
            return MEDIC_OK;
        }
    }
    return medic_fail(why, MEDIC_E_UNSUPPORTED,
                      "every real-time signal of the program is in use, so its threads cannot have timers; "
                      "use engine=suspension");
}

static int signal_is_ours(void)
{
    struct sigaction now;

    return sigaction(sampler_shared.signal, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
           now.sa_sigaction == sampler_on_signal;
}

/* What is pending, or comes from a thread that stands before the handler's first instruction, goes nowhere. */
static void ignore_signal(void)
{
    struct sigaction ignore;

    if (!signal_is_ours())
        return;
    memset(&ignore, 0, sizeof ignore);
    ignore.sa_handler = SIG_IGN;
    sampler.ignores_signal = sigaction(sampler_shared.signal, &ignore, NULL) == 0;
}

static void give_signal_back(void)
{
    if (sampler.ignores_signal)
        sigaction(sampler_shared.signal, &sampler.before, NULL);
    sampler.has_signal = sampler.ignores_signal = 0;
}

static void delete_timers(void)
{
    for (uint32_t index = 0; index < SAMPLER_SLOTS; index++) {
        if (is_used(index))
            drop(&sampler_shared.slots[index]);
    }
}

static void note_end(void)
{
    sampler.end_time_ns = os_now_ns();
    sampler.end_process_ns = os_time_ns(CLOCK_PROCESS_CPUTIME_ID);
    sampler.end_worker_ns = own_cpu_ns();
}

/* The kernel drops what is pending when the signal is ignored, but does not when it gets its default: that ends the program.
 * So: no new ones, none pending, none running, and then the old action. */
int sampler_stop(void)
{
    uint64_t deadline = os_now_ns() + QUIET_NS;

    if (!sampler.has_signal)
        return 1;
    lock();
    if (atomic_exchange(&sampler_shared.active, 0))
        note_end();
    delete_timers();
    unlock();
    ignore_signal();
    while (atomic_load(&sampler_shared.in_flight)) {
        if (os_now_ns() > deadline)
            return 0;
        os_sleep_ns(MS / 2);
    }
    os_sleep_ns(GRACE_NS); /* for who stands before the handler's first instruction */
    while (atomic_load(&sampler_shared.in_flight) && os_now_ns() < deadline)
        os_sleep_ns(MS / 2);
    give_signal_back();
    return atomic_load(&sampler_shared.in_flight) == 0;
}

/* ---- the way in ---- */

static void *map_zeros(size_t size)
{
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return bytes == MAP_FAILED ? NULL : bytes;
}

void sampler_free(void)
{
    if (sampler_shared.slots)
        munmap(sampler_shared.slots, SAMPLER_SLOTS * sizeof *sampler_shared.slots);
    if (sampler_shared.spare)
        munmap(sampler_shared.spare, RAW_STACK_CAP);
    sampler_shared.slots = NULL;
    sampler_shared.spare = NULL;
    free(sampler.named);
    sampler.named = NULL;
    memory_map_free(&sampler.map);
}

static int prepare(struct ring *ring, const medic_sampling *sampling, medic_reason *why)
{
    memset(&sampler, 0, sizeof sampler);
    memset(&sampler_shared, 0, sizeof sampler_shared);
    sampler.random = os_now_ns() | 1;
    sampler_shared.ring = ring;
    sampler_shared.record_type = sampling->record_type;
    sampler_shared.interval_ns = sampling->interval_ns;
    sampler_shared.slots = map_zeros(SAMPLER_SLOTS * sizeof *sampler_shared.slots);
    sampler_shared.spare = map_zeros(RAW_STACK_CAP);
    sampler.named = calloc(SAMPLER_SLOTS, sizeof *sampler.named);
    if (!sampler_shared.slots || !sampler_shared.spare || !sampler.named) {
        sampler_free();
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory for the table of threads");
    }
    memset(sampler_shared.spare, 0, RAW_STACK_CAP); /* no page of it is new in the handler */
    return MEDIC_OK;
}

static int no_timers(medic_reason *why)
{
    int error = sampler.last_error;

    return medic_fail(why, MEDIC_E_UNSUPPORTED,
                      "the system refuses timers for the program's threads (%s): raise its limit of pending signals "
                      "(RLIMIT_SIGPENDING), "
                      "let its seccomp profile pass timer_create, or use engine=suspension",
                      error ? strerror(error) : "there is no /proc/self/task");
}

int sampler_start(struct ring *ring, ICorProfilerInfo12 *info, const medic_sampling *sampling, medic_reason *why)
{
    int code;

#if !defined(__x86_64__)
    return medic_fail(why, MEDIC_E_UNSUPPORTED,
                      "stacks are unwound on x86-64 only in this version; use engine=suspension");
#endif
    code = small_stacks_check(why);
    if (code != MEDIC_OK)
        return code;
    code = prepare(ring, sampling, why);
    if (code == MEDIC_OK)
        code = take_signal(why);
    if (code != MEDIC_OK) {
        sampler_free();
        return code;
    }
    ring_touch(ring);
    atomic_store(&sampler_shared.active, 1);
    poll_threads(os_now_ns());
    /* With some of the threads only it would be a wrong picture, as long as there is another way. */
    if (sampler.threads == 0 ||
        (sampling->engine == MEDIC_ENGINE_AUTO && sampler.failed && sampler.last_error == EAGAIN)) {
        sampler_stop();
        code = no_timers(why);
        sampler_free();
        return code;
    }
    know_managed_threads(info);
    return MEDIC_OK;
}

int sampler_tick(uint64_t now, medic_reason *why)
{
    if (!sampler.has_signal)
        return MEDIC_OK;
    if (!signal_is_ours()) {
        sampler_stop();
        return medic_fail(why, MEDIC_E_BUSY,
                          "the program has taken signal %d for itself, which the samples came by; what was recorded "
                          "before is kept: try again, another signal will be used",
                          sampler_shared.signal);
    }
    answer_asks(now);
    if (now >= sampler.next_poll_ns)
        poll_threads(now);
    return MEDIC_OK;
}

/* ---- accounts ---- */

uint64_t sampler_handler_ns(void)
{
    uint64_t calls = atomic_load(&sampler_shared.calls), timed = atomic_load(&sampler_shared.timed_calls);

    return timed ? (uint64_t)((double)atomic_load(&sampler_shared.timed_ns) / (double)timed * (double)calls) : 0;
}

/* Pages of slots that were never used are not there; tids next to each other are in pages next to each other. */
uint64_t sampler_memory(void)
{
    uint64_t slots = sampler.threads < SAMPLER_SLOTS ? sampler.threads : SAMPLER_SLOTS;

    return sampler_shared.slots
               ? slots * sizeof *sampler_shared.slots + RAW_STACK_CAP + SAMPLER_SLOTS * sizeof *sampler.named +
                     sampler.map.capacity * sizeof *sampler.map.ranges
               : 0;
}

void sampler_state(medic_sampling_state *state)
{
    state->samples = atomic_load(&sampler_shared.samples);
    state->lost = atomic_load(&sampler_shared.lost);
    state->lost_ns = sampler.lost_ns;
    state->threads = sampler.threads;
    state->threads_missed = sampler.missed;
    state->handler_ns = sampler_handler_ns();
    state->end_time_ns = sampler.end_time_ns;
    state->end_process_ns = sampler.end_process_ns;
    state->end_worker_ns = sampler.end_worker_ns;
}

void sampler_name_thread(const struct raw_stack *raw, uint32_t os_id, names_emit_fn emit, void *context)
{
    medic_thread_record record = {.id = raw->thread, .os_id = os_id};
    const struct sampler_slot *slot;
    char name[32];

    if (!sampler.named || raw->slot >= SAMPLER_SLOTS || sampler.named[raw->slot] == raw->generation)
        return;
    slot = &sampler_shared.slots[raw->slot];
    if (!record.id && atomic_load(&slot->generation) == raw->generation)
        record.id = atomic_load(&slot->thread); /* it was sampled before it was known */
    record.length = thread_read_name(os_id, name, sizeof name);
    if (emit(context, MEDIC_RECORD_THREAD, &record, sizeof record, name, record.length) == MEDIC_OK)
        sampler.named[raw->slot] = raw->generation;
}

void sampler_ask_deep(const struct raw_stack *raw)
{
    struct sampler_slot *slot;

    if (!sampler_shared.slots || raw->slot >= SAMPLER_SLOTS)
        return;
    slot = &sampler_shared.slots[raw->slot];
    if (atomic_load(&slot->generation) == raw->generation)
        atomic_store(&slot->deep, 1);
}
