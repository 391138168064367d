/* Deep stacks: a copy stops at 64 KiB, and what lies beyond, next to the root, is mostly the same for a long time. So of a
 * thread whose copies are cut one whole copy is taken, and its activations are remembered; a cut walk that ends in one of
 * them goes on from there. On the worker. */
#ifndef CORE_SERVICES_STACK_JOIN_H
#define CORE_SERVICES_STACK_JOIN_H

#include "core/unwind/unwind.h"

enum { JOIN_CHAINS = 8 }; /* threads that are remembered; the one not used for longest makes room */

struct join_chain {
    uint64_t thread; /* whatever identifies it; 0 = free */
    uint64_t used;   /* a clock */
    struct unwind_step *steps;
    uint32_t count;
    uint32_t flags; /* of the whole copy: MEDIC_STACK_TRUNCATED when even that was cut */
};

struct join {
    struct join_chain chains[JOIN_CHAINS];
    uint64_t clock;
};

/* Remembers the walk of a whole copy in place of an earlier one of the thread. Without memory it is forgotten. */
void join_remember(struct join *join, uint64_t thread, const struct unwind_step *steps, uint32_t count, uint32_t flags);
/* Completes a cut walk in steps (capacity of them, count filled). Returns the new count, and sets *flags to those of the joined
 * stack; or returns count, with *flags as they were, when no activation is known. */
uint32_t join_complete(struct join *join, uint64_t thread, struct unwind_step *steps, uint32_t count, uint32_t capacity,
                       uint32_t *flags);
uint64_t join_memory(const struct join *join);
void join_free(struct join *join);

#endif
