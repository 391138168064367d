#include "tool/series.h"

#include "tool/format.h"

#include <math.h>

uint32_t series_next_column(const struct medic_section *section, int time, uint32_t column)
{
    for (; column < section->column_count; column++) {
        uint32_t type = section->columns[column].type;
        if ((int)column != time && (type == MEDIC_INTEGER || type == MEDIC_NUMBER))
            break;
    }
    return column;
}

void series_init(struct series *series, const struct medic_section *section, int time, uint64_t duration_ns)
{
    double value, last = (double)duration_ns;
    *series = (struct series){.section = section, .time = time};
    for (uint32_t row = 0; row < section->row_count; row++)
        if (cell_value(section_cell(section, row, (uint32_t)time), &value)) {
            last = fmax(last, value);
            series->begin = fmin(series->begin, value);
        }
    series->range = last > series->begin ? last - series->begin : 1;
}

/* Rounded to thousandths first: a row at the very beginning of a point belongs to it, whatever a division makes of it. */
static size_t point_at(const struct series *series, double time)
{
    double most = (double)series->points * 1000, at = (time - series->begin) / series->range * most;
    if (!(at > 0))
        return 0;
    size_t point = at < most ? (size_t)lround(at) / 1000 : series->points;
    return point < series->points ? point : series->points - 1;
}

bool series_sample(struct series *series, uint32_t column, size_t points)
{
    const struct medic_section *section = series->section;
    double time, value;
    series->column = column;
    series->points = points;
    series->any = false;
    series->lowest = series->highest = 0;
    for (size_t i = 0; i < points; i++)
        series->values[i] = NAN;
    for (uint32_t row = 0; row < section->row_count; row++) {
        if (!cell_value(section_cell(section, row, (uint32_t)series->time), &time) ||
            !cell_value(section_cell(section, row, column), &value))
            continue;
        double *peak = &series->values[point_at(series, time)];
        *peak = isnan(*peak) ? value : fmax(*peak, value);
        series->lowest = series->any ? fmin(series->lowest, value) : value;
        series->highest = series->any ? fmax(series->highest, value) : value;
        series->any = true;
    }
    for (size_t i = 1; i < points; i++)
        if (isnan(series->values[i]))
            series->values[i] = series->values[i - 1];
    return series->any;
}

double series_floor(const struct series *series)
{
    return series->lowest < 0 ? series->lowest : 0;
}
