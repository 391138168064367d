/* A plugin that records every id the runtime hands out and asks for all their names while draining: stacks and classes of
 * thrown objects, stacks of suspensions, classes, modules and functions as they load. For the tests of medic.names. */
#include <medic/medic.h>

#include <stdlib.h>
#include <string.h>

enum { RECORD_SIGHTING = MEDIC_RECORD_PLUGIN, FRAMES_MAX = 48 };

enum what { THROWN = 1, SUSPENDED, CLASS_LOADED, MODULE_LOADED, COMPILED, DYNAMIC_COMPILED, MODULE_UNLOADING };

/* Zero members are ids that this sighting does not have. */
struct sighting {
    uint32_t what;
    uint32_t count; /* of frames */
    uint64_t thread;
    uint64_t class_id;
    uint64_t module;
    struct {
        uint64_t function;
        uint64_t ip;
    } frames[FRAMES_MAX];
};

struct instance {
    const medic_host *host;
    const medic_records_service *records;
    const medic_names_service *names;
    const medic_clock_service *clock;
    const medic_params_service *params;
    ICorProfilerInfo12 *info;
    uint64_t drain_ns; /* how long drain takes for a record, to let the ring run full */
    int start_ms;
    int by_ip;
};

static int create(const medic_host *host, void **self, medic_reason *why)
{
    struct instance *instance = calloc(1, sizeof *instance);
    int64_t drain_us = 0, start_ms = 0;

    if (!instance)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory");
    instance->host = host;
    instance->records = host->service(host, MEDIC_SERVICE_RECORDS);
    instance->names = host->service(host, MEDIC_SERVICE_NAMES);
    instance->clock = host->service(host, MEDIC_SERVICE_CLOCK);
    instance->params = host->service(host, MEDIC_SERVICE_PARAMS);
    instance->info = ((const medic_runtime_service *)host->service(host, MEDIC_SERVICE_RUNTIME))->info(host);
    instance->params->get_int(host, "drain_us", &drain_us);
    instance->params->get_int(host, "start_ms", &start_ms);
    instance->params->get_bool(host, "by_ip", &instance->by_ip);
    instance->drain_ns = (uint64_t)drain_us * 1000;
    instance->start_ms = (int)start_ms;
    *self = instance;
    return MEDIC_OK;
}

static void spin(const struct instance *instance, uint64_t ns)
{
    uint64_t until = instance->clock->now_ns() + ns;

    while (instance->clock->now_ns() < until)
        ;
}

static int start(void *self, medic_reason *why)
{
    const struct instance *instance = self;

    (void)why;
    spin(instance, (uint64_t)instance->start_ms * 1000000); /* callbacks come already, and nobody drains yet */
    return MEDIC_OK;
}

static int drain(void *self, const medic_record *record)
{
    const struct instance *instance = self;
    const medic_names_service *names = instance->names;
    struct sighting seen = {0};

    memcpy(&seen, record->data, record->size < sizeof seen ? record->size : sizeof seen);
    if (instance->drain_ns)
        spin(instance, instance->drain_ns);
    if (seen.thread)
        names->thread(instance->host, seen.thread);
    if (seen.class_id)
        names->type(instance->host, seen.class_id);
    if (seen.module)
        names->module(instance->host, seen.module);
    for (uint32_t i = 0; i < seen.count; i++) {
        FunctionID found;

        if (seen.frames[i].function && !(instance->by_ip && seen.frames[i].ip))
            names->function(instance->host, seen.frames[i].function);
        if (seen.frames[i].ip)
            names->function_at(instance->host, seen.frames[i].ip, &found);
    }
    return MEDIC_DRAIN_KEEP;
}

static void destroy(void *self)
{
    free(self);
}

static HRESULT frame(FunctionID function, UINT_PTR ip, COR_PRF_FRAME_INFO info, ULONG32 size, BYTE *context, void *data)
{
    struct sighting *seen = data;

    (void)info, (void)size, (void)context;
    if (seen->count == FRAMES_MAX)
        return S_OK + 1; /* enough */
    seen->frames[seen->count].function = function;
    seen->frames[seen->count++].ip = ip;
    return S_OK;
}

static HRESULT write(const struct instance *instance, const struct sighting *seen)
{
    uint32_t size = (uint32_t)(offsetof(struct sighting, frames) + seen->count * sizeof seen->frames[0]);

    instance->records->write(instance->host, RECORD_SIGHTING, seen, size);
    return S_OK;
}

static void take_thread(const struct instance *instance, struct sighting *seen, int with_stack)
{
    ThreadID thread = 0;

    instance->info->lpVtbl->GetCurrentThreadID(instance->info, &thread);
    seen->thread = thread;
    if (with_stack)
        instance->info->lpVtbl->DoStackSnapshot(instance->info, 0, frame, 0, seen, NULL, 0);
}

static HRESULT thrown(void *self, ObjectID object)
{
    const struct instance *instance = self;
    struct sighting seen = {.what = THROWN};
    ClassID class_id = 0;

    instance->info->lpVtbl->GetClassFromObject(instance->info, object, &class_id);
    seen.class_id = class_id;
    take_thread(instance, &seen, 1);
    return write(instance, &seen);
}

static HRESULT suspended(void *self, COR_PRF_SUSPEND_REASON reason)
{
    const struct instance *instance = self;
    struct sighting seen = {.what = SUSPENDED};

    (void)reason;
    take_thread(instance, &seen, 1);
    return write(instance, &seen);
}

static HRESULT class_loaded(void *self, ClassID class_id, HRESULT status)
{
    struct sighting seen = {.what = CLASS_LOADED, .class_id = class_id};

    return FAILED(status) ? S_OK : write(self, &seen);
}

static HRESULT module_loaded(void *self, ModuleID module, HRESULT status)
{
    struct sighting seen = {.what = MODULE_LOADED, .module = module};

    return FAILED(status) ? S_OK : write(self, &seen);
}

/* The last moment at which a module may be asked for. */
static HRESULT module_unloading(void *self, ModuleID module)
{
    struct sighting seen = {.what = MODULE_UNLOADING, .module = module};

    return write(self, &seen);
}

static HRESULT compiled(void *self, FunctionID function, HRESULT status, BOOL safe)
{
    struct sighting seen = {.what = COMPILED, .count = 1, .frames[0] = {function, 0}};

    (void)safe;
    return FAILED(status) ? S_OK : write(self, &seen);
}

static HRESULT dynamic_compiled(void *self, FunctionID function, HRESULT status, BOOL safe)
{
    struct sighting seen = {.what = DYNAMIC_COMPILED, .count = 1, .frames[0] = {function, 0}};

    (void)safe;
    return FAILED(status) ? S_OK : write(self, &seen);
}

static int render(const medic_host *host, medic_reason *why)
{
    const medic_document_service *document = host->service(host, MEDIC_SERVICE_DOCUMENT);

    (void)why;
    document->verdict(host, MEDIC_HEALTHY, "Names were asked for.");
    return MEDIC_OK;
}

static const medic_callbacks callbacks = {
    .size = sizeof callbacks,
    .ExceptionThrown = thrown,
    .RuntimeSuspendStarted = suspended,
    .ClassLoadFinished = class_loaded,
    .ModuleLoadFinished = module_loaded,
    .ModuleUnloadStarted = module_unloading,
    .JITCompilationFinished = compiled,
    .DynamicMethodJITCompilationFinished = dynamic_compiled,
};

static const medic_capture capture = {
    .size = sizeof capture,
    .create = create,
    .start = start,
    .drain = drain,
    .destroy = destroy,
    .callbacks = &callbacks,
};

static const medic_report report = {.size = sizeof report, .render = render};

static const medic_param params[] = {
    {.key = "drain_us",
     .label = "Drain time",
     .help = "Microseconds that each record takes to drain.",
     .type = MEDIC_PARAM_INT,
     .initial = "0",
     .minimum = "0",
     .maximum = "1000000"},
    {.key = "start_ms",
     .label = "Start time",
     .help = "Milliseconds that start takes.",
     .type = MEDIC_PARAM_INT,
     .initial = "0",
     .minimum = "0",
     .maximum = "10000"},
    {.key = "by_ip",
     .label = "By address",
     .help = "Asks for frames by their address alone.",
     .type = MEDIC_PARAM_BOOL,
     .initial = "false"},
};

static const char *const capture_services[] = {MEDIC_SERVICE_RECORDS, MEDIC_SERVICE_NAMES, MEDIC_SERVICE_RUNTIME,
                                               MEDIC_SERVICE_PARAMS, MEDIC_SERVICE_CLOCK};
static const char *const report_services[] = {MEDIC_SERVICE_DOCUMENT};

#define NAMES_GUID                                                                                                     \
    {                                                                                                                  \
        0xf1c70000, 0x0000, 0x4000,                                                                                    \
        {                                                                                                              \
            0x80, 0, 0, 0, 0, 0, 0, 0x40                                                                               \
        }                                                                                                              \
    }

static const medic_plugin descriptor = {
    .magic = MEDIC_PLUGIN_MAGIC,
    .size = sizeof descriptor,
    .abi_major = MEDIC_ABI_MAJOR,
    .abi_minor = MEDIC_ABI_MINOR,
    .guid = NAMES_GUID,
    .name = "names_fixture",
    .version = "1.0.0",
    .summary = "Asks for the name of every id, for tests.",
    .observation = "a test runs",
    .record_revision = 1,
    .event_mask_low = COR_PRF_MONITOR_EXCEPTIONS | COR_PRF_MONITOR_SUSPENDS | COR_PRF_MONITOR_CLASS_LOADS |
                      COR_PRF_MONITOR_JIT_COMPILATION | COR_PRF_ENABLE_STACK_SNAPSHOT,
    .param_size = sizeof params[0],
    .param_count = sizeof params / sizeof params[0],
    .params = params,
    .capture_service_count = sizeof capture_services / sizeof capture_services[0],
    .capture_services = capture_services,
    .report_service_count = sizeof report_services / sizeof report_services[0],
    .report_services = report_services,
    .capture = &capture,
    .report = &report,
};

MEDIC_PLUGIN_NOTE("names_fixture", NAMES_GUID);

const medic_plugin *medic_plugin_entry(void)
{
    return &descriptor;
}
