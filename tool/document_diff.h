/* What has changed between two reports of one profiler: another document, which every renderer shows.
 *
 * Sections are matched by id, rows by their key cells (in a tree, with those of their parents), and the columns that the
 * profiler declared for it are subtracted. Works for every profiler's sections. */
#ifndef TOOL_DOCUMENT_DIFF_H
#define TOOL_DOCUMENT_DIFF_H

#include "tool/document.h"

/* *out is the caller's. MEDIC_E_ARGUMENT: they are of two profilers, or of one session; MEDIC_E_MEMORY. */
int document_diff(const struct document *before, const struct document *after, struct document **out,
                  medic_reason *why);

#endif
