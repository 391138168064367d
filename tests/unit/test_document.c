/* The document: what the builder refuses, and JSON there and back. */
#include "test.h"

#include "sample_document.h"
#include "tool/document_json.h"
#include "tool/json.h"

#include <stdio.h>
#include <stdlib.h>

static const medic_column ONE[] = {{"value", "value", MEDIC_INTEGER, MEDIC_UNIT_COUNT, 0, MEDIC_COLUMN_DIFF}};

static struct document *fresh(void)
{
    struct document *document = document_new();
    document_verdict(document, MEDIC_HEALTHY, "fine");
    return document;
}

static void assert_refused(struct document *document, const char *part)
{
    medic_reason why = {""};
    assert_int_not_equal(document_finish(document, &why), MEDIC_OK);
    assert_text_has(why.text, part);
    document_free(document);
}

static char *json_of(const struct document *document)
{
    struct buffer json = {0};
    assert_int_equal(document_to_json(document, &json, NULL), MEDIC_OK);
    return json.bytes;
}

static struct document *parsed(const char *json)
{
    medic_reason why = {""};
    struct document *document = NULL;
    if (document_from_json(json, strlen(json), &document, &why))
        fail_msg("%s", why.text);
    return document;
}

static void assert_unreadable(const char *json, const char *part)
{
    medic_reason why = {""};
    struct document *document = NULL;
    assert_int_not_equal(document_from_json(json, strlen(json), &document, &why), MEDIC_OK);
    assert_null(document);
    assert_text_has(why.text, part);
}

/* --- the builder --- */

static void the_sample_is_accepted(void **state)
{
    (void)state;
    struct document *document = sample_document();
    medic_reason why = {""};
    assert_int_equal(document_finish(document, &why), MEDIC_OK);
    assert_int_equal(document->section_count, 11);
    assert_int_equal(document_find_section(document, "reasons")->total_rows, 4511);
    document_free(document);
}

static void errors_are_kept_until_the_end(void **state)
{
    (void)state;
    assert_refused(document_new(), "no verdict");
    struct document *document = fresh();
    document_verdict(document, MEDIC_HEALTHY, "again");
    assert_refused(document, "more than one verdict");
    document = fresh();
    for (int i = 0; i < 6; i++)
        document_finding(document, "a finding", NULL, NULL);
    assert_refused(document, "more than 5 findings");
    document = fresh();
    document_finding(document, "a finding", "nowhere", NULL);
    assert_refused(document, "nowhere");
    document = fresh();
    sample_section(document, MEDIC_TABLE, "a", "a", NULL, ONE, sizeof *ONE, 1);
    sample_section(document, MEDIC_TABLE, "a", "a", NULL, ONE, sizeof *ONE, 1);
    assert_refused(document, "two sections are called a");
    document = fresh();
    sample_section(document, MEDIC_TABLE, "Bad Id", "a", NULL, ONE, sizeof *ONE, 1);
    assert_refused(document, "[a-z]");
}

static void cells_must_agree_with_their_columns(void **state)
{
    (void)state;
    medic_cell wrong[] = {medic_string("one")}, two[] = {medic_integer(1), medic_integer(2)};
    struct document *document = fresh();
    section_row(sample_section(document, MEDIC_TABLE, "a", "a", NULL, ONE, sizeof *ONE, 1), MEDIC_NO_PARENT, wrong, 1);
    assert_refused(document, "is of type string and should be integer");
    document = fresh();
    section_row(sample_section(document, MEDIC_TABLE, "a", "a", NULL, ONE, sizeof *ONE, 1), MEDIC_NO_PARENT, two, 2);
    assert_refused(document, "2 cells for 1 columns");
}

static void a_failed_section_swallows_what_follows(void **state)
{
    (void)state;
    struct document *document = fresh();
    struct medic_section *section = sample_section(document, MEDIC_STACKS, "a", "a", NULL, ONE, sizeof *ONE, 0);
    medic_cell cell = medic_integer(1);
    uint32_t frame = 7;
    assert_non_null(section);
    section_row(section, 99, &cell, 1);
    section_frame(section, "f", NULL, NULL, 0);
    section_row_stack(section, &frame, 1, &cell, 1);
    section_edge(section, 1, 2, "x");
    section_total_rows(section, 7);
    assert_refused(document, "0 columns");
}

static void frames_have_a_limit(void **state)
{
    (void)state;
    struct document *document = fresh();
    struct medic_section *section = sample_section(document, MEDIC_STACKS, "a", "a", NULL, ONE, sizeof *ONE, 1);
    for (int i = 0; i <= DOCUMENT_FRAMES_MAX; i++)
        section_frame(section, "f", NULL, NULL, 0);
    assert_refused(document, "section a has more than 200000 frames");
}

static void bad_references_are_refused(void **state)
{
    (void)state;
    medic_cell cell = medic_integer(1);
    uint32_t frame = 7;
    struct document *document = fresh();
    section_row(sample_section(document, MEDIC_TREE, "a", "a", NULL, ONE, sizeof *ONE, 1), 0, &cell, 1);
    assert_refused(document, "parent");
    document = fresh();
    section_row_stack(sample_section(document, MEDIC_STACKS, "a", "a", NULL, ONE, sizeof *ONE, 1), &frame, 1, &cell, 1);
    assert_refused(document, "never added");
    document = fresh();
    section_edge(sample_section(document, MEDIC_GRAPH, "a", "a", NULL, ONE, sizeof *ONE, 1), 0, 1, NULL);
    assert_refused(document, "edge");
}

static void rows_are_bounded_and_counted(void **state)
{
    (void)state;
    struct document *document = fresh();
    struct medic_section *table = sample_section(document, MEDIC_TABLE, "a", "a", NULL, ONE, sizeof *ONE, 1);
    struct medic_section *tree = sample_section(document, MEDIC_TREE, "b", "b", NULL, ONE, sizeof *ONE, 1);
    for (uint32_t i = 0; i < 25000; i++) {
        medic_cell cell = medic_integer(i);
        assert_int_equal(section_row(table, MEDIC_NO_PARENT, &cell, 1), i);
        section_row(tree, i ? i - 1 : MEDIC_NO_PARENT, &cell, 1);
    }
    medic_reason why = {""};
    assert_int_equal(document_finish(document, &why), MEDIC_OK);
    assert_int_equal(table->row_count, 1000);
    assert_int_equal(table->total_rows, 25000);
    assert_int_equal(tree->row_count, 10000);
    document_free(document);
}

static void bad_utf8_and_endless_strings_are_repaired(void **state)
{
    (void)state;
    struct document *document = fresh();
    assert_string_equal(document_text(document, "a\xff\xc0\x80z"), "a\ufffd\ufffd\ufffdz");
    assert_string_equal(document_text(document, "\xe2\x82"), "\ufffd");
    char *endless = malloc(100001);
    memset(endless, 'x', 100000);
    endless[100000] = '\0';
    const char *text = document_text(document, endless);
    assert_int_equal(strlen(text), DOCUMENT_STRING_MAX + 3);
    assert_string_equal(text + DOCUMENT_STRING_MAX, "\u2026");
    free(endless);
    document_free(document);
}

/* A plugin that was built against shorter structs. */
static void shorter_structs_are_read_as_far_as_they_go(void **state)
{
    (void)state;
    struct {
        const char *id, *title;
        uint32_t type, unit;
    } columns[] = {{"a", NULL, MEDIC_INTEGER, MEDIC_UNIT_BYTES}, {"b", "B", MEDIC_INTEGER, 0}};
    struct document *document = fresh();
    struct medic_section *section = sample_section(document, MEDIC_TABLE, "s", NULL, NULL,
                                                   (const medic_column *)(const void *)columns, sizeof *columns, 2);
    assert_int_equal(document->error, 0);
    assert_string_equal(section->title, "s");
    assert_string_equal(section->columns[0].title, "a");
    assert_int_equal(section->columns[0].unit, MEDIC_UNIT_BYTES);
    assert_int_equal(section->columns[1].role, 0);
    document_free(document);
}

/* --- JSON --- */

static void every_kind_comes_back_the_same(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *json = json_of(document);
    struct document *again = parsed(json);
    char *second = json_of(again);
    assert_string_equal(json, second);
    const struct medic_section *unknown = document_find_section(again, "holograms");
    assert_int_equal(unknown->kind, 0);
    assert_int_equal(document_find_section(again, "hot")->stacks[0].count, 4);
    assert_int_equal(document_find_section(again, "retention")->parents[4], 2);
    assert_string_equal(document_find_section(again, "locks")->edges[0].label, "waits for");
    assert_int_equal(again->target.pid, 4121);
    assert_int_equal(again->cost.total_pause_ns, 118000);
    free(json);
    free(second);
    document_free(document);
    document_free(again);
}

static void integers_survive_exactly(void **state)
{
    (void)state;
    static const int64_t VALUES[] = {INT64_MIN, INT64_MAX, (INT64_C(1) << 53) + 1, -((INT64_C(1) << 53) + 1), 0, -1};
    struct document *document = fresh();
    struct medic_section *section = sample_section(document, MEDIC_TABLE, "a", "a", NULL, ONE, sizeof *ONE, 1);
    for (size_t i = 0; i < 6; i++) {
        medic_cell cell = medic_integer(VALUES[i]);
        section_row(section, MEDIC_NO_PARENT, &cell, 1);
    }
    char *json = json_of(document);
    assert_text_has(json, "-9223372036854775808");
    struct document *again = parsed(json);
    for (uint32_t i = 0; i < 6; i++)
        assert_true(section_cell(again->sections[0], i, 0)->as.integer == VALUES[i]);
    free(json);
    document_free(document);
    document_free(again);
}

static void numbers_survive_and_the_infinite_become_null(void **state)
{
    (void)state;
    static const medic_column COLUMN[] = {{"n", "n", MEDIC_NUMBER, 0, 0, 0}};
    static const double VALUES[] = {0.1, 1.0 / 3, 1e300, -5e-324, 3};
    struct document *document = fresh();
    struct medic_section *section = sample_section(document, MEDIC_TABLE, "a", "a", NULL, COLUMN, sizeof *COLUMN, 1);
    for (size_t i = 0; i < 5; i++) {
        medic_cell cell = medic_number(VALUES[i]);
        section_row(section, MEDIC_NO_PARENT, &cell, 1);
    }
    medic_cell odd[] = {medic_number(NAN), medic_number(-INFINITY)};
    section_row(section, MEDIC_NO_PARENT, &odd[0], 1);
    section_row(section, MEDIC_NO_PARENT, &odd[1], 1);
    char *json = json_of(document);
    struct document *again = parsed(json);
    for (uint32_t i = 0; i < 5; i++)
        assert_true(section_cell(again->sections[0], i, 0)->as.number == VALUES[i]);
    assert_int_equal(section_cell(again->sections[0], 5, 0)->type, 0);
    assert_int_equal(section_cell(again->sections[0], 6, 0)->type, 0);
    free(json);
    document_free(document);
    document_free(again);
}

static void the_keys_are_the_schema(void **state)
{
    (void)state;
    static const char *const KEYS[] = {"{\n  \"schema\": 1,\n  \"session\": {",
                                       "\"profiler\": {",
                                       "\"parameters\": {",
                                       "\"target\": {",
                                       "\"verdict\": ",
                                       "\"severity\": \"warning\"",
                                       "\"findings\": [",
                                       "\"sections\": [",
                                       "\"cost\": {\n    \"longest_pause_ns\": 61000,",
                                       "\"lost\": {"};
    struct document *document = sample_document();
    char *json = json_of(document);
    const char *at = json;
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        assert_text_has(at, KEYS[i]);
        at = strstr(at, KEYS[i]);
    }
    assert_text_has(
        json,
        "{\"id\": \"share\", \"title\": \"share of pauses\", \"type\": \"number\", \"unit\": \"ratio\", \"role\": "
        "\"none\", \"key\": false, \"diff\": false, \"share\": true}");
    free(json);
    document_free(document);
}

static void hostile_json_gets_a_sentence(void **state)
{
    (void)state;
    assert_unreadable("", "not valid JSON");
    assert_unreadable("[]", "no schema");
    assert_unreadable("{\"schema\": 2}", "schema 2");
    assert_unreadable("{\"schema\": 1e400}", "not valid JSON");
    assert_unreadable("{\"schema\": 1}", "verdict");
    assert_unreadable("{\"schema\": 1, \"verdict\": \"x\", \"severity\": \"dire\"}", "severity");
    assert_unreadable("{\"schema\": 1} x", "not valid JSON");
    assert_unreadable("{\"a\": \"\\ud800\\u00zz\"}", "not valid JSON");
    assert_unreadable("{\"a\": \"\\", "not valid JSON");
    assert_unreadable("{\"a\": 01}", "not valid JSON");
    assert_unreadable("{\"a\": 1,}", "not valid JSON");
    assert_unreadable("{\"a\": \"\\udc00\"}", "not valid JSON");
    char deep[5001];
    memset(deep, '[', 5000);
    deep[5000] = '\0';
    assert_unreadable(deep, "depth");
}

#define WITH_SECTION(text) "{\"schema\": 1, \"verdict\": \"x\", \"severity\": \"healthy\", \"sections\": [" text "]}"
#define COLUMN "\"columns\": [{\"id\": \"a\", \"type\": \"integer\"}]"

static void hostile_sections_get_a_sentence(void **state)
{
    (void)state;
    assert_unreadable(WITH_SECTION("7"), "section");
    assert_unreadable(WITH_SECTION("{\"id\": \"s\", \"kind\": \"table\", \"columns\": []}"), "columns");
    assert_unreadable(WITH_SECTION("{\"id\": \"s\", \"kind\": \"table\", " COLUMN ", \"rows\": [[\"x\"]]}"), "a cell");
    assert_unreadable(WITH_SECTION("{\"id\": \"s\", \"kind\": \"table\", " COLUMN ", \"rows\": [[1, 2]]}"), "a row");
    assert_unreadable(WITH_SECTION("{\"id\": \"s\", \"kind\": \"table\", " COLUMN ", \"rows\": [3]}"), "a row");
    assert_unreadable(WITH_SECTION("{\"id\": \"s\", \"kind\": \"table\", " COLUMN ", \"rows\": [[1.5]]}"), "a cell");
    assert_unreadable(
        WITH_SECTION("{\"id\": \"s\", \"kind\": \"tree\", " COLUMN ", \"rows\": [[1]], \"parents\": [0]}"), "parent");
    assert_unreadable(
        WITH_SECTION("{\"id\": \"s\", \"kind\": \"tree\", " COLUMN ", \"rows\": [[1]], \"parents\": [-4]}"), "damaged");
    assert_unreadable(
        WITH_SECTION("{\"id\": \"s\", \"kind\": \"stacks\", " COLUMN ", \"rows\": [[1]], \"stacks\": [[0]]}"), "frame");
    assert_unreadable(
        WITH_SECTION("{\"id\": \"s\", \"kind\": \"graph\", " COLUMN ", \"rows\": [[1]], \"edges\": [{\"from\": 0}]}"),
        "edge");
}

static void every_cut_of_a_report_is_survived(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *json = json_of(document);
    size_t size = strlen(json);
    for (size_t cut = 0; cut + 2 < size; cut += cut < 4000 ? 1 : 97) {
        struct document *again = NULL;
        char *copy = malloc(cut + 1); /* exactly so long that a sanitizer sees the first byte too many */
        memcpy(copy, json, cut);
        assert_int_not_equal(document_from_json(copy, cut, &again, NULL), MEDIC_OK);
        free(copy);
    }
    free(json);
    document_free(document);
}

static void json_strings_are_escaped_and_read_back(void **state)
{
    (void)state;
    static const char TEXT[] = "\"\\/\b\f\n\r\t\x01\x7f\u2028 \U0001f600 \u00e9";
    struct document *document = document_new();
    document_verdict(document, MEDIC_NOTICE, TEXT);
    char *json = json_of(document);
    assert_null(strchr(json, '\x01'));
    assert_text_has(json, "\\u0001\\u007f\\u2028 \U0001f600");
    struct document *again = parsed(json);
    assert_string_equal(again->verdict, TEXT);
    free(json);
    document_free(again);
    again = parsed("{\"schema\": 1.0, \"severity\": \"notice\", \"verdict\": \"\\ud83d\\ude00\\/\"}");
    assert_string_equal(again->verdict, "\U0001f600/");
    document_free(again);
    document_free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_is_accepted),
        cmocka_unit_test(errors_are_kept_until_the_end),
        cmocka_unit_test(cells_must_agree_with_their_columns),
        cmocka_unit_test(frames_have_a_limit),
        cmocka_unit_test(a_failed_section_swallows_what_follows),
        cmocka_unit_test(bad_references_are_refused),
        cmocka_unit_test(rows_are_bounded_and_counted),
        cmocka_unit_test(bad_utf8_and_endless_strings_are_repaired),
        cmocka_unit_test(shorter_structs_are_read_as_far_as_they_go),
        cmocka_unit_test(every_kind_comes_back_the_same),
        cmocka_unit_test(integers_survive_exactly),
        cmocka_unit_test(numbers_survive_and_the_infinite_become_null),
        cmocka_unit_test(the_keys_are_the_schema),
        cmocka_unit_test(hostile_json_gets_a_sentence),
        cmocka_unit_test(hostile_sections_get_a_sentence),
        cmocka_unit_test(every_cut_of_a_report_is_survived),
        cmocka_unit_test(json_strings_are_escaped_and_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
