#include "tool/heap_index.h"

#include <medic/result.h>

#include <stdlib.h>

static int begins_page(const uint64_t *address, uint32_t node)
{
    return node == 0 || address[node] >> HEAP_PAGE_BITS != address[node - 1] >> HEAP_PAGE_BITS;
}

int heap_index_make(struct heap_index *index, const uint64_t *address, uint32_t count)
{
    uint32_t pages = 0;
    for (uint32_t node = 0; node < count; node++)
        pages += (uint32_t)begins_page(address, node);
    *index = (struct heap_index){.address = address, .count = count, .bits = 4};
    while (((uint64_t)1 << index->bits) < (uint64_t)pages * 2 && index->bits < 31)
        index->bits++;
    if (((uint64_t)1 << index->bits) <= pages)
        return MEDIC_E_MEMORY;
    uint32_t mask = ((uint32_t)1 << index->bits) - 1;
    index->table = calloc((size_t)mask + 1, sizeof *index->table);
    if (!index->table)
        return MEDIC_E_MEMORY;
    for (uint32_t node = 0; node < count; node++) {
        if (!begins_page(address, node))
            continue;
        uint32_t place = heap_index_place(index, address[node]);
        while (index->table[place])
            place = (place + 1) & mask;
        index->table[place] = node + 1;
    }
    return MEDIC_OK;
}

void heap_index_free(struct heap_index *index)
{
    free(index->table);
    index->table = NULL;
}

uint32_t heap_index_before(const struct heap_index *index, uint64_t address)
{
    uint32_t low = 0, high = index->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (index->address[middle] <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : MEDIC_NO_NODE;
}
