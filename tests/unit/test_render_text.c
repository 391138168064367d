/* The text renderer: every kind of section, at every width, with strangers' texts that want to drive the terminal. */
#include "test.h"

#include "sample_document.h"
#include "tool/document_json.h"
#include "tool/render.h"
#include "tool/utf8.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static char *rendered(const struct document *document, unsigned width, unsigned top, bool color, bool ascii)
{
    struct render_options options = {.width = width, .top = top, .color = color, .ascii = ascii};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(renderer_find("text")->render(document, &options, out, NULL), MEDIC_OK);
    fclose(out);
    return text;
}

/* Cells of a line without its colours. */
static size_t line_cells(const char *line, size_t size)
{
    size_t cells = 0, length;
    for (size_t at = 0; at < size; at += length) {
        if (line[at] == '\033') {
            length = strcspn(line + at, "m") + 1;
            continue;
        }
        cells += utf8_cells(utf8_decode(line + at, size - at, &length));
    }
    return cells;
}

static void check_lines(const char *text, size_t width)
{
    for (const char *line = text; *line;) {
        size_t size = strcspn(line, "\n");
        if (line_cells(line, size) > width)
            fail_msg("a line of %zu cells at width %zu: %.*s", line_cells(line, size), width, (int)size, line);
        if (size && line[size - 1] == ' ')
            fail_msg("blanks at the end of: %.*s", (int)size, line);
        line += size + (line[size] == '\n');
    }
}

/* Nothing but text and line ends, and (with colours) sequences of colour. */
static void check_harmless(const char *text, bool color)
{
    size_t size = strlen(text), length;
    for (size_t at = 0; at < size; at += length) {
        uint32_t c = utf8_decode(text + at, size - at, &length);
        if (color && c == 0x1b) {
            assert_int_equal(text[at + 1], '[');
            length = 2 + strspn(text + at + 2, "0123456789;");
            assert_int_equal(text[at + length], 'm');
            length++;
            continue;
        }
        if (c != '\n' && (c < 0x20 || (c >= 0x7f && c < 0xa0)))
            fail_msg("control character %x in the output", c);
    }
}

static void no_line_is_wider_than_the_page(void **state)
{
    (void)state;
    struct document *document = sample_document();
    for (unsigned width = 40; width <= 200; width++) {
        char *text = rendered(document, width, 0, width % 2, width % 3 == 0);
        check_lines(text, width);
        check_harmless(text, width % 2);
        free(text);
    }
    document_free(document);
}

static void the_verdict_comes_first_and_the_losses_last(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *text = rendered(document, 80, 0, false, false);
    assert_ptr_equal(strstr(text, "WARNING  The program stood still"), text);
    char *cost = strstr(text, "What the diagnosis cost"),
         *lost = strstr(text, "12 records were lost: 12 because the buffer");
    assert_non_null(cost);
    assert_true(lost > cost && lost > strstr(text, "A kind of the future"));
    free(text);
    document_free(document);
}

static void every_kind_is_drawn(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *text = rendered(document, 120, 0, false, false);
    assert_text_has(text, "gen0 collection                         4,511       98.4 ms           310 µs  1.93 ms  no");
    assert_text_has(text, "4 of 4,511 rows");
    assert_text_has(text, "│  ├─ byte[]");
    assert_text_has(text, "│     List<Shop.Item>");
    assert_text_has(text, "   ├─ string");
    assert_text_has(text, "Shop.Pricing.Engine.Price(Order)  Engine.cs:88");
    assert_text_has(text, "⋮ 12 more in between");
    assert_text_has(text, "├─ waits for ─▸ lock Shop.Stock.Gate");
    assert_text_has(text, "gen2 blocking ");
    assert_text_has(text, "20 of 90 spans");
    assert_text_has(text, "48.2 MB ┤");
    assert_text_has(text, "queued          ▁");
    assert_text_has(text, "200 µs –  800 µs");
    assert_text_has(text, "Then look again:\n    medic attach Shop");
    assert_text_has(text, "A kind of the future");
    assert_text_has(text, "pi     3.14");
    free(text);
    document_free(document);
}

static void merged_stacks_add_up(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *text = rendered(document, 100, 0, false, false);
    assert_text_has(text, "5,979   100 %"); /* 4120 + 960 + 811 + 88 */
    assert_text_has(text, "5,080    85 %"); /* Price: itself and below Regex.Match */
    free(text);
    document_free(document);
}

static void top_limits_rows_and_says_so(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *text = rendered(document, 100, 3, false, false);
    assert_text_has(text, "3 of 90 spans");
    assert_text_has(text, "3 of 11 rows");
    assert_null(strstr(text, "byte[]"));
    free(text);
    text = rendered(document, 100, UINT_MAX, false, false);
    assert_null(strstr(text, "of 90 spans"));
    assert_text_has(text, "Shop.Rules.Visit9(Node)"); /* nothing is folded when all is asked for */
    free(text);
    document_free(document);
}

static void strangers_cannot_drive_the_terminal(void **state)
{
    (void)state;
    static const char EVIL[] = "\033]0;owned\007 \033[2J \xc2\x9b"
                               "31m \xe2\x80\xae gnp.exe \x7f \r\n \xff\xc0\x80";
    struct document *document = sample_document();
    document->target.name = document->profiler.name = document->profiler.version = document->target.runtime = EVIL;
    document->session.started = "2025-11-21T\033[31m:11Z";
    document->verdict = document->lost.reason = document->findings[0].text = document->findings[0].row = EVIL;
    for (size_t i = 0; i < document->section_count; i++) {
        struct medic_section *section = document->sections[i];
        section->title = section->note = EVIL;
        for (uint32_t j = 0; j < section->column_count; j++)
            section->columns[j].title = EVIL;
        for (uint32_t j = 0; j < section->row_count * section->column_count; j++)
            if (section->cells[j].type == MEDIC_STRING)
                section->cells[j].as.string = EVIL;
        for (uint32_t j = 0; j < section->frame_count; j++)
            section->frames[j].function = section->frames[j].file = section->frames[j].module = EVIL;
        for (uint32_t j = 0; j < section->edge_count; j++)
            section->edges[j].label = EVIL;
    }
    for (unsigned width = 40; width < 160; width += 20) {
        char *text = rendered(document, width, 0, false, width % 40 == 0);
        check_harmless(text, false);
        check_lines(text, width);
        assert_null(strstr(text, "\u202e"));
        free(text);
    }
    document_free(document);
}

static void ascii_pages_are_ascii(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *text = rendered(document, 80, 0, false, true);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c >= 0x80)
            fail_msg("byte %02x in: %.40s", (unsigned char)*c, c);
    assert_text_has(text, "|- byte[]");
    free(text);
    document_free(document);
}

static void colour_only_when_asked(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *plain = rendered(document, 80, 0, false, false), *colored = rendered(document, 80, 0, true, false);
    assert_null(strchr(plain, '\033'));
    assert_text_has(colored, "\033[1;33mWARNING\033[0m");
    char *out = plain;
    for (const char *c = colored; *c; c++) {
        if (*c == '\033') {
            c += strcspn(c, "m");
            continue;
        }
        assert_int_equal(*c, *out++);
    }
    free(plain);
    free(colored);
    document_free(document);
}

static void long_strings_are_cut_in_the_middle(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *text = rendered(document, 80, 0, false, false);
    assert_text_has(text, "\u2026");
    assert_text_has(text, "OrderLine>>  1,234,567");
    free(text);
    document_free(document);
}

static void names_of_methods_keep_their_end(void **state)
{
    (void)state;
    static const medic_column COLUMNS[] = {{"method", "Method", MEDIC_STRING, 0, 0, MEDIC_COLUMN_KEY}};
    medic_section_info info = {.size = sizeof info,
                               .kind = MEDIC_TABLE,
                               .id = "methods",
                               .title = "Methods",
                               .columns = COLUMNS,
                               .column_size = sizeof *COLUMNS,
                               .column_count = 1};
    medic_cell cells[] = {
        medic_string("Shop.Orders.Pricing.Discounts.Calculations.SeasonalDiscountCalculator.Recalculate")};
    struct document *document = document_new();
    document_verdict(document, MEDIC_HEALTHY, "Nothing is wrong.");
    section_row(document_section(document, &info), MEDIC_NO_PARENT, cells, 1);
    char *text = rendered(document, 60, 0, false, false);
    assert_text_has(text, "\u2026");
    assert_text_has(text, "SeasonalDiscountCalculator.Recalculate\n");
    free(text);
    document_free(document);
}

/* A value of a program, told at a width that would cut an escape in two. */
static void escapes_are_not_cut(void **state)
{
    (void)state;
    static const medic_column COLUMNS[] = {{"value", "Value", MEDIC_STRING, 0, 0, MEDIC_COLUMN_KEY}};
    medic_section_info info = {.size = sizeof info,
                               .kind = MEDIC_TABLE,
                               .id = "values",
                               .title = "Values",
                               .columns = COLUMNS,
                               .column_size = sizeof *COLUMNS,
                               .column_count = 1};
    char value[400] = "\"";
    for (size_t i = 0; i < 30; i++)
        strcat(value, "\\u0007\\\\");
    strcat(value, "\"");
    medic_cell cells[] = {medic_string(value)};
    struct document *document = document_new();
    document_verdict(document, MEDIC_HEALTHY, "Nothing is wrong.");
    section_row(document_section(document, &info), MEDIC_NO_PARENT, cells, 1);
    for (unsigned width = 60; width < 76; width++) {
        char *text = rendered(document, width, 0, false, false);
        char *cut = strstr(text, "\u2026");
        assert_non_null(cut);
        assert_true(!strncmp(cut - 6, "\\u0007", 6) || !strncmp(cut - 2, "\\\\", 2));
        cut += strlen("\u2026");
        assert_true(!strncmp(cut, "\\u0007", 6) || !strncmp(cut, "\\\\\\u", 4) || !strncmp(cut, "\\\\\"", 3));
        free(text);
    }
    document_free(document);
}

/* What a row is named by is told as one reads it; empty cells of it are left out. */
static void the_evidence_of_a_finding_is_readable(void **state)
{
    (void)state;
    static const medic_column COLUMNS[] = {{"field", "Field", MEDIC_STRING, 0, 0, MEDIC_COLUMN_KEY},
                                           {"through", "Through", MEDIC_STRING, 0, 0, MEDIC_COLUMN_KEY}};
    medic_section_info info = {.size = sizeof info,
                               .kind = MEDIC_TABLE,
                               .id = "holders",
                               .title = "Holders",
                               .columns = COLUMNS,
                               .column_size = sizeof *COLUMNS,
                               .column_count = 2};
    medic_cell plain[] = {medic_string("Order.City"), medic_string("")};
    medic_cell through[] = {medic_string("Order.Lines"), medic_string("string[]")};
    struct document *document = document_new();
    document_verdict(document, MEDIC_NOTICE, "Copies.");
    struct medic_section *section = document_section(document, &info);
    section_row(section, MEDIC_NO_PARENT, plain, 2);
    section_row(section, MEDIC_NO_PARENT, through, 2);
    document_finding(document, "First.", "holders", "Order.City|");
    document_finding(document, "Second.", "holders", "Order.Lines|string[]");
    char *text = rendered(document, 80, 0, false, false);
    assert_text_has(text, "Holders: Order.City\n");
    assert_text_has(text, "Holders: Order.Lines, string[]\n");
    free(text);
    document_free(document);
}

static void an_incomplete_session_is_called_so(void **state)
{
    (void)state;
    struct document *document = document_new();
    document_verdict(document, MEDIC_HEALTHY, "Nothing is wrong.");
    char *text = rendered(document, 80, 0, false, false);
    assert_text_has(text, "HEALTHY  Nothing is wrong.");
    assert_text_has(text, "incomplete");
    assert_text_has(text, "nothing was lost");
    free(text);
    document_free(document);
}

static void a_section_without_rows_says_nothing(void **state)
{
    (void)state;
    static const medic_column COLUMN[] = {{"a", "a", MEDIC_INTEGER, 0, MEDIC_ROLE_START, 0}};
    for (uint32_t kind = 0; kind <= MEDIC_TEXT + 1; kind++) {
        struct document *document = document_new();
        document_verdict(document, MEDIC_HEALTHY, "fine");
        sample_section(document, kind, "a", "empty", NULL, COLUMN, sizeof *COLUMN, 1);
        char *text = rendered(document, 80, 0, false, false);
        assert_text_has(text, "── empty ─");
        assert_text_has(text, "  nothing\n");
        free(text);
        document_free(document);
    }
}

/* A kind whose roles are missing, and numbers at the edges: shown somehow, never a crash. */
static void odd_numbers_are_survived(void **state)
{
    (void)state;
    static const medic_column COLUMNS[] = {
        {"a", "a", MEDIC_NUMBER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_START, MEDIC_COLUMN_SHARE},
        {"b", "b", MEDIC_NUMBER, MEDIC_UNIT_RATIO, MEDIC_ROLE_END, MEDIC_COLUMN_SHARE},
        {"c", "c", MEDIC_INTEGER, MEDIC_UNIT_BYTES, MEDIC_ROLE_TIME, 0},
        {"d", "d", MEDIC_NUMBER, MEDIC_UNIT_PER_SECOND, MEDIC_ROLE_LOWER, 0},
        {"e", "e", MEDIC_NUMBER, MEDIC_UNIT_NONE, MEDIC_ROLE_UPPER, 0},
        {"f", "f", MEDIC_INTEGER, MEDIC_UNIT_COUNT, MEDIC_ROLE_VALUE, 0},
    };
    static const double ODD[] = {0,   -0.0,     1,         -1,     1e-300, 1e300,  -1e300,
                                 NAN, INFINITY, -INFINITY, 9.2e18, 1e15,   0.9995, 999.5};
    static const int64_t INTEGERS[] = {0, INT64_MIN, INT64_MAX, -1, 1, 1000000};
    for (uint32_t kind = 0; kind <= MEDIC_TEXT; kind++) {
        struct document *document = document_new();
        document_verdict(document, MEDIC_HEALTHY, "fine");
        struct medic_section *section = sample_section(document, kind, "a", "odd", NULL, SAMPLE_COLUMNS(COLUMNS));
        for (size_t i = 0; i < 14 * 6; i++) {
            medic_cell cells[] = {medic_number(ODD[i % 14]),        medic_number(ODD[(i * 5) % 14]),
                                  medic_integer(INTEGERS[i % 6]),   medic_number(ODD[(i * 3) % 14]),
                                  medic_number(ODD[(i * 11) % 14]), medic_integer(INTEGERS[i / 14])};
            section_row(section, MEDIC_NO_PARENT, cells, 6);
        }
        for (unsigned width = 40; width < 200; width += 53) {
            char *text = rendered(document, width, 100, false, false);
            check_harmless(text, false);
            free(text);
        }
        document_free(document);
    }
}

static void a_deep_tree_stays_on_the_page(void **state)
{
    (void)state;
    static const medic_column COLUMNS[] = {{"a", "node", MEDIC_STRING, 0, 0, MEDIC_COLUMN_KEY}};
    struct document *document = document_new();
    document_verdict(document, MEDIC_HEALTHY, "fine");
    struct medic_section *section = sample_section(document, MEDIC_TREE, "a", "deep", NULL, SAMPLE_COLUMNS(COLUMNS));
    medic_cell cell = medic_string("node");
    for (uint32_t i = 0; i < 2000; i += 2) { /* every node has a sibling */
        section_row(section, i ? i - 2 : MEDIC_NO_PARENT, &cell, 1);
        section_row(section, i ? i - 2 : MEDIC_NO_PARENT, &cell, 1);
    }
    char *text = rendered(document, 60, UINT_MAX, false, false);
    check_lines(text, 60);
    free(text);
    document_free(document);
}

static void renderers_are_found_by_name(void **state)
{
    (void)state;
    assert_string_equal(renderer_find("json")->media_type, "application/json");
    assert_null(renderer_find("holograms"));
    assert_string_equal(renderer_at(0)->name, "text");
    assert_null(renderer_at(1000));
}

static void cells_of_characters(void **state)
{
    (void)state;
    assert_int_equal(utf8_cells('a'), 1);
    assert_int_equal(utf8_cells(0x6ce8), 2);
    assert_int_equal(utf8_cells(0x0301), 0);
    assert_int_equal(utf8_cells(0x1f600), 2);
    assert_int_equal(utf8_cells(0x2588), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_line_is_wider_than_the_page),
        cmocka_unit_test(the_verdict_comes_first_and_the_losses_last),
        cmocka_unit_test(every_kind_is_drawn),
        cmocka_unit_test(merged_stacks_add_up),
        cmocka_unit_test(top_limits_rows_and_says_so),
        cmocka_unit_test(strangers_cannot_drive_the_terminal),
        cmocka_unit_test(ascii_pages_are_ascii),
        cmocka_unit_test(colour_only_when_asked),
        cmocka_unit_test(long_strings_are_cut_in_the_middle),
        cmocka_unit_test(escapes_are_not_cut),
        cmocka_unit_test(the_evidence_of_a_finding_is_readable),
        cmocka_unit_test(names_of_methods_keep_their_end),
        cmocka_unit_test(an_incomplete_session_is_called_so),
        cmocka_unit_test(a_section_without_rows_says_nothing),
        cmocka_unit_test(odd_numbers_are_survived),
        cmocka_unit_test(a_deep_tree_stays_on_the_page),
        cmocka_unit_test(renderers_are_found_by_name),
        cmocka_unit_test(cells_of_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
