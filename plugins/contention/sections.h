/* What the files that write sections share. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#ifndef CONTENTION_SECTIONS_H
#define CONTENTION_SECTIONS_H

#include "recording.h"

#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))
#define LOCATION_MAX 160
#define ROWS_MAX 200u

/* Columns by type and unit. */
#define TEXT(id, title, flags)                                                                                         \
    {                                                                                                                  \
        id, title, MEDIC_STRING, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, flags                                               \
    }
#define LENGTH(id, title)                                                                                              \
    {                                                                                                                  \
        id, title, MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF                           \
    }
#define TALLY(id, title)                                                                                               \
    {                                                                                                                  \
        id, title, MEDIC_INTEGER, MEDIC_UNIT_COUNT, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF                                 \
    }
#define SHARE(id, title)                                                                                               \
    {                                                                                                                  \
        id, title, MEDIC_NUMBER, MEDIC_UNIT_RATIO, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF | MEDIC_COLUMN_SHARE             \
    }

static inline medic_cell whole(uint64_t value)
{
    return medic_integer(value < INT64_MAX ? (int64_t)value : INT64_MAX);
}

static inline medic_cell rounded(double value)
{
    return whole(value > 0 ? (uint64_t)(value + 0.5) : 0);
}

static inline medic_cell ratio(double part, double all)
{
    return medic_number(all > 0 ? part / all : 0);
}

medic_section *open_section(const struct recording *recording, uint32_t kind, const char *id, const char *title,
                            const char *note, const medic_column *columns, uint32_t column_count);

#define SECTION(recording, kind, id, title, note, columns)                                                             \
    open_section(recording, kind, id, title, note, columns, COUNT_OF(columns))
#define ROW(recording, section, cells) (recording)->document->row(section, MEDIC_NO_PARENT, cells, COUNT_OF(cells))

/* "Pricing.cs:41" in location, or NULL. */
const char *location_of(const medic_frame *frame, char location[LOCATION_MAX]);

#endif
