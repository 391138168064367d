#include "tool/diff_words.h"

#include "tool/diff_rows.h"
#include "tool/format.h"

#include <math.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define LENGTHS_DIFFER 0.1

static int same(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

static const char *known(const char *text)
{
    return text && *text ? text : "not known";
}

/* --- both as one --- */

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a + b < a ? UINT64_MAX : a + b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static struct document_cost both_costs(const struct document_cost *a, const struct document_cost *b)
{
    return (struct document_cost){.known = a->known && b->known,
                                  .longest_pause_ns = larger(a->longest_pause_ns, b->longest_pause_ns),
                                  .total_pause_ns = sum(a->total_pause_ns, b->total_pause_ns),
                                  .cpu_ns = sum(a->cpu_ns, b->cpu_ns),
                                  .bytes_written = sum(a->bytes_written, b->bytes_written),
                                  .target_memory_bytes = larger(a->target_memory_bytes, b->target_memory_bytes)};
}

static void copy_target(struct document *document, const struct document_target *from)
{
    document->target = *from;
    document->target.name = document_text(document, from->name);
    document->target.command_line = document_text(document, from->command_line);
    document->target.runtime = document_text(document, from->runtime);
    document->target.os = document_text(document, from->os);
    document->target.arch = document_text(document, from->arch);
    document->target.user = document_text(document, from->user);
}

void diff_head(struct document *document, const struct document *before, const struct document *after)
{
    char id[200];

    snprintf(id, sizeof id, "%.80s..%.80s", before->session.id ? before->session.id : "",
             after->session.id ? after->session.id : "");
    document->session.id = document_text(document, id);
    document->session.started = document_text(document, after->session.started);
    document->session.end_reason = document_text(document, "comparison");
    document->session.complete = before->session.complete && after->session.complete;
    document->profiler.name = document_text(document, after->profiler.name);
    document->profiler.guid = document_text(document, after->profiler.guid);
    document->profiler.version = document_text(document, after->profiler.version);
    for (size_t i = 0; i < after->profiler.parameter_count; i++)
        document_parameter(document, after->profiler.parameters[i].key, after->profiler.parameters[i].value);
    copy_target(document, &after->target);
    document->cost = both_costs(&before->cost, &after->cost);
    document->lost.records = sum(before->lost.records, after->lost.records);
    document->lost.reason = document_text(document, after->lost.reason ? after->lost.reason : before->lost.reason);
}

/* --- the verdict --- */

/* "2025-11-21T12:08:11Z": day and minute can be read. */
static int is_time(const char *started)
{
    return started && strlen(started) >= 20 && started[10] == 'T';
}

/* "between 14:02:10 and 14:32:11 UTC", with the days where they differ. */
static void add_times(struct medic_text *text, const struct diff_summary *summary)
{
    const char *first = summary->before_document->session.started, *second = summary->after_document->session.started;

    if (!is_time(first) || !is_time(second))
        return;
    if (strncmp(first, second, 10) == 0)
        medic_add(text, " between %.8s and %.8s UTC", first + 11, second + 11);
    else
        medic_add(text, " between %.10s %.8s and %.10s %.8s UTC", first, first + 11, second, second + 11);
}

static void add_value(struct medic_text *text, double value, uint32_t unit)
{
    char number[64];

    format_short(value, unit, false, number, sizeof number);
    medic_add(text, "%s", number);
}

static void add_change(struct medic_text *text, const struct diff_summary *summary)
{
    if (medic_begins_with(summary->state, "new")) {
        medic_add(text, summary->doubtful ? " is new, or was left out before, with " : " is new, with ");
        add_value(text, summary->after, summary->unit);
    } else if (medic_begins_with(summary->state, "gone")) {
        medic_add(text, summary->doubtful ? " is gone, or was left out, and had " : " is gone, it had ");
        add_value(text, summary->before, summary->unit);
    } else if (summary->change == 0) {
        medic_add(text, " changed");
    } else {
        medic_add(text, summary->change > 0 ? " grew by " : " shrank by ");
        add_value(text, fabs(summary->change), summary->unit);
        medic_add(text, " to ");
        add_value(text, summary->after, summary->unit);
    }
}

static void say_verdict(struct document *document, const struct diff_summary *summary)
{
    char sentence[1024];
    struct medic_text text = {sentence, sizeof sentence};
    uint32_t before = summary->before_document->severity, after = summary->after_document->severity;

    if (summary->row) {
        medic_add(&text, summary->is_slight ? "Little changed: " : "");
        medic_add_name(&text, *summary->row ? summary->row : "(a row without a name)");
        add_change(&text, summary);
        medic_add(&text, " (%.80s: %.60s)", summary->section->title, summary->column);
        add_times(&text, summary);
        if (summary->changed > 1) {
            medic_add(&text, "; ");
            medic_add_number(&text, summary->changed - 1);
            medic_add(&text, " other row%s changed", summary->changed == 2 ? "" : "s");
        }
    } else if (summary->compared) {
        medic_add(&text, "Nothing changed");
        add_times(&text, summary);
    } else {
        medic_add(&text, "The two reports have no section in common that can be compared");
    }
    medic_add(&text, ".");
    document_verdict(document,
                     after > before                            ? after
                     : summary->changed && !summary->is_slight ? MEDIC_NOTICE
                                                               : MEDIC_HEALTHY,
                     sentence);
}

static void say_findings(struct document *document, const struct diff_summary *summary)
{
    char text[1024];

    snprintf(text, sizeof text, "Before: %.900s", known(summary->before_document->verdict));
    document_finding(document, text, NULL, NULL);
    snprintf(text, sizeof text, "After: %.900s", known(summary->after_document->verdict));
    document_finding(document, text, NULL, NULL);
}

/* --- what was compared --- */

static void session_row(struct medic_section *section, const char *which, const struct document *document)
{
    medic_cell cells[] = {
        medic_string(which),
        medic_string(document->session.id),
        medic_string(document->session.started),
        medic_integer(document->session.duration_ns < INT64_MAX ? (int64_t)document->session.duration_ns : INT64_MAX),
        medic_string(document->target.name),
        document->target.pid >= 0 ? medic_integer(document->target.pid) : medic_none(),
        medic_string(severity_word(document->severity)),
    };

    section_row(section, MEDIC_NO_PARENT, cells, COUNT_OF(cells));
}

static struct medic_section *open_section(struct document *document, uint32_t kind, const char *id, const char *title,
                                          const medic_column *columns, uint32_t count)
{
    medic_section_info info = {.size = sizeof info,
                               .kind = kind,
                               .id = id,
                               .title = title,
                               .columns = columns,
                               .column_size = sizeof *columns,
                               .column_count = count};

    return document_section(document, &info);
}

static void write_sessions(struct document *document, const struct diff_summary *summary)
{
    static const medic_column columns[] = {
        {"which", "Which", MEDIC_STRING, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, MEDIC_COLUMN_KEY},
        {"session", "Session", MEDIC_STRING, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, 0},
        {"started", "Started", MEDIC_STRING, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, 0},
        {"duration", "Length", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_NONE, 0},
        {"target", "Program", MEDIC_STRING, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, 0},
        {"pid", "Pid", MEDIC_INTEGER, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, 0},
        {"severity", "Severity", MEDIC_STRING, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, 0},
    };
    struct medic_section *section =
        open_section(document, MEDIC_TABLE, "diff_sessions", "What was compared", columns, (uint32_t)COUNT_OF(columns));

    session_row(section, "before", summary->before_document);
    session_row(section, "after", summary->after_document);
}

/* --- what makes them differ by itself --- */

struct warnings {
    struct document *document;
    struct medic_section *section;
};

static void warn(struct warnings *warnings, const char *format, ...) MEDIC_PRINTF(2, 3);

static void warn(struct warnings *warnings, const char *format, ...)
{
    static const medic_column columns[] = {{"text", "Note", MEDIC_STRING, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, 0}};
    char text[1024];
    va_list args;

    if (!warnings->section)
        warnings->section = open_section(warnings->document, MEDIC_TEXT, "diff_notes", "Keep in mind", columns, 1);
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    medic_cell cells[] = {medic_string(text)};
    section_row(warnings->section, MEDIC_NO_PARENT, cells, 1);
}

static void warn_of_targets(struct warnings *warnings, const struct document *before, const struct document *after)
{
    if (!same(before->target.name, after->target.name))
        warn(warnings, "The programs differ: %.200s before, %.200s after.", known(before->target.name),
             known(after->target.name));
    else if (before->target.pid != after->target.pid)
        warn(warnings, "They are two processes of %.200s: pid %lld before, %lld after.", known(before->target.name),
             (long long)before->target.pid, (long long)after->target.pid);
    if (!same(before->target.runtime, after->target.runtime))
        warn(warnings, "The runtimes differ: %.80s before, %.80s after.", known(before->target.runtime),
             known(after->target.runtime));
    if (!same(before->profiler.version, after->profiler.version))
        warn(warnings, "The versions of the profiler differ: %.80s before, %.80s after.",
             known(before->profiler.version), known(after->profiler.version));
}

static const char *parameter(const struct document *document, const char *key)
{
    for (size_t i = 0; i < document->profiler.parameter_count; i++)
        if (same(document->profiler.parameters[i].key, key))
            return document->profiler.parameters[i].value;
    return NULL;
}

static void warn_of_parameters(struct warnings *warnings, const struct document *before, const struct document *after)
{
    for (size_t i = 0; i < after->profiler.parameter_count; i++) {
        const char *key = after->profiler.parameters[i].key, *value = after->profiler.parameters[i].value;
        const char *old = parameter(before, key);
        if (!same(old, value))
            warn(warnings, "The parameter %.80s differs: %.200s before, %.200s after.", key, known(old), known(value));
    }
    for (size_t i = 0; i < before->profiler.parameter_count; i++)
        if (!parameter(after, before->profiler.parameters[i].key))
            warn(warnings, "The parameter %.80s was %.200s before, and is not known after.",
                 before->profiler.parameters[i].key, known(before->profiler.parameters[i].value));
}

static void warn_of_lengths(struct warnings *warnings, const struct document *before, const struct document *after)
{
    double first = (double)before->session.duration_ns, second = (double)after->session.duration_ns;
    char one[64], other[64];

    if (same(before->session.end_reason, "done") && same(after->session.end_reason, "done"))
        return; /* as long as the profiler wanted */
    if (fabs(first - second) <= LENGTHS_DIFFER * (first > second ? first : second))
        return;
    format_short(first, MEDIC_UNIT_NANOSECONDS, false, one, sizeof one);
    format_short(second, MEDIC_UNIT_NANOSECONDS, false, other, sizeof other);
    warn(warnings, "The sessions were of different length, %s before, %s after: counts and times are not scaled.", one,
         other);
}

static void warn_of_session(struct warnings *warnings, const struct document *document, const char *which)
{
    if (!document->session.complete)
        warn(warnings, "The session %s is incomplete: something may be missing.", which);
    if (document->lost.records)
        warn(warnings, "The session %s lost %llu records.", which, (unsigned long long)document->lost.records);
}

static void warn_of_sections(struct warnings *warnings, const struct document *one, const struct document *other,
                             const char *which)
{
    for (size_t i = 0; i < one->section_count; i++) {
        const struct medic_section *section = one->sections[i];
        int counts = 0;
        for (uint32_t c = 0; c < section->column_count; c++)
            counts |= (section->columns[c].flags & MEDIC_COLUMN_DIFF) != 0;
        if (counts && section->row_count && !document_find_section(other, section->id))
            warn(warnings, "Only the report %s has the section \"%.200s\".", which, section->title);
    }
}

static void write_warnings(struct document *document, const struct diff_summary *summary)
{
    struct warnings warnings = {.document = document};
    const struct document *before = summary->before_document, *after = summary->after_document;

    if (is_time(before->session.started) && is_time(after->session.started) &&
        strcmp(before->session.started, after->session.started) > 0)
        warn(&warnings, "The session that is called before is the later one.");
    warn_of_targets(&warnings, before, after);
    warn_of_parameters(&warnings, before, after);
    warn_of_lengths(&warnings, before, after);
    warn_of_session(&warnings, before, "before");
    warn_of_session(&warnings, after, "after");
    warn_of_sections(&warnings, before, after, "before");
    warn_of_sections(&warnings, after, before, "after");
}

void diff_say(struct document *document, const struct diff_summary *summary)
{
    say_verdict(document, summary);
    say_findings(document, summary);
    write_warnings(document, summary);
    write_sessions(document, summary);
}
