/* From an address to the object there: ten million objects, twenty million questions. The heap is cut into pages; a hash table
 * of the pages that have objects tells the first one in each, and from there it is a few steps. For heap_graph.c. */
#ifndef TOOL_HEAP_INDEX_H
#define TOOL_HEAP_INDEX_H

#include <medic/service/heap_graph.h>

enum { HEAP_PAGE_BITS = 10 };

struct heap_index {
    const uint64_t *address; /* [count + 1], ascending; borrowed. The last is UINT64_MAX, which no object has */
    uint32_t count;
    unsigned bits;   /* the table has 1 << bits places */
    uint32_t *table; /* node + 1, 0 = free; owned */
};

/* MEDIC_E_MEMORY. */
int heap_index_make(struct heap_index *index, const uint64_t *address, uint32_t count);
void heap_index_free(struct heap_index *index);
/* The object that begins before or at this address, or MEDIC_NO_NODE; whether the address is in it is not looked at. */
uint32_t heap_index_before(const struct heap_index *index, uint64_t address);

static inline uint32_t heap_index_place(const struct heap_index *index, uint64_t address)
{
    return (uint32_t)(((address >> HEAP_PAGE_BITS) * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - index->bits));
}

/* The object at this very address, or MEDIC_NO_NODE. */
static inline uint32_t heap_index_find(const struct heap_index *index, uint64_t address)
{
    uint32_t place = heap_index_place(index, address), mask = ((uint32_t)1 << index->bits) - 1, node;
    for (; (node = index->table[place]) != 0; place = (place + 1) & mask) {
        if (index->address[--node] >> HEAP_PAGE_BITS != address >> HEAP_PAGE_BITS)
            continue;
        while (index->address[node] < address)
            node++;
        return index->address[node] == address && node < index->count ? node : MEDIC_NO_NODE;
    }
    return MEDIC_NO_NODE;
}

#endif
