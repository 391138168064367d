/* Two open-addressing tables that double until the limit: code addresses to frames, hashes to stacks. An entry is entered
 * only when its record is written, so that a failure is tried again. */
#include "core/services/frames.h"

#include "core/services/il_offset.h"

#include <medic/result.h>
#include <stdlib.h>
#include <string.h>

enum {
    LIMIT = 4 << 20, /* bytes of both tables together */
    FIRST = 1024,    /* entries, a power of two */
    IMAGES_FIRST = 64,
    MODULES_MAX = 4096
};

struct frame {
    uint64_t address; /* 0 = free */
    uint64_t owner;   /* FunctionID, or id of the image, or 0 */
    uint32_t id;
    uint32_t kind;     /* enum medic_frame_kind */
    uint32_t fleeting; /* other code may come to the address: looked at anew each time */
    uint32_t reserved;
};

struct stack {
    uint64_t hash; /* 0 = free */
    uint64_t id;
};

struct frames {
    names_emit_fn emit;
    void *context;
    ICorProfilerInfo12 *info;
    struct names *names;
    struct unwinder *unwinder;
    struct unwind_code code; /* of the address that was looked at last */
    struct frame *frames;
    uint64_t frame_room, frame_count, frame_last; /* last: ids given; more than entries when an address got new code */
    struct stack *stacks;
    uint64_t stack_room, stack_count;
    uint32_t *ids; /* of the walk at hand, root first: UNWIND_FRAMES_MAX of them */
    uint64_t *images;
    uint64_t image_room, image_count; /* ids of images are written in any order, so a list: few hundreds at most */
    uint64_t *modules;
    uint32_t module_count;
    uint64_t lost;
};

static uint64_t mix(uint64_t value)
{
    value ^= value >> 32;
    value *= UINT64_C(0xD6E8FEB86659FD93);
    value ^= value >> 32;
    value *= UINT64_C(0xD6E8FEB86659FD93);
    return value ^ value >> 32;
}

struct frames *frames_new(ICorProfilerInfo12 *info, struct names *names, struct unwinder *unwinder, names_emit_fn emit,
                          void *context)
{
    struct frames *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    *f = (struct frames){.emit = emit, .context = context, .info = info, .names = names, .unwinder = unwinder};
    f->frames = calloc(FIRST, sizeof *f->frames);
    f->stacks = calloc(FIRST, sizeof *f->stacks);
    f->ids = calloc(UNWIND_FRAMES_MAX, sizeof *f->ids);
    f->images = calloc(IMAGES_FIRST, sizeof *f->images);
    f->modules = calloc(MODULES_MAX, sizeof *f->modules);
    f->frame_room = f->stack_room = FIRST;
    f->image_room = IMAGES_FIRST;
    if (!f->frames || !f->stacks || !f->ids || !f->images || !f->modules) {
        frames_free(f);
        return NULL;
    }
    return f;
}

void frames_free(struct frames *f)
{
    if (!f)
        return;
    free(f->frames);
    free(f->stacks);
    free(f->ids);
    free(f->images);
    free(f->modules);
    free(f);
}

static uint64_t table_bytes(const struct frames *f)
{
    return f->frame_room * sizeof *f->frames + f->stack_room * sizeof *f->stacks;
}

uint64_t frames_memory(const struct frames *f)
{
    return sizeof *f + table_bytes(f) + UNWIND_FRAMES_MAX * sizeof *f->ids + f->image_room * sizeof *f->images +
           MODULES_MAX * sizeof *f->modules;
}

uint64_t frames_lost(const struct frames *f)
{
    return f->lost;
}

/* ---- the tables ---- */

static struct frame *frame_at(struct frame *table, uint64_t room, uint64_t address)
{
    uint64_t i = mix(address) & (room - 1);

    while (table[i].address && table[i].address != address)
        i = (i + 1) & (room - 1);
    return &table[i];
}

static struct stack *stack_at(struct stack *table, uint64_t room, uint64_t hash)
{
    uint64_t i = hash & (room - 1);

    while (table[i].hash && table[i].hash != hash)
        i = (i + 1) & (room - 1);
    return &table[i];
}

/* While the tables double, old and new stand side by side: the limit is of what stays. */
static int grow_frames(struct frames *f)
{
    uint64_t room = f->frame_room * 2;
    struct frame *grown;

    if (table_bytes(f) + f->frame_room * sizeof *grown > LIMIT)
        return MEDIC_E_FULL;
    grown = calloc(room, sizeof *grown);
    if (!grown)
        return MEDIC_E_MEMORY;
    for (uint64_t i = 0; i < f->frame_room; i++) {
        if (f->frames[i].address)
            *frame_at(grown, room, f->frames[i].address) = f->frames[i];
    }
    free(f->frames);
    f->frames = grown;
    f->frame_room = room;
    return MEDIC_OK;
}

static int grow_stacks(struct frames *f)
{
    uint64_t room = f->stack_room * 2;
    struct stack *grown;

    if (table_bytes(f) + f->stack_room * sizeof *grown > LIMIT)
        return MEDIC_E_FULL;
    grown = calloc(room, sizeof *grown);
    if (!grown)
        return MEDIC_E_MEMORY;
    for (uint64_t i = 0; i < f->stack_room; i++) {
        if (f->stacks[i].hash)
            *stack_at(grown, room, f->stacks[i].hash) = f->stacks[i];
    }
    free(f->stacks);
    f->stacks = grown;
    f->stack_room = room;
    return MEDIC_OK;
}

/* Entries are a quarter of the room free at least: probing stays short, and ends. */
static int room_for_frame(struct frames *f)
{
    if ((f->frame_count + 1) * 4 <= f->frame_room * 3)
        return MEDIC_OK;
    return grow_frames(f);
}

static int room_for_stack(struct frames *f)
{
    if ((f->stack_count + 1) * 4 <= f->stack_room * 3)
        return MEDIC_OK;
    return grow_stacks(f);
}

/* ---- what lies at an address ---- */

static int write_image(struct frames *f, const struct unwind_code *code)
{
    size_t length = code->image.path ? strlen(code->image.path) : 0;
    medic_image_record record = {
        .id = code->image.id,
        .bias = code->image.bias,
        .begin = code->image.begin,
        .end = code->image.end,
        .build_id_size = code->image.build_id_size,
        .length = (uint32_t)(length < 4096 ? length : 4096),
    };
    int result;

    for (uint64_t i = 0; i < f->image_count; i++) {
        if (f->images[i] == code->image.id)
            return MEDIC_OK;
    }
    if (f->image_count == f->image_room) {
        uint64_t *grown = realloc(f->images, f->image_room * 2 * sizeof *grown);

        if (!grown)
            return MEDIC_E_MEMORY;
        f->images = grown;
        f->image_room *= 2;
    }
    memcpy(record.build_id, code->image.build_id, sizeof record.build_id);
    result = f->emit(f->context, MEDIC_RECORD_IMAGE, &record, sizeof record, code->image.path, record.length);
    if (result == MEDIC_OK)
        f->images[f->image_count++] = code->image.id;
    return result;
}

static void note_module(struct frames *f, uint64_t module)
{
    for (uint32_t i = f->module_count; i-- > 0;) {
        if (f->modules[i] == module)
            return;
    }
    if (module && f->module_count < MODULES_MAX)
        f->modules[f->module_count++] = module;
}

/* Fills kind and owner of what is at the address now, and whether it may change. */
static int look(struct frames *f, uint64_t address, medic_frame_record *record, uint32_t *fleeting)
{
    struct unwind_code *code = &f->code;
    struct names_code managed;
    int result;

    *fleeting =
        1; /* an unknown address may be anybody's next time, a library may be unloaded: both are cheap to look at */
    record->kind = MEDIC_FRAME_UNKNOWN;
    code->kind = UNWIND_UNKNOWN;
    unwind_code_at(f->unwinder, address, code);
    if (code->kind == UNWIND_NATIVE) {
        record->kind = MEDIC_FRAME_NATIVE;
        record->image = code->image.id;
        return MEDIC_OK;
    }
    result = names_code_at(f->names, (uintptr_t)address, &managed);
    if (result == MEDIC_E_NOT_FOUND)
        return MEDIC_OK;
    if (result != MEDIC_OK && result != MEDIC_E_FULL) /* full: a function without a name is better than no stack */
        return result;
    record->kind = MEDIC_FRAME_MANAGED;
    record->function = managed.function;
    record->image = managed.module;
    *fleeting = managed.fleeting != 0;
    return MEDIC_OK;
}

static int write_frame(struct frames *f, struct frame *frame, medic_frame_record *record, int called)
{
    int result = record->kind == MEDIC_FRAME_NATIVE ? write_image(f, &f->code) : MEDIC_OK;

    if (result != MEDIC_OK)
        return result;
    record->il_offset = MEDIC_NO_IL_OFFSET;
    if (record->kind == MEDIC_FRAME_MANAGED && record->image && names_begin_asking(f->names)) {
        record->il_offset = il_offset_at(f->info, (uintptr_t)record->address, (FunctionID)record->function, called);
        names_end_asking(f->names);
    }
    if (record->kind == MEDIC_FRAME_MANAGED)
        note_module(f, record->image);
    record->id = (uint32_t)(f->frame_last + 1);
    result = f->emit(f->context, MEDIC_RECORD_FRAME, record, sizeof *record, NULL, 0);
    if (result == MEDIC_OK) {
        f->frame_last++;
        frame->id = record->id;
        frame->kind = record->kind;
        frame->owner = record->kind == MEDIC_FRAME_MANAGED ? record->function : record->image;
    }
    return result;
}

static int frame_id(struct frames *f, uint64_t address, int called, uint32_t *id)
{
    struct frame *frame;
    medic_frame_record record = {.address = address};
    uint32_t fleeting;
    uint64_t owner;
    int result = room_for_frame(f), is_new;

    if (!address)
        address = record.address = 1; /* 0 marks a free entry, and nothing lies at either */
    frame = frame_at(f->frames, f->frame_room, address);
    is_new = !frame->address;
    if (!is_new && !frame->fleeting) {
        *id = frame->id;
        return MEDIC_OK;
    }
    if (is_new && result != MEDIC_OK)
        return result;
    result = look(f, address, &record, &fleeting);
    if (result != MEDIC_OK)
        return result;
    owner = record.kind == MEDIC_FRAME_MANAGED ? record.function : record.image;
    if (is_new || frame->kind != record.kind || frame->owner != owner) {
        result = write_frame(f, frame, &record, called);
        if (result != MEDIC_OK)
            return result;
    }
    frame->address = address;
    frame->fleeting = fleeting;
    f->frame_count += is_new ? 1 : 0;
    *id = frame->id;
    return MEDIC_OK;
}

/* ---- stacks ---- */

static uint64_t hash_of(const uint32_t *ids, uint32_t count, uint32_t flags)
{
    uint64_t hash = mix(count * UINT64_C(0x9E3779B97F4A7C15) + flags);

    for (uint32_t i = 0; i < count; i++)
        hash = mix(hash + ids[i] * UINT64_C(0x9E3779B97F4A7C15));
    return hash ? hash : 1;
}

static uint64_t lose(struct frames *f)
{
    f->lost++;
    return 0;
}

uint64_t frames_stack(struct frames *f, const struct unwind_step *steps, uint32_t count, uint32_t flags)
{
    struct stack *stack;
    uint64_t hash;

    if (!count)
        return 0;
    if (count > UNWIND_FRAMES_MAX)
        count = UNWIND_FRAMES_MAX;
    for (uint32_t i = 0; i < count; i++) {
        /* The leaf may have been interrupted; all others have called the one before them. */
        if (frame_id(f, steps[i].ip, i > 0, &f->ids[count - 1 - i]) != MEDIC_OK)
            return lose(f);
    }
    hash = hash_of(f->ids, count, flags);
    stack = stack_at(f->stacks, f->stack_room, hash);
    if (!stack->hash) {
        medic_stack_record record = {.id = f->stack_count + 1, .frame_count = count, .flags = flags};

        if (room_for_stack(f) != MEDIC_OK ||
            f->emit(f->context, MEDIC_RECORD_STACK, &record, sizeof record, f->ids, count * 4) != MEDIC_OK)
            return lose(f);
        stack = stack_at(f->stacks, f->stack_room, hash);
        *stack = (struct stack){hash, ++f->stack_count};
    }
    return stack->id;
}

void frames_modules(const struct frames *f, void (*each)(void *context, uint64_t module), void *context)
{
    for (uint32_t i = 0; i < f->module_count; i++)
        each(context, f->modules[i]);
}
