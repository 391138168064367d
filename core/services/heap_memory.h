/* How much memory there is for a copy of the process: what the machine has available, and what the cgroups that the process is
 * in may still use (v1 and v2, with all their ancestors). [worker] */
#ifndef CORE_SERVICES_HEAP_MEMORY_H
#define CORE_SERVICES_HEAP_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct heap_room {
    uint64_t left, limit; /* bytes; UINT64_MAX = no limit, or it cannot be read */
};

struct heap_memory {
    struct heap_room machine; /* MemAvailable of MemTotal */
    struct heap_room group;   /* of the cgroup where least is left. The cache of files counts as left */
};

struct heap_size {
    uint64_t anonymous; /* bytes: resident and swapped, what a copy could come to need */
    uint64_t resident;
};

void heap_memory_read(struct heap_memory *memory);
/* Of this process. */
void heap_size_read(struct heap_size *size);

/* How far memory may go down while a copy lives: 15 % of the cgroup's limit, because with memory.oom.group one that goes
 * beyond it takes all with it; of the machine's 5 %, at most 1 GB. Pure. */
struct heap_floor {
    uint64_t machine, group;
};
struct heap_floor heap_memory_floor(const struct heap_memory *at_begin);
/* What may be used on top of that; 0 = the floor is reached. Pure. */
uint64_t heap_memory_spare(const struct heap_memory *now, const struct heap_floor *floor);

/* The value of a line `key: 123 kB` or `key 123`, in bytes; UINT64_MAX when it is not there. Pure. */
uint64_t heap_memory_field(const char *text, const char *key);
/* The path of the process in the hierarchy that has `controller` ("" = v2) from the text of /proc/self/cgroup; 0 = none. Pure. */
int heap_memory_group(const char *text, const char *controller, char *path, size_t room);
/* Where the hierarchy is mounted and which of its groups that is, from the text of /proc/self/mountinfo; 0 = nowhere. Pure. */
int heap_memory_mount(const char *text, const char *controller, char *point, char *root, size_t room);

#endif
