/* Which way a photograph of the heap is taken. */
#include "core/services/heap_choice.h"

#include "test.h"

#define GB (UINT64_C(1) << 30)
#define MB (UINT64_C(1) << 20)
#define MS UINT64_C(1000000)

/* A program with workstation GC on a machine that has room. */
static struct heap_situation common(void)
{
    return (struct heap_situation){.lists = 1,
                                   .may_collect = 1,
                                   .code_bytes = 3 * MB,
                                   .collect_ns = 300 * MS,
                                   .max_pause_ns = 2000 * MS,
                                   .spare = 8 * GB,
                                   .size = {.anonymous = GB, .resident = GB}};
}

static void a_copy_is_first_and_a_collection_behind_it(void **state)
{
    struct heap_situation situation = common();
    struct heap_choice choice;
    (void)state;
    assert_int_equal(heap_choose(&situation, &choice, NULL), MEDIC_OK);
    assert_int_equal(choice.count, 2);
    assert_int_equal(choice.routes[0].route, MEDIC_HEAP_COPY);
    assert_string_equal(choice.routes[0].why.text, "");
    assert_true(choice.routes[0].pause_ns > 10 * MS && choice.routes[0].pause_ns < 40 * MS);
    assert_int_equal(choice.routes[1].route, MEDIC_HEAP_COLLECT);
    assert_int_equal(choice.routes[1].pause_ns, 300 * MS);
}

static void server_gc_is_never_copied(void **state)
{
    struct heap_situation situation = common();
    struct heap_choice choice;
    medic_reason why;
    (void)state;
    situation.server_gc = 1;
    assert_int_equal(heap_choose(&situation, &choice, NULL), MEDIC_OK);
    assert_int_equal(choice.count, 1);
    assert_int_equal(choice.routes[0].route, MEDIC_HEAP_COLLECT);
    assert_text_has(choice.routes[0].why.text, "server GC");
    situation.route = MEDIC_HEAP_COPY;
    assert_int_equal(heap_choose(&situation, &choice, &why), MEDIC_E_UNSUPPORTED);
    assert_string_equal(why.text, "with server GC a copy of the process cannot collect");
}

static void little_memory_leads_to_a_collection(void **state)
{
    struct heap_situation situation = common();
    struct heap_choice choice;
    (void)state;
    situation.spare = GB;
    assert_int_equal(heap_choose(&situation, &choice, NULL), MEDIC_OK);
    assert_int_equal(choice.count, 1);
    assert_int_equal(choice.routes[0].route, MEDIC_HEAP_COLLECT);
    assert_text_has(choice.routes[0].why.text, "MB may be used");
}

static void no_memory_at_all_is_told(void **state)
{
    struct heap_situation situation = common();
    struct heap_choice choice;
    medic_reason why;
    (void)state;
    situation.spare = MB;
    assert_int_equal(heap_choose(&situation, &choice, &why), MEDIC_E_MEMORY);
    assert_text_has(why.text, "would need about 51 MB of memory, and 1 MB may be used: raise the memory limit");
}

static void a_long_pause_is_refused(void **state)
{
    struct heap_situation situation = common();
    struct heap_choice choice;
    medic_reason why;
    (void)state;
    situation.max_pause_ns = 100 * MS;
    assert_int_equal(heap_choose(&situation, &choice, NULL), MEDIC_OK);
    assert_int_equal(choice.count, 1); /* the collection is too long */
    situation.server_gc = 1;
    assert_int_equal(heap_choose(&situation, &choice, &why), MEDIC_E_UNSAFE);
    assert_text_has(why.text, "a collection of the program would probably stop the program for 300 ms");
    assert_text_has(why.text, "100 ms are allowed: raise max_pause");
}

static void of_pauses_that_are_too_long_the_shortest_is_told(void **state)
{
    struct heap_situation situation = common();
    struct heap_choice choice;
    medic_reason why;
    (void)state;
    situation.max_pause_ns = MS;
    assert_int_equal(heap_choose(&situation, &choice, &why), MEDIC_E_UNSAFE);
    assert_text_has(why.text, "a collection in a copy of the process would probably stop the program");
    situation.spare = GB; /* too little for a copy: its pause would be the shorter, and is not to be had */
    assert_int_equal(heap_choose(&situation, &choice, &why), MEDIC_E_UNSAFE);
    assert_text_has(why.text, "300 ms");
}

static void a_list_serves_who_takes_the_dead_too(void **state)
{
    struct heap_situation situation = common();
    struct heap_choice choice;
    (void)state;
    situation.dead_too = situation.server_gc = 1;
    situation.may_collect = 0;
    assert_int_equal(heap_choose(&situation, &choice, NULL), MEDIC_OK);
    assert_int_equal(choice.count, 1);
    assert_int_equal(choice.routes[0].route, MEDIC_HEAP_ENUMERATE);
    situation.lists = 0; /* .NET 8 */
    situation.may_collect = 1;
    assert_int_equal(heap_choose(&situation, &choice, NULL), MEDIC_OK);
    assert_int_equal(choice.routes[0].route, MEDIC_HEAP_COLLECT);
    situation.server_gc = 0;
    assert_int_equal(heap_choose(&situation, &choice, NULL), MEDIC_OK);
    assert_int_equal(choice.routes[0].route, MEDIC_HEAP_COPY);
}

static void a_route_that_is_asked_for_is_taken_or_refused(void **state)
{
    struct heap_situation situation = common();
    struct heap_choice choice;
    medic_reason why;
    (void)state;
    situation.route = MEDIC_HEAP_COLLECT;
    assert_int_equal(heap_choose(&situation, &choice, NULL), MEDIC_OK);
    assert_int_equal(choice.count, 1);
    assert_int_equal(choice.routes[0].route, MEDIC_HEAP_COLLECT);
    situation.may_collect = 0;
    assert_int_equal(heap_choose(&situation, &choice, &why), MEDIC_E_UNSUPPORTED);
    assert_text_has(why.text, "no collection can be watched in this session");
    situation.route = MEDIC_HEAP_ENUMERATE;
    situation.lists = 0;
    assert_int_equal(heap_choose(&situation, &choice, &why), MEDIC_E_UNSUPPORTED);
    assert_string_equal(why.text, "the runtime cannot list its objects without a collection before .NET 9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_first_and_a_collection_behind_it),
        cmocka_unit_test(server_gc_is_never_copied),
        cmocka_unit_test(little_memory_leads_to_a_collection),
        cmocka_unit_test(no_memory_at_all_is_told),
        cmocka_unit_test(a_long_pause_is_refused),
        cmocka_unit_test(of_pauses_that_are_too_long_the_shortest_is_told),
        cmocka_unit_test(a_list_serves_who_takes_the_dead_too),
        cmocka_unit_test(a_route_that_is_asked_for_is_taken_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
