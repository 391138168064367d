#include "core/services/stack_join.h"

#include "test.h"

enum { THREAD = 7 };

static struct join join;

static int tear_down(void **state)
{
    (void)state;
    join_free(&join);
    return 0;
}

/* Leaf first; a cfa of 100 is 100 bytes from the stack's low end. */
static const struct unwind_step whole[] = {{0x11, 100}, {0x12, 200}, {0x13, 300}, {0x14, 400}, {0x15, 500}};

static void a_cut_walk_goes_on_where_both_know_an_activation(void **state)
{
    struct unwind_step steps[16] = {{0x99, 50}, {0x12, 200}, {0x13, 300}};
    uint32_t flags = MEDIC_STACK_TRUNCATED;

    (void)state;
    join_remember(&join, THREAD, whole, 5, 0);
    assert_int_equal(join_complete(&join, THREAD, steps, 3, 16, &flags), 5);
    assert_int_equal(flags, MEDIC_STACK_JOINED);
    assert_int_equal(steps[0].ip, 0x99);
    assert_int_equal(steps[2].ip, 0x13);
    assert_int_equal(steps[3].ip, 0x14);
    assert_int_equal(steps[4].ip, 0x15);
}

static void a_frame_of_the_same_function_elsewhere_is_another_activation(void **state)
{
    struct unwind_step steps[16] = {{0x99, 50}, {0x12, 208}, {0x13, 308}}, call[16] = {{0x99, 50}, {0x77, 200}};
    uint32_t flags = MEDIC_STACK_TRUNCATED;

    (void)state;
    join_remember(&join, THREAD, whole, 5, 0);
    assert_int_equal(join_complete(&join, THREAD, steps, 3, 16, &flags), 3);
    assert_int_equal(join_complete(&join, THREAD, call, 2, 16, &flags), 2); /* the same place, another call */
    assert_int_equal(flags, MEDIC_STACK_TRUNCATED);
}

static void what_lies_beyond_the_joint_is_replaced(void **state)
{
    /* The last step of a cut walk may be a guess. */
    struct unwind_step steps[16] = {{0x99, 50}, {0x13, 300}, {0x66, 333}};
    uint32_t flags = MEDIC_STACK_TRUNCATED;

    (void)state;
    join_remember(&join, THREAD, whole, 5, 0);
    assert_int_equal(join_complete(&join, THREAD, steps, 3, 16, &flags), 4);
    assert_int_equal(steps[2].ip, 0x14);
}

static void threads_are_kept_apart_and_the_oldest_makes_room(void **state)
{
    struct unwind_step steps[16] = {{0x99, 50}, {0x12, 200}};
    uint32_t flags = 0;

    (void)state;
    for (uint64_t thread = 1; thread <= JOIN_CHAINS + 1; thread++)
        join_remember(&join, thread, whole, 5, 0);
    assert_int_equal(join_complete(&join, 1, steps, 2, 16, &flags), 2);
    assert_int_equal(join_complete(&join, 2, steps, 2, 16, &flags), 5);
    assert_int_equal(join_complete(&join, 100, steps, 2, 16, &flags), 2);
    assert_true(join_memory(&join) <= JOIN_CHAINS * sizeof whole);
}

static void it_never_writes_beyond_the_room(void **state)
{
    struct unwind_step steps[4] = {{0x99, 50}, {0x12, 200}, {0, 0}, {0xdead, 0xdead}};
    uint32_t flags = 0;

    (void)state;
    join_remember(&join, THREAD, whole, 5, MEDIC_STACK_TRUNCATED);
    assert_int_equal(join_complete(&join, THREAD, steps, 2, 3, &flags), 3);
    assert_int_equal(steps[3].ip, 0xdead);
    assert_int_equal(flags, MEDIC_STACK_JOINED | MEDIC_STACK_TRUNCATED); /* as the whole copy itself */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_cut_walk_goes_on_where_both_know_an_activation, tear_down),
        cmocka_unit_test_teardown(a_frame_of_the_same_function_elsewhere_is_another_activation, tear_down),
        cmocka_unit_test_teardown(what_lies_beyond_the_joint_is_replaced, tear_down),
        cmocka_unit_test_teardown(threads_are_kept_apart_and_the_oldest_makes_room, tear_down),
        cmocka_unit_test_teardown(it_never_writes_beyond_the_room, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
