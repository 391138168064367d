/* allocations: who allocates how much of what, and what the collector pays for it. */
#include "allocations.h"

/* 7c1a5e0c-3f0b-4b8a-9b51-2f6d1c0e7a07 */
#define ALLOCATIONS_GUID                                                                                               \
    {                                                                                                                  \
        0x7c1a5e0c, 0x3f0b, 0x4b8a,                                                                                    \
        {                                                                                                              \
            0x9b, 0x51, 0x2f, 0x6d, 0x1c, 0x0e, 0x7a, 0x07                                                             \
        }                                                                                                              \
    }

MEDIC_PLUGIN_NOTE("allocations", ALLOCATIONS_GUID);

enum { RING_BYTES = 4 << 20 };

static const medic_param params[] = {
    {.key = "stacks_per_second",
     .label = "Stacks a second",
     .help = "About so many samples get a stack, chosen by chance; all are counted by type. Large objects have a "
             "quarter of "
             "it besides.",
     .type = MEDIC_PARAM_INT,
     .initial = "500",
     .minimum = "0",
     .maximum = "20000"},
};

static const char *const capture_services[] = {MEDIC_SERVICE_RECORDS, MEDIC_SERVICE_CLOCK,  MEDIC_SERVICE_RUNTIME,
                                               MEDIC_SERVICE_NAMES,   MEDIC_SERVICE_PARAMS, MEDIC_SERVICE_STACKS,
                                               MEDIC_SERVICE_EVENTS};
static const char *const report_services[] = {MEDIC_SERVICE_CAPTURE, MEDIC_SERVICE_DOCUMENT, MEDIC_SERVICE_FRAMES,
                                              MEDIC_SERVICE_STACK_TREE};

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))

static const medic_plugin plugin = {
    .magic = MEDIC_PLUGIN_MAGIC,
    .size = sizeof(medic_plugin),
    .abi_major = MEDIC_ABI_MAJOR,
    .abi_minor = MEDIC_ABI_MINOR,
    .guid = ALLOCATIONS_GUID,
    .name = "allocations",
    .version = "0.1.0",
    .summary = "Samples what is allocated, by type and call path, counts large objects, and weighs the collections",
    .observation = "allocation rate is high, the GC runs all the time",
    .record_revision = ALLOCATIONS_REVISION,
    .event_mask_high = COR_PRF_HIGH_MONITOR_LARGEOBJECT_ALLOCATED,
    .ring_bytes = RING_BYTES,
    .param_size = sizeof(medic_param),
    .param_count = COUNT(params),
    .capture_service_count = COUNT(capture_services),
    .report_service_count = COUNT(report_services),
    .params = params,
    .capture_services = capture_services,
    .report_services = report_services,
    .capture = &allocations_capture,
    .report = &allocations_report,
};

const medic_plugin *medic_plugin_entry(void)
{
    return &plugin;
}
