/* medic.document: what a report half writes: a verdict, findings, and sections of rows.
 *
 * Every section is a table of typed columns and rows, whatever its kind; a kind only adds meaning:
 *   table      rows
 *   tree       rows with a parent: row() takes the index of an earlier row; roots have MEDIC_NO_PARENT
 *   stacks     as a table whose rows carry a stack: frames are added once with frame(), row_stack() lists them root first
 *   graph      rows are nodes; edge() joins two rows
 *   spans      columns with the roles START and END (ns), optionally LANE and LABEL
 *   timeline   one column with the role TIME (ns since the start of the recording), every numeric column is a series
 *   histogram  columns with the roles LOWER and UPPER (bounds of a bucket) and VALUE
 *   text       one string column; each row is a paragraph
 * so that a renderer that does not know a kind can still show it as a table. */
#ifndef MEDIC_SERVICE_DOCUMENT_H
#define MEDIC_SERVICE_DOCUMENT_H

#include <medic/plugin.h>

#define MEDIC_SERVICE_DOCUMENT "medic.document/draft"

enum medic_severity { MEDIC_HEALTHY = 0, MEDIC_NOTICE = 1, MEDIC_WARNING = 2, MEDIC_CRITICAL = 3 };

enum medic_section_kind {
    MEDIC_TABLE = 1,
    MEDIC_TREE = 2,
    MEDIC_STACKS = 3,
    MEDIC_GRAPH = 4,
    MEDIC_SPANS = 5,
    MEDIC_TIMELINE = 6,
    MEDIC_HISTOGRAM = 7,
    MEDIC_TEXT = 8
};

enum medic_column_type { MEDIC_STRING = 1, MEDIC_INTEGER = 2, MEDIC_NUMBER = 3, MEDIC_BOOLEAN = 4 };

enum medic_unit {
    MEDIC_UNIT_NONE = 0,
    MEDIC_UNIT_COUNT = 1,
    MEDIC_UNIT_BYTES = 2,
    MEDIC_UNIT_NANOSECONDS = 3, /* a length of time */
    MEDIC_UNIT_INSTANT = 4,     /* ns since the recording began */
    MEDIC_UNIT_RATIO = 5,       /* 0..1, shown as percent */
    MEDIC_UNIT_PER_SECOND = 6,
    MEDIC_UNIT_BYTES_PER_SECOND = 7
};

enum medic_column_role {
    MEDIC_ROLE_NONE = 0,
    MEDIC_ROLE_START = 1,
    MEDIC_ROLE_END = 2,
    MEDIC_ROLE_LANE = 3,
    MEDIC_ROLE_LABEL = 4,
    MEDIC_ROLE_TIME = 5,
    MEDIC_ROLE_LOWER = 6,
    MEDIC_ROLE_UPPER = 7,
    MEDIC_ROLE_VALUE = 8
};

enum medic_column_flags {
    MEDIC_COLUMN_KEY = 1u << 0,  /* part of what identifies a row across reports */
    MEDIC_COLUMN_DIFF = 1u << 1, /* a comparison subtracts it */
    MEDIC_COLUMN_SHARE = 1u << 2 /* of RATIO columns: worth a bar */
};

typedef struct medic_column {
    const char *id;    /* stable, [a-z][a-z0-9_]* */
    const char *title; /* heading */
    uint32_t type;     /* enum medic_column_type */
    uint32_t unit;     /* enum medic_unit */
    uint32_t role;     /* enum medic_column_role */
    uint32_t flags;
} medic_column;

typedef struct medic_section_info {
    uint32_t size;
    uint32_t kind;  /* enum medic_section_kind */
    const char *id; /* stable, unique in the document */
    const char *title;
    const char *note; /* a sentence under the title, or NULL */
    const medic_column *columns;
    uint32_t column_size; /* sizeof(medic_column) */
    uint32_t column_count;
    uint32_t flags; /* enum medic_section_flags */
    uint32_t reserved;
} medic_section_info;

enum medic_section_flags {
    MEDIC_SECTION_DETAIL =
        1u << 0 /* for machines and exports: text and Markdown show it only when all rows are asked for */
};

/* A cell. type is MEDIC_STRING .. MEDIC_BOOLEAN, or 0 for "no value". Must agree with the column's type. */
typedef struct medic_cell {
    uint32_t type;
    uint32_t reserved;
    union {
        const char *string; /* UTF-8; copied; bad sequences are replaced */
        int64_t integer;    /* INTEGER and BOOLEAN */
        double number;
    } as;
} medic_cell;

static inline medic_cell medic_none(void)
{
    medic_cell cell = {0, 0, {NULL}};
    return cell;
}
static inline medic_cell medic_string(const char *value)
{
    medic_cell cell = {value ? (uint32_t)MEDIC_STRING : 0, 0, {value}};
    return cell;
}
static inline medic_cell medic_integer(int64_t value)
{
    medic_cell cell = {MEDIC_INTEGER, 0, {NULL}};
    cell.as.integer = value;
    return cell;
}
static inline medic_cell medic_number(double value)
{
    medic_cell cell = {MEDIC_NUMBER, 0, {NULL}};
    cell.as.number = value;
    return cell;
}
static inline medic_cell medic_boolean(int value)
{
    medic_cell cell = {MEDIC_BOOLEAN, 0, {NULL}};
    cell.as.integer = value != 0;
    return cell;
}

#define MEDIC_NO_PARENT UINT32_MAX
#define MEDIC_NO_ROW UINT32_MAX

typedef struct medic_section medic_section;

/* [tool] All texts are copied. Errors (a duplicate id, a cell of the wrong type, too many findings, no memory) are kept by
 * the host and fail the rendering with a sentence after render returns, so that the calls need no checks: a failed
 * section() gives a section that swallows what is added to it. */
typedef struct medic_document_service {
    uint32_t size;
    uint32_t reserved;
    /* One sentence that a person can act on. Called once; severity: enum medic_severity. */
    void (*verdict)(const medic_host *host, uint32_t severity, const char *sentence);
    /* At most five. section_id and row_key (text of the row's key cells, joined by '|') may be NULL. */
    void (*finding)(const medic_host *host, const char *sentence, const char *section_id, const char *row_key);
    medic_section *(*section)(const medic_host *host, const medic_section_info *info);
    /* Adds a row, best rows first; returns its index. parent: MEDIC_NO_PARENT except in trees. count = number of columns. */
    uint32_t (*row)(medic_section *section, uint32_t parent, const medic_cell *cells, uint32_t count);
    /* Rows that exist but were left out, so that "20 of 4,511" can be said. */
    void (*total_rows)(medic_section *section, uint64_t total);
    /* stacks: a frame; returns its index. module, file may be NULL, line 0. The same function may be added twice. */
    uint32_t (*frame)(medic_section *section, const char *function, const char *module, const char *file,
                      uint32_t line);
    uint32_t (*row_stack)(medic_section *section, const uint32_t *frames, uint32_t frame_count, const medic_cell *cells,
                          uint32_t count);
    /* graph: an edge between two rows. */
    void (*edge)(medic_section *section, uint32_t from, uint32_t to, const char *label);
} medic_document_service;

#endif
