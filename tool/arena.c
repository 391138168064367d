#include "tool/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)1 << 16)
#define ALIGNMENT _Alignof(max_align_t)

struct arena_block {
    struct arena_block *older;
    size_t used, size;
    max_align_t bytes[];
};

static struct arena_block *block_new(struct arena *arena, size_t size)
{
    size_t room = size > BLOCK_BYTES / 4 ? size : BLOCK_BYTES;
    struct arena_block *block = calloc(1, sizeof *block + room);
    if (!block)
        return NULL;
    block->size = room;
    if (arena->block && room == size) { /* a large piece must not hide the room left in the current block */
        block->older = arena->block->older;
        arena->block->older = block;
    } else {
        block->older = arena->block;
        arena->block = block;
    }
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = size ? (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
    if (arena->limit && (size > arena->limit || arena->used > arena->limit - size))
        return NULL;
    struct arena_block *block = arena->block;
    if (!block || block->size - block->used < size)
        block = block_new(arena, size);
    if (!block)
        return NULL;
    void *memory = (char *)block->bytes + block->used;
    block->used += size;
    arena->used += size;
    return memory;
}

int arena_grow(struct arena *arena, void **items, size_t *capacity, size_t needed, size_t item_size)
{
    if (needed <= *capacity)
        return 0;
    size_t room = *capacity ? *capacity * 2 : 8;
    if (room < needed)
        room = needed;
    if (room > SIZE_MAX / 2 / item_size)
        return -1;
    void *larger = arena_alloc(arena, room * item_size);
    if (!larger)
        return -1;
    if (*capacity)
        memcpy(larger, *items, *capacity * item_size);
    *items = larger;
    *capacity = room;
    return 0;
}

void arena_free(struct arena *arena)
{
    for (struct arena_block *block = arena->block; block;) {
        struct arena_block *older = block->older;
        free(block);
        block = older;
    }
    arena->block = NULL;
    arena->used = 0;
}
