#include "core/session.h"

#include "common/keyvalue.h"
#include "core/dispatch.h"
#include "core/loader.h"
#include "core/os.h"
#include "core/sdk_process.h"
#include "core/services/heap.h"
#include "core/services/services.h"
#include "core/services/stacks.h"
#include "core/services/symbols.h"
#include "core/thread.h"
#include "core/worker.h"

#include <medic/clr/hresults.h>
#include <medic/service/names.h>
#include <medic/service/stacks.h>
#include <stdlib.h>
#include <string.h>

/* How long a start-up waits for the plugin to be ready, so that it sees the program from the first instruction, and how
 * long an exit waits for the capture to be completed. */
#define STARTUP_WAIT_NS UINT64_C(3000000000)
#define EXIT_WAIT_NS UINT64_C(2000000000)
/* How long unloads may wait for the worker to drain the ring: a burst, and a quarter of the time beyond it, or the runtime's
 * finalizer falls behind a program that unloads a lot. Then, for the one question that the worker is at. */
#define UNLOAD_BURST_NS UINT64_C(250000000)
#define UNLOAD_SHARE 4
#define EXIT_POSITION UINT64_MAX /* of the ring: behind all that will ever be in it */
#define ASKING_WAIT_NS UINT64_C(1000000000)

struct session session;
static GUID pending_guid;

void session_set_plugin(const GUID *guid)
{
    pending_guid = *guid;
}

void session_end(uint32_t reason)
{
    uint32_t none = MEDIC_END_NONE;

    if (atomic_compare_exchange_strong(&session.end_reason, &none, reason)) {
        atomic_store(&session.ring.wake, 1);
        os_futex_wake(&session.ring.wake);
    }
}

void session_fail(int code, const char *sentence)
{
    if (session.result == MEDIC_OK) {
        session.result = code;
        snprintf(session.reason.text, sizeof session.reason.text, "%s", sentence);
    }
    session_end(MEDIC_END_FAILED);
}

static int requires(const char *name)
{
    const medic_plugin *plugin = &session.view.plugin;

    for (uint32_t i = 0; i < plugin->capture_service_count; i++) {
        if (strcmp(plugin->capture_services[i], name) == 0)
            return 1;
    }
    return 0;
}

/* The plugin gets names for what it records, so ids must not outlive their modules. */
static int asks_for_names(void)
{
    return requires(MEDIC_SERVICE_NAMES) || requires(MEDIC_SERVICE_STACKS) || requires(MEDIC_SERVICE_HEAP);
}

static int set_mask(uint32_t low, uint32_t high, medic_reason *why)
{
    HRESULT hr = session.info->lpVtbl->SetEventMask2(session.info, low, high);

    if (FAILED(hr))
        return medic_fail(
            why, MEDIC_E_UNSUPPORTED, "the runtime refuses the event mask %#x, %#x (%#x): %s", low, high, (unsigned)hr,
            hr == CORPROF_E_UNSUPPORTED_FOR_ATTACHING_PROFILER ? "some of it can only be set when the program starts"
                                                               : "it may need another runtime version");
    session.mask_low = low;
    session.mask_high = high;
    return MEDIC_OK;
}

int session_set_mask(uint32_t low, uint32_t high, medic_reason *why)
{
    if (asks_for_names())
        low |= COR_PRF_MONITOR_MODULE_LOADS; /* for session_before_unload */
    if (requires(MEDIC_SERVICE_STACKS))
        low |= COR_PRF_ENABLE_STACK_SNAPSHOT;
    if (session.samples)
        low |= COR_PRF_MONITOR_THREADS;
    if (requires(MEDIC_SERVICE_EVENTS))
        high |= COR_PRF_HIGH_MONITOR_EVENT_PIPE;
    if (requires(MEDIC_SERVICE_HEAP))
        low = heap_relax_mask(low);
    return set_mask(low | session.mask_until_up, high, why);
}

/* Some of what the heap service needs later the runtime takes only while it begins. It may be taken back at once when it is
 * attached to; one that starts looks at it again later, so it stays until that is up. */
static int prepare_mask(medic_reason *why)
{
    const medic_plugin *plugin = &session.view.plugin;
    uint32_t low = plugin->event_mask_low, high = plugin->event_mask_high;
    int code = MEDIC_OK;

    if (session.at_startup) {
        low |= plugin->startup_mask_low;
        high |= plugin->startup_mask_high;
    }
    if (requires(MEDIC_SERVICE_HEAP)) {
        uint32_t early = heap_mask_at_begin(plugin->flags, session.version.major);

        session.mask_until_up = session.at_startup ? early : 0;
        code = session.at_startup ? MEDIC_OK : set_mask(early, 0, why);
    }
    return code == MEDIC_OK ? session_set_mask(low, high, why) : code;
}

void session_runtime_is_up(void)
{
    if (!session.mask_until_up)
        return;
    session.mask_until_up = 0;
    session_set_mask(session.mask_low, session.mask_high, NULL);
}

void session_clear_mask(int ring_is_empty)
{
    DWORD low = !ring_is_empty && asks_for_names() ? COR_PRF_MONITOR_MODULE_LOADS : 0;

    session.info->lpVtbl->SetEventMask2(session.info, low, 0);
}

int session_emit(uint32_t type, const void *data, uint32_t size)
{
    int code = files_write_record(&session.files, type, data, size, NULL, 0);

    if (code == MEDIC_OK)
        session.records++;
    return code;
}

int session_show(const medic_record *record)
{
    const medic_capture *capture = &session.view.capture;

    if (capture->drain && session.self && capture->drain(session.self, record) != MEDIC_DRAIN_KEEP)
        return MEDIC_OK;
    return session_emit(record->type, record->data, record->size);
}

void session_first_record(uint64_t time_ns)
{
    uint64_t none = 0;

    if (atomic_load_explicit(&session.first_record_ns, memory_order_relaxed) == 0)
        atomic_compare_exchange_strong(&session.first_record_ns, &none, time_ns);
}

void session_paused(uint64_t ns)
{
    uint64_t longest = atomic_load(&session.longest_pause_ns);

    atomic_fetch_add(&session.total_pause_ns, ns);
    while (ns > longest && !atomic_compare_exchange_weak(&session.longest_pause_ns, &longest, ns))
        ;
}

static uint64_t memory_in_use(void)
{
    return session.ring.capacity + FILES_BUFFER_SIZE + (session.names ? names_memory(session.names) : 0) +
           stacks_memory() + symbols_memory() + session.config.text_size +
           session.view.plugin.param_count * sizeof(struct value) + sizeof session;
}

medic_cost_record session_cost(void)
{
    struct dispatch_cost callbacks = dispatch_cost();
    medic_cost_record cost = {
        .longest_pause_ns = atomic_load(&session.longest_pause_ns),
        .total_pause_ns = atomic_load(&session.total_pause_ns),
        .cpu_ns = os_time_ns(CLOCK_THREAD_CPUTIME_ID) + atomic_load(&session.events.cpu_ns) + callbacks.cpu_ns +
                  stacks_handler_ns(),
        .callback_cpu_ns = callbacks.cpu_ns,
        .callbacks = callbacks.calls,
        .bytes_written = session.files.written,
        .target_memory_bytes = memory_in_use(),
    };

    return cost;
}

int session_publish(uint32_t state)
{
    medic_status status = {
        .state = state,
        .end_reason = atomic_load(&session.end_reason),
        .result = session.result,
        .pid = (uint32_t)getpid(),
        .started_ns = session.started_ns,
        .now_ns = os_now_ns(),
        .duration_ns = session.config.duration_ns == CONFIG_DEFAULT ? 0 : session.config.duration_ns,
        .first_record_ns = atomic_load(&session.first_record_ns),
        .begin_ns = session.begin_ns,
        .records = session.records,
        .lost = session.lost,
        .progress = atomic_load(&session.progress),
        .cost = session.cost,
    };

    atomic_store(&session.state, state);
    snprintf(status.text, sizeof status.text, "%.255s", session.reason.text);
    return files_write_status(&session.files, &status);
}

void session_check_client(uint64_t now)
{
    if (files_stop_requested(&session.files))
        session_end(MEDIC_END_REQUEST);
    if (files_lease_lost(&session.files, session.config.lease_ns, now))
        session_end(MEDIC_END_LEASE);
}

void session_hold_unloads(void)
{
    medic_clock_record clock = {os_now_ns(), os_time_ns(CLOCK_REALTIME)};

    ring_write(&session.ring, MEDIC_RECORD_CLOCK, &clock, sizeof clock, NULL, 0);
}

void session_release(void)
{
    if (session.self && session.view.capture.destroy)
        session.view.capture.destroy(session.self);
    session.self = NULL;
    stacks_free();
    heap_free();
    symbols_free();
    if (session.names)
        names_free(session.names);
    session.names = NULL;
    ring_close(&session.ring);
    free(session.values);
    session.values = NULL;
    config_free(&session.config);
    if (session.info)
        session.info->lpVtbl->Release(session.info);
    session.info = NULL;
}

/* The default of every parameter, then what the client asked for. */
static int read_params(medic_reason *why)
{
    const medic_plugin *plugin = &session.view.plugin;
    const char *cursor = session.config.text, *end = cursor + session.config.text_size;
    struct keyvalue pair;

    session.values = calloc(plugin->param_count + 1, sizeof *session.values);
    if (!session.values)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory for %u parameters", plugin->param_count);
    for (uint32_t i = 0; i < plugin->param_count; i++) {
        const medic_param *param = param_at(plugin, i);
        int code = value_parse(param, param->initial, &session.values[i], why);

        if (code != MEDIC_OK)
            return code;
    }
    while (keyvalue_next(&cursor, end, &pair) > 0) {
        char text[VALUE_TEXT_MAX];
        uint32_t i = 0;

        if (pair.key_size <= 6 || memcmp(pair.key, "param.", 6) != 0)
            continue;
        pair.key += 6;
        pair.key_size -= 6;
        while (i < plugin->param_count && !keyvalue_is(&pair, param_at(plugin, i)->key))
            i++;
        if (i == plugin->param_count)
            return medic_fail(why, MEDIC_E_ARGUMENT, "%s has no parameter \"%.*s\"", plugin->name,
                              (int)(pair.key_size > 60 ? 60 : pair.key_size), pair.key);
        if (keyvalue_copy(&pair, text, sizeof text) != 0)
            return medic_fail(why, MEDIC_E_ARGUMENT, "the value of %s is longer than %d bytes",
                              param_at(plugin, i)->key, VALUE_TEXT_MAX - 1);
        if (value_parse(param_at(plugin, i), text, &session.values[i], why) != MEDIC_OK)
            return MEDIC_E_ARGUMENT;
    }
    return MEDIC_OK;
}

static int open_runtime(IUnknown *unknown, medic_reason *why)
{
    static const GUID iid = MEDIC_IID_ICorProfilerInfo12;
    USHORT instance;
    COR_PRF_RUNTIME_TYPE type;
    void *info = NULL;

    if (FAILED(unknown->lpVtbl->QueryInterface(unknown, &iid, &info)) || !info)
        return medic_fail(why, MEDIC_E_UNSUPPORTED,
                          "this runtime is older than .NET 5; Medic supports .NET 8 and later");
    session.info = info;
    session.info->lpVtbl->GetRuntimeInformation(session.info, &instance, &type, &session.version.major,
                                                &session.version.minor, &session.version.build, &session.version.patch,
                                                0, NULL, NULL);
    if (session.version.major < 8)
        return medic_fail(why, MEDIC_E_UNSUPPORTED, "this is .NET %u.%u; Medic supports .NET 8 and later",
                          session.version.major, session.version.minor);
    return MEDIC_OK;
}

int session_emit_core(void *context, uint32_t type, const void *head, uint32_t head_size, const void *tail,
                      uint32_t tail_size)
{
    (void)context;
    if (type == MEDIC_RECORD_MODULE && session.config.embed_symbols) {
        const medic_module_record *module = head;

        symbols_note_module(module->id, tail, module->length);
    }
    return files_write_record(&session.files, type, head, head_size, tail, tail_size);
}

/* Between these two the worker asks the runtime about ids of the record at the ring's tail. Either it sees that they are
 * stale, or who makes them so sees that it asks. They nest. */
static int begin_asking_of(uint64_t position)
{
    if (session.asking_depth) {
        session.asking_depth++;
        return 1;
    }
    atomic_store(&session.asking, 1);
    if (position >= atomic_load(&session.stale_before)) {
        session.asking_depth = 1;
        return 1;
    }
    atomic_store(&session.asking, 0);
    return 0;
}

static int begin_asking(void *context)
{
    (void)context;
    return begin_asking_of(atomic_load(&session.ring.tail));
}

int session_begin_asking_lasting(void)
{
    return begin_asking_of(EXIT_POSITION - 1);
}

static void end_asking(void *context)
{
    (void)context;
    if (--session.asking_depth == 0)
        atomic_store(&session.asking, 0);
}

/* The folder comes first: what fails later has a place to go. */
static int open_files(medic_reason *why)
{
    if (session.config.children && session.at_startup)
        return files_open_child(&session.files, session.config.session, why);
    return files_open(&session.files, session.config.session, why);
}

/* Everything that can fail with a reason, in the order in which it can be told. */
static int prepare(IUnknown *info, const char *text, size_t size, medic_reason *why)
{
    medic_reason later;
    const medic_plugin *plugin = &session.view.plugin;
    int parsed = config_parse(&session.config, text, size, &later);
    int code;

    if (session.at_startup && session.config.skip_sdk && sdk_process_self())
        return medic_fail(why, MEDIC_E_UNSUPPORTED, "this process belongs to the .NET SDK");
    code = open_files(why);
    if (code != MEDIC_OK)
        return code;
    if (parsed != MEDIC_OK)
        return medic_fail(why, parsed, "%s", later.text);
    if ((code = open_runtime(info, why)) != MEDIC_OK || (code = loader_load(&session, why)) != MEDIC_OK)
        return code;
    config_complete(&session.config, (plugin->flags & MEDIC_ENDS_ITSELF) != 0, requires(MEDIC_SERVICE_HEAP));
    if ((code = read_params(why)) != MEDIC_OK ||
        (code = files_begin(&session.files, session.config.lease_ns != 0, why)) != MEDIC_OK)
        return code;
    if (!session.at_startup && (plugin->flags & MEDIC_STARTUP_ONLY))
        return medic_fail(why, MEDIC_E_UNSUPPORTED,
                          "%s works only on a program that is started under it: use medic launch", plugin->name);
    session.names = names_new(session.info, session_emit_core, NULL);
    if (!session.names ||
        ring_open(&session.ring, plugin->ring_bytes ? plugin->ring_bytes : UINT64_C(512) << 10) != MEDIC_OK)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory in the target");
    names_guard(session.names, begin_asking, end_asking);
    events_init(&session.events, session.info);
    return prepare_mask(why);
}

static int begin(IUnknown *info, const char *text, size_t size, int at_startup)
{
    uint64_t begin_ns = os_now_ns();
    int code, error;

    if (atomic_load(&session.state) != MEDIC_SESSION_NONE)
        return MEDIC_E_BUSY; /* an earlier session never let go: leave it alone */
    memset(&session, 0, sizeof session);
    session.created_ns = begin_ns;
    atomic_store(&session.state, MEDIC_SESSION_STARTING);
    files_init(&session.files);
    session.at_startup = at_startup;
    session.plugin_guid = pending_guid;
    atomic_store(&session.progress, -1);
    code = prepare(info, text, size, &session.reason);
    if (code == MEDIC_OK && session_publish(MEDIC_SESSION_STARTING) != MEDIC_OK)
        code = medic_fail(&session.reason, MEDIC_E_IO, "cannot write the status in %.300s: %s", session.files.path,
                          strerror(errno));
    if (code == MEDIC_OK) {
        error = thread_start(worker_run, NULL);
        if (error)
            code =
                medic_fail(&session.reason, MEDIC_E_FAIL, "cannot start a thread in the target: %s", strerror(error));
    }
    session.begin_ns = os_now_ns() - begin_ns; /* the worker still waits at the gate */
    if (code != MEDIC_OK) {
        session.result = code;
        atomic_store(&session.end_reason, MEDIC_END_FAILED);
        session_publish(MEDIC_SESSION_FAILED);
        session_release();
        files_close(&session.files);
        atomic_store(&session.state, MEDIC_SESSION_NONE);
    }
    return code;
}

/* Waits until *word is 1. */
static void wait_for(_Atomic uint32_t *word, uint64_t timeout_ns)
{
    uint64_t deadline = os_now_ns() + timeout_ns;

    while (atomic_load(word) == 0 && os_now_ns() < deadline)
        os_futex_wait(word, 0, deadline - os_now_ns() < timeout_ns ? deadline - os_now_ns() : timeout_ns);
}

HRESULT session_begin_at_attach(IUnknown *info, const void *client_data, uint32_t size)
{
    int code = begin(info, client_data ? client_data : "", client_data ? size : 0, 0);

    return code == MEDIC_OK ? S_OK : code == MEDIC_E_ARGUMENT ? E_INVALIDARG : E_FAIL;
}

/* A process that inherits the variables and the session of another one does without a profiler, quietly. */
HRESULT session_begin_at_startup(IUnknown *info)
{
    const char *text = getenv("MEDIC_SESSION");
    int code = begin(info, text ? text : "", text ? strlen(text) : 0, 1);

    if (code != MEDIC_OK)
        return CORPROF_E_PROFILER_CANCEL_ACTIVATION;
    session_attached();
    wait_for(&session.started, STARTUP_WAIT_NS);
    return S_OK;
}

void session_attached(void)
{
    atomic_store(&session.gate, 1);
    os_futex_wake(&session.gate);
}

void session_detached(void)
{
    session_release();
    session_publish(MEDIC_SESSION_ENDED);
    files_close(&session.files);
    atomic_store(&session.state, MEDIC_SESSION_NONE);
}

/* From now on no id recorded before this ring position is given to the runtime, and no such question is under way. */
static void stop_asking(uint64_t position)
{
    uint64_t deadline = os_now_ns() + ASKING_WAIT_NS, before = atomic_load(&session.stale_before);

    while (before < position && !atomic_compare_exchange_weak(&session.stale_before, &before, position))
        ;
    while (atomic_load(&session.asking) && os_now_ns() < deadline)
        os_sleep_ns(UINT64_C(50000));
}

void session_target_exits(void)
{
    uint32_t state = atomic_load(&session.state);

    atomic_store(&session.exiting, 1);
    if (atomic_load(&session.captured) || (state != MEDIC_SESSION_STARTING && state != MEDIC_SESSION_RUNNING &&
                                           state != MEDIC_SESSION_STOPPING && state != MEDIC_SESSION_INERT))
        return;
    session_end(MEDIC_END_TARGET_EXIT);
    session_attached(); /* an exit can come between the begin of an attach and its end */
    wait_for(&session.captured, EXIT_WAIT_NS);
    if (!atomic_load(&session.captured))
        stop_asking(EXIT_POSITION); /* the runtime goes away under a worker that is still busy */
}

/* Any record of which the worker may still ask for names. */
static int may_drain(void)
{
    uint32_t state = atomic_load(&session.state);

    return state == MEDIC_SESSION_STARTING || state == MEDIC_SESSION_RUNNING || state == MEDIC_SESSION_STOPPING ||
           state == MEDIC_SESSION_INERT;
}

/* How long all unloads of the session together may still wait. */
static uint64_t unload_budget_ns(uint64_t now)
{
    uint64_t all = UNLOAD_BURST_NS + (now - session.created_ns) / UNLOAD_SHARE,
             used = atomic_load(&session.unload_waited_ns);

    return used < all ? all - used : 0;
}

/* Ids are resolved by asking the runtime, which trusts them: one whose module is gone crashes the target. Mostly on the
 * runtime's finalizer thread. */
void session_before_unload(void)
{
    uint64_t begin = os_now_ns(), head = atomic_load(&session.ring.head);

    while (may_drain() && atomic_load(&session.ring.tail) < head) {
        if (os_now_ns() - begin >= unload_budget_ns(begin)) {
            stop_asking(head);
            break;
        }
        atomic_store(&session.ring.wake, 1);
        os_futex_wake(&session.ring.wake);
        os_sleep_ns(UINT64_C(100000));
    }
    atomic_fetch_add(&session.unload_waited_ns, os_now_ns() - begin);
}
