#include "tool/document_summary.h"

#include "tool/format.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CODE_INDENT 2

const char *summary_severity(const struct document *document)
{
    static const char *const WORDS[] = {"HEALTHY", "NOTICE", "WARNING", "CRITICAL"};
    return document->severity < sizeof WORDS / sizeof *WORDS ? WORDS[document->severity] : "NOTICE";
}

/* --- what was looked at --- */

static void begin_part(struct buffer *out)
{
    if (out->size)
        buffer_add_string(out, " " SUMMARY_POINT " ");
}

static void add_profiler(const struct document_profiler *profiler, struct buffer *out)
{
    if (!profiler->name || !*profiler->name)
        return;
    begin_part(out);
    buffer_add_string(out, profiler->name);
    if (profiler->version)
        buffer_format(out, " %s", profiler->version);
}

static void add_target(const struct document_target *target, struct buffer *out)
{
    bool named = target->name && *target->name;
    if (named || target->pid >= 0)
        begin_part(out);
    if (named)
        buffer_add_string(out, target->name);
    if (target->pid >= 0)
        buffer_format(out, named ? " (pid %lld)" : "pid %lld", (long long)target->pid);
    if (!target->runtime || !*target->runtime)
        return;
    begin_part(out);
    buffer_format(out, "%s%s", isdigit((unsigned char)target->runtime[0]) ? ".NET " : "", target->runtime);
}

/* "2025-11-21T12:08:11Z" reads better as "2025-11-21 12:08:11 UTC". */
static void add_time(const struct document_session *session, bool ascii, struct buffer *out)
{
    const char *started = session->started;
    bool readable = started && strlen(started) >= 20 && started[10] == 'T';
    if (!session->duration_ns && !readable)
        return;
    begin_part(out);
    if (session->duration_ns) {
        char length[64];
        format_short((double)session->duration_ns, MEDIC_UNIT_NANOSECONDS, ascii, length, sizeof length);
        buffer_format(out, readable ? "%s from " : "%s", length);
    }
    if (readable)
        buffer_format(out, "%.10s %.8s UTC", started, started + 11);
}

void summary_context(const struct document *document, bool ascii, struct buffer *out)
{
    add_profiler(&document->profiler, out);
    add_target(&document->target, out);
    add_time(&document->session, ascii, out);
}

/* --- findings and rows --- */

/* A row is named by its cells: "Orders.Order.City|string[]"; empty ones say nothing. */
static void add_row(const char *row, struct buffer *out)
{
    bool first = true;
    for (const char *at = row; *at;) {
        size_t size = strcspn(at, "|");
        if (size) {
            buffer_add_string(out, first ? ": " : ", ");
            buffer_add(out, at, size);
            first = false;
        }
        at += size + (at[size] == '|');
    }
}

void summary_evidence(const struct document *document, const struct document_finding *finding, struct buffer *out)
{
    const struct medic_section *section = finding->section ? document_find_section(document, finding->section) : NULL;
    if (!section)
        return;
    buffer_add_string(out, section->title);
    if (finding->row)
        add_row(finding->row, out);
}

void summary_shown(uint64_t shown, uint64_t total, const char *what, struct buffer *out)
{
    struct formatted few, all;
    if (shown >= total)
        return;
    format_value((double)shown, MEDIC_UNIT_COUNT, false, &few);
    format_value((double)total, MEDIC_UNIT_COUNT, false, &all);
    buffer_format(out, "%s of %s %s", few.number, all.number, what);
}

const char *summary_rows(uint32_t kind)
{
    static const char *const WORDS[] = {
        [MEDIC_STACKS] = "stacks",
        [MEDIC_SPANS] = "spans",
        [MEDIC_HISTOGRAM] = "buckets",
        [MEDIC_TEXT] = "paragraphs",
    };
    return kind < sizeof WORDS / sizeof *WORDS && WORDS[kind] ? WORDS[kind] : "rows";
}

static void row_key(const struct medic_section *section, uint32_t row, struct buffer *out)
{
    bool first = true;
    for (uint32_t i = 0; i < section->column_count; i++) {
        const medic_cell *cell = section_cell(section, row, i);
        if (!(section->columns[i].flags & MEDIC_COLUMN_KEY))
            continue;
        buffer_add_string(out, first ? "" : "|");
        first = false;
        if (cell->type == MEDIC_STRING)
            buffer_add_string(out, cell->as.string);
        else if (cell->type == MEDIC_INTEGER)
            buffer_format(out, "%" PRId64, cell->as.integer);
    }
}

bool summary_is_row(const struct medic_section *section, uint32_t row, const char *key)
{
    struct buffer text = {0};
    row_key(section, row, &text);
    bool is = strcmp(buffer_get(&text), key) == 0;
    buffer_free(&text);
    return is;
}

uint32_t summary_row_of(const struct medic_section *section, const char *key)
{
    for (uint32_t row = 0; row < section->row_count; row++)
        if (summary_is_row(section, row, key))
            return row;
    return MEDIC_NO_ROW;
}

/* --- paragraphs --- */

static size_t line_size(const char *text)
{
    return strcspn(text, "\n");
}

static bool is_code(const char *line)
{
    return strspn(line, " ") >= CODE_INDENT;
}

static bool is_blank(const char *line)
{
    return strspn(line, " \t\r") >= line_size(line);
}

bool summary_next_block(const char **at, struct summary_block *block)
{
    const char *line = *at;
    while (*line && is_blank(line))
        line += line_size(line) + (line[line_size(line)] == '\n');
    *block = (struct summary_block){line, 0, is_code(line)};
    while (*line && !is_blank(line) && is_code(line) == block->code) {
        size_t size = line_size(line);
        block->size = (size_t)(line - block->text) + size;
        line += size + (line[size] == '\n');
    }
    *at = line;
    return block->size > 0;
}

/* --- what it cost --- */

unsigned summary_cost(const struct document *document, bool ascii, struct summary_cost out[SUMMARY_COSTS])
{
    const struct document_cost *cost = &document->cost;
    const struct {
        const char *what;
        uint64_t value;
        uint32_t unit;
    } ITEMS[SUMMARY_COSTS] = {
        {"longest pause", cost->longest_pause_ns, MEDIC_UNIT_NANOSECONDS},
        {"paused in all", cost->total_pause_ns, MEDIC_UNIT_NANOSECONDS},
        {"CPU", cost->cpu_ns, MEDIC_UNIT_NANOSECONDS},
        {"written", cost->bytes_written, MEDIC_UNIT_BYTES},
        {"memory in the target", cost->target_memory_bytes, MEDIC_UNIT_BYTES},
    };
    for (unsigned i = 0; cost->known && i < SUMMARY_COSTS; i++) {
        out[i].what = ITEMS[i].what;
        format_short((double)ITEMS[i].value, ITEMS[i].unit, ascii, out[i].value, sizeof out[i].value);
    }
    return cost->known ? SUMMARY_COSTS : 0;
}

void summary_lost(const struct document *document, struct buffer *out)
{
    const struct document_lost *lost = &document->lost;
    struct formatted number;
    format_value((double)lost->records, MEDIC_UNIT_COUNT, false, &number);
    if (lost->records)
        buffer_format(out, "%s %s lost", number.number, lost->records == 1 ? "record was" : "records were");
    else
        buffer_add_string(out, "Nothing was lost");
    if (lost->reason && *lost->reason)
        buffer_format(out, ": %s", lost->reason);
    if (out->size && out->bytes[out->size - 1] != '.')
        buffer_add_string(out, ".");
}
