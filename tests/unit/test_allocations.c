/* The thinking of allocations: events, kinds, estimates, the sentence, and the document of a made-up recording. */
#include "report_host.h"

#include "plugins/allocations/events.h"
#include "plugins/allocations/facts.h"

/* --- events --- */

static uint32_t put(uint8_t *at, uint64_t value, uint32_t size)
{
    memcpy(at, &value, size);
    return size;
}

static uint32_t sampled_event(uint8_t *data, uint32_t heap, uint64_t type, uint64_t size)
{
    uint32_t at = put(data, heap, 4);

    at += put(data + at, 7, 2);
    at += put(data + at, type, 8);
    at += put(data + at, 'A', 2);
    at += put(data + at, 0, 2);
    at += put(data + at, 0x7000, 8);
    at += put(data + at, size, 8);
    return at + put(data + at, 5, 8);
}

static uint32_t tick_event(uint8_t *data, uint64_t amount, uint64_t type, uint64_t size)
{
    uint32_t at = put(data, (uint32_t)amount, 4);

    at += put(data + at, AL_SMALL, 4);
    at += put(data + at, 7, 2);
    at += put(data + at, amount, 8);
    at += put(data + at, type, 8);
    at += put(data + at, 'A', 2);
    at += put(data + at, 0, 2);
    at += put(data + at, 0, 4);
    at += put(data + at, 0x7000, 8);
    return at + put(data + at, size, 8);
}

static void a_sample_weighs_by_its_chance(void **state)
{
    /* size / (1 - e^(-size/102400)) */
    static const struct {
        uint64_t size, weight;
    } cases[] = {{48, 102424}, {4024, 104425}, {10240, 107605}, {102400, 161995}, {200024, 233073}, {5000000, 5000000}};
    struct allocation allocation;
    uint8_t data[64];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t size = sampled_event(data, AL_PINNED, 0x1230, cases[i].size);
        assert_int_equal(event_read_sampled(data, size, &allocation), 1);
        assert_in_range(allocation.weight, cases[i].weight - 2, cases[i].weight + 2);
        assert_int_equal(allocation.type, 0x1230);
        assert_int_equal(allocation.size, cases[i].size);
        assert_int_equal(allocation.heap, AL_PINNED);
        for (uint32_t shorter = 0; shorter < size - 8; shorter++)
            assert_int_equal(event_read_sampled(data, shorter, &allocation), 0);
    }
    assert_int_equal(event_read_sampled(data, sampled_event(data, 3, 1, 48), &allocation), 0);
    assert_int_equal(event_read_sampled(data, sampled_event(data, 0, 1, 0), &allocation), 0);
}

static void a_tick_weighs_what_it_says(void **state)
{
    struct allocation allocation;
    uint8_t data[64];
    uint32_t size = tick_event(data, 106000, 0x1230, 48);

    (void)state;
    assert_int_equal(event_read_tick(4, data, size, &allocation), 1);
    assert_int_equal(allocation.weight, 106000);
    assert_int_equal(allocation.size, 48);
    assert_int_equal(event_read_tick(3, data, size - 8, &allocation), 1);
    assert_int_equal(allocation.size, 0);
    assert_int_equal(event_read_tick(1, data, size, &allocation), 0);
    assert_int_equal(event_read_tick(4, data, 20, &allocation), 0);
}

/* --- kinds --- */

static void things_are_called_what_they_are(void **state)
{
    static const struct {
        const char *type, *base, *method;
        int own;
        enum kind kind;
    } cases[] = {
        {"System.Int32", "System.ValueType", "P.Box", 1, KIND_BOXING},
        {"Orders.Color", "System.Enum", NULL, 0, KIND_BOXING},
        {"P.(closure)", "System.Object", "P.Run", 1, KIND_CLOSURE},
        {"P.<>c__DisplayClass3_0", "System.Object", "P.Run", 1, KIND_CLOSURE},
        {"System.Func<int>", "System.MulticastDelegate", "P.Run", 1, KIND_DELEGATE},
        {"object[]", NULL, "P.Run", 1, KIND_PARAMS},
        {"object[]", NULL, "System.Collections.ArrayList.set_Capacity", 0, KIND_GROWTH},
        {"long[]", NULL, "System.Collections.Generic.List<long>.AddWithResize", 0, KIND_GROWTH},
        {"byte[]", NULL, "P.Fill", 1, KIND_BUFFER},
        {"int[]", NULL, "P.Fill", 1, KIND_ARRAY},
        {"char[]", NULL, "System.Text.StringBuilder.ExpandByABlock", 0, KIND_BUILDER},
        {"System.String", NULL, "System.String.Concat", 0, KIND_CONCAT},
        {"System.String", NULL, "System.String.Substring", 0, KIND_PIECES},
        {"System.String", NULL, "System.String.CreateTrimmedString", 0, KIND_PIECES},
        {"System.String", NULL, "System.String.CreateStringFromEncoding", 0, KIND_STRING},
        {"System.String", NULL, "System.String.Create<int>", 0, KIND_CONCAT},
        {"System.String", NULL, "System.String.FormatHelper", 0, KIND_FORMAT},
        {"System.String", NULL, "System.Number.Int32ToDecStr", 0, KIND_NUMBERS},
        {"System.String", NULL, "P.Own", 1, KIND_BUILT},
        {"System.String", NULL, "System.Text.Encoding.GetString", 0, KIND_STRING},
        {"System.Collections.Generic.HashSet<int>.Entry[]", NULL, "P.Fill", 1, KIND_GROWTH},
        {"System.Linq.Enumerable.WhereIterator<int>", NULL, "P.Own", 1, KIND_LINQ},
        {"System.Collections.Generic.List<int>.Enumerator", "System.ValueType", "P.Own", 1, KIND_ENUMERATOR},
        {"P.It (iterator)", "System.Object", "P.Own", 1, KIND_ITERATOR},
        {"System.Runtime.CompilerServices.AsyncTaskMethodBuilder<int>.AsyncStateMachineBox<P.Get (async)>", NULL, NULL,
         0, KIND_ASYNC},
        {"System.Threading.Tasks.Task<int>", NULL, "P.Own", 1, KIND_TASK},
        {"byte[]", NULL, "System.Buffers.SharedArrayPool<byte>.Rent", 0, KIND_POOL},
        {"object[]", NULL, "System.Collections.Generic.Queue<__Canon>.SetCapacity", 0, KIND_GROWTH},
        {"sbyte[]", NULL, "System.Runtime.EH.DispatchEx", 0, KIND_EXCEPTION},
        {"Orders.OutOfStock", "System.InvalidOperationException", "P.Own", 1, KIND_EXCEPTION},
        {"Orders.Order", "System.Object", "P.Own", 1, KIND_OBJECT},
        {NULL, NULL, NULL, 0, KIND_OBJECT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (kind_of(cases[i].type, cases[i].base, cases[i].method, cases[i].own) != cases[i].kind)
            fail_msg("%s by %s is %s", cases[i].type, cases[i].method,
                     kind_name(kind_of(cases[i].type, cases[i].base, cases[i].method, cases[i].own)));
}

/* --- numbers --- */

static void numbers_have_the_digits_they_deserve(void **state)
{
    (void)state;
    assert_int_equal((int64_t)medic_root(0), 0);
    assert_int_equal((int64_t)(medic_root(2) * 1e6), 1414213);
    assert_int_equal((int64_t)(medic_root(1e20) + 0.5), 10000000000);
    assert_int_equal((int64_t)honest(812345678, 8e6), 812000000);
    assert_int_equal((int64_t)honest(812345678, 0), 812345678);
    assert_int_equal((int64_t)(honest(0.6123, 0.013) * 1e4 + 0.5), 6100);
    assert_int_equal((int64_t)honest(0, 5), 0);
    /* half of what comes to 100 +/- 1 and 100 +/- 1 */
    assert_int_equal((int64_t)(share_error(100, 1, 200, 2) * 1e5), 353);
    /* of a whole that is known */
    assert_int_equal((int64_t)(share_error(100, 100, 200, 0) * 1e5), 5000);
    assert_int_equal((int64_t)(share_error(200, 100, 200, 0) * 1e5), 0);
    assert_int_equal((int64_t)honest(50000, 200000), 50000);
}

/* --- the sentence --- */

static struct facts busy(void)
{
    return (struct facts){.seconds = 10,
                          .mode = AL_MODE_SAMPLED,
                          .bytes = 12e9,
                          .variance = 12e9 * 102400,
                          .heaps = {12e9, 0, 0},
                          .collections = {140, 0, 0, 0},
                          .paused = 0.09,
                          .lead = {.type = "byte[]",
                                   .place = {.name = "Orders.Reader.Fill", .file = "/src/Reader.cs", .line = 88},
                                   .bytes = 7.32e9,
                                   .variance = 1e16,
                                   .kind = KIND_BUFFER}};
}

static void the_sentence_tells_what_and_where(void **state)
{
    struct facts facts = busy();
    struct verdict verdict;

    (void)state;
    verdict_of(&facts, &verdict);
    assert_int_equal(verdict.severity, MEDIC_WARNING);
    assert_string_equal(verdict.sentence, "1.20 GB/s allocated; 61 % (± 1 %) are byte[] in Orders.Reader.Fill "
                                          "(Reader.cs:88): 14 collections a second, 9 % of the time paused.");
    facts.paused = 0.3;
    verdict_of(&facts, &verdict);
    assert_int_equal(verdict.severity, MEDIC_CRITICAL);
}

static void little_is_healthy_and_nothing_is_said_so(void **state)
{
    struct facts facts = busy();
    struct verdict verdict;

    (void)state;
    facts.bytes = 3e7;
    facts.variance = 3e7 * 102400;
    facts.heaps[AL_SMALL] = 3e7;
    facts.paused = 0.001;
    facts.collections[AL_GEN0] = 2;
    verdict_of(&facts, &verdict);
    assert_int_equal(verdict.severity, MEDIC_HEALTHY);
    assert_text_has(verdict.sentence, "Allocation is not the trouble: 3.00 MB/s allocated, 2 collections in 10 s");
    assert_int_equal(verdict.finding_count, 0);
    facts.seconds = 0;
    facts.cut = 1;
    verdict_of(&facts, &verdict);
    assert_text_has(verdict.sentence, "Nothing was measured");
    facts.cut = 0;
    verdict_of(&facts, &verdict);
    assert_text_has(verdict.sentence, "too short");
}

static void collections_that_are_asked_for_are_not_blamed_on_allocations(void **state)
{
    struct facts facts = busy();
    struct verdict verdict;

    (void)state;
    facts.bytes = 9e6;
    facts.variance = 9e6 * 102400;
    facts.paused = 0.2;
    facts.collections[AL_GEN0] = 2;
    facts.collections[AL_GEN2] = 220;
    facts.pause_ns[AL_GEN2] = 2000000000;
    facts.induced = 219;
    facts.induced_ns = 1990000000;
    verdict_of(&facts, &verdict);
    assert_int_equal(verdict.severity, MEDIC_CRITICAL);
    assert_text_has(verdict.sentence, "asks for its collections itself (GC.Collect): 22 a second, 20 % of the time");
    assert_text_has(verdict.sentence, "What it allocates, 900 kB/s, is not the reason.");
    assert_null(strstr(verdict.sentence, "byte[]"));
    assert_text_has(verdict.findings[0].text, "the program asks for most of them");
    assert_int_equal(verdict.finding_count, 1);
    facts.bytes = 12e9;
    verdict_of(&facts, &verdict);
    assert_text_has(verdict.sentence, "are byte[] in Orders.Reader.Fill");
    assert_text_has(verdict.sentence, "most of it by collections that the program asks for (GC.Collect).");
}

static void what_lives_on_is_told_before_what_is_made(void **state)
{
    struct facts facts = busy();
    struct verdict verdict;

    (void)state;
    facts.collections[AL_GEN1] = 60;
    facts.survived = 6e9;
    facts.kind = facts.lead;
    verdict_of(&facts, &verdict);
    assert_text_has(verdict.sentence, "9 % of the time paused, as much of it lives on for a while.");
    assert_text_has(verdict.findings[0].text, "keep 30.0 MB each, of 60.0 MB allocated");
    assert_text_has(verdict.findings[0].text, "gc_survivors");
    assert_text_has(verdict.findings[1].text, "buffers");
}

static void bias_is_told_in_the_sentence(void **state)
{
    struct facts facts = busy();
    struct verdict verdict;

    (void)state;
    facts.mode = AL_MODE_TICK;
    facts.variance = 0;
    facts.lead.variance = 1e18;
    verdict_of(&facts, &verdict);
    assert_text_has(verdict.sentence, "61 % (± 17 %), measured with bias, are byte[]");
}

/* --- the document --- */

static const medic_name_record *made_name(const medic_host *host, uint32_t kind, uint64_t id, const char **text)
{
    static const char *const names[] = {"byte[]",
                                        "System.Int32",
                                        "System.ValueType",
                                        "System.String",
                                        "Orders.(closure)",
                                        "System.Action",
                                        "System.MulticastDelegate",
                                        "char[]",
                                        "System.Text.StringBuilder",
                                        "int[]",
                                        "System.Collections.Generic.HashSet<int>.Entry[]",
                                        "sbyte[]",
                                        "Orders.OutOfStockException"};
    static const medic_name_record record;

    (void)host, (void)kind;
    *text = id >= 0x10 && id < 0x10 + sizeof names / sizeof *names ? names[id - 0x10] : NULL;
    return *text ? &record : NULL;
}

static const void *named_capture(const char *name)
{
    static const medic_capture_service capture = {.size = sizeof capture,
                                                  .header = made_header,
                                                  .next = made_next,
                                                  .rewind = made_rewind,
                                                  .name = made_name,
                                                  .span = made_span,
                                                  .end_reason = made_end_reason,
                                                  .lost = made_lost};
    return strcmp(name, MEDIC_SERVICE_CAPTURE) == 0 ? &capture : NULL;
}

static void record_type(uint64_t id, uint64_t base, uint64_t bytes, uint64_t samples)
{
    al_type type = {id, base};
    al_sums sums = {
        .type = id, .bytes = bytes, .samples = samples, .variance = bytes * 102400, .objects = bytes * 1000 / 48};

    host_record(AL_TYPE, &type, sizeof type);
    host_record(AL_SUMS, &sums, sizeof sums);
}

static void record_chosen(uint64_t type, uint64_t stack, uint64_t size, uint64_t stands_for)
{
    al_stack record = {
        .head = {.stack = stack}, .type = type, .weight = 102424, .size = size, .stands_for = stands_for};

    host_record(AL_STACK, &record, sizeof record);
}

static void record_stack(uint64_t type, uint64_t stack)
{
    record_chosen(type, stack, 48, 1000);
}

static void record_usages(void)
{
    for (uint64_t i = 0; i <= 100; i++) {
        al_usage usage = {.time_ns = made.begin + i * 100000000,
                          .on_ns = made.begin,
                          .mode = AL_MODE_SAMPLED,
                          .bytes = {i * 100000000, i * 1000000, 0},
                          .samples = i * 1000,
                          .variance = i * 100000000 * 102400,
                          .large_count = i,
                          .large_bytes = i * 1000000,
                          .collections = {i, 0, 0, 0},
                          .pause_ns = {i * 8000000, 0, 0, 0},
                          .stacks_taken = i * 5,
                          .stacks_skipped = i * 995};
        host_record(AL_USAGE, &usage, sizeof usage);
    }
}

static void make_recording(void)
{
    uint32_t main, fill, box, concat;
    uint64_t at_fill, at_box, at_concat;
    al_stack large;
    al_sums sums = {.type = 0x10, .large_count = 100, .large_bytes = 100000000, .large_most = 1000000};

    host_reset();
    made.more = named_capture;
    main = user_frame("Orders.Main", "/src/Main.cs", 3);
    fill = user_frame("Orders.Reader.Fill", "/src/Reader.cs", 88);
    box = user_frame("Orders.Log", "/src/Log.cs", 7);
    concat = framework_frame("System.String.Concat");
    at_fill = host_stack(main, fill, runtime_frame("JIT_New", "libcoreclr.so"), 0);
    at_box = host_stack(main, box, runtime_frame("JIT_Box", "libcoreclr.so"), 0);
    at_concat = host_stack(main, box, concat, framework_frame("System.String.FastAllocateString"), 0);
    record_type(0x11, 0x12, 3000000000, 30000);
    record_type(0x10, 0, 6000000000, 60000);
    record_type(0x13, 0, 1000000000, 10000);
    for (int i = 0; i < 60; i++)
        record_stack(0x10, at_fill);
    for (int i = 0; i < 30; i++)
        record_stack(0x11, at_box);
    for (int i = 0; i < 10; i++)
        record_stack(0x13, at_concat);
    record_usages();
    sums.bytes = 6000000000;
    sums.samples = 60000;
    sums.variance = UINT64_C(6000000000) * 102400;
    sums.large_on_count = 100;
    sums.large_on_bytes = 100000000;
    host_record(AL_SUMS, &sums, sizeof sums);
    large = (al_stack){.head = {.stack = at_fill}, .type = 0x10, .weight = 1000000, .size = 1000000, .stands_for = 100};
    host_record(AL_LARGE_STACK, &large, sizeof large);
}

static void a_recording_becomes_a_document(void **state)
{
    const char *text;

    (void)state;
    make_recording();
    text = host_render(&allocations_report);
    assert_int_equal(made.severity, MEDIC_WARNING);
    assert_text_has(made.verdict, "1.01 GB/s allocated; 60 % ");
    assert_text_has(made.verdict, "are byte[] in Orders.Reader.Fill (Reader.cs:88): 10 collections a second, 8 % of");
    assert_text_has(text, "finding 60 % (± 1 %) of the bytes are buffers");
    assert_text_has(text, "section types");
    assert_text_has(text, "row System.Int32; 0.297;");
    assert_text_has(text, "row boxing; 0.");
    assert_text_has(text, "string concatenation");
    assert_text_has(text, "row byte[]; 100; 100000000; 1000000; 1000000; Orders.Reader.Fill (Reader.cs:88);");
    assert_text_has(text, "System.String.Concat;\n");
    assert_text_has(text, "row gen0; 100; 10.000; 0.080;");
    assert_text_has(text, "have a stack");
}

/* A quiet method of whose samples each has a stack, and a busy one of which every tenth has: as many bytes. */
static void a_stack_counts_as_many_times_as_it_stands_for(void **state)
{
    uint64_t quiet, busy_stack;
    const char *text;

    (void)state;
    host_reset();
    made.more = named_capture;
    quiet = host_stack(user_frame("Orders.Quiet", "/src/Orders.cs", 1), 0);
    busy_stack = host_stack(user_frame("Orders.Busy", "/src/Orders.cs", 2), 0);
    record_type(0x11, 0x12, 2000 * 102424, 2000);
    for (int i = 0; i < 1000; i++)
        record_chosen(0x11, quiet, 48, 1);
    for (int i = 0; i < 100; i++)
        record_chosen(0x11, busy_stack, 48, 10);
    record_usages();
    text = strstr(host_render(&allocations_report), "section methods");
    assert_non_null(text);
    assert_text_has(text, "row Orders.Quiet; 0.010; 10200000.000; 102000000; 0.110;");
    assert_text_has(text, "row Orders.Busy; 0.010; 10200000.000; 102000000; 0.110;");
}

static void what_is_beside_says_what_it_is(void **state)
{
    static const struct {
        uint64_t type, base, bytes;
    } types[] = {{0x14, 0, 1},  {0x15, 0x16, 2}, {0x17, 0, 4},   {0x18, 0, 8},  {0x19, 0, 16},
                 {0x1a, 0, 32}, {0x1b, 0, 64},   {0x1c, 0, 128}, {0x10, 0, 256}};
    uint32_t rent, fresh;
    uint64_t at;
    const char *text;

    (void)state;
    host_reset();
    made.more = named_capture;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        record_type(types[i].type, types[i].base, types[i].bytes * 10000000, 1000);
    for (uint64_t i = 0; i < 4; i++) { /* each pair at a place of its own */
        static const char *const methods[] = {"Orders.Capture", "Orders.Text", "Orders.Set", "Orders.Fail"};
        at = host_stack(user_frame(methods[i], "/src/Orders.cs", (uint32_t)i + 1), 0);
        record_chosen(types[2 * i].type, at, 64, 1);
        record_chosen(types[2 * i + 1].type, at, 64, 1);
    }
    rent = user_frame("Orders.Rent", "/src/Orders.cs", 9);
    fresh = framework_frame("System.GC.AllocateUninitializedArray<byte>");
    record_chosen(0x10, host_stack(rent, fresh, 0), 4096 + 24, 1);
    record_usages();
    text = host_render(&allocations_report);
    text = strstr(text, "section kinds");
    assert_non_null(text);
    assert_text_has(text, "row closures; 0.003;");
    assert_text_has(text, "row StringBuilder; 0.010;");
    assert_text_has(text, "row growth of collections; 0.050;");
    assert_text_has(text, "row exceptions and their stack traces; 0.200;");
    assert_text_has(text, "row arrays of ArrayPool; 0.300;");
    assert_null(strstr(text, "row buffers"));
    assert_null(strstr(text, "row delegates"));
}

static void a_recording_may_end_anywhere(void **state)
{
    (void)state;
    make_recording();
    made.end_reason = MEDIC_END_NONE;
    for (size_t count = 0; count <= made.record_count; count++)
        assert_text_has(host_render_some(&allocations_report, count), "The recording was cut off");
}

static void damaged_records_are_passed_over(void **state)
{
    al_sums sums = {.type = 0x10, .bytes = UINT64_MAX};
    al_stack stack = {.type = 0x99, .weight = UINT64_MAX};

    (void)state;
    make_recording();
    host_record(AL_SUMS, &sums, sizeof sums);
    host_record(AL_STACK, &stack, sizeof stack);
    host_record(AL_USAGE, &stack, 8);
    host_record(AL_TYPE, &stack, 4);
    assert_text_has(host_render(&allocations_report), "2 records were too short");
    assert_text_has(made.verdict, "1.01 GB/s allocated; 60 %");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_weighs_by_its_chance),
        cmocka_unit_test(a_tick_weighs_what_it_says),
        cmocka_unit_test(things_are_called_what_they_are),
        cmocka_unit_test(numbers_have_the_digits_they_deserve),
        cmocka_unit_test(the_sentence_tells_what_and_where),
        cmocka_unit_test(little_is_healthy_and_nothing_is_said_so),
        cmocka_unit_test(a_recording_becomes_a_document),
        cmocka_unit_test(a_recording_may_end_anywhere),
        cmocka_unit_test(damaged_records_are_passed_over),
        cmocka_unit_test(collections_that_are_asked_for_are_not_blamed_on_allocations),
        cmocka_unit_test(what_lives_on_is_told_before_what_is_made),
        cmocka_unit_test(bias_is_told_in_the_sentence),
        cmocka_unit_test(a_stack_counts_as_many_times_as_it_stands_for),
        cmocka_unit_test(what_is_beside_says_what_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
