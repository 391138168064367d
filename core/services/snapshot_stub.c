/* Stands in for snapshot.c until that is there. */
#include "core/services/snapshot.h"

int snapshot_take(uint32_t record_type, uint32_t flags, medic_snapshot *result, medic_reason *why)
{
    (void)record_type, (void)flags, (void)result;
    return medic_fail(why, MEDIC_E_UNSUPPORTED, "this version of Medic takes no snapshots");
}

int suspension_sampling_start(const medic_sampling *sampling, medic_reason *why)
{
    (void)sampling;
    return medic_fail(why, MEDIC_E_UNSUPPORTED, "this version of Medic samples by timers only");
}

void suspension_sampling_stop(void)
{
}

void suspension_sampling_state(medic_sampling_state *state)
{
    (void)state;
}
