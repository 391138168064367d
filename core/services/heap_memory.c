#include "core/services/heap_memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_ROOM = 1024, TEXT_ROOM = 1 << 16 };

#define GROUP_SHARE 15 /* percent */
#define MACHINE_SHARE 5
#define MACHINE_FLOOR_MAX (UINT64_C(1) << 30)

/* 0 = it cannot be read. Longer files are cut. */
static size_t read_text(const char *path, char *text, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    ssize_t got = 0;

    while (fd >= 0 && size < room - 1 && (got = read(fd, text + size, room - 1 - size)) > 0)
        size += (size_t)got;
    if (fd >= 0)
        close(fd);
    text[size] = '\0';
    return size;
}

uint64_t heap_memory_field(const char *text, const char *key)
{
    size_t length = strlen(key);

    for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        char *end;
        uint64_t value;

        if (strncmp(line, key, length) != 0 || (line[length] != ':' && line[length] != ' '))
            continue;
        value = strtoull(line + length + 1, &end, 10);
        return strncmp(end, " kB", 3) == 0 ? value << 10 : value;
    }
    return UINT64_MAX;
}

/* Whether the comma-separated list up to end has the word. */
static int lists(const char *list, const char *end, const char *word)
{
    size_t length = strlen(word);

    while (list < end) {
        const char *comma = memchr(list, ',', (size_t)(end - list));
        const char *item_end = comma ? comma : end;

        if ((size_t)(item_end - list) == length && memcmp(list, word, length) == 0)
            return 1;
        list = item_end + 1;
    }
    return 0;
}

static int copy_text(char *to, size_t room, const char *begin, const char *end)
{
    size_t length = (size_t)(end - begin);

    if (length >= room)
        return 0;
    memcpy(to, begin, length);
    to[length] = '\0';
    return 1;
}

/* 4:memory:/a/b of v1, 0::/a/b of v2. */
int heap_memory_group(const char *text, const char *controller, char *path, size_t room)
{
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        const char *end = line + strcspn(line, "\n");
        const char *list = memchr(line, ':', (size_t)(end - line));
        const char *begin = list ? memchr(list + 1, ':', (size_t)(end - list - 1)) : NULL;

        if (begin && (*controller ? lists(list + 1, begin, controller) : begin == list + 1))
            return copy_text(path, room, begin + 1, end);
    }
    return 0;
}

/* The nth word, from 0, of the line. */
static const char *word(const char *line, const char *end, unsigned n, const char **word_end)
{
    for (;; n--) {
        *word_end = memchr(line, ' ', (size_t)(end - line));
        if (!*word_end)
            *word_end = end;
        if (n == 0 || *word_end == end)
            return n == 0 ? line : end;
        line = *word_end + 1;
    }
}

/* 36 35 98:0 <root> <point> rw,noatime master:1 - cgroup cgroup rw,memory */
int heap_memory_mount(const char *text, const char *controller, char *point, char *root, size_t room)
{
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        const char *end = line + strcspn(line, "\n"), *dash = strstr(line, " - "), *part, *part_end;
        int matches;

        if (!dash || dash > end)
            continue;
        part = word(dash + 3, end, 0, &part_end);
        if (*controller) {
            matches = (size_t)(part_end - part) == 6 && memcmp(part, "cgroup", 6) == 0;
            part = word(dash + 3, end, 2, &part_end);
            matches = matches && lists(part, part_end, controller);
        } else {
            matches = (size_t)(part_end - part) == 7 && memcmp(part, "cgroup2", 7) == 0;
        }
        if (!matches)
            continue;
        part = word(line, end, 3, &part_end);
        if (!copy_text(root, room, part, part_end))
            return 0;
        part = word(line, end, 4, &part_end);
        return copy_text(point, room, part, part_end);
    }
    return 0;
}

static uint64_t read_number(const char *folder, const char *file)
{
    char path[PATH_ROOM * 2 + 64], text[64], *end;
    uint64_t value;

    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (!read_text(path, text, sizeof text))
        return UINT64_MAX;
    value = strtoull(text, &end, 10);
    return end == text ? UINT64_MAX : value; /* "max" */
}

/* v1 says "no limit" with a number that no machine has. */
#define ABSURD (UINT64_C(1) << 60)

static void see_group(const char *folder, int v2, char *text, struct heap_room *room)
{
    uint64_t limit = read_number(folder, v2 ? "memory.max" : "memory.limit_in_bytes"),
             used = read_number(folder, v2 ? "memory.current" : "memory.usage_in_bytes"), cache;
    char path[PATH_ROOM * 2 + 64];

    if (limit >= ABSURD || used == UINT64_MAX)
        return;
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    read_text(path, text, TEXT_ROOM);
    cache = heap_memory_field(text, v2 ? "inactive_file" : "total_inactive_file");
    if (cache == UINT64_MAX || cache > used)
        cache = 0;
    used -= cache;
    if (used > limit)
        used = limit;
    if (limit - used < room->left)
        *room = (struct heap_room){limit - used, limit};
}

/* The group and all that it is in, up to the mount. */
static void see_hierarchy(const char *controller, char *text, struct heap_room *room)
{
    char path[PATH_ROOM], root[PATH_ROOM], folder[PATH_ROOM * 2];
    size_t point_length, root_length;

    if (!read_text("/proc/self/cgroup", text, TEXT_ROOM) || !heap_memory_group(text, controller, path, sizeof path) ||
        !read_text("/proc/self/mountinfo", text, TEXT_ROOM) ||
        !heap_memory_mount(text, controller, folder, root, sizeof root))
        return;
    point_length = strlen(folder);
    root_length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || !path[root_length]))
        snprintf(folder + point_length, sizeof folder - point_length, "%s", path + root_length);
    for (;;) {
        char *slash;

        see_group(folder, !*controller, text, room);
        slash = strrchr(folder, '/');
        if (strlen(folder) <= point_length || !slash)
            break;
        *slash = '\0';
    }
}

void heap_memory_read(struct heap_memory *memory)
{
    static const struct heap_room unlimited = {UINT64_MAX, UINT64_MAX};
    static char text[TEXT_ROOM]; /* one worker at a time */

    *memory = (struct heap_memory){unlimited, unlimited};
    if (read_text("/proc/meminfo", text, sizeof text)) {
        memory->machine.left = heap_memory_field(text, "MemAvailable");
        memory->machine.limit = heap_memory_field(text, "MemTotal");
    }
    see_hierarchy("", text, &memory->group);
    see_hierarchy("memory", text, &memory->group);
}

void heap_size_read(struct heap_size *size)
{
    char text[4096];
    uint64_t swapped;

    *size = (struct heap_size){0, 0};
    if (!read_text("/proc/self/status", text, sizeof text))
        return;
    size->resident = heap_memory_field(text, "VmRSS");
    size->anonymous = heap_memory_field(text, "RssAnon");
    if (size->anonymous == UINT64_MAX)
        size->anonymous = size->resident;
    swapped = heap_memory_field(text, "VmSwap");
    if (swapped != UINT64_MAX)
        size->anonymous += swapped;
}

struct heap_floor heap_memory_floor(const struct heap_memory *at_begin)
{
    const struct heap_room *machine = &at_begin->machine, *group = &at_begin->group;
    uint64_t of_machine = machine->limit / 100 * MACHINE_SHARE;

    return (struct heap_floor){
        .machine = machine->left == UINT64_MAX      ? 0
                   : of_machine > MACHINE_FLOOR_MAX ? MACHINE_FLOOR_MAX
                                                    : of_machine,
        .group = group->left == UINT64_MAX ? 0 : group->limit / 100 * GROUP_SHARE,
    };
}

uint64_t heap_memory_spare(const struct heap_memory *now, const struct heap_floor *floor)
{
    uint64_t machine = now->machine.left > floor->machine ? now->machine.left - floor->machine : 0,
             group = now->group.left > floor->group ? now->group.left - floor->group : 0;

    return machine < group ? machine : group;
}
