#include "core/services/heap_sink.h"

#include "core/services/heap_class.h"
#include "core/services/heap_object.h"
#include "core/services/heap_output.h"
#include "core/services/heap_ranges.h"
#include "core/services/heap_statics.h"
#include "core/services/heap_strings.h"

#include <medic/clr/hresults.h>
#include <string.h>
#include <sys/mman.h>

enum { FUNCTION_TABLE_SIZE = HEAP_FUNCTIONS_MAX * 2, LIST_MAX = 16384 };

/* Where the parts are in the memory; also its size. */
static uint64_t place(struct heap_sink *sink, uint8_t *memory, int with_strings)
{
    uint64_t at = 0;

#define PLACE(member, bytes) (sink->member = (void *)(memory + at), at += ((uint64_t)(bytes) + 63) & ~UINT64_C(63))
    PLACE(out, HEAP_OUT_SIZE);
    PLACE(chunk, HEAP_CHUNK_SIZE);
    PLACE(classes, (HEAP_CLASSES_MAX + 1) * sizeof *sink->classes);
    PLACE(class_table, HEAP_CLASS_TABLE_SIZE * sizeof *sink->class_table);
    PLACE(offsets, HEAP_OFFSETS_MAX * sizeof *sink->offsets);
    PLACE(function_table, FUNCTION_TABLE_SIZE * sizeof *sink->function_table);
    PLACE(ranges, HEAP_RANGES_MAX * sizeof *sink->ranges);
    if (with_strings)
        PLACE(strings, heap_strings_memory());
#undef PLACE
    return at;
}

static void *reserve(uint64_t size, int flags)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

int heap_sink_open(struct heap_sink *sink, const struct heap_plan *plan, medic_reason *why)
{
    static const GUID iid14 = MEDIC_IID_ICorProfilerInfo14;
    int with_strings = (plan->head.contents & MEDIC_HEAP_VALUES) != 0, code;
    void *info14 = NULL;

    *sink = (struct heap_sink){.plan = *plan};
    if (with_strings)
        sink->plan.head.contents |= MEDIC_HEAP_HASHES; /* a value is found by its hash */
    sink->memory_size = place(sink, NULL, with_strings);
    sink->memory = reserve(sink->memory_size, MAP_PRIVATE);
    sink->shared = reserve(sizeof *sink->shared, MAP_SHARED);
    if (!sink->memory || !sink->shared) {
        uint64_t size = sink->memory_size + sizeof *sink->shared;

        heap_sink_close(sink);
        return medic_fail(why, MEDIC_E_MEMORY, "cannot reserve %llu MB of address space for a photograph of the heap",
                          (unsigned long long)(size >> 20));
    }
    place(sink, sink->memory, with_strings);
    madvise(sink->memory, sink->memory_size, MADV_NOHUGEPAGE); /* touched here and there: a page for each is enough */
    if (SUCCEEDED(plan->info->lpVtbl->QueryInterface(plan->info, &iid14, &info14)))
        sink->info14 = info14;
    code = heap_statics_open(plan->info, &sink->statics, why);
    if (code != MEDIC_OK)
        heap_sink_close(sink);
    return code;
}

void heap_sink_close(struct heap_sink *sink)
{
    if (sink->memory)
        munmap(sink->memory, sink->memory_size);
    if (sink->shared)
        munmap(sink->shared, sizeof *sink->shared);
    heap_statics_close(sink->statics);
    if (sink->info14)
        sink->info14->lpVtbl->Release(sink->info14);
    *sink = (struct heap_sink){.plan.capture = -1};
}

void heap_sink_object(struct heap_sink *sink, ObjectID object, ClassID type, const ObjectID *references, uint32_t count)
{
    struct heap_told told = {references, count};

    if (heap_sink_failed(sink))
        return;
    if (object - sink->range_begin >= sink->range_size)
        heap_ranges_find(sink, object);
    heap_object_write(sink, object, type, sink->plan.head.route == MEDIC_HEAP_ENUMERATE ? NULL : &told);
}

void heap_sink_begin(struct heap_sink *sink)
{
    atomic_store(&sink->shared->phase, HEAP_WALKING);
    if (sink->plan.head.contents & MEDIC_HEAP_VALUES)
        sink->strings = heap_strings_begin(sink->strings);
    heap_output_record(sink, MEDIC_RECORD_HEAP, &sink->plan.head, sizeof sink->plan.head, NULL, 0);
}

static void want_function(struct heap_sink *sink, FunctionID id)
{
    uint32_t at = heap_class_hash(id) % FUNCTION_TABLE_SIZE, number,
             count = atomic_load_explicit(&sink->shared->function_count, memory_order_relaxed);

    while ((number = sink->function_table[at]) != 0) {
        if (sink->shared->functions[number - 1] == id)
            return;
        at = (at + 1) % FUNCTION_TABLE_SIZE;
    }
    if (count == HEAP_FUNCTIONS_MAX)
        return; /* it stays without a name */
    sink->shared->functions[count] = id;
    sink->function_table[at] = count + 1;
    atomic_store_explicit(&sink->shared->function_count, count + 1, memory_order_release);
}

static void write_list(struct heap_sink *sink, uint32_t type, const void *entries, uint32_t count, uint32_t size)
{
    const uint8_t *at = entries;
    medic_heap_list_record head = {sink->plan.head.photo, 0};

    for (; count > 0; count -= head.count, at += (uint64_t)head.count * size) {
        head.count = count < LIST_MAX ? count : LIST_MAX;
        heap_output_record(sink, type, &head, sizeof head, at, (uint64_t)head.count * size);
    }
}

void heap_sink_roots(struct heap_sink *sink, const medic_heap_root_entry *roots, uint32_t count)
{
    if (heap_sink_failed(sink))
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (roots[i].kind == MEDIC_ROOT_STACK && roots[i].id)
            want_function(sink, (FunctionID)roots[i].id);
    }
    write_list(sink, MEDIC_RECORD_HEAP_ROOTS, roots, count, sizeof *roots);
}

void heap_sink_dependents(struct heap_sink *sink, const medic_heap_dependent_entry *dependents, uint32_t count)
{
    write_list(sink, MEDIC_RECORD_HEAP_DEPENDENTS, dependents, count, sizeof *dependents);
}

void heap_sink_statics(struct heap_sink *sink, const medic_heap_static_entry *statics, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        heap_sink_want_class(sink, (ClassID)statics[i].class_id);
    write_list(sink, MEDIC_RECORD_HEAP_STATICS, statics, count, sizeof *statics);
}

static ClassID class_id(ObjectID object)
{
    ClassID id;

    memcpy(&id, (const void *)object, sizeof id);
    return id;
}

/* Objects that the collector never looks at. Nobody tells their references; where the walk listed them, nothing is left. */
static void write_frozen(struct heap_sink *sink)
{
    enum { PIECE = 512 };
    ICorProfilerObjectEnum *list = NULL;
    ObjectID objects[PIECE];
    ULONG count = 0;
    HRESULT hr;

    if (!sink->info14 || FAILED(sink->info14->lpVtbl->EnumerateNonGCObjects(sink->info14, &list)) || !list)
        return;
    do {
        hr = list->lpVtbl->Next(list, PIECE, objects, &count);
        for (ULONG i = 0; SUCCEEDED(hr) && i < count && i < PIECE && !heap_sink_failed(sink); i++) {
            if (!heap_ranges_have(sink, objects[i]))
                heap_object_write(sink, objects[i], class_id(objects[i]), NULL);
        }
    } while (hr == S_OK && count > 0 && !heap_sink_failed(sink));
    list->lpVtbl->Release(list);
}

/* What is written by now is worth having, whatever comes of the rest. */
static void keep(struct heap_sink *sink, enum heap_part part)
{
    heap_object_flush(sink);
    heap_output_flush(sink);
    if (heap_sink_failed(sink))
        return;
    atomic_store(&sink->shared->durable, atomic_load(&sink->shared->written));
    atomic_store(&sink->shared->kept, part);
}

/* The phase stays as it is where something failed. */
static void enter(struct heap_sink *sink, uint32_t phase)
{
    if (!heap_sink_failed(sink))
        atomic_store(&sink->shared->phase, phase);
}

static void finish_graph(struct heap_sink *sink)
{
    uint32_t ranges = sink->range_count;

    write_frozen(sink);
    heap_ranges_add_frozen(sink);
    heap_object_flush(sink);
    heap_ranges_write(sink, ranges);
    if (sink->odd_objects)
        heap_output_log(sink, "the references of %llu objects could not be read",
                        (unsigned long long)sink->odd_objects);
}

void heap_sink_end(struct heap_sink *sink)
{
    heap_object_flush(sink);
    heap_ranges_write(sink, 0);
    keep(sink, HEAP_GRAPH);
    enter(sink, HEAP_FINISHING);
    finish_graph(sink);
    keep(sink, HEAP_FROZEN);
    if (sink->strings && !heap_sink_failed(sink))
        heap_strings_write(sink);
    keep(sink, HEAP_VALUES_TOLD);
    if (!heap_sink_failed(sink))
        heap_tell_statics(sink);
    if (sink->plan.head.route == MEDIC_HEAP_ENUMERATE && !heap_sink_failed(sink))
        heap_guess_roots(sink);
    heap_output_flush(sink);
    enter(sink, HEAP_COMPLETE);
}
