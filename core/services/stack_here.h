/* Records with the calling thread's own stack, and with one that is known as addresses. [runtime] */
#ifndef CORE_SERVICES_STACK_HERE_H
#define CORE_SERVICES_STACK_HERE_H

#include "core/ring.h"

/* As medic/service/stacks.h; the types and sizes are checked. MEDIC_OK, MEDIC_E_FULL (counted), MEDIC_E_ARGUMENT,
 * MEDIC_E_UNSUPPORTED on other machines than x86-64. */
int stack_here(struct ring *ring, uint32_t type, const void *head, uint32_t head_size, const void *tail,
               uint32_t tail_size);
int stack_addresses(struct ring *ring, uint32_t type, const void *head, uint32_t head_size, const uintptr_t *addresses,
                    uint32_t count);

#endif
