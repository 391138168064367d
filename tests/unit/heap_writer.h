/* Writes photographs of the heap into captures for tests: classes, objects with their references, roots, statics, names.
 *
 *   struct heap_writer heap;
 *   heap_begin(&heap, &out, 1, MEDIC_HEAP_HASHES);
 *   uint32_t node = heap_class(&heap, 0x100, 0, 32, 0, HEAP_SLOTS(8, 16), HEAP_NO_SLOTS);
 *   heap_object(&heap, 0x10000, node, 0, 0, HEAP_TO(0x20000, 0), 2);     a reference for each slot; 0 = null
 *   heap_static(&heap, 0x500, 0x04000001, 0, 0x10000);
 *   heap_name(&heap, 0x100, 7, "Orders.Order");
 *   heap_fields(&heap, 0x100, 0, 0, (struct heap_made_field[]){{8, 1, "next"}, {16, 2, "item"}}, 2);
 *   heap_done(&heap);
 *
 * Objects are gathered into chunks as the target does; everything else is a record at once. */
#ifndef TESTS_UNIT_HEAP_WRITER_H
#define TESTS_UNIT_HEAP_WRITER_H

#include "capture_writer.h"

#include <medic/heap_format.h>

#include <assert.h>
#include <stdlib.h>

#define HEAP_NO_SLOTS NULL, 0
#define HEAP_SLOTS(...)                                                                                                \
    (const uint32_t[]){__VA_ARGS__}, (uint32_t)(sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))
#define HEAP_TO(...) ((const uint64_t[]){__VA_ARGS__})

enum { HEAP_MADE_CLASSES = 1 << 12, HEAP_MADE_CHUNK = 1 << 16 };

struct heap_writer {
    struct buffer *out;
    uint32_t photo, contents, class_count;
    medic_heap_class_record classes[HEAP_MADE_CLASSES]; /* by index */
    struct buffer chunk;                                /* objects that are not in a record yet */
    uint32_t chunk_count;
    uint64_t chunk_first, expected;
    uint64_t objects, bytes;
};

struct heap_made_field {
    uint32_t offset, token;
    const char *name;
};

static inline void heap_begin(struct heap_writer *heap, struct buffer *out, uint32_t photo, uint32_t contents)
{
    medic_heap_record record = {photo, MEDIC_HEAP_COPY, contents, 1, 2000 + photo};
    *heap = (struct heap_writer){.out = out, .photo = photo, .contents = contents};
    put_record(out, MEDIC_RECORD_HEAP, &record, sizeof record, NULL);
}

/* The index of the new class. */
static inline uint32_t heap_class(struct heap_writer *heap, uint64_t id, uint32_t flags, uint32_t base_size,
                                  uint32_t component_size, const uint32_t *slots, uint32_t slot_count,
                                  const uint32_t *element_slots, uint32_t element_slot_count)
{
    uint32_t index = ++heap->class_count;
    struct buffer tail = {0};
    assert(index < HEAP_MADE_CLASSES);
    heap->classes[index] = (medic_heap_class_record){
        heap->photo, index, id, flags, base_size, component_size, slot_count, element_slot_count, 0};
    buffer_add(&tail, slots ? (const char *)slots : "", slot_count * sizeof *slots);
    buffer_add(&tail, element_slots ? (const char *)element_slots : "", element_slot_count * sizeof *element_slots);
    put_bytes(heap->out, MEDIC_RECORD_HEAP_CLASS, &heap->classes[index], sizeof *heap->classes, tail.bytes, tail.size);
    buffer_free(&tail);
    return index;
}

static inline void heap_number(struct buffer *out, uint64_t number)
{
    do {
        char byte = (char)((number & 0x7f) | (number > 0x7f ? 0x80 : 0));
        buffer_add(out, &byte, 1);
    } while ((number >>= 7) != 0);
}

static inline uint64_t heap_zigzag(uint64_t from, uint64_t to)
{
    int64_t distance = (int64_t)(to - from) / 8;
    return distance < 0 ? (uint64_t)(-(distance + 1)) * 2 + 1 : (uint64_t)distance * 2;
}

static inline void heap_reference(struct buffer *out, uint64_t from, uint64_t to)
{
    heap_number(out, to ? 1 + heap_zigzag(from, to) : 0);
}

static inline void heap_flush(struct heap_writer *heap)
{
    medic_heap_objects_record head = {heap->photo, heap->chunk_count, heap->chunk_first};
    if (heap->chunk_count)
        put_bytes(heap->out, MEDIC_RECORD_HEAP_OBJECTS, &head, sizeof head, heap->chunk.bytes, heap->chunk.size);
    buffer_cut(&heap->chunk, 0);
    heap->chunk_count = 0;
}

static inline uint64_t heap_size_of(const struct heap_writer *heap, uint32_t class_index, uint64_t count)
{
    const medic_heap_class_record *class = &heap->classes[class_index];
    return (class->base_size + count * class->component_size + 7) / 8 * 8;
}

/* References into ELEMENTS records. first: the number of the first one. */
static inline void heap_elements(struct heap_writer *heap, uint64_t array, uint64_t first, const uint64_t *references,
                                 uint64_t count)
{
    medic_heap_elements_record head = {heap->photo, 0, array, first, count};
    struct buffer tail = {0};
    heap_flush(heap);
    for (uint64_t i = 0; i < count; i++)
        heap_reference(&tail, array, references[i]);
    put_bytes(heap->out, MEDIC_RECORD_HEAP_ELEMENTS, &head, sizeof head, tail.bytes, tail.size);
    buffer_free(&tail);
}

/* count: of elements or characters, for classes that have them. references: one for each slot, then for each slot of each
 * element, then for COLLECTIBLE and ODD classes as many as are left; 0 = null. Returns its size. */
static inline uint64_t heap_object(struct heap_writer *heap, uint64_t address, uint32_t class_index, uint64_t count,
                                   uint64_t hash, const uint64_t *references, uint64_t reference_count)
{
    const medic_heap_class_record *class = &heap->classes[class_index];
    struct buffer *chunk = &heap->chunk;
    uint64_t size = heap_size_of(heap, class_index, count), elements = count * class->element_slot_count, at = 0;
    int extra = (class->flags & (MEDIC_HEAP_COLLECTIBLE | MEDIC_HEAP_ODD)) != 0;
    assert(extra || reference_count == class->slot_count + elements);
    if (!heap->chunk_count)
        heap->chunk_first = heap->expected = address;
    heap_number(chunk, class_index);
    heap_number(chunk, heap_zigzag(heap->expected, address));
    if (class->component_size)
        heap_number(chunk, count);
    if (class->flags & MEDIC_HEAP_STRING && heap->contents & MEDIC_HEAP_HASHES)
        buffer_add(chunk, (const char *)&hash, sizeof hash);
    uint64_t inlined = class->slot_count + (elements > MEDIC_HEAP_INLINE_SLOTS ? 0 : elements);
    while (at < inlined)
        heap_reference(chunk, address, references[at++]);
    uint64_t late = elements > MEDIC_HEAP_INLINE_SLOTS ? elements : 0;
    if (extra)
        heap_number(chunk, reference_count - inlined - late);
    for (uint64_t i = at + late; extra && i < reference_count; i++)
        heap_reference(chunk, address, references[i]);
    heap->expected = address + size;
    heap->chunk_count++;
    heap->objects++;
    heap->bytes += size;
    if (chunk->size > HEAP_MADE_CHUNK)
        heap_flush(heap);
    for (uint64_t done = 0; done < late; done += 100000) {
        uint64_t run = late - done < 100000 ? late - done : 100000;
        heap_elements(heap, address, done, references + at + done, run);
    }
    return size;
}

static inline void heap_list(struct heap_writer *heap, uint32_t type, const void *entries, uint32_t count,
                             size_t entry_size)
{
    medic_heap_list_record head = {heap->photo, count};
    heap_flush(heap);
    put_bytes(heap->out, type, &head, sizeof head, entries, count * entry_size);
}

/* kind: enum medic_heap_root_kind. */
static inline void heap_root(struct heap_writer *heap, uint32_t kind, uint32_t flags, uint64_t id, uint64_t object)
{
    medic_heap_root_entry entry = {object, id, kind, flags};
    heap_list(heap, MEDIC_RECORD_HEAP_ROOTS, &entry, 1, sizeof entry);
}

static inline void heap_dependent(struct heap_writer *heap, uint64_t key, uint64_t value)
{
    medic_heap_dependent_entry entry = {key, value, 0x99};
    heap_list(heap, MEDIC_RECORD_HEAP_DEPENDENTS, &entry, 1, sizeof entry);
}

/* generation: enum medic_heap_generation. */
static inline void heap_range(struct heap_writer *heap, uint64_t begin, uint64_t end, uint32_t generation)
{
    medic_heap_range_entry entry = {begin, end, generation, 0};
    heap_list(heap, MEDIC_RECORD_HEAP_RANGES, &entry, 1, sizeof entry);
}

/* os_id: of the thread, 0 = a plain static. */
static inline void heap_static(struct heap_writer *heap, uint64_t class_id, uint32_t token, uint32_t os_id,
                               uint64_t object)
{
    medic_heap_static_entry entry = {0x7000, object, class_id, token, os_id};
    heap_list(heap, MEDIC_RECORD_HEAP_STATICS, &entry, 1, sizeof entry);
}

/* The beginning of a string of `length` units: ASCII. */
static inline void heap_value(struct heap_writer *heap, uint64_t hash, uint32_t length, const char *text)
{
    medic_heap_value_record head = {heap->photo, length, hash, (uint32_t)strlen(text), 0};
    struct buffer tail = {0};
    for (; *text; text++)
        buffer_add(&tail, (const char[]){*text, 0}, 2);
    heap_flush(heap);
    put_bytes(heap->out, MEDIC_RECORD_HEAP_VALUE, &head, sizeof head, tail.bytes, tail.size);
    buffer_free(&tail);
}

/* The name of a class; module: an id of put_module, or 0. */
static inline void heap_name(struct heap_writer *heap, uint64_t class_id, uint64_t module, const char *name)
{
    medic_name_record head = {MEDIC_NAME_TYPE, 0x02000001, class_id, module, 0, (uint32_t)strlen(name)};
    heap_flush(heap);
    put_record(heap->out, MEDIC_RECORD_NAME, &head, sizeof head, name);
}

static inline void heap_fields(struct heap_writer *heap, uint64_t class_id, uint64_t parent_id, uint64_t element_id,
                               const struct heap_made_field *fields, uint32_t count)
{
    medic_heap_fields_record head = {heap->photo, count, class_id, parent_id, element_id};
    struct buffer tail = {0};
    for (uint32_t i = 0; i < count; i++) {
        medic_heap_field_entry entry = {fields[i].offset, fields[i].token, (uint32_t)strlen(fields[i].name)};
        buffer_add(&tail, (const char *)&entry, sizeof entry);
        buffer_add(&tail, fields[i].name, entry.length);
        while (tail.size % 4)
            buffer_add(&tail, "", 1);
    }
    heap_flush(heap);
    put_bytes(heap->out, MEDIC_RECORD_HEAP_FIELDS, &head, sizeof head, tail.bytes, tail.size);
    buffer_free(&tail);
}

/* The photograph is complete. */
static inline void heap_done(struct heap_writer *heap)
{
    static const char REASON[] = "workstation GC";
    medic_heap_done_record done = {.photo = heap->photo,
                                   .length = sizeof REASON - 1,
                                   .objects = heap->objects,
                                   .bytes = heap->bytes,
                                   .pause_ns = 8000000,
                                   .attempts = 1};
    heap_flush(heap);
    put_record(heap->out, MEDIC_RECORD_HEAP_DONE, &done, sizeof done, REASON);
    buffer_free(&heap->chunk);
}

#endif
