/* merged_stacks: where every managed thread stands at one moment, merged from the root, and what most of them wait for. */
#include "merged_stacks.h"

/* a4d5c1b2-6e0f-4c37-8f1d-93b7e25a60c4 */
#define MERGED_STACKS_GUID                                                                                             \
    {                                                                                                                  \
        0xa4d5c1b2, 0x6e0f, 0x4c37,                                                                                    \
        {                                                                                                              \
            0x8f, 0x1d, 0x93, 0xb7, 0xe2, 0x5a, 0x60, 0xc4                                                             \
        }                                                                                                              \
    }

MEDIC_PLUGIN_NOTE("merged_stacks", MERGED_STACKS_GUID);

static const char *const capture_services[] = {MEDIC_SERVICE_RECORDS, MEDIC_SERVICE_RUNTIME, MEDIC_SERVICE_STACKS};
static const char *const report_services[] = {MEDIC_SERVICE_CAPTURE, MEDIC_SERVICE_DOCUMENT, MEDIC_SERVICE_FRAMES,
                                              MEDIC_SERVICE_STACK_TREE};

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))

static const medic_plugin plugin = {
    .magic = MEDIC_PLUGIN_MAGIC,
    .size = sizeof(medic_plugin),
    .abi_major = MEDIC_ABI_MAJOR,
    .abi_minor = MEDIC_ABI_MINOR,
    .guid = MERGED_STACKS_GUID,
    .name = "merged_stacks",
    .version = "0.1.0",
    .summary = "Shows where every managed thread stands at one moment, and what most of them wait for",
    .observation = "Threads starve, work queues up, a deadlock is suspected",
    .flags = MEDIC_SUSPENDS,
    .record_revision = MERGED_STACKS_REVISION,
    .event_mask_low = COR_PRF_ENABLE_STACK_SNAPSHOT,
    .param_size = sizeof(medic_param),
    .capture_service_count = COUNT(capture_services),
    .report_service_count = COUNT(report_services),
    .capture_services = capture_services,
    .report_services = report_services,
    .capture = &merged_stacks_capture,
    .report = &merged_stacks_report,
};

const medic_plugin *medic_plugin_entry(void)
{
    return &plugin;
}
