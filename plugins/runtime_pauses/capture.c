/* The capture half on the worker: sets up, names what was recorded on its way into the file, and chooses which of the
 * threads that were late to stop was the last. */
#include "capture.h"
#include "frame_walk_suspended.h"
#include "gc_events.h"
#include "runtime_pauses.h"

#include <stdlib.h>
#include <string.h>

/* A thread that stopped earlier than this before all had is not the one that was waited for: the runtime looks about every
 * millisecond. */
#define LATE_MARGIN_NS UINT64_C(3000000)

static void name_stack(struct pauses *self, const rp_stack *head, const uint64_t *frames)
{
    for (uint32_t i = 0; i < head->frame_count; i++)
        self->names->function(self->host, (FunctionID)frames[i]);
    if (head->thread)
        self->names->thread(self->host, (ThreadID)head->thread);
}

static int stack_of(const medic_record *record, rp_stack *head, const uint64_t **frames)
{
    if (record->size < sizeof *head)
        return 0;
    memcpy(head, record->data, sizeof *head);
    *frames = (const uint64_t *)(const void *)((const char *)record->data + sizeof *head);
    return head->frame_count <= RP_FRAMES_MAX && record->size >= sizeof *head + head->frame_count * sizeof **frames;
}

/* Of those that stopped in time the last one counts, of those that were seen afterwards the first. By time: writers
 * overtake each other on the way into the ring. */
static void keep_late(struct pauses *self, const rp_stack *head, const uint64_t *frames)
{
    int after = (head->flags & RP_AFTER_STOP) != 0;
    struct stack *kept = after ? &self->after : &self->before;

    if (kept->head.pause == head->pause && (after ? kept->head.at_ns <= head->at_ns : kept->head.at_ns > head->at_ns))
        return;
    kept->head = *head;
    memcpy(kept->frames, frames, head->frame_count * sizeof *frames);
}

static struct stack *slowest(struct pauses *self, const rp_pause *pause)
{
    uint64_t stop = pause->stopped_ns - pause->begin_ns;
    uint64_t margin = stop / 4 > LATE_MARGIN_NS ? stop / 4 : LATE_MARGIN_NS;

    if (stop < RP_SLOW_STOP_NS)
        return NULL;
    if (self->before.head.pause == pause->number && self->before.head.at_ns + margin >= pause->stopped_ns)
        return &self->before;
    return self->after.head.pause == pause->number ? &self->after : NULL;
}

/* Code addresses become functions; native code is left out. */
static void resolve_addresses(struct pauses *self, struct stack *stack)
{
    uint32_t kept = 0;

    if (!(stack->head.flags & RP_ADDRESSES))
        return;
    for (uint32_t i = 0; i < stack->head.frame_count; i++) {
        FunctionID function = 0;
        if (self->names->function_at(self->host, (uintptr_t)stack->frames[i], &function) == MEDIC_OK && function)
            stack->frames[kept++] = function;
    }
    stack->head.frame_count = kept;
    stack->head.flags &= ~(uint32_t)RP_ADDRESSES;
}

static void emit_late(struct pauses *self, const rp_pause *pause)
{
    struct stack *stack = slowest(self, pause);

    if (!stack)
        return;
    resolve_addresses(self, stack);
    name_stack(self, &stack->head, stack->frames);
    self->records->emit(self->host, RP_LATE, stack,
                        (uint32_t)(sizeof stack->head + stack->head.frame_count * sizeof stack->frames[0]));
}

static int drain(void *instance, const medic_record *record)
{
    struct pauses *self = instance;
    const uint64_t *frames;
    rp_stack head;
    rp_pause pause;

    switch (record->type) {
    case RP_ASKED:
    case RP_TRIGGERED:
        if (stack_of(record, &head, &frames))
            name_stack(self, &head, frames);
        return MEDIC_DRAIN_KEEP;
    case RP_LATE:
        if (stack_of(record, &head, &frames))
            keep_late(self, &head, frames);
        return MEDIC_DRAIN_DROP;
    case RP_PAUSE:
        if (record->size >= sizeof pause) {
            memcpy(&pause, record->data, sizeof pause);
            emit_late(self, &pause);
        }
        return MEDIC_DRAIN_KEEP;
    default: return MEDIC_DRAIN_KEEP;
    }
}

static void destroy(void *instance)
{
    struct pauses *self = instance;

    free(self->scratch);
    free(self);
}

static int create(const medic_host *host, void **instance, medic_reason *why)
{
    struct pauses *self = calloc(1, sizeof *self);
    const medic_params_service *params = host->service(host, MEDIC_SERVICE_PARAMS);
    const medic_runtime_service *runtime = host->service(host, MEDIC_SERVICE_RUNTIME);
    int code;

    if (self)
        self->scratch = calloc((size_t)SCRATCHES * FRAME_WALK_WORDS, sizeof *self->scratch);
    if (!self || !self->scratch) {
        free(self);
        return medic_fail(why, MEDIC_E_MEMORY, "no memory for the state of runtime_pauses");
    }
    self->restorer = frame_walk_restorer();
    self->host = host;
    self->records = host->service(host, MEDIC_SERVICE_RECORDS);
    self->clock = host->service(host, MEDIC_SERVICE_CLOCK);
    self->names = host->service(host, MEDIC_SERVICE_NAMES);
    self->events = host->service(host, MEDIC_SERVICE_EVENTS);
    self->log = host->service(host, MEDIC_SERVICE_LOG);
    self->info = runtime->info(host);
    code = params->get_bool(host, "stacks", &self->stacks);
    if (code != MEDIC_OK) {
        destroy(self);
        return medic_fail(why, code, "the host does not know the parameter stacks of runtime_pauses");
    }
    begin_pause(self, self->clock->now_ns(), RP_UNKNOWN); /* one may be under way when the callbacks begin */
    enter(self, UNSEEN);
    *instance = self;
    return MEDIC_OK;
}

/* Without events only the details of collections are missing: the callbacks tell the rest. */
/* Whoever suspends holds the lock that a walk over the threads needs: if a suspension is under way the walk waits for its
 * end, and the callbacks see that. A recording that is shorter than a pause would not notice it otherwise. */
static void see_suspension_out(struct pauses *self)
{
    ICorProfilerThreadEnum *threads;

    if (SUCCEEDED(self->info->lpVtbl->EnumThreads(self->info, &threads)))
        threads->lpVtbl->Release(threads);
}

static int start(void *instance, medic_reason *why)
{
    static const medic_event_provider provider = {GC_EVENTS_PROVIDER, GC_EVENTS_KEYWORD, GC_EVENTS_LEVEL, 0};
    struct pauses *self = instance;
    medic_reason reason = {""};

    (void)why;
    see_suspension_out(self);
    if (self->events && self->events->start(self->host, &provider, 1, &reason) != MEDIC_OK && self->log)
        self->log->write(self->host, MEDIC_LOG_WARNING, "no trace events, so no reasons of collections: %s",
                         reason.text);
    return MEDIC_OK;
}

static int stop(void *instance, medic_reason *why)
{
    struct pauses *self = instance;
    rp_totals totals = {.stacks_skipped = load64(&self->stacks_skipped),
                        .events = load64(&self->good_events),
                        .bad_events = load64(&self->bad_events)};
    uint32_t phase = phase_of(self);

    (void)why;
    if (phase != IDLE && phase != UNSEEN) {
        rp_pause pause = finished_pause(self, self->clock->now_ns(), RP_CUT);
        enter(self, IDLE);
        emit_late(self, &pause);
        self->records->emit(self->host, RP_PAUSE, &pause, sizeof pause);
    }
    self->records->emit(self->host, RP_TOTALS, &totals, sizeof totals);
    return MEDIC_OK;
}

const medic_capture runtime_pauses_capture = {
    .size = sizeof(medic_capture),
    .create = create,
    .start = start,
    .drain = drain,
    .stop = stop,
    .destroy = destroy,
    .callbacks = &runtime_pauses_callbacks,
};
