/* Managed code: where the function around an address begins and ends, and the rule that leads out of it. Code of the JIT by its
 * header, code of ReadyToRun images by their table. What the runtime may free at any moment (dynamic methods, collectible
 * assemblies) is read through memory.h and believed for a second only. On the worker. */
#ifndef CORE_UNWIND_MANAGED_CODE_H
#define CORE_UNWIND_MANAGED_CODE_H

#include "memory.h"
#include "rule.h"

struct managed_code;

/* A function, or one of its funclets. */
struct managed_range {
    uint64_t begin, end;
    uint64_t base;        /* what unwind_data is relative to */
    uint32_t unwind_data; /* UNWIND_INFO */
    bool ready_to_run;
    bool passing; /* may be freed: not to be kept beyond managed_code_refresh */
};

/* info is borrowed, memory too. NULL when out of memory. */
struct managed_code *managed_code_new(ICorProfilerInfo12 *info, struct memory *memory);
void managed_code_free(struct managed_code *m);
uint64_t managed_code_memory(const struct managed_code *m);
/* True when what was `passing` has to be asked for again. */
bool managed_code_refresh(struct managed_code *m, uint64_t now_ns);

/* With false only what is kept is used, and the runtime is not asked. */
void managed_code_may_ask(struct managed_code *m, bool may);

/* Whether the runtime knows the address. */
bool managed_code_at(struct managed_code *m, uint64_t ip);
bool managed_code_find(struct managed_code *m, uint64_t ip, struct managed_range *range);
/* ip: the next instruction. interrupted: it need not be one after a call, so it may lie in an epilogue. */
bool managed_code_rule(struct managed_code *m, const struct managed_range *range, uint64_t ip, bool interrupted,
                       struct unwind_rule *rule);

#endif
