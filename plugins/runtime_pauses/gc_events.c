#include "gc_events.h"

#include <medic/event_data.h>
#include <string.h>

/* V0: count, reason. V1: count, depth, reason, type, u16 clr. V2: and u64 client sequence number. */
static int read_start(uint32_t version, const uint8_t *data, uint32_t size, rp_gc *gc)
{
    gc->what = RP_GC_START;
    if (version == 0) {
        if (size < 8)
            return 0;
        gc->reason = medic_u32_at(data, 4);
    } else {
        if (size < 16)
            return 0;
        gc->generation = medic_u32_at(data, 4);
        gc->reason = medic_u32_at(data, 8);
        gc->type = medic_u32_at(data, 12);
    }
    gc->number = medic_u32_at(data, 0);
    return 1;
}

/* V0: count, u16 depth. V1: count, depth, u16 clr. */
static int read_end(uint32_t version, const uint8_t *data, uint32_t size, rp_gc *gc)
{
    gc->what = RP_GC_END;
    if (size < (version == 0 ? 6u : 8u))
        return 0;
    gc->number = medic_u32_at(data, 0);
    if (version > 0)
        gc->generation = medic_u32_at(data, 4);
    return 1;
}

/* V0: u64 youngest budget, heaps, condemned generation, gen0 reductions, reason, mechanisms. V1: u16 clr.
 * V2: pause mode, memory pressure. V3: condemn reasons. V4: phase times. */
static int read_history(uint32_t version, const uint8_t *data, uint32_t size, rp_gc *gc)
{
    gc->what = RP_GC_HISTORY;
    if (size < 28)
        return 0;
    gc->heaps = medic_u32_at(data, 8);
    gc->generation = medic_u32_at(data, 12);
    gc->reason = medic_u32_at(data, 20);
    gc->mechanisms = medic_u32_at(data, 24);
    if (version >= 2 && size >= 34)
        gc->pause_mode = medic_u32_at(data, 30);
    return 1;
}

int gc_event_read(uint32_t id, uint32_t version, const uint8_t *data, uint32_t size, rp_gc *gc)
{
    gc->number = gc->generation = gc->reason = gc->type = RP_UNKNOWN;
    gc->mechanisms = gc->pause_mode = gc->heaps = RP_UNKNOWN;
    switch (id) {
    case GC_EVENT_START: return read_start(version, data, size, gc);
    case GC_EVENT_END: return read_end(version, data, size, gc);
    case GC_EVENT_GLOBAL_HISTORY: return read_history(version, data, size, gc);
    default: return 0;
    }
}

/* V0: (size, promoted) of generations 0-3, finalization promoted size and count, pinned, sync blocks, handles.
 * V1: u16 clr. V2: size and promoted of generation 4. */
int gc_event_read_heap(uint32_t version, const uint8_t *data, uint32_t size, rp_heap *heap)
{
    memset(heap, 0, sizeof *heap);
    if (size < 92)
        return 0;
    for (uint32_t generation = 0; generation < 4; generation++) {
        heap->size[generation] = medic_u64_at(data, generation * 16);
        heap->promoted[generation] = medic_u64_at(data, generation * 16 + 8);
    }
    heap->pinned = medic_u32_at(data, 80);
    heap->handles = medic_u32_at(data, 88);
    if (version >= 2 && size >= 110) {
        heap->size[4] = medic_u64_at(data, 94);
        heap->promoted[4] = medic_u64_at(data, 102);
    }
    return 1;
}

int gc_event_read_trigger(const uint8_t *data, uint32_t size, uint32_t *reason)
{
    if (size < 4)
        return 0;
    *reason = medic_u32_at(data, 0);
    return 1;
}
