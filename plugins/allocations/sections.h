/* What the files that write sections share. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#ifndef ALLOCATIONS_SECTIONS_H
#define ALLOCATIONS_SECTIONS_H

#include "recording.h"

#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))
#define ROWS_MAX 200u

/* Columns by type and unit. Recordings of different lengths are compared by rates and shares. */
#define TEXT(id, title, flags)                                                                                         \
    {                                                                                                                  \
        id, title, MEDIC_STRING, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, flags                                               \
    }
#define BYTES(id, title)                                                                                               \
    {                                                                                                                  \
        id, title, MEDIC_INTEGER, MEDIC_UNIT_BYTES, MEDIC_ROLE_NONE, 0                                                 \
    }
#define TALLY(id, title)                                                                                               \
    {                                                                                                                  \
        id, title, MEDIC_INTEGER, MEDIC_UNIT_COUNT, MEDIC_ROLE_NONE, 0                                                 \
    }
#define LENGTH(id, title)                                                                                              \
    {                                                                                                                  \
        id, title, MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF                           \
    }
#define RATE(id, title)                                                                                                \
    {                                                                                                                  \
        id, title, MEDIC_NUMBER, MEDIC_UNIT_BYTES_PER_SECOND, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF                       \
    }
#define EACH(id, title)                                                                                                \
    {                                                                                                                  \
        id, title, MEDIC_NUMBER, MEDIC_UNIT_PER_SECOND, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF                             \
    }
#define SHARE(id, title)                                                                                               \
    {                                                                                                                  \
        id, title, MEDIC_NUMBER, MEDIC_UNIT_RATIO, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF | MEDIC_COLUMN_SHARE             \
    }
#define ERROR(id, title)                                                                                               \
    {                                                                                                                  \
        id, title, MEDIC_NUMBER, MEDIC_UNIT_RATIO, MEDIC_ROLE_NONE, 0                                                  \
    }

static inline medic_cell whole(double value)
{
    return medic_integer(value < 9e18 ? (int64_t)value : INT64_MAX);
}

medic_section *open_section(const struct recording *recording, uint32_t kind, const char *id, const char *title,
                            const char *note, const medic_column *columns, uint32_t column_count);

#define SECTION(recording, kind, id, title, note, columns)                                                             \
    open_section(recording, kind, id, title, note, columns, COUNT_OF(columns))
#define ROW(recording, section, cells) (recording)->document->row(section, MEDIC_NO_PARENT, cells, COUNT_OF(cells))

/* Cells of an estimate, with no more digits than it bears. */
medic_cell bytes_cell(double bytes, double variance);
medic_cell rate_cell(const struct recording *recording, double bytes, double variance);
medic_cell share_cell(const struct recording *recording, double bytes, double variance);
/* How far off the bytes may be, as a share of them; none for exact ones. */
medic_cell error_cell(double bytes, double variance);

/* sections_gc.c */
void write_collections(const struct recording *recording);
void write_timeline(const struct recording *recording);
void write_notes(const struct recording *recording);

#endif
