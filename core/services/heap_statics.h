/* Static fields and what they hold. */
#ifndef CORE_SERVICES_HEAP_STATICS_H
#define CORE_SERVICES_HEAP_STATICS_H

#include <medic/clr/profiler.h>
#include <medic/result.h>

struct heap_sink;
struct heap_statics;

/* Room, and the threads there are: their list cannot be asked for in the copy. [worker] */
int heap_statics_open(ICorProfilerInfo12 *info, struct heap_statics **statics, medic_reason *why);
void heap_statics_close(struct heap_statics *statics);

/* The threads, and where in one the pointer to its statics is (heap_types.h), 0 = not known; known when they were told. */
uint32_t heap_statics_threads(const struct heap_statics *statics, const ThreadID **threads, uint32_t *place);

/* The AppDomain. */
uint64_t heap_statics_domain(const struct heap_statics *statics);

/* Tells the sink every static field that holds an object. Returns within seconds, whatever it meets. [copy] */
void heap_tell_statics(struct heap_sink *sink);

#endif
