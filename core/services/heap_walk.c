/* The callbacks of a collection, on their way to the sink. Only in a copy of the process: its one thread. */
#include "core/services/heap_routes.h"

#include <medic/clr/hresults.h>
#include <stddef.h>

enum { BATCH = 128 };

static _Atomic(struct heap_sink *) walk; /* of this process; the target's is NULL always */

void heap_walk_begin(struct heap_sink *sink)
{
    heap_sink_begin(sink);
    atomic_store(&walk, sink);
}

/* The sink of this process, if it is the copy. The target's collection may make the copy in here. */
static struct heap_sink *sink_at(enum heap_moment moment)
{
    struct heap_sink *sink = atomic_load_explicit(&walk, memory_order_relaxed);

    if (sink || !heap_collect_armed())
        return sink;
    heap_collect_moment(moment);
    return atomic_load(&walk);
}

int heap_object_references(ObjectID object, ClassID type, ULONG count, ObjectID *references, HRESULT *answer)
{
    int armed = heap_collect_armed();
    struct heap_sink *sink = sink_at(HEAP_AT_OBJECTS);

    if (!sink) {
        *answer = E_FAIL; /* ends the walk: the target must not pay for it */
        return armed;
    }
    heap_sink_object(sink, object, type, references, count);
    *answer = heap_sink_failed(sink) ? E_FAIL : S_OK;
    return 1;
}

static uint32_t root_kind(COR_PRF_GC_ROOT_KIND kind)
{
    switch (kind) {
    case COR_PRF_GC_ROOT_STACK: return MEDIC_ROOT_STACK;
    case COR_PRF_GC_ROOT_FINALIZER: return MEDIC_ROOT_FINALIZER;
    case COR_PRF_GC_ROOT_HANDLE: return MEDIC_ROOT_HANDLE;
    default: return MEDIC_ROOT_OTHER;
    }
}

_Static_assert((int)COR_PRF_GC_ROOT_PINNING == MEDIC_ROOT_PINNED && (int)COR_PRF_GC_ROOT_WEAKREF == MEDIC_ROOT_WEAK &&
                   (int)COR_PRF_GC_ROOT_INTERIOR == MEDIC_ROOT_INTERIOR &&
                   (int)COR_PRF_GC_ROOT_REFCOUNTED == MEDIC_ROOT_REFCOUNTED,
               "the runtime's flags are the record's");

int heap_root_references(ULONG count, ObjectID *objects, COR_PRF_GC_ROOT_KIND *kinds, COR_PRF_GC_ROOT_FLAGS *flags,
                         UINT_PTR *ids)
{
    struct heap_sink *sink = sink_at(HEAP_AT_ROOTS);
    medic_heap_root_entry batch[BATCH];
    uint32_t used = 0;

    if (!sink)
        return heap_collect_armed();
    for (ULONG i = 0; i < count; i++) {
        if (!objects[i])
            continue;
        batch[used++] = (medic_heap_root_entry){
            .object = objects[i], .id = ids[i], .kind = root_kind(kinds[i]), .flags = (uint32_t)flags[i]};
        if (used == BATCH) {
            heap_sink_roots(sink, batch, used);
            used = 0;
        }
    }
    if (used)
        heap_sink_roots(sink, batch, used);
    return 1;
}

int heap_dependent_references(ULONG count, ObjectID *keys, ObjectID *values, GCHandleID *handles)
{
    struct heap_sink *sink = sink_at(HEAP_AT_DEPENDENTS);
    medic_heap_dependent_entry batch[BATCH];
    uint32_t used = 0;

    if (!sink)
        return heap_collect_armed();
    for (ULONG i = 0; i < count; i++) {
        batch[used++] = (medic_heap_dependent_entry){keys[i], values[i], handles[i]};
        if (used == BATCH) {
            heap_sink_dependents(sink, batch, used);
            used = 0;
        }
    }
    if (used)
        heap_sink_dependents(sink, batch, used);
    return 1;
}
