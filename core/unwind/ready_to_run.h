/* Precompiled managed code: the images' function tables. Nothing of an image is trusted; all of it is read through memory.h. */
#ifndef CORE_UNWIND_READY_TO_RUN_H
#define CORE_UNWIND_READY_TO_RUN_H

#include "managed_code.h"

struct ready_to_run {
    uint64_t begin, end;   /* of the image */
    uint64_t table, count; /* RUNTIME_FUNCTIONs */
    bool passing;
};

/* False when the image that is mapped at base holds no native code. */
bool ready_to_run_open(struct memory *memory, uint64_t base, struct ready_to_run *image);
/* Searches for the image that holds the address, backwards from there. Slow. */
bool ready_to_run_around(struct memory *memory, uint64_t address, struct ready_to_run *image);
bool ready_to_run_find(struct memory *memory, const struct ready_to_run *image, uint64_t ip,
                       struct managed_range *range);

#endif
