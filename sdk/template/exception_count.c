/* exception_count: which exceptions are thrown, and how often. The smallest useful profiler: copy it and begin from here. */
#include <medic/medic.h>

#include <stdlib.h>
#include <string.h>

/* ---- what the two halves share: the records ---- */

enum { RECORD_THROW = MEDIC_RECORD_PLUGIN };

struct throw_record {
    uint64_t type; /* ClassID of the exception */
};

/* ---- capture: runs inside the program ---- */

struct counter {
    const medic_host *host;
    const medic_runtime_service *runtime;
    const medic_records_service *records;
    const medic_names_service *names;
};

static int create(const medic_host *host, void **self, medic_reason *why)
{
    struct counter *counter = calloc(1, sizeof *counter);

    if (!counter)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory");
    counter->host = host;
    counter->runtime = host->service(host, MEDIC_SERVICE_RUNTIME);
    counter->records = host->service(host, MEDIC_SERVICE_RECORDS);
    counter->names = host->service(host, MEDIC_SERVICE_NAMES);
    *self = counter;
    return MEDIC_OK;
}

/* [runtime] On the thread that throws: record the fact, nothing more. */
static HRESULT exception_thrown(void *self, ObjectID exception)
{
    struct counter *counter = self;
    ICorProfilerInfo12 *info = counter->runtime->info(counter->host);
    ClassID type;

    if (SUCCEEDED(info->lpVtbl->GetClassFromObject(info, exception, &type))) {
        struct throw_record record = {type};

        counter->records->write(counter->host, RECORD_THROW, &record, sizeof record); /* a full ring counts the loss */
    }
    return S_OK;
}

/* [worker] Each record on its way to the file: time to ask for names, while the type is surely there. */
static int drain(void *self, const medic_record *record)
{
    struct counter *counter = self;

    if (record->type == RECORD_THROW)
        counter->names->type(counter->host, ((const struct throw_record *)record->data)->type);
    return MEDIC_DRAIN_KEEP;
}

static const medic_callbacks callbacks = {.size = sizeof callbacks, .ExceptionThrown = exception_thrown};

static const medic_capture capture = {
    .size = sizeof capture, .create = create, .drain = drain, .destroy = free, .callbacks = &callbacks};

/* ---- report: runs in the medic process ---- */

enum { TYPES_MAX = 1000 };

struct tally {
    uint64_t type;
    int64_t count;
};

static int by_count(const void *a, const void *b)
{
    int64_t left = ((const struct tally *)a)->count, right = ((const struct tally *)b)->count;

    return (left < right) - (left > right);
}

static size_t count_throws(const medic_host *host, const medic_capture_service *in, struct tally *tallies,
                           int64_t *total)
{
    size_t types = 0, i;
    medic_record record;

    while (in->next(host, &record)) {
        struct throw_record thrown;

        if (record.type != RECORD_THROW || record.size < sizeof thrown)
            continue;
        memcpy(&thrown, record.data, sizeof thrown);
        ++*total;
        for (i = 0; i < types && tallies[i].type != thrown.type; i++)
            ;
        if (i == types && types < TYPES_MAX)
            tallies[types++] = (struct tally){thrown.type, 0};
        if (i < types)
            tallies[i].count++;
    }
    qsort(tallies, types, sizeof *tallies, by_count);
    return types;
}

static const char *name_of(const medic_host *host, const medic_capture_service *in, uint64_t type)
{
    const char *name = NULL;

    in->name(host, MEDIC_NAME_TYPE, type, &name);
    return name ? name : "(unknown type)";
}

static int render(const medic_host *host, medic_reason *why)
{
    const medic_capture_service *in = host->service(host, MEDIC_SERVICE_CAPTURE);
    const medic_document_service *out = host->service(host, MEDIC_SERVICE_DOCUMENT);
    static const medic_column columns[] = {
        {.id = "type", .title = "Exception", .type = MEDIC_STRING, .flags = MEDIC_COLUMN_KEY},
        {.id = "count", .title = "Thrown", .type = MEDIC_INTEGER, .unit = MEDIC_UNIT_COUNT, .flags = MEDIC_COLUMN_DIFF},
    };
    const medic_section_info info = {.size = sizeof info,
                                     .kind = MEDIC_TABLE,
                                     .id = "types",
                                     .title = "By type",
                                     .columns = columns,
                                     .column_size = sizeof *columns,
                                     .column_count = 2};
    static struct tally tallies[TYPES_MAX];
    int64_t total = 0;
    size_t types = count_throws(host, in, tallies, &total);
    medic_section *section = out->section(host, &info);
    char verdict[300];

    (void)why;
    for (size_t i = 0; i < types; i++) {
        medic_cell cells[] = {medic_string(name_of(host, in, tallies[i].type)), medic_integer(tallies[i].count)};

        out->row(section, MEDIC_NO_PARENT, cells, 2);
    }
    if (total)
        snprintf(verdict, sizeof verdict, "%lld exceptions were thrown, most often %.200s (%lld).", (long long)total,
                 name_of(host, in, tallies[0].type), (long long)tallies[0].count);
    else
        snprintf(verdict, sizeof verdict, "No exception was thrown.");
    out->verdict(host, total ? MEDIC_NOTICE : MEDIC_HEALTHY, verdict);
    return MEDIC_OK;
}

static const medic_report report = {.size = sizeof report, .render = render};

/* ---- the descriptor ---- */

/* Make your own with uuidgen. */
#define EXCEPTION_COUNT_GUID                                                                                           \
    {                                                                                                                  \
        0x0d2b7a54, 0x6f0e, 0x4d43,                                                                                    \
        {                                                                                                              \
            0x9a, 0x1b, 0x3c, 0x52, 0xe8, 0x77, 0x10, 0x4f                                                             \
        }                                                                                                              \
    }

static const char *const capture_services[] = {MEDIC_SERVICE_RUNTIME, MEDIC_SERVICE_RECORDS, MEDIC_SERVICE_NAMES};
static const char *const report_services[] = {MEDIC_SERVICE_CAPTURE, MEDIC_SERVICE_DOCUMENT};

static const medic_plugin plugin = {
    .magic = MEDIC_PLUGIN_MAGIC,
    .size = sizeof plugin,
    .abi_major = MEDIC_ABI_MAJOR,
    .abi_minor = MEDIC_ABI_MINOR,
    .guid = EXCEPTION_COUNT_GUID,
    .name = "exception_count",
    .version = "0.1.0",
    .summary = "Counts exceptions by type",
    .observation = "errors, or CPU lost in throwing",
    .record_revision = 1,
    .event_mask_low = COR_PRF_MONITOR_EXCEPTIONS,
    .param_size = sizeof(medic_param),
    .capture_service_count = 3,
    .report_service_count = 2,
    .capture_services = capture_services,
    .report_services = report_services,
    .capture = &capture,
    .report = &report,
};

MEDIC_PLUGIN_NOTE("exception_count", EXCEPTION_COUNT_GUID);

const medic_plugin *medic_plugin_entry(void)
{
    return &plugin;
}
