/* runtime_pauses: every time the runtime stops its threads: why, how long, who asked, who was slow to stop. */
#include "runtime_pauses.h"

#include "records.h"

#include <medic/medic.h>

/* 7c1a5e0c-3f0b-4b8a-9b51-2f6d1c0e7a01 */
#define RUNTIME_PAUSES_GUID                                                                                            \
    {                                                                                                                  \
        0x7c1a5e0c, 0x3f0b, 0x4b8a,                                                                                    \
        {                                                                                                              \
            0x9b, 0x51, 0x2f, 0x6d, 0x1c, 0x0e, 0x7a, 0x01                                                             \
        }                                                                                                              \
    }

MEDIC_PLUGIN_NOTE("runtime_pauses", RUNTIME_PAUSES_GUID);

static const medic_param params[] = {
    {.key = "threshold",
     .label = "Long pause",
     .help =
         "A single pause of this length is worth mentioning, four times as long a warning; what pauses add up to is "
         "judged on the same scale.",
     .type = MEDIC_PARAM_DURATION,
     .initial = "50ms",
     .minimum = "100us",
     .maximum = "1m"},
    {.key = "stacks",
     .label = "Record stacks",
     .help = "Record who asked for a pause and who was slow to stop (2 to 8 microseconds each, at most 200 a second).",
     .type = MEDIC_PARAM_BOOL,
     .initial = "true"},
    {.key = "worst",
     .label = "Worst pauses",
     .help = "How many of the longest pauses are listed one by one.",
     .type = MEDIC_PARAM_INT,
     .initial = "10",
     .minimum = "1",
     .maximum = "1000"},
};

/* Events and the log are used when they are there. */
static const char *const capture_services[] = {MEDIC_SERVICE_RECORDS, MEDIC_SERVICE_CLOCK, MEDIC_SERVICE_RUNTIME,
                                               MEDIC_SERVICE_NAMES, MEDIC_SERVICE_PARAMS};
static const char *const report_services[] = {MEDIC_SERVICE_CAPTURE, MEDIC_SERVICE_DOCUMENT, MEDIC_SERVICE_PARAMS};

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))

static const medic_plugin plugin = {
    .magic = MEDIC_PLUGIN_MAGIC,
    .size = sizeof(medic_plugin),
    .abi_major = MEDIC_ABI_MAJOR,
    .abi_minor = MEDIC_ABI_MINOR,
    .guid = RUNTIME_PAUSES_GUID,
    .name = "runtime_pauses",
    .version = "0.1.0",
    .summary = "Measures every pause of the runtime: its phases, its cause, who asked for it, who was slow to stop",
    .observation = "p95/p99 latency is high, the average is low",
    .record_revision = RP_REVISION,
    .event_mask_low = COR_PRF_MONITOR_SUSPENDS | COR_PRF_ENABLE_STACK_SNAPSHOT,
    .event_mask_high = COR_PRF_HIGH_BASIC_GC,
    .param_size = sizeof(medic_param),
    .param_count = COUNT(params),
    .capture_service_count = COUNT(capture_services),
    .report_service_count = COUNT(report_services),
    .params = params,
    .capture_services = capture_services,
    .report_services = report_services,
    .capture = &runtime_pauses_capture,
    .report = &runtime_pauses_report,
};

const medic_plugin *medic_plugin_entry(void)
{
    return &plugin;
}
