/* Descriptor and life of the plugin that proves core/unwind: see fixture.h. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

struct mapping {
    uint64_t begin, end;
};

struct mappings {
    size_t count;
    struct mapping mapping[];
};

enum { MAPPINGS_MAX = 32768 };

struct mappings *mappings_read(void)
{
    struct mappings *m = calloc(1, sizeof *m + MAPPINGS_MAX * sizeof m->mapping[0]);
    FILE *file = fopen("/proc/self/maps", "re");
    char line[512], rights[8];
    unsigned long begin, end;

    while (m && file && fgets(line, sizeof line, file) && m->count < MAPPINGS_MAX)
        if (sscanf(line, "%lx-%lx %7s", &begin, &end, rights) == 3 && rights[1] == 'w')
            m->mapping[m->count++] = (struct mapping){begin, end};
    if (file)
        fclose(file);
    return m;
}

void mappings_free(struct mappings *mappings)
{
    free(mappings);
}

uint64_t mapping_end(const struct mappings *m, uint64_t address)
{
    size_t low = 0, high = m->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (address < m->mapping[middle].begin)
            high = middle;
        else if (address >= m->mapping[middle].end)
            low = middle + 1;
        else
            return m->mapping[middle].end;
    }
    return 0;
}

uint64_t copy_memory(void *to, uint64_t address, uint64_t size)
{
    struct iovec local = {to, size}, remote = {(void *)(uintptr_t)address, size}; /* NOLINT */
    ssize_t got = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

    return got > 0 ? (uint64_t)got : 0;
}

void put_name(struct instance *instance, uint64_t ip)
{
    FunctionID function = 0;

    if (instance->want_names)
        instance->names->function_at(instance->host, ip, &function);
}

void put_steps(struct instance *instance, const struct unwind_step *steps, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct unwind_code code;
        FunctionID function = 0;
        ReJITID rejit = 0;

        unwind_code_at(instance->unwinder, steps[i].ip, &code);
        if (code.kind == UNWIND_MANAGED &&
            SUCCEEDED(instance->info->lpVtbl->GetFunctionFromIP3(instance->info, (LPCBYTE)(uintptr_t)steps[i].ip,
                                                                 &function, &rejit))) { /* NOLINT */
            put_name(instance, steps[i].ip);
            fprintf(instance->out, " m:%lx:%lx", (unsigned long)function, (unsigned long)steps[i].ip);
        } else if (code.kind == UNWIND_NATIVE) {
            const char *name = strrchr(code.image.path, '/');
            fprintf(instance->out, " n:%s:%lx", name ? name + 1 : code.image.path,
                    (unsigned long)(steps[i].ip - code.image.bias));
        } else {
            fprintf(instance->out, " u:?:%lx", (unsigned long)steps[i].ip);
        }
    }
}

static int create(const medic_host *host, void **self, medic_reason *why)
{
    struct instance *instance = calloc(1, sizeof *instance);
    const medic_params_service *params = host->service(host, MEDIC_SERVICE_PARAMS);
    const char *path = NULL;

    if (!instance)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory");
    instance->host = host;
    instance->names = host->service(host, MEDIC_SERVICE_NAMES);
    instance->info = ((const medic_runtime_service *)host->service(host, MEDIC_SERVICE_RUNTIME))->info(host);
    params->get_int(host, "rounds", &instance->rounds);
    params->get_int(host, "milliseconds", &instance->milliseconds);
    params->get_bool(host, "names", &instance->want_names);
    params->get_text(host, "out", &path);
    instance->out = fopen(path, "we");
    if (!instance->out) {
        free(instance);
        return medic_fail(why, MEDIC_E_FAIL, "cannot write %s", path);
    }
    instance->arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    *self = instance;
    return MEDIC_OK;
}

static int start(void *self, medic_reason *why)
{
    struct instance *instance = self;

    if (instance->arena == MAP_FAILED)
        return medic_fail(why, MEDIC_E_MEMORY, "no arena");
    instance->unwinder = unwinder_new(instance->info);
    if (!instance->unwinder)
        return medic_fail(why, MEDIC_E_MEMORY, "no unwinder");
    compare_walks(instance);
    sample_threads(instance);
    fprintf(instance->out, "memory %lu\n", (unsigned long)unwinder_memory(instance->unwinder));
    fflush(instance->out);
    return MEDIC_OK;
}

static void destroy(void *self)
{
    struct instance *instance = self;

    unwinder_free(instance->unwinder);
    fclose(instance->out);
    if (instance->arena != MAP_FAILED)
        munmap(instance->arena, ARENA_SIZE);
    free(instance);
}

static int render(const medic_host *host, medic_reason *why)
{
    const medic_document_service *document = host->service(host, MEDIC_SERVICE_DOCUMENT);

    (void)why;
    document->verdict(host, MEDIC_HEALTHY, "Stacks were unwound.");
    return MEDIC_OK;
}

static const medic_callbacks callbacks = {.size = sizeof callbacks};

static const medic_capture capture = {
    .size = sizeof capture,
    .create = create,
    .start = start,
    .destroy = destroy,
    .callbacks = &callbacks,
};

static const medic_report report = {.size = sizeof report, .render = render};

static const medic_param params[] = {
    {.key = "rounds",
     .label = "Rounds",
     .help = "How often all threads are compared.",
     .type = MEDIC_PARAM_INT,
     .initial = "0",
     .minimum = "0",
     .maximum = "100000"},
    {.key = "milliseconds",
     .label = "Milliseconds",
     .help = "How long threads are sampled.",
     .type = MEDIC_PARAM_INT,
     .initial = "0",
     .minimum = "0",
     .maximum = "100000"},
    {.key = "names",
     .label = "Names",
     .help = "Asks for the functions' names. Not safe beside unloading, as nothing here waits in the ring.",
     .type = MEDIC_PARAM_BOOL,
     .initial = "false"},
    {.key = "out",
     .label = "File",
     .help = "Where the results go.",
     .type = MEDIC_PARAM_STRING,
     .initial = "/dev/null"},
};

static const char *const capture_services[] = {MEDIC_SERVICE_NAMES, MEDIC_SERVICE_RUNTIME, MEDIC_SERVICE_PARAMS};
static const char *const report_services[] = {MEDIC_SERVICE_DOCUMENT};

#define UNWIND_GUID                                                                                                    \
    {                                                                                                                  \
        0xf1c70000, 0x0000, 0x4000,                                                                                    \
        {                                                                                                              \
            0x80, 0, 0, 0, 0, 0, 0, 0x50                                                                               \
        }                                                                                                              \
    }

static const medic_plugin descriptor = {
    .magic = MEDIC_PLUGIN_MAGIC,
    .size = sizeof descriptor,
    .abi_major = MEDIC_ABI_MAJOR,
    .abi_minor = MEDIC_ABI_MINOR,
    .guid = UNWIND_GUID,
    .name = "unwind_fixture",
    .version = "1.0.0",
    .summary = "Compares Medic's unwinder with the runtime's, for tests.",
    .observation = "a test runs",
    .record_revision = 1,
    .event_mask_low = COR_PRF_ENABLE_STACK_SNAPSHOT,
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

MEDIC_PLUGIN_NOTE("unwind_fixture", UNWIND_GUID);

const medic_plugin *medic_plugin_entry(void)
{
    return &descriptor;
}
