#include "tool/diff_rows.h"

#include "tool/buffer.h"
#include "tool/format.h"

#include <inttypes.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* All pairs of one key. */
struct key {
    UT_hash_handle hh;
    uint32_t first, last; /* pairs, + 1 */
    uint32_t unmatched;   /* pair, + 1: the first without a row of the second section */
    size_t size;
    char bytes[];
};

struct match {
    struct arena *arena;
    const struct medic_section *const *sections;
    const struct diff_keys *keys;
    struct diff_pairs *pairs;
    struct key *table;
    uint32_t *pair_of[2]; /* of each row */
    struct buffer text;   /* of the key that is looked at */
};

static void add_cell(struct buffer *out, const medic_cell *cell)
{
    switch (cell->type) {
    case MEDIC_STRING: buffer_add_string(out, cell->as.string); break;
    case MEDIC_INTEGER:
    case MEDIC_BOOLEAN: buffer_format(out, "%" PRId64, cell->as.integer); break;
    case MEDIC_NUMBER: buffer_format(out, "%.17g", cell->as.number); break;
    default: break;
    }
}

/* A key of one cell never equals one of two: each ends with a byte that no text has. */
static void read_key(struct match *match, int side, uint32_t row)
{
    const struct medic_section *section = match->sections[side];
    uint32_t parent = section->parents ? section->parents[row] : MEDIC_NO_PARENT;
    uint32_t path = parent < row ? match->pair_of[side][parent] : MEDIC_NO_ROW;

    buffer_cut(&match->text, 0);
    buffer_add(&match->text, (const char *)&path, sizeof path);
    for (uint32_t i = 0; i < match->keys->count; i++) {
        const medic_cell *cell = section_cell(section, row, match->keys->column[side][i]);
        buffer_format(&match->text, "%c", 'a' + (int)cell->type);
        add_cell(&match->text, cell);
        buffer_add(&match->text, "", 1);
    }
}

/* NULL: no memory. */
static struct key *key_of(struct match *match)
{
    struct key *key = NULL;

    if (match->text.failed)
        return NULL;
    HASH_FIND(hh, match->table, match->text.bytes, match->text.size, key);
    if (key)
        return key;
    key = arena_alloc(match->arena, sizeof *key + match->text.size);
    if (!key)
        return NULL;
    key->size = match->text.size;
    memcpy(key->bytes, match->text.bytes, key->size);
    HASH_ADD_KEYPTR(hh, match->table, key->bytes, key->size, key);
    return key->hh.tbl ? key : NULL; /* no memory for the table: it is not in it */
}

static uint32_t new_pair(struct match *match, struct key *key, uint32_t before, uint32_t after)
{
    uint32_t pair = (uint32_t)match->pairs->count++;

    match->pairs->items[pair] = (struct diff_pair){.row = {before, after}};
    if (key->last)
        match->pairs->items[key->last - 1].next = pair + 1;
    else
        key->first = pair + 1;
    key->last = pair + 1;
    return pair;
}

static int match_row(struct match *match, int side, uint32_t row)
{
    struct key *key;
    uint32_t pair;

    read_key(match, side, row);
    key = key_of(match);
    if (!key)
        return MEDIC_E_MEMORY;
    if (side == BEFORE) {
        pair = new_pair(match, key, row, MEDIC_NO_ROW);
        if (!key->unmatched)
            key->unmatched = pair + 1;
    } else if (key->unmatched) {
        pair = key->unmatched - 1;
        match->pairs->items[pair].row[AFTER] = row;
        key->unmatched = match->pairs->items[pair].next;
    } else {
        pair = new_pair(match, key, MEDIC_NO_ROW, row);
    }
    match->pair_of[side][row] = pair;
    return MEDIC_OK;
}

static int match_all(struct match *match)
{
    size_t rows = 0;

    for (int side = BEFORE; side <= AFTER; side++) {
        rows += match->sections[side]->row_count;
        match->pair_of[side] =
            arena_alloc(match->arena, (match->sections[side]->row_count + 1) * sizeof *match->pair_of[side]);
        if (!match->pair_of[side])
            return MEDIC_E_MEMORY;
    }
    match->pairs->items = arena_alloc(match->arena, (rows + 1) * sizeof *match->pairs->items);
    if (!match->pairs->items)
        return MEDIC_E_MEMORY;
    for (int side = BEFORE; side <= AFTER; side++)
        for (uint32_t row = 0; row < match->sections[side]->row_count; row++)
            if (match_row(match, side, row) != MEDIC_OK)
                return MEDIC_E_MEMORY;
    return MEDIC_OK;
}

int diff_match(struct arena *arena, const struct medic_section *const sections[2], const struct diff_keys *keys,
               struct diff_pairs *pairs)
{
    struct match match = {.arena = arena, .sections = sections, .keys = keys, .pairs = pairs};
    int code;

    *pairs = (struct diff_pairs){0};
    code = match_all(&match);
    HASH_CLEAR(hh, match.table);
    buffer_free(&match.text);
    return code;
}

const char *diff_key_text(struct document *document, const struct medic_section *section, uint32_t row,
                          const struct diff_keys *keys, int side)
{
    struct buffer out = {0};
    const char *text;

    for (uint32_t i = 0; i < keys->count; i++) {
        const struct document_column *column = &section->columns[keys->column[side][i]];
        const medic_cell *cell = section_cell(section, row, keys->column[side][i]);
        char value[96] = "";
        if (!cell->type || (cell->type == MEDIC_STRING && !*cell->as.string))
            continue;
        if (cell->type != MEDIC_STRING) {
            struct formatted formatted;
            format_cell(cell, column->unit, false, &formatted);
            snprintf(value, sizeof value, "%s%s%s", formatted.number, *formatted.unit ? " " : "", formatted.unit);
        }
        buffer_format(&out, "%s%s", out.size ? " | " : "", cell->type == MEDIC_STRING ? cell->as.string : value);
    }
    text = document_text(document, buffer_get(&out));
    buffer_free(&out);
    return text;
}
