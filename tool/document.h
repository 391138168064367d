/* The document: what a report says, apart from how it is shown. Built by a report half (through medic.document) or read
 * from report.json; shown by the renderers. One owner, one thread; every text in it is repaired UTF-8 and lives with it.
 *
 * The builder keeps the first error and swallows what follows: check document_finish once. */
#ifndef TOOL_DOCUMENT_H
#define TOOL_DOCUMENT_H

#include "tool/arena.h"

#include <medic/service/document.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOCUMENT_SCHEMA 1
#define DOCUMENT_FINDINGS_MAX 5
#define DOCUMENT_SECTIONS_MAX 100
#define DOCUMENT_COLUMNS_MAX 64
#define DOCUMENT_FRAMES_MAX 200000 /* of one section */
#define DOCUMENT_STACK_MAX                                                                                             \
    16384 /* frames of one stack, as many as the core unwinds; the rest near the leaf is left out */
#define DOCUMENT_EDGES_MAX 10000
#define DOCUMENT_STRING_MAX 16384 /* bytes; a longer text is cut and ends with an ellipsis */
#define DOCUMENT_BYTES_MAX ((size_t)1 << 29)

struct document_finding {
    const char *text;
    const char *section, *row; /* NULL when there is no evidence */
};

struct document_column {
    const char *id, *title;
    uint32_t type, unit, role, flags; /* as in medic_column */
};

struct document_frame {
    const char *function, *module, *file; /* module and file may be NULL */
    uint32_t line;
};

struct document_stack {
    const uint32_t *frames; /* root first */
    uint32_t count;
};

struct document_edge {
    uint32_t from, to;
    const char *label; /* may be NULL */
};

/* The section of the public API. Row r has its cells at cells[r * column_count]. */
struct medic_section {
    struct document *document;
    bool swallows; /* a failed section: takes everything, keeps nothing */
    bool detail;   /* MEDIC_SECTION_DETAIL */
    uint32_t kind; /* enum medic_section_kind, 0 when this medic does not know kind_name */
    const char *kind_name;
    const char *id, *title, *note; /* note may be NULL */
    struct document_column *columns;
    uint32_t column_count;
    medic_cell *cells;
    uint32_t row_count;  /* kept */
    uint64_t rows_added; /* by the report half, kept or not */
    uint64_t total_rows; /* that exist, at least rows_added */
    uint32_t *parents;   /* tree: one per row, MEDIC_NO_PARENT for roots; NULL in other kinds */
    struct document_frame *frames;
    uint32_t frame_count;
    struct document_stack *stacks; /* stacks: one per row; NULL in other kinds */
    struct document_edge *edges;
    uint32_t edge_count;
    size_t cells_capacity, parents_capacity, frames_capacity, stacks_capacity, edges_capacity;
};

struct document_parameter {
    const char *key, *value;
};

struct document_session {
    const char *id, *started, *end_reason; /* started: ISO 8601, UTC; each may be NULL */
    uint64_t duration_ns;
    bool complete;
};

struct document_profiler {
    const char *name, *guid, *version;
    struct document_parameter *parameters;
    size_t parameter_count, parameter_capacity;
};

/* Texts may be NULL and numbers -1: not known. */
struct document_target {
    const char *name, *command_line, *runtime, *os, *arch, *user;
    int64_t pid, inner_pid, uid;
};

struct document_cost {
    bool known;
    uint64_t longest_pause_ns, total_pause_ns, cpu_ns, bytes_written, target_memory_bytes;
};

struct document_lost {
    uint64_t records;
    const char *reason; /* a sentence, NULL when nothing is lost */
};

struct document {
    struct document_session session;
    struct document_profiler profiler;
    struct document_target target;
    const char *verdict;
    uint32_t severity; /* enum medic_severity */
    struct document_finding findings[DOCUMENT_FINDINGS_MAX];
    uint32_t finding_count;
    struct medic_section **sections;
    size_t section_count, section_capacity;
    struct document_cost cost;
    struct document_lost lost;
    int error; /* the first one, enum medic_result */
    medic_reason reason;
    struct arena arena;
};

/* NULL when out of memory. */
struct document *document_new(void);
void document_free(struct document *document);

/* Copies a text into the document, repaired and cut to DOCUMENT_STRING_MAX; NULL gives NULL. */
const char *document_text(struct document *document, const char *text);
void document_parameter(struct document *document, const char *key, const char *value);

/* medic/service/document.h. */
void document_verdict(struct document *document, uint32_t severity, const char *sentence);
void document_finding(struct document *document, const char *sentence, const char *section_id, const char *row_key);
struct medic_section *document_section(struct document *document, const medic_section_info *given);
uint32_t section_row(struct medic_section *section, uint32_t parent, const medic_cell *cells, uint32_t count);
void section_total_rows(struct medic_section *section, uint64_t total);
uint32_t section_frame(struct medic_section *section, const char *function, const char *module, const char *file,
                       uint32_t line);
uint32_t section_row_stack(struct medic_section *section, const uint32_t *frames, uint32_t frame_count,
                           const medic_cell *cells, uint32_t count);
void section_edge(struct medic_section *section, uint32_t from, uint32_t to, const char *label);

/* The first error of the builder, a missing verdict, or a finding whose section does not exist. */
int document_finish(struct document *document, medic_reason *why);

/* NULL when there is none. */
const struct medic_section *document_find_section(const struct document *document, const char *id);
/* The cell at a row and column that exist. */
const medic_cell *section_cell(const struct medic_section *section, uint32_t row, uint32_t column);
/* The first column with a role, or -1. */
int section_role(const struct medic_section *section, uint32_t role);
/* How many rows a section of this kind keeps. */
uint32_t document_rows_max(uint32_t kind);

/* The words of report.json, NULL for a number that has none; and back, 0 (or MEDIC_HEALTHY) and *known = false for a word
 * that has none. */
const char *severity_word(uint32_t severity);
const char *kind_word(uint32_t kind);
const char *type_word(uint32_t type);
const char *unit_word(uint32_t unit);
const char *role_word(uint32_t role);
uint32_t severity_of(const char *word, bool *known);
uint32_t kind_of(const char *word);
uint32_t type_of(const char *word);
uint32_t unit_of(const char *word);
uint32_t role_of(const char *word);

#endif
