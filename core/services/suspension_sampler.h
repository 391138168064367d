/* CPU sampling without timers: a thread of Medic's looks every interval which managed threads have used CPU time, and takes
 * their stacks in a suspension of the runtime. Biased: threads are seen where they can be stopped, native threads and
 * native leaves never. It is for where timers cannot be had. */
#ifndef CORE_SERVICES_SUSPENSION_SAMPLER_H
#define CORE_SERVICES_SUSPENSION_SAMPLER_H

#include <medic/service/stacks.h>

/* [worker] */
int suspension_sampler_start(const medic_sampling *sampling, medic_reason *why);
/* Returns when its thread does nothing any more: 1; or 0 after timeout_ns, when the runtime does not let go of it. [worker] */
int suspension_sampler_stop(uint64_t timeout_ns);
/* Samples, losses and threads. Any thread. */
void suspension_sampler_state(medic_sampling_state *state);
/* CPU time of its thread, and its memory. Any thread. */
uint64_t suspension_sampler_cpu_ns(void);
uint64_t suspension_sampler_memory(void);

#endif
