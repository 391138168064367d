/* What a comparison says in sentences: its verdict, what was compared, and what makes the two differ by themselves. Between
 * document_diff.c and diff_words.c. */
#ifndef TOOL_DIFF_WORDS_H
#define TOOL_DIFF_WORDS_H

#include "tool/document.h"

#include <medic/words.h>

/* The greatest change of the first section that has one: a profiler's most important section comes first. */
struct diff_summary {
    const struct document *before_document, *after_document;
    size_t compared, changed; /* sections; rows of all */
    const char *row;          /* its key, NULL = nothing changed */
    const char *state;        /* "new", "gone" and the like, as in its section */
    int doubtful;             /* it may be no change at all */
    int is_slight;            /* against all that its section has */
    const struct medic_section *section;
    const char *column;
    uint32_t unit;
    double change, before, after;
};

/* Session, target, profiler, cost and loss of both. */
void diff_head(struct document *document, const struct document *before, const struct document *after);
/* Verdict and findings; the sections that come last. */
void diff_say(struct document *document, const struct diff_summary *summary);

#endif
