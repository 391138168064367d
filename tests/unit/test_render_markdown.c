/* The Markdown renderer: every kind of section as an issue shows it, and strangers' texts that stay texts. */
#include "test.h"

#include "hostile_document.h"
#include "tool/render.h"
#include "tool/utf8.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static char *rendered(const struct document *document, unsigned top)
{
    struct render_options options = {.width = 40, .top = top, .color = true, .ascii = true};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(renderer_find("markdown")->render(document, &options, out, NULL), MEDIC_OK);
    fclose(out);
    return text;
}

static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += (*text & 0xc0) != 0x80;
    return count;
}

static void the_verdict_comes_first_and_the_losses_last(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *text = rendered(document, 0);
    assert_ptr_equal(strstr(text, "**WARNING: The program stood still"), text);
    assert_text_has(text, "remove the calls to GC.Collect().**\n");
    assert_text_has(text, "from 2025-11-21 12:08:11 UTC\n");
    assert_text_has(text, "- 41 of 44 long pauses");
    char *cost = strstr(text, "### What the diagnosis cost\n\nlongest pause 61 µs");
    char *lost = strstr(text, "**12 records were lost: 12 because the buffer in the target was full.**\n");
    assert_non_null(cost);
    assert_true(lost > cost && lost > strstr(text, "A kind of the future"));
    assert_string_equal(strchr(lost, '\n'), "\n");
    free(text);
    document_free(document);
}

static void every_kind_is_shown(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *text = rendered(document, 0);
    assert_text_has(text, "| reason | pauses | time stopped |");
    assert_text_has(text, "| --- | ---: | ---: | ---: | ---: | --- | ---: |\n");
    assert_text_has(text,
                    "| gen0 collection | 4,511 | 98.4\u00a0ms | 310\u00a0µs | 1.93\u00a0ms | no | 7.2\u00a0% |\n");
    assert_text_has(text, "_4 of 4,511 rows_");
    assert_text_has(text, "List&lt;Shop.Orders.OrderLine&gt;&gt;");
    assert_text_has(text, "OrderLine\\[\\]");
    assert_text_has(text, "│  ├─ byte[]");
    assert_text_has(text, "⋮ 12 more in between");
    assert_text_has(text, "├─ waits for ─▸ lock Shop.Stock.Gate");
    assert_text_has(text, "20 of 90 spans");
    assert_text_has(text, "48.2 MB ┤");
    assert_text_has(text, "200 µs –  800 µs");
    assert_text_has(text, "Then look again:\n\n```text\nmedic attach Shop -P runtime_pauses -d 30s\n```\n");
    assert_text_has(text, "### A kind of the future\n\n| name | value |\n| --- | ---: |\n| pi | 3.14 |\n");
    free(text);
    document_free(document);
}

static void the_first_section_is_open_and_long_ones_are_folded(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *text = rendered(document, 0);
    char *first = strstr(text, "### Pauses by reason"), *folded = strstr(text, "<details>");
    assert_true(first && folded > first);
    assert_text_has(text, "<details><summary><b>The worst pauses</b></summary>\n\n```text\n");
    assert_text_has(text, "```\n\n</details>\n");
    free(text);
    document_free(document);
}

static void top_limits_rows_and_says_so(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *text = rendered(document, 3);
    assert_text_has(text, "_3 of 4,511 rows_");
    assert_text_has(text, "3 of 90 spans");
    assert_null(strstr(text, "event mask"));
    free(text);
    text = rendered(document, UINT_MAX);
    assert_null(strstr(text, "of 90 spans"));
    free(text);
    document_free(document);
}

/* Every line of a table has as many cells as its head, whatever is in them. */
static void check_tables(const char *text)
{
    size_t cells = 0;
    bool fenced = false;
    for (const char *line = text; *line;) {
        size_t size = strcspn(line, "\n"), bars = 0;
        if (strncmp(line, "```", 3) == 0)
            fenced = !fenced;
        for (size_t i = 0; i < size; i++)
            bars += line[i] == '|' && (!i || line[i - 1] != '\\');
        if (fenced || line[0] != '|')
            cells = 0;
        else if (cells && bars != cells)
            fail_msg("%zu bars instead of %zu: %.*s", bars, cells, (int)size, line);
        else
            cells = bars;
        line += size + (line[size] == '\n');
    }
    assert_false(fenced);
}

static void strangers_cannot_write_markup(void **state)
{
    (void)state;
    static const struct {
        const char *evil, *forbidden, *shown;
    } CASES[] = {
        {"<script>alert(1)</script>", NULL, "&lt;script&gt;alert(1)&lt;/script&gt;"},
        {"<!-- x --></details><img src=x>", NULL, "&lt;!-- x --&gt;&lt;/details&gt;"},
        {"a|b\\|c", "a|b", "a\\|b\\\\\\|c"},
        {"a\nb\r\n# c", "\n# c", "a b  \\# c"},
        {"]() [x](y) ![z](q)", NULL, "\\]() \\[x\\](y) !\\[z\\](q)"},
        {"**bold** _it_ ~~no~~ a_b", "**bold", "\\*\\*bold\\*\\* \\_it\\_ \\~\\~no\\~\\~ a_b"},
        {"@octocat and team@corp", NULL, "@&#8203;octocat and team@&#8203;corp"},
        {"#123 o/r#4 GH-5 !6", NULL, "\\#&#8203;123 o/r\\#&#8203;4 GH-&#8203;5 !&#8203;6"},
        {"see https://evil.example www.evil.example", NULL, "see https:&#8203;//evil.example www&#8203;.evil.example"},
        {":tada: 12:30:11", NULL, ":&#8203;tada: 12:30:11"},
        {"`tick` ``` ````x", NULL, "\\`tick\\` \\`\\`\\` \\`\\`\\`\\`x"},
        {"&lt; &amp; &#64;x", NULL, "&amp;lt; &amp;amp; &amp;\\#&#8203;64;x"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct document *document = hostile_document(CASES[i].evil);
        char *text = rendered(document, 0);
        assert_text_has(text, CASES[i].shown);
        check_tables(text);
        char *first_fence = strstr(text, "``");
        if (CASES[i].forbidden && strstr(text, CASES[i].forbidden) && strstr(text, CASES[i].forbidden) < first_fence)
            fail_msg("%s came through: %.400s", CASES[i].forbidden, text);
        free(text);
        document_free(document);
    }
}

static void lines_that_look_like_markup_stay_text(void **state)
{
    (void)state;
    static const struct {
        const char *evil, *shown;
    } CASES[] = {
        {"# heading", "\n- \\# heading\\\n"}, {"- list", "\n- \\- list\\\n"},   {"\n+ list", "\n- \\+ list\\\n"},
        {"=== line", "\n- \\=== line\\\n"},   {"12. one", "\n- 12\\. one\\\n"}, {"    code", "\n- code\\\n"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct document *document = hostile_document(CASES[i].evil);
        char *text = rendered(document, 0);
        assert_text_has(text, CASES[i].shown);
        free(text);
        document_free(document);
    }
}

static void a_fence_is_longer_than_what_it_holds(void **state)
{
    (void)state;
    struct document *document = hostile_document("a`````b");
    char *text = rendered(document, 0);
    assert_text_has(text, "\n``````text\n");
    assert_text_has(text, "\n``````\n");
    assert_null(strstr(text, "\n```text\n  a`````b"));
    free(text);
    document_free(document);
}

static void control_characters_and_overrides_are_made_harmless(void **state)
{
    (void)state;
    struct document *document = hostile_document("\033]0;x\007 \xc2\x9b"
                                                 "31m \xe2\x80\xae gnp.exe \x7f \xff\xc0\x80");
    char *text = rendered(document, 0);
    size_t size = strlen(text), length;
    for (size_t at = 0; at < size; at += length) {
        uint32_t c = utf8_decode(text + at, size - at, &length);
        if (c != '\n' && (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x202e))
            fail_msg("character %x in the output", c);
        if (c == 0xfffd)
            assert_int_equal(length, 3); /* written as such, not a bad sequence */
    }
    free(text);
    document_free(document);
}

static void a_comment_holds_the_default(void **state)
{
    (void)state;
    char *evil = malloc(DOCUMENT_STRING_MAX);
    assert_non_null(evil);
    memset(evil, '<', DOCUMENT_STRING_MAX - 1);
    evil[DOCUMENT_STRING_MAX - 1] = '\0';
    struct document *document = hostile_document(evil);
    static const medic_column COLUMNS[] = {{"a", "a", MEDIC_STRING, 0, 0, 0}, {"b", "b", MEDIC_STRING, 0, 0, 0}};
    for (int i = 0; i < 60; i++) {
        char id[16];
        snprintf(id, sizeof id, "more%d", i);
        struct medic_section *section =
            sample_section(document, MEDIC_TABLE, id, "more", NULL, SAMPLE_COLUMNS(COLUMNS));
        medic_cell cells[] = {medic_string(evil), medic_string("x")};
        for (int row = 0; row < 20; row++)
            section_row(section, MEDIC_NO_PARENT, cells, 2);
    }
    char *text = rendered(document, 0);
    assert_true(characters(text) < 65000);
    assert_text_has(text, "left out, for this has to fit into a comment");
    assert_text_has(text, "### What the diagnosis cost");
    free(text);
    text = rendered(document, 20); /* who asks for rows gets them */
    assert_null(strstr(text, "left out"));
    free(text);
    free(evil);
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
        char *text = rendered(document, 0);
        assert_text_has(text, "**HEALTHY: fine**\n\n**The capture is incomplete");
        assert_text_has(text, "### empty\n\n_nothing_\n");
        assert_text_has(text, "Not known: the capture has no record of it.\n\nNothing was lost.\n");
        free(text);
        document_free(document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verdict_comes_first_and_the_losses_last),
        cmocka_unit_test(every_kind_is_shown),
        cmocka_unit_test(the_first_section_is_open_and_long_ones_are_folded),
        cmocka_unit_test(top_limits_rows_and_says_so),
        cmocka_unit_test(strangers_cannot_write_markup),
        cmocka_unit_test(lines_that_look_like_markup_stay_text),
        cmocka_unit_test(a_fence_is_longer_than_what_it_holds),
        cmocka_unit_test(control_characters_and_overrides_are_made_harmless),
        cmocka_unit_test(a_comment_holds_the_default),
        cmocka_unit_test(a_section_without_rows_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
