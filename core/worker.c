#include "core/worker.h"

#include "common/guid.h"
#include "common/session_file.h"
#include "core/dispatch.h"
#include "core/os.h"
#include "core/services/heap_routes.h"
#include "core/services/services.h"
#include "core/services/stacks.h"
#include "core/services/symbols.h"
#include "core/session.h"
#include "core/thread.h"

#include <medic/clr/hresults.h>
#include <stdarg.h>
#include <string.h>

#define MS UINT64_C(1000000)

/* TICK: how long a record waits in the ring at most. QUIET: how long callbacks get to return; the longest of them takes
 * microseconds. DETACH: what RequestProfilerDetach is told to expect. The
 * runtime first sleeps 300 ms whatever it is told (2.5 s when told 0), and if a callback was still inside then, again: as long
 * as its patience of 5 s allows when twice the expected time has passed, 300 ms otherwise. 290 gives the short second look. */
#define TICK_NS (100 * MS)
#define EARLY_NS (200 * MS) /* a program that crashes soon has shown nearly how long it ran: ticks are short at first */
#define EARLY_TICK_NS (10 * MS)
#define SOON_NS (20 * MS)
#define PUBLISH_NS (250 * MS)
#define ATTACH_WAIT_NS (10000 * MS)
#define QUIET_NS (2000 * MS)
#define EVENTS_STOP_NS (2000 * MS)
#define DRAIN_NS (20 * MS) /* of one batch: ends and stop requests are looked at in between */
#define MEMORY_LIMIT (UINT64_C(64) << 20)
enum { DRAIN_BATCH = 4096, DETACH_MS = 290, HEADER_TEXT_MAX = 16384 };

/* Lines for the capture's header. */
struct text {
    char bytes[HEADER_TEXT_MAX];
    size_t size;
};

static void add_line(struct text *text, const char *format, ...) MEDIC_PRINTF(2, 3);

static void add_line(struct text *text, const char *format, ...)
{
    size_t room = sizeof text->bytes - text->size;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text->bytes + text->size, room, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length < room)
        text->size += (size_t)length;
}

static void write_header(void)
{
    const medic_plugin *plugin = &session.view.plugin;
    medic_capture_header header = {
        .magic = {'M', 'E', 'D', 'I', 'C', 'C', 'A', 'P'},
        .version = MEDIC_CAPTURE_VERSION,
        .plugin_guid = plugin->guid,
        .record_revision = plugin->record_revision,
        .pid = (uint32_t)getpid(),
        .monotonic_ns = session.started_ns,
        .realtime_ns = os_time_ns(CLOCK_REALTIME),
        .runtime_major = session.version.major,
        .runtime_minor = session.version.minor,
        .runtime_build = session.version.build,
        .runtime_patch = session.version.patch,
    };
    static struct text text; /* one worker at a time; too large for its stack */

    text.size = 0;
    add_line(&text, "core=%s\nplugin=%s\nplugin_version=%s\nsession=%s\nstart=%s\n", MEDIC_VERSION, plugin->name,
             plugin->version, session.files.path, session.at_startup ? "startup" : "attach");
    for (uint32_t i = 0; i < plugin->param_count; i++)
        add_line(&text, "param.%s=%s\n", param_at(plugin, i)->key, session.values[i].text);
    files_write_header(&session.files, &header, text.bytes, text.size);
}

static void show(const struct ring_record *record)
{
    medic_record shown = {record->type, record->size, record->data};

    if (record->type < MEDIC_RECORD_PLUGIN)
        files_write_record(&session.files, record->type, record->data, record->size, NULL, 0);
    else if (!stacks_is_raw(record->type) || stacks_resolve(record, &shown))
        session_show(&shown);
}

/* Writes what callbacks have recorded. Returns whether there may be more. */
static int drain(void)
{
    struct ring_record record;
    uint64_t begin = os_now_ns();
    int count = 0;

    stacks_refresh();
    while (count < DRAIN_BATCH && ring_peek(&session.ring, &record)) {
        show(&record);
        ring_pop(&session.ring);
        if (++count % 16 == 0 && os_now_ns() - begin > DRAIN_NS)
            return 1;
    }
    return count == DRAIN_BATCH;
}

static void tell_loss(uint64_t count, uint32_t reason)
{
    medic_loss_record loss = {count, reason, 0};

    if (!count)
        return;
    session.lost += count;
    files_write_record(&session.files, MEDIC_RECORD_LOSS, &loss, sizeof loss, NULL, 0);
}

static void tell_ring_loss(void)
{
    uint64_t dropped = atomic_load(&session.ring.dropped);

    tell_loss(dropped - session.ring_dropped, MEDIC_LOSS_RING_FULL);
    session.ring_dropped = dropped;
}

/* What the diagnosis has cost and what time it is: a capture that is cut short has the last of these. */
static void tell_time(void)
{
    medic_clock_record clock = {os_now_ns(), os_time_ns(CLOCK_REALTIME)};

    files_write_record(&session.files, MEDIC_RECORD_CLOCK, &clock, sizeof clock, NULL, 0);
}

static void tell_cost(void)
{
    tell_time();
    session.cost = session_cost();
    files_write_record(&session.files, MEDIC_RECORD_COST, &session.cost, sizeof session.cost, NULL, 0);
}

/* Ends the session when it is time. */
static void check_end(uint64_t now)
{
    if (session.config.duration_ns && now - session.started_ns >= session.config.duration_ns)
        session_end(MEDIC_END_DURATION);
    if (session.config.max_bytes && session.files.written > session.config.max_bytes)
        session_end(MEDIC_END_BYTES);
    if (session.cost.target_memory_bytes > MEMORY_LIMIT)
        session_end(MEDIC_END_MEMORY);
    if (session.files.write_error) {
        medic_reason why;

        session_fail(files_explain(&session.files, &why), why.text);
    }
}

/* How long the worker may sleep: to the next tick, or to the end of the session. */
static uint64_t until_next(uint64_t now)
{
    uint64_t tick = now - session.started_ns < EARLY_NS ? EARLY_TICK_NS : TICK_NS, left = session.config.duration_ns;

    if (atomic_load(&session.soon) != SOON_NOT && tick > SOON_NS)
        tick = SOON_NS;

    if (!left || now - session.started_ns >= left)
        return left ? 0 : tick;
    left -= now - session.started_ns;
    return left < tick ? left : tick;
}

static void reset_log_rate(void)
{
    uint32_t lines = atomic_exchange(&session.log_lines, 0);

    if (lines > LOG_LINES_A_SECOND)
        tell_loss(lines - LOG_LINES_A_SECOND, MEDIC_LOSS_LIMIT);
}

/* Before the worker looks at anything: who asks later is seen the next time. */
static void note_soon(void)
{
    uint32_t held = SOON_HELD;

    if (atomic_exchange(&session.soon, SOON_HELD) != SOON_ASKED)
        atomic_compare_exchange_strong(&session.soon, &held, SOON_NOT);
}

static void record(void)
{
    uint64_t published = 0, checked = 0, told = 0, second = session.started_ns;

    while (atomic_load(&session.end_reason) == MEDIC_END_NONE) {
        uint64_t now = os_now_ns();
        int more;

        note_soon();
        more = drain();
        stacks_tick(now);
        if (session.view.capture.tick)
            session.view.capture.tick(session.self, now);
        if (now - session.started_ns < EARLY_NS && now - told >= EARLY_TICK_NS) {
            told = now;
            tell_time();
        }
        files_flush(&session.files);
        session.cost = session_cost();
        check_end(now);
        if (now - checked >= TICK_NS) {
            checked = now;
            session_check_client(now);
        }
        if (now - second >= 1000 * MS) {
            second = now;
            tell_ring_loss();
            reset_log_rate();
            tell_cost();
        }
        if (now - published >= PUBLISH_NS) {
            published = now;
            session_publish(MEDIC_SESSION_RUNNING);
        }
        if (!more && atomic_load(&session.end_reason) == MEDIC_END_NONE)
            os_futex_wait(&session.ring.wake, 0, until_next(os_now_ns()));
        atomic_store(&session.ring.wake, 0);
    }
}

/* Keeps the event sessions from outliving the plugin. While the runtime does not let go of it nobody may detach: Medic stays,
 * does nothing, and tries again. */
static void stop_events(void)
{
    medic_reason before = session.reason, why;

    /* At an exit the runtime takes the event session down itself. */
    while (!atomic_load(&session.exiting) && (events_stop(&session.events, EVENTS_STOP_NS, &why) != MEDIC_OK ||
                                              heap_collect_stop(EVENTS_STOP_NS, &why) != MEDIC_OK)) {
        session.reason = why;
        session_publish(MEDIC_SESSION_INERT);
        os_sleep_ns(TICK_NS); /* without a thread to stop it on the answer comes at once */
    }
    session.reason = before;
}

/* A signal handler that stands still, in a thread that a debugger holds, will write into the ring when it goes on. */
static void stop_sampling(void)
{
    medic_reason before = session.reason;

    while (!stacks_stop() && !atomic_load(&session.exiting)) {
        medic_fail(&session.reason, MEDIC_E_TIMEOUT,
                   "a signal handler of the sampler has not returned; it is left alone");
        session_publish(MEDIC_SESSION_INERT);
        os_sleep_ns(TICK_NS);
    }
    session.reason = before;
}

static void write_symbols(void)
{
    uint64_t most = session.config.max_bytes, written = session.files.written;

    if (!session.config.embed_symbols || atomic_load(&session.exiting) || (most && written >= most))
        return;
    stacks_modules(symbols_want_module, NULL);
    symbols_write(&session.files, most ? most - written : 0);
}

static void write_end(void)
{
    uint32_t reason = atomic_load(&session.end_reason);
    medic_end_record end = {session.ended_ns, reason, (uint32_t)strlen(session.reason.text)};

    while (drain())
        ;
    /* A writer that never came back hides what lies behind its record: at least one is lost. */
    tell_loss(ring_unfinished(&session.ring) ? 1 : 0, MEDIC_LOSS_UNFINISHED);
    tell_ring_loss();
    reset_log_rate();
    write_symbols();
    tell_cost();
    files_write_record(&session.files, MEDIC_RECORD_END, &end, sizeof end, session.reason.text, end.length);
    files_flush(&session.files);
}

/* The plugin's stop, if nobody can still be inside it. */
static int stop_plugin(int started)
{
    medic_reason why = {""};
    int quiet = dispatch_quiet(QUIET_NS), code;

    if (!quiet) {
        medic_fail(&session.reason, MEDIC_E_TIMEOUT, "a callback of %s has not returned for %u s; it is left alone",
                   session.view.plugin.name, (unsigned)(QUIET_NS / (1000 * MS)));
    } else if (started && session.view.capture.stop) {
        while (drain())
            ; /* so that stop can tell of all that was recorded */
        code = session.view.capture.stop(session.self, &why);
        if (code != MEDIC_OK)
            session_fail(code, why.text);
    }
    return quiet;
}

static void detach(int quiet)
{
    HRESULT hr;

    session_publish(quiet ? MEDIC_SESSION_DETACHING : MEDIC_SESSION_INERT);
    /* From here on the session belongs to the runtime's detach thread, which may be done before this call returns. */
    for (;;) {
        hr = session.info->lpVtbl->RequestProfilerDetach(session.info, DETACH_MS);
        if (SUCCEEDED(hr))
            return;
        if (hr != CORPROF_E_RUNTIME_UNINITIALIZED && hr != CORPROF_E_PROFILER_NOT_YET_INITIALIZED)
            break;
        os_sleep_ns(TICK_NS); /* a session that began with the program and ended before it was up */
    }
    medic_fail(&session.reason, MEDIC_E_FAIL,
               "the runtime refuses to detach (%#x); restart the program to profile it again", (unsigned)hr);
    session_publish(MEDIC_SESSION_INERT);
}

static void end(int started)
{
    int quiet;

    dispatch_close();
    stop_sampling();
    session.ended_ns = os_now_ns();
    session_publish(MEDIC_SESSION_STOPPING);
    if (!atomic_load(&session.exiting))
        session_clear_mask(0);
    stop_events();
    quiet = stop_plugin(started);
    write_end();
    if (!atomic_load(&session.exiting))
        session_clear_mask(1);
    /* Who exits waits for captured, and then takes this thread with it. */
    session_publish(atomic_load(&session.exiting) ? MEDIC_SESSION_ENDED : MEDIC_SESSION_CAPTURED);
    atomic_store(&session.captured, 1);
    os_futex_wake(&session.captured);
    if (atomic_load(&session.exiting))
        session_publish(MEDIC_SESSION_ENDED);
    else
        detach(quiet);
}

static int start(void)
{
    const medic_capture *capture = &session.view.capture;
    medic_reason why = {""};
    int code = capture->create(&services_host, &session.self, &why);
    int created = code == MEDIC_OK;

    session.started_ns = os_now_ns();
    write_header();
    if (created) {
        dispatch_open(&session.view.callbacks, session.self);
        if (capture->start)
            code = capture->start(session.self, &why);
    } else {
        session.self = NULL;
    }
    if (code != MEDIC_OK)
        session_fail(code, why.text[0] ? why.text : "the plugin gave no reason");
    else
        session_publish(MEDIC_SESSION_RUNNING);
    atomic_store(&session.started, 1);
    os_futex_wake(&session.started);
    return created;
}

void *worker_run(void *unused)
{
    uint64_t deadline = os_now_ns() + ATTACH_WAIT_NS;
    int created;

    (void)unused;
    atomic_store(&session.worker_id, os_thread_id());
    thread_name("medic");
    while (atomic_load(&session.gate) == 0 && os_now_ns() < deadline)
        os_futex_wait(&session.gate, 0, TICK_NS);
    created = start();
    record();
    end(created);
    return NULL;
}
