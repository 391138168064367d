/* What the files that write sections share. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#ifndef CONTENTION_SECTIONS_H
#define CONTENTION_SECTIONS_H

#include "recording.h"

#include <medic/sections.h>

#define ROWS_MAX 200u

static inline medic_cell rounded(double value)
{
    return medic_whole(value > 0 ? (uint64_t)(value + 0.5) : 0);
}

#endif
