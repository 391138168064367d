/* exceptions: what is thrown, where, how often, who catches it, and what that costs. */
#include "exceptions.h"

/* 5e0d7c91-94b2-4f6a-9a3e-6b1f20c8d7e2 */
#define EXCEPTIONS_GUID                                                                                                \
    {                                                                                                                  \
        0x5e0d7c91, 0x94b2, 0x4f6a,                                                                                    \
        {                                                                                                              \
            0x9a, 0x3e, 0x6b, 0x1f, 0x20, 0xc8, 0xd7, 0xe2                                                             \
        }                                                                                                              \
    }

MEDIC_PLUGIN_NOTE("exceptions", EXCEPTIONS_GUID);

static const medic_param params[] = {
    {.key = "mode",
     .label = "Mode",
     .help = "full tells who catches and what throwing costs; cheap only what is thrown and where, for less on deep "
             "stacks.",
     .type = MEDIC_PARAM_ENUM,
     .initial = "full",
     .choices = "full|cheap"},
    {.key = "stacks_per_second",
     .label = "Stacks per second",
     .help = "About so many throws a second are recorded with stack and message; all of them are counted.",
     .type = MEDIC_PARAM_INT,
     .unit = "1/s",
     .initial = "200",
     .minimum = "0",
     .maximum = "2000"},
    {.key = "redact",
     .label = "Redact messages",
     .help = "Messages of exceptions are not read.",
     .type = MEDIC_PARAM_BOOL,
     .initial = "false"},
    {.key = "message_length",
     .label = "Message length",
     .help = "So much of a message is kept, in UTF-16 units.",
     .type = MEDIC_PARAM_INT,
     .initial = "200",
     .minimum = "0",
     .maximum = "1000"},
};

/* Events are needed in the cheap mode only. */
static const char *const capture_services[] = {MEDIC_SERVICE_RECORDS, MEDIC_SERVICE_CLOCK,  MEDIC_SERVICE_RUNTIME,
                                               MEDIC_SERVICE_NAMES,   MEDIC_SERVICE_STACKS, MEDIC_SERVICE_EVENTS,
                                               MEDIC_SERVICE_PARAMS};
static const char *const report_services[] = {MEDIC_SERVICE_CAPTURE, MEDIC_SERVICE_DOCUMENT, MEDIC_SERVICE_FRAMES,
                                              MEDIC_SERVICE_STACK_TREE};

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))

static const medic_plugin plugin = {
    .magic = MEDIC_PLUGIN_MAGIC,
    .size = sizeof(medic_plugin),
    .abi_major = MEDIC_ABI_MAJOR,
    .abi_minor = MEDIC_ABI_MINOR,
    .guid = EXCEPTIONS_GUID,
    .name = "exceptions",
    .version = "0.1.0",
    .summary = "Counts every exception, and shows where they are thrown, who catches them and what that costs",
    .observation = "Errors, or CPU lost in throwing",
    .record_revision = EXCEPTIONS_REVISION,
    .event_mask_low = COR_PRF_MONITOR_EXCEPTIONS,
    .event_mask_high = COR_PRF_HIGH_BASIC_GC,
    .ring_bytes = 4u << 20,
    .param_size = sizeof(medic_param),
    .param_count = COUNT(params),
    .capture_service_count = COUNT(capture_services),
    .report_service_count = COUNT(report_services),
    .params = params,
    .capture_services = capture_services,
    .report_services = report_services,
    .capture = &exceptions_capture,
    .report = &exceptions_report,
};

const medic_plugin *medic_plugin_entry(void)
{
    return &plugin;
}
