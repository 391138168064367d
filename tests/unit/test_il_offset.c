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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offset_belongs_to_the_entry_it_lies_in),
        cmocka_unit_test(what_has_no_il_of_its_own_belongs_to_what_stands_before_it),
        cmocka_unit_test(the_prolog_and_an_empty_mapping_have_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
