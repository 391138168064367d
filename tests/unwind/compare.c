/* Suspends the runtime, lets it walk each managed thread, copies the same stacks, and unwinds the copies afterwards. */
#include "fixture.h"

#include <string.h>
#include <unistd.h>

enum {
    RUNTIME_FRAMES = 2048,
    THREADS_MAX = 512,
    /* Of Windows' AMD64 CONTEXT. */
    CONTEXT_RAX = 0x78,
    CONTEXT_RIP = 0xf8,
    CONTEXT_SIZE = 0x100
};

struct thread_walk {
    ThreadID thread;
    uint32_t count; /* frames by the runtime */
    int has_context;
    struct unwind_registers registers;
    struct unwind_stack stack;
    struct {
        FunctionID function;
        UINT_PTR ip;
    } frame[RUNTIME_FRAMES];
};

static struct thread_walk walks[THREADS_MAX];

static void take_context(struct unwind_registers *registers, const BYTE *context)
{
    static const uint8_t order[16] = {0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};

    for (int i = 0; i < 16; i++)
        memcpy(&registers->r[order[i]], context + CONTEXT_RAX + 8 * i, 8);
    memcpy(&registers->r[UNWIND_IP], context + CONTEXT_RIP, 8);
}

static HRESULT frame(FunctionID function, UINT_PTR ip, COR_PRF_FRAME_INFO info, ULONG32 size, BYTE *context, void *data)
{
    struct thread_walk *walk = data;

    (void)info;
    if (function == 0)
        return S_OK;
    if (walk->count == 0 && size >= CONTEXT_SIZE) {
        take_context(&walk->registers, context);
        walk->has_context = 1;
    }
    if (walk->count == RUNTIME_FRAMES)
        return S_OK + 1;
    walk->frame[walk->count].function = function;
    walk->frame[walk->count++].ip = ip;
    return S_OK;
}

static size_t copy_stack(struct thread_walk *walk, const struct mappings *mappings, uint8_t *arena, size_t left)
{
    uint64_t low = walk->registers.r[UNWIND_RSP] - 128, end = mapping_end(mappings, low);
    uint64_t size = end > low ? end - low : 0;

    walk->stack = (struct unwind_stack){.bytes = arena, .low = low, .whole = 1};
    if (size > STACK_MAX || size > left) {
        size = left < STACK_MAX ? left : STACK_MAX;
        walk->stack.whole = 0;
    }
    walk->stack.size = copy_memory(arena, low, size);
    return size;
}

static size_t walk_all(struct instance *instance, ICorProfilerThreadEnum *list, const struct mappings *mappings)
{
    size_t count = 0, used = 0;
    ThreadID id;
    ULONG got;

    while (count < THREADS_MAX && list->lpVtbl->Next(list, 1, &id, &got) == S_OK && got == 1) {
        struct thread_walk *walk = &walks[count];

        walk->count = 0;
        walk->has_context = 0;
        walk->thread = id;
        instance->info->lpVtbl->DoStackSnapshot(instance->info, id, frame, COR_PRF_SNAPSHOT_REGISTER_CONTEXT, walk,
                                                NULL, 0);
        if (!walk->has_context)
            continue;
        used += copy_stack(walk, mappings, instance->arena + used, ARENA_SIZE - used);
        count++;
    }
    return count;
}

static void put_walk(struct instance *instance, const struct thread_walk *walk)
{
    static struct unwind_step steps[STEPS_MAX];
    uint32_t flags;
    uint32_t count = unwind(instance->unwinder, &walk->registers, &walk->stack, 1, steps, STEPS_MAX, &flags);

    fprintf(instance->out, "walk %u |", flags);
    for (uint32_t i = 0; i < walk->count; i++) {
        put_name(instance, walk->frame[i].ip);
        fprintf(instance->out, " m:%lx:%lx", (unsigned long)walk->frame[i].function, (unsigned long)walk->frame[i].ip);
    }
    fputs(" |", instance->out);
    put_steps(instance, steps, count);
    fputs("\n", instance->out);
}

void compare_walks(struct instance *instance)
{
    for (int64_t round = 0; round < instance->rounds; round++) {
        struct mappings *mappings = mappings_read();
        ICorProfilerThreadEnum *list = NULL;
        size_t count = 0;

        if (mappings && SUCCEEDED(instance->info->lpVtbl->SuspendRuntime(instance->info))) {
            if (SUCCEEDED(instance->info->lpVtbl->EnumThreads(instance->info, &list)))
                count = walk_all(instance, list, mappings);
            instance->info->lpVtbl->ResumeRuntime(instance->info);
        }
        if (list)
            list->lpVtbl->Release(list);
        mappings_free(mappings);
        unwinder_refresh(instance->unwinder);
        for (size_t i = 0; i < count; i++)
            put_walk(instance, &walks[i]);
        usleep((useconds_t)(1000 + round * 137 % 9000));
    }
}
