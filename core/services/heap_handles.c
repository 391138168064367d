#include "core/services/heap_handles.h"

enum { HEADER = 4096, BLOCKS = 120, PER_BLOCK = 64, NO_BLOCK = 0xff, CHAIN_MAX = 1 << 16 };
/* The header: generations, chain, free masks, then the kind of each block, and the block with its second words. */
enum { BLOCK_KINDS = BLOCKS * 4 + BLOCKS + BLOCKS * 8, BLOCK_SECONDS = BLOCK_KINDS + BLOCKS };
enum { AFTER_BLOCKS = BLOCK_SECONDS + 2 * BLOCKS, PER_KIND = 6 };

static uint64_t word_at(uint64_t address)
{
    uint64_t value;

    __builtin_memcpy(&value, (const void *)(uintptr_t)address, sizeof value);
    return value;
}

static uint8_t byte_at(uint64_t address)
{
    return *(const volatile uint8_t *)(uintptr_t)address;
}

static uint64_t next_at(uint32_t kinds)
{
    return AFTER_BLOCKS + (uint64_t)PER_KIND * kinds;
}

/* The table begins with a word of 32 bits for each kind; then comes the first segment. */
static int is_in_chain(uint64_t segment, uint64_t table, uint32_t kinds)
{
    uint64_t one = word_at(table + (4 * (uint64_t)kinds + 7) / 8 * 8);

    for (int i = 0; i < CHAIN_MAX && one && one % HEAP_HANDLES_SEGMENT == 0; i++) {
        if (one == segment)
            return 1;
        one = word_at(one + next_at(kinds));
    }
    return 0;
}

int heap_handles_are_at(uint64_t segment, uint32_t kinds)
{
    uint64_t next = word_at(segment + next_at(kinds)), table = word_at(segment + next_at(kinds) + 8);

    return next % HEAP_HANDLES_SEGMENT == 0 && table >= HEAP_HANDLES_SEGMENT && table % 8 == 0 &&
           table < UINT64_C(1) << 47 && is_in_chain(segment, table, kinds);
}

static void visit_block(uint64_t segment, uint32_t block, uint32_t kind, heap_handle_visit visit, void *context)
{
    uint8_t second = byte_at(segment + BLOCK_SECONDS + block);

    for (uint32_t i = 0; i < PER_BLOCK; i++) {
        struct heap_handle handle = {.handle = segment + HEADER + (block * PER_BLOCK + i) * UINT64_C(8), .kind = kind};

        handle.object = word_at(handle.handle);
        if (kind == HEAP_HANDLE_DEPENDENT && second < BLOCKS)
            handle.second = word_at(segment + HEADER + (second * PER_BLOCK + i) * UINT64_C(8));
        if (handle.object)
            visit(context, &handle);
    }
}

/* The last kind is that of the blocks with second words. */
void heap_handles_visit(uint64_t segment, uint32_t kinds, heap_handle_visit visit, void *context)
{
    for (uint32_t block = 0; block < BLOCKS; block++) {
        uint8_t kind = byte_at(segment + BLOCK_KINDS + block);

        if (kind < kinds - 1)
            visit_block(segment, block, kind, visit, context);
    }
}

/* ---- finalizers ---- */

/* Where each part ends, by generation, then those that are ready, critical ones first; the array's begin and end. */
enum { PARTS = 7, PART_LAST_LIVING = 4, ARRAY_BEGIN = PARTS, ARRAY_END = PARTS + 1, OBJECTS_MAX = 1 << 28 };

int heap_finalizers_are_at(uint64_t address, struct heap_finalizers *finalizers)
{
    uint64_t before = word_at(address + ARRAY_BEGIN * 8), last = word_at(address + ARRAY_END * 8);

    if (before < HEAP_HANDLES_SEGMENT || last <= before || last - before > OBJECTS_MAX * UINT64_C(8) ||
        last >= UINT64_C(1) << 47 || (before | last) % 8 != 0)
        return 0;
    finalizers->first = before;
    for (uint32_t i = 0; i < PARTS; i++) {
        uint64_t part = word_at(address + i * 8);

        if (part < before || part > last || part % 8 != 0)
            return 0;
        before = part;
    }
    finalizers->end = before;
    finalizers->ready = word_at(address + PART_LAST_LIVING * 8);
    finalizers->ready_end = before;
    return finalizers->end > finalizers->first;
}
