/* medic.names: names for the runtime's ids, resolved while draining and cached. */
#ifndef MEDIC_SERVICE_NAMES_H
#define MEDIC_SERVICE_NAMES_H

#include <medic/plugin.h>

#define MEDIC_SERVICE_NAMES "medic.names/draft"

/* [worker] Each writes one name (module, thread) record per id and session; later calls only look into the cache. What
 * cannot be resolved gets a record that says so. An id is never dereferenced before the runtime has confirmed it.
 * Ask for an id while it is alive: in drain, as soon as it is seen. */
typedef struct medic_names_service {
    uint32_t size;
    uint32_t reserved;
    int (*type)(const medic_host *host, ClassID id);
    int (*function)(const medic_host *host, FunctionID id);
    int (*module)(const medic_host *host, ModuleID id);
    int (*thread)(const medic_host *host, ThreadID id);
    /* The function that contains a code address, named as above; *id is 0 and MEDIC_E_NOT_FOUND for native code. */
    int (*function_at)(const medic_host *host, uintptr_t ip, FunctionID *id);
} medic_names_service;

#endif
