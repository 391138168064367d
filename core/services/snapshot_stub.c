/* Stands in for snapshot.c until that is there. */
#include "core/services/snapshot.h"

int snapshot_take(uint32_t record_type, uint32_t flags, medic_snapshot *result, medic_reason *why)
{
    (void)record_type, (void)flags, (void)result, (void)why;
    return MEDIC_E_UNSUPPORTED;
}

int suspension_sampling_start(const medic_sampling *sampling, medic_reason *why)
{
    (void)sampling, (void)why; /* which keeps the sentence about the timers */
    return MEDIC_E_UNSUPPORTED;
}

void suspension_sampling_stop(void)
{
}

void suspension_sampling_state(medic_sampling_state *state)
{
    (void)state;
}
