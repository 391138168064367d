/* The report for an issue tracker: GitHub-flavoured Markdown. The verdict first, tables as pipe tables, drawings in code
 * fences, sections behind the first one folded when they are long, the cost last.
 *
 * What strangers named (types, methods, paths) is shown, never obeyed: no markup, no HTML, no mention of a person, no
 * reference to another issue, no link. */
#include "tool/render.h"

#include "tool/document_summary.h"
#include "tool/text_page.h"
#include "tool/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FENCE_WIDTH 96     /* columns of a drawing: what an issue shows without scrolling */
#define COMMENT_MOST 48000 /* characters by default; an issue comment holds 65,536 */
#define SENTENCE_MOST 800  /* characters of a verdict, a finding, a note */
#define CELL_MOST 160      /* characters of a string in a table */
#define FOLD_LINES 10      /* a section of more lines is folded */
#define ZERO_WIDTH "&#8203;"

/* Where a stranger's text goes: a paragraph, or an HTML element, in which backslashes mean nothing. */
enum place { PLACE_TEXT, PLACE_HTML };

/* --- strangers' texts --- */

/* ":tada:", but not the minutes of a time. */
static bool begins_emoji(const char *text)
{
    size_t size = strspn(text + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-");
    bool minutes = size == 2 && strspn(text + 1, "0123456789") == 2;
    return size && !minutes && text[1 + size] == ':';
}

/* Whether the character at text + at makes an issue tracker link, mention or replace something, unless torn from what
 * follows. Trackers look at the rendered text, so that no escape helps. */
static bool summons(const char *text, size_t at)
{
    const char *here = text + at;
    bool number = isdigit((unsigned char)here[1]);
    switch (here[0]) {
    case '@': return true;
    case '#':
    case '!':
    case '%':
    case '&':
    case '~':
    case '$': return number;
    case '-': return number && at >= 2 && strncasecmp(here - 2, "GH", 2) == 0;
    case ':': return (here[1] == '/' && here[2] == '/') || begins_emoji(here);
    case 'w':
    case 'W': return here[1] == '.' && at >= 2 && strncasecmp(here - 2, "www", 3) == 0;
    default: return false;
    }
}

/* Underscores within a word mean nothing. */
static bool within_word(const char *text, size_t at)
{
    return at && isalnum((unsigned char)text[at - 1]) && isalnum((unsigned char)text[at + 1]);
}

static void put_character(struct page *page, const char *text, size_t at, enum place place)
{
    char c = text[at];
    if (c == '<' || c == '>' || c == '&')
        page_add(page, c == '<' ? "&lt;" : c == '>' ? "&gt;" : "&amp;");
    else if (!strchr("\\`*_[]|~$#", c) || (c == '_' && within_word(text, at)))
        buffer_add(&page->out, &c, 1);
    else if (place == PLACE_HTML)
        buffer_format(&page->out, "&#%d;", c);
    else
        buffer_format(&page->out, "\\%c", c);
    if (summons(text, at))
        page_add(page, ZERO_WIDTH);
}

/* The offset behind so many characters. */
static size_t skip_characters(const char *text, size_t count)
{
    size_t at = 0;
    for (; text[at] && count; count--)
        do
            at++;
        while ((text[at] & 0xc0) == 0x80);
    return at;
}

static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += (*text & 0xc0) != 0x80;
    return count;
}

/* Leaves the middle out of a text that is longer than most characters. */
static void clip(struct buffer *text, size_t most)
{
    size_t count = count_characters(buffer_get(text));
    if (count <= most)
        return;
    struct buffer clipped = {0};
    const char *bytes = buffer_get(text);
    buffer_add(&clipped, bytes, skip_characters(bytes, most / 2));
    buffer_add_string(&clipped, "\u2026");
    buffer_add_string(&clipped, bytes + skip_characters(bytes, count - (most - most / 2 - 1)));
    buffer_free(text);
    *text = clipped;
}

static void put_escaped(struct page *page, const char *stranger, size_t most, enum place place)
{
    struct buffer clean = {0};
    page_clean(page, &clean, stranger);
    clip(&clean, most);
    const char *text = buffer_get(&clean) + strspn(buffer_get(&clean), " ");
    for (size_t at = 0; text[at]; at++)
        put_character(page, text, at, place);
    page->out.failed |= clean.failed;
    buffer_free(&clean);
}

/* A text at the beginning of a line, which must not look like a heading, a list or a line. */
static void put_line(struct page *page, const char *stranger, size_t most)
{
    struct buffer clean = {0};
    page_clean(page, &clean, stranger);
    const char *text = buffer_get(&clean) + strspn(buffer_get(&clean), " ");
    size_t digits = strspn(text, "0123456789");
    if (*text && strchr("+-=", *text))
        page_add(page, "\\");
    if (digits && digits < 10 && (text[digits] == '.' || text[digits] == ')')) {
        buffer_format(&page->out, "%.*s\\%c", (int)digits, text, text[digits]);
        text += digits + 1;
        page_add(page, *text == ' ' ? " " : "");
    }
    put_escaped(page, text, most, PLACE_TEXT);
    page->out.failed |= clean.failed;
    buffer_free(&clean);
}

/* --- code fences --- */

static size_t longest_run(const char *text, char c)
{
    size_t longest = 0, run = 0;
    for (; *text; text++) {
        run = *text == c ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static void put_fenced(struct page *page, const char *clean)
{
    size_t ticks = longest_run(clean, '`') + 1;
    ticks = ticks < 3 ? 3 : ticks;
    buffer_repeat(&page->out, "`", ticks);
    buffer_format(&page->out, "text\n%s", clean);
    buffer_repeat(&page->out, "`", ticks);
    page_add(page, "\n");
}

static void put_drawing(struct page *page, const struct medic_section *section,
                        void (*draw)(struct page *, const struct medic_section *))
{
    struct page drawing = *page;
    memset(&drawing.out, 0, sizeof drawing.out);
    draw(&drawing, section);
    put_fenced(page, buffer_get(&drawing.out));
    page->out.failed |= drawing.out.failed;
    buffer_free(&drawing.out);
}

static void draw_tree(struct page *page, const struct medic_section *section)
{
    put_drawing(page, section, text_section_tree);
}

static void draw_stacks(struct page *page, const struct medic_section *section)
{
    put_drawing(page, section, text_section_stacks);
}

static void draw_graph(struct page *page, const struct medic_section *section)
{
    put_drawing(page, section, text_section_graph);
}

static void draw_spans(struct page *page, const struct medic_section *section)
{
    put_drawing(page, section, text_section_spans);
}

static void draw_timeline(struct page *page, const struct medic_section *section)
{
    put_drawing(page, section, text_section_timeline);
}

static void draw_histogram(struct page *page, const struct medic_section *section)
{
    put_drawing(page, section, text_section_histogram);
}

/* --- tables --- */

static bool is_text(uint32_t type)
{
    return type == MEDIC_STRING || type == MEDIC_BOOLEAN;
}

static void put_cell(struct page *page, const medic_cell *cell, uint32_t unit)
{
    struct formatted text;
    if (cell->type == MEDIC_STRING) {
        put_escaped(page, cell->as.string, CELL_MOST, PLACE_TEXT);
        return;
    }
    format_cell(cell, unit, false, &text);
    put_escaped(page, text.number, CELL_MOST, PLACE_TEXT);
    if (text.unit[0])
        buffer_format(&page->out, "\u00a0%s", text.unit);
}

static void put_shown(struct page *page, const struct medic_section *section)
{
    struct buffer text = {0};
    summary_shown(page_rows(page, section), section->total_rows, summary_rows(section->kind), &text);
    if (text.size)
        buffer_format(&page->out, "\n_%s_\n", text.bytes);
    page->out.failed |= text.failed;
    buffer_free(&text);
}

static void put_table(struct page *page, const struct medic_section *section)
{
    uint32_t shown = page_rows(page, section);
    for (uint32_t i = 0; i < section->column_count; i++) {
        page_add(page, "| ");
        put_escaped(page, section->columns[i].title, CELL_MOST, PLACE_TEXT);
        page_add(page, " ");
    }
    page_add(page, "|\n");
    for (uint32_t i = 0; i < section->column_count; i++)
        page_add(page, is_text(section->columns[i].type) ? "| --- " : "| ---: ");
    page_add(page, "|\n");
    for (uint32_t row = 0; row < shown; row++) {
        for (uint32_t i = 0; i < section->column_count; i++) {
            page_add(page, "| ");
            put_cell(page, section_cell(section, row, i), section->columns[i].unit);
            page_add(page, " ");
        }
        page_add(page, "|\n");
    }
    put_shown(page, section);
}

/* --- texts --- */

static void put_prose(struct page *page, const char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        struct buffer line = {0};
        size_t length = strcspn(text + at, "\n");
        length = length < size - at ? length : size - at;
        buffer_add(&line, text + at, length);
        put_line(page, buffer_get(&line), DOCUMENT_STRING_MAX);
        at += length + 1;
        page_add(page, at < size ? "\\\n" : "\n");
        page->out.failed |= line.failed;
        buffer_free(&line);
    }
}

static void put_snippet(struct page *page, const char *text, size_t size)
{
    struct buffer lines = {0};
    for (size_t at = 0; at < size;) {
        struct buffer line = {0};
        size_t length = strcspn(text + at, "\n");
        length = length < size - at ? length : size - at;
        buffer_add(&line, text + at, length);
        page_clean(page, &lines, buffer_get(&line) + 2); /* a block of code is indented by two at least */
        buffer_add_string(&lines, "\n");
        at += length + 1;
        lines.failed |= line.failed;
        buffer_free(&line);
    }
    put_fenced(page, buffer_get(&lines));
    page->out.failed |= lines.failed;
    buffer_free(&lines);
}

static void put_paragraphs(struct page *page, const struct medic_section *section)
{
    int column = label_column(section);
    bool first = true;
    for (uint32_t row = 0; row < page_rows(page, section) && column >= 0; row++) {
        const medic_cell *cell = section_cell(section, row, (uint32_t)column);
        const char *at = cell->type == MEDIC_STRING ? cell->as.string : "";
        struct summary_block block;
        for (; summary_next_block(&at, &block); first = false) {
            page_add(page, first ? "" : "\n");
            (block.code ? put_snippet : put_prose)(page, block.text, block.size);
        }
    }
    put_shown(page, section);
}

/* --- sections --- */

static void (*const KINDS[])(struct page *, const struct medic_section *) = {
    [MEDIC_TABLE] = put_table,          [MEDIC_TREE] = draw_tree,      [MEDIC_STACKS] = draw_stacks,
    [MEDIC_GRAPH] = draw_graph,         [MEDIC_SPANS] = draw_spans,    [MEDIC_TIMELINE] = draw_timeline,
    [MEDIC_HISTOGRAM] = draw_histogram, [MEDIC_TEXT] = put_paragraphs,
};

static void put_body(struct page *page, const struct medic_section *section)
{
    if (section->note && *section->note) {
        put_line(page, section->note, SENTENCE_MOST);
        page_add(page, "\n\n");
    }
    if (!section->row_count)
        page_add(page, "_nothing_\n");
    else if (section->kind < sizeof KINDS / sizeof *KINDS && KINDS[section->kind])
        KINDS[section->kind](page, section);
    else
        put_table(page, section);
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static void put_section(struct page *page, const struct medic_section *section, bool open)
{
    struct page body = *page;
    memset(&body.out, 0, sizeof body.out);
    put_body(&body, section);
    bool folded = !open && count_lines(buffer_get(&body.out)) > FOLD_LINES;
    page_add(page, folded ? "\n<details><summary><b>" : "\n### ");
    put_escaped(page, section->title, SENTENCE_MOST, folded ? PLACE_HTML : PLACE_TEXT);
    page_add(page, folded ? "</b></summary>\n\n" : "\n\n");
    buffer_add(&page->out, buffer_get(&body.out), body.out.size);
    page_add(page, folded ? "\n</details>\n" : "");
    page->out.failed |= body.out.failed;
    buffer_free(&body.out);
}

/* Sections as far as they fit; those that do not are named. */
static void put_sections(struct page *page, const struct document *document, size_t most)
{
    size_t used = count_characters(buffer_get(&page->out)), left_out = 0;
    for (size_t i = 0; i < document->section_count; i++) {
        if (summary_leaves_out(document->sections[i], page->top))
            continue;
        size_t before = page->out.size;
        put_section(page, document->sections[i], i == 0);
        size_t more = count_characters(buffer_get(&page->out) + before);
        if (used + more > most) {
            buffer_cut(&page->out, before);
            left_out++;
        } else {
            used += more;
        }
    }
    if (left_out)
        buffer_format(&page->out,
                      "\n_%zu more %s left out, for this has to fit into a comment: see the whole report_\n", left_out,
                      left_out == 1 ? "section was" : "sections were");
}

/* --- the page --- */

static void put_verdict(struct page *page, const struct document *document)
{
    buffer_format(&page->out, "**%s: ", summary_severity(document));
    put_escaped(page, document->verdict ? document->verdict : "", SENTENCE_MOST, PLACE_TEXT);
    while (page->out.size && page->out.bytes[page->out.size - 1] == ' ')
        buffer_cut(&page->out, page->out.size - 1);
    page_add(page, "**\n");
}

static void put_context(struct page *page, const struct document *document)
{
    struct buffer text = {0};
    summary_context(document, false, &text);
    if (text.size) {
        page_add(page, "\n");
        put_line(page, text.bytes, SENTENCE_MOST);
        page_add(page, "\n");
    }
    if (!document->session.complete)
        page_add(page, "\n**" SUMMARY_INCOMPLETE "**\n");
    page->out.failed |= text.failed;
    buffer_free(&text);
}

static void put_findings(struct page *page, const struct document *document)
{
    for (uint32_t i = 0; i < document->finding_count; i++) {
        struct buffer evidence = {0};
        page_add(page, i ? "- " : "\n- ");
        put_line(page, document->findings[i].text, SENTENCE_MOST);
        summary_evidence(document, &document->findings[i], &evidence);
        if (evidence.size) {
            page_add(page, "\\\n  \u2192 ");
            put_escaped(page, evidence.bytes, SENTENCE_MOST, PLACE_TEXT);
        }
        page_add(page, "\n");
        page->out.failed |= evidence.failed;
        buffer_free(&evidence);
    }
}

static void put_cost(struct page *page, const struct document *document)
{
    struct summary_cost costs[SUMMARY_COSTS];
    struct buffer lost = {0};
    unsigned count = summary_cost(document, false, costs);
    page_add(page, "\n### " SUMMARY_COST_TITLE "\n\n");
    for (unsigned i = 0; i < count; i++)
        buffer_format(&page->out, "%s%s %s", i ? " \u00b7 " : "", costs[i].what, costs[i].value);
    page_add(page, count ? "\n\n" : SUMMARY_COST_UNKNOWN "\n\n");
    summary_lost(document, &lost);
    page_add(page, document->lost.records ? "**" : "");
    put_escaped(page, buffer_get(&lost), SENTENCE_MOST, PLACE_TEXT);
    page_add(page, document->lost.records ? "**\n" : "\n");
    page->out.failed |= lost.failed;
    buffer_free(&lost);
}

static void put_all(struct page *page, const struct document *document, size_t most)
{
    put_verdict(page, document);
    put_context(page, document);
    put_findings(page, document);
    put_sections(page, document, most);
    put_cost(page, document);
}

/* By default fewer rows before fewer sections, so that it fits into a comment; who asks for rows gets them. */
static void fit(struct page *page, const struct document *document)
{
    static const unsigned TOPS[] = {20, 10, 5, 3};
    for (unsigned i = 0; i < sizeof TOPS / sizeof *TOPS; i++) {
        buffer_cut(&page->out, 0);
        page->top = TOPS[i];
        bool last = i + 1 == sizeof TOPS / sizeof *TOPS;
        put_all(page, document, last ? COMMENT_MOST : SIZE_MAX);
        if (count_characters(buffer_get(&page->out)) <= COMMENT_MOST)
            break;
    }
}

int render_markdown(const struct document *document, const struct render_options *options, FILE *out, medic_reason *why)
{
    struct page page = {.width = FENCE_WIDTH, .duration_ns = document->session.duration_ns};
    int result = MEDIC_OK;
    if (options && options->top) {
        page.top = options->top;
        put_all(&page, document, SIZE_MAX);
    } else {
        fit(&page, document);
    }
    if (page.out.failed)
        result = medic_fail(why, MEDIC_E_MEMORY, "out of memory while rendering the report");
    else if (fwrite(page.out.bytes, 1, page.out.size, out) != page.out.size || fflush(out))
        result = medic_fail(why, MEDIC_E_IO, "cannot write the report: %s", strerror(errno));
    buffer_free(&page.out);
    return result;
}
