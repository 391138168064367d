#include "tool/stacks_view.h"

#include <math.h>

static bool is_weight(const struct document_column *column)
{
    return (column->type == MEDIC_INTEGER || column->type == MEDIC_NUMBER) &&
           (column->unit == MEDIC_UNIT_NONE || column->unit == MEDIC_UNIT_COUNT || column->unit == MEDIC_UNIT_BYTES ||
            column->unit == MEDIC_UNIT_NANOSECONDS);
}

static void add_weights(struct stacks_view *view, bool with_role)
{
    const struct medic_section *section = view->section;
    for (uint32_t i = 0; i < section->column_count && view->weight_count < STACKS_VIEW_WEIGHTS_MAX; i++)
        if (is_weight(&section->columns[i]) && (section->columns[i].role == MEDIC_ROLE_VALUE) == with_role)
            view->weights[view->weight_count++] = i;
}

int stacks_view_next(const struct document *document, size_t *index, struct stacks_view *view)
{
    while (*index < document->section_count) {
        *view = (struct stacks_view){.section = document->sections[(*index)++]};
        if (view->section->kind != MEDIC_STACKS)
            continue;
        add_weights(view, true);
        add_weights(view, false);
        if (view->weight_count)
            return 1;
    }
    return 0;
}

int stacks_view_first(const struct document *document, const char *format, size_t *index, struct stacks_view *view,
                      medic_reason *why)
{
    *index = 0;
    if (stacks_view_next(document, index, view))
        return MEDIC_OK;
    return medic_fail(why, MEDIC_E_NOT_FOUND,
                      "this report of %s has no stacks to show as %s: text, markdown, html and json show every report",
                      document->profiler.name ? document->profiler.name : "a profiler", format);
}

uint64_t stacks_view_weight(const struct stacks_view *view, uint32_t row, uint32_t weight)
{
    const medic_cell *cell = section_cell(view->section, row, view->weights[weight]);
    if (cell->type == MEDIC_INTEGER)
        return cell->as.integer > 0 ? (uint64_t)cell->as.integer : 0;
    if (cell->type == MEDIC_NUMBER && cell->as.number > 0)
        return cell->as.number < 9e18 ? (uint64_t)llround(cell->as.number) : INT64_MAX;
    return 0;
}

const char *stacks_view_unit(const struct stacks_view *view, uint32_t weight)
{
    switch (view->section->columns[view->weights[weight]].unit) {
    case MEDIC_UNIT_NANOSECONDS: return "nanoseconds";
    case MEDIC_UNIT_BYTES: return "bytes";
    default: return "count";
    }
}
