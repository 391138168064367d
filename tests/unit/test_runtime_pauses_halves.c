/* runtime_pauses, both halves, between a made-up runtime and a made-up tool: callbacks go in, a document comes out. */
#include "test.h"

#include <medic/medic.h>
#include <stdio.h>
#include <stdlib.h>

#include "plugins/runtime_pauses/gc_events.h"
#include "plugins/runtime_pauses/records.h"

#define MS UINT64_C(1000000)
#define BEGIN (1000 * MS)

/* --- the target: a clock, a thread, a stack, a ring --- */

struct kept {
    uint32_t type, size;
    uint64_t data[1024 / 8];
};

static struct {
    uint64_t now;
    ThreadID thread; /* 0: the collector's */
    FunctionID stack[100];
    uint32_t depth;
    uint32_t snapshots;
    int stacks; /* the parameter */
    int events_started;
    uint32_t events_thread;
    struct kept ring[4000];
    size_t ring_count;
    struct kept file[4000];
    size_t file_count;
    char named[256]; /* functions that were asked for, by id */
} target;

static uint64_t now_ns(void)
{
    return target.now;
}

static uint32_t thread_id(void)
{
    return 77;
}

static void keep(struct kept *list, size_t *count, uint32_t type, const void *head, uint32_t head_size,
                 const void *tail, uint32_t tail_size)
{
    struct kept *kept = &list[(*count)++];

    assert_true(head_size + tail_size <= sizeof kept->data);
    kept->type = type;
    kept->size = head_size + tail_size;
    memcpy(kept->data, head, head_size);
    if (tail_size)
        memcpy((char *)kept->data + head_size, tail, tail_size);
}

static int ring_write(const medic_host *host, uint32_t type, const void *data, uint32_t size)
{
    (void)host;
    keep(target.ring, &target.ring_count, type, data, size, NULL, 0);
    return MEDIC_OK;
}

static int ring_write2(const medic_host *host, uint32_t type, const void *head, uint32_t head_size, const void *tail,
                       uint32_t tail_size)
{
    (void)host;
    keep(target.ring, &target.ring_count, type, head, head_size, tail, tail_size);
    return MEDIC_OK;
}

static int file_emit(const medic_host *host, uint32_t type, const void *data, uint32_t size)
{
    (void)host;
    keep(target.file, &target.file_count, type, data, size, NULL, 0);
    return MEDIC_OK;
}

static int name_function(const medic_host *host, FunctionID id)
{
    (void)host;
    target.named[id % sizeof target.named] = 1;
    return MEDIC_OK;
}

/* No address in this test is managed code. */
static int name_at(const medic_host *host, uintptr_t ip, FunctionID *id)
{
    (void)host, (void)ip;
    *id = 0;
    return MEDIC_E_NOT_FOUND;
}

static int name_thread(const medic_host *host, ThreadID id)
{
    (void)host, (void)id;
    return MEDIC_OK;
}

static int events_start(const medic_host *host, const medic_event_provider *providers, uint32_t count,
                        medic_reason *why)
{
    (void)host, (void)why;
    assert_int_equal(count, 1);
    assert_string_equal(providers[0].name, "Microsoft-Windows-DotNETRuntime");
    target.events_started++;
    return MEDIC_OK;
}

static int events_state(const medic_host *host)
{
    (void)host;
    return MEDIC_EVENTS_ON;
}

static uint32_t events_thread(const medic_host *host)
{
    (void)host;
    return target.events_thread;
}

static HRESULT snapshot(ICorProfilerInfo12 *info, ThreadID thread, StackSnapshotCallback *callback, ULONG32 flags,
                        void *data, BYTE *context, ULONG32 context_size)
{
    (void)info, (void)context, (void)context_size;
    assert_int_equal(thread, 0);
    assert_int_equal(flags, COR_PRF_SNAPSHOT_DEFAULT);
    target.snapshots++;
    for (uint32_t i = 0; i < target.depth; i++)
        if (FAILED(callback(target.stack[i], 0, 0, 0, NULL, data)))
            return E_FAIL;
    return S_OK;
}

static HRESULT current_thread(ICorProfilerInfo12 *info, ThreadID *thread)
{
    (void)info;
    *thread = target.thread;
    return target.thread ? S_OK : E_FAIL;
}

/* A runtime whose threads can be walked at once, as when nothing is suspended. */
static ULONG release_threads(ICorProfilerThreadEnum *This)
{
    (void)This;
    return 0;
}

static ICorProfilerThreadEnumVtbl threads_vtable = {.Release = release_threads};
static ICorProfilerThreadEnum threads = {.lpVtbl = &threads_vtable};

static HRESULT enum_threads(ICorProfilerInfo12 *This, ICorProfilerThreadEnum **out)
{
    (void)This;
    *out = &threads;
    return S_OK;
}

static ICorProfilerInfo12Vtbl vtable = {
    .DoStackSnapshot = snapshot, .GetCurrentThreadID = current_thread, .EnumThreads = enum_threads};
static ICorProfilerInfo12 info = {.lpVtbl = &vtable};

static ICorProfilerInfo12 *runtime_info(const medic_host *host)
{
    (void)host;
    return &info;
}

/* --- the tool: a capture, a document --- */

static struct {
    size_t next, count; /* of target.file */
    uint64_t end;
    uint32_t end_reason;
    uint32_t severity;
    uint32_t columns; /* of the section being written */
    char text[64 << 10];
} tool;

static void say(const char *format, ...) MEDIC_PRINTF(1, 2);

static void say(const char *format, ...)
{
    size_t used = strlen(tool.text);
    va_list args;

    va_start(args, format);
    vsnprintf(tool.text + used, sizeof tool.text - used, format, args);
    va_end(args);
}

static int capture_next(const medic_host *host, medic_record *record)
{
    struct kept *kept = &target.file[tool.next];

    (void)host;
    if (tool.next >= tool.count)
        return 0;
    tool.next++;
    *record = (medic_record){kept->type, kept->size, kept->data};
    return 1;
}

static const medic_name_record *capture_name(const medic_host *host, uint32_t kind, uint64_t id, const char **text)
{
    static const char *const names[] = {
        [1] = "System.GC.Collect", [2] = "Orders.Cache.Trim", [3] = "Program.Main", [4] = "System.Buffer.BlockCopy"};
    static medic_name_record record = {.module = 9};

    (void)host;
    if (kind != MEDIC_NAME_FUNCTION || id >= 5 || !names[id])
        return NULL;
    *text = names[id];
    return &record;
}

static const medic_module_record *capture_module(const medic_host *host, uint64_t id, const char **path)
{
    static const medic_module_record record = {.id = 9};

    (void)host, (void)id;
    *path = "/app/Orders.dll";
    return &record;
}

static const medic_thread_record *capture_thread(const medic_host *host, uint64_t id, const char **name)
{
    static const medic_thread_record record = {.os_id = 77};

    (void)host;
    *name = "mover";
    return id == 500 ? &record : NULL;
}

static void capture_span(const medic_host *host, uint64_t *begin, uint64_t *end)
{
    (void)host;
    *begin = BEGIN;
    *end = tool.end;
}

static uint32_t capture_end_reason(const medic_host *host)
{
    (void)host;
    return tool.end_reason;
}

static uint64_t capture_lost(const medic_host *host)
{
    (void)host;
    return 0;
}

static void set_verdict(const medic_host *host, uint32_t severity, const char *sentence)
{
    (void)host;
    tool.severity = severity;
    say("verdict %s\n", sentence);
}

static void add_finding(const medic_host *host, const char *sentence, const char *section, const char *key)
{
    (void)host;
    say("finding %s [%s %s]\n", sentence, section ? section : "", key ? key : "");
}

static medic_section *open_section(const medic_host *host, const medic_section_info *section)
{
    (void)host;
    assert_int_equal(section->size, sizeof *section);
    assert_int_equal(section->column_size, sizeof(medic_column));
    tool.columns = section->column_count;
    say("section %s\n", section->id);
    return (medic_section *)&tool;
}

static void say_cells(const medic_cell *cells, uint32_t count)
{
    assert_int_equal(count, tool.columns);
    for (uint32_t i = 0; i < count; i++) {
        if (cells[i].type == MEDIC_STRING)
            say(" %s;", cells[i].as.string);
        else if (cells[i].type == MEDIC_INTEGER)
            say(" %lld;", (long long)cells[i].as.integer);
        else if (cells[i].type == MEDIC_NUMBER)
            say(" %.4f;", cells[i].as.number);
        else
            say(" -;");
    }
    say("\n");
}

static uint32_t add_row(medic_section *section, uint32_t parent, const medic_cell *cells, uint32_t count)
{
    (void)section;
    assert_int_equal(parent, MEDIC_NO_PARENT);
    say("row");
    say_cells(cells, count);
    return 0;
}

static void total_rows(medic_section *section, uint64_t total)
{
    (void)section, (void)total;
}

static uint32_t add_frame(medic_section *section, const char *function, const char *module, const char *file,
                          uint32_t line)
{
    (void)section, (void)file, (void)line;
    say("frame %s %s\n", function, module);
    return 0;
}

static uint32_t add_row_stack(medic_section *section, const uint32_t *frames, uint32_t frame_count,
                              const medic_cell *cells, uint32_t count)
{
    (void)section, (void)frames;
    say("stack of %u", frame_count);
    say_cells(cells, count);
    return 0;
}

/* --- parameters and the host --- */

static int knows_nothing; /* the host of another version */

static int get_bool(const medic_host *host, const char *key, int *value)
{
    (void)host;
    *value = target.stacks;
    return strcmp(key, "stacks") == 0 && !knows_nothing ? MEDIC_OK : MEDIC_E_NOT_FOUND;
}

static int get_int(const medic_host *host, const char *key, int64_t *value)
{
    (void)host;
    *value = 20;
    return strcmp(key, "worst") == 0 ? MEDIC_OK : MEDIC_E_NOT_FOUND;
}

static int get_duration(const medic_host *host, const char *key, uint64_t *value)
{
    (void)host;
    *value = 50 * MS;
    return strcmp(key, "threshold") == 0 && !knows_nothing ? MEDIC_OK : MEDIC_E_NOT_FOUND;
}

static const void *service(const medic_host *host, const char *name)
{
    static const medic_records_service records = {sizeof records, 0, ring_write, ring_write2, file_emit, NULL};
    static const medic_clock_service clock = {.size = sizeof clock, .now_ns = now_ns, .thread_id = thread_id};
    static const medic_names_service names = {
        .size = sizeof names, .function = name_function, .thread = name_thread, .function_at = name_at};
    static const medic_events_service events = {sizeof events, 0, events_start, events_state, events_thread};
    static const medic_runtime_service runtime = {.size = sizeof runtime, .info = runtime_info};
    static const medic_params_service params = {
        .size = sizeof params, .get_bool = get_bool, .get_int = get_int, .get_duration = get_duration};
    static const medic_capture_service capture = {.size = sizeof capture,
                                                  .next = capture_next,
                                                  .name = capture_name,
                                                  .module = capture_module,
                                                  .thread = capture_thread,
                                                  .span = capture_span,
                                                  .end_reason = capture_end_reason,
                                                  .lost = capture_lost};
    static const medic_document_service document = {.size = sizeof document,
                                                    .verdict = set_verdict,
                                                    .finding = add_finding,
                                                    .section = open_section,
                                                    .row = add_row,
                                                    .total_rows = total_rows,
                                                    .frame = add_frame,
                                                    .row_stack = add_row_stack};
    static const struct {
        const char *name;
        const void *table;
    } services[] = {
        {MEDIC_SERVICE_RECORDS, &records}, {MEDIC_SERVICE_CLOCK, &clock},       {MEDIC_SERVICE_NAMES, &names},
        {MEDIC_SERVICE_EVENTS, &events},   {MEDIC_SERVICE_RUNTIME, &runtime},   {MEDIC_SERVICE_PARAMS, &params},
        {MEDIC_SERVICE_CAPTURE, &capture}, {MEDIC_SERVICE_DOCUMENT, &document},
    };

    (void)host;
    for (size_t i = 0; i < sizeof services / sizeof *services; i++)
        if (strcmp(services[i].name, name) == 0)
            return services[i].table;
    return NULL;
}

static const medic_host host = {.size = sizeof host, .service = service};

/* --- a session --- */

static const medic_capture *half;
static const medic_callbacks *callbacks;
static void *self;

static int begin_session(void **state)
{
    medic_reason why;

    (void)state;
    memset(&target, 0, sizeof target);
    memset(&tool, 0, sizeof tool);
    target.now = BEGIN;
    target.thread = 500;
    target.stacks = 1;
    half = medic_plugin_entry()->capture;
    callbacks = half->callbacks;
    assert_int_equal(half->create(&host, &self, &why), MEDIC_OK);
    assert_int_equal(half->start(self, &why), MEDIC_OK);
    return 0;
}

static int end_session(void **state)
{
    (void)state;
    half->destroy(self);
    return 0;
}

static void drain(void)
{
    for (size_t i = 0; i < target.ring_count; i++) {
        struct kept *kept = &target.ring[i];
        medic_record record = {kept->type, kept->size, kept->data};
        if (half->drain(self, &record) == MEDIC_DRAIN_KEEP)
            keep(target.file, &target.file_count, kept->type, kept->data, kept->size, NULL, 0);
    }
    target.ring_count = 0;
}

/* What the document says after `count` records of the file. */
static const char *render(size_t count, uint32_t end_reason)
{
    medic_reason why = {""};

    memset(&tool, 0, sizeof tool);
    tool.count = count;
    tool.end = BEGIN + 10000 * MS;
    tool.end_reason = end_reason;
    assert_int_equal(medic_plugin_entry()->report->render(&host, &why), MEDIC_OK);
    return tool.text;
}

static const char *stop_and_render(void)
{
    medic_reason why;

    assert_int_equal(half->stop(self, &why), MEDIC_OK);
    drain();
    return render(target.file_count, MEDIC_END_DURATION);
}

static void on_stack(uint32_t depth, const FunctionID *functions)
{
    target.depth = depth;
    memcpy(target.stack, functions, depth * sizeof *functions);
}

static void deliver(uint32_t id, uint32_t version, const void *data, uint32_t size)
{
    callbacks->EventPipeEventDelivered(self, 1, id, version, 0, NULL, size, data, NULL, NULL, 0, 0, NULL);
}

static void gc_start(uint32_t number, uint32_t generation, uint32_t reason, uint32_t type)
{
    const uint32_t data[7] = {number, generation, reason, type};
    deliver(GC_EVENT_START, 2, data, 26);
}

static void gc_end(uint32_t number)
{
    const uint32_t data[3] = {number};
    deliver(GC_EVENT_END, 1, data, 10);
}

/* A whole pause with a blocking gen2 collection in it. */
static void pause_for_gc(uint64_t stop, uint64_t stopped, uint32_t reason)
{
    static uint32_t number;
    BOOL generations[] = {1, 1, 1, 1, 1};

    callbacks->RuntimeSuspendStarted(self, COR_PRF_SUSPEND_FOR_GC);
    target.now += stop;
    callbacks->RuntimeSuspendFinished(self);
    callbacks->GarbageCollectionStarted(self, 5, generations, COR_PRF_GC_INDUCED);
    gc_start(++number, 2, reason, RP_GC_BLOCKING);
    target.now += stopped;
    gc_end(number);
    callbacks->GarbageCollectionFinished(self);
    callbacks->RuntimeResumeStarted(self);
    target.now += 5000;
    callbacks->RuntimeResumeFinished(self);
    target.now += 20 * MS;
}

static const rp_pause *pause_in_file(size_t nth)
{
    for (size_t i = 0; i < target.file_count; i++)
        if (target.file[i].type == RP_PAUSE && nth-- == 0)
            return (const rp_pause *)(const void *)target.file[i].data;
    fail_msg("no such pause");
    return NULL;
}

static const rp_stack *stack_in_file(uint32_t type)
{
    for (size_t i = 0; i < target.file_count; i++)
        if (target.file[i].type == type)
            return (const rp_stack *)(const void *)target.file[i].data;
    return NULL;
}

/* --- behaviour --- */

static void the_descriptor_keeps_the_rules(void **state)
{
    const medic_plugin *plugin = medic_plugin_entry();

    (void)state;
    assert_int_equal(plugin->magic, MEDIC_PLUGIN_MAGIC);
    assert_int_equal(plugin->size, sizeof *plugin);
    assert_string_equal(plugin->name, "runtime_pauses");
    assert_int_equal(plugin->event_mask_low, 0x10010000);
    assert_int_equal(plugin->event_mask_high, 0x10);
    assert_ptr_equal(medic_plugin_entry(), plugin);
    assert_int_equal(target.events_started, 1);
}

static void a_pause_has_its_phases_and_its_asker(void **state)
{
    const FunctionID frames[] = {1, 2, 3};
    const char *text;

    (void)state;
    on_stack(3, frames);
    for (int i = 0; i < 30; i++)
        pause_for_gc(40000, 9 * MS, RP_GC_INDUCED);
    text = stop_and_render();
    assert_int_equal(pause_in_file(0)->number, 1);
    assert_int_equal(pause_in_file(0)->begin_ns, BEGIN);
    assert_int_equal(pause_in_file(0)->stopped_ns, BEGIN + 40000);
    assert_int_equal(pause_in_file(0)->restart_ns, BEGIN + 40000 + 9 * MS);
    assert_int_equal(pause_in_file(0)->end_ns, BEGIN + 40000 + 9 * MS + 5000);
    assert_int_equal(pause_in_file(0)->generation, 2);
    assert_int_equal(pause_in_file(0)->gc_starts, 1);
    assert_int_equal(pause_in_file(0)->induced, 1);
    assert_true(target.named[1] && target.named[2] && target.named[3]);
    assert_text_has(text, "row gen2 blocking: induced; 30; 271200000; 1.0000; 9040000; 9040000; 9040000;");
    assert_text_has(text, "row gen2 blocking: induced; 40000; 9000000; 5000; -;");
    assert_text_has(text, "section callers\nrow Orders.Cache.Trim; -; GC.Collect; 30; 271200000; 9040000;");
    assert_text_has(text, "frame Program.Main Orders.dll\nframe Orders.Cache.Trim Orders.dll\nframe System.GC.Collect");
    assert_text_has(text, "stack of 3 30; 271200000;");
}

/* A pause that took 60 ms to begin, and the thread that reported itself last. */
static void slow_pause(ThreadID last)
{
    callbacks->RuntimeSuspendStarted(self, COR_PRF_SUSPEND_FOR_GC);
    target.now += 50000;
    callbacks->RuntimeThreadSuspended(self, 400); /* in time: not worth a record */
    target.now += 30 * MS;
    callbacks->RuntimeThreadSuspended(self, 401); /* came back from native code */
    target.now += 30 * MS;
    callbacks->RuntimeThreadSuspended(self, last);
    target.now += 20000;
    callbacks->RuntimeSuspendFinished(self);
    target.now += 1 * MS;
    callbacks->RuntimeThreadSuspended(self, 402); /* too late to matter */
    callbacks->RuntimeResumeStarted(self);
    callbacks->RuntimeResumeFinished(self);
    target.now += 100 * MS;
}

static void the_last_thread_to_stop_is_blamed(void **state)
{
    const char *text;

    (void)state;
    for (int i = 0; i < 5; i++)
        slow_pause(500);
    text = stop_and_render();
    assert_int_equal(pause_in_file(0)->threads, 3);
    assert_int_equal(stack_in_file(RP_LATE)->thread, 500);
    assert_text_has(text, "threads are slow to stop");
    assert_text_has(text, "thread mover keeps it waiting");
    assert_text_has(text, "section slow_threads\nrow (no managed frame); -; mover; 5; 300350000; 60070000;");
}

static void waiting_for_medics_own_thread_is_not_the_programs_illness(void **state)
{
    const char *text;

    (void)state;
    target.events_thread = thread_id();
    slow_pause(500);
    target.events_thread = 0;
    text = stop_and_render();
    assert_int_equal(stack_in_file(RP_LATE)->flags & RP_OWN, RP_OWN);
    assert_null(strstr(text, "slow to stop"));
    assert_null(strstr(text, "section slow_threads"));
    assert_text_has(text, "row all; 1; 1000000;");
    assert_text_has(text, "1 of the pauses waited for Medic's own event session to start or stop, 60.1 ms in all");
}

static void where_it_stopped_is_told_with_the_programs_own_method(void **state)
{
    const struct {
        rp_stack head;
        uint64_t frames[3];
    } late = {{.pause = 1, .at_ns = UINT64_MAX, .thread = 500, .frame_count = 3}, {4, 2, 3}};

    (void)state;
    slow_pause(0);
    drain();
    keep(target.file, &target.file_count, RP_LATE, &late, sizeof late, NULL, 0); /* in place of the first one */
    assert_text_has(stop_and_render(), "row System.Buffer.BlockCopy; Orders.Cache.Trim; mover; 1; 60070000; 60070000;");
    assert_text_has(tool.text, "keeps it waiting in System.Buffer.BlockCopy, called by Orders.Cache.Trim");
}

/* The suspending thread may have seen it stop before it could say so itself. */
static void a_thread_that_reports_itself_just_after_the_stop_is_the_one(void **state)
{
    (void)state;
    callbacks->RuntimeSuspendStarted(self, COR_PRF_SUSPEND_FOR_GC);
    target.now += 2 * MS;
    callbacks->RuntimeThreadSuspended(self, 401); /* 38 ms before the stop: not the one */
    target.now += 38 * MS;
    callbacks->RuntimeSuspendFinished(self);
    target.now += 20000;
    callbacks->RuntimeThreadSuspended(self, 500);
    callbacks->RuntimeThreadSuspended(self, 402);
    callbacks->RuntimeResumeStarted(self);
    callbacks->RuntimeResumeFinished(self);
    stop_and_render();
    assert_int_equal(stack_in_file(RP_LATE)->thread, 500);
}

static void stacks_are_rationed(void **state)
{
    const FunctionID frames[] = {1, 2, 3};

    (void)state;
    on_stack(3, frames);
    for (int i = 0; i < 300; i++) { /* 1,000 a second */
        callbacks->RuntimeSuspendStarted(self, COR_PRF_SUSPEND_OTHER);
        callbacks->RuntimeSuspendFinished(self);
        callbacks->RuntimeResumeStarted(self);
        callbacks->RuntimeResumeFinished(self);
        target.now += 1 * MS;
    }
    assert_in_range(target.snapshots, 150, 170); /* 100 at once, and 200 a second */
    assert_text_has(stop_and_render(), "section callers");
    assert_non_null(stack_in_file(RP_TOTALS));
}

static void without_stacks_none_is_taken(void **state)
{
    medic_reason why;

    (void)state;
    half->destroy(self);
    target.stacks = 0;
    assert_int_equal(half->create(&host, &self, &why), MEDIC_OK);
    pause_for_gc(40 * MS, MS, RP_GC_INDUCED);
    assert_int_equal(target.snapshots, 0);
    stop_and_render();
    assert_null(stack_in_file(RP_ASKED));
}

static void a_host_without_its_parameters_is_refused(void **state)
{
    medic_reason why;
    void *other;

    (void)state;
    knows_nothing = 1;
    assert_int_equal(half->create(&host, &other, &why), MEDIC_E_NOT_FOUND);
    assert_text_has(why.text, "the host does not know the parameter stacks");
    assert_int_equal(medic_plugin_entry()->report->render(&host, &why), MEDIC_E_ARGUMENT);
    assert_text_has(why.text, "no valid threshold or worst");
    knows_nothing = 0;
}

static void deep_stacks_are_cut(void **state)
{
    (void)state;
    target.depth = 100;
    for (size_t i = 0; i < 100; i++)
        target.stack[i] = i % 3 == 0 ? 0 : 3; /* 0: native frames */
    pause_for_gc(1000, MS, RP_GC_INDUCED);
    stop_and_render();
    assert_int_equal(stack_in_file(RP_ASKED)->frame_count, RP_FRAMES_MAX);
}

/* Under server GC the thread that suspends is the collector's; the one that wants the collection fires event 35. */
static void the_trigger_names_the_caller_when_the_suspending_thread_has_no_stack(void **state)
{
    const FunctionID frames[] = {1, 2, 3};
    const uint32_t trigger[2] = {RP_GC_INDUCED};
    const char *text;

    (void)state;
    for (int i = 0; i < 30; i++) {
        target.thread = 500;
        on_stack(3, frames);
        deliver(GC_EVENT_TRIGGERED, 0, trigger, 6);
        target.thread = 0;
        target.depth = 0;
        target.now += 10000;
        pause_for_gc(40000, 9 * MS, RP_GC_INDUCED);
    }
    text = stop_and_render();
    assert_text_has(text, "all from Orders.Cache.Trim");
    assert_text_has(text, "row Orders.Cache.Trim; -; GC.Collect; 30;");
}

static void an_aborted_suspension_ends_there(void **state)
{
    (void)state;
    callbacks->RuntimeSuspendStarted(self, COR_PRF_SUSPEND_OTHER);
    target.now += MS;
    callbacks->RuntimeSuspendAborted(self);
    target.now += MS;
    callbacks->RuntimeResumeFinished(self); /* of nothing */
    stop_and_render();
    assert_int_equal(pause_in_file(0)->flags, RP_ABORTED);
    assert_int_equal(pause_in_file(0)->end_ns, BEGIN + MS);
    assert_int_equal(pause_in_file(0)->stopped_ns, BEGIN + MS);
}

static void a_program_that_was_never_stopped_is_healthy(void **state)
{
    (void)state;
    assert_text_has(stop_and_render(), "The runtime never stopped the program");
}

static void a_pause_under_way_at_the_begin_is_counted_from_there(void **state)
{
    const char *text;

    (void)state;
    target.now += 200 * MS;
    callbacks->RuntimeSuspendFinished(self);
    target.now += 100 * MS;
    callbacks->RuntimeResumeStarted(self);
    callbacks->RuntimeResumeFinished(self);
    text = stop_and_render();
    assert_int_equal(pause_in_file(0)->flags, RP_CUT_BEGIN);
    assert_int_equal(pause_in_file(0)->number, 1);
    assert_int_equal(pause_in_file(0)->begin_ns, BEGIN);
    assert_int_equal(pause_in_file(0)->stopped_ns, BEGIN + 200 * MS);
    assert_int_equal(pause_in_file(0)->end_ns, BEGIN + 300 * MS);
    assert_text_has(text, "A pause was under way when the recording began");
}

static void a_pause_that_still_lasts_at_the_end_is_cut(void **state)
{
    const char *text;

    (void)state;
    callbacks->RuntimeSuspendStarted(self, COR_PRF_SUSPEND_FOR_GC);
    target.now += 2 * MS;
    callbacks->RuntimeSuspendFinished(self);
    target.now += 300 * MS;
    text = stop_and_render();
    assert_int_equal(pause_in_file(0)->flags, RP_CUT);
    assert_int_equal(pause_in_file(0)->end_ns, BEGIN + 302 * MS);
    assert_text_has(text, "A pause still lasted when the recording ended");
    assert_text_has(text, "collections of unknown kind");
}

static void a_capture_that_was_cut_anywhere_still_gives_a_report(void **state)
{
    const FunctionID frames[] = {1, 2, 3};

    (void)state;
    on_stack(3, frames);
    for (int i = 0; i < 30; i++)
        pause_for_gc(i % 2 ? 60 * MS : 1000, 9 * MS, i % 3 ? RP_GC_INDUCED : RP_GC_ALLOC_SMALL);
    stop_and_render();
    for (size_t count = 0; count <= target.file_count; count++)
        assert_text_has(render(count, MEDIC_END_NONE), "The recording was cut off");
}

static void short_and_strange_records_are_passed_over(void **state)
{
    const FunctionID frames[] = {1, 2, 3};

    (void)state;
    on_stack(3, frames);
    pause_for_gc(60 * MS, 9 * MS, RP_GC_INDUCED);
    stop_and_render();
    for (size_t i = 0; i < target.file_count; i++) {
        struct kept whole = target.file[i];
        for (uint32_t size = 0; size < whole.size; size += 3) {
            target.file[i].size = size;
            render(target.file_count, MEDIC_END_DURATION);
        }
        for (uint32_t byte = 0; byte < whole.size; byte++) {
            target.file[i] = whole;
            ((uint8_t *)target.file[i].data)[byte] ^= 0xff;
            render(target.file_count, MEDIC_END_DURATION);
        }
        target.file[i] = whole;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_session, end_session)
    const struct CMUnitTest tests[] = {
        TEST(the_descriptor_keeps_the_rules),
        TEST(a_pause_has_its_phases_and_its_asker),
        TEST(the_last_thread_to_stop_is_blamed),
        TEST(waiting_for_medics_own_thread_is_not_the_programs_illness),
        TEST(where_it_stopped_is_told_with_the_programs_own_method),
        TEST(a_thread_that_reports_itself_just_after_the_stop_is_the_one),
        TEST(stacks_are_rationed),
        TEST(without_stacks_none_is_taken),
        TEST(a_host_without_its_parameters_is_refused),
        TEST(deep_stacks_are_cut),
        TEST(the_trigger_names_the_caller_when_the_suspending_thread_has_no_stack),
        TEST(an_aborted_suspension_ends_there),
        TEST(a_program_that_was_never_stopped_is_healthy),
        TEST(a_pause_under_way_at_the_begin_is_counted_from_there),
        TEST(a_pause_that_still_lasts_at_the_end_is_cut),
        TEST(a_capture_that_was_cut_anywhere_still_gives_a_report),
        TEST(short_and_strange_records_are_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
