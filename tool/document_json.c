#include "tool/document_json.h"

#include "tool/json.h"

static void put_known(struct json_writer *writer, const char *key, int64_t value)
{
    if (value < 0)
        json_put_null(writer, key);
    else
        json_put_integer(writer, key, value);
}

static void put_session(struct json_writer *writer, const struct document_session *session)
{
    json_open(writer, "session", '{', false);
    json_put_string(writer, "id", session->id);
    json_put_string(writer, "started", session->started);
    json_put_unsigned(writer, "duration_ns", session->duration_ns);
    json_put_string(writer, "end_reason", session->end_reason);
    json_put_bool(writer, "complete", session->complete);
    json_close(writer, '}', false);
}

static void put_profiler(struct json_writer *writer, const struct document_profiler *profiler)
{
    json_open(writer, "profiler", '{', false);
    json_put_string(writer, "name", profiler->name);
    json_put_string(writer, "guid", profiler->guid);
    json_put_string(writer, "version", profiler->version);
    json_open(writer, "parameters", '{', false);
    for (size_t i = 0; i < profiler->parameter_count; i++)
        json_put_string(writer, profiler->parameters[i].key, profiler->parameters[i].value);
    json_close(writer, '}', false);
    json_close(writer, '}', false);
}

static void put_target(struct json_writer *writer, const struct document_target *target)
{
    json_open(writer, "target", '{', false);
    put_known(writer, "pid", target->pid);
    put_known(writer, "inner_pid", target->inner_pid);
    json_put_string(writer, "name", target->name);
    json_put_string(writer, "command_line", target->command_line);
    json_put_string(writer, "runtime", target->runtime);
    json_put_string(writer, "os", target->os);
    json_put_string(writer, "arch", target->arch);
    json_put_string(writer, "user", target->user);
    put_known(writer, "uid", target->uid);
    json_close(writer, '}', false);
}

static void put_findings(struct json_writer *writer, const struct document *document)
{
    json_open(writer, "findings", '[', false);
    for (uint32_t i = 0; i < document->finding_count; i++) {
        const struct document_finding *finding = &document->findings[i];
        json_open(writer, NULL, '{', true);
        json_put_string(writer, "text", finding->text);
        json_put_string(writer, "section", finding->section);
        json_put_string(writer, "row", finding->row);
        json_close(writer, '}', true);
    }
    json_close(writer, ']', false);
}

static void put_columns(struct json_writer *writer, const struct medic_section *section)
{
    json_open(writer, "columns", '[', false);
    for (uint32_t i = 0; i < section->column_count; i++) {
        const struct document_column *column = &section->columns[i];
        json_open(writer, NULL, '{', true);
        json_put_string(writer, "id", column->id);
        json_put_string(writer, "title", column->title);
        json_put_string(writer, "type", type_word(column->type));
        json_put_string(writer, "unit", unit_word(column->unit));
        json_put_string(writer, "role", role_word(column->role));
        json_put_bool(writer, "key", column->flags & MEDIC_COLUMN_KEY);
        json_put_bool(writer, "diff", column->flags & MEDIC_COLUMN_DIFF);
        json_put_bool(writer, "share", column->flags & MEDIC_COLUMN_SHARE);
        json_close(writer, '}', true);
    }
    json_close(writer, ']', false);
}

static void put_cell(struct json_writer *writer, const medic_cell *cell)
{
    switch (cell->type) {
    case MEDIC_STRING: json_put_string(writer, NULL, cell->as.string); break;
    case MEDIC_INTEGER: json_put_integer(writer, NULL, cell->as.integer); break;
    case MEDIC_NUMBER: json_put_number(writer, NULL, cell->as.number); break;
    case MEDIC_BOOLEAN: json_put_bool(writer, NULL, cell->as.integer != 0); break;
    default: json_put_null(writer, NULL); break;
    }
}

static void put_rows(struct json_writer *writer, const struct medic_section *section)
{
    json_open(writer, "rows", '[', false);
    for (uint32_t row = 0; row < section->row_count; row++) {
        json_open(writer, NULL, '[', true);
        for (uint32_t column = 0; column < section->column_count; column++)
            put_cell(writer, section_cell(section, row, column));
        json_close(writer, ']', true);
    }
    json_close(writer, ']', false);
    json_put_unsigned(writer, "total_rows", section->total_rows);
}

static void put_parents(struct json_writer *writer, const struct medic_section *section)
{
    json_open(writer, "parents", '[', true);
    for (uint32_t row = 0; row < section->row_count; row++)
        put_known(writer, NULL, section->parents[row] == MEDIC_NO_PARENT ? -1 : (int64_t)section->parents[row]);
    json_close(writer, ']', true);
}

static void put_stacks(struct json_writer *writer, const struct medic_section *section)
{
    json_open(writer, "frames", '[', false);
    for (uint32_t i = 0; i < section->frame_count; i++) {
        const struct document_frame *frame = &section->frames[i];
        json_open(writer, NULL, '{', true);
        json_put_string(writer, "function", frame->function);
        json_put_string(writer, "module", frame->module);
        json_put_string(writer, "file", frame->file);
        json_put_unsigned(writer, "line", frame->line);
        json_close(writer, '}', true);
    }
    json_close(writer, ']', false);
    json_open(writer, "stacks", '[', false);
    for (uint32_t row = 0; row < section->row_count; row++) {
        json_open(writer, NULL, '[', true);
        for (uint32_t i = 0; i < section->stacks[row].count; i++)
            json_put_unsigned(writer, NULL, section->stacks[row].frames[i]);
        json_close(writer, ']', true);
    }
    json_close(writer, ']', false);
}

static void put_edges(struct json_writer *writer, const struct medic_section *section)
{
    json_open(writer, "edges", '[', false);
    for (uint32_t i = 0; i < section->edge_count; i++) {
        json_open(writer, NULL, '{', true);
        json_put_unsigned(writer, "from", section->edges[i].from);
        json_put_unsigned(writer, "to", section->edges[i].to);
        json_put_string(writer, "label", section->edges[i].label);
        json_close(writer, '}', true);
    }
    json_close(writer, ']', false);
}

static void put_section(struct json_writer *writer, const struct medic_section *section)
{
    json_open(writer, NULL, '{', false);
    json_put_string(writer, "id", section->id);
    json_put_string(writer, "kind", section->kind_name);
    json_put_string(writer, "title", section->title);
    json_put_string(writer, "note", section->note);
    if (section->detail)
        json_put_bool(writer, "detail", true);
    put_columns(writer, section);
    put_rows(writer, section);
    if (section->kind == MEDIC_TREE)
        put_parents(writer, section);
    if (section->kind == MEDIC_STACKS)
        put_stacks(writer, section);
    if (section->kind == MEDIC_GRAPH)
        put_edges(writer, section);
    json_close(writer, '}', false);
}

static void put_sections(struct json_writer *writer, const struct document *document)
{
    json_open(writer, "sections", '[', false);
    for (size_t i = 0; i < document->section_count; i++)
        put_section(writer, document->sections[i]);
    json_close(writer, ']', false);
}

static void put_cost(struct json_writer *writer, const struct document_cost *cost)
{
    if (!cost->known) {
        json_put_null(writer, "cost");
        return;
    }
    json_open(writer, "cost", '{', false);
    json_put_unsigned(writer, "longest_pause_ns", cost->longest_pause_ns);
    json_put_unsigned(writer, "total_pause_ns", cost->total_pause_ns);
    json_put_unsigned(writer, "cpu_ns", cost->cpu_ns);
    json_put_unsigned(writer, "bytes_written", cost->bytes_written);
    json_put_unsigned(writer, "target_memory_bytes", cost->target_memory_bytes);
    json_close(writer, '}', false);
}

static void put_lost(struct json_writer *writer, const struct document_lost *lost)
{
    json_open(writer, "lost", '{', false);
    json_put_unsigned(writer, "records", lost->records);
    json_put_string(writer, "reason", lost->reason);
    json_close(writer, '}', false);
}

int document_to_json(const struct document *document, struct buffer *out, medic_reason *why)
{
    struct json_writer writer = {.out = out, .fresh = true};
    json_open(&writer, NULL, '{', false);
    json_put_integer(&writer, "schema", DOCUMENT_SCHEMA);
    put_session(&writer, &document->session);
    put_profiler(&writer, &document->profiler);
    put_target(&writer, &document->target);
    json_put_string(&writer, "verdict", document->verdict);
    json_put_string(&writer, "severity", severity_word(document->severity));
    put_findings(&writer, document);
    put_sections(&writer, document);
    put_cost(&writer, &document->cost);
    put_lost(&writer, &document->lost);
    json_close(&writer, '}', false);
    buffer_add(out, "\n", 1);
    return out->failed ? medic_fail(why, MEDIC_E_MEMORY, "out of memory while writing the report") : MEDIC_OK;
}
