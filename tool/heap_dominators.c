/* Exact dominators by semi-NCA (Georgiadis, Tarjan, Werneck: "Finding dominators in practice"): Lengauer-Tarjan's
 * semidominators with path compression, then the nearest common ancestor with a walk up the tree instead of buckets. Close to
 * linear on heaps, four words a node, no recursion anywhere: a list of ten million objects is one path.
 *
 * Objects are numbered as a depth-first walk from the root meets them; the root is 0. What follows works on these numbers. */
#include "tool/heap_graph.h"

#include <stdlib.h>

#define NOT_MET UINT32_MAX

struct work {
    const medic_heap_graph *graph;
    uint32_t *number;   /* by node; NOT_MET */
    uint32_t *node;     /* by number */
    uint32_t *parent;   /* in the walk's tree; later the immediate dominator */
    uint32_t *ancestor; /* parent, until a path is compressed */
    uint32_t *semi;     /* semidominator */
    uint32_t *least;    /* least semidominator on the path to the ancestor */
    uint32_t *first;    /* [count + 1] where the references to an object begin in source */
    uint32_t *source;
    uint32_t *path; /* room for the longest path */
    uint32_t count; /* objects that were met, and the root */
};

/* Room that is not used costs nothing: the system gives pages when they are touched. */
static uint32_t *words(size_t count)
{
    return malloc((count + 1) * sizeof(uint32_t));
}

static void free_work(struct work *work)
{
    free(work->number);
    free(work->node);
    free(work->parent);
    free(work->ancestor);
    free(work->semi);
    free(work->least);
    free(work->first);
    free(work->source);
    free(work->path);
}

/* --- the walk --- */

static void meet(struct work *work, uint32_t node, uint32_t parent)
{
    work->number[node] = work->count;
    work->node[work->count] = node;
    work->parent[work->count++] = parent;
}

/* One reference: it counts for its target, which may be new. 1 = it is. */
static int follow(struct work *work, uint32_t target, uint32_t from)
{
    int is_new = work->number[target] == NOT_MET;
    if (is_new)
        meet(work, target, from);
    work->first[work->number[target]]++;
    return is_new;
}

/* All that an object reaches and was not met before. next: by number, the reference to follow next. */
static void walk_from(struct work *work, uint32_t *next)
{
    const medic_heap_graph *graph = work->graph;
    uint32_t at = work->count - 1;
    next[at] = (uint32_t)graph->first_edge[work->node[at]];
    for (;;) {
        uint64_t edge = next[at], end = graph->first_edge[work->node[at] + 1];
        while (edge < end && !follow(work, graph->target[edge], at))
            edge++;
        if (edge < end) {
            next[at] = (uint32_t)edge + 1;
            at = work->count - 1;
            next[at] = (uint32_t)graph->first_edge[work->node[at]];
        } else if (work->parent[at] == 0) {
            return;
        } else {
            at = work->parent[at];
        }
    }
}

/* How often each object is referred to is counted on the way. */
static int walk(struct work *work)
{
    const medic_heap_graph *graph = work->graph;
    size_t count = (size_t)graph->node_count + 1;
    work->number = words(count);
    work->node = words(count);
    work->parent = words(count);
    work->first = calloc(count + 1, sizeof *work->first);
    uint32_t *next = words(count);
    if (work->number && work->node && work->parent && work->first && next) {
        for (size_t i = 0; i < count; i++)
            work->number[i] = NOT_MET;
        meet(work, graph->root_node, 0);
        for (uint32_t i = 0; i < graph->strong_root_count; i++)
            if (follow(work, graph->roots[i].node, 0))
                walk_from(work, next);
    }
    int result = next && work->first && work->parent && work->node && work->number ? 0 : -1;
    free(next);
    return result;
}

/* --- who refers to whom --- */

static int turn_round(struct work *work)
{
    const medic_heap_graph *graph = work->graph;
    uint32_t sum = 0; /* see HEAP_REFERENCES_MAX */
    for (uint32_t i = 0; i < work->count; i++)
        sum = work->first[i] += sum; /* ends, until the references are put in front of them */
    work->first[work->count] = sum;
    work->source = words(sum);
    if (!work->source)
        return -1;
    for (uint32_t from = 1; from < work->count; from++) {
        uint32_t node = work->node[from];
        for (uint64_t edge = graph->first_edge[node]; edge < graph->first_edge[node + 1]; edge++)
            work->source[--work->first[work->number[graph->target[edge]]]] = from;
    }
    for (uint32_t i = 0; i < graph->strong_root_count; i++)
        work->source[--work->first[work->number[graph->roots[i].node]]] = 0;
    free(work->number);
    work->number = NULL;
    return 0;
}

/* --- semidominators --- */

/* Objects above `last` are linked. The least semidominator on the path from `from` to the last linked one above it; the path is
 * shortened. */
static uint32_t least_above(struct work *work, uint32_t from, uint32_t last)
{
    uint32_t *ancestor = work->ancestor, *least = work->least, depth = 0;
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): every object that was met has one */
    for (; ancestor[from] > last; from = ancestor[from])
        work->path[depth++] = from;
    uint32_t top = ancestor[from], above = least[from];
    while (depth) {
        uint32_t at = work->path[--depth];
        if (least[at] < above)
            above = least[at];
        least[at] = above;
        ancestor[at] = top;
    }
    return above;
}

static int find_semidominators(struct work *work)
{
    work->ancestor = words(work->count);
    work->semi = words(work->count);
    work->least = words(work->count);
    work->path = words(work->count);
    if (!work->ancestor || !work->semi || !work->least || !work->path)
        return -1;
    for (uint32_t i = 0; i < work->count; i++)
        work->ancestor[i] = work->parent[i];
    for (uint32_t at = work->count - 1; at > 0; at--) {
        uint32_t semi = work->parent[at];
        for (uint32_t i = work->first[at]; i < work->first[at + 1]; i++) {
            uint32_t from = work->source[i], found = from;
            if (from > at)
                found = least_above(work, from, at);
            if (found < semi)
                semi = found;
        }
        work->semi[at] = work->least[at] = semi;
    }
    return 0;
}

/* The dominator is the first one up the tree that is not below the semidominator; those of smaller numbers are known. */
static void find_dominators(struct work *work)
{
    uint32_t *dominator = work->parent;
    for (uint32_t at = 1; at < work->count; at++) {
        uint32_t candidate = dominator[at];
        while (candidate > work->semi[at])
            candidate = dominator[candidate];
        dominator[at] = candidate;
    }
}

/* --- what is told --- */

static void add_up(const struct work *work, uint64_t *retained)
{
    const medic_heap_graph *graph = work->graph;
    for (uint32_t node = 0; node < graph->node_count; node++)
        retained[node] = (uint64_t)graph->units[node] * 8;
    retained[graph->root_node] = 0;
    for (uint32_t at = work->count - 1; at > 0; at--)
        retained[work->node[work->parent[at]]] += retained[work->node[at]];
}

/* Children by dominator, each run in ascending order. */
static void list_children(uint32_t places, const uint32_t *idom, uint32_t *first, uint32_t *child)
{
    for (uint32_t node = 0; node < places; node++)
        if (idom[node] != MEDIC_NO_NODE)
            first[idom[node]]++;
    uint32_t sum = 0;
    for (uint32_t node = 0; node < places; node++)
        sum = first[node] += sum;
    first[places] = sum;
    for (uint32_t node = places; node-- > 0;)
        if (idom[node] != MEDIC_NO_NODE)
            child[--first[idom[node]]] = node;
}

static int tell(struct work *work, medic_heap_dominators *out)
{
    const medic_heap_graph *graph = work->graph;
    uint32_t places = graph->node_count + 1;
    uint32_t *idom = words(places);
    uint64_t *retained = malloc(places * sizeof *retained);
    out->idom = idom;
    out->retained = retained;
    out->reachable = work->count - 1;
    if (!idom || !retained)
        return -1;
    for (uint32_t node = 0; node < places; node++) /* those that were not met */
        idom[node] = MEDIC_NO_NODE;
    for (uint32_t at = 1; at < work->count; at++)
        idom[work->node[at]] = work->node[work->parent[at]];
    add_up(work, retained);
    out->reachable_bytes = retained[graph->root_node];
    free_work(work);
    *work = (struct work){0};
    uint32_t *first = calloc((size_t)places + 1, sizeof *first), *child = words(out->reachable);
    out->first_child = first;
    out->child = child;
    if (!first || !child)
        return -1;
    list_children(places, idom, first, child);
    return 0;
}

medic_heap_dominators *heap_dominators_make(const medic_heap_graph *graph)
{
    struct work work = {.graph = graph};
    medic_heap_dominators *dominators = calloc(1, sizeof *dominators);
    int failed = !dominators || walk(&work) || turn_round(&work) || find_semidominators(&work);
    if (!failed) {
        dominators->size = sizeof *dominators;
        free(work.first);
        free(work.source);
        free(work.ancestor);
        free(work.path);
        work.first = NULL;
        work.source = work.ancestor = work.path = NULL;
        find_dominators(&work);
        failed = tell(&work, dominators);
    }
    free_work(&work);
    if (!failed)
        return dominators;
    heap_dominators_free(dominators);
    return NULL;
}

void heap_dominators_free(medic_heap_dominators *dominators)
{
    if (!dominators)
        return;
    free((void *)(uintptr_t)dominators->idom);
    free((void *)(uintptr_t)dominators->retained);
    free((void *)(uintptr_t)dominators->first_child);
    free((void *)(uintptr_t)dominators->child);
    free(dominators);
}
