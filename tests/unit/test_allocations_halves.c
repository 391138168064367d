/* The capture half of allocations between a made-up runtime and a made-up core: counters are exact whatever the ring does. */
#include "test.h"

#include "plugins/allocations/allocations.h"
#include "plugins/allocations/events.h"

#include <pthread.h>
#include <stdatomic.h>

static struct {
    uint64_t now;
    int knows_nothing, ring_full;
    uint16_t major;
    int64_t rate;
    medic_event_provider provider;
    _Atomic uint32_t types, stacks, large_stacks;
    _Atomic uint64_t stood_for[8]; /* by type / 8 */
    uint32_t named;
    al_type type;
    al_sums sums[8];
    uint32_t sums_count;
    al_usage usage;
    uint32_t events_thread;
} core;

static int get_int(const medic_host *host, const char *key, int64_t *value)
{
    (void)host, (void)key;
    *value = core.rate;
    return core.knows_nothing ? MEDIC_E_NOT_FOUND : MEDIC_OK;
}

static uint64_t now_ns(void)
{
    return core.now;
}

static uint32_t thread_id(void)
{
    return 77;
}

static int write_record(const medic_host *host, uint32_t type, const void *data, uint32_t size)
{
    (void)host;
    assert_int_equal(type, AL_TYPE);
    assert_int_equal(size, sizeof core.type);
    if (core.ring_full)
        return MEDIC_E_FULL;
    if (atomic_fetch_add(&core.types, 1) == 0)
        memcpy(&core.type, data, size);
    return MEDIC_OK;
}

static int emit(const medic_host *host, uint32_t type, const void *data, uint32_t size)
{
    (void)host;
    if (type == AL_SUMS && core.sums_count < 8) {
        assert_int_equal(size, sizeof core.sums[0]);
        memcpy(&core.sums[core.sums_count++], data, size);
    } else if (type == AL_USAGE) {
        assert_int_equal(size, sizeof core.usage);
        memcpy(&core.usage, data, size);
    } else if (type == AL_TYPE) {
        memcpy(&core.type, data, size);
    }
    return MEDIC_OK;
}

static int here(const medic_host *host, uint32_t type, const void *head, uint32_t head_size, const void *tail,
                uint32_t tail_size)
{
    const al_stack *stack = head;

    (void)host, (void)tail, (void)tail_size;
    assert_int_equal(head_size, sizeof(al_stack));
    if (core.ring_full)
        return MEDIC_E_FULL;
    atomic_fetch_add(&core.stood_for[stack->type / 8 % 8], stack->stands_for);
    atomic_fetch_add(type == AL_STACK ? &core.stacks : &core.large_stacks, 1);
    return MEDIC_OK;
}

static int name_type(const medic_host *host, ClassID id)
{
    (void)host, (void)id;
    core.named++;
    return MEDIC_OK;
}

static int base_type(const medic_host *host, ClassID id, ClassID *base)
{
    (void)host, (void)id;
    *base = 0x55;
    return MEDIC_OK;
}

static int start_events(const medic_host *host, const medic_event_provider *providers, uint32_t count,
                        medic_reason *why)
{
    (void)host, (void)why;
    assert_int_equal(count, 1);
    core.provider = providers[0];
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
    return core.events_thread;
}

static HRESULT object_size(ICorProfilerInfo12 *info, ObjectID object, SIZE_T *size)
{
    (void)info;
    *size = object;
    return object ? S_OK : E_FAIL;
}

static ICorProfilerInfo12Vtbl table = {.GetObjectSize2 = object_size};
static ICorProfilerInfo12 info = {&table};

static ICorProfilerInfo12 *get_info(const medic_host *host)
{
    (void)host;
    return &info;
}

static medic_runtime_version version(const medic_host *host)
{
    (void)host;
    return (medic_runtime_version){.major = core.major};
}

static const void *find_service(const medic_host *host, const char *name)
{
    static const medic_params_service params = {.size = sizeof params, .get_int = get_int};
    static const medic_clock_service clock = {.size = sizeof clock, .now_ns = now_ns, .thread_id = thread_id};
    static const medic_records_service records = {.size = sizeof records, .write = write_record, .emit = emit};
    static const medic_stacks_service stacks = {.size = sizeof stacks, .here = here};
    static const medic_names_service names = {.size = sizeof names, .type = name_type, .base_type = base_type};
    static const medic_events_service events = {sizeof events, 0, start_events, events_state, events_thread};
    static const medic_runtime_service runtime = {.size = sizeof runtime, .info = get_info, .version = version};
    static const struct {
        const char *name;
        const void *table;
    } services[] = {{MEDIC_SERVICE_PARAMS, &params},  {MEDIC_SERVICE_CLOCK, &clock}, {MEDIC_SERVICE_RECORDS, &records},
                    {MEDIC_SERVICE_STACKS, &stacks},  {MEDIC_SERVICE_NAMES, &names}, {MEDIC_SERVICE_EVENTS, &events},
                    {MEDIC_SERVICE_RUNTIME, &runtime}};

    (void)host;
    for (size_t i = 0; i < sizeof services / sizeof *services; i++)
        if (strcmp(services[i].name, name) == 0)
            return services[i].table;
    return NULL;
}

static const medic_host host = {sizeof host, 0, find_service};
static void *self;

static void begin(uint16_t major, int64_t rate)
{
    medic_reason why = {""};

    memset(&core, 0, sizeof core);
    core.now = UINT64_C(5000000000);
    core.major = major;
    core.rate = rate;
    assert_int_equal(allocations_capture.create(&host, &self, &why), MEDIC_OK);
    assert_int_equal(allocations_capture.start(self, &why), MEDIC_OK);
}

static void end(void)
{
    medic_reason why = {""};

    core.sums_count = 0;
    assert_int_equal(allocations_capture.stop(self, &why), MEDIC_OK);
    allocations_capture.destroy(self);
}

static void deliver(uint32_t id, const void *data, uint32_t size)
{
    allocations_capture.callbacks->EventPipeEventDelivered(self, 0, id, id == EVENT_ALLOCATION_TICK ? 4 : 2, 0, NULL,
                                                           size, data, NULL, NULL, 0, 0, NULL);
}

static void deliver_sample(uint64_t type, uint64_t size, uint32_t heap)
{
    uint8_t data[40] = {0};

    memcpy(data, &heap, 4);
    memcpy(data + 6, &type, 8);
    memcpy(data + 24, &size, 8); /* an empty name, and an address */
    deliver(EVENT_ALLOCATION_SAMPLED, data, sizeof data);
}

static void deliver_tick(uint64_t type, uint64_t amount, uint64_t size, uint32_t heap)
{
    uint8_t data[48] = {0};

    memcpy(data + 4, &heap, 4);
    memcpy(data + 10, &amount, 8);
    memcpy(data + 18, &type, 8);
    memcpy(data + 40, &size, 8); /* an empty name, a heap's number and an address before it */
    deliver(EVENT_ALLOCATION_TICK, data, sizeof data);
}

static void *deliver_many(void *argument)
{
    (void)argument;
    for (uint64_t i = 0; i < 10000; i++)
        deliver_sample(0x1000 + (i % 5) * 8, 48, AL_SMALL);
    return NULL;
}

/* --- tests --- */

static void a_host_without_its_parameters_is_refused(void **state)
{
    medic_reason why = {""};
    void *instance = NULL;

    (void)state;
    memset(&core, 0, sizeof core);
    core.knows_nothing = 1;
    assert_int_equal(allocations_capture.create(&host, &instance, &why), MEDIC_E_NOT_FOUND);
    assert_text_has(why.text, "stacks_per_second");
    assert_null(instance);
}

static void each_runtime_is_asked_for_its_own_events(void **state)
{
    (void)state;
    begin(10, 500);
    assert_int_equal(core.provider.keywords, 0x80000000001);
    assert_int_equal(core.provider.level, 4);
    end();
    assert_int_equal(core.usage.mode, AL_MODE_SAMPLED);
    begin(8, 500);
    assert_int_equal(core.provider.keywords, 1);
    assert_int_equal(core.provider.level, 5);
    end();
    assert_int_equal(core.usage.mode, AL_MODE_TICK);
}

static void what_medic_allocates_to_start_is_not_the_programs(void **state)
{
    (void)state;
    begin(10, 500);
    core.events_thread = thread_id();
    deliver_sample(0x1000, 48, AL_SMALL);
    core.events_thread = thread_id() + 1;
    deliver_sample(0x1000, 48, AL_SMALL);
    core.events_thread = 0;
    deliver_sample(0x1000, 48, AL_SMALL);
    end();
    assert_int_equal(core.usage.samples, 2);
}

static void counts_of_many_threads_are_exact(void **state)
{
    pthread_t threads[4];
    uint64_t samples = 0;

    (void)state;
    begin(10, 100);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, deliver_many, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    end();
    assert_int_equal(core.usage.samples, 40000);
    assert_int_equal(core.usage.bytes[AL_SMALL], UINT64_C(40000) * 102424);
    assert_int_equal(core.usage.stacks_taken + core.usage.stacks_skipped, 40000);
    assert_int_equal(core.usage.stacks_taken, core.stacks);
    assert_in_range(core.stacks, 5 * 8 + 10, 5 * 8 + 60); /* the first of each type, and what is chosen in a slice */
    assert_int_equal(core.types, 5);
    assert_int_equal(core.sums_count, 5);
    for (uint32_t i = 0; i < 5; i++)
        samples += core.sums[i].samples;
    assert_int_equal(samples, 40000);
}

/* What comes first after a pause has no better chance than what comes last. */
static void stacks_stand_for_all_whatever_the_rhythm(void **state)
{
    (void)state;
    begin(10, 500);
    for (int slice = 0; slice < 200; slice++) {
        for (uint64_t i = 0; slice % 3 == 0 && i < 900; i++)
            deliver_sample(0x1000 + i / 300 * 8, 48, AL_SMALL);
        core.now += 100000000;
        allocations_capture.tick(self, core.now);
    }
    end();
    assert_int_equal(core.usage.samples, 67 * 900);
    assert_in_range(core.stacks, 67 * 50, 67 * 200);
    for (uint32_t i = 0; i < 3; i++)
        assert_in_range(core.stood_for[i], 67 * 300 * 9 / 10, 67 * 300 * 11 / 10);
}

/* Fewer a second than there are slices. */
static void few_stacks_are_few(void **state)
{
    (void)state;
    begin(10, 4);
    for (int slice = 0; slice < 100; slice++) {
        for (uint64_t i = 0; i < 100; i++)
            deliver_sample(0x1000, 48, AL_SMALL);
        core.now += 100000000;
        allocations_capture.tick(self, core.now);
    }
    end();
    assert_in_range(core.stacks, 8 + 20, 8 + 60);
    assert_in_range(core.stood_for[0], 10000 * 6 / 10, 10000 * 14 / 10);
}

static void a_full_ring_loses_no_counts(void **state)
{
    (void)state;
    begin(10, 100);
    core.ring_full = 1;
    for (int i = 0; i < 20; i++)
        deliver_sample(0x1000, 48, AL_SMALL);
    assert_int_equal(core.types, 0);
    core.ring_full = 0;
    deliver_sample(0x1000, 48, AL_SMALL);
    deliver_sample(0x1000, 48, AL_SMALL);
    assert_int_equal(core.types, 1);
    end();
    assert_int_equal(core.usage.samples, 22);
    assert_int_equal(core.sums[0].samples, 22);
    assert_true(core.usage.stacks_lost > 0);
}

static void more_types_than_there_is_room_for_are_one(void **state)
{
    (void)state;
    begin(10, 0);
    for (uint64_t i = 1; i <= 20000; i++)
        deliver_sample(i * 64, 48, AL_SMALL);
    end();
    assert_int_equal(core.stacks, 0);
    assert_int_equal(core.usage.samples, 20000);
    assert_true(core.usage.unplaced >= 20000 - 8192);
    assert_int_equal(core.sums[0].type, 0);
    assert_int_equal(core.sums[0].samples, core.usage.unplaced);
}

static void large_objects_are_counted_once(void **state)
{
    (void)state;
    begin(10, 100);
    allocations_capture.callbacks->ObjectAllocated(self, 90000, 0x1000); /* before there are events */
    deliver_sample(0x1000, 200000, AL_LARGE);
    allocations_capture.callbacks->ObjectAllocated(self, 200000, 0x1000);
    allocations_capture.callbacks->ObjectAllocated(self, 0, 0x1000);
    end();
    assert_int_equal(core.usage.large_count, 2);
    assert_int_equal(core.usage.large_bytes, 290000);
    assert_int_equal(core.usage.bytes[AL_LARGE], 200000);
    assert_int_equal(core.sums[0].bytes, 0);
    assert_int_equal(core.sums[0].large_most, 200000);
    assert_int_equal(core.sums[0].large_on_count, 1);
    assert_int_equal(core.usage.bad_events, 1);
    assert_int_equal(core.large_stacks, 1);
}

static void pinned_objects_are_large_from_the_same_size_on(void **state)
{
    (void)state;
    begin(10, 100);
    allocations_capture.callbacks->ObjectAllocated(self, 90000, 0x1000);
    deliver_sample(0x1000, 90000, AL_PINNED);
    deliver_sample(0x1000, 48, AL_PINNED);
    end();
    assert_int_equal(core.usage.large_count, 1);
    assert_int_equal(core.usage.samples, 1);
    assert_int_equal(core.usage.bytes[AL_PINNED], 102424);
}

/* Before .NET 10: its size is told without header and end. */
static void what_came_before_a_large_pinned_object_goes_with_the_next_tick(void **state)
{
    (void)state;
    begin(8, 100);
    allocations_capture.callbacks->ObjectAllocated(self, 160024, 0x1000);
    deliver_tick(0x1000, 160000, 160000, AL_PINNED);
    deliver_tick(0x1000, 200000, 160000, AL_PINNED);
    deliver_tick(0x2000, 103000, 8000, AL_PINNED);
    end();
    assert_int_equal(core.usage.samples, 1);
    assert_int_equal(core.usage.bytes[AL_PINNED], 143000);
    assert_int_equal(core.usage.large_bytes, 160024);
}

static void collections_and_pauses_are_counted(void **state)
{
    uint32_t suspend[3] = {1, 0, 0}, gc[5] = {7, 1, 1, 0, 0}, other[3] = {5, 0, 0};
    uint64_t heap[14] = {0};

    (void)state;
    begin(10, 100);
    deliver(EVENT_SUSPEND_BEGIN, suspend, 10);
    deliver(EVENT_GC_START, gc, 18);
    heap[1] = 1000;
    heap[3] = 500;
    deliver(EVENT_GC_END, gc, 10);
    deliver(EVENT_HEAP_STATS, heap, sizeof heap);
    core.now += 4000000;
    deliver(EVENT_RESTART_END, NULL, 0);
    deliver(EVENT_SUSPEND_BEGIN, other, 10);
    core.now += 9000000;
    deliver(EVENT_RESTART_END, NULL, 0);
    deliver(EVENT_GC_START, gc, 8);
    end();
    assert_int_equal(core.usage.collections[AL_GEN1], 1);
    assert_int_equal(core.usage.pause_ns[AL_GEN1], 4000000);
    assert_int_equal(core.usage.pause_most_ns[AL_GEN1], 4000000);
    assert_int_equal(core.usage.pause_ns[AL_BACKGROUND], 0);
    assert_int_equal(core.usage.promoted[AL_GEN1], 1500);
    assert_int_equal(core.usage.induced, 1);
    assert_int_equal(core.usage.induced_ns, 4000000);
    assert_int_equal(core.usage.bad_events, 1);
}

/* One of gen0 runs while the one in the background does. */
static void what_survives_is_of_the_collection_that_ends(void **state)
{
    uint32_t background[5] = {7, 2, 0, 1, 0}, young[5] = {8, 0, 0, 0, 0}, blocking[5] = {9, 2, 0, 0, 0};
    uint64_t heap[14] = {0};

    (void)state;
    begin(10, 100);
    deliver(EVENT_GC_START, background, 18);
    deliver(EVENT_GC_START, young, 18);
    deliver(EVENT_GC_END, young, 10);
    heap[1] = 100;
    deliver(EVENT_HEAP_STATS, heap, sizeof heap);
    deliver(EVENT_GC_END, background, 10);
    heap[1] = 5000;
    deliver(EVENT_HEAP_STATS, heap, sizeof heap);
    deliver(EVENT_GC_START, blocking, 18);
    deliver(EVENT_GC_END, blocking, 10);
    heap[1] = 4000;
    deliver(EVENT_HEAP_STATS, heap, sizeof heap);
    end();
    assert_int_equal(core.usage.promoted[AL_GEN0], 100);
    assert_int_equal(core.usage.promoted[AL_BACKGROUND], 5000);
    assert_int_equal(core.usage.promoted[AL_GEN2], 4000);
    assert_int_equal(core.usage.induced, 0);
    assert_int_equal(core.usage.bad_events, 0);
}

static void types_are_named_while_draining(void **state)
{
    al_type type = {.type = 0x1000};
    medic_record record = {AL_TYPE, sizeof type, &type};
    medic_record stack = {AL_STACK, sizeof type, &type};

    (void)state;
    begin(10, 100);
    assert_int_equal(allocations_capture.drain(self, &record), MEDIC_DRAIN_DROP);
    assert_int_equal(core.named, 1);
    assert_int_equal(core.type.base, 0x55);
    assert_int_equal(allocations_capture.drain(self, &stack), MEDIC_DRAIN_KEEP);
    allocations_capture.tick(self, core.now + UINT64_C(2000000000));
    assert_int_equal(core.usage.on_ns, core.now + UINT64_C(2000000000));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_without_its_parameters_is_refused),
        cmocka_unit_test(each_runtime_is_asked_for_its_own_events),
        cmocka_unit_test(what_medic_allocates_to_start_is_not_the_programs),
        cmocka_unit_test(counts_of_many_threads_are_exact),
        cmocka_unit_test(stacks_stand_for_all_whatever_the_rhythm),
        cmocka_unit_test(few_stacks_are_few),
        cmocka_unit_test(a_full_ring_loses_no_counts),
        cmocka_unit_test(more_types_than_there_is_room_for_are_one),
        cmocka_unit_test(large_objects_are_counted_once),
        cmocka_unit_test(pinned_objects_are_large_from_the_same_size_on),
        cmocka_unit_test(what_came_before_a_large_pinned_object_goes_with_the_next_tick),
        cmocka_unit_test(collections_and_pauses_are_counted),
        cmocka_unit_test(what_survives_is_of_the_collection_that_ends),
        cmocka_unit_test(types_are_named_while_draining),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
