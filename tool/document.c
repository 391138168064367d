#include "tool/document.h"

#include "tool/utf8.h"

#include <stdlib.h>
#include <string.h>

static const uint32_t ROWS_MAX[] = {
    [MEDIC_TREE] = 10000,
    [MEDIC_STACKS] = 10000,
    [MEDIC_SPANS] = 10000,
    [MEDIC_TIMELINE] = 10000,
};

uint32_t document_rows_max(uint32_t kind)
{
    uint32_t most = kind < sizeof ROWS_MAX / sizeof *ROWS_MAX ? ROWS_MAX[kind] : 0;
    return most ? most : 1000;
}

struct document *document_new(void)
{
    struct document *document = calloc(1, sizeof *document);
    if (!document)
        return NULL;
    document->arena.limit = DOCUMENT_BYTES_MAX;
    document->target.pid = document->target.inner_pid = document->target.uid = -1;
    return document;
}

void document_free(struct document *document)
{
    if (!document)
        return;
    arena_free(&document->arena);
    free(document);
}

/* Keeps the first error only. */
#define FAIL(document, code, ...)                                                                                      \
    do {                                                                                                               \
        if (!(document)->error)                                                                                        \
            (document)->error = medic_fail(&(document)->reason, (code), __VA_ARGS__);                                  \
    } while (0)

static void out_of_memory(struct document *document)
{
    FAIL(document, MEDIC_E_MEMORY, "the document needs more memory than there is: show fewer rows");
}

/* Where to cut so that no character is torn. */
static size_t cut_size(const char *text, size_t size, size_t most)
{
    if (size <= most)
        return size;
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return most;
}

const char *document_text(struct document *document, const char *text)
{
    static const char ELLIPSIS[] = "\u2026";
    if (!text)
        return NULL;
    size_t size = strnlen(text, DOCUMENT_STRING_MAX + 1);
    int cut = size > DOCUMENT_STRING_MAX;
    size = cut_size(text, size, DOCUMENT_STRING_MAX);
    size_t bytes = utf8_repaired_size(text, size);
    char *copy = arena_alloc(&document->arena, bytes + sizeof ELLIPSIS);
    if (!copy) {
        out_of_memory(document);
        return "";
    }
    utf8_repair(text, size, copy);
    if (cut)
        memcpy(copy + bytes, ELLIPSIS, sizeof ELLIPSIS);
    return copy;
}

void document_parameter(struct document *document, const char *key, const char *value)
{
    struct document_profiler *profiler = &document->profiler;
    if (arena_grow(&document->arena, (void **)&profiler->parameters, &profiler->parameter_capacity,
                   profiler->parameter_count + 1, sizeof *profiler->parameters)) {
        out_of_memory(document);
        return;
    }
    struct document_parameter parameter = {document_text(document, key), document_text(document, value ? value : "")};
    profiler->parameters[profiler->parameter_count++] = parameter;
}

void document_verdict(struct document *document, uint32_t severity, const char *sentence)
{
    if (document->verdict) {
        FAIL(document, MEDIC_E_ARGUMENT, "the report half gives more than one verdict");
    } else if (!severity_word(severity)) {
        FAIL(document, MEDIC_E_ARGUMENT, "the verdict has the unknown severity %u", severity);
    } else if (!sentence || !*sentence) {
        FAIL(document, MEDIC_E_ARGUMENT, "the verdict is empty");
    } else {
        document->severity = severity;
        document->verdict = document_text(document, sentence);
    }
}

void document_finding(struct document *document, const char *sentence, const char *section_id, const char *row_key)
{
    if (!sentence || !*sentence) {
        FAIL(document, MEDIC_E_ARGUMENT, "a finding is empty");
    } else if (document->finding_count == DOCUMENT_FINDINGS_MAX) {
        FAIL(document, MEDIC_E_ARGUMENT, "the report half gives more than %d findings", DOCUMENT_FINDINGS_MAX);
    } else {
        struct document_finding finding = {document_text(document, sentence), document_text(document, section_id),
                                           document_text(document, row_key)};
        document->findings[document->finding_count++] = finding;
    }
}

/* --- sections --- */

static int identifier(const char *text)
{
    if (!text || *text < 'a' || *text > 'z')
        return 0;
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return !text[size] && size < 128;
}

static medic_column column_at(const medic_section_info *info, uint32_t index)
{
    medic_column column = {NULL, NULL, 0, 0, 0, 0};
    size_t size = info->column_size < sizeof column ? info->column_size : sizeof column;
    memcpy(&column, (const char *)info->columns + (size_t)index * info->column_size, size);
    return column;
}

static int check_column(struct document *document, const char *section, const medic_column *column)
{
    if (!identifier(column->id))
        FAIL(document, MEDIC_E_ARGUMENT, "section %s has a column whose id is not [a-z][a-z0-9_]*", section);
    else if (!type_word(column->type))
        FAIL(document, MEDIC_E_ARGUMENT, "column %s of section %s has the unknown type %u", column->id, section,
             column->type);
    return document->error;
}

static int add_columns(struct medic_section *section, const medic_section_info *info)
{
    struct document *document = section->document;
    section->columns = arena_alloc(&document->arena, info->column_count * sizeof *section->columns);
    if (!section->columns) {
        out_of_memory(document);
        return -1;
    }
    for (uint32_t i = 0; i < info->column_count; i++) {
        medic_column column = column_at(info, i);
        if (check_column(document, section->id, &column))
            return -1;
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(section->columns[j].id, column.id) == 0) {
                FAIL(document, MEDIC_E_ARGUMENT, "section %s has two columns %s", section->id, column.id);
                return -1;
            }
        struct document_column copy = {document_text(document, column.id), NULL, column.type, 0, 0, column.flags};
        copy.title = column.title ? document_text(document, column.title) : copy.id;
        copy.unit = unit_word(column.unit) ? column.unit : MEDIC_UNIT_NONE;
        copy.role = role_word(column.role) ? column.role : MEDIC_ROLE_NONE;
        section->columns[i] = copy;
    }
    section->column_count = info->column_count;
    return 0;
}

static int check_section(struct document *document, const medic_section_info *info)
{
    if (!identifier(info->id))
        FAIL(document, MEDIC_E_ARGUMENT, "a section has an id that is not [a-z][a-z0-9_]*");
    else if (document_find_section(document, info->id))
        FAIL(document, MEDIC_E_ARGUMENT, "two sections are called %s", info->id);
    else if (document->section_count == DOCUMENT_SECTIONS_MAX)
        FAIL(document, MEDIC_E_ARGUMENT, "the document has more than %d sections", DOCUMENT_SECTIONS_MAX);
    else if (!info->columns || !info->column_count || info->column_count > DOCUMENT_COLUMNS_MAX)
        FAIL(document, MEDIC_E_ARGUMENT, "section %s has %u columns; 1 to %d are possible", info->id,
             info->column_count, DOCUMENT_COLUMNS_MAX);
    else if (info->column_size < offsetof(medic_column, unit) || info->column_size % sizeof(uint32_t))
        FAIL(document, MEDIC_E_ARGUMENT, "section %s has columns of %u bytes", info->id, info->column_size);
    return document->error;
}

static struct medic_section *swallowing(struct document *document)
{
    static struct document lost;
    static struct medic_section last_resort = {.document = &lost, .swallows = true};
    struct medic_section *section = arena_alloc(&document->arena, sizeof *section);
    if (!section)
        return &last_resort;
    section->document = document;
    section->swallows = true;
    return section;
}

/* The members that the plugin was compiled with. */
static medic_section_info known_part(const medic_section_info *info)
{
    medic_section_info known;
    memset(&known, 0, sizeof known);
    memcpy(&known, info, info->size < sizeof known ? info->size : sizeof known);
    return known;
}

struct medic_section *document_section(struct document *document, const medic_section_info *given)
{
    medic_section_info info = known_part(given);
    if (document->error || check_section(document, &info))
        return swallowing(document);
    struct medic_section *section = arena_alloc(&document->arena, sizeof *section);
    if (!section || arena_grow(&document->arena, (void **)&document->sections, &document->section_capacity,
                               document->section_count + 1, sizeof(struct medic_section *))) {
        out_of_memory(document);
        return swallowing(document);
    }
    section->document = document;
    section->kind = kind_word(info.kind) ? info.kind : 0;
    section->kind_name = section->kind ? kind_word(section->kind) : "unknown";
    section->id = document_text(document, info.id);
    section->title = info.title ? document_text(document, info.title) : section->id;
    section->note = document_text(document, info.note);
    section->detail = info.flags & MEDIC_SECTION_DETAIL;
    if (add_columns(section, &info)) {
        section->swallows = true;
        return section;
    }
    document->sections[document->section_count++] = section;
    return section;
}

static int swallows(const struct medic_section *section)
{
    return section->swallows || section->document->error;
}

static int check_cells(struct medic_section *section, const medic_cell *cells, uint32_t count)
{
    struct document *document = section->document;
    if (count != section->column_count) {
        FAIL(document, MEDIC_E_ARGUMENT, "a row of section %s has %u cells for %u columns", section->id, count,
             section->column_count);
        return -1;
    }
    for (uint32_t i = 0; i < count; i++)
        if (cells[i].type && cells[i].type != section->columns[i].type) {
            const char *is = type_word(cells[i].type);
            FAIL(document, MEDIC_E_ARGUMENT, "a cell in column %s of section %s is of type %s and should be %s",
                 section->columns[i].id, section->id, is ? is : "unknown", type_word(section->columns[i].type));
            return -1;
        }
    return 0;
}

static void store_cells(struct medic_section *section, const medic_cell *cells)
{
    medic_cell *row = section->cells + (size_t)section->row_count * section->column_count;
    for (uint32_t i = 0; i < section->column_count; i++) {
        row[i] = cells[i];
        if (cells[i].type == MEDIC_STRING) {
            row[i].as.string = document_text(section->document, cells[i].as.string);
            row[i].type = cells[i].as.string ? MEDIC_STRING : 0;
        }
        if (cells[i].type == MEDIC_BOOLEAN)
            row[i].as.integer = cells[i].as.integer != 0;
    }
}

/* Room for one more row in every table that has one entry a row. */
static int row_room(struct medic_section *section)
{
    struct arena *arena = &section->document->arena;
    size_t rows = (size_t)section->row_count + 1;
    if (arena_grow(arena, (void **)&section->cells, &section->cells_capacity, rows * section->column_count,
                   sizeof(medic_cell)))
        return -1;
    if (section->kind == MEDIC_TREE)
        return arena_grow(arena, (void **)&section->parents, &section->parents_capacity, rows,
                          sizeof *section->parents);
    if (section->kind == MEDIC_STACKS)
        return arena_grow(arena, (void **)&section->stacks, &section->stacks_capacity, rows, sizeof *section->stacks);
    return 0;
}

/* Counts a row and says whether it is kept; *index is what the report half knows it by. */
static int begin_row(struct medic_section *section, const medic_cell *cells, uint32_t count, uint32_t *index)
{
    *index = MEDIC_NO_ROW;
    if (check_cells(section, cells, count))
        return 0;
    if (section->rows_added < MEDIC_NO_ROW)
        *index = (uint32_t)section->rows_added;
    section->rows_added++;
    if (section->total_rows < section->rows_added)
        section->total_rows = section->rows_added;
    if (section->row_count >= document_rows_max(section->kind))
        return 0;
    if (row_room(section)) {
        out_of_memory(section->document);
        return 0;
    }
    return 1;
}

uint32_t section_row(struct medic_section *section, uint32_t parent, const medic_cell *cells, uint32_t count)
{
    uint32_t index;
    if (swallows(section))
        return MEDIC_NO_ROW;
    if (parent != MEDIC_NO_PARENT && (section->kind != MEDIC_TREE || parent >= section->rows_added)) {
        FAIL(section->document, MEDIC_E_ARGUMENT, "a row of section %s has a parent that is no earlier row of a tree",
             section->id);
        return MEDIC_NO_ROW;
    }
    if (!begin_row(section, cells, count, &index))
        return index;
    if (section->kind == MEDIC_TREE)
        section->parents[section->row_count] = parent;
    if (section->kind == MEDIC_STACKS)
        section->stacks[section->row_count] = (struct document_stack){NULL, 0};
    store_cells(section, cells);
    section->row_count++;
    return index;
}

void section_total_rows(struct medic_section *section, uint64_t total)
{
    if (!swallows(section) && total > section->total_rows)
        section->total_rows = total;
}

uint32_t section_frame(struct medic_section *section, const char *function, const char *module, const char *file,
                       uint32_t line)
{
    if (swallows(section))
        return 0;
    struct document *document = section->document;
    if (section->frame_count == DOCUMENT_FRAMES_MAX) {
        FAIL(document, MEDIC_E_ARGUMENT, "section %s has more than %d frames", section->id, DOCUMENT_FRAMES_MAX);
        return 0;
    }
    if (arena_grow(&document->arena, (void **)&section->frames, &section->frames_capacity,
                   (size_t)section->frame_count + 1, sizeof *section->frames)) {
        out_of_memory(document);
        return 0;
    }
    struct document_frame frame = {document_text(document, function ? function : "?"), document_text(document, module),
                                   document_text(document, file), line};
    section->frames[section->frame_count] = frame;
    return section->frame_count++;
}

static int store_stack(struct medic_section *section, const uint32_t *frames, uint32_t count)
{
    uint32_t kept = count < DOCUMENT_STACK_MAX ? count : DOCUMENT_STACK_MAX;
    for (uint32_t i = 0; i < kept; i++)
        if (frames[i] >= section->frame_count) {
            FAIL(section->document, MEDIC_E_ARGUMENT, "a stack of section %s has a frame that was never added",
                 section->id);
            return -1;
        }
    uint32_t *copy = arena_alloc(&section->document->arena, kept * sizeof *copy);
    if (!copy) {
        out_of_memory(section->document);
        return -1;
    }
    if (kept)
        memcpy(copy, frames, kept * sizeof *copy);
    section->stacks[section->row_count] = (struct document_stack){copy, kept};
    return 0;
}

uint32_t section_row_stack(struct medic_section *section, const uint32_t *frames, uint32_t frame_count,
                           const medic_cell *cells, uint32_t count)
{
    uint32_t index;
    if (swallows(section))
        return MEDIC_NO_ROW;
    if (section->kind != MEDIC_STACKS) {
        FAIL(section->document, MEDIC_E_ARGUMENT, "section %s is no section of stacks", section->id);
        return MEDIC_NO_ROW;
    }
    if (!begin_row(section, cells, count, &index) || store_stack(section, frames, frame_count))
        return index;
    store_cells(section, cells);
    section->row_count++;
    return index;
}

void section_edge(struct medic_section *section, uint32_t from, uint32_t to, const char *label)
{
    if (swallows(section))
        return;
    struct document *document = section->document;
    if (section->kind != MEDIC_GRAPH || from >= section->rows_added || to >= section->rows_added) {
        FAIL(document, MEDIC_E_ARGUMENT, "an edge of section %s does not join two rows of a graph", section->id);
        return;
    }
    if (from >= section->row_count || to >= section->row_count || section->edge_count == DOCUMENT_EDGES_MAX)
        return; /* of a row that was not kept */
    if (arena_grow(&document->arena, (void **)&section->edges, &section->edges_capacity,
                   (size_t)section->edge_count + 1, sizeof *section->edges)) {
        out_of_memory(document);
        return;
    }
    section->edges[section->edge_count++] = (struct document_edge){from, to, document_text(document, label)};
}

/* --- the whole --- */

int document_finish(struct document *document, medic_reason *why)
{
    if (!document->error && !document->verdict)
        FAIL(document, MEDIC_E_ARGUMENT, "the report half gives no verdict");
    for (uint32_t i = 0; i < document->finding_count && !document->error; i++) {
        const char *section = document->findings[i].section;
        if (section && !document_find_section(document, section))
            FAIL(document, MEDIC_E_ARGUMENT, "a finding points to section %s, which does not exist", section);
    }
    if (document->error && why)
        *why = document->reason;
    return document->error;
}

const struct medic_section *document_find_section(const struct document *document, const char *id)
{
    for (size_t i = 0; i < document->section_count; i++)
        if (strcmp(document->sections[i]->id, id) == 0)
            return document->sections[i];
    return NULL;
}

const medic_cell *section_cell(const struct medic_section *section, uint32_t row, uint32_t column)
{
    return &section->cells[(size_t)row * section->column_count + column];
}

int section_role(const struct medic_section *section, uint32_t role)
{
    for (uint32_t i = 0; i < section->column_count; i++)
        if (section->columns[i].role == role)
            return (int)i;
    return -1;
}
