/* medic.frames: the frames of a capture with names, lines and judgement. For report_host.c and the stack trees. */
#ifndef TOOL_REPORT_FRAMES_H
#define TOOL_REPORT_FRAMES_H

#include "tool/symbols.h"

#include <medic/service/frames.h>

struct report_frames;

/* Both are borrowed; symbols may be NULL. NULL: no memory. */
struct report_frames *report_frames_new(const struct capture *capture, const struct symbols *symbols);
void report_frames_free(struct report_frames *frames);

uint32_t report_frames_count(const struct report_frames *frames);
/* NULL when there is no such frame, or no memory. Lives as long as frames. */
const medic_frame *report_frames_get(struct report_frames *frames, uint32_t id);
/* function_id of a frame without its texts; 0 when there is no such frame. */
uint32_t report_frames_function(const struct report_frames *frames, uint32_t id);

#endif
