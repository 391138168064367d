/* The report for a terminal: the verdict first, then what it rests on, what the diagnosis cost last. */
#include "tool/render.h"

#include "tool/document_summary.h"
#include "tool/text_page.h"

#include <errno.h>
#include <string.h>

#define WIDTH_LEAST 40
#define WIDTH_MOST 1000

struct severity_look {
    const char *word;
    enum style style;
};

static const struct severity_look LOOKS[] = {
    [MEDIC_HEALTHY] = {"HEALTHY", STYLE_HEALTHY},
    [MEDIC_NOTICE] = {"NOTICE", STYLE_NOTICE},
    [MEDIC_WARNING] = {"WARNING", STYLE_WARNING},
    [MEDIC_CRITICAL] = {"CRITICAL", STYLE_CRITICAL},
};

static void put_verdict(struct page *page, const struct document *document)
{
    const struct severity_look *look = &LOOKS[document->severity];
    size_t used = strlen(look->word) + 2;
    page_style(page, look->style);
    page_add(page, look->word);
    page_style(page, STYLE_PLAIN);
    page_add(page, "  ");
    page_wrap(page, document->verdict ? document->verdict : "", used, used);
}

/* --- the line that says what was looked at --- */

/* The parts of a line, which are not torn when it is wrapped: only behind the points between them. */
static void add_parts(const struct page *page, struct buffer *line, const char *parts)
{
    static const char point[] = " " SUMMARY_POINT " ";
    while (*parts) {
        if (strncmp(parts, point, sizeof point - 1) == 0) {
            buffer_add_string(line, page_pick(page, "\u00a0" SUMMARY_POINT " ", "\u00a0| "));
            parts += sizeof point - 1;
        } else if (*parts == ' ') {
            buffer_add_string(line, "\u00a0");
            parts++;
        } else {
            buffer_add(line, parts++, 1);
        }
    }
}

static void put_context(struct page *page, const struct document *document)
{
    struct buffer parts = {0}, line = {0};
    summary_context(document, page->ascii, &parts);
    add_parts(page, &line, buffer_get(&parts));
    buffer_free(&parts);
    if (line.size) {
        page_style(page, STYLE_DIM);
        page_wrap(page, buffer_get(&line), 0, 0);
    }
    buffer_free(&line);
    if (!document->session.complete) {
        page_style(page, STYLE_WARNING);
        page_wrap(page, SUMMARY_INCOMPLETE, 0, 0);
    }
}

/* --- findings --- */

static void put_evidence(struct page *page, const struct document *document, const struct document_finding *finding)
{
    struct buffer text = {0};
    buffer_add_string(&text, page_pick(page, "\u2192 ", "-> "));
    size_t arrow = text.size;
    summary_evidence(document, finding, &text);
    if (text.size > arrow) {
        page_pad(page, 2 * PAGE_INDENT);
        page_style(page, STYLE_DIM);
        page_put(page, buffer_get(&text), page->width - 2 * PAGE_INDENT);
        page_style(page, STYLE_PLAIN);
        page_end(page);
    }
    buffer_free(&text);
}

static void put_findings(struct page *page, const struct document *document)
{
    if (document->finding_count)
        page_end(page);
    for (uint32_t i = 0; i < document->finding_count; i++) {
        page_pad(page, PAGE_INDENT);
        page_add(page, page_pick(page, "\u2022 ", "* "));
        page_wrap(page, document->findings[i].text, 2 * PAGE_INDENT, 2 * PAGE_INDENT);
        put_evidence(page, document, &document->findings[i]);
    }
}

/* --- sections --- */

static void (*const KINDS[])(struct page *, const struct medic_section *) = {
    [MEDIC_TABLE] = text_section_table,         [MEDIC_TREE] = text_section_tree,
    [MEDIC_STACKS] = text_section_stacks,       [MEDIC_GRAPH] = text_section_graph,
    [MEDIC_SPANS] = text_section_spans,         [MEDIC_TIMELINE] = text_section_timeline,
    [MEDIC_HISTOGRAM] = text_section_histogram, [MEDIC_TEXT] = text_section_text,
};

static void put_heading(struct page *page, const char *title)
{
    const char *line = page_pick(page, "\u2500", "-");
    page_end(page);
    page_style(page, STYLE_DIM);
    buffer_repeat(&page->out, line, 2);
    page_style(page, STYLE_PLAIN);
    page_add(page, " ");
    page_style(page, STYLE_TITLE);
    size_t used = 4 + page_put(page, title, page->width - 5);
    page_style(page, STYLE_PLAIN);
    page_add(page, " ");
    page_style(page, STYLE_DIM);
    buffer_repeat(&page->out, line, page->width - used);
    page_style(page, STYLE_PLAIN);
    page_end(page);
}

static void put_section(struct page *page, const struct medic_section *section)
{
    put_heading(page, section->title);
    if (section->note && *section->note) {
        page_pad(page, PAGE_INDENT);
        page_wrap(page, section->note, PAGE_INDENT, PAGE_INDENT);
        page_end(page);
    }
    if (!section->row_count) {
        page_pad(page, PAGE_INDENT);
        page_style(page, STYLE_DIM);
        page_add(page, "nothing");
        page_style(page, STYLE_PLAIN);
        page_end(page);
        return;
    }
    if (section->kind < sizeof KINDS / sizeof *KINDS && KINDS[section->kind])
        KINDS[section->kind](page, section);
    else
        text_section_table(page, section);
}

/* A paragraph keeps its line ends: a list or a snippet of code is one. */
static void put_paragraph(struct page *page, const char *text)
{
    while (*text) {
        struct buffer line = {0};
        size_t size = strcspn(text, "\n"), blanks = strspn(text, " ");
        size_t indent = PAGE_INDENT + (blanks < page->width / 4 ? blanks : page->width / 4);
        buffer_add(&line, text, size);
        page_pad(page, indent);
        page_wrap(page, buffer_get(&line), indent, indent);
        buffer_free(&line);
        text += size + (text[size] == '\n');
    }
}

void text_section_text(struct page *page, const struct medic_section *section)
{
    uint32_t shown = page_rows(page, section);
    int column = label_column(section);
    for (uint32_t row = 0; row < shown && column >= 0; row++) {
        const medic_cell *cell = section_cell(section, row, (uint32_t)column);
        if (row)
            page_end(page);
        if (cell->type == MEDIC_STRING)
            put_paragraph(page, cell->as.string);
    }
    page_footer(page, shown, section->total_rows, "paragraphs");
}

/* --- what it cost --- */

static void put_cost(struct page *page, const struct document *document)
{
    struct summary_cost costs[SUMMARY_COSTS];
    unsigned count = summary_cost(document, page->ascii, costs);
    struct buffer parts = {0}, line = {0};
    put_heading(page, SUMMARY_COST_TITLE);
    for (unsigned i = 0; i < count; i++)
        buffer_format(&parts, "%s%s %s", i ? " " SUMMARY_POINT " " : "", costs[i].what, costs[i].value);
    add_parts(page, &line, buffer_get(&parts));
    buffer_free(&parts);
    if (!count)
        buffer_add_string(&line, "not known: the capture has no record of it");
    page_pad(page, PAGE_INDENT);
    page_wrap(page, buffer_get(&line), PAGE_INDENT, PAGE_INDENT);
    buffer_free(&line);
}

static void put_lost(struct page *page, const struct document_lost *lost)
{
    struct buffer line = {0};
    struct formatted number;
    format_value((double)lost->records, MEDIC_UNIT_COUNT, page->ascii, &number);
    if (lost->records)
        buffer_format(&line, "%s %s lost", number.number, lost->records == 1 ? "record was" : "records were");
    else
        buffer_add_string(&line, "nothing was lost");
    if (lost->reason && *lost->reason)
        buffer_format(&line, ": %s", lost->reason);
    page_pad(page, PAGE_INDENT);
    if (lost->records)
        page_style(page, STYLE_WARNING);
    page_wrap(page, buffer_get(&line), PAGE_INDENT, PAGE_INDENT);
    buffer_free(&line);
}

static struct page page_for(const struct document *document, const struct render_options *options)
{
    struct page page = {.width = 80, .top = 20, .duration_ns = document->session.duration_ns};
    if (!options)
        return page;
    page.width = options->width ? options->width : page.width;
    page.width = page.width < WIDTH_LEAST ? WIDTH_LEAST : page.width > WIDTH_MOST ? WIDTH_MOST : page.width;
    page.top = options->top ? options->top : page.top;
    page.color = options->color;
    page.ascii = options->ascii;
    return page;
}

int render_text(const struct document *document, const struct render_options *options, FILE *out, medic_reason *why)
{
    struct page page = page_for(document, options);
    int result = MEDIC_OK;
    put_verdict(&page, document);
    put_context(&page, document);
    put_findings(&page, document);
    for (size_t i = 0; i < document->section_count; i++)
        if (!summary_leaves_out(document->sections[i], page.top))
            put_section(&page, document->sections[i]);
    put_cost(&page, document);
    put_lost(&page, &document->lost);
    if (page.out.failed)
        result = medic_fail(why, MEDIC_E_MEMORY, "out of memory while rendering the report");
    else if (fwrite(page.out.bytes, 1, page.out.size, out) != page.out.size || fflush(out))
        result = medic_fail(why, MEDIC_E_IO, "cannot write the report: %s", strerror(errno));
    buffer_free(&page.out);
    return result;
}
