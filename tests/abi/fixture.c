/* A small plugin, and with -DFIXTURE_<what> each way in which one can be wrong. It counts collections and records each. */
#include <medic/medic.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#ifndef FIXTURE_NAME
#define FIXTURE_NAME "fixture_good"
#endif
#ifndef FIXTURE_ID
#define FIXTURE_ID 1
#endif
#define FIXTURE_GUID                                                                                                   \
    {                                                                                                                  \
        0xf1c70000, 0x0000, 0x4000,                                                                                    \
        {                                                                                                              \
            0x80, 0, 0, 0, 0, 0, 0, FIXTURE_ID                                                                         \
        }                                                                                                              \
    }

enum { RECORD_COLLECTION = MEDIC_RECORD_PLUGIN };

struct instance {
    const medic_host *host;
    const medic_records_service *records;
    const medic_clock_service *clock;
    uint64_t *collections; /* allocated, so that a leak shows */
};

static int create(const medic_host *host, void **self, medic_reason *why)
{
    struct instance *instance = calloc(1, sizeof *instance);

    if (!instance)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory");
    instance->host = host;
    instance->records = host->service(host, MEDIC_SERVICE_RECORDS);
    instance->clock = host->service(host, MEDIC_SERVICE_CLOCK);
    instance->collections = calloc(1, sizeof *instance->collections);
#ifdef FIXTURE_CREATE_FAILS
    free(instance->collections);
    free(instance);
    return medic_fail(why, MEDIC_E_UNSUPPORTED, "this fixture never starts");
#endif
    *self = instance;
    return MEDIC_OK;
}

static int start(void *self, medic_reason *why)
{
    (void)self, (void)why;
#ifdef FIXTURE_START_FAILS
    return medic_fail(why, MEDIC_E_UNSUPPORTED, "this fixture never records");
#else
    return MEDIC_OK;
#endif
}

static HRESULT collection(void *self, int generations, BOOL *collected, COR_PRF_GC_REASON reason)
{
    struct instance *instance = self;
    uint64_t now = instance->clock->now_ns();

    (void)generations, (void)collected, (void)reason;
#ifdef FIXTURE_SLOW
    while (instance->clock->now_ns() - now < UINT64_C(4000000000))
        ; /* longer than the core waits for a callback at the end of a session */
#endif
    instance->records->write(instance->host, RECORD_COLLECTION, &now, sizeof now);
    return S_OK;
}

static void destroy(void *self)
{
    struct instance *instance = self;

    free(instance->collections);
    free(instance);
}

#ifdef FIXTURE_RENDER_FAILS
static int render(const medic_host *host, medic_reason *why)
{
    (void)host;
    return medic_fail(why, MEDIC_E_FAIL, "this fixture has nothing to say");
}
#else
static int render(const medic_host *host, medic_reason *why)
{
    const medic_capture_service *capture = host->service(host, MEDIC_SERVICE_CAPTURE);
    const medic_document_service *document = host->service(host, MEDIC_SERVICE_DOCUMENT);
    medic_record record;
    unsigned count = 0;
    char verdict[80];

    (void)why;
#ifdef FIXTURE_RENDER_CRASHES
    raise(SIGSEGV);
#endif
    while (capture->next(host, &record))
        count += record.type == RECORD_COLLECTION;
    snprintf(verdict, sizeof verdict, "%u collections were seen.", count);
    document->verdict(host, MEDIC_HEALTHY, verdict);
    return MEDIC_OK;
}
#endif

static const medic_callbacks callbacks = {
    .size = sizeof callbacks,
    .GarbageCollectionStarted = collection,
};

static const medic_capture capture = {
    .size = sizeof capture,
    .create = create,
    .start = start,
    .destroy = destroy,
    .callbacks = &callbacks,
};

static const medic_report report = {.size = sizeof report, .render = render};

#ifndef FIXTURE_SERVICE
#define FIXTURE_SERVICE MEDIC_SERVICE_CLOCK
#endif
static const char *const capture_services[] = {MEDIC_SERVICE_RECORDS, FIXTURE_SERVICE};
static const char *const report_services[] = {MEDIC_SERVICE_CAPTURE, MEDIC_SERVICE_DOCUMENT};

#ifndef FIXTURE_DEFAULT
#define FIXTURE_DEFAULT "1"
#endif
static const medic_param params[] = {
    {.key = "weight",
     .label = "Weight",
     .help = "Does nothing.",
     .type = MEDIC_PARAM_INT,
     .initial = FIXTURE_DEFAULT,
     .minimum = "0",
     .maximum = "10"},
};

#ifndef FIXTURE_MAGIC
#define FIXTURE_MAGIC MEDIC_PLUGIN_MAGIC
#endif
#ifndef FIXTURE_MAJOR
#define FIXTURE_MAJOR MEDIC_ABI_MAJOR
#endif
#ifndef FIXTURE_SIZE
#define FIXTURE_SIZE sizeof(medic_plugin)
#endif

/* A descriptor of a later revision: members that this host does not know follow. */
static const struct {
    medic_plugin plugin;
    uint64_t unknown[4];
} descriptor = {
    .plugin =
        {
            .magic = FIXTURE_MAGIC,
            .size = FIXTURE_SIZE,
            .abi_major = FIXTURE_MAJOR,
#ifdef FIXTURE_NEWER
            .abi_minor = MEDIC_ABI_MINOR + 1,
#else
            .abi_minor = MEDIC_ABI_MINOR,
#endif
            .guid = FIXTURE_GUID,
            .name = FIXTURE_NAME,
            .version = "1.0.0",
            .summary = "Counts collections, for tests.",
            .observation = "a test runs",
            .record_revision = 1,
            .event_mask_high = COR_PRF_HIGH_BASIC_GC,
            .param_size = sizeof(medic_param),
            .param_count = 1,
            .params = params,
            .capture_service_count = 2,
            .capture_services = capture_services,
            .report_service_count = 2,
            .report_services = report_services,
            .capture = &capture,
            .report = &report,
        },
    .unknown = {1, 2, 3, 4},
};

#ifdef FIXTURE_CONSTRUCTOR
__attribute__((constructor)) static void crash(void)
{
    abort();
}
#endif

#ifndef FIXTURE_NO_NOTE
MEDIC_PLUGIN_NOTE(FIXTURE_NAME, FIXTURE_GUID);
#endif

#ifndef FIXTURE_NO_EXPORT
const medic_plugin *medic_plugin_entry(void)
{
#ifdef FIXTURE_ENTRY_CRASHES
    abort();
#endif
#ifdef FIXTURE_ENTRY_NULL
    return NULL;
#endif
    return &descriptor.plugin;
}
#else
extern const void *fixture_descriptor(void);
const void *fixture_descriptor(void)
{
    return &descriptor;
}
#endif
