#include "core/services/heap_class.h"

#include "core/services/heap_output.h"

#include <string.h>

enum { CLASS_OFFSETS_MAX = 65536 };

/* NULL: there are too many, which is a failure. */
static struct heap_class *class_of(struct heap_sink *sink, ClassID id)
{
    uint32_t at = heap_class_hash(id) % HEAP_CLASS_TABLE_SIZE, number;

    while ((number = sink->class_table[at]) != 0) {
        if (sink->classes[number].id == id)
            return &sink->classes[number];
        at = (at + 1) % HEAP_CLASS_TABLE_SIZE;
    }
    if (sink->class_count == HEAP_CLASSES_MAX) {
        heap_sink_fail(sink, MEDIC_E_FULL, "the heap has objects of more than %d classes", HEAP_CLASSES_MAX);
        return NULL;
    }
    number = ++sink->class_count;
    sink->class_table[at] = number;
    sink->classes[number].id = id;
    return &sink->classes[number];
}

static void want(struct heap_sink *sink, const struct heap_class *class)
{
    uint32_t count = atomic_load_explicit(&sink->shared->class_count, memory_order_relaxed);

    sink->shared->classes[count] =
        class->id | (heap_layout_can_go(class->id, sink->plan.runtime_major) ? HEAP_CLASS_CAN_GO : 0);
    atomic_store_explicit(&sink->shared->class_count, count + 1, memory_order_release);
}

void heap_sink_want_class(struct heap_sink *sink, ClassID type)
{
    uint32_t before = sink->class_count;
    struct heap_class *class = heap_sink_failed(sink) || !type ? NULL : class_of(sink, type);

    if (class && sink->class_count > before)
        want(sink, class);
}

static void read_class(struct heap_sink *sink, struct heap_class *class)
{
    uint64_t left = HEAP_OFFSETS_MAX - sink->offsets_used;
    uint32_t *offsets = sink->offsets + sink->offsets_used;

    heap_layout_read(class->id, &class->layout, offsets, left < CLASS_OFFSETS_MAX ? (uint32_t)left : CLASS_OFFSETS_MAX);
    class->offsets = offsets;
    class->is_read = 1;
    sink->offsets_used += class->layout.slot_count + class->layout.element_slot_count;
}

/* The class of an object, with its layout. An object whose class is about to be unloaded comes without the class: its name
 * must not be asked for, so it is not wanted. */
struct heap_class *heap_class_of_object(struct heap_sink *sink, ObjectID object, ClassID type)
{
    uint32_t before = sink->class_count;
    struct heap_class *class = sink->last_class;
    uint64_t id = type;

    if (!id)
        memcpy(&id, (const void *)object, sizeof id);
    if (!class || class->id != id)
        class = class_of(sink, id);
    if (class && !class->is_read)
        read_class(sink, class);
    if (class && type && sink->class_count > before && !heap_layout_is_free(&class->layout))
        want(sink, class);
    sink->last_class = class;
    return class;
}

int heap_class_has_objects(const struct heap_sink *sink, uint64_t id)
{
    uint32_t at = heap_class_hash(id) % HEAP_CLASS_TABLE_SIZE, number;

    while ((number = sink->class_table[at]) != 0 && sink->classes[number].id != id)
        at = (at + 1) % HEAP_CLASS_TABLE_SIZE;
    return number && sink->classes[number].is_read;
}

void heap_class_write(struct heap_sink *sink, struct heap_class *class)
{
    medic_heap_class_record record = {
        .photo = sink->plan.head.photo,
        .index = class->index,
        .id = class->id,
        .flags = class->layout.flags,
        .base_size = class->layout.base_size,
        .component_size = class->layout.component_size,
        .slot_count = class->layout.slot_count,
        .element_slot_count = class->layout.element_slot_count,
    };

    heap_output_record(sink, MEDIC_RECORD_HEAP_CLASS, &record, sizeof record, class->offsets,
                       ((uint64_t)record.slot_count + record.element_slot_count) * sizeof *class->offsets);
    class->written = 1;
}

void heap_class_change(struct heap_sink *sink, struct heap_class *class, uint32_t flag)
{
    class->layout.flags |= flag;
    if (flag == MEDIC_HEAP_ODD)
        class->layout.slot_count = class->layout.element_slot_count = 0;
    if (class->written)
        class->index = ++sink->record_count;
    class->written = 0;
}
