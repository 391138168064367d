/* Reads of memory that is not ours: code, unwind tables and headers, which their owner may unmap at any moment, and whose file
 * may have been cut short. The kernel copies, so a bad address is a refusal and never a signal. On the worker. */
#ifndef CORE_UNWIND_MEMORY_H
#define CORE_UNWIND_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory;

/* NULL when out of memory. */
struct memory *memory_new(void);
void memory_free(struct memory *memory);
uint64_t memory_in_use(const struct memory *memory);

/* All of [address, address + size) as it is now, or false. */
bool memory_read(struct memory *memory, uint64_t address, void *to, size_t size);
/* What can be had of it, from its beginning. */
size_t memory_read_some(struct memory *memory, uint64_t address, void *to, size_t size);
/* The same as memory_read for what does not change while it is mapped: whole pages are kept until memory_forget. */
bool memory_read_constant(struct memory *memory, uint64_t address, void *to, size_t size);
void memory_forget(struct memory *memory);

#endif
