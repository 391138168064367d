/* Where exceptions are thrown and caught, and their stacks. */
#include "sections.h"

#include <string.h>

#define ROWS_MAX 500u

/* --- thrown --- */

static void site_row(const struct recording *recording, medic_section *section, const struct group *group)
{
    const struct type *type = &recording->types[group->type];
    const struct sample *sample = &recording->samples[group->example];
    struct medic_place site = place_of(recording, sample->site), thrower = place_of(recording, sample->thrower);
    char location[MEDIC_LOCATION_MAX];
    double error = error_of(recording, group);
    medic_cell cells[] = {
        medic_string(group->text),
        medic_string(type->name),
        counted(group->count, error),
        error_cell(group->count, error),
        share(group->count, error, (double)recording->facts.fresh),
        medic_string(medic_location(site.file, site.line, location)),
        medic_string(sample->site == sample->thrower ? NULL : thrower.name),
    };

    MEDIC_ROW(recording, section, cells);
}

static void write_sites(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("site", "Thrown in", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("type", "Type", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("count", "Thrown ≈", MEDIC_COLUMN_DIFF),
        MEDIC_RATIO_COLUMN("error", "±", 0),
        MEDIC_SHARE_COLUMN("share", "Of all"),
        MEDIC_TEXT_COLUMN("line", "Line", 0),
        MEDIC_TEXT_COLUMN("by", "By", 0),
    };
    medic_section *section;
    uint64_t rows = 0;

    if (!recording->site_count)
        return;
    section = MEDIC_OPEN(
        recording, MEDIC_TABLE, "sites", "Where they are thrown",
        "The innermost method of the program; By: what it called that throws. ±: right in 19 of 20 cases.", columns);
    for (size_t i = 0; i < recording->site_count; i++)
        if (!is_noise(&recording->types[recording->sites[i].type]) && rows++ < ROWS_MAX)
            site_row(recording, section, &recording->sites[i]);
    recording->document->total_rows(section, rows);
}

/* --- caught --- */

static const char *way_text(const struct route *route, const struct type *type)
{
    static const char *const texts[] = {
        [WAY_NONE] = "not caught",    [WAY_BLOCK] = "catch block", [WAY_EMPTY] = "empty catch block",
        [WAY_ASYNC] = "async method", [WAY_TASK] = "task",         [WAY_FRAMEWORK] = "framework",
    };

    if (is_kept(route) && lost_of(type) >= type->kept)
        return "task nobody awaits";
    return texts[route->way];
}

static void route_row(const struct recording *recording, medic_section *section, const struct route *route)
{
    uint64_t count = route->counts[0] + route->counts[1];
    struct measure fresh = measure_of(route, 0), again = measure_of(route, 1);
    const struct type *type = &recording->types[route->type];
    medic_cell cells[] = {
        medic_string(route->name ? route->name : "(nobody was seen to)"),
        medic_string(type->name),
        medic_string(way_text(route, type)),
        medic_whole(route->counts[0]),
        medic_whole(route->counts[1]),
        medic_ratio((double)count, (double)throws_of(type)),
        fresh.count + again.count ? about((fresh.time + again.time) / (fresh.throws + again.throws)) : medic_none(),
        route->cpu_ns > 0 ? about(route->cpu_ns) : medic_none(),
    };

    MEDIC_ROW(recording, section, cells);
}

static const struct route *next_route(const struct recording *recording, const struct route *before)
{
    const struct route *next = NULL;

#define RANK(route) ((route)->counts[0] + (route)->counts[1])
    for (size_t i = 0; i < recording->route_count; i++) {
        const struct route *route = &recording->routes[i];
        if (!RANK(route) || route->type == NO_INDEX ||
            (before && (RANK(route) > RANK(before) || (RANK(route) == RANK(before) && route <= before))))
            continue;
        if (!next || RANK(route) > RANK(next))
            next = route;
    }
#undef RANK
    return next;
}

static void write_catchers(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("catcher", "Caught in", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("type", "Type", MEDIC_COLUMN_KEY),
        MEDIC_TEXT_COLUMN("way", "By", 0),
        MEDIC_COUNT_COLUMN("fresh", "Thrown", MEDIC_COLUMN_DIFF),
        MEDIC_COUNT_COLUMN("propagated", "Again", MEDIC_COLUMN_DIFF),
        MEDIC_SHARE_COLUMN("share", "Of its type"),
        MEDIC_TIME_COLUMN("time", "To catch ≈", MEDIC_COLUMN_DIFF),
        MEDIC_TIME_COLUMN("cpu", "CPU time ≈", MEDIC_COLUMN_DIFF),
    };
    const struct route *route = NULL;
    medic_section *section;
    uint64_t rows = 0;

    if (recording->facts.cheap || !recording->route_count)
        return;
    section = MEDIC_OPEN(
        recording, MEDIC_TABLE, "catchers", "Where they are caught",
        "Counted, not sampled. Not caught: the runtime took it (static constructor, filter), another one "
        "replaced it, or nobody did. An async method or a task keeps it until somebody awaits; an empty catch block, "
        "or a task that nobody awaits, swallows it.",
        columns);
    while (rows < ROWS_MAX && (route = next_route(recording, route)) != NULL) {
        route_row(recording, section, route);
        rows++;
    }
    recording->document->total_rows(section, rows);
}

void write_where(const struct recording *recording)
{
    write_sites(recording);
    write_catchers(recording);
}

/* --- stacks --- */

void write_stacks(const struct recording *recording)
{
    medic_stack_tree *tree = recording->trees->create(recording->host);
    medic_tree_section section = {.size = sizeof section,
                                  .unit = MEDIC_UNIT_COUNT,
                                  .id = "merged",
                                  .title = "Stacks of fresh throws, merged from the root",
                                  .weight = "Thrown ≈",
                                  .smallest = 0.01,
                                  .rows_max = 200,
                                  .flags = MEDIC_TREE_FOLD};
    int some = 0;

    for (size_t i = 0; i < recording->sample_count; i++) {
        const struct sample *sample = &recording->samples[i];
        uint64_t weight = (uint64_t)(sample->weight + 0.5);
        if (!sample->frame_count || sample->type == NO_INDEX || (sample->head.flags & EX_PROPAGATED) || !weight)
            continue;
        recording->trees->add(tree, sample->frames, sample->frame_count, weight, 1);
        some = 1;
    }
    if (!some)
        return;
    recording->trees->section(tree, &section);
    section.id = "stacks";
    section.title = "Stacks of fresh throws";
    section.smallest = 0;
    section.rows_max = 0;
    recording->trees->stacks(tree, &section);
}
