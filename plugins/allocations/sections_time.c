/* The rates of the types and methods that allocate most, over time. */
#include "sections.h"

#include <stdlib.h>

#define SERIES 6u
#define SERIES_SHARE 0.02 /* less is not worth a line */
#define SLICES 40u
#define SLICE_LEAST_NS UINT64_C(900000000) /* the sums of types are written every second */

struct slice {
    double bytes, variance;
};

/* Of some series, slice after slice; ends are the times at which the slices end, the first begins at begin_ns. */
struct rates {
    const char *names[SERIES];
    uint32_t keys[SERIES]; /* index of the type, or function id of the method */
    uint32_t series;
    uint64_t begin_ns, ends[SLICES + 1];
    uint32_t slices;
    struct slice of[SERIES][SLICES + 1];
};

static int by_time(const void *left, const void *right)
{
    const struct point *a = left, *b = right;

    return (a->time_ns > b->time_ns) - (a->time_ns < b->time_ns);
}

static int by_type_and_time(const void *left, const void *right)
{
    const struct point *a = left, *b = right;

    return a->type != b->type ? (a->type < b->type ? -1 : 1) : by_time(left, right);
}

/* Slices end when sums were written. 0 when there are too few to show how anything goes. */
static int slice_time(const struct recording *recording, struct rates *rates)
{
    const al_usage *last = recording->usage_count ? &recording->usages[recording->usage_count - 1] : NULL;
    uint64_t least = (uint64_t)(recording->facts.seconds * 1e9) / SLICES, before;

    if (!last || !last->on_ns)
        return 0;
    before = rates->begin_ns = last->on_ns;
    if (least < SLICE_LEAST_NS)
        least = SLICE_LEAST_NS;
    if (recording->point_count)
        qsort(recording->points, recording->point_count, sizeof *recording->points, by_time);
    for (size_t i = 0; i < recording->point_count && rates->slices < SLICES; i++) {
        uint64_t at = recording->points[i].time_ns;
        if (at > before && at - before >= least)
            before = rates->ends[rates->slices++] = at;
    }
    return rates->slices > 1;
}

/* The slice that the time lies in; past the last one when it is behind all. */
static uint32_t slice_at(const struct rates *rates, uint64_t time_ns)
{
    uint32_t at = 0;

    while (at < rates->slices && rates->ends[at] < time_ns)
        at++;
    return at;
}

static void add(struct rates *rates, uint32_t key, uint64_t time_ns, double bytes, double variance)
{
    uint32_t at = slice_at(rates, time_ns);

    for (uint32_t i = 0; i < rates->series; i++)
        if (rates->keys[i] == key) {
            rates->of[i][at].bytes += bytes;
            rates->of[i][at].variance += variance;
        }
}

static void write_rates(const struct recording *recording, const struct rates *rates, const char *id, const char *title)
{
    static const char *const ids[SERIES] = {"first", "second", "third", "fourth", "fifth", "sixth"};
    medic_column columns[1 + SERIES] = {
        {"time", "Time", MEDIC_INTEGER, MEDIC_UNIT_INSTANT, MEDIC_ROLE_TIME, 0},
    };
    uint64_t begin = rates->begin_ns;
    medic_section *section;

    for (uint32_t i = 0; i < rates->series; i++)
        columns[1 + i] =
            (medic_column){ids[i], rates->names[i], MEDIC_NUMBER, MEDIC_UNIT_BYTES_PER_SECOND, MEDIC_ROLE_NONE, 0};
    section = medic_open_section(recording->document, recording->host, MEDIC_TIMELINE, id, title, NULL, columns,
                                 1 + rates->series, 0);
    for (uint32_t at = 0; at < rates->slices; begin = rates->ends[at++]) {
        double seconds = (double)(rates->ends[at] - begin) / 1e9;
        medic_cell cells[1 + SERIES];
        cells[0] = whole((double)(begin > recording->begin_ns ? begin - recording->begin_ns : 0));
        for (uint32_t i = 0; i < rates->series; i++) {
            const struct slice *slice = &rates->of[i][at];
            cells[1 + i] = medic_number(honest(slice->bytes / seconds, medic_root(slice->variance) / seconds));
        }
        recording->document->row(section, MEDIC_NO_PARENT, cells, 1 + rates->series);
    }
}

/* --- types --- */

static void choose_types(const struct recording *recording, struct rates *rates)
{
    const struct type **types = sorted_types(recording, by_type_bytes);

    for (uint32_t i = 0; types && i < recording->type_count && rates->series < SERIES; i++) {
        if (types[i]->bytes < SERIES_SHARE * recording->facts.bytes || !(types[i]->bytes > 0))
            break;
        rates->names[rates->series] = types[i]->name;
        rates->keys[rates->series++] = (uint32_t)(types[i] - recording->types);
    }
    free(types);
}

void write_types_over_time(const struct recording *recording)
{
    struct rates rates = {0};

    if (!slice_time(recording, &rates))
        return;
    choose_types(recording, &rates);
    qsort(recording->points, recording->point_count, sizeof *recording->points, by_type_and_time);
    for (size_t i = 0; i < recording->point_count; i++) {
        const struct point *point = &recording->points[i], *before = i ? point - 1 : NULL;
        const struct type *type = find_type(recording, point->type);
        int first = !before || before->type != point->type;
        if (type)
            add(&rates, (uint32_t)(type - recording->types), point->time_ns, point->bytes - (first ? 0 : before->bytes),
                point->variance - (first ? 0 : before->variance));
    }
    if (rates.series)
        write_rates(recording, &rates, "types_over_time", "Types over time");
}

/* --- methods --- */

void write_methods_over_time(const struct recording *recording)
{
    struct rates rates = {0};

    if (!slice_time(recording, &rates))
        return;
    for (size_t i = 0; i < recording->site_count && rates.series < SERIES; i++) {
        const struct share *site = &recording->sites[i];
        if (site->bytes < SERIES_SHARE * recording->facts.bytes)
            break;
        rates.keys[rates.series] = site->key;
        rates.names[rates.series++] = place_of(recording, site->frame).name;
    }
    for (size_t i = 0; i < recording->sample_count; i++) {
        const struct sample *sample = &recording->samples[i];
        add(&rates, frame_of(recording, sample->site)->function_id, sample->time_ns, sample->bytes,
            sample->variance * sample->bytes / sample->weight * sample->bytes / sample->weight);
    }
    if (rates.series)
        write_rates(recording, &rates, "methods_over_time", "Methods over time");
}
