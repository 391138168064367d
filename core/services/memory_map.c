#include "core/services/memory_map.h"

#include <errno.h>
#include <fcntl.h>
#include <medic/result.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_ = 4096 + 128, CHUNK = MEMORY_MAP_TEXT - LINE_MAX_ };

/* Hexadecimal digits up to stop; NULL when there is something else. */
static const char *read_hex(const char *text, char stop, uint64_t *value)
{
    const char *begin = text;

    for (*value = 0; *text != stop; text++) {
        unsigned digit = *text >= '0' && *text <= '9'   ? (unsigned)(*text - '0')
                         : *text >= 'a' && *text <= 'f' ? (unsigned)(*text - 'a') + 10
                                                        : 16;
        if (digit > 15 || text - begin >= 16)
            return NULL;
        *value = *value << 4 | digit;
    }
    return text > begin ? text + 1 : NULL;
}

int memory_map_line(const char *line, struct memory_range *range)
{
    line = read_hex(line, '-', &range->begin);
    if (line)
        line = read_hex(line, ' ', &range->end);
    return line && line[0] == 'r' && line[1] == 'w' && range->end > range->begin;
}

static int append(struct memory_map *map, const struct memory_range *range)
{
    if (map->count == map->capacity && map->fixed)
        return MEDIC_E_FULL;
    if (map->count == map->capacity) {
        size_t capacity = map->capacity ? map->capacity * 2 : 256;
        struct memory_range *grown = realloc(map->ranges, capacity * sizeof *grown);

        if (!grown)
            return MEDIC_E_MEMORY;
        map->ranges = grown;
        map->capacity = capacity;
    }
    map->ranges[map->count++] = *range;
    return MEDIC_OK;
}

/* Takes the whole lines out of text; the rest moves to its beginning. */
static int take_lines(struct memory_map *map, char *text, size_t *size)
{
    char *line = text, *end;
    int code;

    while ((end = memchr(line, '\n', *size - (size_t)(line - text)))) {
        struct memory_range range;

        *end = '\0';
        if (memory_map_line(line, &range) && (code = append(map, &range)) != MEDIC_OK)
            return code;
        line = end + 1;
    }
    *size -= (size_t)(line - text);
    memmove(text, line, *size);
    return MEDIC_OK;
}

int memory_map_read_into(struct memory_map *map, char *text)
{
    size_t size = 0;
    ssize_t got = 0;
    int code = MEDIC_OK, fd, error;

    map->count = 0;
    fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    while (code == MEDIC_OK && fd >= 0 && (got = read(fd, text + size, CHUNK)) > 0) {
        size += (size_t)got;
        code = take_lines(map, text, &size);
        if (size > LINE_MAX_)
            size = 0; /* no path is that long */
    }
    error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return fd < 0 || got < 0 ? MEDIC_E_IO : code;
}

int memory_map_read(struct memory_map *map)
{
    char *text = malloc(MEMORY_MAP_TEXT);
    int code = text ? memory_map_read_into(map, text) : MEDIC_E_MEMORY, error = errno;

    free(text);
    errno = error;
    return code;
}

const struct memory_range *memory_map_find(const struct memory_map *map, uint64_t address)
{
    size_t low = 0, high = map->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (map->ranges[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < map->count && map->ranges[low].begin <= address ? &map->ranges[low] : NULL;
}

void memory_map_free(struct memory_map *map)
{
    free(map->ranges);
    *map = (struct memory_map){.ranges = NULL};
}
