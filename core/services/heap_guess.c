/* ENUMERATE: roots without a collection. Static fields are known (heap_statics.c), and handles can be read (heap_handles.h).
 * What is on a stack is not known without the collector's tables of the code; so every word there that is the address of an
 * object is taken for a reference: what it holds may be dead in truth. Runs in the copy, when everything else is written. */
#include "core/services/heap_class.h"
#include "core/services/heap_handles.h"
#include "core/services/heap_output.h"
#include "core/services/heap_sink.h"
#include "core/services/heap_statics.h"
#include "core/services/heap_try.h"
#include "core/services/heap_types.h"
#include "core/services/memory_map.h"

#include <sys/mman.h>

enum { MAPPINGS_MAX = 1 << 16, RANGES_MAX = 1 << 17, BATCH = 512 };
/* Of a Thread of the runtime: its innermost frame, an address on its stack below which it keeps nothing of the managed code
 * but what that calls with; all ones = it runs none. */
enum { THREAD_FRAME = 8, BELOW_FRAME = 1024 };
#define LIMIT_NS UINT64_C(5000000000)

struct guess {
    struct heap_sink *sink;
    struct memory_map map;
    uint32_t range_count, root_count, dependent_count;
    uint64_t at, end;      /* what is being looked through */
    uint32_t handle_kinds; /* of the runtime's tables; 0 = not seen yet */
    uint32_t trial;
    int is_segment, finalizers_seen, stacks_seen;
    const ThreadID *threads;
    uint32_t thread_count, next_thread, statics_place;
    medic_heap_root_entry roots[BATCH];
    medic_heap_dependent_entry dependents[BATCH];
    struct memory_range ranges[RANGES_MAX]; /* of the heap, ascending */
    struct memory_range mappings[MAPPINGS_MAX];
    char text[MEMORY_MAP_TEXT];
};

static uint64_t word_at(uint64_t address)
{
    return *(const volatile uint64_t *)(uintptr_t)address;
}

/* ---- what is an object ---- */

/* They are nearly in order. libc's sort may allocate. */
static void sort_ranges(struct memory_range *ranges, uint32_t count)
{
    for (uint32_t gap = count / 2; gap; gap /= 2) {
        for (uint32_t i = gap; i < count; i++) {
            struct memory_range one = ranges[i];
            uint32_t to = i;

            for (; to >= gap && ranges[to - gap].begin > one.begin; to -= gap)
                ranges[to] = ranges[to - gap];
            ranges[to] = one;
        }
    }
}

static void take_ranges(struct guess *g)
{
    for (uint32_t i = 0; i < g->sink->range_count && i < RANGES_MAX; i++)
        g->ranges[g->range_count++] = (struct memory_range){g->sink->ranges[i].begin, g->sink->ranges[i].end};
    sort_ranges(g->ranges, g->range_count);
}

static int is_in_heap(const struct guess *g, uint64_t address)
{
    const struct memory_map heap = {.ranges = (struct memory_range *)(uintptr_t)g->ranges, .count = g->range_count};

    return memory_map_find(&heap, address) != NULL;
}

/* That begins there: it has the class of a known object. */
static int is_object(const struct guess *g, uint64_t address)
{
    return address % 8 == 0 && is_in_heap(g, address) &&
           heap_class_has_objects(g->sink, word_at(address) & ~UINT64_C(7));
}

/* ---- what is told ---- */

static void flush(struct guess *g)
{
    if (g->root_count)
        heap_sink_roots(g->sink, g->roots, g->root_count);
    if (g->dependent_count)
        heap_sink_dependents(g->sink, g->dependents, g->dependent_count);
    g->root_count = g->dependent_count = 0;
}

static void tell(struct guess *g, uint64_t object, uint64_t id, uint32_t kind, uint32_t flags)
{
    if (g->root_count == BATCH)
        flush(g);
    g->roots[g->root_count++] = (medic_heap_root_entry){.object = object, .id = id, .kind = kind, .flags = flags};
}

/* ---- handles ---- */

static void tell_handle(void *context, const struct heap_handle *handle)
{
    static const uint32_t flags[] = {
        [HEAP_HANDLE_WEAK] = MEDIC_ROOT_WEAK,           [HEAP_HANDLE_WEAK_LONG] = MEDIC_ROOT_WEAK,
        [HEAP_HANDLE_PINNED] = MEDIC_ROOT_PINNED,       [HEAP_HANDLE_REFCOUNTED] = MEDIC_ROOT_REFCOUNTED,
        [HEAP_HANDLE_ASYNC_PINNED] = MEDIC_ROOT_PINNED, [HEAP_HANDLE_WEAK_COM] = MEDIC_ROOT_WEAK,
        [HEAP_HANDLE_WEAK_INTERIOR] = MEDIC_ROOT_WEAK,
    };
    struct guess *g = context;
    uint32_t kind = handle->kind;

    if (!is_object(g, handle->object))
        return;
    if (kind != HEAP_HANDLE_DEPENDENT) {
        tell(g, handle->object, handle->handle, MEDIC_ROOT_HANDLE,
             kind < sizeof flags / sizeof flags[0] ? flags[kind] : 0);
        return;
    }
    if (!handle->second)
        return;
    if (g->dependent_count == BATCH)
        flush(g);
    g->dependents[g->dependent_count++] = (medic_heap_dependent_entry){handle->object, handle->second, handle->handle};
}

static void step_is_segment(void *context)
{
    struct guess *g = context;

    g->is_segment = heap_handles_are_at(g->at, g->trial);
}

static void step_segment(void *context)
{
    struct guess *g = context;

    heap_handles_visit(g->at, g->handle_kinds, tell_handle, g);
}

/* All tables have the same number of kinds. */
static int find_kinds(struct guess *g)
{
    uint32_t first = g->handle_kinds ? g->handle_kinds : HEAP_HANDLES_KINDS_MIN,
             last = g->handle_kinds ? g->handle_kinds : HEAP_HANDLES_KINDS_MAX;

    for (g->trial = first; g->trial <= last; g->trial++) {
        g->is_segment = 0;
        if (heap_try(step_is_segment, g) == HEAP_TRIED_OK && g->is_segment) {
            g->handle_kinds = g->trial;
            return 1;
        }
    }
    return 0;
}

static void tell_handles(struct guess *g)
{
    const uint64_t size = HEAP_HANDLES_SEGMENT;

    for (size_t i = 0; i < g->map.count; i++) {
        for (g->at = (g->map.ranges[i].begin + size - 1) / size * size; g->at < g->map.ranges[i].end; g->at += size) {
            if (find_kinds(g))
                heap_try(step_segment, g);
        }
    }
}

/* ---- finalizers ---- */

/* All that it lists are objects: the pointers alone could be others'. */
static int all_are_objects(const struct guess *g, const struct heap_finalizers *list)
{
    for (uint64_t at = list->first; at < list->end; at += 8) {
        if (!is_object(g, word_at(at)))
            return 0;
    }
    return 1;
}

static void step_finalizers(void *context)
{
    struct guess *g = context;

    while (g->at + HEAP_FINALIZERS_BYTES <= g->end) {
        struct heap_finalizers list;
        uint64_t here = g->at;

        g->at += 8;
        if (!heap_finalizers_are_at(here, &list) || !all_are_objects(g, &list))
            continue;
        g->finalizers_seen = 1;
        for (uint64_t at = list.ready; at < list.ready_end; at += 8)
            tell(g, word_at(at), 0, MEDIC_ROOT_FINALIZER, 0);
    }
}

/* The collector makes its lists when the program begins, as the runtime makes its domain, in the same memory of malloc. */
static void tell_finalizers(struct guess *g)
{
    const struct memory_range *memory = memory_map_find(&g->map, heap_statics_domain(g->sink->statics));

    if (!memory)
        return;
    g->at = memory->begin;
    g->end = memory->end;
    while (g->at + HEAP_FINALIZERS_BYTES <= g->end && heap_try(step_finalizers, g) != HEAP_TRIED_LATE)
        ;
}

/* ---- stacks ---- */

static void scan_stack(struct guess *g, uint64_t frame)
{
    const struct memory_range *stack = memory_map_find(&g->map, frame);
    uint64_t at = (frame - BELOW_FRAME) & ~UINT64_C(7);

    if (!stack)
        return;
    g->stacks_seen = 1;
    for (at = at < stack->begin ? stack->begin : at; at + 8 <= stack->end; at += 8) {
        uint64_t word = word_at(at);

        if (is_object(g, word))
            tell(g, word, at, MEDIC_ROOT_GUESSED, MEDIC_ROOT_ON_STACK);
        else if (is_in_heap(g, word))
            tell(g, word, at, MEDIC_ROOT_GUESSED, MEDIC_ROOT_ON_STACK | MEDIC_ROOT_INTERIOR);
    }
}

/* What keeps a thread's statics is told by each of them; the arrays in between are by this. */
static void tell_thread(struct guess *g, uint64_t thread)
{
    uint64_t statics = heap_thread_statics(thread, g->statics_place);

    if (is_object(g, statics))
        tell(g, statics, 0, MEDIC_ROOT_OTHER, 0);
    scan_stack(g, word_at(thread + THREAD_FRAME));
}

static void step_threads(void *context)
{
    struct guess *g = context;

    while (g->next_thread < g->thread_count)
        tell_thread(g, (uint64_t)g->threads[g->next_thread++]);
}

/* Whoever reads the photograph must know what it lacks. */
static void tell_gaps(struct guess *g, int late)
{
    if (!g->handle_kinds)
        heap_output_log(g->sink, "the runtime's handles were not found: what only they hold looks dead");
    if (!g->finalizers_seen)
        heap_output_log(g->sink, "the objects that wait for their finalizer were not found: they look dead");
    if (!g->stacks_seen)
        heap_output_log(g->sink, "the stacks of managed threads were not found: what only they hold looks dead");
    if (late)
        heap_output_log(g->sink, "the roots were not looked for to the end: it took too long");
}

static void find_roots(struct guess *g)
{
    int late;

    g->map = (struct memory_map){.ranges = g->mappings, .capacity = MAPPINGS_MAX, .fixed = 1};
    if (memory_map_read_into(&g->map, g->text) != MEDIC_OK) {
        heap_output_log(g->sink, "the process's mappings cannot be read: no roots but static fields");
        return;
    }
    heap_try_limit(LIMIT_NS);
    take_ranges(g);
    tell_handles(g);
    tell_finalizers(g);
    g->thread_count = heap_statics_threads(g->sink->statics, &g->threads, &g->statics_place);
    while (g->next_thread < g->thread_count && heap_try(step_threads, g) != HEAP_TRIED_LATE)
        ;
    late = heap_try_is_late();
    heap_try_limit(0);
    flush(g);
    tell_gaps(g, late);
}

void heap_guess_roots(struct heap_sink *sink)
{
    struct guess *g = mmap(NULL, sizeof *g, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (g == MAP_FAILED || !heap_try_open()) {
        heap_output_log(sink, "no roots but static fields were looked for: the kernel refuses memory or a timer");
        return;
    }
    g->sink = sink;
    find_roots(g);
    munmap(g, sizeof *g);
}
