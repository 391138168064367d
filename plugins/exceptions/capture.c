/* The capture half on the worker: sets up, names what was recorded on its way into the file, and writes the counts. */
#include "capture.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROVIDER "Microsoft-Windows-DotNETRuntime"
#define EXCEPTION_KEYWORD UINT64_C(0x8000)
#define LEVEL_ERROR 2u
#define TOTALS_NS UINT64_C(1000000000) /* of a program that does not throw */
#define SLICE_NS UINT64_C(100000000)   /* of the sampler; ticks come oftener while there are throws */

static uint64_t process_cpu_ns(void)
{
    struct timespec t = {0, 0};

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static uint64_t load64(_Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

/* --- names --- */

static void name_inner(struct throws *self, const medic_record *record)
{
    ex_throw head;
    uint64_t type;

    if (record->size < sizeof head)
        return;
    memcpy(&head, record->data, sizeof head);
    if (head.inner_count > EX_INNER_MAX || record->size - sizeof head < head.inner_count * sizeof type)
        return;
    for (uint32_t i = 0; i < head.inner_count; i++) {
        memcpy(&type, (const uint8_t *)record->data + sizeof head + i * sizeof type, sizeof type);
        self->names->type(self->host, (ClassID)type);
    }
}

static int drain(void *instance, const medic_record *record)
{
    struct throws *self = instance;
    ex_route route;

    if (record->type == EX_THROW)
        name_inner(self, record);
    if (record->type == EX_TYPE && record->size >= sizeof(ex_type)) {
        memcpy(&route, record->data, sizeof(ex_type));
        self->names->type(self->host, (ClassID)route.type);
    }
    if (record->type == EX_ROUTE && record->size >= sizeof route) {
        memcpy(&route, record->data, sizeof route);
        self->names->function(self->host, (FunctionID)route.catcher);
        describe_catcher(self, &route);
    }
    return MEDIC_DRAIN_KEEP;
}

/* --- counts --- */

static int write_counts(struct throws *self, struct tally *tally, uint32_t type, uint64_t now)
{
    int32_t entry;
    int some = 0;

    for (uint32_t i = 0; (entry = tally_entry(tally, i)) != TALLY_NONE; i++) {
        ex_count count = {.time_ns = now};
        if (!tally_take(tally, (uint32_t)entry, &count.fresh, &count.propagated))
            continue;
        count.type = tally->entries[entry].first;
        count.catcher = tally->entries[entry].second;
        self->records->emit(self->host, type, &count, sizeof count);
        some = 1;
    }
    return some;
}

static void write_totals(struct throws *self, uint64_t now)
{
    ex_totals totals = {.time_ns = now,
                        .process_ns = process_cpu_ns(),
                        .fresh = load64(&self->fresh_missed),
                        .propagated = load64(&self->propagated_missed),
                        .routes_missed = load64(&self->routes_missed),
                        .threads_missed = load64(&self->threads_missed),
                        .samples = load64(&self->samples),
                        .samples_full = load64(&self->samples_full),
                        .bad_events = load64(&self->bad_events),
                        .stacks_per_second = self->stacks_per_second,
                        .cheap = (uint32_t)self->cheap};

    self->records->emit(self->host, EX_TOTALS, &totals, sizeof totals);
}

/* Catches first: each of them is of a throw that is counted by then. */
static int write_both(struct throws *self, uint64_t now)
{
    int caught = write_counts(self, &self->routes, EX_CAUGHT, now);

    return write_counts(self, &self->types, EX_RATE, now) || caught;
}

/* All that belongs together in one go: a program that dies of an exception leaves what the last tick wrote. */
static void tick(void *instance, uint64_t now)
{
    struct throws *self = instance;

    if (now - self->turned_ns >= SLICE_NS) {
        medic_sampler_turn(&self->sampler);
        self->turned_ns = now;
    }
    if (write_both(self, now) || now - self->totals_ns >= TOTALS_NS) {
        self->totals_ns = now;
        write_totals(self, now);
    }
}

static int stop(void *instance, medic_reason *why)
{
    struct throws *self = instance;

    (void)why;
    write_both(self, self->clock->now_ns());
    write_totals(self, self->clock->now_ns());
    return MEDIC_OK;
}

/* --- setting up --- */

static void destroy(void *instance)
{
    struct throws *self = instance;

    tally_close(&self->types);
    tally_close(&self->routes);
    free(self->threads);
    free(self);
}

static struct throws *make_state(void)
{
    struct throws *self = aligned_alloc(_Alignof(struct throws), sizeof *self);

    if (!self)
        return NULL;
    memset(self, 0, sizeof *self);
    self->threads = calloc(THREADS_ROOM, sizeof *self->threads);
    if (tally_open(&self->types, TYPES_ROOM) && tally_open(&self->routes, ROUTES_ROOM) && self->threads)
        return self;
    destroy(self);
    return NULL;
}

static void find_services(struct throws *self, const medic_host *host)
{
    self->host = host;
    self->records = host->service(host, MEDIC_SERVICE_RECORDS);
    self->clock = host->service(host, MEDIC_SERVICE_CLOCK);
    self->runtime = host->service(host, MEDIC_SERVICE_RUNTIME);
    self->names = host->service(host, MEDIC_SERVICE_NAMES);
    self->stacks = host->service(host, MEDIC_SERVICE_STACKS);
    self->events = host->service(host, MEDIC_SERVICE_EVENTS);
}

static int read_params(struct throws *self, medic_reason *why)
{
    const medic_params_service *params = self->host->service(self->host, MEDIC_SERVICE_PARAMS);
    const char *mode = NULL;
    int64_t stacks = 0, length = 0;

    if (params->get_text(self->host, "mode", &mode) != MEDIC_OK ||
        params->get_int(self->host, "stacks_per_second", &stacks) != MEDIC_OK ||
        params->get_bool(self->host, "redact", &self->redact) != MEDIC_OK ||
        params->get_int(self->host, "message_length", &length) != MEDIC_OK || length > EX_MESSAGE_MAX)
        return medic_fail(why, MEDIC_E_ARGUMENT, "the host gives exceptions no valid parameters");
    self->cheap = strcmp(mode, "cheap") == 0;
    self->stacks_per_second = (uint32_t)stacks;
    stacks = stacks * (int64_t)SLICE_NS / 1000000000;
    medic_sampler_begin(&self->sampler, stacks > 0 ? (uint32_t)stacks : 1);
    self->message_length = (uint32_t)length;
    return MEDIC_OK;
}

static int create(const medic_host *host, void **instance, medic_reason *why)
{
    struct throws *self = make_state();
    int code;

    if (!self)
        return medic_fail(why, MEDIC_E_MEMORY, "no memory for the state of exceptions");
    find_services(self, host);
    code = read_params(self, why);
    if (code == MEDIC_OK && !self->cheap)
        code = fields_find(self->runtime->info(host), &self->fields, why);
    if (code != MEDIC_OK) {
        destroy(self);
        return code;
    }
    *instance = self;
    return MEDIC_OK;
}

static int start(void *instance, medic_reason *why)
{
    static const medic_event_provider provider = {PROVIDER, EXCEPTION_KEYWORD, LEVEL_ERROR, 0};
    struct throws *self = instance;
    int code = MEDIC_OK;

    write_totals(self, self->clock->now_ns());
    if (self->cheap) {
        code = self->runtime->set_event_mask(self->host, 0, 0, why);
        if (code == MEDIC_OK)
            code = self->events->start(self->host, &provider, 1, why);
    }
    return code;
}

const medic_capture exceptions_capture = {
    .size = sizeof(medic_capture),
    .create = create,
    .start = start,
    .drain = drain,
    .tick = tick,
    .stop = stop,
    .destroy = destroy,
    .callbacks = &exceptions_callbacks,
};
