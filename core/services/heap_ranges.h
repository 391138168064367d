/* Which generation the objects are in, by ranges of addresses. The runtime's own table of them is as old as the last
 * collection that a profiler saw, and was never made before one; asked for an object it tells the range around it as it is
 * now. So it is asked for the first object of each range. [copy] */
#ifndef CORE_SERVICES_HEAP_RANGES_H
#define CORE_SERVICES_HEAP_RANGES_H

#include "core/services/heap_sink.h"

enum { HEAP_RANGES_MAX = 1 << 17 };

/* The object is outside the range of the one before. */
void heap_ranges_find(struct heap_sink *sink, ObjectID object);
/* Whether the walk came upon objects there. */
int heap_ranges_have(const struct heap_sink *sink, uint64_t address);
/* Notes where the frozen objects are. */
void heap_ranges_add_frozen(struct heap_sink *sink);
/* Writes all from this one on, and forgets none. */
void heap_ranges_write(struct heap_sink *sink, uint32_t first);

#endif
