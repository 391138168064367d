#include "core/services/heap_ranges.h"

#include "core/services/heap_output.h"

#include <medic/clr/hresults.h>

enum { NON_GC_RANGES = 256 };

static void add(struct heap_sink *sink, uint64_t begin, uint64_t end, uint32_t generation)
{
    if (sink->range_count < HEAP_RANGES_MAX && begin < end)
        sink->ranges[sink->range_count++] = (medic_heap_range_entry){begin, end, generation, 0};
}

static const medic_heap_range_entry *find(const struct heap_sink *sink, uint64_t address)
{
    for (uint32_t i = sink->range_count; i-- > 0;) { /* the later ones are the likelier */
        if (address >= sink->ranges[i].begin && address < sink->ranges[i].end)
            return &sink->ranges[i];
    }
    return NULL;
}

static int ask(struct heap_sink *sink, ObjectID object, medic_heap_range_entry *range)
{
    COR_PRF_GC_GENERATION_RANGE told = {.rangeStart = 0};
    ICorProfilerInfo12 *info = sink->plan.info;

    if (FAILED(info->lpVtbl->GetObjectGeneration(info, object, &told)) || object < told.rangeStart ||
        object - told.rangeStart >= told.rangeLength || (uint32_t)told.generation > MEDIC_GENERATION_PINNED)
        return 0;
    *range =
        (medic_heap_range_entry){told.rangeStart, told.rangeStart + told.rangeLength, (uint32_t)told.generation, 0};
    return 1;
}

void heap_ranges_find(struct heap_sink *sink, ObjectID object)
{
    const medic_heap_range_entry *known = find(sink, object);
    medic_heap_range_entry range = {object, object + 1, MEDIC_GENERATION_UNKNOWN, 0};

    if (known)
        range = *known;
    else if (ask(sink, object, &range))
        add(sink, range.begin, range.end, range.generation);
    sink->range_begin = range.begin;
    sink->range_size = range.end - range.begin;
}

int heap_ranges_have(const struct heap_sink *sink, uint64_t address)
{
    return find(sink, address) != NULL;
}

void heap_ranges_add_frozen(struct heap_sink *sink)
{
    COR_PRF_NONGC_HEAP_RANGE told[NON_GC_RANGES];
    ULONG count = 0;

    if (!sink->info14 || FAILED(sink->info14->lpVtbl->GetNonGCHeapBounds(sink->info14, NON_GC_RANGES, &count, told)))
        return;
    for (ULONG i = 0; i < count && i < NON_GC_RANGES; i++)
        add(sink, told[i].rangeStart, told[i].rangeStart + told[i].rangeLength, MEDIC_GENERATION_FROZEN);
}

void heap_ranges_write(struct heap_sink *sink, uint32_t first)
{
    enum { PIECE = 4096 };
    medic_heap_list_record head = {sink->plan.head.photo, 0};

    for (; first < sink->range_count; first += head.count) {
        head.count = sink->range_count - first < PIECE ? sink->range_count - first : PIECE;
        heap_output_record(sink, MEDIC_RECORD_HEAP_RANGES, &head, sizeof head, sink->ranges + first,
                           head.count * sizeof *sink->ranges);
    }
}
