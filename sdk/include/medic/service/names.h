/* medic.names: names for the runtime's ids, resolved while draining and cached. */
#ifndef MEDIC_SERVICE_NAMES_H
#define MEDIC_SERVICE_NAMES_H

#include <medic/plugin.h>

#define MEDIC_SERVICE_NAMES "medic.names/draft"

/* [worker] Each writes one name (module, thread) record per id and session; later calls only look into the cache. What
 * cannot be resolved gets a record that says so. Ask in drain, for ids of the record that is shown: the runtime trusts an
 * id, and the core holds back the unload of a module, for a moment, until the ids recorded before are resolved; later ones
 * are refused. So never ask for an id recorded in ModuleUnloadFinished or ClassUnloadFinished. */
typedef struct medic_names_service {
    uint32_t size;
    uint32_t reserved;
    int (*type)(const medic_host *host, ClassID id);
    int (*function)(const medic_host *host, FunctionID id);
    int (*module)(const medic_host *host, ModuleID id);
    int (*thread)(const medic_host *host, ThreadID id);
    /* The function that contains a code address, named as above; *id is 0 and MEDIC_E_NOT_FOUND for native code. */
    int (*function_at)(const medic_host *host, uintptr_t ip, FunctionID *id);
    /* The type that this one derives from, named as above: System.ValueType of what is boxed, System.MulticastDelegate, ...
     * MEDIC_E_NOT_FOUND and 0 for arrays and System.Object. */
    int (*base_type)(const medic_host *host, ClassID id, ClassID *base);
    /* Around questions of the plugin's own to the runtime, in drain, about ids of the record that is shown. 0: they are not valid
     * any more, so do not ask; else end_asking follows, soon, as an unload waits for it. They nest. */
    int (*begin_asking)(const medic_host *host);
    void (*end_asking)(const medic_host *host);
} medic_names_service;

#endif
