/* Memory that lives and dies together: the texts and rows of one document or one capture. Not thread-safe. */
#ifndef TOOL_ARENA_H
#define TOOL_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zeroed = empty. limit: bytes it may hand out, 0 = no limit. */
struct arena {
    struct arena_block *block; /* the newest one */
    size_t used;               /* bytes handed out */
    size_t limit;
};

/* Zeroed memory, aligned for any type, valid until arena_free. NULL when there is none left or the limit is reached. */
void *arena_alloc(struct arena *arena, size_t size);
/* For tables that grow: room for at least needed elements behind *items (*capacity are there), by copying into a larger
 * piece; the old one stays in the arena. 0, or -1 when there is no memory. */
int arena_grow(struct arena *arena, void **items, size_t *capacity, size_t needed, size_t item_size);
void arena_free(struct arena *arena);

#endif
