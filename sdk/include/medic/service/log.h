/* medic.log: a line for the person who looks after the plugin; it goes into the capture and
 * the report, never to the target's output. */
#ifndef MEDIC_SERVICE_LOG_H
#define MEDIC_SERVICE_LOG_H

#include <medic/capture_format.h>
#include <medic/plugin.h>

#define MEDIC_SERVICE_LOG "medic.log/draft"

#define MEDIC_LOG_TEXT_MAX 400 /* bytes of a line that are kept */

typedef struct medic_log_service {
    uint32_t size;
    uint32_t reserved;
    /* [worker] [runtime] [tool] The report shows it. Lines above the session's rate (100 a second) are counted as lost. */
    void (*write)(const medic_host *host, enum medic_log_level level, const char *format, ...) MEDIC_PRINTF(3, 4);
} medic_log_service;

#endif
