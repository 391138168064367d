#include "core/services/stacks.h"

#include "core/os.h"
#include "core/services/context_registers.h"
#include "core/services/frames.h"
#include "core/services/raw_stack.h"
#include "core/services/sampler.h"
#include "core/services/snapshot.h"
#include "core/services/stack_here.h"
#include "core/services/stack_join.h"
#include "core/services/suspension_sampler.h"
#include "core/session.h"

#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define INTERVAL_MIN_NS UINT64_C(100000)
#define INTERVAL_MAX_NS UINT64_C(10000000000)
#define SUSPENSION_STOP_NS UINT64_C(2000000000)
#define DEEP_EVERY_NS UINT64_C(50000000) /* a whole copy may take a fifth of a millisecond */

static struct {
    struct unwinder *unwinder;
    struct frames *frames;
    struct unwind_step *steps; /* UNWIND_FRAMES_MAX of them */
    int no_memory;
    struct join join;
    uint64_t deep_asked_ns; /* when a whole copy was last asked for */
    uint32_t engine;        /* enum medic_sampling_engine of the sampling that was started */
    uint64_t unwound, truncated, broken;
} stacks;

/* Made on first use: most plugins have no stacks. */
static int open_all(void)
{
    if (stacks.frames)
        return MEDIC_OK;
    if (stacks.no_memory)
        return MEDIC_E_MEMORY;
    stacks.unwinder = unwinder_new(session.info);
    stacks.steps = calloc(UNWIND_FRAMES_MAX, sizeof *stacks.steps);
    if (stacks.unwinder && stacks.steps)
        stacks.frames = frames_new(session.info, session.names, stacks.unwinder, session_emit_core, NULL);
    if (stacks.frames)
        return MEDIC_OK;
    unwinder_free(stacks.unwinder);
    free(stacks.steps);
    memset(&stacks, 0, sizeof stacks);
    stacks.no_memory = 1;
    return MEDIC_E_MEMORY;
}

void stacks_free(void)
{
    sampler_free();
    frames_free(stacks.frames);
    if (stacks.unwinder)
        unwinder_free(stacks.unwinder);
    free(stacks.steps);
    join_free(&stacks.join);
    memset(&stacks, 0, sizeof stacks);
}

uint64_t stacks_memory(void)
{
    if (!stacks.frames)
        return 0;
    return frames_memory(stacks.frames) + unwinder_memory(stacks.unwinder) + UNWIND_FRAMES_MAX * sizeof *stacks.steps +
           sampler_memory() + suspension_sampler_memory();
}

uint64_t stacks_handler_ns(void)
{
    return stacks.engine == MEDIC_ENGINE_TIMERS       ? sampler_handler_ns()
           : stacks.engine == MEDIC_ENGINE_SUSPENSION ? suspension_sampler_cpu_ns()
                                                      : 0;
}

void stacks_modules(void (*each)(void *context, uint64_t module), void *context)
{
    if (stacks.frames)
        frames_modules(stacks.frames, each, context);
}

/* ---- from copies to ids ---- */

void stacks_refresh(void)
{
    if (stacks.unwinder)
        unwinder_refresh(stacks.unwinder);
}

/* Around everything that turns addresses into frames: code that may have been unloaded since is looked for only in what is
 * known already. 1 = the runtime may be asked, until end_asking. */
static int begin_asking(void)
{
    int may = names_begin_asking(session.names);

    unwinder_may_ask(stacks.unwinder, may);
    return may;
}

static void end_asking(int may)
{
    if (may)
        names_end_asking(session.names);
}

uint64_t stacks_intern_copy(const struct unwind_registers *registers, const struct unwind_stack *stack, int at_call,
                            uint32_t *flags)
{
    uint32_t count;
    uint64_t id;
    int may;

    if (open_all() != MEDIC_OK) {
        *flags |= MEDIC_STACK_BROKEN;
        return 0;
    }
    may = begin_asking();
    count = unwind(stacks.unwinder, registers, stack, at_call, stacks.steps, UNWIND_FRAMES_MAX, flags);
    id = frames_stack(stacks.frames, stacks.steps, count, *flags);
    end_asking(may);
    return id;
}

uint64_t stacks_intern_addresses(const uint64_t *addresses, uint64_t count, uint32_t flags)
{
    uint64_t id;
    int may;

    if (open_all() != MEDIC_OK)
        return 0;
    if (count > UNWIND_FRAMES_MAX)
        count = UNWIND_FRAMES_MAX;
    for (uint64_t i = 0; i < count; i++)
        stacks.steps[i] = (struct unwind_step){addresses[i] - (i > 0), 0};
    may = begin_asking();
    id = frames_stack(stacks.frames, stacks.steps, (uint32_t)count, flags);
    end_asking(may);
    return id;
}

int stacks_is_raw(uint32_t type)
{
    return (type & RAW_STACK) != 0;
}

/* The calling thread's own way into Medic is of no interest: its leaf is who called the service. */
static uint32_t without_own_frames(struct unwind_step *steps, uint32_t count)
{
    extern const char __ehdr_start[], etext[];
    uint64_t begin = (uint64_t)(uintptr_t)__ehdr_start, end = (uint64_t)(uintptr_t)etext;
    uint32_t own = 0;

    while (own < count && steps[own].ip >= begin && steps[own].ip < end)
        own++;
    memmove(steps, steps + own, (count - own) * sizeof *steps);
    return count - own;
}

/* From an alternate stack, of which count steps are there, on to the stack under it. */
static uint32_t unwind_under(const struct raw_stack *raw, const uint8_t *bytes, uint32_t count, uint32_t *flags)
{
    uint64_t offset = raw_stack_bytes(raw->size, raw->under_size) - raw->under_size;
    struct unwind_stack under = {bytes + offset, raw->under_low, raw->under_size, (raw->flags & RAW_WHOLE) != 0};
    struct unwind_registers registers;
    ucontext_t context;

    memcpy(&context, bytes + raw->under_context, sizeof context);
    context_registers(&context, &registers);
    *flags = 0;
    return count +
           unwind(stacks.unwinder, &registers, &under, 0, stacks.steps + count, UNWIND_FRAMES_MAX - count, flags);
}

/* A copy that is larger than the usual is the whole one that was asked for. */
static uint32_t join_deep(const struct raw_stack *raw, uint32_t count, uint32_t *flags)
{
    uint64_t thread = (uint64_t)raw->generation << 32 | raw->slot, now;

    if (raw->size > RAW_STACK_CAP) {
        join_remember(&stacks.join, thread, stacks.steps, count, *flags);
        return count;
    }
    if (*flags != MEDIC_STACK_TRUNCATED)
        return count;
    count = join_complete(&stacks.join, thread, stacks.steps, count, UNWIND_FRAMES_MAX, flags);
    now = os_now_ns();
    if (!(*flags & MEDIC_STACK_JOINED) && now - stacks.deep_asked_ns >= DEEP_EVERY_NS) {
        stacks.deep_asked_ns = now;
        sampler_ask_deep(raw);
    }
    return count;
}

static uint64_t resolve_copy(const struct raw_stack *raw, const uint8_t *bytes, uint32_t *flags)
{
    struct unwind_stack stack = {bytes, raw->low, raw->size, (raw->flags & RAW_WHOLE) != 0};
    uint32_t count;
    uint64_t id;
    int may;

    if (open_all() != MEDIC_OK || (raw->flags & RAW_NONE)) {
        *flags |= MEDIC_STACK_BROKEN;
        return 0;
    }
    may = begin_asking();
    count = unwind(stacks.unwinder, &raw->registers, &stack, (raw->flags & RAW_AT_CALL) != 0, stacks.steps,
                   UNWIND_FRAMES_MAX, flags);
    if (raw->under_size && *flags && count < UNWIND_FRAMES_MAX)
        count = unwind_under(raw, bytes, count, flags);
    if (raw->flags & RAW_HERE)
        count = without_own_frames(stacks.steps, count);
    if (raw->flags & RAW_SAMPLE)
        count = join_deep(raw, count, flags);
    id = frames_stack(stacks.frames, stacks.steps, count, *flags);
    end_asking(may);
    return id;
}

/* Whether the copies lie inside the record. */
static int is_sound(const struct raw_stack *raw, uint64_t room)
{
    return raw->size <= room && raw->under_size <= room && raw_stack_bytes(raw->size, raw->under_size) <= room &&
           (!raw->under_size ||
            (raw->under_context <= raw->size && sizeof(ucontext_t) <= raw->size - raw->under_context));
}

static void count_sample(const struct raw_stack *raw, const medic_stack_head *head)
{
    if (!(raw->flags & (RAW_SAMPLE | RAW_AT_CALL)))
        return;
    if (raw->flags & RAW_SAMPLE)
        sampler_name_thread(raw, head->os_id, session_emit_core, NULL);
    if (raw->flags & RAW_NONE)
        return;
    stacks.broken += (head->flags & MEDIC_STACK_BROKEN) != 0;
    stacks.truncated += (head->flags & MEDIC_STACK_TRUNCATED) != 0;
    stacks.unwound += (head->flags & (MEDIC_STACK_BROKEN | MEDIC_STACK_TRUNCATED)) == 0;
}

int stacks_resolve(const struct ring_record *record, medic_record *shown)
{
    const struct raw_stack *raw = record->data;
    medic_stack_head head;
    uint8_t *payload;
    uint64_t offset;

    if (record->size < sizeof *raw || raw->record_size < sizeof head)
        return 0;
    offset = raw_stack_offset(raw->record_size);
    if (offset > record->size || !is_sound(raw, record->size - offset))
        return 0;
    payload = (uint8_t *)(uintptr_t)(raw + 1); /* in the ring: the reader's until it pops the record */
    memcpy(&head, payload, sizeof head);
    head.flags = 0;
    if (raw->flags & RAW_ADDRESSES)
        head.stack = stacks_intern_addresses((const uint64_t *)(const void *)((const uint8_t *)raw + offset),
                                             raw->size / sizeof(uint64_t), 0);
    else
        head.stack = resolve_copy(raw, (const uint8_t *)raw + offset, &head.flags);
    count_sample(raw, &head);
    memcpy(payload, &head, sizeof head);
    session_first_record(head.time_ns);
    *shown = (medic_record){record->type & ~RAW_STACK, raw->record_size, payload};
    return 1;
}

/* ---- the service ---- */

static int start_engine(const medic_sampling *sampling, medic_reason *why)
{
    int code = MEDIC_E_UNSUPPORTED;

    if (sampling->engine != MEDIC_ENGINE_SUSPENSION) {
        code = sampler_start(&session.ring, session.info, sampling, why);
        stacks.engine = MEDIC_ENGINE_TIMERS;
    }
    if (code == MEDIC_E_UNSUPPORTED && sampling->engine != MEDIC_ENGINE_TIMERS) {
        code = suspension_sampler_start(sampling, why);
        stacks.engine = MEDIC_ENGINE_SUSPENSION;
    }
    if (code != MEDIC_OK)
        stacks.engine = MEDIC_ENGINE_AUTO;
    return code;
}

static int sample_cpu(const medic_host *host, const medic_sampling *sampling, medic_reason *why)
{
    medic_sampling own = {0};
    int code;

    (void)host;
    memcpy(&own, sampling, sampling->size < sizeof own ? sampling->size : sizeof own);
    if (own.record_type < MEDIC_RECORD_PLUGIN || (own.record_type & RAW_STACK) || own.interval_ns < INTERVAL_MIN_NS ||
        own.interval_ns > INTERVAL_MAX_NS || own.engine > MEDIC_ENGINE_SUSPENSION)
        return medic_fail(why, MEDIC_E_ARGUMENT,
                          "the plugin asks for samples with a wrong record type, interval or engine");
    if (stacks.engine != MEDIC_ENGINE_AUTO)
        return medic_fail(why, MEDIC_E_BUSY, "the plugin asks for samples twice in one session");
    if (open_all() != MEDIC_OK)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory for the table of stacks");
    session.samples = 1;
    code = session_set_mask(session.mask_low, session.mask_high, why);
    return code == MEDIC_OK ? start_engine(&own, why) : code;
}

static void sampling_state(const medic_host *host, medic_sampling_state *state)
{
    medic_sampling_state own = {.size = sizeof own, .engine = stacks.engine};
    uint32_t size = state->size < sizeof own ? state->size : (uint32_t)sizeof own;

    (void)host;
    if (stacks.engine == MEDIC_ENGINE_TIMERS)
        sampler_state(&own);
    if (stacks.engine == MEDIC_ENGINE_SUSPENSION)
        suspension_sampler_state(&own);
    own.unwound = stacks.unwound;
    own.truncated = stacks.truncated;
    own.broken = stacks.broken;
    own.size = size;
    memcpy(state, &own, size);
}

static int snapshot(const medic_host *host, uint32_t record_type, uint32_t flags, medic_snapshot *result,
                    medic_reason *why)
{
    (void)host;
    return snapshot_take(record_type, flags, result, why);
}

static int here(const medic_host *host, uint32_t record_type, const void *head, uint32_t head_size, const void *tail,
                uint32_t tail_size)
{
    (void)host;
    return stack_here(&session.ring, record_type, head, head_size, tail, tail_size);
}

static int addresses(const medic_host *host, uint32_t record_type, const void *head, uint32_t head_size,
                     const uintptr_t *list, uint32_t count)
{
    (void)host;
    return stack_addresses(&session.ring, record_type, head, head_size, list, count);
}

const medic_stacks_service stacks_service = {
    sizeof stacks_service, 0, sample_cpu, sampling_state, snapshot, here, addresses,
};

/* ---- from the worker ---- */

void stacks_tick(uint64_t now)
{
    medic_reason why = {""};
    int code = MEDIC_OK;

    if (stacks.engine == MEDIC_ENGINE_TIMERS)
        code = sampler_tick(now, &why);
    if (code != MEDIC_OK)
        session_fail(code, why.text);
}

int stacks_stop(void)
{
    int quiet = stacks.engine != MEDIC_ENGINE_SUSPENSION || suspension_sampler_stop(SUSPENSION_STOP_NS);

    return sampler_stop() && quiet;
}
