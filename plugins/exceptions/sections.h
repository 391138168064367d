/* What the files that write sections share. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#ifndef EXCEPTIONS_SECTIONS_H
#define EXCEPTIONS_SECTIONS_H

#include "recording.h"

#include <medic/sections.h>

/* An estimate: two digits, so that nobody reads more into it. */
static inline medic_cell about(double value)
{
    double scale = 1;

    while (value / scale >= 100)
        scale *= 10;
    return medic_integer((int64_t)(value / scale + 0.5) * (int64_t)scale);
}

#endif
