/* Rows of two sections that are the same by their keys. Between document_diff.c and diff_rows.c. */
#ifndef TOOL_DIFF_ROWS_H
#define TOOL_DIFF_ROWS_H

#include "tool/document.h"

enum { BEFORE, AFTER };

/* A row of both, or of one: MEDIC_NO_ROW. */
struct diff_pair {
    uint32_t row[2];
    uint32_t next; /* + 1: another one of the same key; 0 = none */
    double change; /* of the leading column: for sorting */
};

struct diff_pairs {
    struct diff_pair *items;
    size_t count;
};

/* The key columns that both sections have. */
struct diff_keys {
    uint32_t column[2][DOCUMENT_COLUMNS_MAX];
    uint32_t count;
};

/* A row's key, as people read it: "Orders.Order | [1]". Into the arena of a document. "" when there is no memory, which the
 * document remembers. */
const char *diff_key_text(struct document *document, const struct medic_section *section, uint32_t row,
                          const struct diff_keys *keys, int side);
/* Rows with equal keys are taken in their order. Memory of the arena. MEDIC_E_MEMORY. */
int diff_match(struct arena *arena, const struct medic_section *const sections[2], const struct diff_keys *keys,
               struct diff_pairs *pairs);

#endif
