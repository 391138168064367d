/* dup_strings: made-up heaps go in, a verdict and sections come out; and what a string looks like when it is shown. */
#include "heap_host.h"

#include "plugins/dup_strings/dup_strings.h"
#include "plugins/dup_strings/value_text.h"

/* --- scenes --- */

static int redact;
static uint32_t string_class, customer, names, entries, list, filler;

static int get_bool(const medic_host *host, const char *key, int *value)
{
    (void)host;
    *value = redact;
    return strcmp(key, "redact") == 0 ? MEDIC_OK : MEDIC_E_NOT_FOUND;
}

static int get_int(const medic_host *host, const char *key, int64_t *value)
{
    (void)host;
    *value = 20;
    return strcmp(key, "value_length") == 0 ? MEDIC_OK : MEDIC_E_NOT_FOUND;
}

static const void *services(const char *name)
{
    static const medic_params_service params = {.size = sizeof params, .get_bool = get_bool, .get_int = get_int};

    return strcmp(name, MEDIC_SERVICE_PARAMS) == 0 ? &params : heap_service(name);
}

static int begin(void **state)
{
    (void)state;
    host_reset();
    heap_reset();
    made.more = services;
    redact = 0;
    string_class = heap_class(MEDIC_KIND_STRING, MEDIC_CODE_FRAMEWORK, "string", NULL);
    customer = heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_USER, "Orders.Customer", "_city", "_name", "_tags", NULL);
    names = heap_class(MEDIC_KIND_ARRAY, MEDIC_CODE_FRAMEWORK, "string[]", "[]", NULL);
    entries =
        heap_class(MEDIC_KIND_ARRAY, MEDIC_CODE_FRAMEWORK,
                   "System.Collections.Generic.Dictionary<string,Orders.Customer>.Entry[]", "[].key", "[].value", NULL);
    list =
        heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_FRAMEWORK, "System.Collections.Generic.List<string>", "_items", NULL);
    filler = heap_class(MEDIC_KIND_ARRAY, MEDIC_CODE_FRAMEWORK, "byte[]", NULL);
    return 0;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void has_not(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" is in:\n%s", part, text);
}

static uint32_t customer_in(const char *city)
{
    uint32_t node = heap_object(customer, 5, MEDIC_GENERATION_2);

    heap_refer(node, 0, heap_string(string_class, city));
    return node;
}

/* --- waste --- */

static void copies_are_counted_exactly(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        heap_root(customer_in(i < 75 ? "Berlin" : "Rom"), MEDIC_ROOT_STACK, 0, "stack of Orders.Main");
    heap_object(filler, 125000, MEDIC_GENERATION_LARGE);
    const char *text = host_render(&dup_strings_report);

    /* "Berlin": 22 + 12 bytes are 40; "Rom": 22 + 6 are 32 */
    has(text, "row \"Berlin\"; 6; 75; 40; 2960;");
    has(text, "row \"Rom\"; 3; 25; 32; 768;");
    has(text, "row strings; 100; 3800;");
    has(text, "row different values; 2; 72;");
    has(text, "row copies; 98; 3728;");
    has(text, "row Orders.Customer._city; ; 3728; 1.000; 100; 2; 100; \"Berlin\";");
    has(text, "Orders.Customer._city: 75;");
    assert_int_equal(made.severity, MEDIC_HEALTHY);
}

static void much_waste_is_a_sentence_with_value_and_field(void **state)
{
    (void)state;
    for (int i = 0; i < 1001; i++)
        heap_root(customer_in("Berlin"), MEDIC_ROOT_STACK, 0, "stack of Orders.Main");
    for (uint32_t node = 0; node < heap.graph.node_count; node++) /* as if each were 1 MB */
        if (heap.class_of[node] == string_class) {
            heap.units[node] += 125000;
            heap.graph.bytes += 1000000;
        }
    const char *text = host_render(&dup_strings_report);

    has(made.verdict,
        "100 % of the heap (1.00 GB of 1.00 GB) are copies of strings: \"Berlin\" is there 1,001 times, held "
        "by Orders.Customer._city.");
    assert_int_equal(made.severity, MEDIC_CRITICAL);
    has(text,
        "finding Orders.Customer._city holds 1,001 strings of 1 value, 1.00 GB too many: so few values are an enum");
    has(text, "[holders Orders.Customer._city|]");
}

static void one_string_that_all_share_is_no_waste(void **state)
{
    uint32_t shared;

    (void)state;
    shared = heap_string(string_class, "shared");
    for (int i = 0; i < 50; i++) {
        uint32_t node = heap_object(customer, 5, MEDIC_GENERATION_2);
        heap_refer(node, 0, shared);
        heap_refer(node, 1, shared);
    }
    const char *text = host_render(&dup_strings_report);

    has(text, "row copies; 0; 0;");
    has_not(text, "section values");
    has(made.verdict, "Healthy: ");
}

static void a_literal_counts_as_the_one_that_is_needed(void **state)
{
    (void)state;
    heap.generation[heap_string(string_class, "Berlin")] = MEDIC_GENERATION_FROZEN;
    customer_in("Berlin");
    customer_in("Berlin");
    const char *text = host_render(&dup_strings_report);

    has(text, "row \"Berlin\"; 6; 3; 40; 80;");
    has(text, "row literals and other frozen ones; 1; 40;");
}

/* --- holders --- */

static void a_string_that_two_fields_hold_counts_for_both(void **state)
{
    uint32_t first, second, two;

    (void)state;
    first = customer_in("Rom");
    (void)first;
    second = heap_object(customer, 5, MEDIC_GENERATION_2);
    two = heap_string(string_class, "Rom");
    heap_refer(second, 0, two);
    heap_refer(second, 1, two);
    const char *text = host_render(&dup_strings_report);

    has(text, "row Orders.Customer._city; ; 32; 1.000; 2; 1; 2; \"Rom\";");
    has(text, "row Orders.Customer._name; ; 16; 0.500; 1; 1; 1; \"Rom\";");
}

static void elements_belong_to_the_field_of_the_program_that_leads_to_them(void **state)
{
    uint32_t owner, in_list, array;

    (void)state;
    owner = heap_object(customer, 5, MEDIC_GENERATION_2);
    in_list = heap_object(list, 4, MEDIC_GENERATION_2);
    array = heap_object(names, 10, MEDIC_GENERATION_2);
    heap_root(owner, MEDIC_ROOT_STATIC, 0, "static Orders.Cache._owner");
    heap_refer(owner, 2, in_list);
    heap_refer(in_list, 0, array);
    for (int i = 0; i < 6; i++)
        heap_refer(array, 0, heap_string(string_class, "tag"));
    const char *text = host_render(&dup_strings_report);

    has(text, "row Orders.Customer._tags; string[]; 160; 1.000; 6; 1; 6; \"tag\";");
}

static void keys_of_a_dictionary_belong_to_the_static_field(void **state)
{
    uint32_t array;

    (void)state;
    array = heap_object(entries, 40, MEDIC_GENERATION_2);
    heap_root(array, MEDIC_ROOT_STATIC, 0, "static Orders.Index._byCity");
    for (int i = 0; i < 3; i++) {
        heap_refer(array, 0, heap_string(string_class, "Rom"));
        heap_refer(array, 1, customer_in("Rom"));
    }
    const char *text = host_render(&dup_strings_report);

    has(text, "row static Orders.Index._byCity; Dictionary<string,Orders.Customer>.Entry[].key; 80;");
    has(text, "static Orders.Index._byCity (keys): 3");
}

static void the_field_of_a_property_is_called_as_the_property(void **state)
{
    uint32_t property =
        heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_USER, "Orders.Order<Orders.A>", "<Name>k__BackingField", NULL);

    (void)state;
    for (int i = 0; i < 3; i++)
        heap_refer(heap_object(property, 3, MEDIC_GENERATION_2), 0, heap_string(string_class, "Rom"));
    heap_root(heap_string(string_class, "Rom"), MEDIC_ROOT_STATIC, 0, "static Orders.Cache.<City>k__BackingField");
    const char *text = host_render(&dup_strings_report);

    has(text, "row Orders.Order<Orders.A>.Name; ;");
    has(text, "row static Orders.Cache.City; ;");
}

static void a_hint_fits_the_evidence(void **state)
{
    uint32_t pool = heap_class(MEDIC_KIND_ARRAY, MEDIC_CODE_FRAMEWORK, "Node[]", "[]", NULL), array;
    char name[32];

    (void)state;
    heap_class(MEDIC_KIND_OBJECT, MEDIC_CODE_FRAMEWORK, "Npgsql.Connection", NULL);
    heap.classes[heap.graph.class_count].count = 1;
    for (int i = 0; i < 300; i++) {
        uint32_t node = customer_in("Rom");              /* one value */
        snprintf(name, sizeof name, "name %d", i % 100); /* a hundred, three times each */
        heap_refer(node, 1, heap_string(string_class, name));
        heap_root(node, MEDIC_ROOT_STACK, 0, "stack of Orders.Main");
    }
    array = heap_object(entries, 40, MEDIC_GENERATION_2);
    heap_root(array, MEDIC_ROOT_STATIC, 0, "static Orders.Index._byCity");
    for (int i = 0; i < 100; i++)
        heap_refer(array, 0, heap_string(string_class, "Wien"));
    array = heap_object(pool, 40, MEDIC_GENERATION_2);
    heap_root(array, MEDIC_ROOT_STATIC, 0, "static Orders.Once._all");
    for (int i = 0; i < 100; i++) { /* two of each: nothing to say */
        snprintf(name, sizeof name, "twice %d", i / 2);
        heap_refer(array, 0, heap_string(string_class, name));
    }
    for (uint32_t node = 0; node < heap.graph.node_count; node++) /* as if each were 100 kB */
        if (heap.class_of[node] == string_class) {
            heap.units[node] += 12500;
            heap.graph.bytes += 100000;
        }
    const char *text = host_render(&dup_strings_report);

    has(text, "Orders.Customer._city holds 300 strings of 1 value, 29.9 MB too many: so few values are an enum");
    has(text,
        "Orders.Customer._name holds 300 strings of 100 values, 20.0 MB too many: share them where they come in, by "
        "a table of the strings that were seen (StringPool); if Npgsql reads them, what reads its rows is the place.");
    has(text,
        "static Orders.Index._byCity holds 100 strings of 1 value, 9.90 MB too many: they are keys of a dictionary");
    has(text, "static Orders.Once._all holds 100 strings of 50 values, 5.00 MB too many. [holders");
}

static void strings_of_a_static_field_itself_are_named_by_it(void **state)
{
    (void)state;
    heap_root(heap_string(string_class, "Rom"), MEDIC_ROOT_STATIC, 0, "static Orders.Cache._city");
    heap_string(string_class, "Rom");
    const char *text = host_render(&dup_strings_report);

    has(text, "row static Orders.Cache._city; ; 16; 0.500; 1; 1; 1;");
}

/* --- the dead --- */

static void the_dead_are_counted_apart(void **state)
{
    (void)state;
    heap.graph.route = MEDIC_HEAP_ENUMERATE;
    heap.graph.contents |= MEDIC_HEAP_DEAD;
    heap_root(customer_in("Rom"), MEDIC_ROOT_STATIC, 0, "static Orders.Cache._a");
    heap_root(customer_in("Rom"), MEDIC_ROOT_STATIC, 0, "static Orders.Cache._b");
    heap_root(customer_in("Rom"), MEDIC_ROOT_HANDLE, MEDIC_ROOT_WEAK, "weak handle"); /* dead */
    for (int i = 0; i < 10; i++)
        customer_in("Rom");
    const char *text = host_render(&dup_strings_report);

    has(text, "row \"Rom\"; 3; 2; 32; 32;");
    has(text, "row dead, not yet collected; 11; 352;");
    has(made.verdict, "of the live heap (32 B of 144 B); dead strings (352 B) are not counted.");
    has(text, "Nothing was collected for this photograph: a string counts as dead when");
}

static void without_roots_nothing_is_called_dead(void **state)
{
    (void)state;
    heap.graph.contents |= MEDIC_HEAP_DEAD;
    customer_in("Rom");
    customer_in("Rom");
    const char *text = host_render(&dup_strings_report);

    has(text, "row \"Rom\"; 3; 2; 32; 32;");
    has(text, "no root was found");
}

static void cycles_and_chains_end(void **state)
{
    uint32_t first, node;

    (void)state;
    heap.graph.contents |= MEDIC_HEAP_DEAD;
    first = node = heap_object(list, 4, MEDIC_GENERATION_2);
    heap_root(first, MEDIC_ROOT_HANDLE, 0, "handle");
    for (int i = 0; i < 500; i++) {
        uint32_t next = heap_object(list, 4, MEDIC_GENERATION_2);
        heap_refer(node, 0, next);
        node = next;
    }
    heap_refer(node, 0, first);
    heap_refer(node, 0, heap_string(string_class, "Rom"));
    heap_refer(node, 0, heap_string(string_class, "Rom"));
    const char *text = host_render(&dup_strings_report);

    has(text, "row \"Rom\"; 3; 2; 32; 32;");
    has(text, "row List<string>._items; ; 32;"); /* too far from any field of the program */
}

/* --- secrets --- */

static void redacted_values_are_hashes(void **state)
{
    (void)state;
    redact = 1;
    heap.graph.contents = MEDIC_HEAP_HASHES;
    customer_in("password1");
    customer_in("password1");
    const char *text = host_render(&dup_strings_report);

    has_not(text, "password1");
    has(text, "row #");
    has(text, "; 9; 2; 40; 40;");
    has(text, "not a secret one");
}

static void redacted_values_stay_hidden_even_if_the_capture_has_them(void **state)
{
    (void)state;
    redact = 1;
    customer_in("password1");
    customer_in("password1");

    has_not(host_render(&dup_strings_report), "password1");
}

/* --- no photograph --- */

static void no_photograph_is_said(void **state)
{
    (void)state;
    heap.taken = 0;
    host_render(&dup_strings_report);
    has(made.verdict, "No photograph of the heap was taken");
    assert_int_equal(made.severity, MEDIC_NOTICE);
}

static void an_empty_heap_is_healthy(void **state)
{
    (void)state;
    host_render(&dup_strings_report);
    has(made.verdict, "Healthy: copies of strings are 0 % of the heap (0 B of 0 B).");
}

static int unknown_bool(const medic_host *host, const char *key, int *value)
{
    (void)host, (void)key, (void)value;
    return MEDIC_E_NOT_FOUND;
}

static const void *older_services(const char *name)
{
    static const medic_params_service params = {.size = sizeof params, .get_bool = unknown_bool, .get_int = get_int};

    return strcmp(name, MEDIC_SERVICE_PARAMS) == 0 ? &params : heap_service(name);
}

static void refuse(const char *sentence)
{
    medic_host host = {.size = sizeof host, .service = made_service};
    medic_reason why = {""};

    assert_int_not_equal(dup_strings_report.render(&host, &why), MEDIC_OK);
    assert_string_equal(why.text, sentence);
}

static void a_photograph_without_hashes_is_refused(void **state)
{
    (void)state;
    heap.graph.contents = 0;
    refuse("the photograph of the heap has no hashes of strings");
}

static void a_damaged_photograph_is_no_bad_report(void **state)
{
    (void)state;
    heap.unreadable = 1;
    refuse("the photograph of the heap cannot be read");
}

static void another_host_is_refused(void **state)
{
    (void)state;
    made.more = older_services;
    refuse("the host does not know the parameters of dup_strings");
}

/* --- text --- */

static const char *shown(const uint16_t *text, uint32_t units, uint32_t length, uint32_t most)
{
    static char out[4096];

    value_text(out, text, units, length, most);
    assert_true(strlen(out) < (size_t)most * VALUE_TEXT_UNIT + VALUE_TEXT_FRAME);
    return out;
}

#define SHOWN(text, most) shown(text, (uint32_t)(sizeof(text) / 2 - 1), (uint32_t)(sizeof(text) / 2 - 1), most)

static void text_is_escaped(void **state)
{
    static const uint16_t lone[] = {'a', 0xd800, 'b', 0xdc00, 0};
    static const uint16_t trick[] = {0x202e, 'x', 0x85, 0x1b, 0x7f, 0};

    (void)state;
    assert_string_equal(SHOWN(u"", 20), "\"\"");
    assert_string_equal(SHOWN(u"say \"hi\" \\o/", 20), "\"say \\\"hi\\\" \\\\o/\"");
    assert_string_equal(SHOWN(u"a\nb\tc\rd", 20), "\"a\\nb\\tc\\rd\"");
    assert_string_equal(SHOWN(u"\x01[31m", 20), "\"\\u0001[31m\"");
    assert_string_equal(SHOWN(u"<b>&amp;|", 20), "\"<b>&amp;|\"");
    assert_string_equal(SHOWN(u"Größe 東京 😀", 20), "\"Größe 東京 😀\"");
    assert_string_equal(shown(lone, 4, 4, 20), "\"a\\uD800b\\uDC00\"");
    assert_string_equal(shown(trick, 5, 5, 20), "\"\\u202Ex\\u0085\\u001B\\u007F\"");
}

static void text_is_cut_between_characters(void **state)
{
    (void)state;
    assert_string_equal(SHOWN(u"abcdef", 4), "\"abcd…\"");
    assert_string_equal(SHOWN(u"abcdef", 6), "\"abcdef\"");
    assert_string_equal(SHOWN(u"abc😀", 4), "\"abc…\"");
    assert_string_equal(SHOWN(u"abce\u0301f", 4), "\"abc…\"");
    assert_string_equal(SHOWN(u"ab\r\nc", 3), "\"ab…\"");
    assert_string_equal(SHOWN(u"a👩\u200d🚀", 4), "\"a…\"");
    assert_string_equal(shown(u"abc\xd83d", 4, 1000, 4), "\"abc…\""); /* the other half was not kept */
    assert_string_equal(shown(u"", 0, 1000, 4), "\"…\"");
}

static void text_of_accents_only_is_cut_too(void **state)
{
    uint16_t text[60];

    (void)state;
    for (size_t i = 0; i < 60; i++)
        text[i] = 0x0301;
    assert_int_equal(strlen(shown(text, 60, 60, 50)), 2 + 50 * 2 + 3);
    for (size_t i = 0; i < 60; i += 2) {
        text[i] = 0xd83c;
        text[i + 1] = 0xdffb; /* a skin tone */
    }
    assert_int_equal(strlen(shown(text, 60, 60, 51)), 2 + 25 * 4 + 3);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        CASE(copies_are_counted_exactly),
        CASE(much_waste_is_a_sentence_with_value_and_field),
        CASE(one_string_that_all_share_is_no_waste),
        CASE(a_literal_counts_as_the_one_that_is_needed),
        CASE(a_string_that_two_fields_hold_counts_for_both),
        CASE(elements_belong_to_the_field_of_the_program_that_leads_to_them),
        CASE(keys_of_a_dictionary_belong_to_the_static_field),
        CASE(the_field_of_a_property_is_called_as_the_property),
        CASE(a_hint_fits_the_evidence),
        CASE(strings_of_a_static_field_itself_are_named_by_it),
        CASE(the_dead_are_counted_apart),
        CASE(without_roots_nothing_is_called_dead),
        CASE(cycles_and_chains_end),
        CASE(redacted_values_are_hashes),
        CASE(redacted_values_stay_hidden_even_if_the_capture_has_them),
        CASE(no_photograph_is_said),
        CASE(an_empty_heap_is_healthy),
        CASE(a_photograph_without_hashes_is_refused),
        CASE(a_damaged_photograph_is_no_bad_report),
        CASE(another_host_is_refused),
        CASE(text_is_escaped),
        CASE(text_is_cut_between_characters),
        CASE(text_of_accents_only_is_cut_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
