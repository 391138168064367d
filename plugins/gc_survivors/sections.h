/* What the files that write sections share. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#ifndef GC_SURVIVORS_SECTIONS_H
#define GC_SURVIVORS_SECTIONS_H

#include "recording.h"

#include <medic/sections.h>

/* What was added: may be negative. */
static inline medic_cell change(uint64_t now, uint64_t before)
{
    return medic_integer((int64_t)(now - before));
}

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
