/* Decodes the records of one photograph of the heap (medic/heap_format.h) from a capture, which anybody may have made:
 * what contradicts itself is damage and a sentence, nothing is read beyond a record, no memory is taken that the
 * file's bytes do not account for. For heap_graph.c, which reads twice: first the objects, then their references. */
#ifndef TOOL_HEAP_READ_H
#define TOOL_HEAP_READ_H

#include "tool/arena.h"
#include "tool/capture.h"

#include <medic/heap_format.h>
#include <medic/service/heap_graph.h>

struct heap_class {
    medic_heap_class_record about;
    const uint32_t *offsets; /* slot_count, then element_slot_count */
};

struct heap_field {
    uint32_t offset, token;
    const char *name; /* repaired UTF-8 */
};

/* What a class declares. */
struct heap_fields {
    uint64_t class_id, parent_id, element_id;
    uint32_t count;
    const struct heap_field *fields;
};

/* Entries of one kind. */
struct heap_list {
    void *items;
    size_t count, capacity;
};

/* All but objects and references. Zeroed = empty. */
struct heap_parts {
    medic_heap_record head;
    medic_heap_done_record done;
    const char *reason;                                  /* of the DONE record */
    struct heap_list classes;                            /* struct heap_class; index 1 is the first */
    struct heap_list roots, dependents, ranges, statics; /* entries as in the file */
    struct heap_list values;                             /* medic_heap_value, by hash and length */
    struct heap_list fields;                             /* struct heap_fields, by class_id */
    struct arena arena;                                  /* texts and offsets */
};

struct heap_object {
    uint64_t address, units; /* size in 8 bytes */
    uint64_t hash;           /* 0 = none */
    uint64_t count;          /* of elements */
    uint32_t class_index;
};

struct heap_reference {
    uint64_t target;
    uint8_t slot;
};

/* What the reader tells. Each returns 0, or an error, which ends the reading: enum medic_result. */
struct heap_visitor {
    void *data;
    int (*object)(void *data, const struct heap_object *object);
    /* Of the last object, a piece of them at a time; null references are not told. */
    int (*references)(void *data, const struct heap_reference *references, uint32_t count);
    /* Of an array whose elements come by themselves; slots: how many references each of them has, 1 when not known. */
    uint32_t (*slots)(void *data, uint64_t array);
    int (*elements)(void *data, uint64_t array, const struct heap_reference *references, uint32_t count);
};

/* first: fills parts, too; later readings need them. MEDIC_E_CORRUPT, MEDIC_E_MEMORY, MEDIC_E_IO, or of the visitor. */
int heap_read(const struct capture *capture, const struct capture_photo *photo, struct heap_parts *parts, int first,
              const struct heap_visitor *visitor, medic_reason *why);
void heap_parts_free(struct heap_parts *parts);

const struct heap_class *heap_class_at(const struct heap_parts *parts, uint32_t index);
/* NULL when the capture does not tell. */
const struct heap_fields *heap_fields_of(const struct heap_parts *parts, uint64_t class_id);
const medic_heap_value *heap_value_of(const struct heap_parts *parts, uint64_t hash, uint32_t length);

#endif
