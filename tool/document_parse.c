#include "tool/document_json.h"
#include "tool/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The tree of values may take some times the text. */
#define PARSE_BYTES_MAX ((size_t)2 << 30)

static int corrupt(struct document *document, const char *what, const char *where)
{
    if (!document->error)
        document->error = medic_fail(&document->reason, MEDIC_E_CORRUPT,
                                     "%s of section %s in the report is not what its columns say", what, where);
    return -1;
}

static const char *copied(struct document *document, const struct json *object, const char *key)
{
    return document_text(document, json_get_string(json_member(object, key)));
}

static int64_t known(const struct json *object, const char *key)
{
    int64_t value;
    return json_get_integer(json_member(object, key), &value) && value >= 0 ? value : -1;
}

/* --- the blocks around the sections --- */

static void read_session(struct document *document, const struct json *session)
{
    document->session = (struct document_session){
        .id = copied(document, session, "id"),
        .started = copied(document, session, "started"),
        .end_reason = copied(document, session, "end_reason"),
        .duration_ns = json_get_unsigned(json_member(session, "duration_ns")),
        .complete = json_get_bool(json_member(session, "complete")),
    };
}

static void read_profiler(struct document *document, const struct json *profiler)
{
    document->profiler.name = copied(document, profiler, "name");
    document->profiler.guid = copied(document, profiler, "guid");
    document->profiler.version = copied(document, profiler, "version");
    const struct json *value = json_first(json_member(profiler, "parameters"), JSON_KIND_OBJECT);
    for (; value; value = value->next)
        document_parameter(document, value->key, json_get_string(value));
}

static void read_target(struct document *document, const struct json *target)
{
    document->target = (struct document_target){
        .name = copied(document, target, "name"),
        .command_line = copied(document, target, "command_line"),
        .runtime = copied(document, target, "runtime"),
        .os = copied(document, target, "os"),
        .arch = copied(document, target, "arch"),
        .user = copied(document, target, "user"),
        .pid = known(target, "pid"),
        .inner_pid = known(target, "inner_pid"),
        .uid = known(target, "uid"),
    };
}

static void read_cost(struct document *document, const struct json *cost)
{
    document->cost = (struct document_cost){
        .known = cost && cost->type == JSON_KIND_OBJECT,
        .longest_pause_ns = json_get_unsigned(json_member(cost, "longest_pause_ns")),
        .total_pause_ns = json_get_unsigned(json_member(cost, "total_pause_ns")),
        .cpu_ns = json_get_unsigned(json_member(cost, "cpu_ns")),
        .bytes_written = json_get_unsigned(json_member(cost, "bytes_written")),
        .target_memory_bytes = json_get_unsigned(json_member(cost, "target_memory_bytes")),
    };
}

static void read_verdict(struct document *document, const struct json *root)
{
    bool is_known = false;
    const char *word = json_get_string(json_member(root, "severity"));
    uint32_t severity = word ? severity_of(word, &is_known) : 0;
    document_verdict(document, is_known ? severity : UINT32_MAX, json_get_string(json_member(root, "verdict")));
    const struct json *finding = json_first(json_member(root, "findings"), JSON_KIND_ARRAY);
    for (; finding; finding = finding->next)
        document_finding(document, json_get_string(json_member(finding, "text")),
                         json_get_string(json_member(finding, "section")),
                         json_get_string(json_member(finding, "row")));
}

/* --- sections --- */

static uint32_t word_number(const struct json *object, const char *key, uint32_t (*number_of)(const char *))
{
    const char *word = json_get_string(json_member(object, key));
    return word ? number_of(word) : 0;
}

static medic_column read_column(const struct json *from)
{
    medic_column column = {
        .id = json_get_string(json_member(from, "id")),
        .title = json_get_string(json_member(from, "title")),
        .type = word_number(from, "type", type_of),
        .unit = word_number(from, "unit", unit_of),
        .role = word_number(from, "role", role_of),
    };
    column.flags = (json_get_bool(json_member(from, "key")) ? (uint32_t)MEDIC_COLUMN_KEY : 0) |
                   (json_get_bool(json_member(from, "diff")) ? (uint32_t)MEDIC_COLUMN_DIFF : 0) |
                   (json_get_bool(json_member(from, "share")) ? (uint32_t)MEDIC_COLUMN_SHARE : 0);
    return column;
}

static struct medic_section *read_head(struct document *document, const struct json *from)
{
    medic_column columns[DOCUMENT_COLUMNS_MAX + 1];
    uint32_t count = 0;
    const struct json *column = json_first(json_member(from, "columns"), JSON_KIND_ARRAY);
    for (; column && count <= DOCUMENT_COLUMNS_MAX; column = column->next)
        columns[count++] = read_column(column);
    medic_section_info info = {
        .size = sizeof info,
        .kind = word_number(from, "kind", kind_of),
        .id = json_get_string(json_member(from, "id")),
        .title = json_get_string(json_member(from, "title")),
        .note = json_get_string(json_member(from, "note")),
        .columns = columns,
        .column_size = sizeof *columns,
        .column_count = count,
        .flags = json_get_bool(json_member(from, "detail")) ? MEDIC_SECTION_DETAIL : 0,
    };
    struct medic_section *section = document_section(document, &info);
    const char *word = json_get_string(json_member(from, "kind"));
    if (!section->swallows && !section->kind && word)
        section->kind_name = document_text(document, word);
    return section;
}

static int read_cell(const struct json *from, uint32_t type, medic_cell *cell)
{
    *cell = medic_none();
    if (from->type == JSON_KIND_NULL)
        return 0;
    cell->type = type;
    switch (type) {
    case MEDIC_STRING: cell->as.string = json_get_string(from); return cell->as.string ? 0 : -1;
    case MEDIC_INTEGER: return json_get_integer(from, &cell->as.integer) ? 0 : -1;
    case MEDIC_NUMBER: return json_get_number(from, &cell->as.number) ? 0 : -1;
    default: cell->as.integer = json_get_bool(from); return from->type == JSON_KIND_BOOLEAN ? 0 : -1;
    }
}

static int read_cells(struct medic_section *section, const struct json *row, medic_cell *cells)
{
    uint32_t count = 0;
    const struct json *from = json_first(row, JSON_KIND_ARRAY);
    for (; from && count < section->column_count; from = from->next, count++)
        if (read_cell(from, section->columns[count].type, &cells[count]))
            return corrupt(section->document, "a cell", section->id);
    return from || count != section->column_count ? corrupt(section->document, "a row", section->id) : 0;
}

static uint32_t index_of(const struct json *value)
{
    int64_t index;
    return json_get_integer(value, &index) && index >= 0 && index < UINT32_MAX ? (uint32_t)index : UINT32_MAX;
}

/* Of a tree: null is a root, and what is no row must not become one. */
static uint32_t parent_of(const struct json *value)
{
    if (!value || value->type == JSON_KIND_NULL)
        return MEDIC_NO_PARENT;
    uint32_t index = index_of(value);
    return index == MEDIC_NO_PARENT ? MEDIC_NO_PARENT - 1 : index;
}

static void read_frames(struct medic_section *section, const struct json *from)
{
    const struct json *frame = json_first(json_member(from, "frames"), JSON_KIND_ARRAY);
    for (; frame && !section->document->error; frame = frame->next) {
        uint64_t line = json_get_unsigned(json_member(frame, "line"));
        section_frame(section, json_get_string(json_member(frame, "function")),
                      json_get_string(json_member(frame, "module")), json_get_string(json_member(frame, "file")),
                      line < UINT32_MAX ? (uint32_t)line : 0);
    }
}

static void read_stack_row(struct medic_section *section, const struct json *stack, const medic_cell *cells)
{
    uint32_t *frames = calloc(DOCUMENT_STACK_MAX, sizeof *frames), count = 0;
    if (!frames) {
        if (!section->document->error)
            section->document->error =
                medic_fail(&section->document->reason, MEDIC_E_MEMORY, "out of memory while reading the report");
        return;
    }
    const struct json *frame = json_first(stack, JSON_KIND_ARRAY);
    for (; frame && count < DOCUMENT_STACK_MAX; frame = frame->next)
        frames[count++] = index_of(frame);
    section_row_stack(section, frames, count, cells, section->column_count);
    free(frames);
}

static void read_rows(struct medic_section *section, const struct json *from)
{
    medic_cell cells[DOCUMENT_COLUMNS_MAX];
    const struct json *row = json_first(json_member(from, "rows"), JSON_KIND_ARRAY);
    const struct json *parent =
        section->kind == MEDIC_TREE ? json_first(json_member(from, "parents"), JSON_KIND_ARRAY) : NULL;
    const struct json *stack =
        section->kind == MEDIC_STACKS ? json_first(json_member(from, "stacks"), JSON_KIND_ARRAY) : NULL;
    for (; row && !section->document->error; row = row->next) {
        if (read_cells(section, row, cells))
            return;
        if (stack)
            read_stack_row(section, stack, cells);
        else
            section_row(section, parent_of(parent), cells, section->column_count);
        parent = parent ? parent->next : NULL;
        stack = stack ? stack->next : NULL;
    }
    section_total_rows(section, json_get_unsigned(json_member(from, "total_rows")));
}

static void read_edges(struct medic_section *section, const struct json *from)
{
    const struct json *edge =
        section->kind == MEDIC_GRAPH ? json_first(json_member(from, "edges"), JSON_KIND_ARRAY) : NULL;
    for (; edge && !section->document->error; edge = edge->next)
        section_edge(section, index_of(json_member(edge, "from")), index_of(json_member(edge, "to")),
                     json_get_string(json_member(edge, "label")));
}

static void read_section(struct document *document, const struct json *from)
{
    struct medic_section *section = read_head(document, from);
    if (section->swallows)
        return;
    if (section->kind == MEDIC_STACKS)
        read_frames(section, from);
    read_rows(section, from);
    read_edges(section, from);
}

/* --- the whole --- */

static int check_schema(const struct json *root, medic_reason *why)
{
    int64_t schema;
    if (root->type != JSON_KIND_OBJECT || !json_get_integer(json_member(root, "schema"), &schema))
        return medic_fail(why, MEDIC_E_CORRUPT, "this is no report: it has no schema number");
    if (schema != DOCUMENT_SCHEMA)
        return medic_fail(why, MEDIC_E_UNSUPPORTED,
                          "the report has schema %lld and this medic reads schema %d: use a newer medic",
                          (long long)schema, DOCUMENT_SCHEMA);
    return MEDIC_OK;
}

static int read_document(struct document *document, const struct json *root, medic_reason *why)
{
    medic_reason reason;
    read_session(document, json_member(root, "session"));
    read_profiler(document, json_member(root, "profiler"));
    read_target(document, json_member(root, "target"));
    read_cost(document, json_member(root, "cost"));
    document->lost.records = json_get_unsigned(json_member(json_member(root, "lost"), "records"));
    document->lost.reason = copied(document, json_member(root, "lost"), "reason");
    read_verdict(document, root);
    const struct json *section = json_first(json_member(root, "sections"), JSON_KIND_ARRAY);
    for (; section && !document->error; section = section->next)
        read_section(document, section);
    int result = document_finish(document, &reason);
    if (!result || result == MEDIC_E_MEMORY)
        return result ? medic_fail(why, result, "%s", reason.text) : MEDIC_OK;
    return medic_fail(why, MEDIC_E_CORRUPT, "the report is damaged: %.480s", reason.text);
}

int document_from_json(const char *text, size_t size, struct document **out, medic_reason *why)
{
    struct arena arena = {.limit = PARSE_BYTES_MAX};
    struct json *root;
    struct document *document = NULL;
    int result = json_parse(text, size, &arena, &root, why);
    if (!result)
        result = check_schema(root, why);
    if (!result) {
        document = document_new();
        result = document ? read_document(document, root, why)
                          : medic_fail(why, MEDIC_E_MEMORY, "out of memory while reading the report");
    }
    arena_free(&arena);
    if (result)
        document_free(document);
    else
        *out = document;
    return result;
}

int document_load(int fd, struct document **document, medic_reason *why)
{
    struct stat facts;
    if (fstat(fd, &facts) || !S_ISREG(facts.st_mode))
        return medic_fail(why, MEDIC_E_IO, "the report is not a regular file");
    if ((uint64_t)facts.st_size > DOCUMENT_JSON_MAX)
        return medic_fail(why, MEDIC_E_CORRUPT, "the report is larger than any report: %lld bytes",
                          (long long)facts.st_size);
    size_t size = (size_t)facts.st_size, done = 0;
    char *text = malloc(size + 1);
    if (!text)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while reading the report");
    while (done < size) {
        ssize_t got = pread(fd, text + done, size - done, (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    int result = document_from_json(text, done, document, why);
    free(text);
    return result;
}
