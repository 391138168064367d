/* The callbacks. Events come synchronously on the thread that allocates, or that collects while all others stand: nothing
 * here allocates, locks or waits, and no address in an event is dereferenced. */
#include "capture.h"
#include "events.h"

#include <string.h>

#define FIRST_STACKS 8u
#define SIZE_SLACK 64u

/* --- types --- */

static struct type_slot *slot_of(struct allocations *self, uint64_t type)
{
    uint64_t at = (type >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 51;

    for (uint32_t i = 0; type && i < TYPE_PROBES; i++) {
        struct type_slot *slot = &self->types[(at + i) % TYPES];
        uint64_t found = load64(&slot->type);
        if (found == type)
            return slot;
        if (!found && (atomic_compare_exchange_strong_explicit(&slot->type, &found, type, memory_order_relaxed,
                                                               memory_order_relaxed) ||
                       found == type))
            return slot;
    }
    add64(&self->unplaced, 1);
    return &self->rest;
}

/* Its name is asked for when this is drained. Whoever finds the ring full leaves it to the next one. */
static void tell(struct allocations *self, struct type_slot *slot, uint64_t type)
{
    al_type record = {.type = type};
    uint32_t untold = 0;

    if (slot == &self->rest || atomic_load_explicit(&slot->told, memory_order_relaxed) ||
        !atomic_compare_exchange_strong_explicit(&slot->told, &untold, 1, memory_order_relaxed, memory_order_relaxed))
        return;
    if (self->records->write(self->host, AL_TYPE, &record, sizeof record) != MEDIC_OK)
        atomic_store_explicit(&slot->told, 0, memory_order_relaxed);
}

/* --- stacks --- */

static int is_among_first(struct type_slot *slot)
{
    return atomic_load_explicit(&slot->first_stacks, memory_order_relaxed) < FIRST_STACKS &&
           atomic_fetch_add_explicit(&slot->first_stacks, 1, memory_order_relaxed) < FIRST_STACKS;
}

/* The first of a type stand for themselves, whatever else is chosen. */
static void take_stack(struct allocations *self, uint32_t record_type, struct choice *choice, struct type_slot *slot,
                       const struct allocation *allocation)
{
    al_stack stack = {.type = allocation->type, .weight = allocation->weight, .size = allocation->size};

    if (choice->slice_ns)
        stack.stands_for = is_among_first(slot) ? 1 : medic_sampler_take(&choice->sampler);
    if (!stack.stands_for)
        add64(&self->stacks_skipped, 1);
    else if (self->stacks->here(self->host, record_type, &stack, sizeof stack, NULL, 0) == MEDIC_OK)
        add64(&self->stacks_taken, 1);
    else
        add64(&self->stacks_lost, 1);
}

/* --- allocations --- */

static void see_on(struct allocations *self)
{
    uint64_t off = 0;

    if (!load64(&self->on_ns))
        atomic_compare_exchange_strong_explicit(&self->on_ns, &off, self->clock->now_ns(), memory_order_relaxed,
                                                memory_order_relaxed);
}

/* The session's start makes the runtime describe its events to itself: half a megabyte on Medic's own thread, which is not
 * the program's. */
static int is_medics_own(struct allocations *self)
{
    uint32_t own = medic_events_thread(self->events, self->host);

    return own && own == self->clock->thread_id();
}

/* Large objects are counted one by one where they are allocated, pinned ones too: their samples add nothing. Ticks tell a
 * size without the object's header and end. */
static int is_counted(struct allocations *self, const struct allocation *allocation)
{
    return allocation->heap == AL_LARGE ||
           (allocation->heap == AL_PINNED && allocation->size + SIZE_SLACK >= load64(&self->large_least));
}

/* A tick stands for all that came since the one before it. The large pinned object that crosses the line is counted
 * already; the smaller ones before it go with the next tick of their heap. */
static void carry(struct allocations *self, const struct allocation *allocation)
{
    if (self->mode == AL_MODE_TICK && allocation->heap == AL_PINNED &&
        allocation->weight > allocation->size + SIZE_SLACK)
        add64(&self->pinned_carry, allocation->weight - allocation->size);
}

static void take_carried(struct allocations *self, struct allocation *allocation)
{
    if (allocation->heap == AL_PINNED && load64(&self->pinned_carry))
        allocation->weight += atomic_exchange_explicit(&self->pinned_carry, 0, memory_order_relaxed);
}

static void allocated(struct allocations *self, struct allocation *allocation)
{
    struct type_slot *slot;

    if (is_counted(self, allocation)) {
        carry(self, allocation);
        return;
    }
    take_carried(self, allocation);
    slot = slot_of(self, allocation->type);
    tell(self, slot, allocation->type);
    add64(&slot->bytes, allocation->weight);
    add64(&slot->variance, allocation->variance);
    add64(&slot->samples, 1);
    if (allocation->size)
        add64(&slot->objects, allocation->weight * 1000 / allocation->size);
    add64(&self->bytes[allocation->heap], allocation->weight);
    add64(&self->variance, allocation->variance);
    add64(&self->samples, 1);
    take_stack(self, AL_STACK, &self->sample_stacks, slot, allocation);
}

/* The object is there and cannot move as long as this callback runs. */
static HRESULT object_allocated(void *instance, ObjectID object, ClassID type)
{
    struct allocations *self = instance;
    struct allocation allocation = {.type = type, .heap = AL_LARGE};
    struct type_slot *slot;
    SIZE_T size = 0;

    if (FAILED(self->info->lpVtbl->GetObjectSize2(self->info, object, &size)) || !size) {
        add64(&self->bad_events, 1);
        return S_OK;
    }
    allocation.weight = allocation.size = size;
    least64(&self->large_least, size);
    slot = slot_of(self, type);
    tell(self, slot, type);
    add64(&slot->large_count, 1);
    add64(&slot->large_bytes, size);
    most64(&slot->large_most, size);
    add64(&self->large_count, 1);
    add64(&self->large_bytes, size);
    if (load64(&self->on_ns)) {
        add64(&slot->large_on_count, 1);
        add64(&slot->large_on_bytes, size);
        add64(&self->bytes[AL_LARGE], size);
        take_stack(self, AL_LARGE_STACK, &self->large_stacks, slot, &allocation);
    }
    return S_OK;
}

/* --- collections --- */

static int gc_started(struct allocations *self, uint32_t version, const uint8_t *data, uint32_t size)
{
    uint32_t pause_of = atomic_load_explicit(&self->pause_of, memory_order_relaxed);
    struct collection collection;

    if (!event_read_gc_start(version, data, size, &collection))
        return 0;
    add64(&self->collections[collection.kind], 1);
    add64(&self->induced, (uint64_t)collection.induced);
    if (collection.induced)
        atomic_store_explicit(&self->pause_induced, 1, memory_order_relaxed);
    if (collection.kind == AL_BACKGROUND)
        atomic_store_explicit(&self->background, collection.number, memory_order_relaxed);
    else if (pause_of == AL_BACKGROUND || pause_of < collection.kind)
        atomic_store_explicit(&self->pause_of, collection.kind, memory_order_relaxed);
    return 1;
}

/* Others run while one in the background does. The statistics that follow are of the one that ends. */
static int gc_ended(struct allocations *self, uint32_t version, const uint8_t *data, uint32_t size)
{
    struct collection collection;

    if (!event_read_gc_end(version, data, size, &collection))
        return 0;
    if (collection.kind == AL_GEN2 &&
        collection.number == atomic_load_explicit(&self->background, memory_order_relaxed))
        collection.kind = AL_BACKGROUND;
    atomic_store_explicit(&self->ended, collection.kind, memory_order_relaxed);
    return 1;
}

static int heap_sized(struct allocations *self, uint32_t version, const uint8_t *data, uint32_t size)
{
    uint64_t promoted;

    if (!event_read_promoted(version, data, size, &promoted))
        return 0;
    add64(&self->promoted[atomic_load_explicit(&self->ended, memory_order_relaxed)], promoted);
    return 1;
}

static int suspending(struct allocations *self, const uint8_t *data, uint32_t size)
{
    atomic_store_explicit(&self->pause_of, AL_BACKGROUND, memory_order_relaxed);
    atomic_store_explicit(&self->pause_induced, 0, memory_order_relaxed);
    atomic_store_explicit(&self->suspended_ns, event_is_gc_suspension(data, size) ? self->clock->now_ns() : 0,
                          memory_order_relaxed);
    return size >= 4;
}

static int restarted(struct allocations *self)
{
    uint64_t begin = atomic_exchange_explicit(&self->suspended_ns, 0, memory_order_relaxed);
    uint32_t of = atomic_load_explicit(&self->pause_of, memory_order_relaxed);

    if (begin) {
        uint64_t length = self->clock->now_ns() - begin;
        add64(&self->pause_ns[of], length);
        most64(&self->pause_most_ns[of], length);
        if (atomic_load_explicit(&self->pause_induced, memory_order_relaxed))
            add64(&self->induced_ns, length);
    }
    return 1;
}

static HRESULT event_delivered(void *instance, EVENTPIPE_PROVIDER provider, DWORD id, DWORD version,
                               ULONG metadata_size, LPCBYTE metadata, ULONG size, LPCBYTE data, LPCGUID activity,
                               LPCGUID related, ThreadID thread, ULONG frame_count, UINT_PTR *frames)
{
    struct allocations *self = instance;
    struct allocation allocation = {0};
    int good = 1;

    (void)provider, (void)metadata_size, (void)metadata, (void)activity, (void)related;
    (void)thread, (void)frame_count, (void)frames;
    see_on(self);
    switch (id) {
    case EVENT_ALLOCATION_SAMPLED:
    case EVENT_ALLOCATION_TICK:
        if ((id == EVENT_ALLOCATION_SAMPLED) != (self->mode == AL_MODE_SAMPLED))
            return S_OK;
        good = id == EVENT_ALLOCATION_SAMPLED ? event_read_sampled(data, size, &allocation)
                                              : event_read_tick(version, data, size, &allocation);
        if (good && !is_medics_own(self))
            allocated(self, &allocation);
        break;
    case EVENT_GC_START: good = gc_started(self, version, data, size); break;
    case EVENT_GC_END: good = gc_ended(self, version, data, size); break;
    case EVENT_HEAP_STATS: good = heap_sized(self, version, data, size); break;
    case EVENT_SUSPEND_BEGIN: good = suspending(self, data, size); break;
    case EVENT_RESTART_END: good = restarted(self); break;
    default: break;
    }
    if (!good)
        add64(&self->bad_events, 1);
    return S_OK;
}

const medic_callbacks allocations_callbacks = {
    .size = sizeof(medic_callbacks),
    .ObjectAllocated = object_allocated,
    .EventPipeEventDelivered = event_delivered,
};
