/* Names for the runtime's ids, resolved on the worker while draining and cached for the session. */
#ifndef CORE_SERVICES_NAMES_H
#define CORE_SERVICES_NAMES_H

#include <medic/capture_format.h>
#include <medic/clr/profiler.h>

struct names;

/* Writes a core record made of a fixed head and a text tail. MEDIC_OK or a code. */
typedef int (*names_emit_fn)(void *context, uint32_t type, const void *head, uint32_t head_size, const void *tail,
                             uint32_t tail_size);

/* info is borrowed for the life of the cache. NULL when out of memory. [worker] */
struct names *names_new(ICorProfilerInfo12 *info, names_emit_fn emit, void *context);
/* Asks begin before, and end after, every question to the runtime about an id: 0 = the id may not be valid any more, do
 * not ask. Both get names_new's context. [worker] */
void names_guard(struct names *names, int (*begin)(void *context), void (*end)(void *context));
void names_free(struct names *names);
/* Bytes the cache holds, for the session's cost. */
uint64_t names_memory(const struct names *names);

/* medic/service/names.h. [worker] */
int names_type(struct names *names, ClassID id);
int names_base_type(struct names *names, ClassID id, ClassID *base);
int names_function(struct names *names, FunctionID id);
int names_module(struct names *names, ModuleID id);
int names_thread(struct names *names, ThreadID id);
int names_function_at(struct names *names, uintptr_t ip, FunctionID *id);

/* The managed code at an address. */
struct names_code {
    FunctionID function;
    ModuleID module; /* 0 for dynamic code */
    int fleeting;    /* other code may come to this address: ask again the next time */
};
/* As names_function_at, which this is the whole of. */
int names_code_at(struct names *names, uintptr_t ip, struct names_code *code);

/* The guard, for others who ask the runtime about ids that they got here: 1 = ask, then end; 0 = do not. */
int names_begin_asking(struct names *names);
void names_end_asking(struct names *names);

#endif
