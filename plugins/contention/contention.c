/* contention: for which locks threads wait, where, how long, and who holds them meanwhile. */
#include "contention.h"

#include "records.h"

/* 7c1a5e0c-3f0b-4b8a-9b51-2f6d1c0e7a08 */
#define CONTENTION_GUID                                                                                                \
    {                                                                                                                  \
        0x7c1a5e0c, 0x3f0b, 0x4b8a,                                                                                    \
        {                                                                                                              \
            0x9b, 0x51, 0x2f, 0x6d, 0x1c, 0x0e, 0x7a, 0x08                                                             \
        }                                                                                                              \
    }

MEDIC_PLUGIN_NOTE("contention", CONTENTION_GUID);

enum { RING_BYTES = 4 << 20 };

static const medic_param params[] = {
    {.key = "stacks_per_second",
     .label = "Stacks a second",
     .help =
         "How many waits a second get a stack, which says where; all waits are counted and timed, whatever the rate.",
     .type = MEDIC_PARAM_INT,
     .initial = "500",
     .minimum = "0",
     .maximum = "10000"},
    {.key = "photographs",
     .label = "Photographs",
     .help =
         "How often, at most, the program is stopped for a moment to see where threads are: at the begin, for those "
         "that wait already; then for the holder of a lock, when nothing else tells where it got it; 0 = never.",
     .type = MEDIC_PARAM_INT,
     .initial = "6",
     .minimum = "0",
     .maximum = "100"},
    {.key = "handles",
     .label = "Semaphores and handles",
     .help =
         "Also record waits for semaphores, events and other wait handles (.NET 9 and later); most of them are idle "
         "by design.",
     .type = MEDIC_PARAM_BOOL,
     .initial = "no"},
    {.key = "long_wait",
     .label = "Long wait",
     .help = "A single wait for a lock of this length is worth mentioning, ten times as long a warning.",
     .type = MEDIC_PARAM_DURATION,
     .initial = "100ms",
     .minimum = "100us",
     .maximum = "10m"},
};

static const char *const capture_services[] = {MEDIC_SERVICE_RECORDS, MEDIC_SERVICE_CLOCK,  MEDIC_SERVICE_PARAMS,
                                               MEDIC_SERVICE_NAMES,   MEDIC_SERVICE_STACKS, MEDIC_SERVICE_EVENTS,
                                               MEDIC_SERVICE_RUNTIME};
static const char *const report_services[] = {MEDIC_SERVICE_CAPTURE, MEDIC_SERVICE_DOCUMENT, MEDIC_SERVICE_PARAMS,
                                              MEDIC_SERVICE_FRAMES, MEDIC_SERVICE_STACK_TREE};

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))

static const medic_plugin plugin = {
    .magic = MEDIC_PLUGIN_MAGIC,
    .size = sizeof(medic_plugin),
    .abi_major = MEDIC_ABI_MAJOR,
    .abi_minor = MEDIC_ABI_MINOR,
    .guid = CONTENTION_GUID,
    .name = "contention",
    .version = "0.1.0",
    .summary = "Counts and times every wait for a lock: which lock, where, who holds it",
    .observation = "threads wait for each other",
    .flags = MEDIC_SUSPENDS,
    .record_revision = CT_REVISION,
    .ring_bytes = RING_BYTES,
    .param_size = sizeof(medic_param),
    .param_count = COUNT(params),
    .capture_service_count = COUNT(capture_services),
    .report_service_count = COUNT(report_services),
    .params = params,
    .capture_services = capture_services,
    .report_services = report_services,
    .capture = &contention_capture,
    .report = &contention_report,
};

const medic_plugin *medic_plugin_entry(void)
{
    return &plugin;
}
