/* medic.runtime: the runtime that is being profiled, for queries, and what only the core may do with it, on request. */
#ifndef MEDIC_SERVICE_RUNTIME_H
#define MEDIC_SERVICE_RUNTIME_H

#include <medic/plugin.h>

#define MEDIC_SERVICE_RUNTIME "medic.runtime/draft"

typedef struct medic_runtime_version {
    uint16_t major, minor, build, patch;
} medic_runtime_version;

typedef struct medic_runtime_service {
    uint32_t size;
    uint32_t reserved;
    /* For queries only. Setting masks, suspending, forcing collections, EventPipe sessions, ReJIT and detach belong to
     * the core. Owned by the host: no AddRef, no Release. It is as new as the runtime: QueryInterface for what was added
     * after ICorProfilerInfo12 is done by the caller. Any thread; each query has the runtime's own rules. */
    ICorProfilerInfo12 *(*info)(const medic_host *host);
    medic_runtime_version (*version)(const medic_host *host); /* any thread */
    /* [worker] Replaces the plugin's event mask. Bits that the runtime refuses now give MEDIC_E_UNSUPPORTED. */
    int (*set_event_mask)(const medic_host *host, uint32_t low, uint32_t high, medic_reason *why);
    /* Any thread, [suspended] and [signal] included: the plugin has all it needs; the session stops. */
    void (*done)(const medic_host *host);
    /* [worker] The session fails with this sentence. */
    void (*fail)(const medic_host *host, int code, const char *sentence);
    /* [worker] Shown to the user: thousandths of the work done. */
    void (*progress)(const medic_host *host, int32_t thousandths);
} medic_runtime_service;

#endif
