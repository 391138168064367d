/* merged_stacks, the report half: made-up threads go in, a verdict and sections come out. */
#include "report_host.h"

#include "plugins/merged_stacks/merged_stacks.h"
#include "plugins/merged_stacks/verdict.h"

#define MS UINT64_C(1000000)

/* --- scenes --- */

static uint32_t start, main_frame, api, gate, worker_start, dispatch, lifo, enter, monitor_wait, result, mres,
    sleep_frame;
static uint32_t next_tid;

static int begin(void **state)
{
    (void)state;
    host_reset();
    next_tid = 4000;
    start = framework_frame("System.Threading.Thread.StartCallback");
    main_frame = user_frame("Billing.Program.Main", "/src/Program.cs", 9);
    api = user_frame("Billing.Api.Get", "/src/Api.cs", 12);
    gate = user_frame("Billing.Gate.Enter", "/src/Gate.cs", 17);
    worker_start = framework_frame("System.Threading.PortableThreadPool.WorkerThread.WorkerThreadStart");
    dispatch = framework_frame("System.Threading.ThreadPoolWorkQueue.Dispatch");
    lifo = framework_frame("System.Threading.LowLevelLifoSemaphore.Wait");
    enter = framework_frame("System.Threading.Monitor.Enter_Slowpath");
    monitor_wait = framework_frame("System.Threading.Monitor.Wait");
    result = framework_frame("System.Threading.Tasks.Task<int>.get_Result");
    mres = framework_frame("System.Threading.ManualResetEventSlim.Wait");
    sleep_frame = framework_frame("System.Threading.Thread.Sleep");
    return 0;
}

static uint32_t stands_as(const char *name, uint64_t stack, char linux_state, uint32_t flags)
{
    medic_thread_stack thread = {.thread = next_tid * 16, .cpu_ns = 5 * MS, .state = (uint32_t)linux_state};

    thread.head = (medic_stack_head){stack, made.begin, ++next_tid, flags};
    if (name)
        host_thread(next_tid, name, thread.thread);
    host_record(MS_THREAD, &thread, sizeof thread);
    return next_tid;
}

static void stand(uint32_t count, const char *name, uint64_t stack, char linux_state)
{
    for (uint32_t i = 0; i < count; i++)
        stands_as(name, stack, linux_state, 0);
}

static void taken(uint32_t missed)
{
    medic_snapshot snapshot = {.size = sizeof snapshot, .missed = missed, .pause_ns = 2800000};

    host_record(MS_SNAPSHOT, &snapshot, sizeof snapshot);
}

static void idle(uint32_t count)
{
    stand(count, ".NET TP Worker", host_stack(start, worker_start, lifo, monitor_wait, 0), 'S');
}

static void main_waits(void)
{
    stand(1, "main", host_stack(main_frame, result, mres, monitor_wait, 0), 'S');
}

static const char *report(void)
{
    taken(0);
    return host_render(&merged_stacks_report);
}

#define assert_verdict(level, ...)                                                                                     \
    do {                                                                                                               \
        report();                                                                                                      \
        assert_text_has(made.verdict, __VA_ARGS__);                                                                    \
        assert_int_equal(made.severity, level);                                                                        \
        assert_true(strlen(made.verdict) <= 220);                                                                      \
    } while (0)

/* --- verdicts --- */

static void what_most_wait_for_is_named(void **state)
{
    (void)state;
    main_waits();
    stand(212, "worker", host_stack(start, api, gate, enter, 0), 'S');
    stand(1, "worker", host_stack(start, api, 0), 'R');
    idle(16);
    assert_verdict(MEDIC_CRITICAL, "212 of 230 threads wait in Billing.Gate.Enter (Gate.cs:17), for a lock: find who "
                                   "holds it, and hold it for shorter.");
    assert_text_has(made.text, "row lock; Billing.Gate.Enter; 212; 0.922; 0; Gate.cs:17; worker (4002), worker (4003), "
                               "worker (4004) and 209 more;");
    assert_text_has(made.text, "row idle pool worker; -; 16;");
    assert_text_has(made.text, "row (idle thread-pool workers); 16; -; -;");
    assert_text_has(made.text, "row (16 pool workers); -; idle pool worker;");
    assert_text_has(made.text, "the program stood still for 2.8 ms");
}

static void who_may_hold_the_lock_is_told(void **state)
{
    uint32_t inside = user_frame("Billing.Gate.Enter", "/src/Gate.cs", 19);

    (void)state;
    stand(6, "worker", host_stack(start, api, gate, enter, 0), 'S');
    stand(1, "slow", host_stack(start, api, inside, sleep_frame, 0), 'S');
    assert_verdict(MEDIC_WARNING, "6 of 7 threads wait in Billing.Gate.Enter (Gate.cs:17), for a lock");
    assert_text_has(made.text,
                    "finding Thread \"slow\" (4007) is inside of the same method without waiting for the lock, so "
                    "it may hold it: it sleeps.");
}

static void a_few_at_a_lock_are_a_notice(void **state)
{
    (void)state;
    stand(2, "worker", host_stack(start, api, gate, enter, 0), 'S');
    stand(20, "busy", host_stack(start, api, 0), 'R');
    assert_verdict(MEDIC_NOTICE, "2 of 22 threads wait in Billing.Gate.Enter (Gate.cs:17), for a lock");
}

static void one_at_a_lock_is_nothing(void **state)
{
    (void)state;
    stand(1, "worker", host_stack(start, api, gate, enter, 0), 'S');
    stand(3, "busy", host_stack(start, api, 0), 'R');
    assert_verdict(MEDIC_HEALTHY, "Healthy: nothing stands out among 4 threads: 3 run, 1 waits.");
}

static void a_deadlock_is_suspected_when_nobody_runs(void **state)
{
    (void)state;
    main_waits();
    stand(1, "a", host_stack(start, api, gate, enter, 0), 'S');
    stand(1, "b", host_stack(start, gate, api, enter, 0), 'S');
    idle(2);
    assert_verdict(MEDIC_WARNING, "Deadlock suspected: 2 threads wait for locks, among others in Billing.");
    assert_text_has(made.verdict, "and no thread of the program runs");
}

static void a_runner_speaks_against_a_deadlock(void **state)
{
    (void)state;
    stand(2, "a", host_stack(start, api, gate, enter, 0), 'S');
    stand(1, "b", host_stack(start, api, 0), 'R');
    assert_verdict(MEDIC_NOTICE, "2 of 3 threads wait in");
}

static void sync_over_async_starves_the_pool(void **state)
{
    (void)state;
    main_waits();
    stand(31, ".NET TP Worker", host_stack(start, worker_start, dispatch, api, result, mres, monitor_wait, 0), 'S');
    stand(7, ".NET TP Worker", host_stack(start, worker_start, dispatch, gate, sleep_frame, 0), 'S');
    stand(2, ".NET TP Worker", host_stack(start, worker_start, dispatch, gate, 0), 'R');
    assert_verdict(MEDIC_CRITICAL, "The thread pool starves: 38 of its 40 workers block, 31 in Billing.Api.Get "
                                   "(Api.cs:12), for a task (sync over async): await it instead.");
    assert_text_has(made.text, "row task (Wait, Result); Billing.Api.Get; 31;");
}

static void a_second_crowd_is_a_finding_with_its_row(void **state)
{
    (void)state;
    stand(30, "worker", host_stack(start, api, gate, enter, 0), 'S');
    stand(6, "reader", host_stack(start, api, framework_frame("System.Threading.SemaphoreSlim.Wait"), 0), 'S');
    report();
    assert_text_has(made.text, "finding 6 of 36 threads wait in Billing.Api.Get (Api.cs:12), for a semaphore. [waits "
                               "semaphore|Billing.Api.Get]");
}

static void a_pool_with_an_idle_worker_does_not_starve(void **state)
{
    (void)state;
    stand(4, ".NET TP Worker", host_stack(start, worker_start, dispatch, api, result, 0), 'S');
    stand(8, "busy", host_stack(start, api, 0), 'R');
    idle(1);
    assert_verdict(MEDIC_NOTICE, "4 of 13 threads wait in Billing.Api.Get (Api.cs:12), for a task (sync over async)");
}

static void a_lock_in_a_starving_pool_leads_and_the_pool_is_a_finding(void **state)
{
    (void)state;
    stand(30, ".NET TP Worker", host_stack(start, worker_start, dispatch, gate, enter, 0), 'S');
    stand(1, "busy", host_stack(start, api, 0), 'R');
    assert_verdict(MEDIC_CRITICAL, "30 of 31 threads wait in Billing.Gate.Enter (Gate.cs:17), for a lock");
    assert_text_has(made.text, "finding The thread pool starves: 30 of its 30 workers block");
}

static void semaphores_are_told(void **state)
{
    (void)state;
    stand(10, "worker", host_stack(start, api, framework_frame("System.Threading.SemaphoreSlim.Wait"), monitor_wait, 0),
          'S');
    assert_verdict(MEDIC_WARNING,
                   "10 of 10 threads wait in Billing.Api.Get (Api.cs:12), for a semaphore: find who does "
                   "not release it");
}

static void in_net_8_a_lock_leaves_no_frame(void **state)
{
    (void)state;
    made.runtime_major = 8;
    stand(30, "worker", host_stack(start, api, gate, 0), 'S');
    stand(2, "busy", host_stack(start, api, 0), 'R');
    assert_verdict(MEDIC_CRITICAL, "30 of 32 threads wait in Billing.Gate.Enter (Gate.cs:17), for a lock: find who");
    assert_text_has(made.text, "row Locks of .NET 8 and 9 leave no frame");
}

static void a_deadlock_in_net_8_is_suspected_less_loudly(void **state)
{
    (void)state;
    made.runtime_major = 8;
    stand(1, "a", host_stack(start, api, gate, 0), 'S');
    stand(1, "b", host_stack(start, gate, api, 0), 'S');
    assert_verdict(MEDIC_NOTICE, "Deadlock suspected: 2 threads wait for locks");
}

static void two_that_stand_somewhere_are_no_news(void **state)
{
    (void)state;
    stand(2, "native", host_stack(start, api, gate, 0), 'S');
    stand(1, "busy", host_stack(start, api, 0), 'R');
    assert_verdict(MEDIC_HEALTHY, "Healthy: nothing stands out among 3 threads: 1 runs, 2 wait.");
    assert_text_has(made.text, "row Threads that do not run, and no method says why: 2.");
}

static void consumers_of_a_queue_are_mentioned_when_they_are_most(void **state)
{
    (void)state;
    stand(12, "consumer",
          host_stack(start, api, framework_frame("System.Collections.Concurrent.BlockingCollection<int>.Take"),
                     framework_frame("System.Threading.SemaphoreSlim.Wait"), monitor_wait, 0),
          'S');
    assert_verdict(MEDIC_NOTICE, "12 of 12 threads wait in Billing.Api.Get (Api.cs:12), for a queue to fill.");
}

static void a_web_server_at_rest_is_healthy(void **state)
{
    (void)state;
    main_waits();
    idle(3);
    stand(1, ".NET Sockets", host_stack(start, framework_frame("System.Net.Sockets.SocketAsyncEngine.EventLoop"), 0),
          'S');
    stand(1, "Kestrel Timer",
          host_stack(start, framework_frame("Microsoft.AspNetCore.Heartbeat.TimerLoop"), sleep_frame, 0), 'S');
    stand(1, ".NET Finalizer", 0, 'S');
    assert_verdict(MEDIC_HEALTHY,
                   "Healthy: nothing stands out among 7 threads: 1 waits, 3 are idle pool workers, 3 serve "
                   "the runtime.");
    assert_int_equal(made.findings, 0);
    assert_text_has(made.text, "row (threads of the runtime and the framework); 3; -; -;");
}

static void many_that_run_are_healthy(void **state)
{
    (void)state;
    stand(64, "busy", host_stack(start, api, 0), 'R');
    assert_verdict(MEDIC_HEALTHY, "Healthy: nothing stands out among 64 threads: 64 run.");
}

static void no_thread_is_no_judgement(void **state)
{
    (void)state;
    assert_verdict(MEDIC_NOTICE, "No managed thread was seen: the program has none, or it was ending.");
    made.record_count = 0;
    made.end_reason = MEDIC_END_NONE;
    assert_text_has(host_render(&merged_stacks_report), "No managed thread was seen: the recording was cut off");
}

/* --- kinds of waits --- */

static void every_kind_of_wait_is_told_apart(void **state)
{
    static const struct {
        const char *method, *row;
    } cases[] = {
        {"System.Threading.Monitor.Enter", "row lock;"},
        {"System.Threading.Lock.EnterAndGetCurrentThreadId", "row lock;"},
        {"System.Threading.ReaderWriterLockSlim.TryEnterWriteLock", "row reader-writer lock;"},
        {"System.Threading.SemaphoreSlim.Wait", "row semaphore;"},
        {"System.Threading.Tasks.Task.Wait", "row task (Wait, Result);"},
        {"System.Threading.Tasks.Task.WaitAll", "row task (Wait, Result);"},
        {"System.Runtime.CompilerServices.TaskAwaiter.GetResult", "row task (Wait, Result);"},
        {"System.Runtime.CompilerServices.ConfiguredTaskAwaitable.ConfiguredTaskAwaiter.GetResult",
         "row task (Wait, Result);"},
        {"System.Threading.Monitor.Wait", "row Monitor.Wait;"},
        {"System.Threading.WaitHandle.WaitOne", "row event;"},
        {"System.Threading.ManualResetEventSlim.Wait", "row event;"},
        {"System.Threading.Thread.Join", "row thread or process to end;"},
        {"System.Threading.Thread.Sleep", "row sleeps;"},
        {"System.Net.Sockets.Socket.Receive", "row network;"},
        {"System.IO.Pipes.NamedPipeClientStream.Connect", "row pipe;"},
        {"System.IO.RandomAccess.ReadAtOffset", "row file;"},
        {"System.Console.ReadLine", "row console;"},
        {"Interop.Sys.Poll", "row native call;"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(NULL);
        stand(1, "one", host_stack(start, api, framework_frame(cases[i].method), framework_frame("Inner.Thing"), 0),
              'S');
        if (i + 1 == sizeof cases / sizeof *cases)
            made.depths[1]--; /* a stub tells only at the leaf */
        assert_text_has(report(), cases[i].row);
    }
}

static void a_thread_that_runs_in_a_wait_it_has_left_runs(void **state)
{
    (void)state;
    stand(1, "one", host_stack(start, api, framework_frame("System.Net.Sockets.Socket.Receive"), 0), 'R');
    assert_text_has(report(), "row runs; Billing.Api.Get; 1;");
}

/* --- the tree --- */

static void stacks_are_merged_from_the_root_with_who_ends_where(void **state)
{
    (void)state;
    stand(2, "worker", host_stack(start, api, gate, enter, 0), 'S');
    stand(1, "busy", host_stack(start, api, 0), 'R');
    report();
    assert_text_has(made.text, "section merged ()\n"
                               "row Thread.StartCallback > Api.Get; 3; busy (4003); Api.cs:12;\n"
                               "row 1<0 Gate.Enter > Monitor.Enter_Slowpath; 2; worker (4001), worker (4002); -;\n");
}

static void long_chains_tell_the_programs_own_methods(void **state)
{
    (void)state;
    stand(1, "one", host_stack(start, dispatch, main_frame, worker_start, result, mres, monitor_wait, 0), 'S');
    report();
    assert_text_has(made.text, "row Thread.StartCallback > … > Program.Main > WorkerThread.WorkerThreadStart > … > "
                               "Monitor.Wait; 1; one (4001); -;");
}

static void quality_is_told(void **state)
{
    (void)state;
    stands_as("one", host_stack(start, api, 0), 'R', MEDIC_STACK_BROKEN);
    stands_as("again", host_stack(start, api, 0), 'R', MEDIC_STACK_RUNTIME_WALK); /* a second opinion: not counted */
    taken(3);
    host_render(&merged_stacks_report);
    assert_text_has(made.verdict, "among 1 thread:");
    assert_text_has(made.text, "row Threads that could not be looked at: 3.");
    assert_text_has(made.text, "row Stacks that do not reach their root: 1.");
}

/* --- damage --- */

static void a_rich_capture(void)
{
    main_waits();
    stand(6, "worker", host_stack(start, api, gate, enter, 0), 'S');
    stand(1, "slow", host_stack(start, api, gate, sleep_frame, 0), 'S');
    idle(3);
    taken(0);
}

static void a_capture_that_was_cut_anywhere_still_gives_a_report(void **state)
{
    (void)state;
    a_rich_capture();
    made.end_reason = MEDIC_END_NONE;
    for (size_t count = 0; count < made.record_count; count++)
        assert_text_has(host_render_some(&merged_stacks_report, count), "The recording was cut off");
}

static void short_and_strange_records_are_survived(void **state)
{
    (void)state;
    a_rich_capture();
    for (size_t i = 0; i < made.record_count; i++) {
        uint32_t size = made.records[i].size;
        for (made.records[i].size = 0; made.records[i].size < size; made.records[i].size += 3)
            host_render(&merged_stacks_report);
        made.records[i].size = size;
        for (uint32_t byte = 0; byte < size; byte++) {
            ((uint8_t *)made.records[i].data)[byte] ^= 0xff;
            host_render(&merged_stacks_report);
            ((uint8_t *)made.records[i].data)[byte] ^= 0xff;
        }
    }
}

static void frames_that_lie_are_survived(void **state)
{
    (void)state;
    stand(3, "one", host_stack(UINT32_MAX, 1000, 0), 'S');
    stand(3, NULL, UINT64_MAX, 'S');
    made.frames[gate].function_id = UINT32_MAX;
    made.frames[gate].line = UINT32_MAX;
    made.frames[api].function = NULL;
    report();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(what_most_wait_for_is_named),
        TEST(who_may_hold_the_lock_is_told),
        TEST(a_few_at_a_lock_are_a_notice),
        TEST(one_at_a_lock_is_nothing),
        TEST(a_deadlock_is_suspected_when_nobody_runs),
        TEST(a_runner_speaks_against_a_deadlock),
        TEST(sync_over_async_starves_the_pool),
        TEST(a_second_crowd_is_a_finding_with_its_row),
        TEST(a_pool_with_an_idle_worker_does_not_starve),
        TEST(a_lock_in_a_starving_pool_leads_and_the_pool_is_a_finding),
        TEST(semaphores_are_told),
        TEST(in_net_8_a_lock_leaves_no_frame),
        TEST(a_deadlock_in_net_8_is_suspected_less_loudly),
        TEST(two_that_stand_somewhere_are_no_news),
        TEST(consumers_of_a_queue_are_mentioned_when_they_are_most),
        TEST(a_web_server_at_rest_is_healthy),
        TEST(many_that_run_are_healthy),
        TEST(no_thread_is_no_judgement),
        TEST(every_kind_of_wait_is_told_apart),
        TEST(a_thread_that_runs_in_a_wait_it_has_left_runs),
        TEST(stacks_are_merged_from_the_root_with_who_ends_where),
        TEST(long_chains_tell_the_programs_own_methods),
        TEST(quality_is_told),
        TEST(a_capture_that_was_cut_anywhere_still_gives_a_report),
        TEST(short_and_strange_records_are_survived),
        TEST(frames_that_lie_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
