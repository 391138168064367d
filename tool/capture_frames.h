/* The frames and stacks of a capture, by id. For capture.c; a stranger's file may say anything. */
#ifndef TOOL_CAPTURE_FRAMES_H
#define TOOL_CAPTURE_FRAMES_H

#include "tool/arena.h"

#include <medic/capture_format.h>
#include <medic/plugin.h>
#include <stddef.h>

#define CAPTURE_FRAMES_MAX ((uint32_t)1 << 22)
#define CAPTURE_STACK_MAX 16384u /* frames of one stack */

struct kept_stack;

/* Zeroed = empty. Memory is of the arena, but for the hash table. */
struct capture_frames {
    medic_frame_record *chunks[1024]; /* made as ids are met, so that one high id costs one chunk */
    uint32_t highest;                 /* frame id */
    struct kept_stack *stacks;
};

/* Each: 0, or -1 when the record contradicts itself or memory is out. */
int frames_keep(struct capture_frames *frames, struct arena *arena, const medic_record *record);
int frames_keep_stack(struct capture_frames *frames, struct arena *arena, const medic_record *record);

/* NULL when there is none. */
const medic_frame_record *frames_find(const struct capture_frames *frames, uint32_t id);
/* Frame ids, each from 1 to highest; NULL when there is no such stack. */
const uint32_t *frames_find_stack(const struct capture_frames *frames, uint64_t id, uint32_t *count, uint32_t *flags);
/* Frees the hash table. */
void frames_end(struct capture_frames *frames);

#endif
