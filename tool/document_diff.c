#include "tool/document_diff.h"

#include "tool/diff_rows.h"
#include "tool/diff_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Columns of a comparison: the keys, what became of the row, three of the leading column, one of each other. */
enum { OTHERS_MAX = DOCUMENT_COLUMNS_MAX / 2 };

/* Two sections of one id, and what of them can be compared. */
struct comparison {
    const struct medic_section *sections[2];
    struct diff_keys keys;
    uint32_t values[2][DOCUMENT_COLUMNS_MAX]; /* columns that are subtracted, the leading one first */
    uint32_t value_count;
    int tree;
};

/* --- which columns --- */

static int find_column(const struct medic_section *section, const struct document_column *like)
{
    for (uint32_t i = 0; i < section->column_count; i++)
        if (!strcmp(section->columns[i].id, like->id) && section->columns[i].type == like->type &&
            section->columns[i].unit == like->unit)
            return (int)i;
    return -1;
}

/* Bytes tell more than time, time more than counts, and these more than shares, which change when anything does. */
static int weight_of(const struct document_column *column)
{
    switch (column->unit) {
    case MEDIC_UNIT_BYTES: return 4;
    case MEDIC_UNIT_NANOSECONDS: return 3;
    case MEDIC_UNIT_RATIO: return 1;
    default: return 2;
    }
}

static void take_key(struct comparison *comparison, uint32_t before, int after)
{
    if (after < 0 || comparison->keys.count == OTHERS_MAX / 2)
        return;
    comparison->keys.column[BEFORE][comparison->keys.count] = before;
    comparison->keys.column[AFTER][comparison->keys.count++] = (uint32_t)after;
}

static void take_value(struct comparison *comparison, uint32_t before, int after)
{
    const struct document_column *column = &comparison->sections[BEFORE]->columns[before];
    uint32_t at = comparison->value_count;

    if (after < 0 || at == OTHERS_MAX || (column->type != MEDIC_INTEGER && column->type != MEDIC_NUMBER))
        return;
    comparison->value_count++;
    if (at && weight_of(column) > weight_of(&comparison->sections[BEFORE]->columns[comparison->values[BEFORE][0]])) {
        comparison->values[BEFORE][at] = comparison->values[BEFORE][0];
        comparison->values[AFTER][at] = comparison->values[AFTER][0];
        at = 0;
    }
    comparison->values[BEFORE][at] = before;
    comparison->values[AFTER][at] = (uint32_t)after;
}

static int is_comparable(struct comparison *comparison, const struct medic_section *before,
                         const struct medic_section *after)
{
    *comparison = (struct comparison){.sections = {before, after},
                                      .tree = before->kind == MEDIC_TREE && after->kind == MEDIC_TREE};
    for (uint32_t i = 0; i < before->column_count; i++) {
        const struct document_column *column = &before->columns[i];
        if (column->flags & MEDIC_COLUMN_KEY)
            take_key(comparison, i, find_column(after, column));
        else if (column->flags & MEDIC_COLUMN_DIFF)
            take_value(comparison, i, find_column(after, column));
    }
    return comparison->keys.count && comparison->value_count;
}

/* --- values --- */

static const medic_cell *value_cell(const struct comparison *comparison, const struct diff_pair *pair, int side,
                                    uint32_t value)
{
    static const medic_cell none;

    return pair->row[side] == MEDIC_NO_ROW
               ? &none
               : section_cell(comparison->sections[side], pair->row[side], comparison->values[side][value]);
}

/* After less before; what is not there is nothing. */
static medic_cell change_of(const struct comparison *comparison, const struct diff_pair *pair, uint32_t value)
{
    const medic_cell *before = value_cell(comparison, pair, BEFORE, value);
    const medic_cell *after = value_cell(comparison, pair, AFTER, value);
    double from = 0, to = 0;
    int64_t change;

    if (!before->type && !after->type)
        return medic_none();
    if (comparison->sections[BEFORE]->columns[comparison->values[BEFORE][value]].type == MEDIC_INTEGER) {
        int64_t first = before->type ? before->as.integer : 0, second = after->type ? after->as.integer : 0;
        if (__builtin_sub_overflow(second, first, &change))
            change = second > first ? INT64_MAX : INT64_MIN;
        return medic_integer(change);
    }
    from = before->type && isfinite(before->as.number) ? before->as.number : 0;
    to = after->type && isfinite(after->as.number) ? after->as.number : 0;
    return medic_number(isfinite(to - from) ? to - from : 0);
}

static double size_of(const medic_cell *cell)
{
    return cell->type == MEDIC_INTEGER ? (double)cell->as.integer : cell->type == MEDIC_NUMBER ? cell->as.number : 0;
}

/* A share alone changes when any other row does. */
static int has_changed(const struct comparison *comparison, const struct diff_pair *pair)
{
    int only_shares = comparison->sections[BEFORE]->columns[comparison->values[BEFORE][0]].unit == MEDIC_UNIT_RATIO;

    for (uint32_t v = 0; v < comparison->value_count; v++) {
        medic_cell change = change_of(comparison, pair, v);
        uint32_t unit = comparison->sections[BEFORE]->columns[comparison->values[BEFORE][v]].unit;
        if (size_of(&change) != 0 && (only_shares || unit != MEDIC_UNIT_RATIO))
            return 1;
    }
    return 0;
}

static int by_change(const void *left, const void *right)
{
    const struct diff_pair *a = left, *b = right;
    double first = fabs(a->change), second = fabs(b->change);

    if (first != second)
        return first < second ? 1 : -1;
    if (a->row[AFTER] != b->row[AFTER]) /* which puts rows that are gone behind */
        return a->row[AFTER] < b->row[AFTER] ? -1 : 1;
    return (a->row[BEFORE] > b->row[BEFORE]) - (a->row[BEFORE] < b->row[BEFORE]);
}

/* Leaves those that changed, the greatest change first. */
static void keep_changed(const struct comparison *comparison, struct diff_pairs *pairs)
{
    size_t kept = 0;

    for (size_t i = 0; i < pairs->count; i++)
        if (has_changed(comparison, &pairs->items[i])) {
            medic_cell change = change_of(comparison, &pairs->items[i], 0);
            pairs->items[kept] = pairs->items[i];
            pairs->items[kept++].change = size_of(&change);
        }
    pairs->count = kept;
    qsort(pairs->items, kept, sizeof *pairs->items, by_change);
}

/* --- rows --- */

static int is_cut(const struct medic_section *section)
{
    return section->total_rows > section->row_count;
}

/* Rows may be missing: those of a tree are, where they are small. */
static int may_lack_rows(const struct medic_section *section)
{
    return section->kind == MEDIC_TREE || is_cut(section);
}

/* May have been among the rows that the other report left out. */
static int is_doubtful(const struct comparison *comparison, const struct diff_pair *pair)
{
    return (pair->row[BEFORE] == MEDIC_NO_ROW && may_lack_rows(comparison->sections[BEFORE])) ||
           (pair->row[AFTER] == MEDIC_NO_ROW && may_lack_rows(comparison->sections[AFTER]));
}

static const char *state_of(const struct comparison *comparison, const struct diff_pair *pair)
{
    int doubtful = is_doubtful(comparison, pair);

    if (pair->row[BEFORE] == MEDIC_NO_ROW)
        return doubtful ? "new?" : "new";
    if (pair->row[AFTER] == MEDIC_NO_ROW)
        return doubtful ? "gone?" : "gone";
    return pair->change > 0 ? "more" : pair->change < 0 ? "less" : "changed";
}

static void add_row(struct document *document, struct medic_section *section, const struct comparison *comparison,
                    const struct diff_pair *pair)
{
    medic_cell cells[DOCUMENT_COLUMNS_MAX];
    int side = pair->row[AFTER] == MEDIC_NO_ROW ? BEFORE : AFTER;
    const struct medic_section *from = comparison->sections[side];
    uint32_t count = 0;

    for (uint32_t k = 0; k < comparison->keys.count; k++)
        cells[count++] = *section_cell(from, pair->row[side], comparison->keys.column[side][k]);
    if (comparison->tree)
        cells[count++] =
            medic_string(from->parents[pair->row[side]] < pair->row[side]
                             ? diff_key_text(document, from, from->parents[pair->row[side]], &comparison->keys, side)
                             : NULL);
    cells[count++] = medic_string(state_of(comparison, pair));
    cells[count++] = *value_cell(comparison, pair, BEFORE, 0);
    cells[count++] = *value_cell(comparison, pair, AFTER, 0);
    for (uint32_t v = 0; v < comparison->value_count; v++)
        cells[count++] = change_of(comparison, pair, v);
    section_row(section, MEDIC_NO_PARENT, cells, count);
}

/* --- sections --- */

/* Text of a column of the comparison, in the document's arena. */
static const char *joined(struct document *document, const char *text, const char *end)
{
    char both[256];

    snprintf(both, sizeof both, "%.150s%s", text, end);
    return document_text(document, both);
}

static medic_column value_column(struct document *document, const struct document_column *from, const char *id,
                                 const char *title, uint32_t flags)
{
    return (medic_column){joined(document, from->id, id),
                          joined(document, from->title, title),
                          from->type,
                          from->unit,
                          MEDIC_ROLE_NONE,
                          flags};
}

static uint32_t make_columns(struct document *document, const struct comparison *comparison,
                             medic_column columns[DOCUMENT_COLUMNS_MAX])
{
    const struct medic_section *section = comparison->sections[AFTER];
    const struct document_column *lead = &section->columns[comparison->values[AFTER][0]];
    uint32_t count = 0;

    for (uint32_t k = 0; k < comparison->keys.count; k++) {
        const struct document_column *key = &section->columns[comparison->keys.column[AFTER][k]];
        columns[count++] = (medic_column){key->id, key->title, key->type, key->unit, MEDIC_ROLE_NONE, MEDIC_COLUMN_KEY};
    }
    if (comparison->tree)
        columns[count++] = (medic_column){"diff_parent", "Under", MEDIC_STRING, 0, 0, MEDIC_COLUMN_KEY};
    columns[count++] = (medic_column){"diff_state", "Became", MEDIC_STRING, 0, 0, 0};
    columns[count++] = value_column(document, lead, "_before", " before", 0);
    columns[count++] = value_column(document, lead, "_after", " after", 0);
    for (uint32_t v = 0; v < comparison->value_count; v++)
        columns[count++] = value_column(document, &section->columns[comparison->values[AFTER][v]], "_change",
                                        v ? " +/-" : " change", MEDIC_COLUMN_DIFF);
    return count;
}

static const char *cut_note(struct document *document, const struct comparison *comparison)
{
    char text[400] = "";
    struct medic_text note = {text, sizeof text};

    for (int side = BEFORE; side <= AFTER; side++) {
        const struct medic_section *section = comparison->sections[side];
        if (!is_cut(section))
            continue;
        medic_add(&note, "%s the report %s has ", *text ? ";" : "Of", side == BEFORE ? "before" : "after");
        medic_add_number(&note, section->row_count);
        medic_add(&note, " of ");
        medic_add_number(&note, section->total_rows);
        medic_add(&note, " rows");
    }
    if (*text)
        medic_add(&note,
                  ": what became of the others is not known, and a row with a question mark may be one of them.");
    return *text ? document_text(document, text) : NULL;
}

static void write_section(struct document *document, const struct comparison *comparison,
                          const struct diff_pairs *pairs)
{
    medic_column columns[DOCUMENT_COLUMNS_MAX];
    const struct medic_section *from = comparison->sections[AFTER];
    medic_section_info info = {.size = sizeof info,
                               .kind = MEDIC_TABLE,
                               .id = from->id,
                               .title = from->title,
                               .note = cut_note(document, comparison),
                               .columns = columns,
                               .column_size = sizeof *columns,
                               .flags = from->detail ? MEDIC_SECTION_DETAIL : 0};

    info.column_count = make_columns(document, comparison, columns);
    struct medic_section *section = document_section(document, &info);
    for (size_t i = 0; i < pairs->count; i++)
        add_row(document, section, comparison, &pairs->items[i]);
}

/* --- the greatest change --- */

#define SLIGHT 0.01 /* of what the section has in all */

/* What the leading column of a section adds up to. */
static double whole_of(const struct comparison *comparison, int side)
{
    const struct medic_section *section = comparison->sections[side];
    double sum = 0;

    for (uint32_t row = 0; row < section->row_count; row++)
        sum += fabs(size_of(section_cell(section, row, comparison->values[side][0])));
    return sum;
}

static void note_greatest(struct diff_summary *summary, struct document *document, const struct comparison *comparison,
                          const struct diff_pairs *pairs)
{
    const struct diff_pair *pair = pairs->items;

    summary->compared++;
    summary->changed += pairs->count;
    if (!pairs->count || (summary->row && !summary->doubtful))
        return;
    for (size_t i = 0; i < pairs->count; i++)
        if (!is_doubtful(comparison, &pairs->items[i])) {
            pair = &pairs->items[i];
            break;
        }
    if (summary->row && is_doubtful(comparison, pair))
        return;
    int side = pair->row[AFTER] == MEDIC_NO_ROW ? BEFORE : AFTER;
    const struct document_column *lead = &comparison->sections[AFTER]->columns[comparison->values[AFTER][0]];
    summary->row = diff_key_text(document, comparison->sections[side], pair->row[side], &comparison->keys, side);
    summary->doubtful = is_doubtful(comparison, pair);
    summary->state = state_of(comparison, pair);
    summary->section = comparison->sections[AFTER];
    summary->column = lead->title;
    summary->unit = lead->unit;
    summary->change = pair->change;
    summary->is_slight = pair == pairs->items && /* else a greater change is in doubt */
                         fabs(pair->change) < SLIGHT * fmax(whole_of(comparison, BEFORE), whole_of(comparison, AFTER));
    summary->before = size_of(value_cell(comparison, pair, BEFORE, 0));
    summary->after = size_of(value_cell(comparison, pair, AFTER, 0));
}

static int compare_sections(struct document *document, const struct medic_section *before,
                            const struct medic_section *after, struct diff_summary *summary)
{
    struct comparison comparison;
    struct diff_pairs pairs;
    struct arena arena = {.limit = DOCUMENT_BYTES_MAX};
    int code;

    if (!is_comparable(&comparison, before, after))
        return MEDIC_OK;
    code = diff_match(&arena, comparison.sections, &comparison.keys, &pairs);
    if (code == MEDIC_OK) {
        keep_changed(&comparison, &pairs);
        note_greatest(summary, document, &comparison, &pairs);
        if (pairs.count)
            write_section(document, &comparison, &pairs);
    }
    arena_free(&arena);
    return code;
}

/* --- the document --- */

static int same(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

static int check_pair(const struct document *before, const struct document *after, medic_reason *why)
{
    const char *first = before->profiler.name, *second = after->profiler.name;

    if (!same(before->profiler.guid, after->profiler.guid) &&
        ((before->profiler.guid && after->profiler.guid) || !same(first, second)))
        return medic_fail(why, MEDIC_E_ARGUMENT,
                          "a report of %.60s cannot be compared with one of %.60s: take two sessions of one profiler",
                          first ? first : "an unknown profiler", second ? second : "an unknown profiler");
    if (same(before->session.id, after->session.id))
        return medic_fail(why, MEDIC_E_ARGUMENT, "both are session %.60s: take two different ones", before->session.id);
    return MEDIC_OK;
}

int document_diff(const struct document *before, const struct document *after, struct document **out, medic_reason *why)
{
    struct diff_summary summary = {.before_document = before, .after_document = after};
    struct document *document;
    int code = check_pair(before, after, why);

    if (code != MEDIC_OK)
        return code;
    document = document_new();
    if (!document)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while comparing the reports");
    diff_head(document, before, after);
    for (size_t i = 0; i < after->section_count && code == MEDIC_OK; i++) {
        const struct medic_section *old = document_find_section(before, after->sections[i]->id);
        if (old)
            code = compare_sections(document, old, after->sections[i], &summary);
    }
    if (code != MEDIC_OK) {
        medic_fail(why, code, "out of memory while comparing the reports");
    } else {
        diff_say(document, &summary);
        code = document_finish(document, why);
    }
    if (code == MEDIC_OK)
        *out = document;
    else
        document_free(document);
    return code;
}
