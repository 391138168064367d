/* The sections of the document: what is allocated, and where. */
#include "sections.h"

#include <stdio.h>
#include <stdlib.h>

#define HINT_SHARE 0.02
#define HINT_ERRORS 3 /* standard errors: a few samples are no reason to change a program */

/* --- cells --- */

medic_cell bytes_cell(double bytes, double variance)
{
    return whole(honest(bytes, medic_root(variance)));
}

medic_cell rate_cell(const struct recording *recording, double bytes, double variance)
{
    double seconds = recording->facts.seconds;

    return seconds > 0 ? medic_number(honest(bytes / seconds, medic_root(variance) / seconds)) : medic_none();
}

medic_cell share_cell(const struct recording *recording, double bytes, double variance)
{
    const struct facts *facts = &recording->facts;
    double share = facts->bytes > 0 ? bytes / facts->bytes : 0;

    return medic_number(
        honest_share(share < 1 ? share : 1, share_error(bytes, variance, facts->bytes, facts->variance)));
}

medic_cell error_cell(double bytes, double variance)
{
    double error = bytes > 0 ? MEDIC_CERTAIN * medic_root(variance) / bytes : 0;

    return error >= 0.001 ? medic_number(honest(error < 1 ? error : 1, error / 5)) : medic_none();
}

/* As sure as the bytes are. */
static medic_cell objects_cell(double objects, double bytes, double variance)
{
    double off = bytes > 0 ? medic_root(variance) / bytes : 0;

    return objects > 0 ? whole(honest(objects, objects * off)) : medic_none();
}

static const char *place_text(const struct medic_place *place, char text[VERDICT_TEXT])
{
    struct medic_text out = {text, VERDICT_TEXT};

    if (!place->name)
        return NULL;
    medic_add(&out, "%s", place->name);
    if (place->file && place->line)
        medic_add(&out, " (%s:%u)", medic_file_name(place->file), place->line);
    return text;
}

static const char *code_name(uint32_t code)
{
    return code == MEDIC_CODE_USER ? "own" : code == MEDIC_CODE_FRAMEWORK ? "framework" : NULL;
}

/* --- the whole --- */

static void heap_row(const struct recording *recording, medic_section *section, const char *name, double bytes,
                     double variance)
{
    medic_cell cells[] = {medic_string(name), rate_cell(recording, bytes, variance),
                          share_cell(recording, bytes, variance), bytes_cell(bytes, variance),
                          error_cell(bytes, variance)};

    MEDIC_ROW(recording, section, cells);
}

static void write_heaps(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("heap", "Heap", MEDIC_COLUMN_KEY),
        MEDIC_RATE_COLUMN("rate", "Rate", MEDIC_UNIT_BYTES_PER_SECOND),
        MEDIC_SHARE_COLUMN("share", "Share"),
        MEDIC_BYTES_COLUMN("bytes", "Bytes", 0),
        MEDIC_RATIO_COLUMN("error", "±", 0),
    };
    const struct facts *facts = &recording->facts;
    double small = facts->heaps[AL_SMALL] + facts->heaps[AL_PINNED];
    double small_part = small > 0 ? facts->heaps[AL_SMALL] / small : 0;
    char note[256];
    struct medic_text text = {note, sizeof note};
    medic_section *section;

    medic_add_number(&text, facts->samples);
    medic_add(&text, facts->mode == AL_MODE_TICK ? " ticks of 100 kB" : " samples, one in 100 kB");
    medic_add(&text, "; large objects (85 kB and more) are counted one by one. ±: right in 19 of 20 cases.");
    section = MEDIC_OPEN(recording, MEDIC_TABLE, "heaps", "Allocated", note, columns);
    heap_row(recording, section, "small objects", facts->heaps[AL_SMALL], facts->variance * small_part);
    heap_row(recording, section, "large objects, pinned or not", facts->heaps[AL_LARGE], 0);
    heap_row(recording, section, "pinned objects below that", facts->heaps[AL_PINNED],
             facts->variance * (1 - small_part));
    heap_row(recording, section, "all", facts->bytes, facts->variance);
}

/* --- types --- */

int by_type_bytes(const void *left, const void *right)
{
    const struct type *a = *(const struct type *const *)left, *b = *(const struct type *const *)right;

    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? 1 : -1;
    return (a->id > b->id) - (a->id < b->id);
}

static int by_large_bytes(const void *left, const void *right)
{
    const struct type *a = *(const struct type *const *)left, *b = *(const struct type *const *)right;

    if (a->sums.large_bytes != b->sums.large_bytes)
        return a->sums.large_bytes < b->sums.large_bytes ? 1 : -1;
    return (a->id > b->id) - (a->id < b->id);
}

const struct type **sorted_types(const struct recording *recording, int (*by)(const void *, const void *))
{
    const struct type **types = calloc(recording->type_count + 1, sizeof *types);

    for (size_t i = 0; types && i < recording->type_count; i++)
        types[i] = &recording->types[i];
    if (types && recording->type_count)
        qsort(types, recording->type_count, sizeof *types, by);
    return types;
}

static void type_row(const struct recording *recording, medic_section *section, const struct type *type)
{
    double variance = type->variance;
    char place[VERDICT_TEXT];
    medic_cell cells[] = {
        medic_string(type->name),
        share_cell(recording, type->bytes, variance),
        rate_cell(recording, type->bytes, variance),
        bytes_cell(type->bytes, variance),
        error_cell(type->bytes, variance),
        objects_cell(type->objects, type->bytes, type->variance),
        medic_string(place_text(&type->site, place)),
    };

    MEDIC_ROW(recording, section, cells);
}

static void write_types(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("type", "Type", MEDIC_COLUMN_KEY),
        MEDIC_SHARE_COLUMN("share", "Share"),
        MEDIC_RATE_COLUMN("rate", "Rate", MEDIC_UNIT_BYTES_PER_SECOND),
        MEDIC_BYTES_COLUMN("bytes", "Bytes", 0),
        MEDIC_RATIO_COLUMN("error", "±", 0),
        MEDIC_COUNT_COLUMN("objects", "Objects", 0),
        MEDIC_TEXT_COLUMN("site", "Mostly in", 0),
    };
    const struct type **types = sorted_types(recording, by_type_bytes);
    medic_section *section;
    size_t rows = 0;

    if (!types)
        return;
    section =
        MEDIC_OPEN(recording, MEDIC_TABLE, "types", "By type",
                   recording->facts.mode == AL_MODE_TICK
                       ? "Biased: before .NET 10 the runtime tells only whose allocation crosses the next 100 kB, "
                         "which favours small objects; ± takes that in."
                       : "Bytes and objects are estimates.",
                   columns);
    for (; rows < recording->type_count && types[rows]->bytes > 0; rows++)
        if (rows < ROWS_MAX)
            type_row(recording, section, types[rows]);
    recording->document->total_rows(section, rows);
    free(types);
}

/* --- places --- */

static void site_row(const struct recording *recording, medic_section *section, const struct share *share,
                     uint32_t columns)
{
    struct medic_place site = place_of(recording, share->frame);
    char location[MEDIC_LOCATION_MAX];
    medic_cell cells[] = {
        medic_string(site.name),
        medic_string(recording->types[share->type].name),
        share_cell(recording, share->bytes, share->variance),
        bytes_cell(share->bytes, share->variance),
        error_cell(share->bytes, share->variance),
        medic_string(medic_location(site.file, site.line, location)),
        medic_string(helper_of(recording, share).name),
    };

    recording->document->row(section, MEDIC_NO_PARENT, cells, columns);
}

/* By type and method together: what a person has to change. */
static void write_sites(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("method", "Method", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("type", "Type", MEDIC_COLUMN_KEY),
        MEDIC_SHARE_COLUMN("share", "Share"),
        MEDIC_BYTES_COLUMN("bytes", "Bytes", 0),
        MEDIC_RATIO_COLUMN("error", "±", 0),
        MEDIC_TEXT_COLUMN("where", "Where", 0),
        MEDIC_TEXT_COLUMN("by", "Allocated by", 0),
    };
    size_t rows = recording->pair_count < ROWS_MAX ? recording->pair_count : ROWS_MAX;
    uint32_t used = MEDIC_COUNT_OF(columns) - 1;
    medic_section *section;

    if (!rows)
        return;
    for (size_t i = 0; i < rows && used < MEDIC_COUNT_OF(columns); i++)
        used += helper_of(recording, &recording->pairs[i]).name != NULL;
    section = medic_open_section(recording->document, recording->host, MEDIC_TABLE, "sites", "By method and type",
                                 used < MEDIC_COUNT_OF(columns)
                                     ? "The innermost method of the program's own."
                                     : "The innermost method of the program's own; the framework's that allocates for "
                                       "it is in the last column.",
                                 columns, used, 0);
    for (size_t i = 0; i < rows; i++)
        site_row(recording, section, &recording->pairs[i], used);
    recording->document->total_rows(section, recording->pair_count);
}

static void write_methods(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("method", "Method", MEDIC_COLUMN_KEY),
        MEDIC_SHARE_COLUMN("share", "Share"),
        MEDIC_RATE_COLUMN("rate", "Rate", MEDIC_UNIT_BYTES_PER_SECOND),
        MEDIC_BYTES_COLUMN("bytes", "Bytes", 0),
        MEDIC_RATIO_COLUMN("error", "±", 0),
        MEDIC_COUNT_COLUMN("objects", "Objects", 0),
        MEDIC_TEXT_COLUMN("type", "Mostly", 0),
        MEDIC_TEXT_COLUMN("code", "Code", 0),
    };
    size_t rows = recording->site_count < ROWS_MAX ? recording->site_count : ROWS_MAX;
    uint32_t used = MEDIC_COUNT_OF(columns) - 1; /* the last one only if not all are the program's own */
    medic_section *section;

    if (!rows)
        return;
    for (size_t i = 0; i < rows && used < MEDIC_COUNT_OF(columns); i++)
        used += place_of(recording, recording->sites[i].frame).code != MEDIC_CODE_USER;
    section = medic_open_section(recording->document, recording->host, MEDIC_TABLE, "methods", "By method", NULL,
                                 columns, used, 0);
    for (size_t i = 0; i < rows; i++) {
        const struct share *site = &recording->sites[i];
        struct medic_place place = place_of(recording, site->frame);
        medic_cell cells[] = {
            medic_string(place.name),
            share_cell(recording, site->bytes, site->variance),
            rate_cell(recording, site->bytes, site->variance),
            bytes_cell(site->bytes, site->variance),
            error_cell(site->bytes, site->variance),
            objects_cell(site->objects, site->bytes, site->variance),
            medic_string(recording->types[site->type].name),
            medic_string(code_name(place.code)),
        };
        recording->document->row(section, MEDIC_NO_PARENT, cells, used);
    }
    recording->document->total_rows(section, recording->site_count);
}

/* --- kinds --- */

static void write_kinds(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("kind", "Kind", MEDIC_COLUMN_KEY),
        MEDIC_SHARE_COLUMN("share", "Share"),
        MEDIC_RATE_COLUMN("rate", "Rate", MEDIC_UNIT_BYTES_PER_SECOND),
        MEDIC_BYTES_COLUMN("bytes", "Bytes", 0),
        MEDIC_RATIO_COLUMN("error", "±", 0),
        MEDIC_TEXT_COLUMN("site", "Mostly in", 0),
    };
    medic_section *section;

    if (!recording->kind_count)
        return;
    section = MEDIC_OPEN(recording, MEDIC_TABLE, "kinds", "What they are", "By type and by the method that allocates.",
                         columns);
    for (size_t i = 0; i < recording->kind_count; i++) {
        const struct share *kind = &recording->kinds[i];
        struct medic_place place = place_of(recording, kind->frame);
        char text[VERDICT_TEXT];
        medic_cell cells[] = {
            medic_string(kind_name(kind->kind)),
            share_cell(recording, kind->bytes, kind->variance),
            rate_cell(recording, kind->bytes, kind->variance),
            bytes_cell(kind->bytes, kind->variance),
            error_cell(kind->bytes, kind->variance),
            medic_string(place_text(&place, text)),
        };
        MEDIC_ROW(recording, section, cells);
    }
}

static void write_hints(const struct recording *recording)
{
    static const medic_column columns[] = {MEDIC_TEXT_COLUMN("text", "Hint", 0)};
    medic_section *section = NULL;

    for (size_t i = 0; i < recording->kind_count; i++) {
        const struct share *kind = &recording->kinds[i];
        struct medic_place place = place_of(recording, kind->frame);
        char line[VERDICT_TEXT];
        struct medic_text text = {line, sizeof line};
        if (!kind_hint(kind->kind) || kind->bytes < HINT_SHARE * recording->facts.bytes ||
            kind->bytes < HINT_ERRORS * medic_root(kind->variance))
            continue;
        if (!section)
            section = MEDIC_OPEN(recording, MEDIC_TEXT, "hints", "What helps", NULL, columns);
        medic_add(&text, "%s (", kind_name(kind->kind));
        medic_add_share(&text, kind->bytes, recording->facts.bytes);
        if (place.name) {
            medic_add(&text, ", mostly in ");
            medic_add_place(&text, &place);
        }
        medic_add(&text, "): %s.", kind_hint(kind->kind));
        medic_cell cells[] = {medic_string(line)};
        MEDIC_ROW(recording, section, cells);
    }
}

/* --- large objects --- */

static void write_large(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("type", "Type", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("count", "Objects", 0),
        MEDIC_BYTES_COLUMN("bytes", "Bytes", 0),
        MEDIC_BYTES_COLUMN("average", "Average", 0),
        MEDIC_BYTES_COLUMN("most", "Largest", 0),
        MEDIC_TEXT_COLUMN("site", "Mostly in", 0),
    };
    const struct type **types = sorted_types(recording, by_large_bytes);
    medic_section *section;
    size_t rows = 0;

    if (types && recording->type_count && types[0]->sums.large_count) {
        section = MEDIC_OPEN(recording, MEDIC_TABLE, "large", "Large objects",
                             "Exact: all that were allocated on the large object heap.", columns);
        for (; rows < recording->type_count && types[rows]->sums.large_count; rows++) {
            const al_sums *sums = &types[rows]->sums;
            char place[VERDICT_TEXT];
            medic_cell cells[] = {
                medic_string(types[rows]->name),  whole((double)sums->large_count),
                whole((double)sums->large_bytes), whole((double)(sums->large_bytes / sums->large_count)),
                whole((double)sums->large_most),  medic_string(place_text(&types[rows]->large_site, place)),
            };
            if (rows < ROWS_MAX)
                MEDIC_ROW(recording, section, cells);
        }
        recording->document->total_rows(section, rows);
    }
    free(types);
}

/* --- paths --- */

static void write_paths(const struct recording *recording, medic_stack_tree *tree)
{
    medic_tree_section section = {.size = sizeof section,
                                  .unit = MEDIC_UNIT_BYTES,
                                  .id = "paths",
                                  .title = "Paths to the allocations",
                                  .note = "From the root of the threads; below 1 % left out.",
                                  .weight = "Bytes",
                                  .smallest = 0.01,
                                  .rows_max = 500,
                                  .flags = MEDIC_TREE_FOLD};

    recording->trees->section(tree, &section);
}

static void write_stacks(const struct recording *recording, medic_stack_tree *tree)
{
    medic_tree_section section = {.size = sizeof section,
                                  .unit = MEDIC_UNIT_BYTES,
                                  .id = "stacks",
                                  .title = "Stacks",
                                  .weight = "Bytes",
                                  .rows_max = 5000};

    recording->trees->stacks(tree, &section);
}

static medic_stack_tree *make_tree(const struct recording *recording)
{
    medic_stack_tree *tree = recording->trees->create(recording->host);

    for (size_t i = 0; i < recording->sample_count; i++) {
        const struct sample *sample = &recording->samples[i];
        const uint32_t *frames;
        uint32_t count;
        if (sample->bytes >= 1 && recording->frames->stack(recording->host, sample->stack, &frames, &count))
            recording->trees->add(tree, frames, sample->count, (uint64_t)sample->bytes, 1);
    }
    return tree;
}

void write_sections(const struct recording *recording)
{
    medic_stack_tree *tree = NULL;

    write_heaps(recording);
    if (recording->type_count)
        write_types(recording);
    write_sites(recording);
    write_methods(recording);
    write_kinds(recording);
    write_hints(recording);
    write_large(recording);
    write_collections(recording);
    write_timeline(recording);
    write_types_over_time(recording);
    write_methods_over_time(recording);
    if (recording->sample_count) {
        tree = make_tree(recording);
        write_paths(recording, tree);
        write_stacks(recording, tree);
    }
    write_notes(recording);
}
