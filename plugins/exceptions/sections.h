/* What the files that write sections share. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#ifndef EXCEPTIONS_SECTIONS_H
#define EXCEPTIONS_SECTIONS_H

#include "recording.h"

#include <medic/sections.h>

/* An estimate: two digits, so that nobody reads more into it. */
/* No more digits than the error leaves: 6012 ± 690 is 6000. */
static inline double rounded(double value, double error, double digit)
{
    while (10 * digit <= error)
        digit *= 10;
    return digit * (double)(int64_t)(value / digit + 0.5);
}

static inline medic_cell counted(double count, double error)
{
    double value = rounded(count, error, 1);

    return medic_integer((int64_t)(value > 0 ? value : count + 0.5));
}

static inline medic_cell share(double part, double error, double all)
{
    return all > 0 ? medic_number(rounded(part / all, error / all, 0.0001)) : medic_number(0);
}

/* Of a count, as a part of it. */
static inline medic_cell error_cell(double count, double error)
{
    double of = count > 0 ? error / count : 0;

    return of < 0.005 ? medic_none() : medic_number(of < 1 ? rounded(of, 0.1 * of, 0.01) : 1);
}

static inline medic_cell about(double value)
{
    double scale = 1;

    while (value / scale >= 100)
        scale *= 10;
    return medic_integer((int64_t)(value / scale + 0.5) * (int64_t)scale);
}

#endif
