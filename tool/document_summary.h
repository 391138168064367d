/* What a document says in plain words, for renderers that only differ in how they dress it: unescaped texts, which may
 * hold strangers' bytes. Every function adds to a buffer that the caller owns. ascii: units that ASCII can spell. */
#ifndef TOOL_DOCUMENT_SUMMARY_H
#define TOOL_DOCUMENT_SUMMARY_H

#include "tool/buffer.h"
#include "tool/document.h"

#include <limits.h>
#include <stdbool.h>

#define SUMMARY_INCOMPLETE                                                                                             \
    "The capture is incomplete: the target or Medic ended before the session did. This is what was seen until then."
/* Between the parts of a context. */
#define SUMMARY_POINT "\u00b7"
#define SUMMARY_COST_TITLE "What the diagnosis cost"
#define SUMMARY_COST_UNKNOWN "Not known: the capture has no record of it."
#define SUMMARY_COSTS 5

struct summary_cost {
    const char *what; /* "longest pause" */
    char value[64];   /* "61 µs" */
};

/* A part of a paragraph: lines that are prose, or lines that are all indented, a command or a snippet. */
struct summary_block {
    const char *text;
    size_t size; /* without the last line's end */
    bool code;
};

/* "WARNING". */
const char *summary_severity(const struct document *document);
/* "runtime_pauses 0.1.0 · Shop (pid 4121) · .NET 10.0.1 · 10 s from 2025-11-21 12:08:11 UTC", "" when nothing is known. */
void summary_context(const struct document *document, bool ascii, struct buffer *out);
/* "Pauses by reason: gen0 collection", "" when the finding has no evidence. */
void summary_evidence(const struct document *document, const struct document_finding *finding, struct buffer *out);
/* "20 of 4,511 rows", "" when all are shown. */
void summary_shown(uint64_t shown, uint64_t total, const char *what, struct buffer *out);
/* Returns how many were filled: 0 when the cost is not known. */
unsigned summary_cost(const struct document *document, bool ascii, struct summary_cost out[SUMMARY_COSTS]);
/* "12 records were lost: the buffer was full." or "Nothing was lost." */
void summary_lost(const struct document *document, struct buffer *out);

/* What the rows of a section of this kind are called: "rows", "spans". */
const char *summary_rows(uint32_t kind);
/* The next block behind *at, which moves; false at the end. */
bool summary_next_block(const char **at, struct summary_block *block);
/* Whether the key cells of a row, joined by '|', are the key; and the first row of which that is true, or MEDIC_NO_ROW. */
bool summary_is_row(const struct medic_section *section, uint32_t row, const char *key);
uint32_t summary_row_of(const struct medic_section *section, const char *key);

/* Whether a page that people read leaves this section out: it is detail, and not all rows are asked for. top: rows shown. */
static inline bool summary_leaves_out(const struct medic_section *section, unsigned top)
{
    return section->detail && top != UINT_MAX;
}

#endif
