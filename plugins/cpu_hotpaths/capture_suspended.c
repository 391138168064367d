/* When a collection begins and ends, and on which thread: the collector's functions have no names, so this is how the report
 * half tells its samples from the rest of the runtime. [suspended] */
#include "capture.h"

static HRESULT write_event(struct hotpaths *self, uint32_t what)
{
    ch_gc event = {.time_ns = self->clock->now_ns(), .os_id = self->clock->thread_id(), .what = what};

    self->records->write(self->host, CH_GC, &event, sizeof event);
    return S_OK;
}

static HRESULT gc_started(void *self, int generations, BOOL *collected, COR_PRF_GC_REASON reason)
{
    (void)generations, (void)collected, (void)reason;
    return write_event(self, CH_GC_BEGIN);
}

static HRESULT gc_finished(void *self)
{
    return write_event(self, CH_GC_END);
}

const medic_callbacks cpu_hotpaths_callbacks = {
    .size = sizeof(medic_callbacks),
    .GarbageCollectionStarted = gc_started,
    .GarbageCollectionFinished = gc_finished,
};
