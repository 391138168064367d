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

/* Of a frozen object no generation is told, and maybe no range. */
static medic_heap_range_entry ask(struct heap_sink *sink, ObjectID object)
{
    COR_PRF_GC_GENERATION_RANGE told = {.rangeStart = 0};
    ICorProfilerInfo12 *info = sink->plan.info;
    medic_heap_range_entry range = {object, object + 1, MEDIC_GENERATION_UNKNOWN, 0};

    if (FAILED(info->lpVtbl->GetObjectGeneration(info, object, &told)))
        return range;
    if (object >= told.rangeStart && object - told.rangeStart < told.rangeLength) {
        range.begin = told.rangeStart;
        range.end = told.rangeStart + told.rangeLength;
        if ((uint32_t)told.generation <= MEDIC_GENERATION_PINNED)
            range.generation = (uint32_t)told.generation;
    }
    return range;
}

void heap_ranges_find(struct heap_sink *sink, ObjectID object)
{
    const medic_heap_range_entry *known = find(sink, object);
    medic_heap_range_entry range = known ? *known : ask(sink, object),
                           *last = sink->range_count ? &sink->ranges[sink->range_count - 1] : NULL;

    if (!known && last && range.generation == MEDIC_GENERATION_UNKNOWN &&
        last->generation == MEDIC_GENERATION_UNKNOWN && last->begin == sink->range_begin && last->end <= object) {
        range.begin = last->begin; /* goes on where the object before was */
        last->end = range.end;
    } else if (!known)
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

/* What is in no range is of an unknown generation anyway. */
static int is_told(const medic_heap_range_entry *range)
{
    return range->generation != MEDIC_GENERATION_UNKNOWN;
}

void heap_ranges_write(struct heap_sink *sink, uint32_t first)
{
    enum { PIECE = 256 };
    medic_heap_list_record head = {sink->plan.head.photo, 0};
    medic_heap_range_entry piece[PIECE];

    for (uint32_t i = first; i < sink->range_count; i++) {
        if (is_told(&sink->ranges[i]))
            piece[head.count++] = sink->ranges[i];
        if (head.count == PIECE || (head.count && i + 1 == sink->range_count)) {
            heap_output_record(sink, MEDIC_RECORD_HEAP_RANGES, &head, sizeof head, piece, head.count * sizeof *piece);
            head.count = 0;
        }
    }
}
