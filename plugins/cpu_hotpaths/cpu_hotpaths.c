/* cpu_hotpaths: which call paths use the CPU time, by sampling every thread in proportion to what it uses. */
#include "cpu_hotpaths.h"

/* 7c1a5e0c-3f0b-4b8a-9b51-2f6d1c0e7a02 */
#define CPU_HOTPATHS_GUID                                                                                              \
    {                                                                                                                  \
        0x7c1a5e0c, 0x3f0b, 0x4b8a,                                                                                    \
        {                                                                                                              \
            0x9b, 0x51, 0x2f, 0x6d, 0x1c, 0x0e, 0x7a, 0x02                                                             \
        }                                                                                                              \
    }

MEDIC_PLUGIN_NOTE("cpu_hotpaths", CPU_HOTPATHS_GUID);

enum { RING_BYTES = 4 << 20 };

static const medic_param params[] = {
    {.key = "interval",
     .label = "Sampling interval",
     .help = "CPU time of a thread between two of its samples; below the kernel's tick (1 to 10 ms) nothing is gained.",
     .type = MEDIC_PARAM_DURATION,
     .initial = "8ms",
     .minimum = "1ms",
     .maximum = "1s"},
    {.key = "engine",
     .label = "Sampling engine",
     .help =
         "timers: a CPU timer for each thread, sees native code too; suspension: stops the runtime to look, biased, "
         "where timers cannot be had; auto: timers if possible.",
     .type = MEDIC_PARAM_ENUM,
     .initial = "auto",
     .choices = "auto|timers|suspension"},
    {.key = "native",
     .label = "Native frames",
     .help = "Show the frames of native code: the runtime, libraries, the kernel's door.",
     .type = MEDIC_PARAM_BOOL,
     .initial = "yes"},
};

static const char *const capture_services[] = {MEDIC_SERVICE_RECORDS, MEDIC_SERVICE_CLOCK, MEDIC_SERVICE_PARAMS,
                                               MEDIC_SERVICE_STACKS};
static const char *const report_services[] = {MEDIC_SERVICE_CAPTURE, MEDIC_SERVICE_DOCUMENT, MEDIC_SERVICE_PARAMS,
                                              MEDIC_SERVICE_FRAMES, MEDIC_SERVICE_STACK_TREE};

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))

static const medic_plugin plugin = {
    .magic = MEDIC_PLUGIN_MAGIC,
    .size = sizeof(medic_plugin),
    .abi_major = MEDIC_ABI_MAJOR,
    .abi_minor = MEDIC_ABI_MINOR,
    .guid = CPU_HOTPATHS_GUID,
    .name = "cpu_hotpaths",
    .version = "0.1.0",
    .summary = "Samples the CPU time of every thread with its whole call stack, managed and native",
    .observation = "CPU usage is high",
    .record_revision = CPU_HOTPATHS_REVISION,
    .event_mask_high = COR_PRF_HIGH_BASIC_GC,
    .ring_bytes = RING_BYTES,
    .param_size = sizeof(medic_param),
    .param_count = COUNT(params),
    .capture_service_count = COUNT(capture_services),
    .report_service_count = COUNT(report_services),
    .params = params,
    .capture_services = capture_services,
    .report_services = report_services,
    .capture = &cpu_hotpaths_capture,
    .report = &cpu_hotpaths_report,
};

const medic_plugin *medic_plugin_entry(void)
{
    return &plugin;
}
