/* From a code address to the place in the method's IL. [worker] */
#ifndef CORE_SERVICES_IL_OFFSET_H
#define CORE_SERVICES_IL_OFFSET_H

#include <medic/clr/profiler.h>

/* MEDIC_NO_IL_OFFSET when the runtime has no mapping. The function must be alive, and the address be code of it. called: the
 * code there has called something, and has not merely been interrupted. */
uint32_t il_offset_at(ICorProfilerInfo12 *info, uintptr_t ip, FunctionID function, int called);

/* The same on a mapping: offset is the byte in the native code. Pure. */
uint32_t il_offset_in(const COR_DEBUG_IL_TO_NATIVE_MAP *map, uint32_t count, uint32_t offset);

#endif
