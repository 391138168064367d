/* Which memory of this process is mapped for reading and writing: /proc/self/maps, read by the worker and looked up
 * anywhere. */
#ifndef CORE_SERVICES_MEMORY_MAP_H
#define CORE_SERVICES_MEMORY_MAP_H

#include <stddef.h>
#include <stdint.h>

struct memory_range {
    uint64_t begin, end;
};

struct memory_map {
    struct memory_range *ranges; /* ascending; mappings that touch are one range each, as the kernel lists them */
    size_t count, capacity;
    int fixed; /* ranges are somebody else's, of this capacity */
};

enum { MEMORY_MAP_TEXT = 20480 };

/* Replaces what map holds; map begins as zeros. MEDIC_OK, MEDIC_E_MEMORY, MEDIC_E_IO and errno. [worker] */
int memory_map_read(struct memory_map *map);
/* The same with text of MEMORY_MAP_TEXT bytes to read into; of a fixed map no memory is allocated and nothing waited for, and
 * what does not fit is MEDIC_E_FULL. */
int memory_map_read_into(struct memory_map *map, char *text);
/* One line of /proc/PID/maps: 1 = a mapping with read and write, filled in; 0 = another one. Pure. */
int memory_map_line(const char *line, struct memory_range *range);
/* The range with this address, or NULL. Async-signal-safe. */
const struct memory_range *memory_map_find(const struct memory_map *map, uint64_t address);
void memory_map_free(struct memory_map *map);

#endif
