/* Open addressing with linear probing, at most three quarters full. */
#include "map.h"

#include <stdlib.h>

enum { ROOM_FIRST = 1024 };

uint64_t map_mix(uint64_t key, uint64_t more)
{
    key ^= more * UINT64_C(0x9e3779b97f4a7c15);
    key = (key ^ (key >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return key ^ (key >> 32);
}

static size_t place_of(const struct map *map, uint64_t key)
{
    size_t place = (size_t)map_mix(key, 0) & (map->room - 1);

    while (map->numbers[place] && map->keys[place] != key)
        place = (place + 1) & (map->room - 1);
    return place;
}

static int grow(struct map *map)
{
    struct map grown = {.room = map->room ? map->room * 2 : ROOM_FIRST, .count = map->count};

    grown.keys = malloc(grown.room * sizeof *grown.keys);
    grown.numbers = calloc(grown.room, sizeof *grown.numbers);
    if (!grown.keys || !grown.numbers) {
        map_free(&grown);
        return 0;
    }
    for (size_t i = 0; i < map->room; i++)
        if (map->numbers[i]) {
            size_t place = place_of(&grown, map->keys[i]);
            grown.keys[place] = map->keys[i];
            grown.numbers[place] = map->numbers[i];
        }
    map_free(map);
    *map = grown;
    return 1;
}

uint32_t map_number(struct map *map, uint64_t key)
{
    size_t place;

    if (map->count >= map->room / 4 * 3 && (map->count >= MAP_NO_MEMORY - 1 || !grow(map)))
        return MAP_NO_MEMORY;
    place = place_of(map, key);
    if (!map->numbers[place]) {
        map->keys[place] = key;
        map->numbers[place] = ++map->count;
    }
    return map->numbers[place] - 1;
}

void map_done(struct map *map)
{
    uint32_t count = map->count;

    map_free(map);
    map->count = count;
}

void map_free(struct map *map)
{
    free(map->keys);
    free(map->numbers);
    *map = (struct map){0};
}
