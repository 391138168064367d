/* Photographs of all managed threads, and sampling by suspension. A place holder until those are there. */
#ifndef CORE_SERVICES_SNAPSHOT_H
#define CORE_SERVICES_SNAPSHOT_H

#include <medic/service/stacks.h>

/* medic.stacks' snapshot. [worker] */
int snapshot_take(uint32_t record_type, uint32_t flags, medic_snapshot *result, medic_reason *why);

/* Sampling by suspensions, for where timers cannot be had. Samples are shown by session_show. [worker] */
int suspension_sampling_start(const medic_sampling *sampling, medic_reason *why);
void suspension_sampling_stop(void);
void suspension_sampling_state(medic_sampling_state *state);

#endif
