/* The route COLLECT against a runtime that plays one collection: which is photographed, and what is left when none can be. */
#include "core/os.h"
#include "core/services/heap_memory.h"
#include "core/services/heap_routes.h"
#include "core/services/signal_room.h"
#include "core/session.h"

#include <medic/clr/hresults.h>
#include <stdlib.h>

#include "test.h"

enum { MASKS = 16, SESSION_LOW = COR_PRF_MONITOR_MODULE_LOADS };

/* What the runtime is to do, and what it was told. */
static struct {
    uint32_t generation, reason, mechanisms;
    HRESULT start, force, monitor;
    int silent;      /* no event is sent */
    int fork_answer; /* pid, or 0 - errno */
    int forks, begun, watched, killed, stopped;
    uint32_t low[MASKS], high[MASKS];
    int masks;
} played;

struct session session;

/* ---- the surroundings ---- */

pid_t fork(void)
{
    played.forks++;
    if (played.fork_answer > 0)
        return played.fork_answer;
    errno = -played.fork_answer;
    return -1;
}

int session_publish(uint32_t state)
{
    (void)state;
    return MEDIC_OK;
}

int signal_room_to_suspend(medic_reason *reason)
{
    (void)reason;
    return MEDIC_OK;
}

int heap_child_prepare(struct heap_child *child, struct heap_sink *sink, uint64_t life_ns, medic_reason *why)
{
    (void)child, (void)sink, (void)life_ns, (void)why;
    return MEDIC_OK;
}

void heap_child_free(struct heap_child *child)
{
    (void)child;
}

void heap_child_begin(const struct heap_child *child)
{
    (void)child;
    played.begun++;
}

void heap_child_end(const struct heap_child *child)
{
    (void)child;
    abort();
}

void heap_walk_begin(struct heap_sink *sink)
{
    (void)sink;
}

int heap_watch_safe(const struct heap_take *take, uint64_t limit_ns)
{
    (void)take, (void)limit_ns;
    return 1;
}

int heap_watch_refused(struct heap_take *take, int error, medic_reason *reason)
{
    take->hopeless = 1;
    return medic_fail(reason, MEDIC_E_UNSUPPORTED, "refused: %s", strerror(error));
}

int heap_watch_rest(struct heap_take *take, int safe, medic_reason *reason)
{
    (void)reason;
    assert_true(safe);
    assert_int_equal(take->pid, played.fork_answer);
    played.watched++;
    return MEDIC_OK;
}

void heap_watch_kill(struct heap_take *take)
{
    (void)take;
    played.killed++;
}

void heap_size_read(struct heap_size *size)
{
    *size = (struct heap_size){.anonymous = 100 << 20, .resident = 120 << 20};
}

/* ---- the runtime ---- */

static HRESULT set_mask(ICorProfilerInfo12 *self, DWORD low, DWORD high)
{
    (void)self;
    assert_true(played.masks < MASKS);
    played.low[played.masks] = low;
    played.high[played.masks++] = high;
    return low & COR_PRF_MONITOR_GC ? played.monitor : S_OK;
}

static uint32_t mask_low(void)
{
    return played.masks ? played.low[played.masks - 1] : SESSION_LOW;
}

static void send_history(void)
{
    uint32_t words[7] = {0, 0, 1, played.generation, 0, played.reason, played.mechanisms};

    heap_event(205, (const BYTE *)words, sizeof words);
}

static void collect(void)
{
    heap_event(9, NULL, 0);
    if (!played.silent)
        send_history();
    if (mask_low() & COR_PRF_MONITOR_GC && SUCCEEDED(played.monitor)) {
        heap_collect_moment(HEAP_AT_ROOTS);
        heap_collect_moment(HEAP_AT_ROOTS);
        heap_collect_moment(HEAP_AT_OBJECTS);
    }
    heap_collect_moment(HEAP_AT_FINISH);
    heap_event(3, NULL, 0);
}

static HRESULT force(ICorProfilerInfo12 *self)
{
    (void)self;
    if (SUCCEEDED(played.force))
        collect();
    return played.force;
}

static HRESULT start_events(ICorProfilerInfo12 *self, UINT32 count, COR_PRF_EVENTPIPE_PROVIDER_CONFIG *providers,
                            BOOL rundown, EVENTPIPE_SESSION *events)
{
    (void)self, (void)providers, (void)rundown;
    assert_int_equal(count, 1);
    *events = 7;
    return played.start;
}

static HRESULT stop_events(ICorProfilerInfo12 *self, EVENTPIPE_SESSION events)
{
    (void)self;
    assert_int_equal(events, 7);
    played.stopped++;
    return S_OK;
}

static HRESULT ranges(ICorProfilerInfo12 *self, ULONG room, ULONG *count, COR_PRF_GC_GENERATION_RANGE *into)
{
    (void)self, (void)room, (void)into;
    *count = 0;
    return E_FAIL;
}

static const ICorProfilerInfo12Vtbl vtable = {.SetEventMask2 = set_mask,
                                              .ForceGC = force,
                                              .EventPipeStartSession = start_events,
                                              .EventPipeStopSession = stop_events,
                                              .GetGenerationBounds = ranges};
static ICorProfilerInfo12 info = {.lpVtbl = &vtable};

/* ---- tests ---- */

static struct heap_shared shared;
static struct heap_sink sink = {.shared = &shared};
static medic_reason why;

static int set_up(void **state)
{
    (void)state;
    memset(&played, 0, sizeof played);
    played.generation = 2;
    played.reason = 1;
    played.fork_answer = 4711;
    why.text[0] = 0;
    session.info = &info;
    session.mask_low = SESSION_LOW;
    return 0;
}

static int take(struct heap_take *take)
{
    *take = (struct heap_take){.sink = &sink};
    return heap_collect_take(take, &why);
}

/* Whatever came of it: nothing is armed, no event session is left, and the mask is the session's. */
static void assert_left_alone(void)
{
    assert_false(heap_collect_armed());
    assert_int_equal(played.low[played.masks - 1], SESSION_LOW);
    assert_int_equal(played.high[played.masks - 1], 0);
    assert_int_equal(heap_collect_stop(0, &why), MEDIC_OK);
    if (SUCCEEDED(played.start))
        assert_int_equal(played.stopped, 1);
    collect();
    assert_int_equal(played.low[played.masks - 1], SESSION_LOW);
}

static void a_complete_collection_is_photographed(void **state)
{
    struct heap_take taken;

    (void)state;
    assert_int_equal(take(&taken), MEDIC_OK);
    assert_int_equal(played.forks, 1);
    assert_int_equal(played.watched, 1);
    assert_int_equal(played.low[1], SESSION_LOW | COR_PRF_MONITOR_GC);
    assert_int_equal(played.low[2], SESSION_LOW); /* before the collection is over */
    assert_true(taken.pause_ns > 0);
    assert_left_alone();
    assert_int_equal(played.forks, 1);
}

static void other_collections_are_not(void **state)
{
    static const struct {
        uint32_t generation, reason, mechanisms;
    } others[] = {{1, 1, 0}, {0, 0, 0}, {2, 0, 0}, {2, 1, 1}};
    struct heap_take taken;

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        set_up(state);
        played.generation = others[i].generation;
        played.reason = others[i].reason;
        played.mechanisms = others[i].mechanisms;
        assert_int_equal(take(&taken), MEDIC_E_FAIL);
        assert_int_equal(played.forks, 0);
        for (int m = 0; m < played.masks; m++)
            assert_false(played.low[m] & COR_PRF_MONITOR_GC);
        assert_left_alone();
    }
}

static void a_refused_fork_is_a_sentence(void **state)
{
    struct heap_take taken;

    (void)state;
    played.fork_answer = -EAGAIN;
    assert_int_not_equal(take(&taken), MEDIC_OK);
    assert_text_has(why.text, strerror(EAGAIN));
    assert_int_equal(played.forks, 1);
    assert_true(taken.hopeless);
    assert_int_equal(taken.pid, 0);
    assert_left_alone();
}

static void what_the_runtime_refuses_is_a_sentence(void **state)
{
    struct heap_take taken;

    (void)state;
    played.start = E_FAIL;
    assert_int_equal(take(&taken), MEDIC_E_UNSUPPORTED);
    assert_text_has(why.text, "the runtime refuses an event session");

    set_up(state);
    played.force = E_FAIL;
    assert_int_equal(take(&taken), MEDIC_E_FAIL);
    assert_text_has(why.text, "the runtime refuses to collect");
    assert_left_alone();

    set_up(state);
    played.monitor = E_FAIL;
    assert_int_equal(take(&taken), MEDIC_E_UNSUPPORTED);
    assert_text_has(why.text, "the runtime refuses to tell of the heap");
    assert_int_equal(played.forks, 0);
    assert_left_alone();

    set_up(state);
    played.silent = 1;
    assert_int_equal(take(&taken), MEDIC_E_FAIL);
    assert_string_equal(why.text, "the runtime collected, and told nothing of it");
    assert_left_alone();
}

static void a_short_event_is_not_read(void **state)
{
    static const BYTE bytes[27] = {0};
    struct heap_take taken;

    (void)state;
    for (ULONG size = 0; size <= sizeof bytes; size++)
        heap_event(205, bytes, size);
    assert_int_equal(take(&taken), MEDIC_OK);
}

static void the_pause_is_predicted_to_the_long_side(void **state)
{
    const uint64_t mb = 1 << 20, ms = 1000000;
    /* MB, heaps, and the longest that was measured */
    static const uint64_t measured[][3] = {{52, 1, 67}, {263, 1, 418}, {263, 2, 118}, {1050, 1, 1318}};

    (void)state;
    for (size_t i = 0; i < sizeof measured / sizeof measured[0]; i++) {
        uint64_t size = measured[i][0] * mb, told = heap_collect_cost_ns(size, 0, measured[i][1], size + 50 * mb);

        assert_true(told >= measured[i][2] * ms);
        assert_true(told <= 3 * measured[i][2] * ms);
    }
    assert_true(heap_collect_cost_ns(0, 1000 * mb, 1, 1000 * mb) < 400 * ms);
    assert_true(heap_collect_predict_ns() > 100 * ms); /* by memory alone */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_complete_collection_is_photographed, set_up),
        cmocka_unit_test_setup(other_collections_are_not, set_up),
        cmocka_unit_test_setup(a_refused_fork_is_a_sentence, set_up),
        cmocka_unit_test_setup(what_the_runtime_refuses_is_a_sentence, set_up),
        cmocka_unit_test_setup(a_short_event_is_not_read, set_up),
        cmocka_unit_test_setup(the_pause_is_predicted_to_the_long_side, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
