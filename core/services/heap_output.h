/* In the copy: records go to the capture by write(2), framed as the worker frames them (core/files.c). Short ones are
 * gathered; a chunk of objects goes out as it lies. */
#ifndef CORE_SERVICES_HEAP_OUTPUT_H
#define CORE_SERVICES_HEAP_OUTPUT_H

#include "core/services/heap_sink.h"

enum { HEAP_OUT_SIZE = 64 << 10 };

/* A record of a head and a tail. */
void heap_output_record(struct heap_sink *sink, uint32_t type, const void *head, uint32_t head_size, const void *tail,
                        uint64_t tail_size);
/* A record whose size bytes lie behind room for a medic_record_header; up to 7 bytes behind them are overwritten. */
void heap_output_whole(struct heap_sink *sink, uint32_t type, uint8_t *header, uint64_t size);
/* A line for the session's log. */
void heap_output_log(struct heap_sink *sink, const char *format, ...) MEDIC_PRINTF(2, 3);
void heap_output_flush(struct heap_sink *sink);

#endif
