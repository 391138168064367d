/* Events of several kinds in rhythms that would deceive a limit by first come, first served. */
#include "test.h"

#include <medic/sampling.h>

enum { KINDS = 3, SLICES = 100, WANTED = 50 };

/* What each kind is estimated at, and how many were taken in all. */
struct estimate {
    double of[KINDS];
    uint64_t taken, taken_most;
};

static struct estimate offer(uint32_t slices, uint32_t (*kind_of)(uint32_t slice, uint32_t event),
                             uint32_t (*events_of)(uint32_t))
{
    struct estimate estimate = {.taken = 0};
    struct medic_sampler sampler;

    medic_sampler_begin(&sampler, WANTED);
    for (uint32_t slice = 0; slice < slices; slice++) {
        uint64_t before = estimate.taken;
        for (uint32_t event = 0; event < events_of(slice); event++) {
            uint64_t stands_for = medic_sampler_take(&sampler);
            estimate.of[kind_of(slice, event)] += (double)stands_for;
            estimate.taken += stands_for != 0;
        }
        if (estimate.taken - before > estimate.taken_most)
            estimate.taken_most = estimate.taken - before;
        medic_sampler_turn(&sampler);
    }
    return estimate;
}

static void assert_about(double found, double truth, double share)
{
    assert_true(found > truth * (1 - share));
    assert_true(found < truth * (1 + share));
}

static uint32_t few(uint32_t slice)
{
    (void)slice;
    return WANTED / 5;
}

static uint32_t many(uint32_t slice)
{
    (void)slice;
    return 30000;
}

static uint32_t one_slice_in_ten(uint32_t slice)
{
    return slice % 10 == 0 ? 30000 : 0;
}

static uint32_t in_turns(uint32_t slice, uint32_t event)
{
    (void)slice;
    return event % KINDS;
}

static uint32_t in_thirds(uint32_t slice, uint32_t event)
{
    (void)slice;
    return event / 10000;
}

static void all_are_taken_while_they_are_few(void **state)
{
    struct estimate seen = offer(SLICES, in_turns, few);
    (void)state;
    assert_int_equal(seen.taken, SLICES * WANTED / 5);
    assert_about(seen.of[0] + seen.of[1] + seen.of[2], SLICES * WANTED / 5, 1e-9);
}

static void a_steady_stream_is_thinned(void **state)
{
    struct estimate seen = offer(SLICES, in_turns, many);
    (void)state;
    assert_true(seen.taken > SLICES * WANTED / 3);
    assert_true(seen.taken < SLICES * WANTED * 3 / 2);
    for (uint32_t kind = 0; kind < KINDS; kind++)
        assert_about(seen.of[kind], SLICES * 10000, 0.1);
}

/* Each slice of work has three phases: the first must not seem to be the whole. */
static void the_first_of_a_burst_are_not_preferred(void **state)
{
    struct estimate seen = offer(20 * SLICES, in_thirds, one_slice_in_ten);
    (void)state;
    for (uint32_t kind = 0; kind < KINDS; kind++)
        assert_about(seen.of[kind], 2 * SLICES * 10000, 0.1);
    assert_true(seen.taken_most < 5 * WANTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_taken_while_they_are_few),
        cmocka_unit_test(a_steady_stream_is_thinned),
        cmocka_unit_test(the_first_of_a_burst_are_not_preferred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
