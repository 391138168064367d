/* medic.capture: the capture as the report half reads it. */
#ifndef MEDIC_SERVICE_CAPTURE_READER_H
#define MEDIC_SERVICE_CAPTURE_READER_H

#include <medic/capture_format.h>
#include <medic/plugin.h>

#define MEDIC_SERVICE_CAPTURE "medic.capture/draft"

/* [tool] Texts and structs are owned by the host and live until render returns. */
typedef struct medic_capture_service {
    uint32_t size;
    uint32_t reserved;
    const medic_capture_header *(*header)(const medic_host *host);
    /* The next record of the plugin (types 256 and up): 1 = filled, 0 = no more. Core records are kept by the host and
     * answered by the functions below, wherever in the file they stand. record->data is valid until the next call. */
    int (*next)(const medic_host *host, medic_record *record);
    void (*rewind)(const medic_host *host);
    /* The name of an id, or NULL when the capture has none. kind: enum medic_name_kind. */
    const medic_name_record *(*name)(const medic_host *host, uint32_t kind, uint64_t id, const char **text);
    const medic_module_record *(*module)(const medic_host *host, uint64_t id, const char **path);
    const medic_thread_record *(*thread)(const medic_host *host, uint64_t id, const char **name);
    /* CLOCK_MONOTONIC ns when recording began and ended (the last record seen when the end is missing). */
    void (*span)(const medic_host *host, uint64_t *begin_ns, uint64_t *end_ns);
    uint32_t (*end_reason)(const medic_host *host); /* enum medic_end_reason; MEDIC_END_NONE = incomplete */
    uint64_t (*lost)(const medic_host *host);       /* records lost in the target or damaged in the file */
} medic_capture_service;

#endif
