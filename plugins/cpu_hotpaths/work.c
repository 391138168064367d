/* What a stack and a thread are at: told from the names of functions, modules and threads. */
#include "recording.h"

#include <stdlib.h>
#include <string.h>

/* --- frames --- */

const medic_frame *frame_of(const struct recording *recording, uint32_t id)
{
    static const medic_frame none = {.kind = MEDIC_FRAME_UNKNOWN, .function = "(unknown)", .module = ""};
    const medic_frame *frame = id ? recording->frames->frame(recording->host, id) : NULL;

    return frame && frame->function && frame->module ? frame : &none;
}

int is_own(const medic_frame *frame)
{
    return frame->code == MEDIC_CODE_USER;
}

int is_nameless(const medic_frame *frame)
{
    if (frame->kind == MEDIC_FRAME_UNKNOWN)
        return 1;
    return frame->kind == MEDIC_FRAME_NATIVE && strcmp(frame->function, frame->module) == 0;
}

static const char *name_of(const medic_frame *frame)
{
    if (!is_nameless(frame))
        return frame->function;
    return *frame->module ? frame->module : "(code without a name)";
}

/* Each address of a stripped library would be a function of its own, and none of them would weigh anything. */
int unite_nameless(struct recording *recording)
{
    uint32_t libraries[256], count = 0;

    recording->frame_count = recording->frames->frame_count(recording->host);
    if (recording->frame_count == UINT32_MAX)
        recording->frame_count--;
    recording->alike = calloc((size_t)recording->frame_count + 1, sizeof *recording->alike);
    if (!recording->alike)
        return MEDIC_E_MEMORY;
    for (uint32_t id = 1; id <= recording->frame_count; id++) {
        const medic_frame *frame = frame_of(recording, id);
        uint32_t i = 0;
        recording->alike[id] = id;
        if (!is_nameless(frame))
            continue;
        while (i < count && strcmp(frame_of(recording, libraries[i])->module, frame->module) != 0)
            i++;
        if (i < count)
            recording->alike[id] = libraries[i];
        else if (count < sizeof libraries / sizeof *libraries)
            libraries[count++] = id;
    }
    return MEDIC_OK;
}

static uint32_t alike(const struct recording *recording, uint32_t frame)
{
    return frame <= recording->frame_count ? recording->alike[frame] : 0;
}

uint32_t function_of(const struct recording *recording, uint32_t frame)
{
    uint32_t id = alike(recording, frame);
    uint32_t function = frame_of(recording, id)->function_id;

    return id && function && function <= recording->frame_count ? function : id;
}

struct medic_place place_of(const struct recording *recording, uint32_t id)
{
    const medic_frame *frame = frame_of(recording, id);

    return (struct medic_place){id ? name_of(frame) : NULL, frame->module, frame->file, frame->line, frame->code};
}

/* Between the start of a thread and its first managed method lies the same native code in every stack. */
static uint32_t first_shown(const struct recording *recording, const struct view *view)
{
    for (uint32_t i = 0; view->managed && i < view->count; i++)
        if (frame_of(recording, view->frames[i])->kind == MEDIC_FRAME_MANAGED)
            return i;
    return 0;
}

uint32_t shown_frames(const struct recording *recording, const struct view *view, uint32_t *frames)
{
    uint32_t count = 0;

    for (uint32_t i = first_shown(recording, view); i < view->count; i++) {
        uint32_t id = alike(recording, view->frames[i]);
        const medic_frame *frame = frame_of(recording, id);
        if (!recording->native && frame->kind == MEDIC_FRAME_NATIVE)
            continue;
        if (!count || frames[count - 1] != id || !is_nameless(frame))
            frames[count++] = id ? id : view->frames[i];
    }
    if (!count && view->count)
        frames[count++] = view->frames[0];
    return count;
}

/* --- threads --- */

/* The kernel cuts names after 15 bytes, the runtime does not. */
static const struct {
    const char *name; /* the beginning of it */
    enum thread_kind kind;
} thread_names[] = {
    {".NET Server GC", THREAD_GC},        {".NET BGC", THREAD_GC},
    {".NET Background GC", THREAD_GC},    {".NET Tiered Com", THREAD_JIT},
    {".NET Finalizer", THREAD_FINALIZER}, {"Finalizer", THREAD_FINALIZER},
    {".NET TP Worker", THREAD_POOL},      {".NET ThreadPool Worker", THREAD_POOL},
    {".NET Long Runni", THREAD_MANAGED},  {".NET ", THREAD_RUNTIME},
};

enum thread_kind thread_kind_of(const char *name, uint64_t managed)
{
    if (name && strcmp(name, "medic") == 0)
        return THREAD_MEDIC;
    for (size_t i = 0; name && i < sizeof thread_names / sizeof *thread_names; i++)
        if (medic_begins_with(name, thread_names[i].name))
            return thread_names[i].kind;
    return managed ? THREAD_MANAGED : THREAD_NATIVE;
}

const char *thread_kind_name(enum thread_kind kind)
{
    static const char *const names[] = {
        [THREAD_NATIVE] = "native",   [THREAD_MANAGED] = "managed",   [THREAD_POOL] = "thread pool",
        [THREAD_GC] = "GC",           [THREAD_JIT] = "JIT (tiering)", [THREAD_FINALIZER] = "finalizer",
        [THREAD_RUNTIME] = "runtime", [THREAD_MEDIC] = "Medic",
    };
    return names[kind];
}

/* --- stacks --- */

static int is_libc(const medic_frame *frame)
{
    static const char *const modules[] = {"libc.so", "libc-2.", "libpthread", "ld-linux", "libm.so", "[vdso]"};

    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        if (medic_begins_with(frame->module, modules[i]))
            return 1;
    return 0;
}

/* The innermost frame that is not libc's, when that is the runtime's: memset for the collector is the collector's. */
static int ends_in_runtime(const struct recording *recording, const struct view *view)
{
    for (uint32_t i = view->count; i > 0; i--) {
        const medic_frame *frame = frame_of(recording, view->frames[i - 1]);
        if (frame->code == MEDIC_CODE_RUNTIME)
            return 1;
        if (!is_libc(frame))
            return 0;
    }
    return 0;
}

static int is_lock(const char *function)
{
    static const char *const types[] = {"System.Threading.Monitor.", "System.Threading.Lock.",
                                        "System.Threading.SpinLock.", "System.Threading.ReaderWriterLockSlim."};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (medic_begins_with(function, types[i]) && (strstr(function, "Enter") || strstr(function, "Spin")))
            return 1;
    return 0;
}

static int is_spin(const char *function)
{
    return medic_begins_with(function, "System.Threading.SpinWait.") ||
           medic_begins_with(function, "System.Threading.Thread.SpinWait");
}

static int is_throw(const medic_frame *frame)
{
    if (frame->kind == MEDIC_FRAME_MANAGED)
        return medic_begins_with(frame->function, "System.Runtime.EH.");
    return medic_begins_with(frame->module, "libgcc_s") || medic_begins_with(frame->function, "_Unwind_") ||
           strstr(frame->function, "__cxa_throw") || strstr(frame->function, "IL_Throw") ||
           strstr(frame->function, "IL_Rethrow") || strstr(frame->function, "DispatchManagedException");
}

/* What one frame says of the work; WORK_PROGRAM when nothing. */
static enum work frame_work(const medic_frame *frame)
{
    if (medic_begins_with(frame->module, "libclrjit"))
        return WORK_JIT;
    if (medic_begins_with(frame->module, "libclrgc"))
        return WORK_GC;
    if (is_throw(frame))
        return WORK_EXCEPTIONS;
    if (frame->kind != MEDIC_FRAME_MANAGED)
        return WORK_PROGRAM;
    if (medic_begins_with(frame->function, "System.Threading.LowLevelLifoSemaphore"))
        return WORK_POOL;
    if (is_lock(frame->function))
        return WORK_LOCKS;
    return is_spin(frame->function) ? WORK_SPIN : WORK_PROGRAM;
}

/* Of several, the one that says most: a worker that looks for work also spins. */
static int work_rank(enum work work)
{
    static const int ranks[WORK_COUNT] = {
        [WORK_SPIN] = 1, [WORK_LOCKS] = 2, [WORK_POOL] = 3, [WORK_EXCEPTIONS] = 4, [WORK_JIT] = 5, [WORK_GC] = 6};

    return ranks[work];
}

/* Only what lies between the innermost frame of the program and the leaf: the program may run inside of a handler. */
static enum work stack_work(const struct recording *recording, const struct view *view, uint32_t first)
{
    enum work best = WORK_PROGRAM;

    for (uint32_t i = first; i < view->count; i++) {
        enum work work = frame_work(frame_of(recording, view->frames[i]));
        if (work_rank(work) > work_rank(best))
            best = work;
    }
    return best == WORK_PROGRAM && view->in_runtime ? WORK_RUNTIME : best;
}

static enum code stack_code(const struct recording *recording, const struct view *view)
{
    if (view->work == WORK_GC || view->work == WORK_JIT)
        return view->work == WORK_GC ? CODE_GC : CODE_JIT;
    if (view->in_runtime)
        return CODE_RUNTIME;
    switch (frame_of(recording, view->leaf)->code) {
    case MEDIC_CODE_USER: return CODE_USER;
    case MEDIC_CODE_FRAMEWORK: return CODE_FRAMEWORK;
    case MEDIC_CODE_NATIVE: return CODE_NATIVE;
    default: return CODE_UNKNOWN;
    }
}

/* The index of the anchor: of the innermost frame of the program, else the innermost managed one, else the leaf. */
static uint32_t find_anchor(const struct recording *recording, struct view *view)
{
    uint32_t anchor = view->count - 1;

    for (uint32_t i = view->count; i > 0; i--) {
        const medic_frame *frame = frame_of(recording, view->frames[i - 1]);
        if (is_own(frame)) {
            view->user = 1;
            return i - 1;
        }
        if (frame->kind == MEDIC_FRAME_MANAGED && !view->managed) {
            view->managed = 1;
            anchor = i - 1;
        }
    }
    return anchor;
}

static void look_at_anchor(const struct recording *recording, struct view *view, uint32_t at)
{
    uint32_t function;

    view->anchor = view->frames[at];
    view->entry = at + 1 < view->count ? view->frames[at + 1] : 0;
    view->managed |= view->user;
    function = function_of(recording, view->anchor);
    for (uint32_t i = at + 1; i > 0; i--) {
        uint32_t id = view->frames[i - 1];
        if (function_of(recording, id) == function)
            view->repeats++;
        else if (!view->caller && is_own(frame_of(recording, id)))
            view->caller = id;
    }
}

static uint32_t find_helper(const struct recording *recording, const struct view *view, uint32_t first)
{
    for (uint32_t i = first + 1; i < view->count; i++)
        if (frame_of(recording, view->frames[i])->code == MEDIC_CODE_RUNTIME &&
            frame_of(recording, view->frames[i - 1])->kind == MEDIC_FRAME_MANAGED)
            return view->frames[i - 1];
    return 0;
}

void view_stack(const struct recording *recording, uint64_t stack, struct view *view)
{
    uint32_t anchor;

    *view = (struct view){.stack = stack, .code = CODE_UNKNOWN};
    if (!stack || !recording->frames->stack(recording->host, stack, &view->frames, &view->count) || !view->frames)
        view->count = 0;
    if (!view->count)
        return;
    view->leaf = view->frames[view->count - 1];
    anchor = find_anchor(recording, view);
    look_at_anchor(recording, view, anchor);
    view->in_runtime = ends_in_runtime(recording, view);
    view->work = stack_work(recording, view, view->user ? anchor + 1 : 0);
    view->code = stack_code(recording, view);
    view->helper = find_helper(recording, view, view->user ? anchor : 0);
}
