/* The order of the sections, and who holds. */
#include "sections.h"

#include <stdlib.h>

#define HOLDERS_MAX 500u

static int by_retained(const void *left, const void *right)
{
    const struct label *a = left, *b = right;

    return (a->retained < b->retained) - (a->retained > b->retained);
}

/* The labels that keep something, most first; owned by the caller. */
static struct label *sorted_labels(const struct recording *recording, uint32_t *count)
{
    const struct holders *holders = &recording->holders;
    struct label *labels = malloc((size_t)(holders->label_count + 1) * sizeof *labels);

    *count = 0;
    if (!labels)
        return NULL;
    for (uint32_t i = 0; i < holders->label_count; i++)
        if (holders->labels[i].objects)
            labels[(*count)++] = holders->labels[i];
    qsort(labels, *count, sizeof *labels, by_retained);
    return labels;
}

static void holder_row(const struct recording *recording, medic_section *section, const struct label *label)
{
    char name[VERDICT_TEXT];
    struct medic_text text = {name, sizeof name};

    add_label(&text, label);
    medic_cell cells[] = {
        medic_string(name),
        medic_whole(label->objects),
        medic_whole(label->retained),
        medic_ratio((double)label->retained, (double)recording->tree->reachable_bytes),
    };
    MEDIC_ROW(recording, section, cells);
}

static void write_holders(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("holder", "Held by", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("objects", "Objects", MEDIC_COLUMN_DIFF),
        MEDIC_BYTES_COLUMN("retained", "Keeps alive", MEDIC_COLUMN_DIFF),
        MEDIC_SHARE_COLUMN("share", "Of all"),
    };
    uint32_t count;
    struct label *labels = sorted_labels(recording, &count);
    medic_section *section =
        MEDIC_OPEN(recording, MEDIC_TABLE, "holders", "Who keeps memory alive",
                   "Objects that hang on it directly, and all that would be free without them.", columns);

    for (uint32_t i = 0; labels && i < count && i < HOLDERS_MAX; i++)
        holder_row(recording, section, &labels[i]);
    recording->document->total_rows(section, count);
    free(labels);
}

void write_sections(struct recording *recording)
{
    if (recording->has_earlier) {
        write_growth_paths(recording);
        write_growth_types(recording);
        if (sort_paths(recording, 0) != MEDIC_OK)
            return;
    }
    write_paths(recording);
    write_holders(recording);
    write_types(recording);
    write_generations(recording);
    write_roots(recording);
    write_largest(recording);
    write_photograph(recording);
    write_retention(recording);
}
