#include "core/services/heap_object.h"

#include "core/services/heap_class.h"
#include "core/services/heap_output.h"
#include "core/services/heap_strings.h"

#include <string.h>

enum {
    LEB_MAX = 10,
    OBJECT_MAX = 4 * LEB_MAX + 8, /* without references */
    COUNT_OFFSET = 8,
    FIRST_UNIT = 12
};
enum {
    OBJECTS_HEAD = sizeof(medic_record_header) + sizeof(medic_heap_objects_record),
    ELEMENTS_HEAD = sizeof(medic_record_header) + sizeof(medic_heap_elements_record),
    OBJECTS_MAX = MEDIC_HEAP_CHUNK_MAX - sizeof(medic_heap_objects_record),
    ELEMENTS_MAX = MEDIC_HEAP_CHUNK_MAX - sizeof(medic_heap_elements_record)
};

/* Some references, told or found, as a multiset: equal ones have equal sums. */
struct tally {
    uint64_t count, sum, mixed;
};

static inline void count_reference(struct tally *tally, uint64_t target)
{
    if (target) {
        tally->count++;
        tally->sum += target;
        tally->mixed ^= target * UINT64_C(0x9E3779B97F4A7C15);
    }
}

static inline struct tally tally_of(const struct heap_told *told)
{
    struct tally tally = {0, 0, 0};

    for (uint64_t i = 0; i < told->count; i++)
        count_reference(&tally, told->references[i]);
    return tally;
}

static inline int is_same(const struct tally *a, const struct tally *b)
{
    return a->count == b->count && a->sum == b->sum && a->mixed == b->mixed;
}

/* The one reference that was told and is in no slot; 0 when the difference is another. */
static uint64_t one_more(const struct tally *told, const struct tally *found)
{
    uint64_t more = told->sum - found->sum;
    struct tally with = *found;

    count_reference(&with, more);
    return is_same(told, &with) ? more : 0;
}

static inline uint8_t *put_leb(uint8_t *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

static inline uint64_t zigzag(uint64_t to, uint64_t from)
{
    int64_t words = (int64_t)(to - from) / 8;

    return words < 0 ? (uint64_t)-words * 2 - 1 : (uint64_t)words * 2;
}

static inline uint8_t *put_reference(uint8_t *at, uint64_t object, uint64_t target)
{
    return target ? put_leb(at, 1 + zigzag(target, object)) : put_leb(at, 0);
}

static inline uint64_t slot(uint64_t address)
{
    uint64_t target;

    memcpy(&target, (const void *)(uintptr_t)address, sizeof target);
    return target;
}

static inline uint8_t *put_slots(uint8_t *at, uint64_t object, uint64_t base, const uint32_t *offsets, uint32_t count,
                                 struct tally *found)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t target = slot(base + offsets[i]);

        count_reference(found, target);
        at = put_reference(at, object, target);
    }
    return at;
}

static uint64_t first_element(const struct heap_class *class, uint64_t object)
{
    return object + class->layout.base_size - 8;
}

static const uint32_t *element_offsets(const struct heap_class *class)
{
    return class->offsets + class->layout.slot_count;
}

static uint8_t *put_elements(uint8_t *at, uint64_t object, const struct heap_class *class, uint64_t count,
                             struct tally *found)
{
    uint64_t base = first_element(class, object);

    for (uint64_t i = 0; i < count; i++, base += class->layout.component_size)
        at = put_slots(at, object, base, element_offsets(class), class->layout.element_slot_count, found);
    return at;
}

static void tally_elements(uint64_t object, const struct heap_class *class, uint64_t count, struct tally *found)
{
    uint64_t base = first_element(class, object);

    for (uint64_t i = 0; i < count; i++, base += class->layout.component_size) {
        for (uint32_t k = 0; k < class->layout.element_slot_count; k++)
            count_reference(found, slot(base + element_offsets(class)[k]));
    }
}

/* ---- objects ---- */

void heap_object_flush(struct heap_sink *sink)
{
    medic_heap_objects_record *head = (void *)(sink->chunk + sizeof(medic_record_header));

    if (sink->chunk_count && !heap_sink_failed(sink)) {
        *head = (medic_heap_objects_record){sink->plan.head.photo, (uint32_t)sink->chunk_count, sink->chunk_first};
        heap_output_whole(sink, MEDIC_RECORD_HEAP_OBJECTS, sink->chunk, sizeof *head + sink->chunk_used);
    }
    sink->chunk_used = sink->chunk_count = 0;
}

/* The elements of a long array, after its object. The chunk is free for them. */
static void write_elements(struct heap_sink *sink, uint64_t array, const struct heap_class *class, uint64_t count)
{
    uint64_t slots = class->layout.element_slot_count, base = first_element(class, array), first = 0;
    medic_heap_elements_record *head = (void *)(sink->chunk + sizeof(medic_record_header));
    uint8_t *begin = sink->chunk + ELEMENTS_HEAD, *at = begin;
    struct tally unused = {0, 0, 0};

    heap_object_flush(sink);
    for (uint64_t i = 0; i < count; i++, base += class->layout.component_size) {
        at = put_slots(at, array, base, element_offsets(class), (uint32_t)slots, &unused);
        if (i + 1 < count && (uint64_t)(at - begin) + slots * LEB_MAX <= ELEMENTS_MAX)
            continue;
        *head = (medic_heap_elements_record){sink->plan.head.photo, 0, array, first, (i + 1) * slots - first};
        heap_output_whole(sink, MEDIC_RECORD_HEAP_ELEMENTS, sink->chunk, sizeof *head + (uint64_t)(at - begin));
        first = (i + 1) * slots;
        at = begin;
        if (heap_sink_failed(sink))
            return;
    }
}

struct object {
    uint64_t address;
    uint64_t count; /* of elements */
    uint64_t hash;  /* 0 = none is wanted */
    int is_long;    /* its elements come apart */
};

static uint8_t *put_object(struct heap_sink *sink, uint8_t *at, const struct heap_class *class,
                           const struct object *object, struct tally *found)
{
    at = put_leb(at, class->index);
    at = put_leb(at, zigzag(object->address, sink->expected));
    if (class->layout.component_size)
        at = put_leb(at, object->count);
    if (object->hash) {
        memcpy(at, &object->hash, sizeof object->hash);
        at += sizeof object->hash;
    }
    at = put_slots(at, object->address, object->address, class->offsets, class->layout.slot_count, found);
    if (object->is_long)
        tally_elements(object->address, class, object->count, found);
    else if (class->layout.element_slot_count)
        at = put_elements(at, object->address, class, object->count, found);
    return at;
}

/* What was told and is in no slot. NULL: the class had to be changed, the object is to be put anew. */
static uint8_t *put_extra(struct heap_sink *sink, uint8_t *at, struct heap_class *class, uint64_t address,
                          const struct heap_told *told, const struct tally *found)
{
    struct tally all = told ? tally_of(told) : *found;
    uint32_t flags = class->layout.flags;
    uint64_t more;

    if (flags & MEDIC_HEAP_ODD) {
        uint64_t count = told ? told->count : 0;

        sink->odd_objects += !told;
        at = put_leb(at, count);
        for (uint64_t i = 0; i < count; i++)
            at = put_reference(at, address, told->references[i]);
        return at;
    }
    if (is_same(&all, found))
        return flags & MEDIC_HEAP_COLLECTIBLE ? put_leb(at, 0) : at;
    more = one_more(&all, found);
    if (more && flags & MEDIC_HEAP_COLLECTIBLE)
        return put_reference(put_leb(at, 1), address, more);
    heap_class_change(sink, class, more ? MEDIC_HEAP_COLLECTIBLE : MEDIC_HEAP_ODD);
    return NULL;
}

static struct object object_of(struct heap_sink *sink, const struct heap_class *class, uint64_t address)
{
    struct object object = {.address = address};
    uint32_t count;

    if (!class->layout.component_size)
        return object;
    memcpy(&count, (const void *)(uintptr_t)(address + COUNT_OFFSET), sizeof count);
    object.count = count;
    if (class->layout.flags & MEDIC_HEAP_STRING && sink->plan.head.contents & (MEDIC_HEAP_HASHES | MEDIC_HEAP_VALUES)) {
        object.hash = heap_string_hash((const uint16_t *)(uintptr_t)(address + FIRST_UNIT), count);
        if (sink->strings)
            heap_strings_note(sink->strings, object.hash, count, address);
    }
    return object;
}

/* Makes room in the chunk for the object; 0 = none chunk has so much. */
static int make_room(struct heap_sink *sink, const struct heap_class *class, struct object *object,
                     const struct heap_told *told)
{
    uint64_t elements = object->count * class->layout.element_slot_count, size;

    object->is_long = elements > MEDIC_HEAP_INLINE_SLOTS;
    size = class->layout.slot_count + (object->is_long ? 0 : elements) + 1;
    if (told && class->layout.flags & MEDIC_HEAP_ODD)
        size += told->count;
    size = OBJECT_MAX + size * LEB_MAX;
    if (size > OBJECTS_MAX) {
        heap_sink_fail(sink, MEDIC_E_UNSUPPORTED,
                       "an object of class %#llx has %llu references in an order that is not known",
                       (unsigned long long)class->id, (unsigned long long)(told ? told->count : 0));
        return 0;
    }
    if (sink->chunk_used + size > OBJECTS_MAX)
        heap_object_flush(sink);
    return !heap_sink_failed(sink);
}

static void add_object(struct heap_sink *sink, struct heap_class *class, struct object *object,
                       const struct heap_told *told)
{
    uint8_t *end;

    do {
        struct tally found = {0, 0, 0};

        if (!make_room(sink, class, object, told))
            return;
        if (!sink->chunk_count)
            sink->chunk_first = sink->expected = object->address;
        end = put_object(sink, sink->chunk + OBJECTS_HEAD + sink->chunk_used, class, object, &found);
        end = put_extra(sink, end, class, object->address, told, &found);
    } while (!end);
    if (!class->written)
        heap_class_write(sink, class);
    sink->chunk_used = (uint64_t)(end - sink->chunk - OBJECTS_HEAD);
    sink->chunk_count++;
    if (object->is_long)
        write_elements(sink, object->address, class, object->count);
}

void heap_object_write(struct heap_sink *sink, ObjectID address, ClassID type, const struct heap_told *told)
{
    struct heap_class *class = heap_class_of_object(sink, address, type);
    struct heap_shared *shared = sink->shared;
    struct object object;
    uint64_t size;

    if (!class || heap_layout_is_free(&class->layout))
        return;
    if (!class->index)
        class->index = ++sink->record_count;
    object = object_of(sink, class, address);
    size = heap_layout_size(&class->layout, object.count);
    add_object(sink, class, &object, told);
    sink->expected = address + size;
    atomic_store_explicit(&shared->objects, shared->objects + 1, memory_order_relaxed);
    atomic_store_explicit(&shared->bytes, shared->bytes + size, memory_order_relaxed);
}
