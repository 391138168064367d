/* Payloads of the runtime's events about allocation and collection, as EventPipe delivers them. Pure: no state, any thread,
 * [suspended] included. */
#ifndef ALLOCATIONS_EVENTS_H
#define ALLOCATIONS_EVENTS_H

#include "allocations.h"

#define EVENTS_PROVIDER "Microsoft-Windows-DotNETRuntime"
#define EVENTS_KEYWORD_GC UINT64_C(0x1)
#define EVENTS_KEYWORD_SAMPLING UINT64_C(0x80000000000)

enum event_id {
    EVENT_GC_START = 1,
    EVENT_GC_END = 2,
    EVENT_RESTART_END = 3,
    EVENT_HEAP_STATS = 4,
    EVENT_SUSPEND_BEGIN = 9,
    EVENT_ALLOCATION_TICK = 10,
    EVENT_ALLOCATION_SAMPLED = 303
};

struct allocation {
    uint64_t type;     /* 0 = not told */
    uint64_t size;     /* of the object */
    uint64_t weight;   /* bytes that it stands for */
    uint64_t variance; /* that it adds to the estimate */
    uint32_t heap;     /* enum al_heap */
};

struct collection {
    uint32_t number;
    uint32_t kind; /* enum al_collection; at the end of one the generation alone */
    int induced;   /* somebody asked for it. Of the start */
};

/* Each returns 1, or 0 when the payload is too short for its version or makes no sense. */
int event_read_sampled(const uint8_t *data, uint32_t size, struct allocation *allocation);
int event_read_tick(uint32_t version, const uint8_t *data, uint32_t size, struct allocation *allocation);
int event_read_gc_start(uint32_t version, const uint8_t *data, uint32_t size, struct collection *collection);
int event_read_gc_end(uint32_t version, const uint8_t *data, uint32_t size, struct collection *collection);
int event_read_promoted(uint32_t version, const uint8_t *data, uint32_t size, uint64_t *promoted);
/* 1 when the program is stopped for a collection. */
int event_is_gc_suspension(const uint8_t *data, uint32_t size);

#endif
