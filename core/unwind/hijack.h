/* Return addresses that the runtime has replaced, to stop a thread when it returns: the true one stands in the runtime's Thread
 * object, beside the address of the place it was taken from. On the worker. */
#ifndef CORE_UNWIND_HIJACK_H
#define CORE_UNWIND_HIJACK_H

#include "memory.h"

#include <medic/clr/profiler.h>

struct hijack {
    uint64_t offset; /* of the pair within a Thread object, once it is known */
    unsigned budget; /* searches of all threads that are left until the next refresh */
};

/* 0 when it is not found. place: the address that the replaced return address was loaded from. */
uint64_t hijack_find(struct hijack *hijack, ICorProfilerInfo12 *info, struct memory *memory, uint64_t place);

#endif
