/* The capture half: has the core sample, adds up what is the same, and notes how much CPU time there was to be seen. All of it
 * on the worker. */
#include "capture.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_NS UINT64_C(95000000) /* ticks come a little early now and then */

static uint64_t process_cpu_ns(void)
{
    struct timespec t = {0, 0};

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static uint32_t processors(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 0;
}

static void write_usage(struct hotpaths *self, uint64_t time_ns, uint64_t process_ns, uint64_t medic_ns)
{
    ch_usage usage = {.time_ns = time_ns, .process_ns = process_ns, .medic_ns = medic_ns, .processors = processors()};

    self->written_ns = time_ns;
    self->records->emit(self->host, CH_USAGE, &usage, sizeof usage);
}

static void write_usage_now(struct hotpaths *self)
{
    write_usage(self, self->clock->now_ns(), process_cpu_ns(), self->clock->thread_cpu_ns());
}

static void write_pending(struct hotpaths *self)
{
    for (uint32_t i = 0; i < PENDING && self->pending_count; i++) {
        if (!self->pending[i].head.os_id)
            continue;
        self->records->emit(self->host, CH_SAMPLE, &self->pending[i], sizeof self->pending[i]);
        self->pending[i].head.os_id = 0;
        self->pending_count--;
    }
}

static int same(const medic_stack_head *a, const medic_stack_head *b)
{
    return a->os_id == b->os_id && a->stack == b->stack && a->flags == b->flags;
}

/* Samples of one thread with one stack and within one tick become one, with the time of the first: a loop that runs for
 * seconds would fill the capture with the same line. */
static int drain(void *instance, const medic_record *record)
{
    struct hotpaths *self = instance;
    medic_cpu_sample sample;
    uint32_t i;

    if (record->type != CH_SAMPLE || record->size != sizeof sample)
        return MEDIC_DRAIN_KEEP;
    memcpy(&sample, record->data, sizeof sample);
    if (!sample.head.os_id)
        return MEDIC_DRAIN_KEEP;
    if (self->pending_count == PENDING_MAX)
        write_pending(self);
    i = (uint32_t)((sample.head.stack * 31 + sample.head.os_id) * UINT64_C(0x9E3779B97F4A7C15) >> 54);
    while (self->pending[i].head.os_id && !same(&self->pending[i].head, &sample.head))
        i = (i + 1) % PENDING;
    if (self->pending[i].head.os_id) {
        self->pending[i].weight_ns += sample.weight_ns;
    } else {
        self->pending[i] = sample;
        self->pending_count++;
    }
    return MEDIC_DRAIN_DROP;
}

static void tick(void *instance, uint64_t now_ns)
{
    struct hotpaths *self = instance;

    if (now_ns - self->written_ns < TICK_NS)
        return;
    write_pending(self);
    write_usage_now(self);
}

static int read_engine(const char *text, uint32_t *engine)
{
    static const char *const names[] = {"auto", "timers", "suspension"};

    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *engine = i; /* enum medic_sampling_engine in its order */
            return MEDIC_OK;
        }
    }
    return MEDIC_E_ARGUMENT;
}

static int read_params(struct hotpaths *self)
{
    const medic_params_service *params = self->host->service(self->host, MEDIC_SERVICE_PARAMS);
    const char *engine = "";
    int code = params->get_duration(self->host, "interval", &self->sampling.interval_ns);

    if (code == MEDIC_OK)
        code = params->get_text(self->host, "engine", &engine);
    return code == MEDIC_OK ? read_engine(engine, &self->sampling.engine) : code;
}

static int create(const medic_host *host, void **instance, medic_reason *why)
{
    struct hotpaths *self = calloc(1, sizeof *self);
    int code;

    if (!self)
        return medic_fail(why, MEDIC_E_MEMORY, "no memory for the state of cpu_hotpaths");
    self->host = host;
    self->records = host->service(host, MEDIC_SERVICE_RECORDS);
    self->clock = host->service(host, MEDIC_SERVICE_CLOCK);
    self->stacks = host->service(host, MEDIC_SERVICE_STACKS);
    self->sampling = (medic_sampling){.size = sizeof self->sampling, .record_type = CH_SAMPLE};
    code = read_params(self);
    if (code != MEDIC_OK) {
        free(self);
        return medic_fail(why, code, "the host does not know the parameters of cpu_hotpaths");
    }
    *instance = self;
    return MEDIC_OK;
}

static int start(void *instance, medic_reason *why)
{
    struct hotpaths *self = instance;
    int code = self->stacks->sample_cpu(self->host, &self->sampling, why);

    if (code == MEDIC_OK) {
        write_usage_now(self);
        write_waited(self);
    }
    return code;
}

static int stop(void *instance, medic_reason *why)
{
    struct hotpaths *self = instance;
    medic_sampling_state state = {.size = sizeof state};

    (void)why;
    write_pending(self);
    self->stacks->sampling_state(self->host, &state);
    if (state.end_time_ns) /* the program has gone on since */
        write_usage(self, state.end_time_ns, state.end_process_ns, state.end_worker_ns);
    else
        write_usage_now(self);
    write_waited(self);
    self->records->emit(self->host, CH_TOTALS, &state, sizeof state);
    return MEDIC_OK;
}

const medic_capture cpu_hotpaths_capture = {
    .size = sizeof(medic_capture),
    .create = create,
    .start = start,
    .drain = drain,
    .tick = tick,
    .stop = stop,
    .destroy = free,
    .callbacks = &cpu_hotpaths_callbacks,
};
