#include "core/services/il_calls.h"
#include "core/services/il_offset.h"

#include "test.h"

#include <medic/capture_format.h>

static const COR_DEBUG_IL_TO_NATIVE_MAP map[] = {
    {0xfffffffe, 0, 10},  /* prolog */
    {0, 10, 20},          /* */
    {7, 20, 40},          /* */
    {0xffffffff, 40, 50}, /* no mapping */
    {3, 50, 60},          /* a loop turned round */
    {0xfffffffd, 60, 64}, /* epilog */
};

enum { COUNT = sizeof map / sizeof map[0] };

static void an_offset_belongs_to_the_entry_it_lies_in(void **state)
{
    (void)state;
    assert_int_equal(il_offset_in(map, COUNT, 10), 0);
    assert_int_equal(il_offset_in(map, COUNT, 39), 7);
    assert_int_equal(il_offset_in(map, COUNT, 55), 3);
}

static void what_has_no_il_of_its_own_belongs_to_what_stands_before_it(void **state)
{
    (void)state;
    assert_int_equal(il_offset_in(map, COUNT, 45), 7);
    assert_int_equal(il_offset_in(map, COUNT, 62), 3);
}

static void the_prolog_and_an_empty_mapping_have_none(void **state)
{
    (void)state;
    assert_int_equal(il_offset_in(map, COUNT, 5), MEDIC_NO_IL_OFFSET);
    assert_int_equal(il_offset_in(map, 0, 5), MEDIC_NO_IL_OFFSET);
}

/* for (int i = 0; i < count; i++) s_last = new int[250]; ECMA-335: a tiny header, 24 bytes of code. */
static const uint8_t loop[] = {
    24 << 2 | 2, 0x16, 0x0a, 0x2b, 0x0f, /* 0: i = 0; br.s 19 */
    0x20,        250,  0,    0,    0,    /* 4: ldc.i4 250 */
    0x8d,        1,    0,    0,    1,    /* 9: newarr */
    0x26,                                /* 14: pop */
    0x06,        0x17, 0x58, 0x0a,       /* 15: i++ */
    0x06,        0x02, 0x32, 0xed, 0x2a, /* 19: i < count; blt.s 4; 23: ret */
};

static void a_call_lies_where_something_can_be_called(void **state)
{
    (void)state;
    assert_int_equal(il_first_call(loop, sizeof loop, 0), 9);
    assert_int_equal(il_first_call(loop, sizeof loop, 4), 9);
    assert_int_equal(il_first_call(loop, sizeof loop, 9), 9);
    assert_int_equal(il_first_call(loop, sizeof loop, 15), 9);
}

static void where_nothing_is_called_the_offset_stays(void **state)
{
    static const uint8_t endless[] = {4 << 2 | 2, 0x00, 0x00, 0x2b, 0xfc}; /* nop; nop; br.s 0 */
    static const uint8_t cut[] = {3 << 2 | 2, 0x16, 0x20, 0x01};           /* ldc.i4 without its constant */

    (void)state;
    assert_int_equal(il_first_call(loop, sizeof loop, 23), 23);
    assert_int_equal(il_first_call(loop, sizeof loop, 24), 24);
    assert_int_equal(il_first_call(endless, sizeof endless, 1), 1);
    assert_int_equal(il_first_call(cut, sizeof cut, 0), 0);
}

static void a_body_that_makes_no_sense_says_nothing(void **state)
{
    uint8_t fat[] = {0x13, 0x30, 8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0x16, 0x28};

    (void)state;
    assert_int_equal(il_first_call(fat, sizeof fat, 0), 1);
    assert_int_equal(il_first_call(fat, sizeof fat - 1, 0), 0);
    assert_int_equal(il_first_call(fat, 0, 0), 0);
    assert_int_equal(il_first_call(loop, sizeof loop - 1, 4), 4);
    fat[0] = 0;
    assert_int_equal(il_first_call(fat, sizeof fat, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offset_belongs_to_the_entry_it_lies_in),
        cmocka_unit_test(what_has_no_il_of_its_own_belongs_to_what_stands_before_it),
        cmocka_unit_test(the_prolog_and_an_empty_mapping_have_none),
        cmocka_unit_test(a_call_lies_where_something_can_be_called),
        cmocka_unit_test(where_nothing_is_called_the_offset_stays),
        cmocka_unit_test(a_body_that_makes_no_sense_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
