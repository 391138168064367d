#include "tool/spans.h"

#include <math.h>

void spans_init(struct spans *spans, const struct medic_section *section)
{
    *spans = (struct spans){.section = section,
                            .start = section_role(section, MEDIC_ROLE_START),
                            .end = section_role(section, MEDIC_ROLE_END),
                            .lane = section_role(section, MEDIC_ROLE_LANE),
                            .label = section_role(section, MEDIC_ROLE_LABEL)};
}

static bool ends_of(const struct spans *spans, uint32_t row, double *start, double *end)
{
    return spans->start >= 0 && spans->end >= 0 &&
           cell_value(section_cell(spans->section, row, (uint32_t)spans->start), start) &&
           cell_value(section_cell(spans->section, row, (uint32_t)spans->end), end);
}

bool spans_at(const struct spans *spans, uint32_t row, double *start, double *end)
{
    return ends_of(spans, row, start, end) && *start >= 0 && *end >= *start;
}

void spans_lane(const struct spans *spans, uint32_t row, bool ascii, char name[SPANS_LANE_SIZE])
{
    struct formatted text;
    name[0] = '\0';
    if (spans->lane < 0)
        return;
    const medic_cell *cell = section_cell(spans->section, row, (uint32_t)spans->lane);
    format_cell(cell, spans->section->columns[spans->lane].unit, ascii, &text);
    snprintf(name, SPANS_LANE_SIZE, "%s", cell->type == MEDIC_STRING ? cell->as.string : text.number);
}

double spans_range(const struct spans *spans, uint64_t duration_ns)
{
    double start, end, range = (double)duration_ns;
    for (uint32_t row = 0; row < spans->section->row_count; row++)
        if (spans_at(spans, row, &start, &end))
            range = fmax(range, end);
    return range > 0 ? range : 1;
}

/* --- the list --- */

static medic_cell cell_of(const void *context, uint32_t row, uint32_t column)
{
    const struct spans *spans = context;
    double start, end;
    if ((int)spans->sources[column] != spans->end)
        return *section_cell(spans->section, row, spans->sources[column]);
    return ends_of(spans, row, &start, &end) ? medic_number(end - start) : medic_none();
}

/* A column that is a length of time already tells what the end would. */
static bool has_length(const struct medic_section *section)
{
    for (uint32_t i = 0; i < section->column_count; i++)
        if (section->columns[i].unit == MEDIC_UNIT_NANOSECONDS && section->columns[i].role == MEDIC_ROLE_NONE)
            return true;
    return false;
}

void spans_table(struct spans *spans, uint32_t rows, struct table *table)
{
    struct table all;
    table_of(&all, spans->section, rows);
    *table = all;
    table->column_count = 0;
    table->cell = cell_of;
    table->context = spans;
    for (uint32_t i = 0; i < all.column_count; i++) {
        if ((int)i == spans->end && has_length(spans->section))
            continue;
        struct table_column *column = &table->columns[table->column_count];
        *column = all.columns[i];
        if ((int)i == spans->start)
            column->unit = MEDIC_UNIT_INSTANT;
        if ((int)i == spans->end) {
            column->title = "length";
            column->unit = MEDIC_UNIT_NANOSECONDS;
        }
        spans->sources[table->column_count++] = i;
    }
}
