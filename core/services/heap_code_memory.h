/* The runtime maps the memory that holds its code twice, executable and writable, from one memfd ("doublemapper"), shared: a
 * cloned process writes into the target's code when it collects. Here the copy gets a memfd of its own with the same
 * content, at the same addresses and under the same descriptor. */
#ifndef CORE_SERVICES_HEAP_CODE_MEMORY_H
#define CORE_SERVICES_HEAP_CODE_MEMORY_H

#include <medic/result.h>
#include <stddef.h>
#include <stdint.h>

/* Room for the text of /proc/self/maps and for what is found in it: reserved in the target, touched in the copy. */
struct code_memory {
    uint8_t *room;
    size_t size;
    size_t moved;   /* bytes that were copied. [copy] */
    uint32_t found; /* mappings that were replaced. [copy] */
};

/* [worker] */
int code_memory_open(struct code_memory *memory, medic_reason *why);
void code_memory_close(struct code_memory *memory);
/* What is mapped shared and writable, or from the code memory's file, becomes this process's own. keep: a shared mapping that stays
 * (the photograph's own). MEDIC_OK, or a code; then what is mapped is undefined and the process must end. No allocation, no
 * lock, no stdio. [copy] */
int code_memory_unshare(struct code_memory *memory, const void *keep, medic_reason *why);

#endif
