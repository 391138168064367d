/* runtime_pauses: what its analysis and its verdict make of pauses and collections that were made up. */
#include "test.h"

#include <medic/clr/profiler.h>
#include <stdlib.h>

#include "plugins/runtime_pauses/analysis.h"
#include "plugins/runtime_pauses/gc_events.h"
#include "plugins/runtime_pauses/verdict.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define SPAN (10 * SECOND)
#define THRESHOLD (50 * MS)

/* --- a made-up recording --- */

struct made_up {
    struct pause pauses[2000];
    size_t pause_count;
    rp_gc events[4000];
    size_t event_count;
    rp_heap heaps[2000];
    size_t heap_count;
    struct gc gcs[4000];
    size_t gc_count;
    uint32_t number;
    struct facts facts;
    struct verdict verdict;
};

static struct made_up *recording(void)
{
    return test_calloc(1, sizeof(struct made_up));
}

static struct pause *add_pause(struct made_up *r, uint64_t begin, uint64_t stop, uint64_t length, uint32_t reason)
{
    struct pause *pause = &r->pauses[r->pause_count++];

    *pause = (struct pause){.asked = NO_INDEX, .late = NO_INDEX};
    pause->raw = (rp_pause){.number = r->pause_count,
                            .begin_ns = begin,
                            .stopped_ns = begin + stop,
                            .restart_ns = begin + length,
                            .end_ns = begin + length,
                            .reason = reason,
                            .generation = RP_UNKNOWN,
                            .asked_ns = begin};
    return pause;
}

static void add_start(struct made_up *r, uint64_t at, uint32_t generation, uint32_t reason, uint32_t type)
{
    r->events[r->event_count++] = (rp_gc){.at_ns = at,
                                          .what = RP_GC_START,
                                          .number = ++r->number,
                                          .generation = generation,
                                          .reason = reason,
                                          .type = type};
}

static void add_end(struct made_up *r, uint64_t at, uint32_t number)
{
    r->events[r->event_count++] = (rp_gc){.at_ns = at, .what = RP_GC_END, .number = number};
}

static void add_history(struct made_up *r, uint64_t at, uint32_t mechanisms, uint32_t pause_mode)
{
    r->events[r->event_count++] =
        (rp_gc){.at_ns = at, .what = RP_GC_HISTORY, .mechanisms = mechanisms, .pause_mode = pause_mode, .heaps = 1};
}

static void add_heap(struct made_up *r, uint64_t at, uint64_t bytes)
{
    r->heaps[r->heap_count++] = (rp_heap){.at_ns = at, .size = {0, 0, bytes}, .promoted = {bytes / 10}};
}

/* A pause with one blocking collection in it. */
static struct pause *add_blocking(struct made_up *r, uint64_t begin, uint64_t length, uint32_t generation,
                                  uint32_t reason)
{
    struct pause *pause = add_pause(r, begin, 20000, length, COR_PRF_SUSPEND_FOR_GC);

    add_start(r, begin + 30000, generation, reason, RP_GC_BLOCKING);
    add_end(r, begin + length - 10000, r->number);
    return pause;
}

static struct verdict *judge(struct made_up *r, const struct witnesses *witnesses)
{
    static const struct witnesses nobody = {0};

    r->gc_count = build_gcs(r->events, r->event_count, r->heaps, r->heap_count, r->gcs);
    attribute(r->pauses, r->pause_count, r->gcs, r->gc_count);
    assert_true(facts_of(r->pauses, r->pause_count, r->gcs, r->gc_count, SPAN, THRESHOLD, &r->facts));
    verdict_of(&r->facts, witnesses ? witnesses : &nobody, &r->verdict);
    assert_true(r->verdict.finding_count <= VERDICT_FINDINGS);
    return &r->verdict;
}

/* --- numbers --- */

static void percentiles_are_nearest_rank(void **state)
{
    (void)state;
    uint64_t hundred[100];
    const uint64_t three[] = {10, 20, 30};

    for (size_t i = 0; i < 100; i++)
        hundred[i] = i + 1;
    assert_int_equal(percentile(hundred, 100, 0.50), 50);
    assert_int_equal(percentile(hundred, 100, 0.90), 90);
    assert_int_equal(percentile(hundred, 100, 0.99), 99);
    assert_int_equal(percentile(hundred, 100, 1.0), 100);
    assert_int_equal(percentile(three, 3, 0.5), 20);
    assert_int_equal(percentile(three, 3, 0.99), 30);
    assert_int_equal(percentile(three, 1, 0.01), 10);
    assert_int_equal(percentile(three, 0, 0.5), 0);
}

static void phases_and_totals_are_summed_over_the_chosen_pauses(void **state)
{
    (void)state;
    struct made_up *r = recording();
    uint64_t scratch[4];

    add_pause(r, 0, 1 * MS, 3 * MS, COR_PRF_SUSPEND_OTHER)->raw.restart_ns = 2 * MS;
    add_pause(r, 10 * MS, 2 * MS, 5 * MS, COR_PRF_SUSPEND_OTHER);
    struct stats stats = stats_of(r->pauses, r->pause_count, NULL, NULL, scratch);
    assert_int_equal(stats.count, 2);
    assert_int_equal(stats.total_ns, 7 * MS); /* until the threads were let go */
    assert_int_equal(stats.max_ns, 5 * MS);
    assert_int_equal(stats.stop_ns, 3 * MS);
    assert_int_equal(stats.stopped_ns, 1 * MS + 3 * MS);
    assert_int_equal(stats.restart_ns, 1 * MS);
    test_free(r);
}

/* Eight threads fight for a processor: the restart is long, but they run in it. */
static void a_long_restart_is_not_standing_still_but_said(void **state)
{
    (void)state;
    struct made_up *r = recording();

    for (int i = 0; i < 150; i++)
        add_pause(r, (uint64_t)i * 60 * MS, 100000, 16 * MS, COR_PRF_SUSPEND_FOR_GC)->raw.restart_ns =
            (uint64_t)i * 60 * MS + 2 * MS;
    judge(r, NULL);
    assert_int_not_equal(r->verdict.severity, MEDIC_CRITICAL);
    assert_true(r->facts.all.total_ns == 300 * MS);
    test_free(r);
}

static void added_delay_is_what_a_random_arrival_waits(void **state)
{
    (void)state;
    const uint64_t one[] = {200 * MS};
    const uint64_t many[] = {10 * MS, 10 * MS, 10 * MS, 10 * MS, 100 * MS};

    /* One pause of 200 ms in 10 s: 1 % of 10 s are 100 ms, so 1 % of the arrivals wait longer than the last 100 ms. */
    assert_in_range(added_delay(one, 1, SPAN, 0.99), 100 * MS - 1, 100 * MS + 1);
    assert_int_equal(added_delay(one, 1, SPAN, 0.95), 0);
    assert_in_range(added_delay(one, 1, SPAN, 0.999), 190 * MS - 1, 190 * MS + 1);
    /* 100 - d + 4 (10 - d) = 100 at d = 8. */
    assert_in_range(added_delay(many, 5, SPAN, 0.99), 8 * MS - 1, 8 * MS + 1);
    assert_int_equal(added_delay(many, 0, SPAN, 0.99), 0);
    assert_int_equal(added_delay(many, 5, 0, 0.99), 100 * MS);
}

/* --- collections and pauses --- */

static void a_blocking_collection_explains_the_pause_around_it(void **state)
{
    (void)state;
    struct made_up *r = recording();

    add_pause(r, 1 * MS, 20000, 3 * MS, COR_PRF_SUSPEND_FOR_GC);
    add_start(r, 2 * MS, 1, RP_GC_ALLOC_SMALL, RP_GC_BLOCKING);
    add_history(r, 3 * MS, RP_MECHANISM_COMPACTION, 1);
    add_end(r, 3 * MS + 1, 1);
    add_heap(r, 3 * MS + 2, 1000);
    judge(r, NULL);
    assert_int_equal(r->pauses[0].cause, CAUSE_YOUNG);
    assert_int_equal(r->pauses[0].kind, KIND_BLOCKING);
    assert_int_equal(r->pauses[0].generation, 1);
    assert_int_equal(r->pauses[0].gc_reason, RP_GC_ALLOC_SMALL);
    assert_int_equal(r->pauses[0].compacting, 1);
    assert_int_equal(r->gcs[0].heap_bytes, 1000);
    assert_int_equal(r->gcs[0].promoted_bytes, 100);
    assert_int_equal(r->facts.young_promoted_bytes, 100);
    assert_int_equal(r->facts.concurrent_off, 0);
    test_free(r);
}

static void sizes_and_histories_that_come_after_the_end_belong_to_what_ended(void **state)
{
    (void)state;
    struct made_up *r = recording();

    add_blocking(r, 10 * MS, 2 * MS, 0, RP_GC_ALLOC_SMALL);
    add_history(r, 12 * MS, RP_MECHANISM_COMPACTION, 0);
    add_heap(r, 12 * MS + 5, 77);
    judge(r, NULL);
    assert_int_equal(r->gcs[0].heap_bytes, 77);
    assert_int_equal(r->pauses[0].compacting, 1);
    assert_int_equal(r->facts.concurrent_off, 1);
    test_free(r);
}

/* A background collection stops the program at its begin and its end; what comes between runs beside it. The order of the
 * events is that of .NET 10. */
static void background_collections_with_foreground_ones_in_between(void **state)
{
    (void)state;
    struct made_up *r = recording();

    add_pause(r, 10 * MS, 10000, 1 * MS, COR_PRF_SUSPEND_FOR_GC); /* 0: begin, and a gen1 collection */
    add_start(r, 10 * MS + 100000, 2, RP_GC_ALLOC_LARGE, RP_GC_BACKGROUND);
    add_start(r, 10 * MS + 200000, 1, RP_GC_ALLOC_SMALL, RP_GC_BLOCKING);
    add_history(r, 10 * MS + 490000, RP_MECHANISM_COMPACTION, 1);
    add_end(r, 10 * MS + 500000, 2);
    add_pause(r, 20 * MS, 10000, 2 * MS, COR_PRF_SUSPEND_FOR_GC); /* 1: foreground */
    add_start(r, 20 * MS + 100000, 0, RP_GC_ALLOC_SMALL, RP_GC_FOREGROUND);
    add_history(r, 21 * MS, 0, 1);
    add_end(r, 21 * MS + 1, 3);
    add_pause(r, 30 * MS, 10000, 3 * MS, COR_PRF_SUSPEND_FOR_GC_PREP); /* 2: end of marking */
    add_pause(r, 40 * MS, 10000, 2 * MS, COR_PRF_SUSPEND_FOR_GC);      /* 3: foreground, while it sweeps */
    add_start(r, 40 * MS + 100000, 1, RP_GC_ALLOC_SMALL, RP_GC_FOREGROUND);
    add_end(r, 41 * MS, 4);
    add_history(r, 50 * MS, RP_MECHANISM_CONCURRENT, 1);
    add_end(r, 50 * MS + 1, 1);
    add_heap(r, 50 * MS + 2, 4096);
    add_pause(r, 60 * MS, 10000, 1 * MS, COR_PRF_SUSPEND_FOR_GC_PREP); /* 4: none is under way: write barriers */
    judge(r, NULL);

    assert_int_equal(r->pauses[0].kind, KIND_BLOCKING_AND_BEGIN);
    assert_int_equal(r->pauses[0].cause, CAUSE_YOUNG);
    assert_int_equal(r->pauses[0].generation, 1);
    assert_int_equal(r->pauses[0].compacting, 1);
    assert_int_equal(r->pauses[1].kind, KIND_BLOCKING);
    assert_int_equal(r->pauses[1].cause, CAUSE_YOUNG);
    assert_int_equal(r->pauses[1].compacting, 0);
    assert_int_equal(r->pauses[2].kind, KIND_BACKGROUND_END);
    assert_int_equal(r->pauses[2].cause, CAUSE_BACKGROUND);
    assert_int_equal(r->pauses[2].gc_reason, RP_GC_ALLOC_LARGE);
    assert_int_equal(r->pauses[3].cause, CAUSE_YOUNG);
    assert_int_equal(r->pauses[3].generation, 1);
    assert_int_equal(r->pauses[4].cause, CAUSE_OTHER);
    assert_int_equal(r->gcs[0].end_ns, 50 * MS + 1);
    assert_int_equal(r->gcs[0].mechanisms, RP_MECHANISM_CONCURRENT);
    assert_int_equal(r->gcs[0].heap_bytes, 4096);
    assert_int_equal(r->facts.gc.count, 4);
    test_free(r);
}

static void an_induced_background_collection_is_induced_in_both_its_pauses(void **state)
{
    (void)state;
    struct made_up *r = recording();

    add_pause(r, 10 * MS, 10000, 1 * MS, COR_PRF_SUSPEND_FOR_GC);
    add_start(r, 10 * MS + 100000, 2, RP_GC_INDUCED, RP_GC_BACKGROUND);
    add_pause(r, 30 * MS, 10000, 1 * MS, COR_PRF_SUSPEND_FOR_GC_PREP);
    add_end(r, 40 * MS, 1);
    judge(r, NULL);
    assert_int_equal(r->pauses[0].cause, CAUSE_INDUCED);
    assert_int_equal(r->pauses[1].cause, CAUSE_INDUCED);
    assert_int_equal(r->pauses[1].kind, KIND_BACKGROUND_END);
    assert_int_equal(r->facts.induced_calls, 1);
    assert_int_equal(r->facts.induced_background, 1);
    test_free(r);
}

static struct pause *add_silent(struct made_up *r, uint64_t begin, uint32_t starts, uint32_t ends)
{
    struct pause *pause = add_pause(r, begin, 10000, 1 * MS, COR_PRF_SUSPEND_FOR_GC);

    pause->raw.gc_starts = starts;
    pause->raw.gc_ends = ends;
    pause->raw.generation = starts ? 2 : RP_UNKNOWN;
    return pause;
}

static void without_events_the_callbacks_tell_the_kind(void **state)
{
    (void)state;
    struct made_up *r = recording();

    add_silent(r, 10 * MS, 1, 1)->raw.induced = 1; /* began and ended */
    add_silent(r, 20 * MS, 1, 0);                  /* went on after the pause */
    add_pause(r, 30 * MS, 10000, 1 * MS, COR_PRF_SUSPEND_FOR_GC_PREP);
    add_silent(r, 40 * MS, 0, 0); /* nothing was heard */
    add_silent(r, 50 * MS, 1, 1); /* the small one before it ended */
    add_silent(r, 60 * MS, 1, 1)->raw.generation = 0;
    add_pause(r, 70 * MS, 10000, 1 * MS, COR_PRF_SUSPEND_FOR_GC_PREP);
    judge(r, NULL);
    assert_int_equal(r->pauses[0].cause, CAUSE_INDUCED);
    assert_int_equal(r->pauses[0].kind, KIND_BLOCKING);
    assert_int_equal(r->pauses[1].cause, CAUSE_BACKGROUND);
    assert_int_equal(r->pauses[1].kind, KIND_BACKGROUND_BEGIN);
    assert_int_equal(r->pauses[2].kind, KIND_BACKGROUND_END);
    assert_int_equal(r->pauses[3].cause, CAUSE_COLLECTION);
    assert_int_equal(r->pauses[3].kind, KIND_UNKNOWN);
    assert_int_equal(r->pauses[4].kind, KIND_BACKGROUND_BEGIN);
    assert_int_equal(r->pauses[5].cause, CAUSE_YOUNG);
    assert_int_equal(r->pauses[6].kind, KIND_BACKGROUND_END);
    assert_int_equal(r->facts.by_callbacks, 7);
    assert_int_equal(r->facts.unknown_kind, 1);
    test_free(r);
}

static void a_lost_end_does_not_swallow_the_next_collection(void **state)
{
    (void)state;
    struct made_up *r = recording();

    add_start(r, 1 * MS, 0, RP_GC_ALLOC_SMALL, RP_GC_BLOCKING);
    add_start(r, 5 * MS, 0, RP_GC_ALLOC_SMALL, RP_GC_BLOCKING);
    add_history(r, 6 * MS, RP_MECHANISM_COMPACTION, 1);
    add_end(r, 7 * MS, 2);
    add_end(r, 8 * MS, 99); /* of one that began before the recording */
    judge(r, NULL);
    assert_int_equal(r->gc_count, 2);
    assert_int_equal(r->gcs[0].end_ns, 5 * MS);
    assert_int_equal(r->gcs[0].mechanisms, RP_UNKNOWN);
    assert_int_equal(r->gcs[1].end_ns, 7 * MS);
    assert_int_equal(r->gcs[1].mechanisms, RP_MECHANISM_COMPACTION);
    test_free(r);
}

/* --- verdicts --- */

static void no_pause_at_all_is_healthy(void **state)
{
    (void)state;
    struct made_up *r = recording();
    struct verdict *verdict = judge(r, NULL);

    assert_int_equal(verdict->severity, MEDIC_HEALTHY);
    assert_int_equal(verdict->finding_count, 0);
    assert_string_equal(verdict->sentence,
                        "The runtime never stopped the program in 10.0 s; if requests are slow, "
                        "look at CPU use and at what threads wait for.");
    test_free(r);
}

static void a_few_short_young_collections_are_healthy(void **state)
{
    (void)state;
    struct made_up *r = recording();

    for (uint64_t i = 0; i < 50; i++)
        add_blocking(r, i * 200 * MS, 1 * MS, 0, RP_GC_ALLOC_SMALL);
    struct verdict *verdict = judge(r, NULL);
    assert_int_equal(verdict->severity, MEDIC_HEALTHY);
    assert_int_equal(verdict->finding_count, 0);
    assert_text_has(verdict->sentence, "50 pauses took 0.50 % of 10.0 s, the longest 1.00 ms");
    test_free(r);
}

/* One pause says nothing about a rate, however short the recording is. */
static void one_middling_pause_is_no_finding(void **state)
{
    (void)state;
    struct made_up *r = recording();

    add_blocking(r, 1 * MS, 30 * MS, 1, RP_GC_ALLOC_SMALL);
    judge(r, NULL);
    facts_of(r->pauses, r->pause_count, r->gcs, r->gc_count, 200 * MS, THRESHOLD, &r->facts);
    verdict_of(&r->facts, &(struct witnesses){0}, &r->verdict);
    assert_int_equal(r->verdict.severity, MEDIC_HEALTHY);
    test_free(r);
}

/* 1 % of the time by one pause is no rate of pauses. */
static void one_long_pause_is_judged_by_its_length_alone(void **state)
{
    (void)state;
    struct made_up *r = recording();

    add_blocking(r, 1 * SECOND, 180 * MS, 1, RP_GC_ALLOC_SMALL);
    add_blocking(r, 2 * SECOND, 1 * MS, 0, RP_GC_ALLOC_SMALL);
    add_blocking(r, 3 * SECOND, 1 * MS, 0, RP_GC_ALLOC_SMALL);
    struct verdict *verdict = judge(r, NULL);
    assert_int_equal(verdict->severity, MEDIC_NOTICE);
    assert_int_equal(r->facts.delay_p99_pauses, 1);
    assert_int_equal(verdict->finding_count, 1);
    test_free(r);
}

static void a_recording_of_no_length_is_not_called_healthy(void **state)
{
    (void)state;
    struct made_up *r = recording();

    facts_of(NULL, 0, NULL, 0, 2 * MS, THRESHOLD, &r->facts);
    verdict_of(&r->facts, &(struct witnesses){0}, &r->verdict);
    assert_int_equal(r->verdict.severity, MEDIC_NOTICE);
    assert_text_has(r->verdict.sentence, "too early");
    test_free(r);
}

static void induced_collections_are_named_with_their_caller(void **state)
{
    (void)state;
    struct made_up *r = recording();
    struct witnesses seen = {.collect_caller = "Orders.Cache.Trim", .collect_caller_count = 200, .collect_count = 200};

    for (uint64_t i = 0; i < 200; i++)
        add_blocking(r, i * 50 * MS, 10 * MS, 2, RP_GC_INDUCED_COMPACTING);
    struct verdict *verdict = judge(r, &seen);
    assert_int_equal(verdict->cause, CAUSE_INDUCED);
    assert_int_equal(verdict->severity, MEDIC_WARNING);
    assert_string_equal(
        verdict->sentence,
        "Pauses explain slow requests: forced collections (GC.Collect) ran 200 times (20 a second), all "
        "from Orders.Cache.Trim, and stopped the program for 20 % of the time, 10.0 ms at most; remove "
        "these calls.");
    assert_string_equal(verdict->findings[0].section, "callers");
    assert_string_equal(verdict->findings[1].section, "delay");
    test_free(r);
}

static void slow_suspension_is_told_from_slow_collection(void **state)
{
    (void)state;
    struct made_up *r = recording();
    struct witnesses seen = {.slow_method = "System.Buffer.BlockCopy",
                             .slow_caller = "Shop.Export.Copy",
                             .slow_thread = "reluctant",
                             .slow_share = 1,
                             .slow_methods = 1};

    for (uint64_t i = 0; i < 40; i++)
        add_blocking(r, i * 200 * MS, 60 * MS, 0, RP_GC_ALLOC_SMALL)->raw.stopped_ns += 55 * MS;
    struct verdict *verdict = judge(r, &seen);
    assert_int_equal(verdict->cause, CAUSE_STOPPING);
    assert_true(verdict->severity >= MEDIC_WARNING);
    assert_text_has(verdict->sentence, "threads are slow to stop: 92 % of all pause time");
    assert_text_has(verdict->sentence,
                    "thread reluctant keeps it waiting in System.Buffer.BlockCopy, called by Shop.Export.Copy");
    assert_string_equal(verdict->findings[0].section, "slow_threads");
    assert_string_equal(verdict->findings[0].key, "System.Buffer.BlockCopy");
    test_free(r);
}

static void a_different_slow_thread_each_time_points_to_the_processors(void **state)
{
    (void)state;
    struct made_up *r = recording();
    struct witnesses seen = {.slow_method = "A.B", .slow_share = 0.2, .slow_methods = 12};

    for (uint64_t i = 0; i < 40; i++)
        add_blocking(r, i * 200 * MS, 60 * MS, 0, RP_GC_ALLOC_SMALL)->raw.stopped_ns += 55 * MS;
    assert_text_has(judge(r, &seen)->sentence, "another one each time, as when processors are short");
    test_free(r);
}

static void churn_is_too_many_young_collections(void **state)
{
    (void)state;
    struct made_up *r = recording();
    struct witnesses seen = {.allocator = "Shop.Parser.Next"};

    for (uint64_t i = 0; i < 1000; i++)
        add_blocking(r, i * 10 * MS, 2 * MS, (uint32_t)(i % 10 == 0), RP_GC_ALLOC_SMALL);
    struct verdict *verdict = judge(r, &seen);
    assert_int_equal(verdict->cause, CAUSE_YOUNG);
    assert_int_equal(verdict->severity, MEDIC_WARNING);
    assert_text_has(verdict->sentence, "1000 times (100 a second), for 20 % of the time, 2.00 ms at most");
    assert_text_has(verdict->sentence, "allocates too fast, most often seen in Shop.Parser.Next");
    test_free(r);
}

static void long_young_collections_are_about_survival(void **state)
{
    (void)state;
    struct made_up *r = recording();

    for (uint64_t i = 0; i < 10; i++) {
        add_blocking(r, i * SECOND, 80 * MS, 1, RP_GC_ALLOC_SMALL);
        add_heap(r, i * SECOND + 80 * MS, UINT64_C(1) << 30);
    }
    struct verdict *verdict = judge(r, NULL);
    assert_int_equal(verdict->cause, CAUSE_YOUNG);
    assert_text_has(verdict->sentence, "on average 102 MB survive and are copied");
    test_free(r);
}

static void one_long_gen2_outweighs_many_short_young_ones(void **state)
{
    (void)state;
    struct made_up *r = recording();

    for (uint64_t i = 0; i < 300; i++)
        add_blocking(r, i * 20 * MS, 1 * MS, 0, RP_GC_ALLOC_SMALL);
    add_blocking(r, 7 * SECOND, 250 * MS, 2, RP_GC_ALLOC_LARGE);
    add_history(r, 7 * SECOND + 250 * MS, 0, 0);
    add_heap(r, 7 * SECOND + 250 * MS + 1, UINT64_C(2469606195)); /* 2.3 GB */
    struct verdict *verdict = judge(r, NULL);
    assert_int_equal(verdict->cause, CAUSE_FULL);
    assert_int_equal(verdict->severity, MEDIC_WARNING);
    assert_text_has(verdict->sentence, "full blocking collections (gen2) stopped the program once");
    assert_text_has(verdict->sentence, "over a heap of 2.30 GB");
    assert_text_has(verdict->sentence, "concurrent collection is off");
    test_free(r);
}

static void blocking_gen2_for_lack_of_memory_says_so(void **state)
{
    (void)state;
    struct made_up *r = recording();

    for (uint64_t i = 0; i < 5; i++)
        add_blocking(r, i * SECOND, 1200 * MS, 2, RP_GC_LOW_MEMORY_BLOCKING);
    struct verdict *verdict = judge(r, NULL);
    assert_int_equal(verdict->severity, MEDIC_CRITICAL);
    assert_text_has(verdict->sentence, "Pauses make this program slow: full blocking collections");
    assert_text_has(verdict->sentence, "memory is short");
    test_free(r);
}

static void background_collections_alone_are_healthy(void **state)
{
    (void)state;
    struct made_up *r = recording();

    for (uint64_t i = 0; i < 10; i++) {
        add_pause(r, i * SECOND, 10000, 2 * MS, COR_PRF_SUSPEND_FOR_GC);
        add_start(r, i * SECOND + 100000, 2, RP_GC_ALLOC_LARGE, RP_GC_BACKGROUND);
        add_pause(r, i * SECOND + 300 * MS, 10000, 3 * MS, COR_PRF_SUSPEND_FOR_GC_PREP);
        add_end(r, i * SECOND + 400 * MS, r->number);
    }
    struct verdict *verdict = judge(r, NULL);
    assert_int_equal(r->facts.cause[CAUSE_BACKGROUND].count, 20);
    assert_int_equal(verdict->severity, MEDIC_HEALTHY);
    test_free(r);
}

static void a_sampling_profiler_is_suspected_behind_other_suspensions(void **state)
{
    (void)state;
    struct made_up *r = recording();

    for (uint64_t i = 0; i < 1000; i++)
        add_pause(r, i * 10 * MS, 50000, 2 * MS, COR_PRF_SUSPEND_OTHER);
    struct verdict *verdict = judge(r, NULL);
    assert_int_equal(verdict->cause, CAUSE_OTHER);
    assert_text_has(verdict->sentence, "something other than a collection (reason: other)");
    assert_text_has(verdict->sentence, "dotnet-trace");
    test_free(r);
}

static void the_threshold_moves_the_scale(void **state)
{
    (void)state;
    struct made_up *r = recording();

    add_blocking(r, 1 * MS, 8 * MS, 1, RP_GC_ALLOC_SMALL);
    judge(r, NULL);
    facts_of(r->pauses, r->pause_count, r->gcs, r->gc_count, SPAN, 2 * MS, &r->facts);
    verdict_of(&r->facts, &(struct witnesses){0}, &r->verdict);
    assert_int_equal(r->verdict.severity, MEDIC_WARNING);
    test_free(r);
}

static void a_second_cause_gets_a_finding_of_its_own(void **state)
{
    (void)state;
    struct made_up *r = recording();

    for (uint64_t i = 0; i < 5; i++)
        add_blocking(r, i * SECOND, 100 * MS, 2, RP_GC_INDUCED);
    for (uint64_t i = 0; i < 4; i++)
        add_blocking(r, (i + 5) * SECOND, 90 * MS, 2, RP_GC_ALLOC_LARGE);
    struct verdict *verdict = judge(r, NULL);
    assert_int_equal(verdict->cause, CAUSE_INDUCED);
    assert_int_equal(verdict->finding_count, 3);
    assert_text_has(verdict->findings[2].text, "Full blocking collections (gen2)");
    test_free(r);
}

static void sentences_survive_endless_names(void **state)
{
    (void)state;
    struct made_up *r = recording();
    char endless[2000];
    struct witnesses seen = {.collect_caller = endless, .collect_caller_count = 1, .collect_count = 1};

    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = 0;
    add_blocking(r, 0, SECOND, 2, RP_GC_INDUCED);
    struct verdict *verdict = judge(r, &seen);
    assert_in_range(strlen(verdict->sentence), VERDICT_TEXT / 2, VERDICT_TEXT - 1);
    test_free(r);
}

/* --- payloads of events --- */

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

static void put64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof value);
}

static void starts_and_ends_are_read_by_version(void **state)
{
    (void)state;
    uint8_t data[32] = {0};
    rp_gc gc;

    put32(data, 7);
    put32(data + 4, 2);
    put32(data + 8, RP_GC_INDUCED);
    put32(data + 12, RP_GC_BACKGROUND);
    assert_true(gc_event_read(GC_EVENT_START, 2, data, 26, &gc));
    assert_int_equal(gc.what, RP_GC_START);
    assert_int_equal(gc.number, 7);
    assert_int_equal(gc.generation, 2);
    assert_int_equal(gc.reason, RP_GC_INDUCED);
    assert_int_equal(gc.type, RP_GC_BACKGROUND);
    assert_true(gc_event_read(GC_EVENT_START, 0, data, 8, &gc));
    assert_int_equal(gc.reason, 2);
    assert_int_equal(gc.type, RP_UNKNOWN);
    assert_true(gc_event_read(GC_EVENT_END, 1, data, 10, &gc));
    assert_int_equal(gc.what, RP_GC_END);
    assert_int_equal(gc.number, 7);
}

static void a_history_has_a_pause_mode_since_version_2(void **state)
{
    (void)state;
    uint8_t data[64] = {0};
    rp_gc gc;

    put32(data + 8, 4);
    put32(data + 12, 1);
    put32(data + 20, RP_GC_ALLOC_LARGE);
    put32(data + 24, RP_MECHANISM_COMPACTION);
    put32(data + 30, 1);
    assert_true(gc_event_read(GC_EVENT_GLOBAL_HISTORY, 4, data, sizeof data, &gc));
    assert_int_equal(gc.heaps, 4);
    assert_int_equal(gc.generation, 1);
    assert_int_equal(gc.reason, RP_GC_ALLOC_LARGE);
    assert_int_equal(gc.mechanisms, RP_MECHANISM_COMPACTION);
    assert_int_equal(gc.pause_mode, 1);
    assert_true(gc_event_read(GC_EVENT_GLOBAL_HISTORY, 1, data, 30, &gc));
    assert_int_equal(gc.pause_mode, RP_UNKNOWN);
}

static void heap_sizes_have_a_pinned_heap_since_version_2(void **state)
{
    (void)state;
    uint8_t data[110] = {0};
    rp_heap heap;

    put64(data + 32, 500);
    put64(data + 40, 50);
    put32(data + 80, 3);
    put32(data + 88, 9);
    put64(data + 94, 600);
    assert_true(gc_event_read_heap(2, data, sizeof data, &heap));
    assert_int_equal(heap.size[2], 500);
    assert_int_equal(heap.promoted[2], 50);
    assert_int_equal(heap.size[4], 600);
    assert_int_equal(heap.pinned, 3);
    assert_int_equal(heap.handles, 9);
    assert_true(gc_event_read_heap(1, data, 94, &heap));
    assert_int_equal(heap.size[4], 0);
}

/* Exactly as long as it says, so that a sanitizer sees a read beyond. */
static void no_payload_is_read_beyond_its_end(void **state)
{
    (void)state;
    static const uint32_t ids[] = {GC_EVENT_START, GC_EVENT_END, GC_EVENT_GLOBAL_HISTORY, 4711};

    for (uint32_t size = 0; size < 128; size++) {
        uint8_t *data = test_calloc(1, size ? size : 1);
        uint32_t reason;
        rp_heap heap;
        rp_gc gc;
        for (uint32_t version = 0; version < 6; version++) {
            for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
                gc_event_read(ids[i], version, data, size, &gc);
            gc_event_read_heap(version, data, size, &heap);
        }
        assert_int_equal(gc_event_read_trigger(data, size, &reason), size >= 4);
        assert_false(gc_event_read(4711, 1, data, size, &gc));
        test_free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_nearest_rank),
        cmocka_unit_test(phases_and_totals_are_summed_over_the_chosen_pauses),
        cmocka_unit_test(a_long_restart_is_not_standing_still_but_said),
        cmocka_unit_test(added_delay_is_what_a_random_arrival_waits),
        cmocka_unit_test(a_blocking_collection_explains_the_pause_around_it),
        cmocka_unit_test(sizes_and_histories_that_come_after_the_end_belong_to_what_ended),
        cmocka_unit_test(background_collections_with_foreground_ones_in_between),
        cmocka_unit_test(an_induced_background_collection_is_induced_in_both_its_pauses),
        cmocka_unit_test(without_events_the_callbacks_tell_the_kind),
        cmocka_unit_test(a_lost_end_does_not_swallow_the_next_collection),
        cmocka_unit_test(no_pause_at_all_is_healthy),
        cmocka_unit_test(a_few_short_young_collections_are_healthy),
        cmocka_unit_test(one_middling_pause_is_no_finding),
        cmocka_unit_test(one_long_pause_is_judged_by_its_length_alone),
        cmocka_unit_test(a_recording_of_no_length_is_not_called_healthy),
        cmocka_unit_test(induced_collections_are_named_with_their_caller),
        cmocka_unit_test(slow_suspension_is_told_from_slow_collection),
        cmocka_unit_test(a_different_slow_thread_each_time_points_to_the_processors),
        cmocka_unit_test(churn_is_too_many_young_collections),
        cmocka_unit_test(long_young_collections_are_about_survival),
        cmocka_unit_test(one_long_gen2_outweighs_many_short_young_ones),
        cmocka_unit_test(blocking_gen2_for_lack_of_memory_says_so),
        cmocka_unit_test(background_collections_alone_are_healthy),
        cmocka_unit_test(a_sampling_profiler_is_suspected_behind_other_suspensions),
        cmocka_unit_test(the_threshold_moves_the_scale),
        cmocka_unit_test(a_second_cause_gets_a_finding_of_its_own),
        cmocka_unit_test(sentences_survive_endless_names),
        cmocka_unit_test(starts_and_ends_are_read_by_version),
        cmocka_unit_test(a_history_has_a_pause_mode_since_version_2),
        cmocka_unit_test(heap_sizes_have_a_pinned_heap_since_version_2),
        cmocka_unit_test(no_payload_is_read_beyond_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
