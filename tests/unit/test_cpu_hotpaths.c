/* cpu_hotpaths, the report half: made-up samples go in, a verdict and sections come out. */
#include "report_host.h"

#include "plugins/cpu_hotpaths/cpu_hotpaths.h"
#include "plugins/cpu_hotpaths/facts.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

/* --- scenes --- */

static uint32_t main_frame, get, recalculate, hash, hash_core, sha, gc_leaf, jit_leaf, alloc;

static int begin(void **state)
{
    (void)state;
    host_reset();
    main_frame = user_frame("Orders.Program.Main", "/src/Program.cs", 9);
    get = user_frame("Orders.Api.Get", "/src/Api.cs", 33);
    recalculate = user_frame("Orders.Pricing.Recalculate", "/src/Pricing.cs", 41);
    hash = user_frame("Files.Hasher.Hash", "C:\\src\\Hasher.cs", 12);
    hash_core = framework_frame("System.Security.Cryptography.SHA256.HashData");
    sha = native_frame("sha256_block_data_order_avx2", "libcrypto.so.3");
    gc_leaf = runtime_frame("libcoreclr.so", "libcoreclr.so");
    jit_leaf = runtime_frame("libclrjit.so", "libclrjit.so");
    alloc = runtime_frame("libcoreclr.so", "libcoreclr.so");
    host_thread(100, "main", 1);
    return 0;
}

/* In n samples of 8 ms, evenly over the recording. */
static void ran_on(uint32_t tid, uint64_t stack, uint64_t ms)
{
    uint64_t count = ms / 8;

    for (uint64_t i = 0; i < count; i++) {
        medic_cpu_sample sample = {.weight_ns = 8 * MS};
        sample.head.stack = stack;
        sample.head.time_ns = made.begin + i * (made.end - made.begin) / count;
        sample.head.os_id = tid;
        host_record(CH_SAMPLE, &sample, sizeof sample);
    }
}

static void ran(uint64_t stack, uint64_t ms)
{
    ran_on(100, stack, ms);
}

/* The kernel counted so much in the ten seconds of the recording. */
static void used(uint64_t ms, uint32_t processors)
{
    ch_usage usage = {.time_ns = made.begin, .process_ns = 5 * SECOND, .medic_ns = MS, .processors = processors};

    host_record(CH_USAGE, &usage, sizeof usage);
    usage.time_ns = made.end;
    usage.process_ns += ms * MS + 10 * MS;
    usage.medic_ns += 10 * MS;
    host_record(CH_USAGE, &usage, sizeof usage);
}

static void totals(uint32_t engine, uint64_t lost, uint64_t lost_ns)
{
    medic_sampling_state state = {.size = sizeof state, .engine = engine, .lost = lost, .lost_ns = lost_ns};

    host_record(CH_TOTALS, &state, sizeof state);
}

static const char *report(void)
{
    return host_render(&cpu_hotpaths_report);
}

#define assert_verdict(level, ...)                                                                                     \
    do {                                                                                                               \
        report();                                                                                                      \
        assert_text_has(made.verdict, __VA_ARGS__);                                                                    \
        assert_int_equal(made.severity, level);                                                                        \
        assert_true(strlen(made.verdict) <= 220);                                                                      \
    } while (0)

/* --- verdicts --- */

static void a_hot_method_is_named_with_line_and_caller(void **state)
{
    (void)state;
    ran(host_stack(main_frame, get, recalculate, 0), 6100);
    ran(host_stack(main_frame, get, 0), 3900);
    used(10000, 2);
    assert_verdict(MEDIC_WARNING, "61 % of CPU (1.0 of 2 processors) is in Orders.Pricing.Recalculate (Pricing.cs:41), "
                                  "called from Orders.Api.Get.");
    assert_text_has(made.text, "finding Another 39 % is in Orders.Api.Get (Api.cs:33)");
    assert_text_has(made.text, "One thread (main) uses a processor up");
    assert_text_has(made.text, "section methods");
    assert_text_has(made.text, "row Orders.Pricing.Recalculate; 0.6");
}

static void the_hottest_line_is_told(void **state)
{
    uint32_t other_line = user_frame("Orders.Pricing.Recalculate", "/src/Pricing.cs", 77);

    (void)state;
    ran(host_stack(main_frame, recalculate, 0), 3000);
    ran(host_stack(main_frame, other_line, 0), 7000);
    used(10000, 4);
    assert_verdict(MEDIC_WARNING,
                   "100 % of CPU (1.0 of 4 processors) is in Orders.Pricing.Recalculate (Pricing.cs:77)");
}

static void a_machine_that_one_method_fills_is_critical(void **state)
{
    (void)state;
    ran_on(100, host_stack(main_frame, recalculate, 0), 10000);
    ran_on(101, host_stack(main_frame, recalculate, 0), 10000);
    used(20000, 2);
    assert_verdict(MEDIC_CRITICAL, "100 % of CPU (2.0 of 2 processors) is in");
}

static void a_machine_that_many_methods_fill_is_a_warning(void **state)
{
    static char names[20][32];

    (void)state;
    for (int i = 0; i < 20; i++) {
        snprintf(names[i], sizeof names[i], "Orders.Rules.Rule%d", i);
        ran(host_stack(main_frame, get, user_frame(names[i], "/src/Rules.cs", 10 + (uint32_t)i), 0), 960);
    }
    used(19200, 2);
    assert_verdict(MEDIC_WARNING, "No single method stands out of 1.9 of 2 processors: the largest, Orders.Rules.Rule");
    assert_text_has(made.verdict, "takes 5 %; the top module, Orders.dll, 100 %.");
    assert_text_has(made.text, "finding 100 % of CPU passes through Orders.Api.Get (Api.cs:33). [paths");
}

static void half_of_a_large_machine_is_a_notice_when_spread(void **state)
{
    static char names[10][32];

    (void)state;
    for (int i = 0; i < 10; i++) {
        snprintf(names[i], sizeof names[i], "Orders.Rules.Rule%d", i);
        ran(host_stack(main_frame, user_frame(names[i], NULL, 0), 0), 2000);
    }
    used(20000, 8);
    assert_verdict(MEDIC_NOTICE, "No single method stands out of 2.0 of 8 processors");
}

static void native_code_is_charged_to_the_method_that_calls_it(void **state)
{
    (void)state;
    ran(host_stack(main_frame, get, hash, hash_core, sha, 0), 7200);
    ran(host_stack(main_frame, get, 0), 2800);
    used(10000, 2);
    assert_verdict(MEDIC_WARNING, "72 % of CPU (1.0 of 2 processors) goes into "
                                  "System.Security.Cryptography.SHA256.HashData (libcrypto.so.3), called by "
                                  "Files.Hasher.Hash (Hasher.cs:12).");
    assert_text_has(made.text, "row sha256_block_data_order_avx2; 0.7");
    assert_text_has(made.text, "row native libraries; 0.7");
}

static void without_native_frames_the_managed_caller_has_it(void **state)
{
    (void)state;
    ran(host_stack(main_frame, get, hash, hash_core, sha, 0), 7200);
    ran(host_stack(sha, sha, 0), 800); /* has nothing else */
    used(8000, 2);
    made.native = 0;
    report();
    assert_text_has(made.text, "row System.Security.Cryptography.SHA256.HashData; 0.9");
    assert_text_has(made.text, "row sha256_block_data_order_avx2; 0.1");
    assert_text_has(made.text, "native=false");
}

static void framework_code_under_no_program_code_is_said_to_be_so(void **state)
{
    (void)state;
    ran(host_stack(framework_frame("System.Net.Sockets.SocketAsyncEngine.EventLoop"), 0), 9000);
    used(9000, 1);
    assert_verdict(MEDIC_CRITICAL,
                   "100 % of CPU (90 % of the one processor) is in "
                   "System.Net.Sockets.SocketAsyncEngine.EventLoop of System.Private.CoreLib.dll, under "
                   "no code of the program (what is inlined there counts as its own).");
}

static void the_runtime_has_no_names_worth_telling(void **state)
{
    (void)state;
    ran(host_stack(main_frame, get, alloc, 0), 8000);
    used(8000, 1);
    assert_verdict(MEDIC_WARNING, "goes into the runtime (libcoreclr.so), called by Orders.Api.Get (Api.cs:33)");
    assert_text_has(made.text, "row runtime: other; 1.000");
}

static void code_made_at_run_time_is_not_the_programs(void **state)
{
    (void)state;
    ran(host_stack(main_frame, get, framework_frame("lambda_method2 (dynamic)"), 0), 8000);
    used(8000, 2);
    assert_verdict(MEDIC_NOTICE, "goes into lambda_method2 (dynamic), called by Orders.Api.Get (Api.cs:33)");
}

static void recursion_is_told(void **state)
{
    (void)state;
    ran(host_stack(main_frame, recalculate, recalculate, recalculate, recalculate, 0), 9500);
    used(9500, 1);
    assert_verdict(MEDIC_CRITICAL,
                   "is in Orders.Pricing.Recalculate (Pricing.cs:41), which calls itself up to 4 deep.");
}

static void server_collections_lead_when_they_take_most(void **state)
{
    (void)state;
    host_thread(200, ".NET Server GC", 0);
    host_thread(201, ".NET Server GC", 0);
    ran_on(200, host_stack(gc_leaf, 0), 4800);
    ran_on(201, host_stack(gc_leaf, 0), 4800);
    ran(host_stack(main_frame, get, 0), 2400);
    ran(host_stack(main_frame, recalculate, 0), 2400);
    ran(host_stack(main_frame, hash, 0), 2400);
    used(16800, 2);
    assert_verdict(MEDIC_WARNING,
                   "57 % of CPU (1.7 of 2 processors) goes into garbage collection (server GC, 2 threads)");
    assert_text_has(made.text, "row runtime: GC; 0.571");
    assert_text_has(made.text, "row .NET Server GC; 200; GC;");
}

/* The runtime's functions have no names: when and on which thread it collects tells them apart. */
static void a_collection_on_the_allocating_thread_names_who_allocates(void **state)
{
    ch_gc event = {.time_ns = made.begin, .os_id = 100, .what = CH_GC_BEGIN};

    (void)state;
    ran(host_stack(main_frame, get, gc_leaf, 0), 6400);
    ran(host_stack(main_frame, recalculate, 0), 1600);
    host_record(CH_GC, &event, sizeof event);
    event.time_ns = made.end;
    event.what = CH_GC_END;
    host_record(CH_GC, &event, sizeof event);
    used(8000, 2);
    assert_verdict(MEDIC_NOTICE, "80 % of CPU (80 % of one processor) goes into garbage collection, set off most by "
                                 "Orders.Api.Get (Api.cs:33)");
    assert_text_has(made.text, "row runtime: GC; 0.800");
    assert_text_has(made.text, "row the program's own; 0.200");
}

static void a_collection_elsewhere_does_not_make_it_one(void **state)
{
    ch_gc event = {.time_ns = made.begin, .os_id = 77, .what = CH_GC_BEGIN};

    (void)state;
    ran(host_stack(main_frame, get, gc_leaf, 0), 6400);
    host_record(CH_GC, &event, sizeof event);
    event.time_ns = made.end;
    event.what = CH_GC_END;
    host_record(CH_GC, &event, sizeof event);
    event.os_id = 100; /* without a begin */
    host_record(CH_GC, &event, sizeof event);
    used(8000, 2);
    report();
    assert_text_has(made.text, "row runtime: other; 1.000");
}

static void compiling_is_told(void **state)
{
    (void)state;
    host_thread(300, ".NET Tiered Com", 1);
    ran_on(300, host_stack(jit_leaf, 0), 6000);
    ran(host_stack(main_frame, get, jit_leaf, 0), 1000);
    ran(host_stack(main_frame, recalculate, 0), 3000);
    used(10000, 2);
    assert_verdict(MEDIC_WARNING, "70 % of CPU (1.0 of 2 processors) goes into compiling methods (JIT)");
    assert_text_has(made.verdict, "makes code again and again");
    assert_text_has(made.text, "row .NET Tiered Com; 300; JIT (tiering);");
}

static void compiling_that_fades_is_a_warm_up(void **state)
{
    uint64_t stack = host_stack(main_frame, get, jit_leaf, 0);

    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        medic_cpu_sample sample = {.weight_ns = 8 * MS};
        sample.head = (medic_stack_head){stack, made.begin + i * MS, 100, 0};
        host_record(CH_SAMPLE, &sample, sizeof sample);
    }
    used(8000, 2);
    assert_verdict(MEDIC_NOTICE, "the program warms up, measure again later");
}

static void throwing_is_told_with_its_place(void **state)
{
    uint32_t eh = framework_frame("System.Runtime.EH.DispatchEx");

    (void)state;
    ran(host_stack(main_frame, get, recalculate, eh, gc_leaf, 0), 5000);
    ran(host_stack(main_frame, get, 0), 4600);
    used(9600, 2);
    assert_verdict(MEDIC_WARNING, "52 % of CPU (1.0 of 2 processors) goes into throwing exceptions, most in "
                                  "Orders.Pricing.Recalculate (Pricing.cs:41)");
}

static void what_a_handler_does_is_not_throwing(void **state)
{
    uint32_t eh = framework_frame("System.Runtime.EH.DispatchEx");

    (void)state;
    ran(host_stack(main_frame, get, eh, recalculate, 0), 9500);
    used(9500, 2);
    assert_verdict(MEDIC_WARNING, "is in Orders.Pricing.Recalculate");
}

static void unwinding_by_libgcc_is_throwing(void **state)
{
    (void)state;
    ran(host_stack(main_frame, get, native_frame("libgcc_s.so.1", "libgcc_s.so.1"), 0), 9500);
    used(9500, 2);
    assert_verdict(MEDIC_WARNING, "goes into throwing exceptions, most in Orders.Api.Get");
}

static void what_the_throwing_instruction_calls_is_throwing(void **state)
{
    uint32_t eh = framework_frame("System.Runtime.EH.DispatchEx");
    uint32_t elsewhere = user_frame("Orders.Pricing.Recalculate", "/src/Pricing.cs", 50);

    (void)state;
    ran(host_stack(main_frame, get, recalculate, gc_leaf, eh, gc_leaf, 0), 4000);
    ran(host_stack(main_frame, get, recalculate, alloc, 0), 4000);
    ran(host_stack(main_frame, get, elsewhere, alloc, 0), 2000); /* another instruction of the same method */
    used(10000, 2);
    assert_verdict(MEDIC_WARNING, "80 % of CPU (1.0 of 2 processors) goes into throwing exceptions, most in "
                                  "Orders.Pricing.Recalculate (Pricing.cs:41)");
}

static void spinning_for_a_lock_is_told(void **state)
{
    (void)state;
    ran(host_stack(main_frame, get, framework_frame("System.Threading.Lock.TryEnterSlow"),
                   framework_frame("System.Threading.SpinWait.SpinOnceCore"), 0),
        9600);
    used(9600, 2);
    assert_verdict(MEDIC_WARNING, "100 % of CPU (1.0 of 2 processors) goes into taking locks, most in Orders.Api.Get "
                                  "(Api.cs:33): threads spin for them");
}

static void spin_waits_are_told(void **state)
{
    (void)state;
    ran(host_stack(main_frame, get, framework_frame("System.Threading.SpinWait.SpinOnce"), 0), 9500);
    used(9500, 2);
    assert_verdict(MEDIC_WARNING, "is burnt in spin-waits, most in Orders.Api.Get (Api.cs:33): wait for an event");
}

static void pool_workers_that_look_for_work_are_told(void **state)
{
    uint32_t worker = framework_frame("System.Threading.PortableThreadPool.WorkerThread.WorkerThreadStart");
    uint32_t wait = framework_frame("System.Threading.LowLevelLifoSemaphore.Wait");
    uint32_t spin = framework_frame("System.Threading.Thread.SpinWait");

    (void)state;
    host_thread(400, ".NET TP Worker", 1);
    ran_on(400, host_stack(worker, wait, spin, 0), 8000);
    used(8000, 2);
    assert_verdict(MEDIC_NOTICE, "goes into thread-pool workers that spin for work");
    assert_text_has(made.text, "row .NET TP Worker; 400; thread pool;");
}

static void a_smaller_waste_is_a_finding(void **state)
{
    (void)state;
    ran(host_stack(main_frame, recalculate, 0), 8000);
    ran(host_stack(main_frame, get, jit_leaf, 0), 1600);
    used(9600, 2);
    assert_verdict(MEDIC_WARNING, "83 % of CPU (1.0 of 2 processors) is in Orders.Pricing.Recalculate");
    assert_text_has(made.text, "finding 17 % goes into compiling methods (JIT), most below Orders.Api.Get");
}

/* --- calm --- */

static void an_idle_program_is_told_to_look_elsewhere(void **state)
{
    (void)state;
    ran(host_stack(main_frame, get, 0), 40);
    used(40, 2);
    assert_verdict(MEDIC_HEALTHY, "The program used 0.4 % of one processor: CPU is not its trouble");
    assert_int_equal(made.findings, 0);
}

static void an_idle_program_without_a_sample_is_healthy(void **state)
{
    (void)state;
    used(1, 2);
    assert_verdict(MEDIC_HEALTHY, "The program used less than 0.1 % of one processor");
}

static void a_fifth_of_a_processor_is_healthy(void **state)
{
    (void)state;
    ran(host_stack(main_frame, get, recalculate, 0), 2000);
    used(2000, 2);
    assert_verdict(MEDIC_HEALTHY, "Healthy: the program used 20 % of one processor, most of it in "
                                  "Orders.Pricing.Recalculate (Pricing.cs:41): CPU is not its trouble.");
    assert_int_equal(made.findings, 0);
}

static void an_empty_recording_is_no_judgement(void **state)
{
    (void)state;
    made.end = made.begin + 20 * MS;
    assert_verdict(MEDIC_NOTICE, "The recording ended after 20 ms, too early for a judgement");
}

static void cpu_without_samples_is_said_to_be_so(void **state)
{
    (void)state;
    used(9000, 2);
    assert_verdict(MEDIC_NOTICE, "The program used 90 % of one processor, but not one sample was taken");
}

static void medics_own_time_is_not_the_programs(void **state)
{
    (void)state;
    host_thread(999, "medic", 0);
    ran_on(999, host_stack(runtime_frame("libmedic.so", "libmedic.so"), 0), 8000);
    ran(host_stack(main_frame, recalculate, 0), 960);
    used(960, 2);
    assert_verdict(MEDIC_HEALTHY, "Healthy: the program used 10 % of one processor, most of it in Orders.Pricing");
    assert_text_has(made.text, "row medic; 999; Medic; -;");
    assert_text_has(made.text, "row the program's own; 1.000");
}

/* --- a machine that has too little --- */

static void waited(uint64_t ms)
{
    ch_waited record = {.time_ns = made.begin, .waited_ns = 77 * SECOND, .threads = 9};

    host_record(CH_WAITED, &record, sizeof record);
    record.time_ns = made.end;
    record.waited_ns += ms * MS;
    host_record(CH_WAITED, &record, sizeof record);
}

static void a_program_that_gets_little_is_not_called_idle(void **state)
{
    (void)state;
    ran(host_stack(main_frame, get, recalculate, 0), 3000);
    used(3000, 2);
    waited(7000);
    assert_verdict(MEDIC_WARNING, "100 % of CPU (30 % of one processor, short of 0.7 more) is in "
                                  "Orders.Pricing.Recalculate (Pricing.cs:41)");
    assert_text_has(made.text, "finding Processors are short: its threads stood ready for 0.7 more than they got");
}

static void a_little_waiting_is_normal(void **state)
{
    (void)state;
    ran(host_stack(main_frame, get, recalculate, 0), 3000);
    used(3000, 2);
    waited(500);
    assert_verdict(MEDIC_HEALTHY, "Healthy: the program used 30 % of one processor");
}

static void waiting_for_more_than_there_is_fills_the_machine(void **state)
{
    (void)state;
    ran(host_stack(main_frame, get, recalculate, 0), 10000);
    used(10000, 2);
    waited(60000);
    assert_verdict(MEDIC_CRITICAL, "100 % of CPU (1.0 of 2 processors, short of 6.0 more) is in");
}

static void calm_collections_are_named(void **state)
{
    (void)state;
    host_thread(200, ".NET BGC", 0);
    ran_on(200, host_stack(gc_leaf, 0), 2000);
    used(2000, 2);
    assert_verdict(MEDIC_HEALTHY, "Healthy: the program used 20 % of one processor, most of it for garbage collection");
}

/* --- quality --- */

static void the_suspension_engine_is_called_biased(void **state)
{
    (void)state;
    ran(host_stack(main_frame, recalculate, 0), 9500);
    used(9500, 2);
    totals(MEDIC_ENGINE_SUSPENSION, 0, 0);
    report();
    assert_text_has(made.text, "finding Biased: the suspension engine");
    assert_text_has(made.text, "by suspension (biased to safe points)");
    assert_text_has(made.text, "row Engine: suspension.");
}

static void lost_samples_are_told(void **state)
{
    (void)state;
    ran(host_stack(main_frame, recalculate, 0), 7600);
    used(9500, 2);
    totals(MEDIC_ENGINE_TIMERS, 237, 1900 * MS);
    report();
    assert_text_has(made.text, "finding 20 % of the CPU time is in samples that were lost");
    assert_text_has(made.text, "row 237 samples were lost for want of room");
}

static void cpu_that_was_not_sampled_is_told(void **state)
{
    (void)state;
    ran(host_stack(main_frame, recalculate, 0), 4000);
    used(9500, 2);
    totals(MEDIC_ENGINE_TIMERS, 0, 0);
    report();
    assert_text_has(made.text, "finding Only 42 % of the CPU time was sampled");
    assert_text_has(made.text, "by CPU timers stand for 42 % of the CPU time that the kernel counted");
}

static void stacks_without_a_root_are_told(void **state)
{
    medic_cpu_sample sample = {.weight_ns = 2000 * MS};

    (void)state;
    ran(host_stack(main_frame, recalculate, 0), 6000);
    sample.head = (medic_stack_head){host_stack(recalculate, 0), made.begin, 100, MEDIC_STACK_BROKEN};
    host_record(CH_SAMPLE, &sample, sizeof sample);
    sample.head = (medic_stack_head){0, made.begin, 100, 0};
    host_record(CH_SAMPLE, &sample, sizeof sample);
    sample.head = (medic_stack_head){1, made.begin, 100, MEDIC_STACK_TRUNCATED};
    host_record(CH_SAMPLE, &sample, sizeof sample);
    used(12000, 2);
    report();
    assert_text_has(made.text, "of CPU is in stacks without their root");
    assert_text_has(made.text, "17 % of CPU is in stacks deeper than what is copied");
    assert_text_has(made.text, "17 % of CPU is in samples without a stack");
}

static void without_usage_the_samples_have_to_do(void **state)
{
    (void)state;
    ran(host_stack(main_frame, recalculate, 0), 9600);
    assert_verdict(MEDIC_WARNING, "100 % of CPU (1.0 processors) is in");
}

static void findings_are_never_more_than_five(void **state)
{
    uint32_t eh = framework_frame("System.Runtime.EH.DispatchEx");
    uint32_t lock = framework_frame("System.Threading.Monitor.Enter_Slowpath");
    uint32_t spin = framework_frame("System.Threading.SpinWait.SpinOnce");

    (void)state;
    ran(host_stack(main_frame, get, recalculate, 0), 4000);
    ran(host_stack(main_frame, get, hash, hash_core, sha, 0), 2000);
    ran(host_stack(main_frame, get, jit_leaf, 0), 1000);
    ran(host_stack(main_frame, get, eh, 0), 1000);
    ran(host_stack(main_frame, get, lock, 0), 1000);
    ran(host_stack(main_frame, get, spin, 0), 1000);
    used(20000, 2);
    totals(MEDIC_ENGINE_SUSPENSION, 100, 9000 * MS);
    report();
    assert_int_equal(made.findings, 5);
    assert_text_has(made.text, "finding Biased");
    assert_text_has(made.text, "in samples that were lost");
}

/* --- damage --- */

static void a_rich_capture(void)
{
    ch_gc event = {.time_ns = made.begin, .os_id = 100, .what = CH_GC_BEGIN};

    ran(host_stack(main_frame, get, recalculate, 0), 80);
    ran(host_stack(main_frame, get, hash, hash_core, sha, 0), 80);
    ran_on(101, host_stack(jit_leaf, 0), 80);
    host_record(CH_GC, &event, sizeof event);
    used(240, 2);
    waited(100);
    totals(MEDIC_ENGINE_TIMERS, 1, 8 * MS);
}

static void a_capture_that_was_cut_anywhere_still_gives_a_report(void **state)
{
    (void)state;
    a_rich_capture();
    made.end_reason = MEDIC_END_NONE;
    for (size_t count = 0; count <= made.record_count; count++)
        assert_text_has(host_render_some(&cpu_hotpaths_report, count), "The recording was cut off");
}

static void short_and_strange_records_are_survived(void **state)
{
    (void)state;
    a_rich_capture();
    for (size_t i = 0; i < made.record_count; i++) {
        uint32_t size = made.records[i].size;
        for (made.records[i].size = 0; made.records[i].size < size; made.records[i].size += 3)
            report();
        made.records[i].size = size;
        for (uint32_t byte = 0; byte < size; byte++) {
            ((uint8_t *)made.records[i].data)[byte] ^= 0xff;
            report();
            ((uint8_t *)made.records[i].data)[byte] ^= 0xff;
        }
    }
}

static void extremes_do_not_overflow(void **state)
{
    medic_cpu_sample sample = {.weight_ns = UINT64_MAX};
    ch_usage usage = {.time_ns = 0};

    (void)state;
    sample.head = (medic_stack_head){UINT64_MAX, UINT64_MAX, UINT32_MAX, UINT32_MAX};
    for (int i = 0; i < 100; i++)
        host_record(CH_SAMPLE, &sample, sizeof sample);
    sample.head = (medic_stack_head){host_stack(UINT32_MAX, UINT32_MAX - 1, 0), 0, 0, 0};
    host_record(CH_SAMPLE, &sample, sizeof sample);
    host_record(CH_USAGE, &usage, sizeof usage);
    usage = (ch_usage){UINT64_MAX, UINT64_MAX, 0, UINT32_MAX, 0};
    host_record(CH_USAGE, &usage, sizeof usage);
    totals(UINT32_MAX, UINT64_MAX, UINT64_MAX);
    report();
    made.begin = UINT64_MAX;
    report();
    made.begin = made.end = 0;
    report();
}

static void frames_that_lie_about_their_function_are_survived(void **state)
{
    (void)state;
    made.frames[recalculate].function_id = UINT32_MAX;
    made.frames[get].function = NULL;
    ran(host_stack(main_frame, get, recalculate, 0), 9000);
    used(9000, 1);
    made.frames[recalculate].function_id = recalculate; /* the made-up tree believes it */
    assert_verdict(MEDIC_CRITICAL, "is in Orders.Pricing.Recalculate");
}

static void long_names_are_shortened(void **state)
{
    uint32_t longest = user_frame(
        "A.Very.Long.Namespace.Of.Some.Company.With.Departments.Orders.Pricing<Customer>.Recalculate (async)",
        "/src/Pricing.cs", 5);

    (void)state;
    ran(host_stack(main_frame, longest, 0), 9500);
    used(9500, 1);
    assert_verdict(MEDIC_CRITICAL, "is in Pricing<Customer>.Recalculate (async) (Pricing.cs:5)");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(a_hot_method_is_named_with_line_and_caller),
        TEST(the_hottest_line_is_told),
        TEST(a_machine_that_one_method_fills_is_critical),
        TEST(a_machine_that_many_methods_fill_is_a_warning),
        TEST(half_of_a_large_machine_is_a_notice_when_spread),
        TEST(native_code_is_charged_to_the_method_that_calls_it),
        TEST(without_native_frames_the_managed_caller_has_it),
        TEST(framework_code_under_no_program_code_is_said_to_be_so),
        TEST(the_runtime_has_no_names_worth_telling),
        TEST(code_made_at_run_time_is_not_the_programs),
        TEST(recursion_is_told),
        TEST(server_collections_lead_when_they_take_most),
        TEST(a_collection_on_the_allocating_thread_names_who_allocates),
        TEST(a_collection_elsewhere_does_not_make_it_one),
        TEST(compiling_is_told),
        TEST(compiling_that_fades_is_a_warm_up),
        TEST(throwing_is_told_with_its_place),
        TEST(what_a_handler_does_is_not_throwing),
        TEST(unwinding_by_libgcc_is_throwing),
        TEST(what_the_throwing_instruction_calls_is_throwing),
        TEST(spinning_for_a_lock_is_told),
        TEST(spin_waits_are_told),
        TEST(pool_workers_that_look_for_work_are_told),
        TEST(a_smaller_waste_is_a_finding),
        TEST(an_idle_program_is_told_to_look_elsewhere),
        TEST(an_idle_program_without_a_sample_is_healthy),
        TEST(a_fifth_of_a_processor_is_healthy),
        TEST(an_empty_recording_is_no_judgement),
        TEST(cpu_without_samples_is_said_to_be_so),
        TEST(medics_own_time_is_not_the_programs),
        TEST(a_program_that_gets_little_is_not_called_idle),
        TEST(a_little_waiting_is_normal),
        TEST(waiting_for_more_than_there_is_fills_the_machine),
        TEST(calm_collections_are_named),
        TEST(the_suspension_engine_is_called_biased),
        TEST(lost_samples_are_told),
        TEST(cpu_that_was_not_sampled_is_told),
        TEST(stacks_without_a_root_are_told),
        TEST(without_usage_the_samples_have_to_do),
        TEST(findings_are_never_more_than_five),
        TEST(a_capture_that_was_cut_anywhere_still_gives_a_report),
        TEST(short_and_strange_records_are_survived),
        TEST(extremes_do_not_overflow),
        TEST(frames_that_lie_about_their_function_are_survived),
        TEST(long_names_are_shortened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
