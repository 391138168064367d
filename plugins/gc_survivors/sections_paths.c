/* The ways from the roots to what is alive, and to what grew: trees, and one row each for comparisons. */
#include "sections.h"

#include <stdlib.h>

#define ROWS_MAX 1000u
#define SHOWN_SHARE 0.005
#define CHAIN_SHARE 0.95 /* a step whose only child of note has so much of it is told in one row with it */
#define CHAIN_STEPS 3u
#define CHAIN_TEXT 52u      /* bytes */
#define RETENTION_MAX 1000u /* as many as a table may have */

struct drawing {
    const struct recording *recording;
    medic_section *section;
    double least; /* weight of what is shown */
    uint32_t *rows;
    uint32_t written;
    int growth;
};

static double weight_of(const struct drawing *drawing, uint32_t path)
{
    const struct path *at = &drawing->recording->paths.all[path];

    return (double)at->retained - (drawing->growth ? (double)at->retained_before : 0);
}

static int is_shown(const struct drawing *drawing, uint32_t path)
{
    return path && weight_of(drawing, path) >= drawing->least;
}

static void add_chain(struct medic_text *text, const struct recording *recording, uint32_t first, uint32_t last)
{
    uint32_t chain[CHAIN_STEPS], length = 0;

    for (uint32_t at = last;; at = recording->paths.all[at].parent) {
        chain[length++] = at;
        if (at == first)
            break;
    }
    while (length-- > 0) {
        add_step(text, recording, chain[length]);
        medic_add(text, "%s", length ? " → " : "");
    }
}

static size_t chain_length(const struct recording *recording, uint32_t first, uint32_t last)
{
    char name[1024] = "";
    struct medic_text text = {name, sizeof name};

    add_chain(&text, recording, first, last);
    return strlen(name);
}

/* The last path of the chain that begins in one: single objects, each of which is there for the next. A row is not long. */
static uint32_t chain_end(const struct drawing *drawing, uint32_t first)
{
    const struct path *all = drawing->recording->paths.all;
    uint32_t path = first;

    for (uint32_t steps = 1; steps < CHAIN_STEPS && all[path].count == 1; steps++) {
        uint32_t child = all[path].first_child;
        if (!is_shown(drawing, child) || weight_of(drawing, child) < CHAIN_SHARE * weight_of(drawing, path) ||
            chain_length(drawing->recording, first, child) > CHAIN_TEXT)
            break;
        path = child;
    }
    return path;
}

static void draw_row(struct drawing *drawing, uint32_t first, uint32_t last)
{
    const struct recording *recording = drawing->recording;
    const struct path *at = &recording->paths.all[last], *top = &recording->paths.all[first];
    uint32_t row = top->depth > 1 ? drawing->rows[top->parent] : MEDIC_NO_PARENT;
    char name[1024];
    struct medic_text text = {name, sizeof name};
    double all = drawing->growth ? weight_of(drawing, 0) : (double)recording->tree->reachable_bytes;

    add_chain(&text, recording, first, last);
    medic_cell cells[] = {
        medic_string(name),
        medic_whole(at->count),
        medic_whole(top->retained),
        medic_ratio(weight_of(drawing, first), all),
        change(at->count, at->count_before),
        change(top->retained, top->retained_before),
        recording->span_ns ? medic_number(weight_of(drawing, first) * 1e9 / (double)recording->span_ns) : medic_none(),
    };
    if (drawing->growth) { /* name, more objects, more bytes, speed, share */
        medic_cell grown[] = {cells[0], cells[4], cells[5], cells[6], cells[3]};
        row = recording->document->row(drawing->section, row, grown, MEDIC_COUNT_OF(grown));
    } else {
        row = recording->document->row(drawing->section, row, cells, 4);
    }
    drawing->rows[last] = row;
    drawing->written++;
}

/* Adds what is shown below a path to those that are to be drawn. */
static size_t add_children(const struct drawing *drawing, uint32_t path, uint32_t *open, size_t count)
{
    const struct path *all = drawing->recording->paths.all;

    for (uint32_t child = all[path].first_child; is_shown(drawing, child); child = all[child].next)
        open[count++] = child;
    return count;
}

static size_t heaviest(const struct drawing *drawing, const uint32_t *open, size_t count)
{
    size_t best = 0;

    for (size_t i = 1; i < count; i++)
        if (weight_of(drawing, open[i]) > weight_of(drawing, open[best]))
            best = i;
    return best;
}

/* The heaviest first, wherever in the tree, but parents before their children: a terminal shows only the first rows. */
static void draw(struct drawing *drawing)
{
    uint32_t *open = malloc(drawing->recording->paths.count * sizeof *open);
    size_t count;

    drawing->rows = calloc(drawing->recording->paths.count, sizeof *drawing->rows);
    count = open && drawing->rows ? add_children(drawing, 0, open, 0) : 0;
    while (count && drawing->written < ROWS_MAX) {
        size_t best = heaviest(drawing, open, count);
        uint32_t path = open[best], last = chain_end(drawing, path);
        memmove(open + best, open + best + 1, (--count - best) * sizeof *open);
        draw_row(drawing, path, last);
        count = add_children(drawing, last, open, count);
    }
    drawing->recording->document->total_rows(drawing->section, drawing->written + count);
    free(drawing->rows);
    free(open);
}

static void add_note(const struct recording *recording, char note[300], double least)
{
    struct medic_text text = {note, 300};

    medic_add(
        &text,
        "The dominator tree, merged by type and field: each row would be free without the one above it. Less than ");
    medic_add_bytes(&text, least);
    medic_add(&text, " is not shown.%s", recording->paths.full ? " There were too many paths: deep ones are cut." : "");
}

void write_paths(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("path", "Kept alive by", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("objects", "Objects", MEDIC_COLUMN_DIFF),
        MEDIC_BYTES_COLUMN("retained", "Keeps alive", MEDIC_COLUMN_DIFF),
        MEDIC_RATIO_COLUMN("share", "Of all", MEDIC_COLUMN_DIFF),
    };
    struct drawing drawing = {.recording = recording, .least = SHOWN_SHARE * (double)recording->tree->reachable_bytes};
    char note[300] = "";

    add_note(recording, note, drawing.least);
    drawing.section = MEDIC_OPEN(recording, MEDIC_TREE, "paths", "Why it is alive", note, columns);
    draw(&drawing);
}

void write_growth_paths(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("path", "Kept alive by", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("more_objects", "More objects", MEDIC_COLUMN_DIFF),
        MEDIC_BYTES_COLUMN("more_retained", "More kept", MEDIC_COLUMN_DIFF),
        MEDIC_RATE_COLUMN("speed", "Per second", MEDIC_UNIT_BYTES_PER_SECOND),
        MEDIC_RATIO_COLUMN("share", "Of growth", MEDIC_COLUMN_DIFF),
    };
    struct drawing drawing = {.recording = recording, .growth = 1};

    drawing.least = 2 * SHOWN_SHARE * (weight_of(&drawing, 0) > GROWTH_BYTES ? weight_of(&drawing, 0) : GROWTH_BYTES);
    drawing.section = MEDIC_OPEN(recording, MEDIC_TREE, "growth_paths", "What grew, and why it is alive",
                                 "From the first photograph to the second.", columns);
    draw(&drawing);
}

/* --- for comparisons --- */

static void full_path(struct medic_text *text, const struct recording *recording, uint32_t path)
{
    uint32_t way[80], length = 0;

    for (uint32_t at = path; at && length < MEDIC_COUNT_OF(way); at = recording->paths.all[at].parent)
        way[length++] = at;
    while (length-- > 0) {
        add_step(text, recording, way[length]);
        medic_add(text, "%s", length ? " → " : "");
    }
}

/* What a path keeps alive at least, so that not more than RETENTION_MAX do. */
static uint64_t least_retained(const struct recording *recording)
{
    uint64_t least = 1;

    for (;; least *= 2) {
        uint32_t count = 0;
        for (uint32_t i = 1; i < recording->paths.count; i++)
            count += recording->paths.all[i].retained >= least;
        if (count <= RETENTION_MAX)
            return least;
    }
}

void write_retention(const struct recording *recording)
{
    static const medic_column columns[] = {
        MEDIC_TEXT_COLUMN("path", "Kept alive by", MEDIC_COLUMN_KEY),
        MEDIC_COUNT_COLUMN("objects", "Objects", MEDIC_COLUMN_DIFF),
        MEDIC_BYTES_COLUMN("own", "Own bytes", MEDIC_COLUMN_DIFF),
        MEDIC_BYTES_COLUMN("retained", "Keeps alive", MEDIC_COLUMN_DIFF),
    };
    medic_section *section =
        medic_open_section(recording->document, recording->host, MEDIC_TABLE, "retention", "All paths", NULL, columns,
                           MEDIC_COUNT_OF(columns), MEDIC_SECTION_DETAIL);
    uint64_t least = least_retained(recording);

    for (uint32_t i = 1; i < recording->paths.count; i++) {
        const struct path *path = &recording->paths.all[i];
        char name[2048];
        struct medic_text text = {name, sizeof name};
        if (path->retained < least)
            continue;
        full_path(&text, recording, i);
        medic_cell cells[] = {medic_string(name), medic_whole(path->count), medic_whole(path->own),
                              medic_whole(path->retained)};
        MEDIC_ROW(recording, section, cells);
    }
}
