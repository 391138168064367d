#include "tool/capture_frames.h"

#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define CHUNK (CAPTURE_FRAMES_MAX / 1024)

struct kept_stack {
    uint64_t id;
    uint32_t count, flags;
    UT_hash_handle hh;
    uint32_t frames[]; /* ids */
};

static int is_sound(const medic_frame_record *frame)
{
    return frame->id >= 1 && frame->id <= CAPTURE_FRAMES_MAX && frame->kind >= MEDIC_FRAME_MANAGED &&
           frame->kind <= MEDIC_FRAME_UNKNOWN;
}

int frames_keep(struct capture_frames *frames, struct arena *arena, const medic_record *record)
{
    medic_frame_record frame;
    if (record->size < sizeof frame)
        return -1;
    memcpy(&frame, record->data, sizeof frame);
    if (!is_sound(&frame))
        return -1;
    medic_frame_record **chunk = &frames->chunks[(frame.id - 1) / CHUNK];
    if (!*chunk)
        *chunk = arena_alloc(arena, CHUNK * sizeof **chunk);
    if (!*chunk)
        return -1;
    (*chunk)[(frame.id - 1) % CHUNK] = frame;
    if (frame.id > frames->highest)
        frames->highest = frame.id;
    return 0;
}

const medic_frame_record *frames_find(const struct capture_frames *frames, uint32_t id)
{
    const medic_frame_record *chunk = id >= 1 && id <= frames->highest ? frames->chunks[(id - 1) / CHUNK] : NULL;
    const medic_frame_record *frame = chunk ? &chunk[(id - 1) % CHUNK] : NULL;
    return frame && frame->id == id ? frame : NULL;
}

static struct kept_stack *find_stack(const struct capture_frames *frames, uint64_t id)
{
    struct kept_stack *stack = NULL;
    HASH_FIND(hh, frames->stacks, &id, sizeof id, stack);
    return stack;
}

/* A frame whose record was damaged is a gap below the highest id, and no reason to lose the stack. */
static int known_ids(const struct capture_frames *frames, const uint32_t *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (ids[i] == 0 || ids[i] > frames->highest)
            return 0;
    return 1;
}

int frames_keep_stack(struct capture_frames *frames, struct arena *arena, const medic_record *record)
{
    medic_stack_record head;
    if (record->size < sizeof head)
        return -1;
    memcpy(&head, record->data, sizeof head);
    if (head.id == 0 || head.frame_count > CAPTURE_STACK_MAX ||
        head.frame_count > (record->size - sizeof head) / sizeof(uint32_t) || find_stack(frames, head.id))
        return -1;
    struct kept_stack *stack = arena_alloc(arena, sizeof *stack + head.frame_count * sizeof *stack->frames);
    if (!stack)
        return -1;
    stack->id = head.id;
    stack->count = head.frame_count;
    stack->flags = head.flags;
    memcpy(stack->frames, (const char *)record->data + sizeof head, head.frame_count * sizeof *stack->frames);
    if (!known_ids(frames, stack->frames, stack->count))
        return -1;
    HASH_ADD(hh, frames->stacks, id, sizeof stack->id, stack);
    return stack->hh.tbl ? 0 : -1;
}

const uint32_t *frames_find_stack(const struct capture_frames *frames, uint64_t id, uint32_t *count, uint32_t *flags)
{
    const struct kept_stack *stack = find_stack(frames, id);
    *count = stack ? stack->count : 0;
    if (flags)
        *flags = stack ? stack->flags : 0;
    return stack ? stack->frames : NULL;
}

void frames_end(struct capture_frames *frames)
{
    HASH_CLEAR(hh, frames->stacks);
}
