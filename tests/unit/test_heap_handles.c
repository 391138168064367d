/* Handle tables and the list of finalizers, made up as the runtime lays them out; and steps that crash or hang. */
#include "core/services/heap_handles.h"
#include "core/services/heap_try.h"

#include "test.h"

#include <stdlib.h>
#include <unistd.h>

enum { KINDS = 12, NEXT = 1920 + 6 * KINDS, KIND_OF = 1560, SECOND_OF = 1680, VALUES = 4096, BLOCK = 512 };

struct table {
    uint32_t flags[KINDS];
    uint64_t first;
};

struct seen {
    struct heap_handle handles[8];
    uint32_t count;
};

static void note(void *context, const struct heap_handle *handle)
{
    struct seen *seen = context;

    assert_true(seen->count < 8);
    seen->handles[seen->count++] = *handle;
}

static void put(uint8_t *segment, size_t offset, uint64_t word)
{
    memcpy(segment + offset, &word, sizeof word);
}

static uint8_t *new_segment(struct table *table)
{
    uint8_t *segment = aligned_alloc(HEAP_HANDLES_SEGMENT, HEAP_HANDLES_SEGMENT);

    memset(segment, 0, HEAP_HANDLES_SEGMENT);
    memset(segment + KIND_OF, 0xff, 2 * 120);
    put(segment, NEXT, table->first);
    put(segment, NEXT + 8, (uint64_t)(uintptr_t)table);
    table->first = (uint64_t)(uintptr_t)segment;
    return segment;
}

static void a_segment_is_known_by_its_table(void **state)
{
    struct table table = {.first = 0}, other = {.first = 0};
    uint8_t *first = new_segment(&table), *second = new_segment(&table);

    (void)state;
    assert_true(heap_handles_are_at((uint64_t)(uintptr_t)first, KINDS));
    assert_true(heap_handles_are_at((uint64_t)(uintptr_t)second, KINDS));
    assert_false(heap_handles_are_at((uint64_t)(uintptr_t)first, KINDS + 1));
    put(first, NEXT + 8, (uint64_t)(uintptr_t)&other);
    assert_false(heap_handles_are_at((uint64_t)(uintptr_t)first, KINDS));
    free(first);
    free(second);
}

static void handles_come_with_their_kind_and_second_object(void **state)
{
    struct table table = {.first = 0};
    uint8_t *segment = new_segment(&table);
    struct seen seen = {.count = 0};

    (void)state;
    segment[KIND_OF] = HEAP_HANDLE_STRONG;
    segment[KIND_OF + 3] = HEAP_HANDLE_DEPENDENT;
    segment[SECOND_OF + 3] = 5;
    segment[KIND_OF + 5] = KINDS - 1; /* the second objects */
    put(segment, VALUES + 8, 0x1000);
    put(segment, VALUES + 3 * BLOCK + 16, 0x2000);
    put(segment, VALUES + 5 * BLOCK + 16, 0x3000);
    put(segment, VALUES + 7 * BLOCK, 0x4000); /* of no kind */
    heap_handles_visit((uint64_t)(uintptr_t)segment, KINDS, note, &seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.handles[0].kind, HEAP_HANDLE_STRONG);
    assert_int_equal(seen.handles[0].object, 0x1000);
    assert_int_equal(seen.handles[0].handle, (uint64_t)(uintptr_t)segment + VALUES + 8);
    assert_int_equal(seen.handles[1].kind, HEAP_HANDLE_DEPENDENT);
    assert_int_equal(seen.handles[1].object, 0x2000);
    assert_int_equal(seen.handles[1].second, 0x3000);
    free(segment);
}

static void the_list_of_finalizers_is_known_by_its_pointers(void **state)
{
    uint64_t array = 0x10000;
    uint64_t list[9] = {array + 8,  array + 8,  array + 16, array + 16, array + 40,
                        array + 40, array + 64, array,      array + 800};
    struct heap_finalizers found;

    (void)state;
    assert_true(heap_finalizers_are_at((uint64_t)(uintptr_t)list, &found));
    assert_int_equal(found.first, array);
    assert_int_equal(found.end, array + 64);
    assert_int_equal(found.ready, array + 40);
    assert_int_equal(found.ready_end, array + 64);
    list[3] = array + 8; /* goes back */
    assert_false(heap_finalizers_are_at((uint64_t)(uintptr_t)list, &found));
    list[3] = array + 16;
    list[8] = array + 56; /* ends before its last */
    assert_false(heap_finalizers_are_at((uint64_t)(uintptr_t)list, &found));
}

/* ---- steps ---- */

static void crash(void *context)
{
    **(volatile int **)context = 1;
}

static void hang(void *context)
{
    (void)context;
    for (;;)
        pause();
}

static void count(void *context)
{
    ++*(int *)context;
}

static void a_step_that_crashes_or_hangs_is_left(void **state)
{
    int *nowhere = NULL, times = 0;

    (void)state;
    assert_true(heap_try_open());
    assert_true(heap_try_open());
    for (int i = 0; i < 3; i++)
        assert_int_equal(heap_try(crash, &nowhere), HEAP_TRIED_FAULT);
    assert_int_equal(heap_try(count, &times), HEAP_TRIED_OK);
    heap_try_limit(UINT64_C(20000000));
    assert_int_equal(heap_try(hang, NULL), HEAP_TRIED_LATE);
    assert_int_equal(heap_try(count, &times), HEAP_TRIED_LATE);
    assert_true(heap_try_is_late());
    heap_try_limit(0);
    assert_int_equal(heap_try(count, &times), HEAP_TRIED_OK);
    assert_int_equal(times, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_is_known_by_its_table),
        cmocka_unit_test(handles_come_with_their_kind_and_second_object),
        cmocka_unit_test(the_list_of_finalizers_is_known_by_its_pointers),
        cmocka_unit_test(a_step_that_crashes_or_hangs_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
