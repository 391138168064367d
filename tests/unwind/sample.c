/* A timer on each thread's CPU clock, a handler that copies registers and stack, in short batches. */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { BATCH_MS = 200, INTERVAL_NS = 1000000, TIMERS_MAX = 1024, SAMPLES_MAX = 4096, SAMPLE_MAX = 256 << 10 };

struct sample {
    struct unwind_registers registers;
    struct unwind_stack stack;
    pid_t tid;
};

static struct sample samples[SAMPLES_MAX];
static _Atomic uint32_t sample_count;
static _Atomic uint64_t arena_used, no_stack, no_room;
static _Atomic int active, inside;
static const struct mappings *handler_mappings;
static uint8_t *handler_arena;

static void take(const ucontext_t *context)
{
    static const uint8_t order[17] = {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16};
    uint64_t low = (uint64_t)context->uc_mcontext.gregs[REG_RSP] - 128, end = mapping_end(handler_mappings, low);
    uint64_t size = end > low ? end - low : 0, kept = size < SAMPLE_MAX ? size : SAMPLE_MAX;

    if (size == 0) {
        no_stack++;
        return;
    }
    uint64_t at = atomic_fetch_add(&arena_used, (kept + 15) & ~UINT64_C(15));
    uint32_t index = atomic_fetch_add(&sample_count, 1);
    if (at + kept > ARENA_SIZE || index >= SAMPLES_MAX) {
        no_room++;
        return;
    }
    struct sample *s = &samples[index];
    for (int i = 0; i < 17; i++)
        s->registers.r[order[i]] = (uint64_t)context->uc_mcontext.gregs[i];
    s->stack = (struct unwind_stack){handler_arena + at, low, copy_memory(handler_arena + at, low, kept), kept == size};
    s->tid = (pid_t)syscall(SYS_gettid);
}

static void handler(int number, siginfo_t *info, void *context)
{
    int saved = errno;

    (void)number;
    inside++;
    if (active && info->si_code == SI_TIMER)
        take(context);
    inside--;
    errno = saved;
}

static size_t arm(timer_t timers[TIMERS_MAX])
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    size_t count = 0;
    pid_t self = (pid_t)syscall(SYS_gettid);

    while (tasks && (entry = readdir(tasks)) && count < TIMERS_MAX) {
        int tid = atoi(entry->d_name);
        struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};
        struct itimerspec every = {{0, INTERVAL_NS}, {0, INTERVAL_NS}};

        if (tid <= 0 || tid == self)
            continue;
        event._sigev_un._tid = tid;
        if (timer_create((clockid_t)((~(unsigned)tid << 3) | 6), &event, &timers[count]) != 0)
            continue;
        timer_settime(timers[count++], 0, &every, NULL);
    }
    if (tasks)
        closedir(tasks);
    return count;
}

static void collect(struct instance *instance)
{
    static timer_t timers[TIMERS_MAX];
    struct mappings *mappings = mappings_read();

    sample_count = 0;
    arena_used = 0;
    handler_mappings = mappings;
    handler_arena = instance->arena;
    active = 1;
    size_t count = arm(timers);
    usleep(BATCH_MS * 1000);
    active = 0;
    for (size_t i = 0; i < count; i++)
        timer_delete(timers[i]);
    usleep(5000);
    while (inside)
        usleep(1000);
    mappings_free(mappings);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

struct totals {
    uint64_t samples, frames, root, truncated, broken, cold_ns, warm_ns, own;
};

static uint64_t unwind_all(struct instance *instance, uint32_t count)
{
    static struct unwind_step steps[STEPS_MAX];
    uint64_t begin = now_ns();
    uint32_t flags;

    for (uint32_t i = 0; i < count; i++)
        unwind(instance->unwinder, &samples[i].registers, &samples[i].stack, 0, steps, STEPS_MAX, &flags);
    return now_ns() - begin;
}

static void put_samples(struct instance *instance, uint32_t count, struct totals *totals)
{
    static struct unwind_step steps[STEPS_MAX];

    for (uint32_t i = 0; i < count; i++) {
        uint32_t flags,
            depth = unwind(instance->unwinder, &samples[i].registers, &samples[i].stack, 0, steps, STEPS_MAX, &flags);
        totals->samples++;
        totals->frames += depth;
        totals->root += flags == 0;
        totals->truncated += (flags & MEDIC_STACK_TRUNCATED) != 0;
        totals->broken += (flags & MEDIC_STACK_BROKEN) != 0;
        fprintf(instance->out, "sample %u %d |", flags, samples[i].tid);
        put_steps(instance, steps, depth);
        fputs("\n", instance->out);
    }
}

void sample_threads(struct instance *instance)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART}, ignore = {0}, old;
    struct totals totals = {0};

    sigfillset(&action.sa_mask);
    ignore.sa_handler = SIG_IGN; /* NOLINT */
    sigaction(SIGPROF, &action, &old);
    for (int64_t left = instance->milliseconds; left > 0; left -= BATCH_MS) {
        collect(instance);
        uint32_t count = sample_count < SAMPLES_MAX ? sample_count : SAMPLES_MAX;
        if (no_room)
            count = count > no_room ? (uint32_t)(count - no_room) : 0;
        unwinder_free(instance->unwinder);
        instance->unwinder = unwinder_new(instance->info);
        totals.cold_ns += unwind_all(instance, count);
        totals.warm_ns += unwind_all(instance, count);
        put_samples(instance, count, &totals);
        no_room = 0;
    }
    sigaction(SIGPROF, &ignore, NULL);
    usleep(20000);
    sigaction(SIGPROF, &old, NULL);
    fprintf(instance->out,
            "samples %lu frames %lu root %lu truncated %lu broken %lu cold_ns %lu warm_ns %lu no_stack %lu\n",
            (unsigned long)totals.samples, (unsigned long)totals.frames, (unsigned long)totals.root,
            (unsigned long)totals.truncated, (unsigned long)totals.broken, (unsigned long)totals.cold_ns,
            (unsigned long)totals.warm_ns, (unsigned long)no_stack);
}
