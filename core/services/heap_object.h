/* In the copy: objects are put into chunks, records of many. [copy] */
#ifndef CORE_SERVICES_HEAP_OBJECT_H
#define CORE_SERVICES_HEAP_OBJECT_H

#include "core/services/heap_sink.h"

/* Bytes of a chunk, with its heads and padding. */
enum { HEAP_CHUNK_SIZE = MEDIC_HEAP_CHUNK_MAX + 64 };

/* What the runtime told of an object's references. */
struct heap_told {
    const ObjectID *references;
    uint64_t count;
};

/* told: NULL = nobody did, the layout of the class is all there is. */
void heap_object_write(struct heap_sink *sink, ObjectID address, ClassID type, const struct heap_told *told);
/* Writes the chunk that is being filled. */
void heap_object_flush(struct heap_sink *sink);

#endif
