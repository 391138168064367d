/* The stacks of a document as the exporters need them: sections of kind stacks, and which of their columns are weights. */
#ifndef TOOL_STACKS_VIEW_H
#define TOOL_STACKS_VIEW_H

#include "tool/document.h"

enum { STACKS_VIEW_WEIGHTS_MAX = 8 };

struct stacks_view {
    const struct medic_section *section;
    uint32_t weights[STACKS_VIEW_WEIGHTS_MAX]; /* columns; the first one is the weight that matters */
    uint32_t weight_count;
};

/* The next section with stacks and a weight, from *index on, which moves behind it: 1 = filled, 0 = no more. */
int stacks_view_next(const struct document *document, size_t *index, struct stacks_view *view);
/* The first one, or MEDIC_E_NOT_FOUND with a sentence that says where stacks come from. format: that was asked for. */
int stacks_view_first(const struct document *document, const char *format, size_t *index, struct stacks_view *view,
                      medic_reason *why);
/* Never negative; a cell without a value is 0. weight: index into view->weights. */
uint64_t stacks_view_weight(const struct stacks_view *view, uint32_t row, uint32_t weight);
/* The column's unit as speedscope and pprof both know it: "nanoseconds", "bytes", or "count". */
const char *stacks_view_unit(const struct stacks_view *view, uint32_t weight);

#endif
