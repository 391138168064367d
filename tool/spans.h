/* The rows of a section of kind spans, for the renderers that draw them in lanes and list them below. */
#ifndef TOOL_SPANS_H
#define TOOL_SPANS_H

#include "tool/text_page.h"

#define SPANS_LANE_SIZE 256 /* bytes of a lane's name with its NUL */

struct spans {
    const struct medic_section *section;
    int start, end, lane, label;            /* columns, -1 = none */
    uint32_t sources[DOCUMENT_COLUMNS_MAX]; /* of the columns of the list */
};

void spans_init(struct spans *spans, const struct medic_section *section);
/* false: a row without a start and an end that can be drawn. */
bool spans_at(const struct spans *spans, uint32_t row, double *start, double *end);
/* The name of the lane that a row is in, a stranger's text. */
void spans_lane(const struct spans *spans, uint32_t row, bool ascii, char name[SPANS_LANE_SIZE]);
/* The axis: the recording, and everything in the section. */
double spans_range(const struct spans *spans, uint64_t duration_ns);
/* The list: the end of a span is shown as its length. The table points into spans. */
void spans_table(struct spans *spans, uint32_t rows, struct table *table);

#endif
