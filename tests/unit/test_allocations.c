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
    assert_int_equal((int64_t)root_of(0), 0);
    assert_int_equal((int64_t)(root_of(2) * 1e6), 1414213);
    assert_int_equal((int64_t)(root_of(1e20) + 0.5), 10000000000);
    assert_int_equal((int64_t)honest(812345678, 8e6), 812000000);
    assert_int_equal((int64_t)honest(812345678, 0), 812345678);
    assert_int_equal((int64_t)(honest(0.6123, 0.013) * 1e4 + 0.5), 6100);
    assert_int_equal((int64_t)honest(0, 5), 0);
    /* half of what comes to 100 +/- 1 and 100 +/- 1 */
    assert_int_equal((int64_t)(share_error(100, 1, 200, 2) * 1e5), 353);
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

/* --- the document --- */

static const medic_name_record *made_name(const medic_host *host, uint32_t kind, uint64_t id, const char **text)
{
    static const char *const names[] = {"byte[]", "System.Int32", "System.ValueType", "System.String"};
    static const medic_name_record record;

    (void)host, (void)kind;
    *text = id >= 0x10 && id < 0x14 ? names[id - 0x10] : NULL;
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

static void record_stack(uint64_t type, uint64_t stack)
{
    al_stack record = {.head = {.stack = stack}, .type = type, .weight = 102424, .size = 48};

    host_record(AL_STACK, &record, sizeof record);
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
    large = (al_stack){.head = {.stack = at_fill}, .type = 0x10, .weight = 1000000, .size = 1000000};
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
    assert_text_has(text, "finding 60 % of the bytes are buffers");
    assert_text_has(text, "section types");
    assert_text_has(text, "row System.Int32; 0.297;");
    assert_text_has(text, "row boxing; 0.");
    assert_text_has(text, "string concatenation");
    assert_text_has(text, "row byte[]; 100; 100000000; 1000000; 1000000; Orders.Reader.Fill (Reader.cs:88);");
    assert_text_has(text, "System.String.Concat;\n");
    assert_text_has(text, "row gen0; 100; 10.000; 0.080;");
    assert_text_has(text, "have a stack");
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
        cmocka_unit_test(a_sample_weighs_by_its_chance),     cmocka_unit_test(a_tick_weighs_what_it_says),
        cmocka_unit_test(things_are_called_what_they_are),   cmocka_unit_test(numbers_have_the_digits_they_deserve),
        cmocka_unit_test(the_sentence_tells_what_and_where), cmocka_unit_test(little_is_healthy_and_nothing_is_said_so),
        cmocka_unit_test(a_recording_becomes_a_document),    cmocka_unit_test(a_recording_may_end_anywhere),
        cmocka_unit_test(damaged_records_are_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
