/* In the copy: the classes of the heap, by ClassID. [copy] */
#ifndef CORE_SERVICES_HEAP_CLASS_H
#define CORE_SERVICES_HEAP_CLASS_H

#include "core/services/heap_sink.h"

enum { HEAP_CLASS_TABLE_SIZE = HEAP_CLASSES_MAX * 2, HEAP_OFFSETS_MAX = 1 << 22 };

struct heap_class {
    uint64_t id;
    const uint32_t *offsets; /* as heap_layout_read tells them */
    struct heap_layout layout;
    uint32_t index;   /* of its record; 0 = it has none yet */
    uint32_t is_read; /* layout and offsets are there */
    uint32_t written; /* the record is out */
};

/* A hash of an id. */
static inline uint32_t heap_class_hash(uint64_t id)
{
    return (uint32_t)((id >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

/* The class of an object, with its layout. type: as it was told, 0 = it was not. NULL: too many classes, a failure. */
struct heap_class *heap_class_of_object(struct heap_sink *sink, ObjectID object, ClassID type);
/* Whether an object of it was told. */
int heap_class_has_objects(const struct heap_sink *sink, uint64_t id);
/* The layout is not the whole truth: the class gets this of enum medic_heap_class_flags, and another record. */
void heap_class_change(struct heap_sink *sink, struct heap_class *class, uint32_t flag);
/* Writes its record, which is not out yet. */
void heap_class_write(struct heap_sink *sink, struct heap_class *class);

#endif
