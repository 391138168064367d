/* The copy of the process as its target sees it: when it counts as hung, and what becomes of copies that end in all ways. */
#include "core/services/heap_watch.h"

#include "core/os.h"
#include "core/services/heap_routes.h"
#include "core/session.h"

#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

struct session session;
static int published, checked;
static uint32_t stop_at_check; /* end reason that the client's look finds */

int session_publish(uint32_t state)
{
    (void)state;
    published++;
    return MEDIC_OK;
}

void session_check_client(uint64_t now)
{
    (void)now;
    checked++;
    if (stop_at_check)
        atomic_store(&session.end_reason, stop_at_check);
}

/* ---- hangs ---- */

static int hangs(struct heap_life *life, uint64_t ms, uint64_t cpu_ms, uint64_t work, int asleep)
{
    struct heap_pulse pulse = {
        .now_ns = ms * MS, .cpu_ns = cpu_ms * MS, .work = work, .telling = work > 10, .asleep = asleep};
    return heap_life_hangs(life, &pulse);
}

static void a_copy_that_sleeps_before_it_collects_hangs(void **state)
{
    struct heap_life life;
    int found = 0;
    uint64_t at = 0;
    (void)state;
    heap_life_begin(&life, 0, 0);
    for (; at < 1000 && !found; at += 10)
        found = hangs(&life, at, 5, 1, 1);
    assert_true(found);
    assert_true(at > 100 && at < 200);
}

static void a_container_that_was_frozen_is_no_hang(void **state)
{
    struct heap_life life;
    (void)state;
    heap_life_begin(&life, 0, 0);
    assert_false(hangs(&life, 0, 0, 1, 1));
    assert_false(hangs(&life, 10, 0, 1, 1));
    assert_false(hangs(&life, 60000, 0, 1, 1));
    assert_false(hangs(&life, 60010, 0, 1, 0));
}

static void one_that_writes_may_sleep_for_a_while(void **state)
{
    struct heap_life life;
    (void)state;
    heap_life_begin(&life, 0, 0);
    for (uint64_t at = 0; at < 2000; at += 20)
        assert_false(hangs(&life, at, 10, 1000, 1));
    assert_false(hangs(&life, 2000, 10, 1001, 1)); /* progress */
    for (uint64_t at = 2000; at < 4900; at += 20)
        assert_false(hangs(&life, at, 10, 1001, 1));
    for (uint64_t at = 4900; at < 5100; at += 20)
        hangs(&life, at, 10, 1001, 1);
    assert_true(hangs(&life, 5100, 10, 1001, 1));
}

static void computing_without_progress_is_a_hang_later(void **state)
{
    struct heap_life life;
    (void)state;
    heap_life_begin(&life, 0, UINT64_C(1) << 30);
    assert_false(hangs(&life, 10, 10, 1, 0));
    assert_false(hangs(&life, 10000, 10000, 1, 0)); /* a collection of 1 GB */
    assert_true(hangs(&life, 12000, 11500, 1, 0));
}

static void the_state_of_a_process_is_read(void **state)
{
    uint64_t ticks, faults;
    char letter;
    (void)state;
    assert_true(heap_watch_stat("14857 (a b) c) S 14810 14808 13335 0 -1 4194368 505 0 1 0 7 5 0 0 20 0 1", &letter,
                                &ticks, &faults));
    assert_int_equal(letter, 'S');
    assert_int_equal(faults, 505);
    assert_int_equal(ticks, 12);
    assert_false(heap_watch_stat("", &letter, &ticks, &faults));
    assert_false(heap_watch_stat("1 (x) R 1 2", &letter, &ticks, &faults));
}

/* ---- copies that end ---- */

static struct heap_sink sink;

static void begin(struct heap_take *take, void (*live)(struct heap_shared *shared))
{
    memset(sink.shared, 0, 4096);
    memset(&session, 0, sizeof session);
    published = checked = 0;
    stop_at_check = 0;
    sink.plan.head.time_ns = os_now_ns();
    *take = (struct heap_take){.sink = &sink, .limit_ns = 20 * SECOND};
    take->pid = fork();
    if (take->pid == 0) {
        signal(SIGSEGV, SIG_DFL); /* cmocka has its own */
        live(sink.shared);
        for (;;)
            pause();
    }
}

static int run(void (*live)(struct heap_shared *shared), struct heap_take *take, medic_reason *why)
{
    int code;

    begin(take, live);
    code = heap_watch_run(take, why);
    assert_int_equal(take->pid, 0);
    assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1); /* nobody is left */
    return code;
}

static void ends_well(struct heap_shared *shared)
{
    atomic_store(&shared->phase, HEAP_COMPLETE);
    _exit(0);
}

static void a_copy_that_is_ready_is_a_photograph(void **state)
{
    struct heap_take take;
    medic_reason why;
    (void)state;
    assert_int_equal(run(ends_well, &take, &why), MEDIC_OK);
    assert_false(take.is_cut);
    assert_true(take.copy_ns > 0);
}

static void a_program_that_ignores_its_children_changes_nothing(void **state)
{
    struct heap_take take;
    medic_reason why;
    (void)state;
    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(run(ends_well, &take, &why), MEDIC_OK);
    signal(SIGCHLD, SIG_DFL);
}

static void sleeps_for_ever(struct heap_shared *shared)
{
    atomic_store(&shared->phase, HEAP_WALKING);
}

static void a_hung_copy_is_killed(void **state)
{
    struct heap_take take;
    medic_reason why;
    (void)state;
    assert_int_equal(run(sleeps_for_ever, &take, &why), MEDIC_E_TIMEOUT);
    assert_text_has(why.text, "the copy of the process hung before it told of an object");
    assert_false(take.hopeless);
}

static void says_why(struct heap_shared *shared)
{
    strcpy(shared->text, "the disk is full");
    atomic_store(&shared->code, MEDIC_E_IO);
    atomic_store(&shared->phase, HEAP_FAILED);
    _exit(1);
}

static void what_the_copy_says_is_told(void **state)
{
    struct heap_take take;
    medic_reason why;
    (void)state;
    assert_int_equal(run(says_why, &take, &why), MEDIC_E_IO);
    assert_string_equal(why.text, "the disk is full");
}

static void crashes(struct heap_shared *shared)
{
    atomic_store(&shared->phase, HEAP_WALKING);
    raise(SIGSEGV);
}

static void a_crash_is_told(void **state)
{
    struct heap_take take;
    medic_reason why;
    (void)state;
    assert_int_equal(run(crashes, &take, &why), MEDIC_E_FAIL);
    assert_text_has(why.text, "the copy of the process ended early (signal 11)");
}

static void crashes_over_statics(struct heap_shared *shared)
{
    atomic_store(&shared->phase, HEAP_FINISHING);
    atomic_store(&shared->durable, 4096);
    raise(SIGSEGV);
}

static void a_crash_behind_the_graph_costs_no_photograph(void **state)
{
    struct heap_take take;
    medic_reason why;
    (void)state;
    assert_int_equal(run(crashes_over_statics, &take, &why), MEDIC_OK);
    assert_true(take.is_cut);
    assert_text_has(why.text, "ended early (signal 11)");
}

static void fails_over_statics(struct heap_shared *shared)
{
    atomic_store(&shared->durable, 4096);
    says_why(shared);
}

static void a_failure_behind_the_graph_costs_no_photograph(void **state)
{
    struct heap_take take;
    medic_reason why;
    (void)state;
    assert_int_equal(run(fails_over_statics, &take, &why), MEDIC_OK);
    assert_true(take.is_cut);
    assert_string_equal(why.text, "the disk is full");
}

static void is_killed(struct heap_shared *shared)
{
    atomic_store(&shared->phase, HEAP_WALKING);
    raise(SIGKILL);
}

static void a_copy_that_the_kernel_kills_wanted_memory(void **state)
{
    struct heap_take take;
    medic_reason why;
    (void)state;
    assert_int_equal(run(is_killed, &take, &why), MEDIC_E_MEMORY);
    assert_text_has(why.text, "the copy of the process was killed, probably for want of memory");
}

static void computes(struct heap_shared *shared)
{
    atomic_store(&shared->phase, HEAP_WALKING);
    for (;;)
        atomic_fetch_add(&shared->objects, 1);
}

static void a_request_to_stop_ends_the_copy(void **state)
{
    struct heap_take take;
    medic_reason why;
    (void)state;
    begin(&take, computes);
    stop_at_check = MEDIC_END_REQUEST;
    assert_int_equal(heap_watch_run(&take, &why), MEDIC_E_STOPPED);
    assert_string_equal(why.text, "the session ended while the heap was photographed");
    assert_int_equal(checked, 1);
}

static void the_end_of_the_program_ends_the_copy(void **state)
{
    struct heap_take take;
    medic_reason why;
    (void)state;
    begin(&take, computes);
    atomic_store(&session.exiting, 1);
    assert_int_equal(heap_watch_run(&take, &why), MEDIC_E_GONE);
    assert_string_equal(why.text, "the program ended while its heap was photographed");
}

static void a_copy_that_takes_too_long_is_killed(void **state)
{
    struct heap_take take;
    medic_reason why;
    (void)state;
    begin(&take, computes);
    take.limit_ns = 300 * MS;
    assert_int_equal(heap_watch_run(&take, &why), MEDIC_E_TIMEOUT);
    assert_text_has(why.text, "the photograph was not ready after 0 s");
    assert_true(published > 0);
}

static void a_copy_without_memory_is_killed(void **state)
{
    struct heap_take take;
    medic_reason why;
    (void)state;
    begin(&take, computes);
    take.floor.machine = UINT64_MAX;
    assert_int_equal(heap_watch_run(&take, &why), MEDIC_E_MEMORY);
    assert_text_has(why.text, "memory became short: the copy had used");
    assert_true(take.hopeless);
}

/* ---- before it is safe ---- */

static void is_safe(struct heap_shared *shared)
{
    os_sleep_ns(2 * MS);
    atomic_store(&shared->phase, HEAP_SAFE);
}

static void gives_up(struct heap_shared *shared)
{
    (void)shared;
    _exit(1);
}

static void does_nothing(struct heap_shared *shared)
{
    (void)shared;
}

static void the_target_waits_for_its_copy_to_be_safe(void **state)
{
    struct heap_take take;
    (void)state;
    begin(&take, is_safe);
    assert_true(heap_watch_safe(&take, 5 * SECOND));
    heap_watch_kill(&take);
    begin(&take, gives_up);
    assert_false(heap_watch_safe(&take, 60 * SECOND)); /* at once */
    heap_watch_kill(&take);
    begin(&take, does_nothing);
    assert_false(heap_watch_safe(&take, 20 * MS));
    heap_watch_kill(&take);
    assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
}

static void a_copy_that_is_not_safe_in_time_is_killed(void **state)
{
    struct heap_take take;
    medic_reason why;
    (void)state;
    begin(&take, does_nothing);
    take.safe_ns = 20 * MS;
    assert_int_equal(heap_watch_rest(&take, heap_watch_safe(&take, take.safe_ns), &why), MEDIC_E_TIMEOUT);
    assert_string_equal(why.text, "the copy of the process was not ready within 20 ms");
    assert_int_equal(take.pid, 0);
    assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
}

static void a_refused_copy_is_a_sentence(void **state)
{
    struct heap_take take = {.pid = -1};
    medic_reason why;
    (void)state;
    assert_int_equal(heap_watch_refused(&take, EAGAIN, &why), MEDIC_E_DENIED);
    assert_text_has(why.text, "the process cannot be copied: Resource temporarily unavailable; look at its limit");
    assert_true(take.hopeless);
    assert_int_equal(take.pid, 0);
}

static int setup(void **state)
{
    (void)state;
    sink.shared = mmap(NULL, sizeof *sink.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return sink.shared == MAP_FAILED;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_that_sleeps_before_it_collects_hangs),
        cmocka_unit_test(a_container_that_was_frozen_is_no_hang),
        cmocka_unit_test(one_that_writes_may_sleep_for_a_while),
        cmocka_unit_test(computing_without_progress_is_a_hang_later),
        cmocka_unit_test(the_state_of_a_process_is_read),
        cmocka_unit_test(a_copy_that_is_ready_is_a_photograph),
        cmocka_unit_test(a_program_that_ignores_its_children_changes_nothing),
        cmocka_unit_test(a_hung_copy_is_killed),
        cmocka_unit_test(what_the_copy_says_is_told),
        cmocka_unit_test(a_crash_is_told),
        cmocka_unit_test(a_crash_behind_the_graph_costs_no_photograph),
        cmocka_unit_test(a_failure_behind_the_graph_costs_no_photograph),
        cmocka_unit_test(a_copy_that_the_kernel_kills_wanted_memory),
        cmocka_unit_test(a_request_to_stop_ends_the_copy),
        cmocka_unit_test(the_end_of_the_program_ends_the_copy),
        cmocka_unit_test(a_copy_that_takes_too_long_is_killed),
        cmocka_unit_test(a_copy_without_memory_is_killed),
        cmocka_unit_test(the_target_waits_for_its_copy_to_be_safe),
        cmocka_unit_test(a_copy_that_is_not_safe_in_time_is_killed),
        cmocka_unit_test(a_refused_copy_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
