/* A plugin that asks the runtime for what exceptions, allocations and contention ask for, and does nothing with it: what it costs
 * is the runtime's own share, and that of the core's gate. */
#include <medic/medic.h>

#include <stdlib.h>
#include <string.h>

#define EMPTY_GUID                                                                                                     \
    {                                                                                                                  \
        0x1b0d6a52, 0x7c3e, 0x4d19,                                                                                    \
        {                                                                                                              \
            0xb4, 0x8f, 0x52, 0xe1, 0x90, 0x6c, 0x3d, 0xa7                                                             \
        }                                                                                                              \
    }

MEDIC_PLUGIN_NOTE("empty_listener", EMPTY_GUID);

/* As the plugins' own start. */
static const struct kind {
    const char *name;
    uint32_t low, high; /* event mask */
    uint64_t keywords;  /* of trace events; 0 = none */
    uint32_t level;
} kinds[] = {
    {"exceptions", COR_PRF_MONITOR_EXCEPTIONS, COR_PRF_HIGH_BASIC_GC, 0, 0},
    {"exceptions_cheap", 0, 0, UINT64_C(0x8000), 2},
    {"allocations", 0, COR_PRF_HIGH_MONITOR_LARGEOBJECT_ALLOCATED, UINT64_C(0x80000000001), 4},
    {"allocations_ticks", 0, COR_PRF_HIGH_MONITOR_LARGEOBJECT_ALLOCATED, UINT64_C(0x1), 5},
    {"contention", 0, 0, UINT64_C(0x4000), 4},
};

struct listener {
    const medic_host *host;
    const struct kind *kind;
};

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static int create(const medic_host *host, void **self, medic_reason *why)
{
    const medic_params_service *params = host->service(host, MEDIC_SERVICE_PARAMS);
    struct listener *listener = calloc(1, sizeof *listener);
    const char *name = NULL;

    if (!listener)
        return medic_fail(why, MEDIC_E_MEMORY, "no memory for a listener");
    if (params->get_text(host, "like", &name) == MEDIC_OK)
        listener->kind = find_kind(name);
    if (!listener->kind) {
        free(listener);
        return medic_fail(why, MEDIC_E_ARGUMENT, "the host does not say what to listen to");
    }
    listener->host = host;
    *self = listener;
    return MEDIC_OK;
}

static int start(void *self, medic_reason *why)
{
    const struct listener *listener = self;
    const medic_host *host = listener->host;
    const struct kind *kind = listener->kind;
    const medic_runtime_service *runtime = host->service(host, MEDIC_SERVICE_RUNTIME);
    const medic_events_service *events = host->service(host, MEDIC_SERVICE_EVENTS);
    const medic_event_provider provider = {"Microsoft-Windows-DotNETRuntime", kind->keywords, kind->level, 0};
    int code = runtime->set_event_mask(host, kind->low, kind->high, why);

    return code == MEDIC_OK && kind->keywords ? events->start(host, &provider, 1, why) : code;
}

static void destroy(void *self)
{
    free(self);
}

/* The callbacks that the plugins answer. */

static HRESULT thrown(void *self, ObjectID object)
{
    (void)self, (void)object;
    return S_OK;
}

static HRESULT catcher_enter(void *self, FunctionID function, ObjectID object)
{
    (void)self, (void)function, (void)object;
    return S_OK;
}

static HRESULT object_allocated(void *self, ObjectID object, ClassID type)
{
    (void)self, (void)object, (void)type;
    return S_OK;
}

static HRESULT event_delivered(void *self, EVENTPIPE_PROVIDER provider, DWORD id, DWORD version, ULONG metadata_size,
                               LPCBYTE metadata, ULONG size, LPCBYTE data, LPCGUID activity, LPCGUID related,
                               ThreadID thread, ULONG frame_count, UINT_PTR *frames)
{
    (void)self, (void)provider, (void)id, (void)version, (void)metadata_size, (void)metadata, (void)size, (void)data;
    (void)activity, (void)related, (void)thread, (void)frame_count, (void)frames;
    return S_OK;
}

static int render(const medic_host *host, medic_reason *why)
{
    const medic_document_service *document = host->service(host, MEDIC_SERVICE_DOCUMENT);

    (void)why;
    document->verdict(host, MEDIC_HEALTHY, "Nothing was recorded.");
    return MEDIC_OK;
}

static const medic_callbacks callbacks = {
    .size = sizeof callbacks,
    .ObjectAllocated = object_allocated,
    .ExceptionThrown = thrown,
    .ExceptionCatcherEnter = catcher_enter,
    .EventPipeEventDelivered = event_delivered,
};

static const medic_capture capture = {
    .size = sizeof capture, .create = create, .start = start, .destroy = destroy, .callbacks = &callbacks};
static const medic_report report = {.size = sizeof report, .render = render};

static const char *const capture_services[] = {MEDIC_SERVICE_RUNTIME, MEDIC_SERVICE_EVENTS, MEDIC_SERVICE_PARAMS};
static const char *const report_services[] = {MEDIC_SERVICE_DOCUMENT};

static const medic_param params[] = {
    {.key = "like",
     .label = "Like",
     .help = "The plugin whose events are asked for.",
     .type = MEDIC_PARAM_ENUM,
     .initial = "exceptions",
     .choices = "exceptions|exceptions_cheap|allocations|allocations_ticks|contention"},
};

static const medic_plugin plugin = {
    .magic = MEDIC_PLUGIN_MAGIC,
    .size = sizeof(medic_plugin),
    .abi_major = MEDIC_ABI_MAJOR,
    .abi_minor = MEDIC_ABI_MINOR,
    .guid = EMPTY_GUID,
    .name = "empty_listener",
    .version = "0.1.0",
    .summary = "Listens to the runtime and does nothing, for benches",
    .observation = "a bench runs",
    .record_revision = 1,
    .param_size = sizeof(medic_param),
    .param_count = 1,
    .capture_service_count = 3,
    .report_service_count = 1,
    .params = params,
    .capture_services = capture_services,
    .report_services = report_services,
    .capture = &capture,
    .report = &report,
};

const medic_plugin *medic_plugin_entry(void)
{
    return &plugin;
}
