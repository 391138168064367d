/* gc_survivors: what survives collections, how much memory it keeps, and what holds it: from one photograph of the heap, or
 * from two what grew between them. */
#include "gc_survivors.h"

/* 5b0e7c94-1d3a-4f86-a2c7-e46f90b8d315 */
#define GC_SURVIVORS_GUID                                                                                              \
    {                                                                                                                  \
        0x5b0e7c94, 0x1d3a, 0x4f86,                                                                                    \
        {                                                                                                              \
            0xa2, 0xc7, 0xe4, 0x6f, 0x90, 0xb8, 0xd3, 0x15                                                             \
        }                                                                                                              \
    }

MEDIC_PLUGIN_NOTE("gc_survivors", GC_SURVIVORS_GUID);

static const medic_param params[] = {
    {.key = "compare",
     .label = "Second photograph",
     .help = "Take a second photograph this long after the first, and tell what grew; 0: one photograph.",
     .type = MEDIC_PARAM_DURATION,
     .initial = "0",
     .minimum = "0",
     .maximum = "24h"},
    {.key = "max_pause",
     .label = "Longest pause",
     .help = "Refuse a photograph that would probably stop the program for longer than this.",
     .type = MEDIC_PARAM_DURATION,
     .initial = "2s",
     .minimum = "1ms",
     .maximum = "10m"},
    {.key = "route",
     .label = "Kind of photograph",
     .help =
         "copy: shortest pause, needs memory for a copy of the heap; collect: one full garbage collection of the "
         "program; enumerate: no collection, shows dead objects too, .NET 9 and later; auto: copy, or collect where "
         "that cannot be.",
     .type = MEDIC_PARAM_ENUM,
     .initial = "auto",
     .choices = "auto|copy|collect|enumerate"},
};

static const char *const capture_services[] = {MEDIC_SERVICE_RECORDS, MEDIC_SERVICE_RUNTIME, MEDIC_SERVICE_PARAMS,
                                               MEDIC_SERVICE_HEAP};
static const char *const report_services[] = {MEDIC_SERVICE_CAPTURE, MEDIC_SERVICE_DOCUMENT, MEDIC_SERVICE_HEAP_GRAPH};

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))

static const medic_plugin plugin = {
    .magic = MEDIC_PLUGIN_MAGIC,
    .size = sizeof(medic_plugin),
    .abi_major = MEDIC_ABI_MAJOR,
    .abi_minor = MEDIC_ABI_MINOR,
    .guid = GC_SURVIVORS_GUID,
    .name = "gc_survivors",
    .version = "0.1.0",
    .summary = "Photographs the heap: what survives collections, how much memory it keeps, and what holds it",
    .observation = "Memory grows and does not come back",
    .flags = MEDIC_SUSPENDS | MEDIC_FORKS | MEDIC_ENDS_ITSELF,
    .record_revision = GC_SURVIVORS_REVISION,
    .param_size = sizeof(medic_param),
    .param_count = COUNT(params),
    .capture_service_count = COUNT(capture_services),
    .report_service_count = COUNT(report_services),
    .params = params,
    .capture_services = capture_services,
    .report_services = report_services,
    .capture = &gc_survivors_capture,
    .report = &gc_survivors_report,
};

const medic_plugin *medic_plugin_entry(void)
{
    return &plugin;
}
