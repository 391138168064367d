#include "events.h"

#include <medic/event_data.h>

#define OBJECT_MOST (UINT64_C(1) << 47)
#define FULL_EXPONENT 20.0 /* from here on e^-x is nothing */

/* x / (1 - e^-x), without libm: a series of the 32nd part, whose e^-x is then squared five times. */
static double over_chance(double x)
{
    double part = x / 32, rest;

    if (x > FULL_EXPONENT)
        return x;
    if (x < 0.1)
        return 1 + x / 2 + x * x / 12 - x * x * x * x / 720;
    rest = 1 - part * (1 - part / 2 * (1 - part / 3 * (1 - part / 4 * (1 - part / 5 * (1 - part / 6)))));
    for (int i = 0; i < 5; i++)
        rest *= rest;
    return x / (1 - rest);
}

/* The offset behind a UTF-16 text with its NUL; 0 when it has no end. */
static uint32_t behind_text(const uint8_t *data, uint32_t size, uint32_t offset)
{
    for (; offset + 2 <= size; offset += 2)
        if (data[offset] == 0 && data[offset + 1] == 0)
            return offset + 2;
    return 0;
}

/* u32 kind, u16 clr, pointer type, name, pointer address, u64 size, u64 offset of the sampled byte. */
int event_read_sampled(const uint8_t *data, uint32_t size, struct allocation *allocation)
{
    uint32_t at;
    double weight;

    if (size < 14)
        return 0;
    at = behind_text(data, size, 14);
    if (!at || size - at < 16)
        return 0;
    allocation->heap = medic_u32_at(data, 0);
    allocation->type = medic_u64_at(data, 6);
    allocation->size = medic_u64_at(data, at + 8);
    if (allocation->heap >= AL_HEAPS || !allocation->size || allocation->size > OBJECT_MOST)
        return 0;
    weight = AL_INTERVAL * over_chance((double)allocation->size / AL_INTERVAL);
    allocation->weight = (uint64_t)(weight + 0.5);
    allocation->variance = (uint64_t)(weight * (weight - (double)allocation->size)); /* w^2 (1 - p), and p = size/w */
    return 1;
}

/* u32 amount, u32 kind. V1: u16 clr. V2: u64 amount, pointer type, name. V3: u32 heap, pointer address. V4: u64 size. */
int event_read_tick(uint32_t version, const uint8_t *data, uint32_t size, struct allocation *allocation)
{
    uint32_t at;

    if (version < 2 || size < 26)
        return 0;
    allocation->heap = medic_u32_at(data, 4);
    allocation->weight = medic_u64_at(data, 10);
    allocation->type = medic_u64_at(data, 18);
    allocation->size = 0;
    if (version >= 4 && (at = behind_text(data, size, 26)) != 0 && size - at >= 20)
        allocation->size = medic_u64_at(data, at + 12);
    if (allocation->heap >= AL_HEAPS || !allocation->weight || allocation->weight > OBJECT_MOST ||
        allocation->size > OBJECT_MOST)
        return 0;
    allocation->variance =
        allocation->weight < UINT32_MAX ? allocation->weight * allocation->weight : UINT64_C(1) << 62;
    return 1;
}

/* gc_reason: induced, without force, compacting, aggressive. */
static int is_induced(uint32_t reason)
{
    return reason == 1 || reason == 7 || reason == 10 || reason == 17;
}

/* V1: count, generation, reason, type, u16 clr. */
int event_read_gc_start(uint32_t version, const uint8_t *data, uint32_t size, struct collection *collection)
{
    const uint32_t background = 1;

    if (version < 1 || size < 16 || medic_u32_at(data, 4) > AL_GEN2)
        return 0;
    collection->number = medic_u32_at(data, 0);
    collection->kind = medic_u32_at(data, 12) == background ? (uint32_t)AL_BACKGROUND : medic_u32_at(data, 4);
    collection->induced = is_induced(medic_u32_at(data, 8));
    return 1;
}

/* V1: count, generation, u16 clr. */
int event_read_gc_end(uint32_t version, const uint8_t *data, uint32_t size, struct collection *collection)
{
    if (version < 1 || size < 8 || medic_u32_at(data, 4) > AL_GEN2)
        return 0;
    *collection = (struct collection){.number = medic_u32_at(data, 0), .kind = medic_u32_at(data, 4)};
    return 1;
}

/* V0: (size, promoted) of generations 0 to 3, ... V2: and of generation 4. */
int event_read_promoted(uint32_t version, const uint8_t *data, uint32_t size, uint64_t *promoted)
{
    if (size < 92)
        return 0;
    *promoted = medic_u64_at(data, 8) + medic_u64_at(data, 24) + medic_u64_at(data, 40) + medic_u64_at(data, 56);
    if (version >= 2 && size >= 110)
        *promoted += medic_u64_at(data, 102);
    return 1;
}

int event_is_gc_suspension(const uint8_t *data, uint32_t size)
{
    const uint32_t gc = 1, gc_prepare = 6;

    return size >= 4 && (medic_u32_at(data, 0) == gc || medic_u32_at(data, 0) == gc_prepare);
}
