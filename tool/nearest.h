/* The word somebody meant: for "did you mean" in sentences about unknown names. */
#ifndef TOOL_NEAREST_H
#define TOOL_NEAREST_H

#include <stddef.h>

/* The most similar candidate, or NULL when none is similar. Nothing is allocated. */
const char *nearest(const char *word, const char *const *candidates, size_t count);

#endif
