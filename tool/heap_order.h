/* The order of objects by address. They come in runs that ascend (a heap's segments, one after the other), so runs are merged
 * instead of objects sorted. For heap_graph.c. */
#ifndef TOOL_HEAP_ORDER_H
#define TOOL_HEAP_ORDER_H

#include <stdint.h>

/* order: malloc'ed, the caller's: the numbers of the addresses as they ascend, each address once; NULL when they ascend as
 * they are. kept: how many that are. 0, or -1 when there is no memory. */
int heap_order(const uint64_t *address, uint32_t count, uint32_t **order, uint32_t *kept);

#endif
