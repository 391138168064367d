/* The runtime maps the memory that holds its code twice, executable and writable, from one memfd ("doublemapper"), shared: a
 * cloned process writes into the target's code when it collects. Here the copy gets a memfd of its own with the same
 * content, at the same addresses and under the same descriptor. It is filled while the target runs, so that in the pause only
 * what changed since is left to be written. */
#ifndef CORE_SERVICES_HEAP_CODE_MEMORY_H
#define CORE_SERVICES_HEAP_CODE_MEMORY_H

#include <medic/result.h>
#include <stddef.h>
#include <stdint.h>

struct code_memory {
    int fd;         /* of the runtime's memfd; -1 = this runtime has none */
    uint64_t inode; /* of it */
    int copy;       /* another memfd, with what the runtime's held when it was copied; -1 = none */
    uint64_t bytes; /* that it holds, to be copied */
    uint8_t *room;  /* mmap'ed, for what is found in /proc/self/maps: reserved in the target, touched in the copy */
    size_t size;
};

/* One line of /proc/PID/maps. */
struct shared_mapping {
    uint64_t begin, end, offset, inode;
    uint32_t protection; /* PROT_* */
    uint32_t is_code;    /* named as the runtime's memfd */
};

/* 1 = a shared mapping that matters: writable, or of the runtime's memfd, whatever its protection. Pure. */
int code_memory_line(const char *line, struct shared_mapping *mapping);

/* Finds the memfd and reserves room. [worker] */
int code_memory_open(struct code_memory *memory, medic_reason *why);
void code_memory_close(struct code_memory *memory);
/* Copies what it holds, while others write to it. [worker, all signals blocked: SIGXFSZ]
 * MEDIC_E_DENIED: no other attempt would fare better. */
int code_memory_copy(struct code_memory *memory, medic_reason *why);
/* All mappings of the memfd become those of its copy, which gets what changed since; other shared memory that can be written becomes
 * read-only, but for the keep_size bytes at keep. MEDIC_OK, or a code: then what is mapped is undefined and the process must
 * end. No allocation, no lock, no stdio. [copy] */
int code_memory_unshare(struct code_memory *memory, const void *keep, size_t keep_size, medic_reason *why);

#endif
