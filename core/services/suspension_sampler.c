#include "core/services/suspension_sampler.h"

#include "core/os.h"
#include "core/services/raw_stack.h"
#include "core/services/signal_room.h"
#include "core/services/snapshot.h"
#include "core/session.h"
#include "core/thread.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* SHARE: the program stands still for one part in so many of the time, so the interval grows with the pauses; but on a machine
 * that is short of processors one long pause shall not be the end of the sampling. MAP: the map of the memory is read anew
 * every so many rounds, for the stacks of new threads. */
#define REST_MAX_NS UINT64_C(500000000)
enum { SHARE = 50, MAP_ROUNDS = 16, CLOCKS = 8192, CLOCKS_PROBED = 16 };

/* What a thread's CPU clock said the last time. */
struct clock {
    uint32_t os_id; /* 0 = free */
    uint32_t told;  /* its record is written */
    uint64_t cpu_ns;
};

static struct {
    struct shot shot;
    medic_sampling sampling;
    struct clock *clocks; /* open addressing by tid */
    _Atomic uint32_t stop;
    _Atomic uint32_t running;
    _Atomic uint64_t cpu_ns, samples, lost, lost_ns, threads;
    uint64_t end_time_ns, end_process_ns, end_worker_ns;
} sampler;

static struct clock *clock_of(uint32_t os_id)
{
    uint32_t at = os_id * UINT32_C(2654435769) >> 19;

    for (uint32_t i = 0; i < CLOCKS_PROBED; i++) {
        struct clock *clock = &sampler.clocks[(at + i) % CLOCKS];

        if (clock->os_id == os_id || !clock->os_id) {
            clock->os_id = os_id;
            return clock;
        }
    }
    return &sampler.clocks[at % CLOCKS]; /* of a thread that shares its place: the difference is checked */
}

/* What the threads that are there have used before the sampling began is not its business; of one that is not noted here,
 * because it began later, everything is. */
static void note_clocks(void)
{
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *entry;

    while (tasks && (entry = readdir(tasks))) {
        uint32_t os_id = (uint32_t)strtoul(entry->d_name, NULL, 10);

        if (os_id)
            clock_of(os_id)->cpu_ns = shot_cpu_ns(os_id);
    }
    if (tasks)
        closedir(tasks);
}

/* In the suspension: whether the thread has used CPU time since the last look. */
static int has_run(void *context, struct shot_thread *thread)
{
    struct clock *clock = clock_of(thread->os_id);
    uint64_t now = shot_cpu_ns(thread->os_id), before = clock->cpu_ns;

    (void)context;
    if (clock->os_id != thread->os_id) {
        *clock = (struct clock){thread->os_id, 0, now};
        return 0;
    }
    clock->cpu_ns = now;
    thread->weight_ns = now > before ? now - before : 0;
    return thread->weight_ns > 0;
}

static void put_sample(const struct shot *shot, const struct shot_thread *thread, const medic_cpu_sample *sample)
{
    uint64_t offset = raw_stack_offset(sizeof *sample), size = offset + thread->size;
    uint32_t type = sampler.sampling.record_type | RAW_STACK;
    struct raw_stack *raw =
        size <= ring_largest(&session.ring) ? ring_reserve(&session.ring, type, (uint32_t)size) : NULL;

    if (!raw) {
        ring_count_loss(&session.ring);
        atomic_fetch_add(&sampler.lost, 1);
        atomic_fetch_add(&sampler.lost_ns, sample->weight_ns);
        return;
    }
    raw->record_size = sizeof *sample;
    raw->flags =
        RAW_AT_CALL | (thread->flags & SHOT_WHOLE ? RAW_WHOLE : 0u) | (thread->flags & SHOT_HAS_FRAME ? 0u : RAW_NONE);
    raw->thread = thread->thread;
    raw->low = thread->low;
    raw->size = thread->size;
    raw->registers = thread->registers;
    memcpy(raw + 1, sample, sizeof *sample);
    memcpy((uint8_t *)raw + offset, shot->bytes + thread->offset, thread->size);
    ring_commit(&session.ring, raw);
    atomic_fetch_add(&sampler.samples, 1);
}

/* A thread's record, with the name that Linux knows, before its first sample. */
static void tell_thread(const struct shot_thread *thread)
{
    struct clock *clock = clock_of(thread->os_id);
    medic_thread_record record = {.id = thread->thread, .os_id = thread->os_id};
    char name[32];

    if (clock->os_id != thread->os_id || clock->told)
        return;
    clock->told = 1;
    record.length = thread_read_name(thread->os_id, name, sizeof name);
    ring_write(&session.ring, MEDIC_RECORD_THREAD, &record, sizeof record, name, record.length);
    atomic_fetch_add(&sampler.threads, 1);
}

static void put_samples(void)
{
    const struct shot *shot = &sampler.shot;

    for (uint32_t i = 0; i < shot->count; i++) {
        const struct shot_thread *thread = &shot->threads[i];
        medic_cpu_sample sample = {.head = {.time_ns = shot->begin_ns, .os_id = thread->os_id},
                                   .weight_ns = thread->weight_ns};

        tell_thread(thread);
        put_sample(shot, thread, &sample);
    }
}

/* Looks once, if the process has worked at all since the last time and can be stopped. */
static void look(uint64_t *process_ns, uint32_t *round)
{
    uint64_t now = os_time_ns(CLOCK_PROCESS_CPUTIME_ID);

    if (now - *process_ns < sampler.sampling.interval_ns / 2 || signal_room() == 0)
        return;
    *process_ns = now;
    if ((*round)++ % MAP_ROUNDS == 0 && memory_map_read(&sampler.shot.map) != MEDIC_OK)
        return;
    shot_take(&sampler.shot);
    if (sampler.shot.pause_ns) {
        session_paused(sampler.shot.pause_ns);
        put_samples();
    }
}

static uint64_t rest_ns(void)
{
    uint64_t rest = sampler.shot.pause_ns * SHARE;

    if (rest > REST_MAX_NS)
        rest = REST_MAX_NS;
    return rest > sampler.sampling.interval_ns ? rest : sampler.sampling.interval_ns;
}

static void *run(void *unused)
{
    uint64_t process_ns = os_time_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint32_t round = 0;

    (void)unused;
    thread_name("medic-sampler");
    note_clocks();
    while (!atomic_load(&sampler.stop)) {
        os_sleep_ns(rest_ns());
        look(&process_ns, &round); /* once more when it is to stop: for the time since the last one */
        atomic_store(&sampler.cpu_ns, os_time_ns(CLOCK_THREAD_CPUTIME_ID));
    }
    shot_close(&sampler.shot);
    atomic_store(&sampler.running, 0);
    return NULL;
}

int suspension_sampler_start(const medic_sampling *sampling, medic_reason *why)
{
    int code, error;

    memset(&sampler, 0, sizeof sampler);
    sampler.sampling = *sampling;
    code = signal_room_to_suspend(why);
    if (code == MEDIC_OK)
        code = shot_open(&sampler.shot, session.info, 0, why);
    if (code != MEDIC_OK)
        return code;
    sampler.shot.wanted = has_run;
    sampler.clocks = calloc(CLOCKS, sizeof *sampler.clocks);
    atomic_store(&sampler.running, 1);
    error = sampler.clocks ? thread_start(run, NULL) : ENOMEM;
    if (!error)
        return MEDIC_OK;
    atomic_store(&sampler.running, 0);
    shot_close(&sampler.shot);
    free(sampler.clocks);
    sampler.clocks = NULL;
    return medic_fail(why, MEDIC_E_FAIL, "cannot start a thread in the target: %s", strerror(error));
}

int suspension_sampler_stop(uint64_t timeout_ns)
{
    uint64_t deadline = os_now_ns() + timeout_ns;

    atomic_store(&sampler.stop, 1);
    while (atomic_load(&sampler.running)) {
        if (os_now_ns() > deadline)
            return 0;
        os_sleep_ns(UINT64_C(1000000));
    }
    free(sampler.clocks);
    sampler.clocks = NULL;
    sampler.end_time_ns = os_now_ns();
    sampler.end_process_ns = os_time_ns(CLOCK_PROCESS_CPUTIME_ID);
    sampler.end_worker_ns = os_time_ns(CLOCK_THREAD_CPUTIME_ID) + atomic_load(&sampler.cpu_ns);
    return 1;
}

void suspension_sampler_state(medic_sampling_state *state)
{
    state->samples = atomic_load(&sampler.samples);
    state->lost = atomic_load(&sampler.lost);
    state->lost_ns = atomic_load(&sampler.lost_ns);
    state->threads = atomic_load(&sampler.threads);
    state->end_time_ns = sampler.end_time_ns;
    state->end_process_ns = sampler.end_process_ns;
    state->end_worker_ns = sampler.end_worker_ns;
}

uint64_t suspension_sampler_cpu_ns(void)
{
    return atomic_load(&sampler.cpu_ns);
}

uint64_t suspension_sampler_memory(void)
{
    return atomic_load(&sampler.running)
               ? sampler.shot.bytes_capacity + sampler.shot.capacity * sizeof *sampler.shot.threads +
                     CLOCKS * sizeof *sampler.clocks
               : 0;
}
