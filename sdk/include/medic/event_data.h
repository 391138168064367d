/* Reading the payloads of the runtime's events (EventPipeEventDelivered). They are packed: members follow one another without
 * padding, and later versions of an event only append, so a reader checks the size once and then reads at fixed offsets. Any
 * thread, also inside a pause: nothing here blocks or allocates. [core] */
#ifndef MEDIC_EVENT_DATA_H
#define MEDIC_EVENT_DATA_H

#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Each reads little-endian at an offset in bytes, aligned or not. The caller has checked that so many bytes are there. */
static inline uint32_t medic_u32_at(const uint8_t *data, uint32_t offset)
{
    uint32_t value;

    memcpy(&value, data + offset, sizeof value);
    return value;
}

static inline uint64_t medic_u64_at(const uint8_t *data, uint32_t offset)
{
    uint64_t value;

    memcpy(&value, data + offset, sizeof value);
    return value;
}

static inline double medic_f64_at(const uint8_t *data, uint32_t offset)
{
    double value;

    memcpy(&value, data + offset, sizeof value);
    return value;
}

#ifdef __cplusplus
}
#endif

#endif
