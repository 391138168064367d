/* The report for a browser: one file that holds all it needs, runs no script and asks nobody for anything. The verdict
 * first, then what it rests on, what the diagnosis cost last. */
#include "tool/render.h"

#include "tool/document_summary.h"
#include "tool/html_page.h"

#include <errno.h>
#include <string.h>

/* Fewer sections than this need no list of them. */
#define CONTENTS_LEAST 3

static void put_summary(struct page *page, const struct document *document,
                        void (*summary)(const struct document *, struct buffer *))
{
    struct buffer text = {0};
    summary(document, &text);
    html_text(page, buffer_get(&text));
    page->out.failed |= text.failed;
    buffer_free(&text);
}

static void put_head(struct page *page, const struct document *document)
{
    page_add(page,
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n"
             "<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
    html_text(page, document->target.name ? document->target.name : "report");
    page_add(page, " \u00b7 ");
    html_text(page, document->profiler.name ? document->profiler.name : "");
    page_add(page, " \u00b7 Medic</title>\n<style>\n");
    page_add(page, HTML_STYLE);
    page_add(page, "</style>\n</head>\n<body>\n");
}

/* --- verdict and findings --- */

static void put_verdict(struct page *page, const struct document *document)
{
    const char *word = severity_word(document->severity);
    buffer_format(&page->out, "<div class=\"verdict %s\"><h1><span class=\"word\">%s</span> ", word ? word : "notice",
                  summary_severity(document));
    html_text(page, document->verdict ? document->verdict : "");
    page_add(page, "</h1></div>\n");
}

static void put_evidence(struct page *page, const struct document *document, const struct document_finding *finding)
{
    const struct medic_section *section = finding->section ? document_find_section(document, finding->section) : NULL;
    struct buffer text = {0};
    if (!section)
        return;
    uint32_t row = finding->row ? summary_row_of(section, finding->row) : MEDIC_NO_ROW;
    page_add(page, " <a href=\"#");
    if (row < page_rows(page, section) && section->kind != MEDIC_STACKS && section->kind != MEDIC_TEXT)
        html_row_id(page, section, row);
    else
        html_section_id(page, section);
    page_add(page, "\">\u2192 ");
    summary_evidence(document, finding, &text);
    html_text(page, buffer_get(&text));
    page_add(page, "</a>");
    page->out.failed |= text.failed;
    buffer_free(&text);
}

static void put_findings(struct page *page, const struct document *document)
{
    if (!document->finding_count)
        return;
    page_add(page, "<ul class=\"findings\" aria-label=\"Findings\">\n");
    for (uint32_t i = 0; i < document->finding_count; i++) {
        page_add(page, "<li>");
        html_text(page, document->findings[i].text);
        put_evidence(page, document, &document->findings[i]);
        page_add(page, "</li>\n");
    }
    page_add(page, "</ul>\n");
}

static void put_contents(struct page *page, const struct document *document)
{
    if (document->section_count < CONTENTS_LEAST)
        return;
    page_add(page, "<nav aria-label=\"Sections\"><ul>\n");
    for (size_t i = 0; i < document->section_count; i++) {
        page_add(page, "<li><a href=\"#");
        html_section_id(page, document->sections[i]);
        page_add(page, "\">");
        html_text(page, document->sections[i]->title);
        page_add(page, "</a></li>\n");
    }
    page_add(page, "</ul></nav>\n");
}

static void context(const struct document *document, struct buffer *out)
{
    summary_context(document, false, out);
}

static void put_header(struct page *page, const struct document *document)
{
    page_add(page, "<header>\n<p class=\"context\"><b>Medic</b> \u00b7 ");
    put_summary(page, document, context);
    page_add(page, "</p>\n");
    put_verdict(page, document);
    if (!document->session.complete)
        page_add(page, "<p class=\"incomplete\">" SUMMARY_INCOMPLETE "</p>\n");
    put_findings(page, document);
    put_contents(page, document);
    page_add(page, "</header>\n");
}

/* --- sections --- */

static void put_lines(struct page *page, const struct summary_block *block)
{
    for (size_t at = 0; at < block->size;) {
        struct buffer line = {0};
        size_t size = strcspn(block->text + at, "\n");
        size = size < block->size - at ? size : block->size - at;
        buffer_add(&line, block->text + at, size);
        html_text(page, buffer_get(&line));
        at += size + 1;
        page_add(page, at >= block->size ? "" : block->code ? "\n" : "<br>\n");
        page->out.failed |= line.failed;
        buffer_free(&line);
    }
}

void html_section_text(struct page *page, const struct medic_section *section)
{
    int column = label_column(section);
    uint32_t shown = page_rows(page, section);
    for (uint32_t row = 0; row < shown && column >= 0; row++) {
        const medic_cell *cell = section_cell(section, row, (uint32_t)column);
        const char *at = cell->type == MEDIC_STRING ? cell->as.string : "";
        for (struct summary_block block; summary_next_block(&at, &block);) {
            page_add(page, block.code ? "<pre><code>" : "<p>");
            put_lines(page, &block);
            page_add(page, block.code ? "</code></pre>\n" : "</p>\n");
        }
    }
    html_shown(page, shown, section->total_rows, section->kind);
}

static void (*const KINDS[])(struct page *, const struct medic_section *) = {
    [MEDIC_TABLE] = html_section_table,         [MEDIC_TREE] = html_section_tree,
    [MEDIC_STACKS] = html_section_stacks,       [MEDIC_GRAPH] = html_section_graph,
    [MEDIC_SPANS] = html_section_spans,         [MEDIC_TIMELINE] = html_section_timeline,
    [MEDIC_HISTOGRAM] = html_section_histogram, [MEDIC_TEXT] = html_section_text,
};

static void put_section(struct page *page, const struct medic_section *section)
{
    page_add(page, "<section id=\"");
    html_section_id(page, section);
    page_add(page, "\">\n<h2>");
    html_text(page, section->title);
    page_add(page, "</h2>\n");
    if (section->note && *section->note) {
        page_add(page, "<p class=\"note\">");
        html_text(page, section->note);
        page_add(page, "</p>\n");
    }
    if (!section->row_count)
        page_add(page, "<p class=\"nothing\">nothing</p>\n");
    else if (section->kind < sizeof KINDS / sizeof *KINDS && KINDS[section->kind])
        KINDS[section->kind](page, section);
    else
        html_section_table(page, section);
    page_add(page, "</section>\n");
}

/* --- what it cost --- */

static void put_cost(struct page *page, const struct document *document)
{
    struct summary_cost costs[SUMMARY_COSTS];
    unsigned count = summary_cost(document, false, costs);
    page_add(page, "<section id=\"cost\"><h2>" SUMMARY_COST_TITLE "</h2>\n");
    page_add(page, count ? "<dl>" : "<p>" SUMMARY_COST_UNKNOWN "</p>\n");
    for (unsigned i = 0; i < count; i++)
        buffer_format(&page->out, "<div><dt>%s</dt><dd>%s</dd></div>", costs[i].what, costs[i].value);
    page_add(page, count ? "</dl>\n" : "");
    page_add(page, document->lost.records ? "<p class=\"lost\">" : "<p>");
    put_summary(page, document, summary_lost);
    page_add(page, "</p></section>\n");
}

static void add_fact(struct buffer *out, const char *what, const char *value)
{
    if (value && *value)
        buffer_format(out, "%s%s %s", out->size ? " \u00b7 " : "", what, value);
}

/* What somebody who gets the file needs to find the session again. Not the command line: it may hold secrets. */
static void summary_facts(const struct document *document, struct buffer *out)
{
    add_fact(out, "session", document->session.id);
    add_fact(out, "ended by", document->session.end_reason);
    add_fact(out, "on", document->target.os);
    add_fact(out, "", document->target.arch);
    for (size_t i = 0; i < document->profiler.parameter_count; i++)
        buffer_format(out, "%s%s=%s", out->size ? " \u00b7 " : "", document->profiler.parameters[i].key,
                      document->profiler.parameters[i].value);
}

static void put_footer(struct page *page, const struct document *document)
{
    page_add(page, "<footer>\n");
    put_cost(page, document);
    page_add(page, "<p class=\"session\">");
    put_summary(page, document, summary_facts);
    page_add(page, "</p>\n</footer>\n</body>\n</html>\n");
}

int render_html(const struct document *document, const struct render_options *options, FILE *out, medic_reason *why)
{
    struct page page = {.width = 80, .top = options && options->top ? options->top : 20};
    int result = MEDIC_OK;
    page.duration_ns = document->session.duration_ns;
    put_head(&page, document);
    put_header(&page, document);
    page_add(&page, "<main>\n");
    for (size_t i = 0; i < document->section_count; i++)
        put_section(&page, document->sections[i]);
    page_add(&page, "</main>\n");
    put_footer(&page, document);
    if (page.out.failed)
        result = medic_fail(why, MEDIC_E_MEMORY, "out of memory while rendering the report");
    else if (fwrite(page.out.bytes, 1, page.out.size, out) != page.out.size || fflush(out))
        result = medic_fail(why, MEDIC_E_IO, "cannot write the report: %s", strerror(errno));
    buffer_free(&page.out);
    return result;
}
