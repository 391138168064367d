/* What the files that write sections share. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#ifndef GC_SURVIVORS_SECTIONS_H
#define GC_SURVIVORS_SECTIONS_H

#include "recording.h"

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
#define SIZE(id, title)                                                                                                \
    {                                                                                                                  \
        id, title, MEDIC_INTEGER, MEDIC_UNIT_BYTES, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF                                 \
    }
#define SPEED(id, title)                                                                                               \
    {                                                                                                                  \
        id, title, MEDIC_NUMBER, MEDIC_UNIT_BYTES_PER_SECOND, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF                       \
    }
#define SHARE(id, title)                                                                                               \
    {                                                                                                                  \
        id, title, MEDIC_NUMBER, MEDIC_UNIT_RATIO, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF | MEDIC_COLUMN_SHARE             \
    }

static inline medic_cell whole(uint64_t value)
{
    return medic_integer(value < INT64_MAX ? (int64_t)value : INT64_MAX);
}

/* What was added: may be negative. */
static inline medic_cell change(uint64_t now, uint64_t before)
{
    return medic_integer((int64_t)(now - before));
}

static inline medic_cell ratio(double part, double all)
{
    return medic_number(all > 0 ? part / all : 0);
}

/* Without a bar: a tree needs the room. */
#define PART(id, title)                                                                                                \
    {                                                                                                                  \
        id, title, MEDIC_NUMBER, MEDIC_UNIT_RATIO, MEDIC_ROLE_NONE, MEDIC_COLUMN_DIFF                                  \
    }

medic_section *open_section(const struct recording *recording, const medic_section_info *info);

#define SECTION(recording, kind_of, its_id, its_title, its_note, its_columns)                                          \
    open_section(recording, &(medic_section_info){.kind = kind_of,                                                     \
                                                  .id = its_id,                                                        \
                                                  .title = its_title,                                                  \
                                                  .note = its_note,                                                    \
                                                  .columns = its_columns,                                              \
                                                  .column_count = COUNT_OF(its_columns)})
#define ROW(recording, section, cells) (recording)->document->row(section, MEDIC_NO_PARENT, cells, COUNT_OF(cells))

/* sections_paths.c */
void write_paths(const struct recording *recording);
void write_growth_paths(const struct recording *recording);
void write_retention(const struct recording *recording);
/* sections_types.c */
void write_types(const struct recording *recording);
void write_growth_types(const struct recording *recording);
/* sections_heap.c */
void write_generations(const struct recording *recording);
void write_roots(const struct recording *recording);
void write_largest(const struct recording *recording);
void write_photograph(const struct recording *recording);

#endif
