/* What there is, by type, and what there is more of. */
#include "sections.h"

#include <stdlib.h>

#define TYPES_MAX 1000u

static const struct type *sorted;
static int sorted_by_growth;

static int64_t weight_of(const struct type *type)
{
    return sorted_by_growth ? (int64_t)(type->bytes - type->bytes_before) : (int64_t)type->retained;
}

static int by_weight(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    int64_t weight_a = weight_of(&sorted[a]), weight_b = weight_of(&sorted[b]);

    if (weight_a != weight_b)
        return weight_a < weight_b ? 1 : -1;
    return (a > b) - (a < b);
}

/* Numbers of the classes that have objects, or more than before; owned by the caller. */
static uint32_t *sort_types(const struct recording *recording, int by_growth, uint32_t *count)
{
    uint32_t classes = recording->graph->class_count;
    uint32_t *order = malloc((size_t)(classes + 1) * sizeof *order);

    *count = 0;
    sorted = recording->types;
    sorted_by_growth = by_growth;
    if (!order)
        return NULL;
    for (uint32_t i = 1; i <= classes; i++)
        if (weight_of(&sorted[i]) > 0)
            order[(*count)++] = i;
    qsort(order, *count, sizeof *order, by_weight);
    return order;
}

void write_types(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("type", "Type", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("objects", "Objects", MEDIC_COLUMN_DIFF),
        MEDIC_COUNT_COLUMN("survived", "Survived", MEDIC_COLUMN_DIFF),
        MEDIC_BYTES_COLUMN("bytes", "Own bytes", MEDIC_COLUMN_DIFF),
        MEDIC_BYTES_COLUMN("retained", "Keeps alive", MEDIC_COLUMN_DIFF),
        MEDIC_SHARE_COLUMN("share", "Of all"),
    };
    uint32_t count;
    uint32_t *order = sort_types(recording, 0, &count);
    medic_section *section = MEDIC_OPEN(
        recording, MEDIC_TABLE, "types", "What survives, by type",
        "Survived: in generation 2, large or pinned. Keeps alive: what its objects hold, each by itself.", columns);

    for (uint32_t i = 0; order && i < count && i < TYPES_MAX; i++) {
        const struct type *type = &recording->types[order[i]];
        medic_cell cells[] = {
            medic_string(recording->graph->classes[order[i]].name),
            medic_whole(type->count),
            medic_whole(type->old_count),
            medic_whole(type->bytes),
            medic_whole(type->retained),
            medic_ratio((double)type->retained, (double)recording->tree->reachable_bytes),
        };
        MEDIC_ROW(recording, section, cells);
    }
    recording->document->total_rows(section, count);
    free(order);
}

void write_growth_types(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("type", "Type", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("before", "Before", MEDIC_COLUMN_DIFF),
        MEDIC_COUNT_COLUMN("after", "After", MEDIC_COLUMN_DIFF),
        MEDIC_COUNT_COLUMN("more_objects", "More", MEDIC_COLUMN_DIFF),
        MEDIC_BYTES_COLUMN("more_bytes", "More bytes", MEDIC_COLUMN_DIFF),
        MEDIC_RATE_COLUMN("speed", "Per second", MEDIC_UNIT_BYTES_PER_SECOND),
        MEDIC_BYTES_COLUMN("more_retained", "More kept", MEDIC_COLUMN_DIFF),
    };
    uint32_t count;
    uint32_t *order = sort_types(recording, 1, &count);
    medic_section *section =
        MEDIC_OPEN(recording, MEDIC_TABLE, "growth_types", "What there is more of, by type", NULL, columns);

    for (uint32_t i = 0; order && i < count && i < TYPES_MAX; i++) {
        const struct type *type = &recording->types[order[i]];
        medic_cell cells[] = {
            medic_string(recording->graph->classes[order[i]].name),
            medic_whole(type->count_before),
            medic_whole(type->count),
            change(type->count, type->count_before),
            change(type->bytes, type->bytes_before),
            recording->span_ns
                ? medic_number((double)(type->bytes - type->bytes_before) * 1e9 / (double)recording->span_ns)
                : medic_none(),
            change(type->retained, type->retained_before),
        };
        MEDIC_ROW(recording, section, cells);
    }
    recording->document->total_rows(section, count);
    free(order);
}
