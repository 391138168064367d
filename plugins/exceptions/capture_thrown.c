/* The callbacks of the full mode, on the throwing threads, which are in cooperative mode: no collection moves an object while
 * one of them runs, so objects may be read. Nothing here allocates, locks or waits. */
#include "capture.h"

#include <pthread.h>
#include <string.h>

/* Throws of a type that get a stack whatever the rate: a rare type must not drown among those of a loop. */
#define EARLY 16u
#define PROBES 32u
#define TIMED_BITS 4

static uint64_t word_at(uint64_t address)
{
    return *(const volatile uint64_t *)(uintptr_t)address;
}

static uint64_t type_of(ObjectID object)
{
    return word_at(object) & ~UINT64_C(7); /* the collector's marks */
}

/* --- threads --- */

static uint64_t hash_of_thread(void)
{
    return ((uint64_t)(uintptr_t)pthread_self() >> 6) * UINT64_C(0x9E3779B97F4A7C15) >> 32;
}

uint32_t shard_of_thread(void)
{
    return (uint32_t)(hash_of_thread() >> 8) % TALLY_SHARDS;
}

/* NULL when the table is full. */
static struct thread *own_thread(struct throws *self)
{
    uintptr_t me = (uintptr_t)pthread_self();
    uint64_t at = hash_of_thread();

    for (uint32_t i = 0; i < PROBES; i++, at++) {
        struct thread *thread = &self->threads[at % THREADS_ROOM];
        uintptr_t owner = atomic_load_explicit(&thread->owner, memory_order_relaxed);
        if (owner == me || (!owner && atomic_compare_exchange_strong(&thread->owner, &owner, me)))
            return thread;
    }
    return NULL;
}

/* One that is thrown by a caller of a flight's throwing frame tells that nobody will catch that flight any more. */
static struct flight *take_off(struct thread *thread, uintptr_t stack)
{
    while (thread->depth && thread->flights[thread->depth - 1].stack <= stack)
        thread->depth--;
    if (thread->depth == FLIGHTS) {
        memmove(thread->flights, thread->flights + 1, (FLIGHTS - 1) * sizeof thread->flights[0]);
        thread->depth--;
    }
    return &thread->flights[thread->depth++];
}

/* The topmost one of the type; those above it were replaced or swallowed. NULL: its throw was not seen. */
static struct flight *land(struct thread *thread, uint64_t type)
{
    for (uint32_t i = thread->depth; i-- > 0;) {
        if (thread->flights[i].type == type) {
            thread->depth = i;
            return &thread->flights[i];
        }
    }
    return NULL;
}

/* --- counting --- */

int32_t count_throw(struct throws *self, uint64_t type, int propagated, int *early)
{
    int32_t entry = tally_find(&self->types, type, 0);

    if (entry == TALLY_NONE) {
        atomic_fetch_add_explicit(propagated ? &self->propagated_missed : &self->fresh_missed, 1, memory_order_relaxed);
        return entry;
    }
    tally_add(&self->types, shard_of_thread(), entry, propagated);
    *early = atomic_load_explicit(&self->types.entries[entry].stacks[propagated != 0], memory_order_relaxed) < EARLY;
    return entry;
}

/* One that was lost is made up for by the next one. */
void note_sample(struct throws *self, int32_t entry, uint32_t flags, int code)
{
    if (code != MEDIC_OK)
        atomic_fetch_add_explicit(&self->samples_full, 1, memory_order_relaxed);
    else if (entry != TALLY_NONE)
        atomic_fetch_add_explicit(&self->types.entries[entry].stacks[(flags & EX_PROPAGATED) != 0], 1,
                                  memory_order_relaxed);
}

static void announce_type(struct throws *self, int32_t entry, uint64_t type)
{
    ex_type record = {type};

    if (tally_announces(&self->types, entry) &&
        self->records->write(self->host, EX_TYPE, &record, sizeof record) != MEDIC_OK)
        tally_unannounced(&self->types, entry);
}

static void count_catch(struct throws *self, const struct flight *flight, FunctionID catcher)
{
    int32_t entry = tally_find(&self->routes, flight->type, catcher);
    ex_route record = {flight->type, catcher};

    if (entry == TALLY_NONE) {
        atomic_fetch_add_explicit(&self->routes_missed, 1, memory_order_relaxed);
        return;
    }
    tally_add(&self->routes, shard_of_thread(), entry, flight->flags & EX_PROPAGATED);
    if (tally_announces(&self->routes, entry) &&
        self->records->write(self->host, EX_ROUTE, &record, sizeof record) != MEDIC_OK)
        tally_unannounced(&self->routes, entry);
}

/* --- samples --- */

uint64_t stands_for(struct throws *self, int early)
{
    if (!self->stacks_per_second)
        return 0;
    return early ? 1 : medic_sampler_take(&self->sampler);
}

/* What follows an ex_throw. */
struct tail {
    uint64_t inner[EX_INNER_MAX];
    WCHAR message[EX_MESSAGE_MAX];
};

static void read_inner(const struct throws *self, ObjectID object, ex_throw *head, uint64_t *inner)
{
    while ((object = word_at(object + self->fields.inner)) != 0) {
        if (head->inner_count == EX_INNER_MAX) {
            head->flags |= EX_MORE_INNER;
            return;
        }
        inner[head->inner_count++] = type_of(object);
    }
}

static void read_message(const struct throws *self, ObjectID object, ex_throw *head, void *to)
{
    uint64_t message = word_at(object + self->fields.message);
    uint32_t length;

    if (self->redact) {
        head->flags |= EX_REDACTED;
        return;
    }
    if (!message) {
        head->flags |= EX_NO_MESSAGE;
        return;
    }
    memcpy(&length, (const void *)(uintptr_t)(message + self->fields.length), sizeof length);
    head->message_length = length;
    head->message_kept = length < self->message_length ? length : self->message_length;
    memcpy(to, (const void *)(uintptr_t)(message + self->fields.characters), head->message_kept * sizeof(WCHAR));
}

static void sample(struct throws *self, ObjectID object, int32_t entry, struct flight *flight)
{
    ex_throw head = {.type = flight->type, .flags = flight->flags, .stands_for = flight->stands_for};
    struct tail tail;
    uint32_t size;
    int code;

    head.number = 1 + atomic_fetch_add_explicit(&self->samples, 1, memory_order_relaxed);
    read_inner(self, object, &head, tail.inner);
    size = head.inner_count * (uint32_t)sizeof tail.inner[0];
    read_message(self, object, &head, (uint8_t *)&tail + size);
    size += head.message_kept * (uint32_t)sizeof(WCHAR);
    code = self->stacks->here(self->host, EX_THROW, &head, sizeof head, &tail, size);
    note_sample(self, entry, head.flags, code);
    flight->number = code == MEDIC_OK ? head.number : 0;
}

/* --- times --- */

/* A throw that gets a stack is slower than others. One of the next sixteen is timed in its stead, and stands for as many. */
static int is_timed(struct thread *thread, struct flight *flight)
{
    if (thread->until_timed) {
        flight->stands_for = thread->timed_for;
        return --thread->until_timed == 0;
    }
    if (flight->number) {
        thread->until_timed = 1 + (medic_mix(flight->number) >> (64 - TIMED_BITS));
        thread->timed_for = flight->stands_for;
    }
    return 0;
}

static void begin_time(const struct throws *self, struct flight *flight)
{
    flight->begin_ns = self->clock->now_ns();
    flight->clock_ns = self->clock->thread_cpu_ns(); /* a system call, at times as long as a short way to the catch */
    flight->begin_cpu_ns = self->clock->thread_cpu_ns();
    flight->clock_ns = flight->begin_cpu_ns - flight->clock_ns;
}

static void end_time(const struct throws *self, const struct flight *flight, ex_catch *record)
{
    uint64_t cpu_ns = self->clock->thread_cpu_ns() - flight->begin_cpu_ns;

    record->time_ns = self->clock->now_ns() - flight->begin_ns;
    record->cpu_ns = cpu_ns > flight->clock_ns ? cpu_ns - flight->clock_ns : 0;
}

static void write_catch(struct throws *self, const struct flight *flight, FunctionID catcher)
{
    ex_catch record = {.number = flight->number,
                       .type = flight->type,
                       .catcher = catcher,
                       .flags = flight->flags,
                       .stands_for = flight->stands_for};

    if (flight->begin_ns)
        end_time(self, flight, &record);
    else
        record.flags |= EX_UNTIMED;
    self->records->write(self->host, EX_CATCH, &record, sizeof record);
}

/* --- callbacks --- */

/* `throw e;` empties the exception first, so it looks fresh, but it is what this thread has caught last, at the same address
 * unless a collection moved it. */
static int is_propagated(struct throws *self, const struct thread *thread, ObjectID object)
{
    if (word_at(object + self->fields.stack_trace))
        return 1;
    return thread && thread->last_caught == object &&
           thread->epoch == atomic_load_explicit(&self->epoch, memory_order_relaxed);
}

static HRESULT thrown(void *instance, ObjectID object)
{
    struct throws *self = instance;
    uint64_t type;
    struct thread *thread;
    struct flight *flight, unseen;
    int propagated, early = 0;
    int32_t entry;

    if (self->cheap || !object) /* the mask has not changed yet */
        return S_OK;
    type = type_of(object);
    thread = own_thread(self);
    propagated = is_propagated(self, thread, object);
    entry = count_throw(self, type, propagated, &early);
    if (!thread)
        atomic_fetch_add_explicit(&self->threads_missed, 1, memory_order_relaxed);
    flight = thread ? take_off(thread, (uintptr_t)__builtin_frame_address(0)) : &unseen;
    flight->type = type;
    flight->stack = (uintptr_t)__builtin_frame_address(0);
    flight->number = flight->begin_ns = 0;
    flight->flags = propagated ? EX_PROPAGATED : 0u;
    if (entry != TALLY_NONE)
        announce_type(self, entry, type);
    flight->stands_for = stands_for(self, early);
    if (flight->stands_for)
        sample(self, object, entry, flight);
    if (thread && (is_timed(thread, flight) || (early && flight->number)))
        begin_time(self, flight);
    self->records->soon(self->host);
    return S_OK;
}

static HRESULT catcher_enter(void *instance, FunctionID catcher, ObjectID object)
{
    struct throws *self = instance;
    struct thread *thread = own_thread(self);
    struct flight *flight;

    if (self->cheap || !thread || !object)
        return S_OK;
    thread->last_caught = object;
    thread->epoch = atomic_load_explicit(&self->epoch, memory_order_relaxed);
    flight = land(thread, type_of(object));
    if (!flight) /* thrown before the recording began */
        return S_OK;
    count_catch(self, flight, catcher);
    if (flight->number || flight->begin_ns)
        write_catch(self, flight, catcher);
    return S_OK;
}

static HRESULT collection_started(void *instance, int generation_count, BOOL *generations, COR_PRF_GC_REASON reason)
{
    struct throws *self = instance;

    (void)generation_count, (void)generations, (void)reason;
    atomic_fetch_add_explicit(&self->epoch, 1, memory_order_relaxed);
    return S_OK;
}

const medic_callbacks exceptions_callbacks = {
    .size = sizeof(medic_callbacks),
    .ExceptionThrown = thrown,
    .ExceptionCatcherEnter = catcher_enter,
    .GarbageCollectionStarted = collection_started,
    .EventPipeEventDelivered = trace_event,
};
