/* The capture half on the worker: starts the events, names types, and writes the counters. */
#include "capture.h"
#include "events.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)
#define USAGE_NS UINT64_C(95000000) /* ticks come a little early now and then */
#define LARGE_PART 4                /* of the stacks a second, for large objects */
#define SLICES 10                   /* a second, in which stacks are chosen: ticks */

static void write_sums(struct allocations *self, struct type_slot *slot, uint64_t now_ns)
{
    uint64_t large = load64(&slot->large_count), samples = load64(&slot->samples);
    al_sums sums = {.type = load64(&slot->type),
                    .bytes = load64(&slot->bytes),
                    .samples = samples,
                    .variance = load64(&slot->variance),
                    .objects = load64(&slot->objects),
                    .large_count = large,
                    .large_bytes = load64(&slot->large_bytes),
                    .large_most = load64(&slot->large_most),
                    .large_on_count = load64(&slot->large_on_count),
                    .large_on_bytes = load64(&slot->large_on_bytes),
                    .time_ns = now_ns};

    if (samples + large == slot->written)
        return;
    slot->written = samples + large;
    self->records->emit(self->host, AL_SUMS, &sums, sizeof sums);
}

static void write_all_sums(struct allocations *self, uint64_t now_ns)
{
    self->sums_ns = now_ns;
    write_sums(self, &self->rest, now_ns);
    for (uint32_t i = 0; i < TYPES; i++)
        if (load64(&self->types[i].type))
            write_sums(self, &self->types[i], now_ns);
}

static void write_usage(struct allocations *self, uint64_t now_ns)
{
    al_usage usage = {.time_ns = now_ns,
                      .on_ns = load64(&self->on_ns),
                      .mode = self->mode,
                      .events_state = (uint32_t)self->events->state(self->host),
                      .samples = load64(&self->samples),
                      .variance = load64(&self->variance),
                      .large_count = load64(&self->large_count),
                      .large_bytes = load64(&self->large_bytes),
                      .stacks_taken = load64(&self->stacks_taken),
                      .stacks_skipped = load64(&self->stacks_skipped),
                      .stacks_lost = load64(&self->stacks_lost),
                      .unplaced = load64(&self->unplaced),
                      .bad_events = load64(&self->bad_events),
                      .induced = load64(&self->induced),
                      .induced_ns = load64(&self->induced_ns)};

    for (uint32_t i = 0; i < AL_HEAPS; i++)
        usage.bytes[i] = load64(&self->bytes[i]);
    for (uint32_t i = 0; i < AL_COLLECTIONS; i++) {
        usage.collections[i] = load64(&self->collections[i]);
        usage.pause_ns[i] = load64(&self->pause_ns[i]);
        usage.pause_most_ns[i] = load64(&self->pause_most_ns[i]);
        usage.promoted[i] = load64(&self->promoted[i]);
    }
    self->usage_ns = now_ns;
    self->records->emit(self->host, AL_USAGE, &usage, sizeof usage);
}

/* A program that allocates nothing sends no event that says that the session is up. */
static void see_on(struct allocations *self, uint64_t now_ns)
{
    uint64_t off = 0;

    if (self->events->state(self->host) == MEDIC_EVENTS_ON)
        atomic_compare_exchange_strong_explicit(&self->on_ns, &off, now_ns, memory_order_relaxed, memory_order_relaxed);
}

/* A rate below one a slice makes the slices longer. */
static void begin_choice(struct choice *choice, uint64_t a_second)
{
    if (!a_second)
        return;
    choice->slice_ns = a_second < SLICES ? SECOND_NS : USAGE_NS;
    medic_sampler_begin(&choice->sampler, (uint32_t)(a_second < SLICES ? a_second : a_second / SLICES));
}

static void turn_choice(struct choice *choice, uint64_t now_ns)
{
    if (!choice->slice_ns || now_ns - choice->turned_ns < choice->slice_ns)
        return;
    choice->turned_ns = now_ns;
    medic_sampler_turn(&choice->sampler);
}

static void tick(void *instance, uint64_t now_ns)
{
    struct allocations *self = instance;

    see_on(self, now_ns);
    turn_choice(&self->sample_stacks, now_ns);
    turn_choice(&self->large_stacks, now_ns);
    if (now_ns - self->usage_ns >= USAGE_NS)
        write_usage(self, now_ns);
    if (now_ns - self->sums_ns >= SECOND_NS)
        write_all_sums(self, now_ns);
}

static int drain(void *instance, const medic_record *record)
{
    struct allocations *self = instance;
    al_type type;
    ClassID base = 0;

    if (record->type != AL_TYPE || record->size != sizeof type)
        return MEDIC_DRAIN_KEEP;
    memcpy(&type, record->data, sizeof type);
    if (self->names->type(self->host, (ClassID)type.type) == MEDIC_OK &&
        self->names->size > offsetof(medic_names_service, base_type) &&
        self->names->base_type(self->host, (ClassID)type.type, &base) == MEDIC_OK)
        type.base = base;
    self->records->emit(self->host, AL_TYPE, &type, sizeof type);
    return MEDIC_DRAIN_DROP;
}

static int create(const medic_host *host, void **instance, medic_reason *why)
{
    struct allocations *self = calloc(1, sizeof *self);
    const medic_params_service *params = host->service(host, MEDIC_SERVICE_PARAMS);
    const medic_runtime_service *runtime = host->service(host, MEDIC_SERVICE_RUNTIME);
    int64_t rate = 0;
    int code;

    if (!self)
        return medic_fail(why, MEDIC_E_MEMORY, "no memory for the state of allocations");
    self->host = host;
    self->records = host->service(host, MEDIC_SERVICE_RECORDS);
    self->clock = host->service(host, MEDIC_SERVICE_CLOCK);
    self->names = host->service(host, MEDIC_SERVICE_NAMES);
    self->stacks = host->service(host, MEDIC_SERVICE_STACKS);
    self->events = host->service(host, MEDIC_SERVICE_EVENTS);
    self->info = runtime->info(host);
    self->mode = runtime->version(host).major >= 10 ? AL_MODE_SAMPLED : AL_MODE_TICK;
    self->pause_of = AL_BACKGROUND;
    self->large_least = UINT64_MAX;
    code = params->get_int(host, "stacks_per_second", &rate);
    if (code != MEDIC_OK) {
        free(self);
        return medic_fail(why, code, "the host does not know the parameter stacks_per_second of allocations");
    }
    begin_choice(&self->sample_stacks, (uint64_t)rate);
    begin_choice(&self->large_stacks, ((uint64_t)rate + LARGE_PART - 1) / LARGE_PART);
    *instance = self;
    return MEDIC_OK;
}

static int start(void *instance, medic_reason *why)
{
    static const medic_event_provider sampled = {EVENTS_PROVIDER, EVENTS_KEYWORD_GC | EVENTS_KEYWORD_SAMPLING, 4, 0};
    static const medic_event_provider ticks = {EVENTS_PROVIDER, EVENTS_KEYWORD_GC, 5, 0};
    struct allocations *self = instance;

    return self->events->start(self->host, self->mode == AL_MODE_SAMPLED ? &sampled : &ticks, 1, why);
}

static int stop(void *instance, medic_reason *why)
{
    struct allocations *self = instance;
    uint64_t now = self->clock->now_ns();

    (void)why;
    write_usage(self, now);
    write_all_sums(self, now);
    return MEDIC_OK;
}

const medic_capture allocations_capture = {
    .size = sizeof(medic_capture),
    .create = create,
    .start = start,
    .drain = drain,
    .tick = tick,
    .stop = stop,
    .destroy = free,
    .callbacks = &allocations_callbacks,
};
