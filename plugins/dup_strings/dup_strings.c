/* dup_strings: which strings are in the heap more than once, what the copies cost, and who holds them. */
#include "dup_strings.h"

/* 5e8b0f4d-27c1-4a93-9d60-1b7fa8c3e215 */
#define DUP_STRINGS_GUID                                                                                               \
    {                                                                                                                  \
        0x5e8b0f4d, 0x27c1, 0x4a93,                                                                                    \
        {                                                                                                              \
            0x9d, 0x60, 0x1b, 0x7f, 0xa8, 0xc3, 0xe2, 0x15                                                             \
        }                                                                                                              \
    }

MEDIC_PLUGIN_NOTE("dup_strings", DUP_STRINGS_GUID);

static const medic_param params[] = {
    {.key = "max_pause",
     .label = "Longest pause",
     .help = "Refuse when the program would probably stand still for longer.",
     .type = MEDIC_PARAM_DURATION,
     .initial = "2s",
     .minimum = "1ms",
     .maximum = "10m"},
    {.key = "redact",
     .label = "Redact values",
     .help = "Tell hash and length of a string only: its text does not leave the process.",
     .type = MEDIC_PARAM_BOOL,
     .initial = "no"},
    {.key = "value_length",
     .label = "Length of values",
     .help = "As many characters of a string are kept and shown.",
     .type = MEDIC_PARAM_INT,
     .unit = "characters",
     .initial = "100",
     .minimum = "8",
     .maximum = "4000"},
};

static const char *const capture_services[] = {MEDIC_SERVICE_RUNTIME, MEDIC_SERVICE_PARAMS, MEDIC_SERVICE_HEAP};
static const char *const report_services[] = {MEDIC_SERVICE_CAPTURE, MEDIC_SERVICE_DOCUMENT, MEDIC_SERVICE_PARAMS,
                                              MEDIC_SERVICE_HEAP_GRAPH};

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))

static const medic_plugin plugin = {
    .magic = MEDIC_PLUGIN_MAGIC,
    .size = sizeof(medic_plugin),
    .abi_major = MEDIC_ABI_MAJOR,
    .abi_minor = MEDIC_ABI_MINOR,
    .guid = DUP_STRINGS_GUID,
    .name = "dup_strings",
    .version = "0.1.0",
    .summary = "Finds strings that are in memory many times over, what the copies cost, and which fields hold them",
    .observation = "Memory is high, and much of it is strings",
    .flags = MEDIC_SUSPENDS | MEDIC_FORKS | MEDIC_ENDS_ITSELF | MEDIC_DEAD_TOO,
    .record_revision = DUP_STRINGS_REVISION,
    .param_size = sizeof(medic_param),
    .param_count = COUNT(params),
    .capture_service_count = COUNT(capture_services),
    .report_service_count = COUNT(report_services),
    .params = params,
    .capture_services = capture_services,
    .report_services = report_services,
    .capture = &dup_strings_capture,
    .report = &dup_strings_report,
};

const medic_plugin *medic_plugin_entry(void)
{
    return &plugin;
}
