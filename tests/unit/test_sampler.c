/* The CPU sampler on this process: real timers, real signals, no runtime. */
#include "core/services/raw_stack.h"
#include "core/services/sampler.h"
#include "core/services/sampler_signal.h"
#include "core/services/signal_room.h"
#include "core/services/stack_here.h"

#include "test.h"

#include <medic/result.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
enum { BUSY_TRIES = 50 }; /* others take the processor before the kernel's tick finds us on it */
enum { TYPE = 300 };

static struct ring *ring;
static medic_sampling sampling = {.size = sizeof sampling, .record_type = TYPE, .interval_ns = 4 * MS};

static HRESULT no_threads(ICorProfilerInfo12 *This, ICorProfilerThreadEnum **list)
{
    (void)This;
    *list = NULL;
    return -1;
}

static const ICorProfilerInfo12Vtbl vtable = {.EnumThreads = no_threads};
static ICorProfilerInfo12 info = {&vtable};

static uint64_t cpu_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000 * MS + (uint64_t)t.tv_nsec;
}

static uint64_t wall_ns(void)
{
    return cpu_ns(CLOCK_MONOTONIC);
}

static volatile unsigned sink;

__attribute__((noinline)) static void burn(uint64_t ns)
{
    uint64_t end = cpu_ns(CLOCK_THREAD_CPUTIME_ID) + ns;

    while (cpu_ns(CLOCK_THREAD_CPUTIME_ID) < end) {
        for (unsigned i = 0; i < 20000; i++)
            sink += i;
    }
}

static int set_up(void **state)
{
    (void)state;
    ring = aligned_alloc(64, sizeof *ring);
    return ring_open(ring, 4 << 20) == MEDIC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sampler_stop();
    sampler_free();
    ring_close(ring);
    free(ring);
    return 0;
}

static void start(void)
{
    medic_reason why = {""};

    if (sampler_start(ring, &info, &sampling, &why) != MEDIC_OK)
        fail_msg("%s", why.text);
}

/* Ticks as the worker would. */
static void tick(void)
{
    medic_reason why = {""};

    assert_int_equal(sampler_tick(wall_ns(), &why), MEDIC_OK);
}

/* What the ring holds: the sum of weights, and each record to a function. */
static uint64_t take(void (*each)(const struct raw_stack *raw, const medic_cpu_sample *sample))
{
    struct ring_record record;
    uint64_t weight = 0;

    while (ring_peek(ring, &record)) {
        const struct raw_stack *raw = record.data;
        const medic_cpu_sample *sample = (const void *)(raw + 1);

        assert_int_equal(record.type, TYPE | RAW_STACK);
        assert_int_equal(raw->record_size, sizeof *sample);
        assert_int_equal(record.size, raw_stack_offset(raw->record_size) + raw_stack_bytes(raw->size, raw->under_size));
        weight += sample->weight_ns;
        if (each)
            each(raw, sample);
        ring_pop(ring);
    }
    return weight;
}

static unsigned whole, total;

static void see_own_stack(const struct raw_stack *raw, const medic_cpu_sample *sample)
{
    uint64_t ip = raw->registers.r[UNWIND_IP];

    if (sample->head.os_id != (uint32_t)getpid())
        return;
    total++;
    whole += (raw->flags & RAW_WHOLE) != 0;
    assert_int_equal(raw->low, raw->registers.r[UNWIND_RSP] - RAW_RED_ZONE);
    assert_true(ip != 0);
    assert_int_equal(raw->flags & RAW_SAMPLE, RAW_SAMPLE);
}

/* Until samples of this thread are copied without asking for its stack first. */
static void become_known(void)
{
    whole = 0;
    for (int i = 0; i < BUSY_TRIES && !whole; i++) {
        burn(30 * MS);
        tick();
        take(see_own_stack);
    }
    assert_true(whole > 0);
}

static void samples_stand_for_the_cpu_time_that_was_used(void **state)
{
    uint64_t begin, used, weight = 0;

    (void)state;
    start();
    whole = total = 0;
    begin = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < BUSY_TRIES; i++) {
        burn(400 * MS);
        used = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
        weight += take(see_own_stack);
        if (total > 10 && weight > used * 9 / 10)
            break;
    }
    assert_int_equal(sampler_stop(), 1);
    assert_true(total > 10);
    assert_true(weight > used * 9 / 10 && weight < used * 11 / 10);
}

static void once_its_stack_is_known_a_thread_is_copied_directly(void **state)
{
    (void)state;
    start();
    become_known();
    atomic_store(&sampler_shared.asks, 0);
    whole = total = 0;
    for (int i = 0; i < BUSY_TRIES && !total; i++) {
        burn(100 * MS);
        take(see_own_stack);
    }
    assert_int_equal(sampler_stop(), 1);
    assert_int_equal(atomic_load(&sampler_shared.asks), 0);
    take(see_own_stack);
    assert_true(total > 0);
    assert_int_equal(whole, total);
}

static _Atomic int stop_burning;

static void *burn_on(void *unused)
{
    while (!stop_burning)
        burn(MS);
    return unused;
}

static uint32_t other_samples;

static void count_others(const struct raw_stack *raw, const medic_cpu_sample *sample)
{
    (void)raw;
    other_samples += sample->head.os_id != (uint32_t)getpid();
}

static void threads_that_begin_later_are_found(void **state)
{
    uint64_t deadline = wall_ns() + 5000 * MS;
    pthread_t thread;

    (void)state;
    start();
    stop_burning = 0;
    pthread_create(&thread, NULL, burn_on, NULL);
    other_samples = 0;
    while (!other_samples && wall_ns() < deadline) {
        usleep(20000);
        tick();
        take(count_others);
    }
    stop_burning = 1;
    pthread_join(thread, NULL);
    assert_true(other_samples > 0);
}

static void *burn_with_signals_blocked(void *unused)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    return burn_on(unused);
}

static void a_thread_that_blocks_the_signal_is_left_alone(void **state)
{
    medic_sampling_state before = {0}, after = {0};
    pthread_t thread;

    (void)state;
    stop_burning = 0;
    pthread_create(&thread, NULL, burn_with_signals_blocked, NULL);
    usleep(100000);
    start();
    sampler_state(&before);
    usleep(600000);
    tick();
    sampler_state(&after);
    stop_burning = 1;
    pthread_join(thread, NULL);
    assert_int_equal(before.threads, 1); /* this one */
    assert_int_equal(after.threads, 1);
    assert_int_equal(after.threads_missed, 0);
}

static void *live_shortly(void *unused)
{
    sampler_thread_begins(1, (uint32_t)gettid());
    burn(2 * MS);
    sampler_thread_ends(1);
    return unused;
}

static void threads_that_come_and_go_leave_nothing_behind(void **state)
{
    medic_sampling_state before = {0}, after = {0};

    (void)state;
    start();
    sampler_state(&before);
    for (int i = 0; i < 300; i++) {
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, live_shortly, NULL), 0);
        pthread_join(thread, NULL);
    }
    sampler_state(&after);
    assert_int_equal(after.threads - before.threads, 300);
    assert_int_equal(after.threads_missed, 0);
    take(NULL);
}

static uint64_t bare_ns;

static void add_bare(const struct raw_stack *raw, const medic_cpu_sample *sample)
{
    if (raw->flags & RAW_NONE)
        bare_ns += sample->weight_ns;
}

static void threads_too_short_for_the_kernels_tick_are_accounted_for(void **state)
{
    uint64_t weight;

    (void)state;
    start();
    for (int i = 0; i < 400; i++) {
        pthread_t thread;

        pthread_create(&thread, NULL, live_shortly, NULL);
        pthread_join(thread, NULL);
    }
    assert_int_equal(sampler_stop(), 1);
    bare_ns = 0;
    weight = take(add_bare);
    assert_true(bare_ns > 0);
    assert_true(weight > 400 * 2 * MS * 8 / 10); /* each uses 2 ms and a little */
}

static void what_does_not_fit_is_counted_and_carried(void **state)
{
    medic_sampling_state state_now = {0};
    uint64_t before, used, weight = 0;

    (void)state;
    while (ring_write(ring, 299, "", 0, NULL, 0) == MEDIC_OK) /* before the start: no sample comes in between */
        ;
    start();
    before = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < BUSY_TRIES && !state_now.lost; i++) {
        burn(100 * MS);
        sampler_state(&state_now);
    }
    assert_true(state_now.lost > 0);
    for (struct ring_record record; ring_peek(ring, &record) && record.type == 299;)
        ring_pop(ring);
    for (int i = 0; i < BUSY_TRIES; i++) {
        burn(40 * MS);
        used = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - before;
        weight += take(NULL);
        if (weight > used * 3 / 4)
            break;
    }
    assert_int_equal(sampler_stop(), 1);
    assert_true(weight > used * 3 / 4);
}

static void a_foreign_stack_is_copied_by_the_kernel(void **state)
{
    static uint8_t other[1 << 16] __attribute__((aligned(16)));

    (void)state;
    start();
    become_known();
    /* The bounds of another stack: what the handler finds is outside of them. */
    for (uint32_t i = 0; i < SAMPLER_SLOTS; i++) {
        if (atomic_load(&sampler_shared.slots[i].tid) == (uint32_t)getpid()) {
            atomic_store(&sampler_shared.slots[i].low, (uintptr_t)other);
            atomic_store(&sampler_shared.slots[i].high, (uintptr_t)other + sizeof other);
        }
    }
    for (int i = 0; i < BUSY_TRIES && !atomic_load(&sampler_shared.asks); i++)
        burn(60 * MS);
    assert_true(atomic_load(&sampler_shared.asks) > 0);
    assert_int_equal(sampler_stop(), 1);
    whole = total = 0;
    take(see_own_stack);
    assert_true(total > 0);
}

static unsigned cut, deep;

static void see_depth(const struct raw_stack *raw, const medic_cpu_sample *sample)
{
    (void)sample;
    cut += raw->size == RAW_STACK_CAP && !(raw->flags & RAW_WHOLE);
    deep += raw->size > RAW_STACK_CAP && (raw->flags & RAW_WHOLE);
    if (raw->size == RAW_STACK_CAP)
        sampler_ask_deep(raw);
}

/* 64 levels of 4 KiB, and more. */
__attribute__((noinline)) static unsigned descend(unsigned levels)
{
    volatile uint8_t room[4096];

    room[levels] = 1;
    if (levels) {
        sink += descend(levels - 1);
    } else {
        for (int i = 0; i < 100 && !deep; i++) { /* on a busy machine the map is read less often */
            burn(20 * MS);
            tick();
            take(see_depth);
        }
    }
    return room[levels];
}

static void of_a_deep_stack_one_whole_copy_is_taken_when_it_is_asked_for(void **state)
{
    (void)state;
    cut = deep = 0;
    start();
    become_known();
    descend(64);
    assert_int_equal(sampler_stop(), 1);
    take(see_depth);
    assert_true(cut > 0);
    assert_true(deep > 0);
}

static unsigned under;

static void see_under(const struct raw_stack *raw, const medic_cpu_sample *sample)
{
    (void)sample;
    under += raw->under_size > 0;
}

static void burn_in_handler(int number)
{
    (void)number;
    burn(80 * MS);
}

static void a_handler_on_an_alternate_stack_is_seen_with_what_it_interrupted(void **state)
{
    static uint8_t other[1 << 16] __attribute__((aligned(16)));
    stack_t stack = {.ss_sp = other, .ss_size = sizeof other}, none = {.ss_flags = SS_DISABLE};
    struct sigaction action;

    (void)state;
    memset(&action, 0, sizeof action);
    action.sa_handler = burn_in_handler;
    action.sa_flags = SA_ONSTACK;
    assert_int_equal(sigaltstack(&stack, NULL), 0);
    sigaction(SIGUSR1, &action, NULL);
    start();
    become_known();
    under = 0;
    for (int i = 0; i < BUSY_TRIES && under <= 3; i++) {
        raise(SIGUSR1);
        take(see_under);
    }
    assert_int_equal(sampler_stop(), 1);
    sigaltstack(&none, NULL);
    assert_true(under > 3);
}

static int signal_number;

static void the_signal_is_taken_and_given_back(void **state)
{
    struct sigaction now;

    (void)state;
    start();
    signal_number = sampler_shared.signal;
    assert_int_equal(sigaction(signal_number, NULL, &now), 0);
    assert_true(now.sa_flags & SA_RESTART);
    assert_int_equal(sampler_stop(), 1);
    assert_int_equal(sigaction(signal_number, NULL, &now), 0);
    assert_true(now.sa_handler == SIG_DFL);
    assert_int_equal(sampler_stop(), 1); /* again: nothing */
}

static void foreign(int number)
{
    (void)number;
}

static void a_signal_of_the_program_is_left_alone(void **state)
{
    struct sigaction action, now;
    int number;

    (void)state;
    start();
    number = sampler_shared.signal;
    sampler_stop();
    sampler_free();
    memset(&action, 0, sizeof action);
    action.sa_handler = foreign;
    sigaction(number, &action, NULL);
    start();
    assert_int_not_equal(sampler_shared.signal, number);
    sampler_stop();
    sigaction(number, NULL, &now);
    assert_true(now.sa_handler == foreign);
    action.sa_handler = SIG_DFL;
    sigaction(number, &action, NULL);
}

static void when_the_program_takes_the_signal_sampling_ends(void **state)
{
    struct sigaction action, now;
    medic_reason why = {""};

    (void)state;
    start();
    memset(&action, 0, sizeof action);
    action.sa_handler = foreign;
    sigaction(sampler_shared.signal, &action, NULL);
    assert_int_equal(sampler_tick(wall_ns(), &why), MEDIC_E_BUSY);
    assert_text_has(why.text, "for itself");
    assert_int_equal(sampler_tick(wall_ns(), &why), MEDIC_OK);
    sigaction(sampler_shared.signal, NULL, &now);
    assert_true(now.sa_handler == foreign);
    action.sa_handler = SIG_DFL;
    sigaction(sampler_shared.signal, &action, NULL);
}

static void without_a_free_signal_the_reason_is_told(void **state)
{
    struct sigaction action;
    medic_reason why = {""};

    (void)state;
    memset(&action, 0, sizeof action);
    action.sa_handler = foreign;
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        sigaction(number, &action, NULL);
    assert_int_equal(sampler_start(ring, &info, &sampling, &why), MEDIC_E_UNSUPPORTED);
    assert_text_has(why.text, "real-time signal");
    action.sa_handler = SIG_DFL;
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        sigaction(number, &action, NULL);
}

static void a_signal_that_somebody_sends_is_ignored(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 100; i++)
        raise(sampler_shared.signal);
    assert_int_equal(sampler_stop(), 1);
}

/* In a child: its user has no timer left. */
static void without_timers_the_reason_is_told(void **state)
{
    int status;
    pid_t child;

    (void)state;
    child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        medic_reason why = {""};
        int code;

        setrlimit(RLIMIT_SIGPENDING, &none);
        code = sampler_start(ring, &info, &sampling, &why);
        _exit(code == MEDIC_E_UNSUPPORTED && strstr(why.text, "pending signals") ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void the_room_for_signals_is_read(void **state)
{
    (void)state;
    assert_int_equal(signal_room_in("Name:\tx\nSigQ:\t3/96365\nSigPnd:\t0\n"), 96362);
    assert_int_equal(signal_room_in("Name:\tx\nSigQ:\t3/3\n"), 0);
    assert_int_equal(signal_room_in("Name:\tx\nSigQ:\t3/0\n"), 0);
    assert_int_equal(signal_room_in("Name:\tx\nSigQ:\t3\n"), UINT64_MAX);
    assert_int_equal(signal_room_in(""), UINT64_MAX);
}

static void a_child_of_a_fork_is_not_sampled(void **state)
{
    int status;
    pid_t child;

    (void)state;
    start();
    child = fork();
    if (child == 0) {
        uint64_t head = atomic_load(&ring->head);

        burn(50 * MS);
        _exit(atomic_load(&ring->head) == head ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
}

__attribute__((noinline)) static int write_here(medic_stack_head *head)
{
    volatile uint64_t mark[4] = {0x1122334455667788, 1, 2, 3};
    int code = stack_here(ring, TYPE, head, sizeof *head, "tail", 4);

    return code + (int)(mark[1] - 1);
}

static void a_thread_copies_its_own_stack(void **state)
{
    static const uint64_t mark = 0x1122334455667788;
    medic_stack_head head = {0};
    struct ring_record record;
    const struct raw_stack *raw;
    const uint8_t *bytes;

    (void)state;
    assert_int_equal(write_here(&head), MEDIC_OK);
    assert_int_equal(ring_peek(ring, &record), 1);
    raw = record.data;
    assert_int_equal(raw->record_size, sizeof head + 4);
    memcpy(&head, raw + 1, sizeof head);
    assert_int_equal(head.os_id, gettid());
    assert_true(head.time_ns > 0);
    assert_memory_equal((const char *)(raw + 1) + sizeof head, "tail", 4);
    assert_int_equal(raw->flags, RAW_HERE | (raw->size < RAW_STACK_CAP ? RAW_WHOLE : 0));
    bytes = (const uint8_t *)raw + raw_stack_offset(raw->record_size);
    assert_non_null(memmem(bytes, raw->size, &mark, sizeof mark));
}

static void a_stack_of_addresses_travels_as_it_is(void **state)
{
    const uintptr_t addresses[] = {0x1000, 0x2001, 0x3001};
    medic_stack_head head = {0};
    struct ring_record record;
    const struct raw_stack *raw;

    (void)state;
    assert_int_equal(stack_addresses(ring, TYPE, &head, sizeof head, addresses, 3), MEDIC_OK);
    assert_int_equal(stack_addresses(ring, TYPE, &head, 8, addresses, 3), MEDIC_E_ARGUMENT);
    assert_int_equal(stack_addresses(ring, 3, &head, sizeof head, addresses, 3), MEDIC_E_ARGUMENT);
    assert_int_equal(ring_peek(ring, &record), 1);
    raw = record.data;
    assert_int_equal(raw->flags, RAW_ADDRESSES);
    assert_int_equal(raw->size, sizeof addresses);
    assert_memory_equal((const uint8_t *)raw + raw_stack_offset(raw->record_size), addresses, sizeof addresses);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(samples_stand_for_the_cpu_time_that_was_used),
        TEST(once_its_stack_is_known_a_thread_is_copied_directly),
        TEST(threads_that_begin_later_are_found),
        TEST(a_thread_that_blocks_the_signal_is_left_alone),
        TEST(threads_that_come_and_go_leave_nothing_behind),
        TEST(threads_too_short_for_the_kernels_tick_are_accounted_for),
        TEST(what_does_not_fit_is_counted_and_carried),
        TEST(a_foreign_stack_is_copied_by_the_kernel),
        TEST(a_handler_on_an_alternate_stack_is_seen_with_what_it_interrupted),
        TEST(of_a_deep_stack_one_whole_copy_is_taken_when_it_is_asked_for),
        TEST(the_signal_is_taken_and_given_back),
        TEST(a_signal_of_the_program_is_left_alone),
        TEST(when_the_program_takes_the_signal_sampling_ends),
        TEST(without_a_free_signal_the_reason_is_told),
        TEST(a_signal_that_somebody_sends_is_ignored),
        TEST(without_timers_the_reason_is_told),
        TEST(the_room_for_signals_is_read),
        TEST(a_child_of_a_fork_is_not_sampled),
        TEST(a_thread_copies_its_own_stack),
        TEST(a_stack_of_addresses_travels_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
