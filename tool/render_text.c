/* The report for a terminal: the verdict first, then what it rests on, what the diagnosis cost last. */
#include "tool/render.h"

#include "tool/text_page.h"

#include <ctype.h>
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

/* One more of the line's parts, which is not torn when the line is wrapped. */
static void add_part(const struct page *page, struct buffer *line, const char *text)
{
    if (!text || !*text)
        return;
    buffer_add_string(line, line->size ? page_pick(page, "\u00a0\u00b7 ", "\u00a0| ") : "");
    for (; *text; text++)
        if (*text == ' ')
            buffer_add_string(line, "\u00a0");
        else
            buffer_add(line, text, 1);
}

static void add_profiler(const struct page *page, struct buffer *line, const struct document_profiler *profiler)
{
    struct buffer part = {0};
    buffer_add_string(&part, profiler->name ? profiler->name : "");
    if (profiler->name && profiler->version)
        buffer_format(&part, " %s", profiler->version);
    add_part(page, line, buffer_get(&part));
    buffer_free(&part);
}

static void add_target(const struct page *page, struct buffer *line, const struct document_target *target)
{
    struct buffer part = {0};
    buffer_add_string(&part, target->name ? target->name : "");
    if (target->pid >= 0)
        buffer_format(&part, "%spid %lld%s", part.size ? " (" : "", (long long)target->pid, part.size ? ")" : "");
    add_part(page, line, buffer_get(&part));
    buffer_free(&part);
    if (target->runtime) {
        struct buffer runtime = {0};
        buffer_format(&runtime, "%s%s", isdigit((unsigned char)target->runtime[0]) ? ".NET " : "", target->runtime);
        add_part(page, line, buffer_get(&runtime));
        buffer_free(&runtime);
    }
}

/* "2025-11-21T12:08:11Z" reads better as "2025-11-21 12:08:11 UTC". */
static void add_time(const struct page *page, struct buffer *line, const struct document_session *session)
{
    struct buffer part = {0};
    char length[64];
    if (session->duration_ns) {
        format_short((double)session->duration_ns, MEDIC_UNIT_NANOSECONDS, page->ascii, length, sizeof length);
        buffer_add_string(&part, length);
    }
    const char *started = session->started;
    if (started && strlen(started) >= 20 && started[10] == 'T')
        buffer_format(&part, "%s%.10s %.8s UTC", part.size ? " from " : "", started, started + 11);
    add_part(page, line, buffer_get(&part));
    buffer_free(&part);
}

static void put_context(struct page *page, const struct document *document)
{
    struct buffer line = {0};
    add_profiler(page, &line, &document->profiler);
    add_target(page, &line, &document->target);
    add_time(page, &line, &document->session);
    if (line.size) {
        page_style(page, STYLE_DIM);
        page_wrap(page, buffer_get(&line), 0, 0);
    }
    buffer_free(&line);
    if (!document->session.complete) {
        page_style(page, STYLE_WARNING);
        page_wrap(page,
                  "The capture is incomplete: the target or Medic ended before the session did. This is what was seen "
                  "until then.",
                  0, 0);
    }
}

/* --- findings --- */

static void put_evidence(struct page *page, const struct document *document, const struct document_finding *finding)
{
    const struct medic_section *section = finding->section ? document_find_section(document, finding->section) : NULL;
    if (!section)
        return;
    struct buffer text = {0};
    buffer_format(&text, "%s %s", page_pick(page, "\u2192", "->"), section->title);
    if (finding->row)
        buffer_format(&text, ": %s", finding->row);
    page_pad(page, 2 * PAGE_INDENT);
    page_style(page, STYLE_DIM);
    page_put(page, buffer_get(&text), page->width - 2 * PAGE_INDENT);
    page_style(page, STYLE_PLAIN);
    page_end(page);
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

static void add_cost(const struct page *page, struct buffer *line, const char *what, uint64_t value, uint32_t unit)
{
    char number[64], text[128];
    format_short((double)value, unit, page->ascii, number, sizeof number);
    snprintf(text, sizeof text, "%s %s", what, number);
    add_part(page, line, text);
}

static void put_cost(struct page *page, const struct document *document)
{
    const struct document_cost *cost = &document->cost;
    struct buffer line = {0};
    put_heading(page, "What the diagnosis cost");
    if (cost->known) {
        add_cost(page, &line, "longest pause", cost->longest_pause_ns, MEDIC_UNIT_NANOSECONDS);
        add_cost(page, &line, "paused in all", cost->total_pause_ns, MEDIC_UNIT_NANOSECONDS);
        add_cost(page, &line, "CPU", cost->cpu_ns, MEDIC_UNIT_NANOSECONDS);
        add_cost(page, &line, "written", cost->bytes_written, MEDIC_UNIT_BYTES);
        add_cost(page, &line, "memory in the target", cost->target_memory_bytes, MEDIC_UNIT_BYTES);
    } else {
        buffer_add_string(&line, "not known: the capture has no record of it");
    }
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
