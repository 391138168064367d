/* The runtime's tables of types, its fields and its threads' statics, made up as the runtime lays them out. */
#include "core/services/heap_types.h"

#include "test.h"

#include <stdlib.h>

enum { WORDS = 512 };

static uint64_t *new_words(void)
{
    return calloc(WORDS, sizeof(uint64_t));
}

static uint64_t at(const uint64_t *words)
{
    return (uint64_t)(uintptr_t)words;
}

struct seen {
    uint64_t types[16];
    uint32_t count;
};

static void note(void *context, uint64_t type)
{
    struct seen *seen = context;

    assert_true(seen->count < 16);
    seen->types[seen->count++] = type;
}

/* ---- types by number ---- */

enum { PLACE = 416 };

/* A module whose map has two links: numbers 0 to 2 and 3 to 4. */
static uint64_t *module_with_types(uint64_t first, uint64_t second)
{
    uint64_t *module = new_words(), *link = new_words(), *low = new_words(), *high = new_words();

    module[PLACE / 8] = at(link);
    module[PLACE / 8 + 1] = at(low);
    module[PLACE / 8 + 2] = 3;
    low[2] = first | 1; /* a flag */
    link[1] = at(high);
    link[2] = 2;
    high[1] = second;
    return module;
}

static void free_module(uint64_t *module)
{
    uint64_t *link = (uint64_t *)(uintptr_t)module[PLACE / 8];

    free((void *)(uintptr_t)link[1]);
    free((void *)(uintptr_t)module[PLACE / 8 + 1]);
    free(link);
    free(module);
}

static void types_are_found_in_all_links_of_the_map(void **state)
{
    uint64_t *module = module_with_types(0x10008, 0x20008);
    struct seen seen = {.count = 0};

    (void)state;
    heap_types_definitions(at(module), PLACE, note, &seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.types[0], 0x10008);
    assert_int_equal(seen.types[1], 0x20008);
    free_module(module);
}

static void the_place_of_the_map_is_where_it_leads_to_known_types(void **state)
{
    uint64_t *module = module_with_types(0x10008, 0x20008);
    const struct heap_known_type known[] = {
        {0x10008, at(module), 2}, {0x20008, at(module), 4}, {0x30008, at(module), 1}};

    (void)state;
    assert_int_equal(heap_types_match(known, 3, PLACE), 2);
    assert_int_equal(heap_types_match(known, 3, PLACE - 8), 0);
    assert_int_equal(heap_types_match(known, 3, PLACE + 64), 0);
    free_module(module);
}

/* ---- generic instances ---- */

static void instances(uint64_t mark, uint32_t first)
{
    uint64_t *module = new_words(), *hash = new_words(), *buckets = new_words(), *entries = new_words();
    struct seen seen = {.count = 0};

    module[75] = at(hash);
    hash[0] = at(module);
    hash[2] = at(buckets);
    buckets[0] = 2;
    buckets[2] = mark;
    buckets[first] = at(entries);
    buckets[first + 1] = mark;
    entries[0] = 0x10008;
    entries[1] = at(entries + 4);
    entries[4] = 0x20002; /* no class: a pointer, or a type parameter */
    entries[5] = at(entries + 8);
    entries[8] = 0x30008;
    entries[9] = mark;
    heap_types_instances(at(module), 600, note, &seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.types[0], 0x10008);
    assert_int_equal(seen.types[1], 0x30008);
    heap_types_instances(at(module), 592, note, &seen);
    assert_int_equal(seen.count, 2);
    free(module);
    free(hash);
    free(buckets);
    free(entries);
}

static void instances_are_found_as_net_8_keeps_them(void **state)
{
    (void)state;
    instances(0, 2);
}

static void instances_are_found_as_net_9_keeps_them(void **state)
{
    (void)state;
    instances(65, 3); /* a chain ends with an odd mark */
}

/* ---- modules ---- */

static void modules_come_from_all_blocks_of_the_list(void **state)
{
    uint64_t *domain = new_words(), *block = new_words(), *assemblies = new_words();
    struct heap_type_places places = {.assemblies = 576, .module = 16};
    struct seen seen = {.count = 0};

    (void)state;
    domain[72] = 3;
    domain[73] = at(block);
    domain[74] = 2;
    domain[75] = at(assemblies);
    domain[76] = 0; /* unloaded */
    block[1] = 4;
    block[2] = at(assemblies + 8);
    assemblies[2] = 0x111000;
    assemblies[10] = 0x222000;
    heap_types_modules(at(domain), &places, note, &seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.types[0], 0x111000);
    assert_int_equal(seen.types[1], 0x222000);
    free(domain);
    free(block);
    free(assemblies);
}

/* ---- fields ---- */

static uint64_t field(uint32_t number, uint64_t flags, uint64_t type, uint64_t offset)
{
    return (uint64_t)number | flags << 24 | (type << 27 | offset) << 32;
}

enum { IS_STATIC = 1, IS_THREAD = 2, IS_RVA = 4, INT = 8, VALUE = 0x11, CLASS = 0x12 };

static void static_fields_that_hold_objects_are_told(void **state)
{
    uint64_t *type = new_words(), *class = new_words(), *fields = new_words();
    struct heap_static_field found[4];

    (void)state;
    type[5] = at(class);
    class[2] = at(type);
    class[3] = at(fields);
    for (int i = 0; i < 7; i++)
        fields[i * 2] = at(type);
    fields[1] = field(1, 0, CLASS, 8);
    fields[3] = field(2, IS_STATIC, CLASS, 16);
    fields[5] = field(3, IS_STATIC, INT, 24);
    fields[7] = field(4, IS_STATIC | IS_RVA, VALUE, 0);
    fields[9] = field(5, IS_STATIC, VALUE, 32);
    fields[11] = field(6, IS_STATIC | IS_THREAD, CLASS, 8);
    fields[13] = 0x7f0012345678; /* something else that begins with the type: a pointer */
    assert_int_equal(heap_type_statics(at(type), found, 4), 3);
    assert_int_equal(found[0].token, 0x04000002);
    assert_int_equal(found[0].offset, 16);
    assert_false(found[0].is_value || found[0].is_thread_static);
    assert_int_equal(found[1].token, 0x04000005);
    assert_true(found[1].is_value);
    assert_int_equal(found[2].token, 0x04000006);
    assert_true(found[2].is_thread_static);
    assert_int_equal(heap_type_statics(at(type), found, 1), 3);
    free(type);
    free(class);
    free(fields);
}

static void a_generic_instance_has_the_fields_of_its_canonical_class(void **state)
{
    uint64_t *type = new_words(), *canonical = new_words(), *class = new_words(), *fields = new_words();
    struct heap_static_field found[4];

    (void)state;
    type[5] = at(canonical) | 1;
    canonical[5] = at(class);
    class[2] = at(canonical);
    class[3] = at(fields);
    fields[0] = at(canonical);
    fields[1] = field(9, IS_STATIC, CLASS, 0);
    assert_int_equal(heap_type_statics(at(type), found, 4), 1);
    assert_int_equal(found[0].token, 0x04000009);
    class[2] = at(type); /* is not its class */
    assert_int_equal(heap_type_statics(at(type), found, 4), 0);
    free(type);
    free(canonical);
    free(class);
    free(fields);
}

static void a_class_tells_where_its_statics_are(void **state)
{
    uint64_t *type = new_words(), *auxiliary = new_words(), base = 1;

    (void)state;
    type[4] = at(auxiliary + 8);
    assert_false(heap_type_base(at(type), &base));
    auxiliary[7] = at(type);
    auxiliary[5] = 0x10001; /* not initialised yet */
    assert_true(heap_type_base(at(type), &base));
    assert_int_equal(base, 0x10000);
    free(type);
    free(auxiliary);
}

static void a_generic_instance_of_net_8_is_looked_up_in_its_module(void **state)
{
    uint64_t *type = new_words(), *module = new_words(), *locals = new_words(), *fields = new_words();
    uint64_t number_1[2] = {0x50008};

    (void)state;
    type[1] = (uint64_t)9 << 32; /* two pieces of virtual methods */
    type[3] = at(module);
    type[10] = at(fields);
    type[11] = 1;
    fields[0] = at(type);
    fields[1] = field(2, IS_STATIC, CLASS, 0);
    module[153] = at(locals);
    locals[1] = at(locals + 8);
    locals[2] = 2;
    locals[10] = at(number_1);
    assert_int_equal(heap_type_instance_base(at(type), 1224), 0x50008);
    assert_int_equal(heap_type_instance_base(at(type), 1232), 0);
    locals[2] = 1; /* it is not in the list */
    assert_int_equal(heap_type_instance_base(at(type), 1224), 0);
    locals[2] = 2;
    fields[1] = field(2, 0, CLASS, 8); /* not of statics */
    assert_int_equal(heap_type_instance_base(at(type), 1224), 0);
    free(type);
    free(module);
    free(locals);
    free(fields);
}

static void a_thread_has_statics_of_plain_and_of_unloadable_classes(void **state)
{
    uint64_t *type = new_words(), *auxiliary = new_words(), *thread = new_words(), *data = new_words(),
             *more = new_words(), handle = 0x30008;

    (void)state;
    type[4] = at(auxiliary + 8);
    auxiliary[7] = at(type);
    thread[10] = at(data);
    assert_false(heap_thread_has_data(at(thread), 80));
    data[0] = 4 | (uint64_t)2 << 32;
    data[1] = at(more);
    data[2] = at(more + 8);
    data[3] = at(thread);
    more[3] = 0x20008;
    more[9] = at(&handle);
    assert_true(heap_thread_has_data(at(thread), 80));
    assert_int_equal(heap_thread_statics(at(thread), 80), at(more));
    auxiliary[3] = (uint64_t)3 << 32;
    assert_int_equal(heap_type_thread_base(at(type), at(thread), 80), 0x20008);
    auxiliary[3] = (uint64_t)4 << 32; /* beyond what the thread has */
    assert_int_equal(heap_type_thread_base(at(type), at(thread), 80), 0);
    auxiliary[3] = (uint64_t)0x01000001 << 32;
    assert_int_equal(heap_type_thread_base(at(type), at(thread), 80), 0x30008);
    auxiliary[3] = (uint64_t)UINT32_MAX << 32; /* nobody has used it */
    assert_int_equal(heap_type_thread_base(at(type), at(thread), 80), 0);
    free(type);
    free(auxiliary);
    free(thread);
    free(data);
    free(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_found_in_all_links_of_the_map),
        cmocka_unit_test(the_place_of_the_map_is_where_it_leads_to_known_types),
        cmocka_unit_test(instances_are_found_as_net_8_keeps_them),
        cmocka_unit_test(instances_are_found_as_net_9_keeps_them),
        cmocka_unit_test(modules_come_from_all_blocks_of_the_list),
        cmocka_unit_test(static_fields_that_hold_objects_are_told),
        cmocka_unit_test(a_generic_instance_has_the_fields_of_its_canonical_class),
        cmocka_unit_test(a_class_tells_where_its_statics_are),
        cmocka_unit_test(a_generic_instance_of_net_8_is_looked_up_in_its_module),
        cmocka_unit_test(a_thread_has_statics_of_plain_and_of_unloadable_classes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
