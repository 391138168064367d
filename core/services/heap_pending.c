/* Stands in for what is not there yet; each of these gives way to the real one. */
#include "core/services/heap_routes.h"

#define PENDING __attribute__((weak))

PENDING int heap_collect_take(struct heap_take *take, medic_reason *why)
{
    take->hopeless = 1;
    return medic_fail(why, MEDIC_E_UNSUPPORTED, "no collection of the program can be watched yet");
}

PENDING uint64_t heap_collect_predict_ns(void)
{
    return 0;
}

PENDING int heap_collect_armed(void)
{
    return 0;
}

PENDING void heap_collect_moment(enum heap_moment moment)
{
    (void)moment;
}

PENDING void heap_event(DWORD id)
{
    (void)id;
}

PENDING int heap_names_write(const struct heap_shared *shared, uint32_t photo)
{
    (void)shared, (void)photo;
    return MEDIC_OK;
}
