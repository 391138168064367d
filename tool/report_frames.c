#include "tool/report_frames.h"

#include "tool/arena.h"
#include "tool/capture_frames.h"
#include "tool/frame_code.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 4096u
#define TEXT_BYTES_MAX ((size_t)1 << 30)

struct report_frames {
    const struct capture *capture;
    const struct symbols *symbols;
    const char *corelib; /* path, NULL when it is not known */
    uint32_t count;
    uint32_t *functions; /* function_id by frame id */
    medic_frame *chunks[CAPTURE_FRAMES_MAX / CHUNK];
    struct arena arena; /* frames, and the texts that had to be made */
};

/* --- which frames are of the same function --- */

struct identity {
    uint64_t what, where, sort;
};

/* "libcoreclr.so"; "" when the frame lies in no image. */
static const char *image_name(const struct report_frames *frames, const medic_frame_record *frame)
{
    const char *path = NULL;
    capture_image(frames->capture, frame->image, &path);
    return path_name(path);
}

static struct identity identify(const struct report_frames *frames, const medic_frame_record *frame)
{
    enum { METHOD, SYMBOL, LIBRARY, ADDRESS };
    if (frame->kind == MEDIC_FRAME_MANAGED && frame->function)
        return (struct identity){frame->function, 0, METHOD};
    if (frame->kind == MEDIC_FRAME_NATIVE && frames->symbols) {
        const char *symbol = symbols_of(frames->symbols, frame->id).function;
        if (symbol)
            return (struct identity){(uint64_t)(uintptr_t)symbol, frame->image, SYMBOL}; /* each name is there once */
    }
    if (frame->kind == MEDIC_FRAME_NATIVE && *image_name(frames, frame))
        return (struct identity){0, frame->image, LIBRARY}; /* each address for itself would say nothing */
    return (struct identity){frame->address, frame->image, ADDRESS + (uint64_t)frame->kind};
}

static uint64_t mix(const struct identity *identity)
{
    uint64_t hash = identity->what * UINT64_C(0x9e3779b97f4a7c15) ^ identity->where * UINT64_C(0xc2b2ae3d27d4eb4f);
    hash = (hash ^ identity->sort ^ hash >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return hash ^ hash >> 32;
}

struct identities {
    struct identity *items;
    uint32_t *first; /* frame with it; 0 = a free place */
    size_t mask;
};

static uint32_t first_with(struct identities *known, const struct identity *identity, uint32_t frame)
{
    size_t at = (size_t)mix(identity) & known->mask;
    for (; known->first[at]; at = (at + 1) & known->mask)
        if (memcmp(&known->items[at], identity, sizeof *identity) == 0)
            return known->first[at];
    known->items[at] = *identity;
    return known->first[at] = frame;
}

static void look_for_corelib(struct report_frames *frames, const medic_frame_record *frame)
{
    const char *path;
    if (!frames->corelib && frame->kind == MEDIC_FRAME_MANAGED &&
        capture_module(frames->capture, frame->image, &path) &&
        strcmp(path_name(path), "System.Private.CoreLib.dll") == 0)
        frames->corelib = path;
}

static int find_functions(struct report_frames *frames)
{
    struct identities known = {.mask = 15};
    while (known.mask < (size_t)frames->count * 2)
        known.mask = known.mask * 2 + 1;
    frames->functions = calloc((size_t)frames->count + 1, sizeof *frames->functions);
    known.items = calloc(known.mask + 1, sizeof *known.items);
    known.first = calloc(known.mask + 1, sizeof *known.first);
    int result = frames->functions && known.items && known.first ? 0 : -1;
    for (uint32_t id = 1; id <= frames->count && !result; id++) {
        const medic_frame_record *frame = capture_frame(frames->capture, id);
        frames->functions[id] = id; /* a gap is like nothing else */
        if (!frame)
            continue;
        struct identity identity = identify(frames, frame);
        frames->functions[id] = first_with(&known, &identity, id);
        look_for_corelib(frames, frame);
    }
    free(known.items);
    free(known.first);
    return result;
}

struct report_frames *report_frames_new(const struct capture *capture, const struct symbols *symbols)
{
    struct report_frames *frames = calloc(1, sizeof *frames);
    if (!frames)
        return NULL;
    frames->capture = capture;
    frames->symbols = symbols;
    frames->count = capture_frame_count(capture);
    frames->arena.limit = TEXT_BYTES_MAX;
    if (!find_functions(frames))
        return frames;
    report_frames_free(frames);
    return NULL;
}

void report_frames_free(struct report_frames *frames)
{
    if (!frames)
        return;
    free(frames->functions);
    arena_free(&frames->arena);
    free(frames);
}

uint32_t report_frames_count(const struct report_frames *frames)
{
    return frames->count;
}

uint32_t report_frames_function(const struct report_frames *frames, uint32_t id)
{
    return id <= frames->count ? frames->functions[id] : 0;
}

/* --- what a person reads --- */

/* "Orders.dll!0x47"; NULL: no memory. */
static const char *name_and_number(struct report_frames *frames, const char *name, const char *joint, uint64_t number)
{
    size_t room = strlen(name) + strlen(joint) + sizeof "0xffffffffffffffff";
    char *text = arena_alloc(&frames->arena, room);
    if (text)
        snprintf(text, room, "%s%s0x%" PRIx64, name, joint, number);
    return text;
}

static void fill_managed(struct report_frames *frames, const medic_frame_record *record, medic_frame *out)
{
    const char *name = NULL, *path = NULL;
    const medic_name_record *about = capture_name(frames->capture, MEDIC_NAME_FUNCTION, record->function, &name);
    uint64_t module = record->image ? record->image : about ? about->module : 0;
    capture_module(frames->capture, module, &path);
    out->module = path_name(path);
    out->code = (uint32_t)code_of_assembly(path, frames->corelib);
    /* Nobody wrote it: compiled expressions, stubs for P/Invoke and delegates. */
    if (about && (about->flags & 1u))
        out->code = MEDIC_CODE_FRAMEWORK;
    out->function = name && *name  ? name
                    : *out->module ? name_and_number(frames, out->module, "!", record->function)
                                   : name_and_number(frames, "dynamic code ", "", record->function);
}

static void fill_native(struct report_frames *frames, const medic_frame_record *record, medic_frame *out,
                        const char *symbol)
{
    const char *path = NULL;
    capture_image(frames->capture, record->image, &path);
    out->module = path_name(path);
    out->code = (uint32_t)(record->kind == MEDIC_FRAME_NATIVE ? code_of_image(path) : MEDIC_CODE_UNKNOWN);
    out->function = symbol         ? symbol
                    : *out->module ? out->module
                                   : name_and_number(frames, "unknown code ", "", record->address);
}

static void fill(struct report_frames *frames, uint32_t id, medic_frame *out)
{
    const medic_frame_record *record = capture_frame(frames->capture, id);
    struct symbol symbol = {NULL, NULL, 0};
    *out = (medic_frame){.module = "", .function_id = frames->functions[id]};
    if (!record) {
        out->kind = MEDIC_FRAME_UNKNOWN;
        out->function = "(damaged in the capture)";
        return;
    }
    if (frames->symbols)
        symbol = symbols_of(frames->symbols, id);
    out->kind = record->kind;
    out->file = symbol.file;
    out->line = symbol.line;
    if (record->kind == MEDIC_FRAME_MANAGED)
        fill_managed(frames, record, out);
    else
        fill_native(frames, record, out, symbol.function);
}

const medic_frame *report_frames_get(struct report_frames *frames, uint32_t id)
{
    if (id == 0 || id > frames->count)
        return NULL;
    medic_frame **chunk = &frames->chunks[(id - 1) / CHUNK];
    if (!*chunk)
        *chunk = arena_alloc(&frames->arena, CHUNK * sizeof **chunk);
    if (!*chunk)
        return NULL;
    medic_frame *frame = &(*chunk)[(id - 1) % CHUNK];
    if (!frame->function)
        fill(frames, id, frame);
    if (!frame->function)
        frame->function = "?"; /* no memory for a text */
    return frame;
}
