/* Payloads of the runtime's GC events, as EventPipe delivers them. Pure: no state, any thread, [suspended] included. */
#ifndef RUNTIME_PAUSES_GC_EVENTS_H
#define RUNTIME_PAUSES_GC_EVENTS_H

#include "records.h"

#define GC_EVENTS_PROVIDER "Microsoft-Windows-DotNETRuntime"
#define GC_EVENTS_KEYWORD UINT64_C(0x1)
#define GC_EVENTS_LEVEL 4u

enum gc_event_id {
    GC_EVENT_START = 1,
    GC_EVENT_END = 2,
    GC_EVENT_HEAP_STATS = 4,
    GC_EVENT_SUSPEND_BEGIN = 9,
    GC_EVENT_TRIGGERED = 35,
    GC_EVENT_GLOBAL_HISTORY = 205
};

/* Each returns 1, or 0 when the payload is too short for its version. at_ns is left to the caller. */

/* GCStart, GCEnd, GCGlobalHeapHistory. */
int gc_event_read(uint32_t id, uint32_t version, const uint8_t *data, uint32_t size, rp_gc *gc);
int gc_event_read_heap(uint32_t version, const uint8_t *data, uint32_t size, rp_heap *heap);
int gc_event_read_trigger(const uint8_t *data, uint32_t size, uint32_t *reason);

#endif
