/* medic.heap: a photograph of the managed heap: objects, classes, references, roots.
 *
 * The target stands still for a clone of the process, or (COLLECT) for one forced collection; the walk happens in the copy,
 * which writes the records of medic/heap_format.h straight into the capture. The report half reads the graph through
 * medic.heap_graph (medic/service/heap_graph.h). */
#ifndef MEDIC_SERVICE_HEAP_H
#define MEDIC_SERVICE_HEAP_H

#include <medic/heap_format.h>
#include <medic/plugin.h>

#define MEDIC_SERVICE_HEAP "medic.heap/draft"

typedef struct medic_heap_request {
    uint32_t size;
    uint32_t route;        /* enum medic_heap_route; AUTO takes COPY, or COLLECT where that cannot be; a plugin with
                              MEDIC_DEAD_TOO gets ENUMERATE from .NET 9 on */
    uint32_t contents;     /* MEDIC_HEAP_HASHES and MEDIC_HEAP_VALUES */
    uint32_t value_units;  /* of a value, as many UTF-16 units are kept: up to 4096 */
    uint64_t max_pause_ns; /* a photograph that will probably pause the target longer is refused */
} medic_heap_request;

typedef struct medic_heap_photo {
    uint32_t size;
    uint32_t photo; /* its number in the capture */
    uint32_t route; /* enum medic_heap_route: the one that was taken */
    uint32_t attempts;
    uint64_t objects, bytes;
    uint64_t pause_ns;
} medic_heap_photo;

typedef struct medic_heap_service {
    uint32_t size;
    uint32_t reserved;
    /* [worker] From tick, not from start. Returns when the photograph is in the capture: seconds for a large heap; the
     * session's status is kept up to date meanwhile, a request to stop ends it (MEDIC_E_STOPPED). On failure nothing of it is
     * in the capture and the target is as before; the sentence says what was tried. */
    int (*photograph)(const medic_host *host, const medic_heap_request *request, medic_heap_photo *photo,
                      medic_reason *why);
} medic_heap_service;

#endif
