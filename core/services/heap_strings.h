/* Strings of the heap: a hash of each, and the text of those that are there more than once. [copy]
 *
 * Which are there more than once shows only when the second one comes: a bitmap remembers what was seen, a bounded table
 * what was seen again, with the address of one of them. Nothing moves after the walk, so its text is read at the end. */
#ifndef CORE_SERVICES_HEAP_STRINGS_H
#define CORE_SERVICES_HEAP_STRINGS_H

#include "core/services/heap_sink.h"

/* Of the UTF-16 units; the same in every process. Never 0. */
uint64_t heap_string_hash(const uint16_t *units, uint64_t count);

/* Bytes of memory, zeros, that heap_strings_begin wants. */
uint64_t heap_strings_memory(void);
struct heap_strings *heap_strings_begin(void *memory);
/* A string object at address. */
void heap_strings_note(struct heap_strings *strings, uint64_t hash, uint32_t length, uint64_t address);
/* Writes the values, greatest waste first, until they have reached their bound. */
void heap_strings_write(struct heap_sink *sink);

#endif
