/* medic.records: from a callback into the bounded ring, from there (through drain) into the capture file. */
#ifndef MEDIC_SERVICE_RECORDS_H
#define MEDIC_SERVICE_RECORDS_H

#include <medic/plugin.h>

#define MEDIC_SERVICE_RECORDS "medic.records/draft"

typedef struct medic_records_service {
    uint32_t size;
    uint32_t reserved;
    /* Copies a record into the ring. type >= MEDIC_RECORD_PLUGIN. Never blocks, allocates or locks: when the ring is full
     * the record is dropped, counted, and MEDIC_E_FULL returned. Any thread, [suspended] and [signal] included. */
    int (*write)(const medic_host *host, uint32_t type, const void *data, uint32_t data_size);
    /* The same for a record of two pieces, one behind the other: a fixed head and a variable tail. */
    int (*write2)(const medic_host *host, uint32_t type, const void *head, uint32_t head_size, const void *tail,
                  uint32_t tail_size);
    /* [worker] Straight into the file, past the ring: for bulk data and from drain, tick and stop. MEDIC_E_IO, MEDIC_E_FULL. */
    int (*emit)(const medic_host *host, uint32_t type, const void *data, uint32_t data_size);
    /* Has the worker drain and tick within 20 ms: for what would be lost if the program died now. A load when it was asked
     * before. Any thread, [suspended] and [signal] included. */
    void (*soon)(const medic_host *host);
} medic_records_service;

#endif
