/* The HTML renderer: every kind of section, balanced elements, nothing from outside, strangers' texts that stay texts. */
#include "test.h"

#include "hostile_document.h"
#include "tool/render.h"
#include "tool/utf8.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static char *rendered(const struct document *document, unsigned top)
{
    struct render_options options = {.width = 40, .top = top, .color = true, .ascii = true};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(renderer_find("html")->render(document, &options, out, NULL), MEDIC_OK);
    fclose(out);
    return text;
}

/* --- a small checker: elements are closed in order, attributes are quoted, and all of both are known --- */

#define OPEN_MOST 512

static bool listed(const char *const *list, const char *word, size_t size)
{
    for (; *list; list++)
        if (strlen(*list) == size && memcmp(*list, word, size) == 0)
            return true;
    return false;
}

static const char *const ELEMENTS[] = {
    "html",  "head",  "meta", "title", "style", "body",    "main",    "header", "footer",     "section", "nav",
    "h1",    "h2",    "p",    "b",     "i",     "ul",      "li",      "a",      "div",        "span",    "table",
    "thead", "tbody", "tr",   "th",    "td",    "details", "summary", "figure", "figcaption", "svg",     "path",
    "rect",  "pre",   "code", "br",    "wbr",   "dl",      "dt",      "dd",     NULL};
static const char *const VOID[] = {"meta", "br", "wbr", NULL};
static const char *const ATTRIBUTES[] = {"lang",
                                         "charset",
                                         "http-equiv",
                                         "content",
                                         "name",
                                         "class",
                                         "href",
                                         "id",
                                         "scope",
                                         "role",
                                         "tabindex",
                                         "style",
                                         "open",
                                         "viewBox",
                                         "width",
                                         "height",
                                         "x",
                                         "d",
                                         "preserveAspectRatio",
                                         "aria-label",
                                         "aria-hidden",
                                         NULL};

/* Reads the attributes of a tag; returns what stands behind them. */
static const char *check_attributes(const char *at)
{
    for (at += strspn(at, " \n"); *at != '>' && *at != '/'; at += strspn(at, " \n")) {
        size_t size = strcspn(at, "= >/\n");
        if (!size || !listed(ATTRIBUTES, at, size))
            fail_msg("unknown attribute: %.60s", at);
        bool link = size == 4 && memcmp(at, "href", 4) == 0;
        at += size;
        if (*at != '=')
            continue;
        assert_int_equal(at[1], '"');
        if (link)
            assert_int_equal(at[2], '#');
        at += 2;
        assert_true(at[strcspn(at, "\"<>")] == '"');
        at += strcspn(at, "\"") + 1;
    }
    return at;
}

static void check_entity(const char *at)
{
    static const char *const ENTITIES[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (size_t i = 0; i < sizeof ENTITIES / sizeof *ENTITIES; i++)
        if (strncmp(at, ENTITIES[i], strlen(ENTITIES[i])) == 0)
            return;
    fail_msg("a bare ampersand: %.40s", at);
}

static void check_page(const char *text)
{
    struct {
        const char *name;
        size_t size;
    } open[OPEN_MOST];
    size_t depth = 0;
    assert_ptr_equal(strstr(text, "<!DOCTYPE html>\n"), text);
    for (const char *at = text + strlen("<!DOCTYPE html>\n"); *at; at++) {
        if (*at == '&')
            check_entity(at);
        if (*at != '<')
            continue;
        bool closes = at[1] == '/';
        const char *name = at + 1 + closes;
        size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");
        if (!listed(ELEMENTS, name, size))
            fail_msg("unknown element: %.60s", at);
        if (closes) {
            if (!depth || open[depth - 1].size != size || memcmp(open[depth - 1].name, name, size) != 0) {
                fail_msg("</%.*s> closes nothing: %.60s", (int)size, name, at);
                return;
            }
            depth--;
            assert_int_equal(name[size], '>');
            continue;
        }
        const char *end = check_attributes(name + size);
        if (*end != '/' && !listed(VOID, name, size)) {
            assert_true(depth < OPEN_MOST);
            open[depth].name = name;
            open[depth++].size = size;
        }
        at = end;
        if (size == 5 && memcmp(name, "style", 5) == 0)
            at = strstr(at, "</style>") - 1;
    }
    assert_int_equal(depth, 0);
}

static void check_ids(const char *text)
{
    for (const char *link = strstr(text, "href=\"#"); link; link = strstr(link + 1, "href=\"#")) {
        char id[512];
        snprintf(id, sizeof id, "id=\"%.*s\"", (int)strcspn(link + 7, "\""), link + 7);
        assert_text_has(text, id);
        assert_null(strstr(strstr(text, id) + 1, id));
    }
}

/* --- tests --- */

static void the_page_is_whole_and_asks_nobody(void **state)
{
    (void)state;
    static const char *const OUTSIDE[] = {
        "http:", "https:", "//", "url(", "@import", "src=", "<script", "<link", "<img", "javascript:", "onload"};
    struct document *document = sample_document();
    document->target.command_line = "secret";
    for (unsigned top = 0; top < 30; top += 9) {
        char *text = rendered(document, top == 27 ? UINT_MAX : top);
        check_page(text);
        check_ids(text);
        assert_text_has(
            text,
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">");
        for (size_t i = 0; i < sizeof OUTSIDE / sizeof *OUTSIDE; i++)
            if (strstr(text, OUTSIDE[i]))
                fail_msg("%s in the page: %.80s", OUTSIDE[i], strstr(text, OUTSIDE[i]));
        assert_null(strstr(text, "secret"));
        free(text);
    }
    document_free(document);
}

static void the_verdict_comes_first_and_the_cost_last(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *text = rendered(document, 0);
    char *verdict =
        strstr(text, "<div class=\"verdict warning\"><h1><span class=\"word\">WARNING</span> The program stood still");
    char *section = strstr(text, "<section id=\"s-reasons\">"), *cost = strstr(text, "<section id=\"cost\">");
    assert_true(verdict && section > verdict && cost > strstr(text, "A kind of the future</h2>"));
    assert_text_has(cost, "<dt>longest pause</dt><dd>61 µs</dd>");
    assert_text_has(cost, "12 records were lost: 12 because the buffer in the target was full.");
    free(text);
    document_free(document);
}

static void every_kind_is_drawn(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *text = rendered(document, 0);
    assert_text_has(text, "<th scope=\"col\" class=\"n\">time stopped</th>");
    assert_text_has(text, "<th scope=\"row\">gen0 collection</th><td class=\"n\">4,511</td><td class=\"n\">98.4<span "
                          "class=\"u\">\u00a0ms</span>");
    assert_text_has(text, "<span class=\"bar\"><i style=\"width:91.30%\"></i></span>");
    assert_text_has(text, "<p class=\"shown\">4 of 4,511 rows</p>");
    assert_text_has(text, "<span class=\"name\">byte[]</span>");
    assert_text_has(text, "System.<wbr>Text.<wbr>Json.<wbr>JsonSerializer");
    assert_text_has(text, "<span class=\"detail\">Engine.<wbr>cs:88</span>");
    assert_text_has(text, "<summary>⋮ 12 more in between</summary>");
    assert_text_has(
        text, "<span class=\"edge\">waits for →</span> <span class=\"name\">lock Shop.<wbr>Stock.<wbr>Gate</span>");
    assert_text_has(text, "aria-label=\"gen2 blocking: 13 spans, ");
    assert_text_has(text, "<title>allocation budget, 310 µs, at ");
    assert_text_has(text, "aria-label=\"heap size over time: lowest 11 MB, highest 48.2 MB\"");
    assert_text_has(text, "<title>200 µs – 800 µs: 3,120</title>");
    assert_text_has(text, "<pre><code>  medic attach Shop -P runtime_pauses -d 30s</code></pre>");
    assert_text_has(text, "<th scope=\"row\">pi</th><td class=\"n\">3.14</td>");
    free(text);
    document_free(document);
}

static void merged_stacks_add_up(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *text = rendered(document, 0);
    assert_text_has(text, "samples </span>5,979</span>"); /* 4120 + 960 + 811 + 88 */
    assert_text_has(text, "samples </span>5,080</span>"); /* Price: itself and below Regex.Match */
    assert_true(strstr(text, "Engine.<wbr>Price") < strstr(text, "Shop.<wbr>Web.<wbr>Render")); /* heaviest first */
    free(text);
    document_free(document);
}

static void findings_link_to_their_rows(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *text = rendered(document, 0);
    assert_text_has(text, "<a href=\"#s-reasons.0\">→ Pauses by reason: gen2 collection, blocking, compacting</a>");
    assert_text_has(text, "<tr class=\"cited\" id=\"s-reasons.0\">");
    free(text);
    document_free(document);
}

static void top_limits_rows_and_says_so(void **state)
{
    (void)state;
    struct document *document = sample_document();
    char *text = rendered(document, 3);
    assert_text_has(text, "3 of 90 spans");
    assert_text_has(text, "3 of 11 rows");
    assert_null(strstr(text, "byte[]"));
    assert_text_has(text, "… 2 more</li>");
    free(text);
    text = rendered(document, UINT_MAX);
    assert_null(strstr(text, "of 90 spans"));
    assert_null(strstr(text, "more in between")); /* nothing is folded when all is asked for */
    free(text);
    document_free(document);
}

static void strangers_cannot_write_markup(void **state)
{
    (void)state;
    static const char *const EVIL[] = {
        "<script>alert(1)</script>",
        "\"onload=\"alert(1)",
        "' style='x",
        "</title></style></svg><b>",
        "a|b\nc\r\n&lt;",
        "]() `x`",
        "--><!--<![CDATA[ ]]>",
        "a&b;&#x22;",
        "javascript:alert(1)",
        ("\033]0;x\007 \xc2\x9b"
         "31m \xe2\x80\xae gnp.exe \x7f \xff\xc0\x80 \xe2"),
    };
    for (size_t i = 0; i < sizeof EVIL / sizeof *EVIL; i++) {
        struct document *document = hostile_document(EVIL[i]);
        for (size_t j = 0; j < document->section_count; j++)
            document->sections[j]->id = j ? document->sections[j]->id : EVIL[i];
        document->findings[0].section = EVIL[i];
        char *text = rendered(document, 0);
        check_page(text);
        size_t size = strlen(text), length;
        for (size_t at = 0; at < size; at += length) {
            uint32_t c = utf8_decode(text + at, size - at, &length);
            if (c != '\n' && (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x202e || (c == 0xfffd && length != 3)))
                fail_msg("character %x in the output", c);
        }
        free(text);
        document_free(document);
    }
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
        check_page(text);
        assert_text_has(text, "<h2>empty</h2>\n<p class=\"nothing\">nothing</p>");
        assert_text_has(text, "<p class=\"incomplete\">");
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
        char *text = rendered(document, 100);
        check_page(text);
        assert_null(strstr(text, "nan"));
        free(text);
        document_free(document);
    }
}

static void a_deep_tree_is_survived(void **state)
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
    char *text = rendered(document, UINT_MAX);
    check_page(text);
    assert_text_has(text, "deeper than this page can show");
    free(text);
    document_free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_whole_and_asks_nobody),
        cmocka_unit_test(the_verdict_comes_first_and_the_cost_last),
        cmocka_unit_test(every_kind_is_drawn),
        cmocka_unit_test(merged_stacks_add_up),
        cmocka_unit_test(findings_link_to_their_rows),
        cmocka_unit_test(top_limits_rows_and_says_so),
        cmocka_unit_test(strangers_cannot_write_markup),
        cmocka_unit_test(a_section_without_rows_says_nothing),
        cmocka_unit_test(odd_numbers_are_survived),
        cmocka_unit_test(a_deep_tree_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
