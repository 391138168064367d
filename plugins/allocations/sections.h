/* What the files that write sections share. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#ifndef ALLOCATIONS_SECTIONS_H
#define ALLOCATIONS_SECTIONS_H

#include "recording.h"

#include <medic/sections.h>

#define ROWS_MAX 200u

/* Recordings of different lengths are compared by rates and shares. */

static inline medic_cell whole(double value)
{
    return medic_integer(value < 9e18 ? (int64_t)value : INT64_MAX);
}

/* Cells of an estimate, with no more digits than it bears. */
medic_cell bytes_cell(double bytes, double variance);
medic_cell rate_cell(const struct recording *recording, double bytes, double variance);
medic_cell share_cell(const struct recording *recording, double bytes, double variance);
/* How far off the bytes may be, as a share of them; none for exact ones. */
medic_cell error_cell(double bytes, double variance);

/* In the order of `by`. NULL without memory; the caller frees. */
const struct type **sorted_types(const struct recording *recording, int (*by)(const void *, const void *));
/* Greatest first. */
int by_type_bytes(const void *left, const void *right);

/* sections_gc.c */
void write_collections(const struct recording *recording);
void write_timeline(const struct recording *recording);
void write_notes(const struct recording *recording);

/* sections_time.c */
void write_types_over_time(const struct recording *recording);
void write_methods_over_time(const struct recording *recording);

#endif
