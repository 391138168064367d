/* From the frames of a capture to the content of symbols.json. For symbols.c, in its child: the files that are read here may
 * be made to hurt. */
#ifndef TOOL_SYMBOLS_RESOLVE_H
#define TOOL_SYMBOLS_RESOLVE_H

#include "tool/buffer.h"
#include "tool/capture.h"
#include "tool/symbols_place.h"

/* Writes symbols.json to out. until_ns: CLOCK_MONOTONIC after which no further file is opened. 0, or -1: no memory. */
int symbols_resolve(struct capture *capture, const struct symbols_place *place, uint64_t until_ns, struct buffer *out);

#endif
