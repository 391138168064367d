/* A plugin with stacks in all ways but sampling: of all threads at the start, here() at each throw, addresses() in
 * an event. Its report merges each sort by the tool's services. For the tests of medic.stacks. */
#include <medic/medic.h>
#include <medic/service/events.h>
#include <medic/service/frames.h>
#include <medic/service/stack_tree.h>
#include <medic/service/stacks.h>

#include <stdlib.h>
#include <string.h>

enum { RECORD_THREAD = MEDIC_RECORD_PLUGIN, RECORD_THROW, RECORD_EVENT, RECORDS_END, FRAMES_MAX = 64 };

struct instance {
    const medic_host *host;
    const medic_stacks_service *stacks;
    const medic_events_service *events;
    ICorProfilerInfo12 *info;
};

static int create(const medic_host *host, void **self, medic_reason *why)
{
    struct instance *instance = calloc(1, sizeof *instance);

    if (!instance)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory");
    instance->host = host;
    instance->stacks = host->service(host, MEDIC_SERVICE_STACKS);
    instance->events = host->service(host, MEDIC_SERVICE_EVENTS);
    instance->info = ((const medic_runtime_service *)host->service(host, MEDIC_SERVICE_RUNTIME))->info(host);
    *self = instance;
    return MEDIC_OK;
}

static int start(void *self, medic_reason *why)
{
    struct instance *instance = self;
    static const medic_event_provider exceptions = {"Microsoft-Windows-DotNETRuntime", 0x8000, 2, 0};
    medic_snapshot result = {.size = sizeof result};
    int failed = instance->stacks->snapshot(instance->host, RECORD_THREAD, 0, &result, why);

    return failed ? failed : instance->events->start(instance->host, &exceptions, 1, why);
}

static HRESULT exception_thrown(void *self, ObjectID exception)
{
    struct instance *instance = self;
    medic_stack_head head = {0};

    (void)exception;
    instance->stacks->here(instance->host, RECORD_THROW, &head, sizeof head, NULL, 0);
    return S_OK;
}

struct walk {
    uint32_t count;
    uintptr_t frames[FRAMES_MAX];
};

static HRESULT add_frame(FunctionID function, UINT_PTR ip, COR_PRF_FRAME_INFO frame, ULONG32 size, BYTE *context,
                         void *data)
{
    struct walk *walk = data;

    (void)frame, (void)size, (void)context;
    if (function && walk->count < FRAMES_MAX)
        walk->frames[walk->count++] = (uintptr_t)ip;
    return S_OK;
}

static HRESULT event_delivered(void *self, EVENTPIPE_PROVIDER provider, DWORD event_id, DWORD version,
                               ULONG metadata_size, LPCBYTE metadata, ULONG size, LPCBYTE data, LPCGUID activity,
                               LPCGUID related, ThreadID thread, ULONG count, UINT_PTR *frames)
{
    struct instance *instance = self;
    struct walk walk = {0};
    medic_stack_head head = {0};

    (void)provider, (void)version, (void)metadata_size, (void)metadata, (void)size, (void)data, (void)activity;
    (void)related, (void)thread;
    if (event_id != 80) /* ExceptionThrown_V1 */
        return S_OK;
    for (; walk.count < count && walk.count < FRAMES_MAX; walk.count++)
        walk.frames[walk.count] = (uintptr_t)frames[walk.count];
    if (!walk.count) /* .NET 8 to 10 give a stack to few events */
        instance->info->lpVtbl->DoStackSnapshot(instance->info, 0, add_frame, COR_PRF_SNAPSHOT_DEFAULT, &walk, NULL, 0);
    instance->stacks->addresses(instance->host, RECORD_EVENT, &head, sizeof head, walk.frames, walk.count);
    return S_OK;
}

static const medic_callbacks callbacks = {
    .size = sizeof callbacks, .ExceptionThrown = exception_thrown, .EventPipeEventDelivered = event_delivered};

static const medic_capture capture = {
    .size = sizeof capture, .create = create, .start = start, .destroy = free, .callbacks = &callbacks};

static int render(const medic_host *host, medic_reason *why)
{
    static const char *const ids[] = {"threads", "throws", "events"};
    const medic_capture_service *in = host->service(host, MEDIC_SERVICE_CAPTURE);
    const medic_document_service *out = host->service(host, MEDIC_SERVICE_DOCUMENT);
    const medic_frames_service *frames = host->service(host, MEDIC_SERVICE_FRAMES);
    const medic_stack_tree_service *trees = host->service(host, MEDIC_SERVICE_STACK_TREE);
    medic_stack_tree *tree[RECORDS_END - RECORD_THREAD];
    medic_record record;

    (void)why;
    for (size_t i = 0; i < sizeof tree / sizeof *tree; i++)
        tree[i] = trees->create(host);
    while (in->next(host, &record)) {
        medic_stack_head head;
        const uint32_t *ids_of_frames;
        uint32_t count;
        if (record.type < RECORD_THREAD || record.type >= RECORDS_END || record.size < sizeof head)
            continue;
        memcpy(&head, record.data, sizeof head);
        if (frames->stack(host, head.stack, &ids_of_frames, &count))
            trees->add(tree[record.type - RECORD_THREAD], ids_of_frames, count, 1, 1);
    }
    for (size_t i = 0; i < sizeof tree / sizeof *tree; i++) {
        medic_tree_section section = {
            .size = sizeof section, .unit = MEDIC_UNIT_COUNT, .id = ids[i], .title = ids[i], .weight = "stacks"};
        trees->stacks(tree[i], &section);
    }
    out->verdict(host, MEDIC_HEALTHY, "Stacks were taken.");
    return MEDIC_OK;
}

static const medic_report report = {.size = sizeof report, .render = render};

static const char *const capture_services[] = {MEDIC_SERVICE_STACKS, MEDIC_SERVICE_EVENTS, MEDIC_SERVICE_RUNTIME};
static const char *const report_services[] = {MEDIC_SERVICE_CAPTURE, MEDIC_SERVICE_DOCUMENT, MEDIC_SERVICE_FRAMES,
                                              MEDIC_SERVICE_STACK_TREE};

#define STACKS_GUID                                                                                                    \
    {                                                                                                                  \
        0xf1c70000, 0x0000, 0x4000,                                                                                    \
        {                                                                                                              \
            0x80, 0, 0, 0, 0, 0, 0, 0x41                                                                               \
        }                                                                                                              \
    }

static const medic_plugin descriptor = {
    .magic = MEDIC_PLUGIN_MAGIC,
    .size = sizeof descriptor,
    .abi_major = MEDIC_ABI_MAJOR,
    .abi_minor = MEDIC_ABI_MINOR,
    .guid = STACKS_GUID,
    .name = "stacks_fixture",
    .version = "1.0.0",
    .summary = "Takes stacks in all ways, for tests.",
    .observation = "a test runs",
    .flags = MEDIC_SUSPENDS,
    .record_revision = 1,
    .event_mask_low = COR_PRF_MONITOR_EXCEPTIONS | COR_PRF_ENABLE_STACK_SNAPSHOT,
    .param_size = sizeof(medic_param),
    .capture_service_count = 3,
    .capture_services = capture_services,
    .report_service_count = 4,
    .report_services = report_services,
    .capture = &capture,
    .report = &report,
};

MEDIC_PLUGIN_NOTE("stacks_fixture", STACKS_GUID);

const medic_plugin *medic_plugin_entry(void)
{
    return &descriptor;
}
