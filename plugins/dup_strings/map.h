/* From a 64-bit key to a number: the keys are numbered in the order in which they come, from 0. Two different keys are never
 * confused; what a key stands for is the caller's business. [tool] */
#ifndef DUP_STRINGS_MAP_H
#define DUP_STRINGS_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map {
    uint64_t *keys;
    uint32_t *numbers; /* + 1; 0 = free */
    size_t room;       /* a power of two, or 0 */
    uint32_t count;
};

#define MAP_NO_MEMORY UINT32_MAX

/* The key's number; a new key gets the next one, which is the count before. MAP_NO_MEMORY. */
uint32_t map_number(struct map *map, uint64_t key);
/* Nothing more is asked for: frees all but the count. */
void map_done(struct map *map);
void map_free(struct map *map);
/* Makes one key of two values, well mixed. */
uint64_t map_mix(uint64_t key, uint64_t more);

#endif
