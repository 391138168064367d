#include "core/services/heap_choice.h"

#define MB (UINT64_C(1) << 20)
#define MS UINT64_C(1000000)

/* Measured on a quiet machine: page tables are copied, 20 to 40 ms for each GB, the longer the more the pages lie about; code
 * memory is compared with its copy; and some is for every photograph. */
#define CLONE_NS_PER_MB UINT64_C(25000)
#define CODE_NS_PER_MB (MS / 2)
#define SUSPEND_NS (6 * MS)
/* A collection marks its objects in them: every page of the heap becomes the copy's own. */
#define COLLECT_NEED_BASE (32 * MB)
#define WALK_NEED (48 * MB)

const char *heap_route_name(uint32_t route)
{
    switch (route) {
    case MEDIC_HEAP_COPY: return "a collection in a copy of the process";
    case MEDIC_HEAP_COLLECT: return "a collection of the program";
    case MEDIC_HEAP_ENUMERATE: return "a list made in a copy of the process";
    default: return "any route";
    }
}

uint64_t heap_choice_need(const struct heap_situation *situation, uint32_t route)
{
    uint64_t anonymous = situation->size.anonymous;

    return route == MEDIC_HEAP_COPY ? anonymous + anonymous / 8 + COLLECT_NEED_BASE + situation->code_bytes
                                    : WALK_NEED + situation->code_bytes;
}

uint64_t heap_choice_pause(const struct heap_situation *situation, uint32_t route)
{
    if (route == MEDIC_HEAP_COLLECT)
        return situation->collect_ns;
    return SUSPEND_NS + situation->size.anonymous / MB * CLONE_NS_PER_MB + situation->code_bytes * CODE_NS_PER_MB / MB;
}

/* MEDIC_OK, or why this route cannot be taken at all. */
static int possible(const struct heap_situation *s, uint32_t route, medic_reason *why)
{
    uint64_t need = heap_choice_need(s, route), pause = heap_choice_pause(s, route);

    if (route == MEDIC_HEAP_COPY && s->server_gc)
        return medic_fail(why, MEDIC_E_UNSUPPORTED, "with server GC a copy of the process cannot collect");
    if (route == MEDIC_HEAP_ENUMERATE && !s->lists)
        return medic_fail(why, MEDIC_E_UNSUPPORTED,
                          "the runtime cannot list its objects without a collection before .NET 9");
    if (route != MEDIC_HEAP_ENUMERATE && !s->may_collect)
        return medic_fail(why, MEDIC_E_UNSUPPORTED,
                          "no collection can be watched in this session: the profiler said that it needs none");
    if (need > s->spare)
        return medic_fail(why, MEDIC_E_MEMORY,
                          "%s would need about %llu MB of memory, and %llu MB may be used: raise the memory limit of "
                          "the container, or free memory on the machine",
                          heap_route_name(route), (unsigned long long)(need / MB), (unsigned long long)(s->spare / MB));
    if (pause > s->max_pause_ns)
        return medic_fail(why, MEDIC_E_UNSAFE,
                          "%s would probably stop the program for %llu ms, and %llu ms are allowed: raise max_pause",
                          heap_route_name(route), (unsigned long long)(pause / MS),
                          (unsigned long long)(s->max_pause_ns / MS));
    return MEDIC_OK;
}

static void add(const struct heap_situation *s, uint32_t route, const medic_reason *before, struct heap_choice *choice)
{
    choice->routes[choice->count].route = route;
    choice->routes[choice->count].pause_ns = heap_choice_pause(s, route);
    choice->routes[choice->count].why = *before;
    choice->count++;
}

int heap_choose(const struct heap_situation *situation, struct heap_choice *choice, medic_reason *why)
{
    static const uint32_t listing[] = {MEDIC_HEAP_ENUMERATE, MEDIC_HEAP_COPY, MEDIC_HEAP_COLLECT},
                          collecting[] = {MEDIC_HEAP_COPY, MEDIC_HEAP_COLLECT};
    int lists = situation->dead_too && situation->lists;
    const uint32_t *routes = lists ? listing : collecting;
    uint32_t count = lists ? 3 : 2;
    medic_reason first = {""}, reason;
    uint64_t shortest = UINT64_MAX;
    int code = MEDIC_OK;

    choice->count = 0;
    if (situation->route != MEDIC_HEAP_AUTO) {
        routes = &situation->route;
        count = 1;
    }
    for (uint32_t i = 0; i < count; i++) {
        int refused = possible(situation, routes[i], &reason);

        if (refused == MEDIC_OK) {
            add(situation, routes[i], &first, choice);
            continue;
        }
        /* What the first was refused for explains the second. Of all refusals the last is the nearest to a cure; of pauses
         * that are too long, the shortest. */
        if (!first.text[0])
            first = reason;
        if (refused == MEDIC_E_UNSAFE) {
            if (heap_choice_pause(situation, routes[i]) >= shortest)
                continue;
            shortest = heap_choice_pause(situation, routes[i]);
        }
        if (code == MEDIC_OK || refused != MEDIC_E_UNSUPPORTED) {
            code = refused;
            if (why)
                *why = reason;
        }
    }
    return choice->count ? MEDIC_OK : code;
}
