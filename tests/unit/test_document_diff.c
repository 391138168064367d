/* document_diff: two reports go in, what has changed comes out. */
#include "hostile_document.h"
#include "test.h"

#include "tool/document_diff.h"
#include "tool/document_json.h"
#include "tool/render.h"

#include <stdlib.h>

/* --- reports --- */

static const medic_column columns[] = {
    {"type", "Type", MEDIC_STRING, MEDIC_UNIT_NONE, 0, MEDIC_COLUMN_KEY},
    {"generation", "Generation", MEDIC_INTEGER, MEDIC_UNIT_NONE, 0, MEDIC_COLUMN_KEY},
    {"count", "Count", MEDIC_INTEGER, MEDIC_UNIT_COUNT, 0, MEDIC_COLUMN_DIFF},
    {"bytes", "Bytes", MEDIC_INTEGER, MEDIC_UNIT_BYTES, 0, MEDIC_COLUMN_DIFF},
    {"share", "Of the heap", MEDIC_NUMBER, MEDIC_UNIT_RATIO, 0, MEDIC_COLUMN_DIFF | MEDIC_COLUMN_SHARE},
    {"note", "Note", MEDIC_STRING, MEDIC_UNIT_NONE, 0, 0},
};

static struct medic_section *types;

static struct medic_section *section_of(struct document *document, uint32_t kind, const char *id,
                                        const medic_column *from, uint32_t count)
{
    medic_section_info info = {.size = sizeof info,
                               .kind = kind,
                               .id = id,
                               .title = "Types",
                               .columns = from,
                               .column_size = sizeof *from,
                               .column_count = count};

    return document_section(document, &info);
}

static struct document *report(const char *id, const char *started)
{
    struct document *document = document_new();

    document->session = (struct document_session){document_text(document, id), document_text(document, started),
                                                  document_text(document, "duration"), 10000000000u, true};
    document->profiler.name = document_text(document, "gc_survivors");
    document->profiler.guid = document_text(document, "01234567-89ab-cdef-0123-456789abcdef");
    document->profiler.version = document_text(document, "0.1.0");
    document->target = (struct document_target){.name = "Shop", .runtime = "10.0.1", .pid = 4121, .uid = 1000};
    document_verdict(document, MEDIC_HEALTHY, "All is well.");
    types = section_of(document, MEDIC_TABLE, "types", columns, sizeof columns / sizeof *columns);
    return document;
}

static struct document *first_report(void)
{
    return report("aaaa", "2025-11-21T14:02:10Z");
}

static struct document *second_report(void)
{
    return report("bbbb", "2025-11-21T14:32:11Z");
}

static void add(const char *type, int64_t generation, int64_t count, int64_t bytes)
{
    medic_cell cells[] = {medic_string(type),   medic_integer(generation),         medic_integer(count),
                          medic_integer(bytes), medic_number((double)bytes / 1e9), medic_string("n")};

    section_row(types, MEDIC_NO_PARENT, cells, 6);
}

/* Compares, frees both, and gives the result as JSON, which is read back as a file would be. */
static char *json_of(struct document *before, struct document *after)
{
    struct document *diff = NULL, *again = NULL;
    struct buffer text = {0};
    medic_reason why = {""};

    assert_int_equal(document_finish(before, &why), MEDIC_OK);
    assert_int_equal(document_finish(after, &why), MEDIC_OK);
    if (document_diff(before, after, &diff, &why) != MEDIC_OK)
        fail_msg("%s", why.text);
    document_free(before);
    document_free(after);
    assert_int_equal(document_to_json(diff, &text, &why), MEDIC_OK);
    assert_int_equal(document_from_json(text.bytes, text.size, &again, &why), MEDIC_OK);
    document_free(diff);
    document_free(again);
    return text.bytes;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("%s\nis not in\n%s", part, text);
}

static void has_not(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("%s\nis in\n%s", part, text);
}

static void expect(struct document *before, struct document *after, const char *part)
{
    char *text = json_of(before, after);

    has(text, part);
    free(text);
}

static void refuse(struct document *before, struct document *after, const char *sentence)
{
    struct document *diff = NULL;
    medic_reason why = {""};

    assert_int_equal(document_diff(before, after, &diff, &why), MEDIC_E_ARGUMENT);
    assert_null(diff);
    assert_string_equal(why.text, sentence);
    document_free(before);
    document_free(after);
}

/* --- rows --- */

static void rows_are_matched_by_key_and_sorted_by_change(void **state)
{
    (void)state;
    struct document *before = first_report();
    add("Orders.Order", 2, 1000, 3000000);
    add("Orders.Order", 1, 5, 100);
    add("string", 2, 70, 5000000);
    add("Orders.Gone", 2, 1, 40);
    struct document *after = second_report();
    add("string", 2, 70, 5000000);
    add("Orders.Fresh", 2, 7, 700);
    add("Orders.Order", 1, 4, 80);
    add("Orders.Order", 2, 42000, 23100000);
    char *text = json_of(before, after);

    has(text, "[\"Orders.Order\", 2, \"more\", 3000000, 23100000, 20100000, 41000, 0.0201],\n"
              "        [\"Orders.Fresh\", 2, \"new\", null, 700, 700, 7, 7e-07],\n"
              "        [\"Orders.Gone\", 2, \"gone\", 40, null, -40, -1, -4e-08],\n"
              "        [\"Orders.Order\", 1, \"less\", 100, 80, -20, -1, ");
    has_not(text, "[\"string\"");
    has(text, "\"Orders.Order | 2 grew by 20.1 MB to 23.1 MB (Types: Bytes) between 14:02:10 and 14:32:11 UTC; 3 other "
              "rows changed.\"");
    has(text, "{\"id\": \"bytes_before\", \"title\": \"Bytes before\", \"type\": \"integer\", \"unit\": \"bytes\"");
    has(text, "\"severity\": \"notice\"");
    has(text, "Before: All is well.");
    free(text);
}

static void rows_of_one_key_are_matched_in_their_order(void **state)
{
    (void)state;
    struct document *before = first_report();
    add("A", 2, 1, 100);
    add("A", 2, 1, 200);
    struct document *after = second_report();
    add("A", 2, 1, 100);
    add("A", 2, 1, 250);
    add("A", 2, 1, 300);
    char *text = json_of(before, after);

    has(text, "[\"A\", 2, \"new\", null, 300, 300, 1, ");
    has(text, "[\"A\", 2, \"more\", 200, 250, 50, 0, ");
    free(text);
}

static void a_share_alone_is_no_change(void **state)
{
    (void)state;
    struct document *before = first_report();
    add("A", 2, 1, 100);
    struct document *after = second_report();
    add("A", 2, 1, 100);
    types->cells[4].as.number = 0.5;
    char *text = json_of(before, after);

    has(text, "\"Nothing changed between 14:02:10 and 14:32:11 UTC.\"");
    has(text, "\"severity\": \"healthy\"");
    has_not(text, "\"id\": \"types\"");
    free(text);
}

static void text_and_number_keys_do_not_mix_up(void **state)
{
    static const medic_column two[] = {{"a", "A", MEDIC_STRING, 0, 0, MEDIC_COLUMN_KEY},
                                       {"b", "B", MEDIC_STRING, 0, 0, MEDIC_COLUMN_KEY},
                                       {"n", "N", MEDIC_INTEGER, MEDIC_UNIT_COUNT, 0, MEDIC_COLUMN_DIFF}};
    (void)state;
    struct document *before = first_report();
    struct medic_section *section = section_of(before, MEDIC_TABLE, "two", two, 3);
    medic_cell first[] = {medic_string("xy"), medic_string(""), medic_integer(1)};
    section_row(section, MEDIC_NO_PARENT, first, 3);
    struct document *after = second_report();
    section = section_of(after, MEDIC_TABLE, "two", two, 3);
    medic_cell second[] = {medic_string("x"), medic_string("y"), medic_integer(1)};
    section_row(section, MEDIC_NO_PARENT, second, 3);

    expect(before, after, "[\"x\", \"y\", \"new\", null, 1, 1]");
}

static void rows_of_a_tree_are_matched_by_their_path(void **state)
{
    static const medic_column tree[] = {{"node", "Node", MEDIC_STRING, 0, MEDIC_ROLE_LABEL, MEDIC_COLUMN_KEY},
                                        {"n", "N", MEDIC_INTEGER, MEDIC_UNIT_COUNT, 0, MEDIC_COLUMN_DIFF}};
    (void)state;
    struct document *documents[2];
    for (int side = 0; side < 2; side++) {
        documents[side] = side ? second_report() : first_report();
        struct medic_section *section = section_of(documents[side], MEDIC_TREE, "paths", tree, 2);
        medic_cell a[] = {medic_string("a"), medic_integer(1)}, b[] = {medic_string("b"), medic_integer(1)},
                   leaf[] = {medic_string("leaf"), medic_integer(5)}, more[] = {medic_string("leaf"), medic_integer(9)};
        section_row(section, MEDIC_NO_PARENT, a, 2);
        section_row(section, MEDIC_NO_PARENT, b, 2);
        section_row(section, 0, leaf, 2);
        section_row(section, 1, side ? more : leaf, 2);
    }
    expect(documents[0], documents[1], "[\"leaf\", \"b\", \"more\", 5, 9, 4]");
}

static void small_rows_of_a_tree_are_not_called_gone(void **state)
{
    static const medic_column tree[] = {{"node", "Node", MEDIC_STRING, 0, MEDIC_ROLE_LABEL, MEDIC_COLUMN_KEY},
                                        {"n", "N", MEDIC_INTEGER, MEDIC_UNIT_COUNT, 0, MEDIC_COLUMN_DIFF}};
    (void)state;
    struct document *before = first_report();
    medic_cell cells[] = {medic_string("small"), medic_integer(1)};
    section_row(section_of(before, MEDIC_TREE, "paths", tree, 2), MEDIC_NO_PARENT, cells, 2);
    struct document *after = second_report();
    section_of(after, MEDIC_TREE, "paths", tree, 2);
    expect(before, after, "[\"small\", null, \"gone?\", 1, null, -1]");
}

static void rows_that_were_left_out_are_not_called_new(void **state)
{
    (void)state;
    struct document *before = first_report();
    add("A", 2, 1, 100);
    section_total_rows(types, 4511);
    struct document *after = second_report();
    add("Big", 2, 1, 900000);
    add("A", 2, 2, 200);
    char *text = json_of(before, after);

    has(text, "[\"Big\", 2, \"new?\", null, 900000, ");
    has(text, "Of the report before has 1 of 4,511 rows: what became of the others is not known");
    has(text, "\"A | 2 grew by 100 B to 200 B");
    free(text);

    before = first_report();
    add("A", 2, 1, 100);
    after = second_report();
    section_total_rows(types, 4511);
    expect(before, after, "is gone, or was left out, and had 100 B");
}

static void a_change_of_little_is_healthy(void **state)
{
    (void)state;
    struct document *before = first_report();
    add("A", 2, 1, 100000);
    add("B", 2, 1, 100);
    struct document *after = second_report();
    add("A", 2, 1, 100000);
    add("B", 2, 2, 200);
    char *text = json_of(before, after);

    has(text, "Little changed: B | 2 grew by 100 B to 200 B");
    has(text, "\"severity\": \"healthy\"");
    free(text);
}

static void extreme_numbers_do_not_overflow(void **state)
{
    (void)state;
    struct document *before = first_report();
    add("A", 2, INT64_MAX, INT64_MIN);
    struct document *after = second_report();
    add("A", 2, INT64_MIN, INT64_MAX);

    expect(before, after,
           "[\"A\", 2, \"more\", -9223372036854775808, 9223372036854775807, 9223372036854775807, "
           "-9223372036854775808, ");
}

/* --- what else differs --- */

static void warnings_tell_what_makes_them_differ(void **state)
{
    (void)state;
    struct document *before = first_report(), *after = second_report();
    before->target.name = "Shop.Old";
    before->target.runtime = "8.0.1";
    before->profiler.version = "0.0.9";
    before->session.duration_ns = 30000000000u;
    before->session.complete = false;
    before->session.started = "2025-11-22T00:00:00Z";
    before->lost.records = 12;
    document_parameter(before, "stacks", "true");
    document_parameter(after, "stacks", "false");
    document_parameter(before, "old", "1");
    char *text = json_of(before, after);

    has(text, "The programs differ: Shop.Old before, Shop after.");
    has(text, "The runtimes differ: 8.0.1 before, 10.0.1 after.");
    has(text, "The versions of the profiler differ: 0.0.9 before, 0.1.0 after.");
    has(text, "The parameter stacks differs: true before, false after.");
    has(text, "The parameter old was 1 before");
    has(text, "of different length, 30 s before, 10 s after");
    has(text, "The session before is incomplete");
    has(text, "The session before lost 12 records.");
    has(text, "called before is the later one");
    free(text);
}

static void two_processes_of_a_program_are_told(void **state)
{
    (void)state;
    struct document *before = first_report(), *after = second_report();
    after->target.pid = 5000;
    expect(before, after, "They are two processes of Shop: pid 4121 before, 5000 after.");
}

static void sessions_that_ended_by_themselves_may_differ_in_length(void **state)
{
    (void)state;
    struct document *before = first_report(), *after = second_report();
    before->session.end_reason = after->session.end_reason = "done";
    after->session.duration_ns = 1;
    char *text = json_of(before, after);
    has_not(text, "different length");
    free(text);
}

static void two_profilers_are_refused(void **state)
{
    (void)state;
    struct document *before = first_report(), *after = second_report();
    after->profiler.guid = "99999999-89ab-cdef-0123-456789abcdef";
    after->profiler.name = "cpu_hotpaths";
    refuse(before, after,
           "a report of gc_survivors cannot be compared with one of cpu_hotpaths: take two sessions of one profiler");
    before = first_report();
    after = second_report();
    before->profiler.guid = after->profiler.guid = NULL;
    before->profiler.name = NULL;
    refuse(before, after,
           "a report of an unknown profiler cannot be compared with one of gc_survivors: take two sessions of one "
           "profiler");
}

static void one_session_is_refused(void **state)
{
    (void)state;
    refuse(first_report(), first_report(), "both are session aaaa: take two different ones");
}

static void nothing_to_compare_is_said(void **state)
{
    (void)state;
    struct document *before = first_report(), *after = second_report();
    before->section_count = after->section_count = 0;
    expect(before, after, "The two reports have no section in common that can be compared.");
}

/* --- strangers --- */

static void render_all(const struct document *document)
{
    for (unsigned i = 0; renderer_at(i); i++) {
        if (!renderer_at(i)->render)
            continue; /* shows a capture */
        medic_reason why;
        FILE *out = tmpfile();
        if (renderer_at(i)->render)
            renderer_at(i)->render(document, NULL, out, &why);
        fclose(out);
    }
}

static void hostile_reports_do_no_harm(void **state)
{
    static const char *const evils[] = {"<script>alert(1)</script>", "\033[31m\r\n\u202e", "", "a|b", "%s%n"};
    (void)state;
    for (size_t i = 0; i < sizeof evils / sizeof *evils; i++) {
        struct document *before = hostile_document(evils[i]), *after = hostile_document(evils[i]), *diff = NULL;
        medic_reason why = {""};
        before->session.id = "one";
        for (size_t s = 0; s < after->section_count; s++) {
            struct medic_section *section = after->sections[s];
            for (uint32_t c = 0; c < section->row_count * section->column_count; c++)
                if (section->cells[c].type == MEDIC_INTEGER)
                    section->cells[c].as.integer = INT64_MIN + (int64_t)c;
                else if (section->cells[c].type == MEDIC_NUMBER)
                    section->cells[c].as.number = c % 2 ? -1e308 : 1e308;
            for (uint32_t c = 0; c < section->column_count; c++)
                section->columns[c].flags = before->sections[s]->columns[c].flags =
                    c % 2 ? MEDIC_COLUMN_DIFF : MEDIC_COLUMN_KEY;
        }
        int code = document_diff(before, after, &diff, &why);
        if (code != MEDIC_OK)
            fail_msg("%s", why.text);
        render_all(diff);
        document_free(diff);
        document_free(before);
        document_free(after);
    }
}

static void names_that_collide_are_refused_with_a_sentence(void **state)
{
    static const medic_column evil[] = {{"n_change", "N", MEDIC_STRING, 0, 0, MEDIC_COLUMN_KEY},
                                        {"n", "N", MEDIC_INTEGER, MEDIC_UNIT_COUNT, 0, MEDIC_COLUMN_DIFF}};
    (void)state;
    struct document *documents[2], *diff = NULL;
    medic_reason why = {""};
    for (int side = 0; side < 2; side++) {
        documents[side] = side ? second_report() : first_report();
        struct medic_section *section = section_of(documents[side], MEDIC_TABLE, "evil", evil, 2);
        medic_cell cells[] = {medic_string("a"), medic_integer(side)};
        section_row(section, MEDIC_NO_PARENT, cells, 2);
    }
    assert_int_equal(document_diff(documents[0], documents[1], &diff, &why), MEDIC_E_ARGUMENT);
    assert_string_equal(why.text, "section evil has two columns n_change");
    document_free(documents[0]);
    document_free(documents[1]);
}

static void as_many_columns_as_can_be_are_compared(void **state)
{
    medic_column many[DOCUMENT_COLUMNS_MAX];
    char ids[DOCUMENT_COLUMNS_MAX][8];
    (void)state;
    struct document *documents[2];
    for (int i = 0; i < DOCUMENT_COLUMNS_MAX; i++) {
        snprintf(ids[i], sizeof ids[i], "c%d", i);
        many[i] = (medic_column){ids[i], ids[i], MEDIC_INTEGER, 0, 0, i < 32 ? MEDIC_COLUMN_KEY : MEDIC_COLUMN_DIFF};
    }
    for (int side = 0; side < 2; side++) {
        documents[side] = side ? second_report() : first_report();
        struct medic_section *section = section_of(documents[side], MEDIC_TREE, "many", many, DOCUMENT_COLUMNS_MAX);
        medic_cell cells[DOCUMENT_COLUMNS_MAX];
        for (int i = 0; i < DOCUMENT_COLUMNS_MAX; i++)
            cells[i] = medic_integer(i < 32 ? i : side);
        section_row(section, MEDIC_NO_PARENT, cells, DOCUMENT_COLUMNS_MAX);
    }
    expect(documents[0], documents[1], "\"more\", 0, 1, 1, 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_matched_by_key_and_sorted_by_change),
        cmocka_unit_test(rows_of_one_key_are_matched_in_their_order),
        cmocka_unit_test(a_share_alone_is_no_change),
        cmocka_unit_test(text_and_number_keys_do_not_mix_up),
        cmocka_unit_test(rows_of_a_tree_are_matched_by_their_path),
        cmocka_unit_test(small_rows_of_a_tree_are_not_called_gone),
        cmocka_unit_test(rows_that_were_left_out_are_not_called_new),
        cmocka_unit_test(a_change_of_little_is_healthy),
        cmocka_unit_test(extreme_numbers_do_not_overflow),
        cmocka_unit_test(warnings_tell_what_makes_them_differ),
        cmocka_unit_test(two_processes_of_a_program_are_told),
        cmocka_unit_test(sessions_that_ended_by_themselves_may_differ_in_length),
        cmocka_unit_test(two_profilers_are_refused),
        cmocka_unit_test(one_session_is_refused),
        cmocka_unit_test(nothing_to_compare_is_said),
        cmocka_unit_test(hostile_reports_do_no_harm),
        cmocka_unit_test(names_that_collide_are_refused_with_a_sentence),
        cmocka_unit_test(as_many_columns_as_can_be_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
