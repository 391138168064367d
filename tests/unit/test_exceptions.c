/* exceptions: the callbacks on made-up objects, the tables, the folding of messages, and the report of made-up captures. */
#include "report_host.h"

#include "plugins/exceptions/capture.h"
#include "plugins/exceptions/recording.h"

#define MS UINT64_C(1000000)

/* --- a target: objects, a clock, a file --- */

static struct {
    uint64_t now;
    int full; /* the ring */
    struct throws self;
} target;

struct object {
    uint64_t type, trace, message, inner;
};

static uint64_t now_ns(void)
{
    return target.now += 1000;
}

static int write_record(const medic_host *host, uint32_t type, const void *data, uint32_t size)
{
    (void)host;
    if (target.full)
        return MEDIC_E_FULL;
    host_record(type, data, size);
    return MEDIC_OK;
}

static int write_two(const medic_host *host, uint32_t type, const void *head, uint32_t head_size, const void *tail,
                     uint32_t tail_size)
{
    uint8_t both[128];

    assert_true(head_size + tail_size <= sizeof both);
    memcpy(both, head, head_size);
    memcpy(both + head_size, tail, tail_size);
    return write_record(host, type, both, head_size + tail_size);
}

static void come_soon(const medic_host *host)
{
    (void)host;
}

static const medic_records_service records = {
    .size = sizeof records, .write = write_record, .write2 = write_two, .emit = write_record, .soon = come_soon};
static const medic_stacks_service stacks = {.size = sizeof stacks, .here = write_two};
static const medic_clock_service clocks = {.size = sizeof clocks, .now_ns = now_ns, .thread_cpu_ns = now_ns};

static const medic_name_record *name_of_id(const medic_host *host, uint32_t kind, uint64_t id, const char **text)
{
    static const medic_name_record record;
    static const char *const types[] = {"", "App.OrderError", "System.FormatException", "App.Outer",
                                        "System.IO.IOException"};
    static const char *const methods[] = {"", "App.Importer.Run", "App.Orders.Take (async)", "System.Net.Pump.Loop"};

    (void)host;
    *text = kind == MEDIC_NAME_TYPE ? types[id / 16] : methods[id];
    return &record;
}

static const void *more(const char *name)
{
    static const medic_capture_service capture = {.size = sizeof capture,
                                                  .header = made_header,
                                                  .next = made_next,
                                                  .rewind = made_rewind,
                                                  .name = name_of_id,
                                                  .span = made_span,
                                                  .end_reason = made_end_reason,
                                                  .lost = made_lost};

    return strcmp(name, MEDIC_SERVICE_CAPTURE) == 0 ? &capture : NULL;
}

static int begin(void **state)
{
    (void)state;
    host_reset();
    made.more = more;
    memset(&target, 0, sizeof target);
    target.now = 5000 * MS;
    target.self.records = &records;
    target.self.stacks = &stacks;
    target.self.clock = &clocks;
    target.self.fields = (struct fields){8, 16, 24, 8, 12};
    target.self.message_length = 20;
    target.self.stacks_per_second = 500;
    medic_sampler_begin(&target.self.sampler, 50);
    target.self.threads = calloc(THREADS_ROOM, sizeof *target.self.threads);
    assert_true(tally_open(&target.self.types, TYPES_ROOM) && tally_open(&target.self.routes, ROUTES_ROOM));
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(target.self.threads);
    tally_close(&target.self.types);
    tally_close(&target.self.routes);
    return 0;
}

/* Each by a deeper caller than the one before it in the same frame would be: the compiler keeps them apart. */
static __attribute__((noinline)) void throw_it(const struct object *object)
{
    exceptions_callbacks.ExceptionThrown(&target.self, (ObjectID)(uintptr_t)object);
    __asm__ volatile("");
}

static __attribute__((noinline)) void throw_deeper(const struct object *object)
{
    volatile char room[256] = {0};

    throw_it(object);
    (void)room[0];
}

static void catch_it(const struct object *object, FunctionID in)
{
    exceptions_callbacks.ExceptionCatcherEnter(&target.self, in, (ObjectID)(uintptr_t)object);
}

static void assert_tally(struct tally *tally, uint64_t first, uint64_t second, uint64_t fresh, uint64_t propagated)
{
    uint64_t is_fresh = 0, is_propagated = 0;

    tally_take(tally, (uint32_t)tally_find(tally, first, second), &is_fresh, &is_propagated);
    assert_int_equal(is_fresh, fresh);
    assert_int_equal(is_propagated, propagated);
}

/* --- callbacks --- */

static void a_throw_is_counted_once(void **state)
{
    struct object e = {.type = 16};

    (void)state;
    throw_it(&e);
    e.trace = 1;
    catch_it(&e, 1);
    throw_it(&e); /* throw; */
    catch_it(&e, 2);
    e.trace = 0;
    throw_it(&e); /* throw e; */
    catch_it(&e, 2);
    assert_tally(&target.self.types, 16, 0, 1, 2);
    assert_tally(&target.self.routes, 16, 1, 1, 0);
    assert_tally(&target.self.routes, 16, 2, 0, 2);
}

static void an_address_holds_until_a_collection(void **state)
{
    struct object e = {.type = 16};

    (void)state;
    throw_it(&e);
    catch_it(&e, 1);
    exceptions_callbacks.GarbageCollectionStarted(&target.self, 0, NULL, COR_PRF_GC_OTHER);
    throw_it(&e); /* another one, by chance in the same place */
    catch_it(&e, 1);
    assert_tally(&target.self.types, 16, 0, 2, 0);
}

static void nested_ones_land_where_they_belong(void **state)
{
    struct object outer = {.type = 16}, swallowed = {.type = 32}, inner = {.type = 48};

    (void)state;
    throw_it(&outer);
    throw_deeper(&inner); /* in a finally block */
    catch_it(&inner, 2);
    throw_deeper(&swallowed); /* in a filter: nobody is told */
    catch_it(&outer, 1);
    assert_tally(&target.self.routes, 16, 1, 1, 0);
    assert_tally(&target.self.routes, 48, 2, 1, 0);
    assert_tally(&target.self.types, 32, 0, 1, 0);
    assert_int_equal(target.self.threads[0].depth, 0);
}

static void what_was_thrown_before_is_not_counted(void **state)
{
    struct object e = {.type = 16};
    uint64_t fresh, propagated;

    (void)state;
    catch_it(&e, 1);
    for (uint32_t i = 0; i < ROUTES_ROOM; i++)
        assert_false(tally_take(&target.self.routes, i, &fresh, &propagated));
}

static void stacks_are_limited_and_counts_are_not(void **state)
{
    struct object e = {.type = 16};

    (void)state;
    medic_sampler_begin(&target.self.sampler, 1);
    for (int i = 0; i < 5000; i++) {
        throw_it(&e);
        catch_it(&e, 1);
        exceptions_callbacks.GarbageCollectionStarted(&target.self, 0, NULL, COR_PRF_GC_OTHER);
    }
    assert_in_range(target.self.samples, 20, 40);
    assert_tally(&target.self.types, 16, 0, 5000, 0);
}

/* The first sixteen are timed with their stack; after that it is one or the other. */
static void what_gets_a_stack_is_not_timed(void **state)
{
    struct object e = {.type = 16};
    uint64_t plain = 0, untimed = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        target.self.sampler.due = i == 40 ? 0 : UINT64_MAX; /* one more stack, and none after it */
        throw_it(&e);
        catch_it(&e, 1);
    }
    for (size_t i = 0; i < made.record_count; i++) {
        ex_catch caught;
        if (made.records[i].type != EX_CATCH)
            continue;
        memcpy(&caught, made.records[i].data, sizeof caught);
        assert_true(caught.flags & EX_UNTIMED ? caught.number && !caught.time_ns : caught.time_ns > 0);
        plain += caught.number == 0;
        untimed += (caught.flags & EX_UNTIMED) != 0;
    }
    assert_in_range(plain, 1, 3);
    assert_in_range(untimed, 1, 2);
}

static void a_full_ring_loses_samples_only(void **state)
{
    struct object e = {.type = 16};

    (void)state;
    target.full = 1;
    throw_it(&e);
    catch_it(&e, 1);
    assert_int_equal(target.self.samples_full, 1);
    target.full = 0;
    throw_deeper(&e);
    assert_int_equal(made.records[0].type, EX_TYPE); /* announced once more */
    assert_tally(&target.self.types, 16, 0, 1, 1);
}

static void a_full_table_is_told(void **state)
{
    struct object e = {0};

    (void)state;
    target.self.stacks_per_second = 0;
    target.full = 1;
    for (uint64_t i = 1; i <= 2 * TYPES_ROOM; i++) {
        e.type = i * 8;
        throw_it(&e);
    }
    assert_true(target.self.fresh_missed >= TYPES_ROOM);
}

/* --- messages --- */

static void assert_folded(const char *text, const char *expected)
{
    char *folded = fold_message(text);

    assert_string_equal(folded, expected);
    free(folded);
}

static void numbers_and_ids_are_folded(void **state)
{
    (void)state;
    assert_folded("Order 4711 of 12.50 EUR at 10:30", "Order # of # EUR at #");
    assert_folded("key 0f8fad5b-d9cb-469f-a165-70867728950e is gone", "key <id> is gone");
    assert_folded("trace 4bf92f3577b34da6", "trace <id>");
    assert_folded("The deadbeef face", "The deadbeef face");
    assert_folded("x1", "x#");
    assert_folded("too large for an Int32 or a UInt64", "too large for an Int32 or a UInt64");
    assert_folded("System.Collections.Generic.List`1 has 3.", "System.Collections.Generic.List`1 has #.");
    for (const char *number = "the 4711"; *number; number++) { /* ends where the memory ends */
        char *copy = strdup(number), *folded = fold_message(copy);
        assert_true(strlen(folded) <= strlen(number));
        assert_int_equal(folded[strlen(folded) - 1], '#');
        free(copy);
        free(folded);
    }
    assert_folded("", "");
}

static void text_is_made_of_utf16(void **state)
{
    static const uint8_t units[] = {'a', 0, 0xe4, 0, 0xac, 0x20, 0x3d, 0xd8, 0x00, 0xde, '\n', 0, 0x3d, 0xd8};
    char *text = text_of(units, 7);

    (void)state;
    assert_string_equal(text, "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 \xef\xbf\xbd");
    free(text);
}

/* --- catch blocks --- */

/* A method of 16 bytes: nop, a guarded part, two handlers; and its table in the small form. */
static const uint8_t with_clauses[] = {
    0x1b, 0x30, 2, 0,    16, 0,  0,    0,    0, 0, 0,    0, /* fat header with more sections */
    0,    0,    0, 0,    0,  0,  0x26, 0xde, 3, 0, 0x26, 0x17,
    0x0a, 0xde, 1, 0x2a,                                    /* pop, leave; pop, ldc, stloc, leave */
    0x01, 28,   0, 0,                                       /* table */
    0,    0,    0, 0,    6,  6,  0,    3,    1, 0, 0,    1, /* typed: 0-6, handler at 6 */
    1,    0,    0, 0,    9,  10, 0,    5,    2, 0, 0,    0, /* filter: 0-9, handler at 10 */
};

static void clauses_are_read(void **state)
{
    struct clause clauses[CLAUSES_MAX];
    const uint8_t *code;
    uint32_t size;

    (void)state;
    assert_int_equal(clauses_read(with_clauses, sizeof with_clauses, clauses, &code, &size), 2);
    assert_int_equal(clauses[0].type, 0x01000001);
    assert_int_equal(clauses[1].handler, 10);
    assert_true(clause_is_empty(&clauses[0], code, size));
    assert_false(clause_is_empty(&clauses[1], code, size));
}

static void a_method_that_ends_early_has_no_clauses(void **state)
{
    struct clause clauses[CLAUSES_MAX];
    const uint8_t *code;
    uint32_t size;

    (void)state;
    for (uint32_t i = 0; i < sizeof with_clauses; i++) {
        uint8_t *cut = malloc(i ? i : 1);
        memcpy(cut, with_clauses, i);
        assert_int_equal(clauses_read(cut, i, clauses, &code, &size), 0);
        free(cut);
    }
}

/* --- reports --- */

static void counted(uint32_t record, uint64_t type, uint64_t catcher, uint64_t fresh, uint64_t propagated)
{
    ex_count count = {made.begin + 1000 * MS, type, catcher, fresh, propagated};

    host_record(record, &count, sizeof count);
}

static void totals(uint64_t cpu_ns)
{
    ex_totals record = {.time_ns = made.begin, .process_ns = 1000 * MS, .stacks_per_second = 500};

    host_record(EX_TOTALS, &record, sizeof record);
    record.time_ns = made.end;
    record.process_ns += cpu_ns;
    host_record(EX_TOTALS, &record, sizeof record);
}

static uint64_t next_number;

static void sampled_for(uint64_t throws, uint64_t type, uint64_t stack, const char *message, uint64_t catcher,
                        uint64_t cpu_ns)
{
    struct {
        ex_throw head;
        uint16_t text[36];
    } record = {.head = {.head = {.stack = stack}, .number = ++next_number, .type = type, .stands_for = throws}};
    ex_catch caught = {
        .number = next_number, .type = type, .catcher = catcher, .time_ns = cpu_ns, .cpu_ns = cpu_ns, .stands_for = 1};

    if (!message)
        record.head.flags = EX_NO_MESSAGE;
    for (; message && *message; message++)
        record.text[record.head.message_kept++] = (uint16_t)*message;
    record.head.message_length = record.head.message_kept;
    host_record(EX_THROW, &record, sizeof record);
    if (catcher)
        host_record(EX_CATCH, &caught, sizeof caught);
}

static void sampled(uint64_t type, uint64_t stack, const char *message, uint64_t catcher, uint64_t cpu_ns)
{
    sampled_for(490, type, stack, message, catcher, cpu_ns);
}

static void a_loop_of_format_exceptions(void **state)
{
    uint32_t main_frame = user_frame("App.Importer.Run", "/src/Importer.cs", 9);
    uint32_t parse = user_frame("App.Csv.ParseRow", "/src/Csv.cs", 88), number = framework_frame("System.Number.Throw");
    uint32_t native = runtime_frame("IL_Throw", "libcoreclr.so"), eh = framework_frame("System.Runtime.EH.RhThrowEx");
    uint64_t stack = host_stack(main_frame, parse, number, native, eh, 0);

    (void)state;
    counted(EX_RATE, 32, 0, 5000, 0);
    counted(EX_RATE, 32, 0, 4812, 0);
    counted(EX_CAUGHT, 32, 1, 9812, 0);
    totals(1000 * MS);
    for (int i = 0; i < 20; i++)
        sampled(32, stack, "row 12 is bad", 1, 14 * MS / 1000);
    host_render(&exceptions_report);
    assert_string_equal(made.verdict,
                        "9,812 FormatExceptions in 10 s thrown in App.Csv.ParseRow (Csv.cs:88), all caught in "
                        "App.Importer.Run: about 14 % of CPU.");
    assert_int_equal(made.severity, MEDIC_WARNING);
    assert_text_has(made.text, "row row # is bad; System.FormatException; 10000; 0.150; 1.000; row 12 is bad;");
    assert_text_has(
        made.text,
        "row App.Csv.ParseRow; System.FormatException; 10000; 0.150; 1.000; Csv.cs:88; System.Number.Throw;");
    assert_text_has(made.text, "row App.Importer.Run; System.FormatException; catch block; 9812; 0; 1.000;");
}

/* What throws with a stack cost does not count when enough others were timed. */
static void the_cpu_is_of_throws_without_a_stack(void **state)
{
    ex_catch timed = {.type = 32, .catcher = 1, .time_ns = 10000, .cpu_ns = 10000};

    (void)state;
    counted(EX_RATE, 32, 0, 10000, 0);
    counted(EX_CAUGHT, 32, 1, 10000, 0);
    totals(1000 * MS);
    for (int i = 0; i < 8; i++) {
        sampled(32, 0, "stacked", 1, 50000);
        host_record(EX_CATCH, &timed, sizeof timed);
    }
    host_render(&exceptions_report);
    assert_text_has(made.verdict, "all caught in App.Importer.Run: about 10 % of CPU.");
}

static void few_are_healthy(void **state)
{
    (void)state;
    counted(EX_RATE, 16, 0, 3, 0);
    counted(EX_CAUGHT, 16, 1, 3, 0);
    totals(1000 * MS);
    host_render(&exceptions_report);
    assert_int_equal(made.severity, MEDIC_HEALTHY);
    assert_text_has(made.verdict, "Few exceptions: 3 OrderErrors in 10 s");
}

static void nothing_is_healthy(void **state)
{
    (void)state;
    host_render(&exceptions_report);
    assert_int_equal(made.severity, MEDIC_HEALTHY);
    assert_string_equal(made.verdict, "The program threw nothing in 10 s.");
}

static void hops_and_noise_are_told_apart(void **state)
{
    uint32_t take = user_frame("App.Orders.Take (async)", "/src/Orders.cs", 5),
             pump = framework_frame("System.Net.Pump.Loop");
    uint32_t leaf = framework_frame("System.Net.Socket.Receive");

    (void)state;
    counted(EX_RATE, 16, 0, 100, 300);
    counted(EX_CAUGHT, 16, 2, 90, 300);
    counted(EX_RATE, 64, 0, 50, 0);
    counted(EX_CAUGHT, 64, 3, 50, 0);
    totals(1000 * MS);
    sampled(16, host_stack(pump, take, 0), NULL, 2, 10000);
    sampled(64, host_stack(take, pump, leaf, 0), "reset", 3, 10000);
    host_render(&exceptions_report);
    assert_text_has(made.verdict, "100 OrderErrors in 10 s mostly thrown in App.Orders.Take (async) (Orders.cs:5), "
                                  "most kept by App.Orders.Take (async) for an await that never came");
    assert_int_equal(made.severity, MEDIC_NOTICE);
    assert_text_has(made.text, "finding Each OrderError is thrown again 3.0 times on its way");
    assert_text_has(made.text, "finding The framework threw and caught 50 more by itself");
    assert_text_has(made.text, "row (nobody was seen to); App.OrderError; not caught; 10; 0;");
    assert_text_has(made.text, "section framework");
}

static void what_ended_the_program_is_told(void **state)
{
    uint64_t stack = host_stack(user_frame("App.Importer.Run", "/src/Importer.cs", 9), 0);

    (void)state;
    counted(EX_RATE, 32, 0, 20, 0);
    counted(EX_CAUGHT, 32, 1, 20, 0);
    counted(EX_RATE, 16, 0, 1, 0);
    totals(1000 * MS);
    sampled(32, stack, "bad", 1, 10000);
    sampled(16, stack, "no way out", 0, 0);
    made.end_reason = MEDIC_END_NONE;
    ((ex_throw *)(void *)made.records[made.record_count - 1].data)->head.time_ns = made.end - 100 * MS;
    host_render(&exceptions_report);
    assert_string_equal(made.verdict, "An unhandled OrderError thrown in App.Importer.Run (Importer.cs:9) ended the "
                                      "program: \"no way out\".");
    assert_int_equal(made.severity, MEDIC_CRITICAL);
    assert_text_has(made.text, "finding 20 FormatExceptions in 10 s");
    made.end_reason = MEDIC_END_DURATION;
    host_render(&exceptions_report);
    assert_text_has(made.verdict, "20 FormatExceptions in 10 s");
}

/* Ten first ones of one method, and by chance three of it and six of another, each for a hundred. */
static void shares_are_sums_of_what_samples_stand_for(void **state)
{
    uint64_t first = host_stack(user_frame("App.Validate", "/src/A.cs", 3), 0);
    uint64_t other = host_stack(user_frame("App.Store", "/src/A.cs", 4), 0);

    (void)state;
    counted(EX_RATE, 32, 0, 1000, 0);
    counted(EX_CAUGHT, 32, 1, 1000, 0);
    totals(1000 * MS);
    for (int i = 0; i < 10; i++)
        sampled_for(1, 32, first, "a", 1, 10000);
    for (int i = 0; i < 3; i++)
        sampled_for(100, 32, first, "a", 1, 10000);
    for (int i = 0; i < 6; i++)
        sampled_for(100, 32, other, "b", 1, 10000);
    host_render(&exceptions_report);
    assert_text_has(made.text, "row App.Store; System.FormatException; 700; 0.500; 0.700; A.cs:4;"); /* 660 ± 330 */
    assert_text_has(made.text, "row App.Validate; System.FormatException; 300; 0.910; 0.300; A.cs:3;");
    assert_text_has(made.verdict, "among others thrown in App.Store (A.cs:4)");
}

static void timed(uint64_t type, uint64_t catcher, uint64_t time_ns, uint64_t cpu_ns)
{
    ex_catch caught = {.type = type, .catcher = catcher, .time_ns = time_ns, .cpu_ns = cpu_ns, .stands_for = 1};

    host_record(EX_CATCH, &caught, sizeof caught);
}

static void who_lost_the_processor_does_not_tell_the_cost(void **state)
{
    (void)state;
    counted(EX_RATE, 32, 0, 10000, 0);
    counted(EX_CAUGHT, 32, 1, 10000, 0);
    totals(1000 * MS);
    for (int i = 0; i < 6; i++)
        timed(32, 1, 12000, 10000);
    for (int i = 0; i < 4; i++)
        timed(32, 1, 15 * MS, 90000);
    host_render(&exceptions_report);
    assert_text_has(made.verdict, "about 10 % of CPU.");
}

static void an_estimate_is_not_more_than_there_was(void **state)
{
    (void)state;
    counted(EX_RATE, 32, 0, 10000, 0);
    counted(EX_CAUGHT, 32, 1, 10000, 0);
    totals(100 * MS);
    for (int i = 0; i < 6; i++)
        timed(32, 1, 12000, 20000);
    host_render(&exceptions_report);
    assert_text_has(made.verdict, "about 100 % of CPU.");
    assert_text_has(made.text,
                    "row App.Importer.Run; System.FormatException; catch block; 10000; 0; 1.000; 12000; 100000000;");
}

static void described(uint64_t type, uint64_t catcher, uint32_t outermost, uint32_t inner, uint32_t empty)
{
    ex_catcher record = {.type = type, .catcher = catcher, .outermost = outermost, .inner = inner, .empty = empty};

    host_record(EX_CATCHER, &record, sizeof record);
}

static void swallowed_ones_are_told(void **state)
{
    (void)state;
    counted(EX_RATE, 16, 0, 150, 0);
    counted(EX_CAUGHT, 16, 2, 150, 0); /* kept by an async method */
    described(16, 2, 1, 0, 0);
    counted(EX_RATE, 32, 0, 300, 0);
    counted(EX_CAUGHT, 32, 1, 300, 0);
    described(32, 1, 1, 0, 1);
    totals(1000 * MS);
    host_render(&exceptions_report);
    assert_text_has(made.verdict,
                    "300 FormatExceptions in 10 s, all swallowed by an empty catch block in App.Importer.Run");
    assert_text_has(made.text, "finding Swallowed: 150 OrderErrors were kept by tasks and thrown to nobody");
    assert_text_has(made.text, "row App.Importer.Run; System.FormatException; empty catch block; 300; 0;");
    assert_text_has(made.text, "row App.Orders.Take (async); App.OrderError; task nobody awaits; 150; 0;");
}

static void an_async_method_has_catch_blocks_of_its_own(void **state)
{
    (void)state;
    counted(EX_RATE, 16, 0, 300, 0);
    counted(EX_CAUGHT, 16, 2, 300, 0);
    described(16, 2, 1, 1, 0);
    totals(1000 * MS);
    host_render(&exceptions_report);
    assert_text_has(made.verdict, "all caught in App.Orders.Take (async)");
    assert_text_has(made.text, "row App.Orders.Take (async); App.OrderError; catch block; 300; 0;");
    assert_null(strstr(made.text, "wallowed:"));
}

/* 60 that four methods keep on their way to the one that takes them. */
static void all_are_caught_however_often_they_are_thrown(void **state)
{
    (void)state;
    counted(EX_RATE, 64, 0, 60, 240);
    counted(EX_CAUGHT, 64, 3, 60, 180); /* of the framework */
    counted(EX_CAUGHT, 64, 1, 0, 60);
    totals(1000 * MS);
    host_render(&exceptions_report);
    assert_text_has(made.verdict, "60 IOExceptions in 10 s, all caught in App.Importer.Run");
    assert_null(strstr(made.text, "section framework"));
}

static void what_a_handler_throws_is_its_own(void **state)
{
    uint32_t run = user_frame("App.Importer.Run", "/src/Importer.cs", 9), call = framework_frame("System.Call");
    uint32_t dead = user_frame("App.Target", "/src/Target.cs", 66),
             eh = framework_frame("System.Runtime.EH.DispatchEx");
    uint64_t stack = host_stack(run, call, dead, eh, call, 0);

    (void)state;
    counted(EX_RATE, 32, 0, 10, 0);
    counted(EX_CAUGHT, 32, 1, 10, 0);
    totals(1000 * MS);
    for (int i = 0; i < 10; i++)
        sampled_for(1, 32, stack, "wrapped", 1, 10000);
    host_render(&exceptions_report);
    assert_text_has(made.text,
                    "row App.Importer.Run; System.FormatException; 10; -; 1.000; Importer.cs:9; System.Call;");
}

static void counts_of_a_program_that_died_are_in_its_time(void **state)
{
    (void)state;
    counted(EX_RATE, 32, 0, 500, 0);
    counted(EX_CAUGHT, 32, 1, 500, 0);
    made.end = made.begin + 500 * MS;
    made.end_reason = MEDIC_END_NONE;
    host_render(&exceptions_report);
    assert_text_has(made.verdict, "500 FormatExceptions in 1.0 s");
}

/* Hundreds in a recording that is too short to show when they came. */
static void a_short_recording_has_no_bursts(void **state)
{
    (void)state;
    made.end = made.begin + 150 * MS;
    counted(EX_RATE, 32, 0, 500, 0);
    totals(100 * MS);
    host_render(&exceptions_report);
    assert_null(strstr(made.text, "section timeline"));
    assert_null(strstr(made.text, "bursts"));
}

static void any_end_of_a_capture_is_read(void **state)
{
    (void)state;
    hops_and_noise_are_told_apart(state);
    for (size_t i = 0; i < made.record_count; i++)
        host_render_some(&exceptions_report, i);
    for (size_t i = 0; i < made.record_count; i++) {
        made.records[i].size /= 2;
        host_render(&exceptions_report);
    }
}

/* --- another host --- */

static int know_nothing(const medic_host *host, const char *key, const char **value)
{
    (void)host, (void)key, (void)value;
    return MEDIC_E_NOT_FOUND;
}

static const void *older_service(const medic_host *host, const char *name)
{
    static const medic_params_service params = {.size = sizeof params, .get_text = know_nothing};

    (void)host;
    return strcmp(name, MEDIC_SERVICE_PARAMS) == 0 ? &params : NULL;
}

static void another_host_is_refused(void **state)
{
    static const medic_host older = {sizeof older, 0, older_service};
    void *instance = NULL;
    medic_reason why;

    (void)state;
    assert_int_equal(exceptions_capture.create(&older, &instance, &why), MEDIC_E_ARGUMENT);
    assert_string_equal(why.text, "the host gives exceptions no valid parameters");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_host_is_refused),
        cmocka_unit_test_setup_teardown(a_throw_is_counted_once, begin, end),
        cmocka_unit_test_setup_teardown(an_address_holds_until_a_collection, begin, end),
        cmocka_unit_test_setup_teardown(nested_ones_land_where_they_belong, begin, end),
        cmocka_unit_test_setup_teardown(what_was_thrown_before_is_not_counted, begin, end),
        cmocka_unit_test_setup_teardown(stacks_are_limited_and_counts_are_not, begin, end),
        cmocka_unit_test_setup_teardown(what_gets_a_stack_is_not_timed, begin, end),
        cmocka_unit_test_setup_teardown(a_full_ring_loses_samples_only, begin, end),
        cmocka_unit_test_setup_teardown(a_full_table_is_told, begin, end),
        cmocka_unit_test(numbers_and_ids_are_folded),
        cmocka_unit_test(text_is_made_of_utf16),
        cmocka_unit_test(clauses_are_read),
        cmocka_unit_test(a_method_that_ends_early_has_no_clauses),
        cmocka_unit_test_setup_teardown(a_loop_of_format_exceptions, begin, end),
        cmocka_unit_test_setup_teardown(the_cpu_is_of_throws_without_a_stack, begin, end),
        cmocka_unit_test_setup_teardown(few_are_healthy, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_healthy, begin, end),
        cmocka_unit_test_setup_teardown(hops_and_noise_are_told_apart, begin, end),
        cmocka_unit_test_setup_teardown(what_ended_the_program_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_short_recording_has_no_bursts, begin, end),
        cmocka_unit_test_setup_teardown(shares_are_sums_of_what_samples_stand_for, begin, end),
        cmocka_unit_test_setup_teardown(who_lost_the_processor_does_not_tell_the_cost, begin, end),
        cmocka_unit_test_setup_teardown(an_estimate_is_not_more_than_there_was, begin, end),
        cmocka_unit_test_setup_teardown(swallowed_ones_are_told, begin, end),
        cmocka_unit_test_setup_teardown(an_async_method_has_catch_blocks_of_its_own, begin, end),
        cmocka_unit_test_setup_teardown(all_are_caught_however_often_they_are_thrown, begin, end),
        cmocka_unit_test_setup_teardown(what_a_handler_throws_is_its_own, begin, end),
        cmocka_unit_test_setup_teardown(counts_of_a_program_that_died_are_in_its_time, begin, end),
        cmocka_unit_test_setup_teardown(any_end_of_a_capture_is_read, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
