/* What every copy of the process does first, so that it can harm neither the target nor anybody else, and last. */
#ifndef CORE_SERVICES_HEAP_CHILD_H
#define CORE_SERVICES_HEAP_CHILD_H

#include "core/services/heap_code_memory.h"

#include <medic/result.h>
#include <stdint.h>

struct heap_sink;

/* Made in the target before anything stands still; the copy uses its own copy of it. */
struct heap_child {
    struct heap_sink *sink;
    struct code_memory memory;
    uint64_t life_ns;    /* after this the copy ends itself, whoever lives */
    uint32_t target_pid; /* whose death it does not survive */
};

/* [worker] */
int heap_child_prepare(struct heap_child *child, struct heap_sink *sink, uint64_t life_ns, medic_reason *why);
void heap_child_free(struct heap_child *child);

/* Blocks all signals, closes what it inherited, raises its oom score, sets its own end, makes its own copy of the runtime's
 * code memory, and closes the dispatcher's gate, so that no plugin is called. Phase PREPARING to SAFE. When something
 * fails: phase FAILED with a sentence, and this process ends. [copy] */
void heap_child_begin(const struct heap_child *child);
/* heap_sink_end, and the end of this process. [copy] */
_Noreturn void heap_child_end(const struct heap_child *child);

#endif
