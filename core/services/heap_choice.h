/* Which route a photograph takes, and why: decided from numbers, so that it can be tested without a heap. */
#ifndef CORE_SERVICES_HEAP_CHOICE_H
#define CORE_SERVICES_HEAP_CHOICE_H

#include "core/services/heap_memory.h"

#include <medic/heap_format.h>
#include <medic/result.h>

/* The process, and what is wanted of it. */
struct heap_situation {
    uint32_t route; /* enum medic_heap_route, as asked for */
    int server_gc;
    int lists;           /* the runtime can list its objects: .NET 9 */
    int dead_too;        /* and that is enough */
    int may_collect;     /* collections may be watched: prepared when the session began */
    uint64_t code_bytes; /* of the runtime's code memory */
    uint64_t collect_ns; /* what a collection of the target would take; 0 = not asked */
    uint64_t max_pause_ns;
    uint64_t spare; /* bytes of memory that may be used */
    struct heap_size size;
};

enum { HEAP_ROUTES_MAX = 3 };

/* What may be tried, in this order. */
struct heap_choice {
    uint32_t count;
    struct {
        uint32_t route;    /* enum medic_heap_route */
        uint64_t pause_ns; /* predicted */
        medic_reason why;  /* it is taken, when it is not the first */
    } routes[HEAP_ROUTES_MAX];
};

/* MEDIC_OK with at least one route, or why there is none. Pure. */
int heap_choose(const struct heap_situation *situation, struct heap_choice *choice, medic_reason *why);
/* Bytes that a copy on this route will come to need. Pure. */
uint64_t heap_choice_need(const struct heap_situation *situation, uint32_t route);
/* ns that the target will probably stand still. Pure. */
uint64_t heap_choice_pause(const struct heap_situation *situation, uint32_t route);
/* "a copy", as in sentences. */
const char *heap_route_name(uint32_t route);

#endif
