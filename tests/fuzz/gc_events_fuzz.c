/* The payloads of the runtime's collection events, as runtime_pauses reads them inside the target. The first two bytes choose
 * the event and its version. */
#include "plugins/runtime_pauses/gc_events.c"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t ids[] = {GC_EVENT_START, GC_EVENT_END, GC_EVENT_GLOBAL_HISTORY, 77};
    rp_gc gc;
    rp_heap heap;
    uint32_t reason;

    if (size < 2 || size > UINT32_MAX)
        return 0;
    gc_event_read(ids[data[0] % 4], data[1], data + 2, (uint32_t)size - 2, &gc);
    gc_event_read_heap(data[1], data + 2, (uint32_t)size - 2, &heap);
    gc_event_read_trigger(data + 2, (uint32_t)size - 2, &reason);
    return 0;
}
