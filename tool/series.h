/* A column of numbers over time, as points that each hold the peak of their time: what a timeline is drawn from. */
#ifndef TOOL_SERIES_H
#define TOOL_SERIES_H

#include "tool/document.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIES_POINTS_MOST 400

struct series {
    const struct medic_section *section;
    int time; /* the column of the instants */
    uint32_t column;
    double begin, range; /* ns */
    size_t points;
    double values[SERIES_POINTS_MOST]; /* NaN before the first that is known */
    double lowest, highest;
    bool any; /* something is known */
};

/* The next column from column on that can be drawn over time, or column_count. */
uint32_t series_next_column(const struct medic_section *section, int time, uint32_t column);
/* For a section with the column time; the axis covers the recording and everything in the section. */
void series_init(struct series *series, const struct medic_section *section, int time, uint64_t duration_ns);
/* Fills in the points, at most SERIES_POINTS_MOST; a point without a row of its own has the value of the one before.
 * Returns any. */
bool series_sample(struct series *series, uint32_t column, size_t points);
/* Where the axis of the values begins: 0, or below. */
double series_floor(const struct series *series);

#endif
