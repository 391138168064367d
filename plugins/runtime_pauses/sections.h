/* What the files that write sections share. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#ifndef RUNTIME_PAUSES_SECTIONS_H
#define RUNTIME_PAUSES_SECTIONS_H

#include "recording.h"

#define TOP_ROWS 20u
#define LABEL_MAX 96

#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))

/* Columns by type and unit. */
#define TEXT(id, title, flags)                                                                                         \
    {                                                                                                                  \
        id, title, MEDIC_STRING, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, flags                                               \
    }
#define TALLY(id, title)                                                                                               \
    {                                                                                                                  \
        id, title, MEDIC_INTEGER, MEDIC_UNIT_COUNT, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF                                 \
    }
#define LENGTH(id, title, flags)                                                                                       \
    {                                                                                                                  \
        id, title, MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_NONE, flags                                       \
    }
#define INSTANT(id, title, role)                                                                                       \
    {                                                                                                                  \
        id, title, MEDIC_INTEGER, MEDIC_UNIT_INSTANT, role, 0                                                          \
    }
#define SHARE(id, title, flags)                                                                                        \
    {                                                                                                                  \
        id, title, MEDIC_NUMBER, MEDIC_UNIT_RATIO, MEDIC_ROLE_NONE, flags                                              \
    }

static inline medic_cell whole(uint64_t value)
{
    return medic_integer((int64_t)value);
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

/* "gen2 blocking: induced", written into label. */
const char *cause_label(const struct pause *pause, char label[LABEL_MAX]);

/* sections_who.c */
void write_callers(const struct recording *recording, const struct caller_row *rows, size_t count);
void write_slow_threads(const struct recording *recording, const struct slow_row *rows, size_t count);
void write_stacks(const struct recording *recording);

/* sections_time.c: worst, timeline, lengths, spans. At least one pause. */
void write_single_pauses(const struct recording *recording);
void write_timeline(const struct recording *recording);
void write_histogram(const struct recording *recording);

#endif
