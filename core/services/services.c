/* The tables behind the service names. There is one session, so the host argument carries nothing. */
#include "core/services/services.h"

#include "core/os.h"
#include "core/services/heap.h"
#include "core/services/stacks.h"
#include "core/session.h"

#include <medic/medic.h>
#include <stdarg.h>
#include <string.h>

/* medic.params */

static int param(const char *key, uint32_t type, uint32_t other_type, const struct value **value)
{
    const medic_plugin *plugin = &session.view.plugin;

    for (uint32_t i = 0; i < plugin->param_count; i++) {
        if (strcmp(param_at(plugin, i)->key, key) != 0)
            continue;
        *value = &session.values[i];
        return (*value)->type == type || (*value)->type == other_type ? MEDIC_OK : MEDIC_E_ARGUMENT;
    }
    return MEDIC_E_NOT_FOUND;
}

static int get_bool(const medic_host *host, const char *key, int *out)
{
    const struct value *value;
    int code = param(key, MEDIC_PARAM_BOOL, MEDIC_PARAM_BOOL, &value);

    (void)host;
    if (code == MEDIC_OK)
        *out = value->as.boolean;
    return code;
}

static int get_int(const medic_host *host, const char *key, int64_t *out)
{
    const struct value *value;
    int code = param(key, MEDIC_PARAM_INT, MEDIC_PARAM_INT, &value);

    (void)host;
    if (code == MEDIC_OK)
        *out = value->as.integer;
    return code;
}

static int get_float(const medic_host *host, const char *key, double *out)
{
    const struct value *value;
    int code = param(key, MEDIC_PARAM_FLOAT, MEDIC_PARAM_FLOAT, &value);

    (void)host;
    if (code == MEDIC_OK)
        *out = value->as.number;
    return code;
}

static int get_text(const medic_host *host, const char *key, const char **out)
{
    const struct value *value;
    int code = param(key, MEDIC_PARAM_STRING, MEDIC_PARAM_ENUM, &value);

    (void)host;
    if (code == MEDIC_OK)
        *out = value->text;
    return code;
}

static int get_quantity(const char *key, uint32_t type, uint64_t *out)
{
    const struct value *value;
    int code = param(key, type, type, &value);

    if (code == MEDIC_OK)
        *out = value->as.quantity;
    return code;
}

static int get_duration(const medic_host *host, const char *key, uint64_t *nanoseconds)
{
    (void)host;
    return get_quantity(key, MEDIC_PARAM_DURATION, nanoseconds);
}

static int get_size(const medic_host *host, const char *key, uint64_t *bytes)
{
    (void)host;
    return get_quantity(key, MEDIC_PARAM_SIZE, bytes);
}

static const medic_params_service params_service = {
    sizeof params_service, 0, get_bool, get_int, get_float, get_text, get_duration, get_size,
};

/* medic.log */

static void log_write(const medic_host *host, enum medic_log_level level, const char *format, ...)
{
    medic_log_record head = {os_now_ns(), level, 0};
    char text[MEDIC_LOG_TEXT_MAX + 1];
    va_list arguments;
    int length;

    (void)host;
    if (atomic_fetch_add_explicit(&session.log_lines, 1, memory_order_relaxed) >= LOG_LINES_A_SECOND)
        return; /* counted: the worker tells how many when it resets the number */
    va_start(arguments, format);
    length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    head.length = length < MEDIC_LOG_TEXT_MAX ? (uint32_t)length : MEDIC_LOG_TEXT_MAX;
    ring_write(&session.ring, MEDIC_RECORD_LOG, &head, sizeof head, text, head.length);
}

static const medic_log_service log_service = {sizeof log_service, 0, log_write};

/* medic.clock */

static uint64_t thread_cpu_ns(void)
{
    return os_time_ns(CLOCK_THREAD_CPUTIME_ID);
}

static const medic_clock_service clock_service = {sizeof clock_service, 0, os_now_ns, thread_cpu_ns, os_thread_id};

/* medic.runtime */

static ICorProfilerInfo12 *runtime_info(const medic_host *host)
{
    (void)host;
    return session.info;
}

static medic_runtime_version runtime_version(const medic_host *host)
{
    (void)host;
    return session.version;
}

static int set_event_mask(const medic_host *host, uint32_t low, uint32_t high, medic_reason *why)
{
    (void)host;
    return session_set_mask(low, high, why);
}

static void done(const medic_host *host)
{
    (void)host;
    session_end(MEDIC_END_DONE);
}

static void fail(const medic_host *host, int code, const char *sentence)
{
    (void)host;
    session_fail(code, sentence);
}

static void progress(const medic_host *host, int32_t thousandths)
{
    (void)host;
    atomic_store(&session.progress, thousandths);
}

static const medic_runtime_service runtime_service = {
    sizeof runtime_service, 0, runtime_info, runtime_version, set_event_mask, done, fail, progress,
};

/* medic.records */

static int is_plugins(uint32_t type)
{
    return type >= MEDIC_RECORD_PLUGIN && !stacks_is_raw(type);
}

static int records_write2(const medic_host *host, uint32_t type, const void *head, uint32_t head_size, const void *tail,
                          uint32_t tail_size)
{
    (void)host;
    if (!is_plugins(type))
        return MEDIC_E_ARGUMENT;
    if (atomic_load_explicit(&session.first_record_ns, memory_order_relaxed) == 0)
        session_first_record(os_now_ns());
    return ring_write(&session.ring, type, head, head_size, tail, tail_size);
}

static int records_write(const medic_host *host, uint32_t type, const void *data, uint32_t size)
{
    return records_write2(host, type, data, size, NULL, 0);
}

static int records_emit(const medic_host *host, uint32_t type, const void *data, uint32_t size)
{
    (void)host;
    return is_plugins(type) ? session_emit(type, data, size) : MEDIC_E_ARGUMENT;
}

static void records_soon(const medic_host *host)
{
    (void)host;
    if (atomic_load_explicit(&session.soon, memory_order_relaxed) != SOON_ASKED &&
        atomic_exchange(&session.soon, SOON_ASKED) == SOON_NOT)
        ring_wake(&session.ring);
}

static const medic_records_service records_service = {
    sizeof records_service, 0, records_write, records_write2, records_emit, records_soon,
};

/* medic.names */

static int name_type(const medic_host *host, ClassID id)
{
    (void)host;
    return names_type(session.names, id);
}

static int name_function(const medic_host *host, FunctionID id)
{
    (void)host;
    return names_function(session.names, id);
}

static int name_module(const medic_host *host, ModuleID id)
{
    (void)host;
    return names_module(session.names, id);
}

static int name_thread(const medic_host *host, ThreadID id)
{
    (void)host;
    return names_thread(session.names, id);
}

static int name_function_at(const medic_host *host, uintptr_t ip, FunctionID *id)
{
    (void)host;
    return names_function_at(session.names, ip, id);
}

static int name_base_type(const medic_host *host, ClassID id, ClassID *base)
{
    (void)host;
    return names_base_type(session.names, id, base);
}

static int begin_asking(const medic_host *host)
{
    (void)host;
    return names_begin_asking(session.names);
}

static void end_asking(const medic_host *host)
{
    (void)host;
    names_end_asking(session.names);
}

static const medic_names_service names_service = {
    sizeof names_service, 0,           name_type,        name_function,
    name_module,          name_thread, name_function_at, name_base_type,
    begin_asking,         end_asking,
};

/* medic.events */

static int start_events(const medic_host *host, const medic_event_provider *providers, uint32_t count,
                        medic_reason *why)
{
    (void)host;
    return events_start(&session.events, providers, count, why);
}

static int events_state(const medic_host *host)
{
    (void)host;
    return atomic_load(&session.events.state);
}

static uint32_t events_thread(const medic_host *host)
{
    (void)host;
    return atomic_load(&session.events.thread);
}

static const medic_events_service events_service = {sizeof events_service, 0, start_events, events_state,
                                                    events_thread};

static const struct {
    const char *name;
    const void *table;
} services[] = {
    {MEDIC_SERVICE_PARAMS, &params_service},   {MEDIC_SERVICE_LOG, &log_service},
    {MEDIC_SERVICE_CLOCK, &clock_service},     {MEDIC_SERVICE_RUNTIME, &runtime_service},
    {MEDIC_SERVICE_RECORDS, &records_service}, {MEDIC_SERVICE_NAMES, &names_service},
    {MEDIC_SERVICE_EVENTS, &events_service},   {MEDIC_SERVICE_STACKS, &stacks_service},
    {MEDIC_SERVICE_HEAP, &heap_service},
};

static const void *find(const medic_host *host, const char *name)
{
    (void)host;
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        if (strcmp(services[i].name, name) == 0)
            return services[i].table;
    }
    return NULL;
}

int services_have(const char *name)
{
    return find(&services_host, name) != NULL;
}

const medic_host services_host = {sizeof services_host, 0, find};
