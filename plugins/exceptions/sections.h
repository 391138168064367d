/* What the files that write sections share. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#ifndef EXCEPTIONS_SECTIONS_H
#define EXCEPTIONS_SECTIONS_H

#include "recording.h"

#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))
#define LOCATION_MAX 160

/* Columns by type and unit. */
#define TEXT(id, title, flags)                                                                                         \
    {                                                                                                                  \
        id, title, MEDIC_STRING, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, flags                                               \
    }
#define TALLY(id, title)                                                                                               \
    {                                                                                                                  \
        id, title, MEDIC_INTEGER, MEDIC_UNIT_COUNT, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF                                 \
    }
#define SHARE(id, title)                                                                                               \
    {                                                                                                                  \
        id, title, MEDIC_NUMBER, MEDIC_UNIT_RATIO, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF | MEDIC_COLUMN_SHARE             \
    }
#define LENGTH(id, title)                                                                                              \
    {                                                                                                                  \
        id, title, MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF                           \
    }
#define RATE(id, title)                                                                                                \
    {                                                                                                                  \
        id, title, MEDIC_NUMBER, MEDIC_UNIT_PER_SECOND, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF                             \
    }

static inline medic_cell whole(uint64_t value)
{
    return medic_integer(value < INT64_MAX ? (int64_t)value : INT64_MAX);
}

/* An estimate: two digits, so that nobody reads more into it. */
static inline medic_cell about(double value)
{
    double scale = 1;

    while (value / scale >= 100)
        scale *= 10;
    return medic_integer((int64_t)(value / scale + 0.5) * (int64_t)scale);
}

static inline medic_cell ratio(double part, double all)
{
    return medic_number(all > 0 ? part / all : 0);
}

medic_section *open_section(const struct recording *recording, uint32_t kind, const char *id, const char *title,
                            const char *note, const medic_column *columns, uint32_t column_count);
/* "Pricing.cs:41" in location, or NULL. */
const char *location_of(const struct medic_place *place, char location[LOCATION_MAX]);

#define SECTION(recording, kind, id, title, note, columns)                                                             \
    open_section(recording, kind, id, title, note, columns, COUNT_OF(columns))
#define ROW(recording, section, cells) (recording)->document->row(section, MEDIC_NO_PARENT, cells, COUNT_OF(cells))

#endif
