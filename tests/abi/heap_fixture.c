/* A plugin that photographs the heap as often as it is told, by a route, and tells what each photograph said of itself. For the
 * tests of medic.heap. FIXTURE_DEAD_TOO: a list with the dead is enough for it. FIXTURE_IN_CALLBACK and
 * FIXTURE_UNDECLARED: it asks where it may not, or without having said that it would. */

#include <medic/medic.h>

#include <stdlib.h>
#include <string.h>

#ifndef FIXTURE_IN_CALLBACK
#define FIXTURE_IN_CALLBACK 0
#endif
#ifndef FIXTURE_UNDECLARED
#define FIXTURE_UNDECLARED 0
#endif

#ifndef FIXTURE_STRANGE
#define FIXTURE_STRANGE 0 /* contents that nobody knows */
#endif

enum { RECORD_PHOTO = MEDIC_RECORD_PLUGIN };

struct instance {
    const medic_host *host;
    const medic_heap_service *heap;
    const medic_runtime_service *runtime;
    const medic_records_service *records;
    medic_heap_request request;
    int64_t left;
    int over;
};

static uint32_t route_of(const char *text)
{
    static const char *const routes[] = {"auto", "copy", "collect", "enumerate"};
    uint32_t i = 0;

    while (i < 3 && strcmp(text, routes[i]) != 0)
        i++;
    return i;
}

static int create(const medic_host *host, void **self, medic_reason *why)
{
    struct instance *instance = calloc(1, sizeof *instance);
    const medic_params_service *params = host->service(host, MEDIC_SERVICE_PARAMS);
    const char *route = "auto";
    int values = 0;

    if (!instance)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory");
    instance->host = host;
    instance->heap = host->service(host, MEDIC_SERVICE_HEAP);
    instance->runtime = host->service(host, MEDIC_SERVICE_RUNTIME);
    instance->records = host->service(host, MEDIC_SERVICE_RECORDS);
    instance->request = (medic_heap_request){.size = sizeof instance->request, .value_units = 64};
    params->get_int(host, "count", &instance->left);
    params->get_text(host, "route", &route);
    params->get_bool(host, "values", &values);
    params->get_duration(host, "max_pause", &instance->request.max_pause_ns);
    instance->request.route = route_of(route);
    instance->request.contents = FIXTURE_STRANGE ? 1u << 31 : values ? MEDIC_HEAP_HASHES | MEDIC_HEAP_VALUES : 0;
    *self = instance;
    return MEDIC_OK;
}

static void tick(void *self, uint64_t now_ns)
{
    struct instance *instance = self;
    medic_heap_photo photo = {.size = sizeof photo};
    medic_reason why;
    int code;

    (void)now_ns;
    if (instance->over)
        return;
    code = instance->heap->photograph(instance->host, &instance->request, &photo, &why);
    instance->over = code != MEDIC_OK || --instance->left <= 0;
    if (code != MEDIC_OK) {
        instance->runtime->fail(instance->host, code, why.text);
        return;
    }
    instance->records->emit(instance->host, RECORD_PHOTO, &photo, sizeof photo);
    if (instance->over)
        instance->runtime->done(instance->host);
}

#if FIXTURE_IN_CALLBACK
static HRESULT collected(void *self)
{
    tick(self, 0);
    return S_OK;
}

static const medic_callbacks callbacks = {.size = sizeof callbacks, .GarbageCollectionFinished = collected};
static const medic_capture capture = {
    .size = sizeof capture, .create = create, .destroy = free, .callbacks = &callbacks};
#else
static const medic_capture capture = {.size = sizeof capture, .create = create, .tick = tick, .destroy = free};
#endif

enum { PHOTO, ROUTE, ATTEMPTS, OBJECTS, BYTES, PAUSE, PREDICTED, LIVED, CPU, MEMORY, WHY, COLUMNS };

static const medic_column columns[COLUMNS] = {
    [PHOTO] = {"photo", "Photo", MEDIC_INTEGER, MEDIC_UNIT_NONE, 0, MEDIC_COLUMN_KEY},
    [ROUTE] = {"route", "Route", MEDIC_INTEGER, MEDIC_UNIT_NONE, 0, 0},
    [ATTEMPTS] = {"attempts", "Attempts", MEDIC_INTEGER, MEDIC_UNIT_COUNT, 0, 0},
    [OBJECTS] = {"objects", "Objects", MEDIC_INTEGER, MEDIC_UNIT_COUNT, 0, 0},
    [BYTES] = {"bytes", "Bytes", MEDIC_INTEGER, MEDIC_UNIT_BYTES, 0, 0},
    [PAUSE] = {"pause", "Pause", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, 0, 0},
    [PREDICTED] = {"predicted", "Predicted", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, 0, 0},
    [LIVED] = {"lived", "Copy lived", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, 0, 0},
    [CPU] = {"cpu", "Copy CPU", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, 0, 0},
    [MEMORY] = {"memory", "Copy memory", MEDIC_INTEGER, MEDIC_UNIT_BYTES, 0, 0},
    [WHY] = {"why", "Why this route", MEDIC_STRING, 0, 0, 0},
};

static int render(const medic_host *host, medic_reason *why)
{
    const medic_capture_service *in = host->service(host, MEDIC_SERVICE_CAPTURE);
    const medic_document_service *out = host->service(host, MEDIC_SERVICE_DOCUMENT);
    medic_section_info info = {.size = sizeof info,
                               .kind = MEDIC_TABLE,
                               .id = "photos",
                               .title = "Photographs",
                               .columns = columns,
                               .column_size = sizeof *columns,
                               .column_count = COLUMNS};
    medic_section *photos = out->section(host, &info);
    medic_heap_done_record done = {0};
    medic_heap_photo photo;
    medic_record record;
    char text[512] = "";
    uint32_t count = 0;

    (void)why;
    while (in->next(host, &record)) {
        if (record.type == MEDIC_RECORD_HEAP_DONE && record.size >= sizeof done) {
            memcpy(&done, record.data, sizeof done);
            snprintf(text, sizeof text, "%.*s", (int)done.length, (const char *)record.data + sizeof done);
        }
        if (record.type != RECORD_PHOTO || record.size != sizeof photo)
            continue;
        memcpy(&photo, record.data, sizeof photo);
        const medic_cell row[COLUMNS] = {
            [PHOTO] = medic_integer(photo.photo),
            [ROUTE] = medic_integer(photo.route),
            [ATTEMPTS] = medic_integer(photo.attempts),
            [OBJECTS] = medic_integer((int64_t)done.objects),
            [BYTES] = medic_integer((int64_t)done.bytes),
            [PAUSE] = medic_integer((int64_t)photo.pause_ns),
            [PREDICTED] = medic_integer((int64_t)done.predicted_pause_ns),
            [LIVED] = medic_integer((int64_t)done.copy_ns),
            [CPU] = medic_integer((int64_t)done.copy_cpu_ns),
            [MEMORY] = medic_integer((int64_t)done.copy_memory_bytes),
            [WHY] = medic_string(text),
        };
        out->row(photos, MEDIC_NO_PARENT, row, COLUMNS);
        count++;
    }
    snprintf(text, sizeof text, "%u photographs were taken.", count);
    out->verdict(host, MEDIC_HEALTHY, text);
    return MEDIC_OK;
}

static const medic_report report = {.size = sizeof report, .render = render};
static const char *const capture_services[] = {MEDIC_SERVICE_HEAP, MEDIC_SERVICE_RUNTIME, MEDIC_SERVICE_PARAMS,
                                               MEDIC_SERVICE_RECORDS};
static const char *const report_services[] = {MEDIC_SERVICE_CAPTURE, MEDIC_SERVICE_DOCUMENT};

static const medic_param params[] = {
    {.key = "route",
     .label = "Route",
     .help = "How.",
     .type = MEDIC_PARAM_ENUM,
     .initial = "auto",
     .choices = "auto|copy|collect|enumerate"},
    {.key = "count", .label = "Photographs", .help = "How many.", .type = MEDIC_PARAM_INT, .initial = "1"},
    {.key = "values", .label = "Values", .help = "Strings too.", .type = MEDIC_PARAM_BOOL, .initial = "no"},
    {.key = "max_pause",
     .label = "Longest pause",
     .help = "Refuses above.",
     .type = MEDIC_PARAM_DURATION,
     .initial = "2s"},
};

#define HEAP_GUID                                                                                                      \
    {                                                                                                                  \
        0x6f1d3b20, 0x7a55, 0x4c1e,                                                                                    \
        {                                                                                                              \
            0x9b, 0x02, 0x11, 0x5e, 0x40, 0x7c, 0xd3, FIXTURE_ID                                                       \
        }                                                                                                              \
    }

static const medic_plugin descriptor = {
    .magic = MEDIC_PLUGIN_MAGIC,
    .size = sizeof descriptor,
    .abi_major = MEDIC_ABI_MAJOR,
    .abi_minor = MEDIC_ABI_MINOR,
    .guid = HEAP_GUID,
    .name = FIXTURE_NAME,
    .version = "1.0.0",
    .summary = "Photographs the heap, for tests.",
    .observation = "a test runs",
    .flags = MEDIC_SUSPENDS | MEDIC_FORKS | MEDIC_ENDS_ITSELF | FIXTURE_FLAGS,
    .record_revision = 1,
    .param_size = sizeof(medic_param),
    .param_count = sizeof params / sizeof *params,
    .params = params,
    .event_mask_high = FIXTURE_IN_CALLBACK ? COR_PRF_HIGH_BASIC_GC : 0,
    .capture_service_count = 4 - FIXTURE_UNDECLARED,
    .capture_services = capture_services + FIXTURE_UNDECLARED, /* the heap is the first */
    .report_service_count = 2,
    .report_services = report_services,
    .capture = &capture,
    .report = &report,
};

MEDIC_PLUGIN_NOTE(FIXTURE_NAME, HEAP_GUID);

const medic_plugin *medic_plugin_entry(void)
{
    return &descriptor;
}
