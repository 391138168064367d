/* Dominators of the made-up heap, slowly and plainly: A dominates B when B is not reached any more without A. And a second
 * photograph, which is made when it is asked for. Beside heap_host.h. */
#ifndef HEAP_TREE_H
#define HEAP_TREE_H

#include "heap_host.h"

static struct {
    medic_heap_dominators out;
    uint32_t idom[HEAP_OBJECTS + 1], first_child[HEAP_OBJECTS + 2], child[HEAP_OBJECTS];
    uint64_t retained[HEAP_OBJECTS + 1];
    uint32_t dominators[HEAP_OBJECTS]; /* how many a node has */
    uint8_t reached[HEAP_OBJECTS], without[HEAP_OBJECTS];
    uint8_t above[HEAP_OBJECTS][HEAP_OBJECTS / 8]; /* [a] of b: a bit */
    uint32_t stack[HEAP_OBJECTS];
    void (*second)(void); /* makes the second photograph; NULL = there is one */
    int released;
} tree;

static inline void tree_search(uint32_t without, uint8_t *reached)
{
    uint32_t count = 0;

    memset(reached, 0, HEAP_OBJECTS);
    for (uint32_t i = 0; i < heap.graph.root_count; i++) {
        uint32_t node = heap.roots[i].node;
        if (node != without && !reached[node] && !(heap.roots[i].flags & MEDIC_ROOT_WEAK)) {
            reached[node] = 1;
            tree.stack[count++] = node;
        }
    }
    while (count) {
        uint32_t node = tree.stack[--count];
        for (uint64_t edge = heap.first_edge[node]; edge < heap.first_edge[node + 1]; edge++) {
            uint32_t target = heap.target[edge];
            if (target == without || reached[target])
                continue;
            reached[target] = 1;
            tree.stack[count++] = target;
        }
    }
}

static inline int tree_is_above(uint32_t a, uint32_t b)
{
    return tree.above[a][b / 8] >> (b % 8) & 1;
}

static inline void tree_find_above(uint32_t nodes)
{
    tree_search(MEDIC_NO_NODE, tree.reached);
    for (uint32_t a = 0; a < nodes; a++) {
        tree_search(a, tree.without);
        for (uint32_t b = 0; b < nodes && tree.reached[a]; b++) {
            if (b == a || !tree.reached[b] || tree.without[b])
                continue;
            tree.above[a][b / 8] |= (uint8_t)(1u << (b % 8));
            tree.dominators[b]++;
        }
    }
}

static inline void tree_name(uint32_t nodes, uint32_t node)
{
    tree.retained[node] = (uint64_t)heap.units[node] * 8;
    tree.idom[node] = tree.reached[node] ? nodes : MEDIC_NO_NODE;
    for (uint32_t other = 0; other < nodes; other++) {
        if (tree_is_above(other, node) && tree.dominators[other] + 1 == tree.dominators[node])
            tree.idom[node] = other;
        if (tree_is_above(node, other))
            tree.retained[node] += (uint64_t)heap.units[other] * 8;
    }
}

static inline const medic_heap_dominators *tree_dominators(const medic_host *host, const medic_heap_graph *graph)
{
    uint32_t nodes = graph->node_count, children = 0;

    (void)host;
    memset(tree.above, 0, sizeof tree.above);
    memset(tree.dominators, 0, sizeof tree.dominators);
    tree.out = (medic_heap_dominators){.size = sizeof tree.out,
                                       .idom = tree.idom,
                                       .retained = tree.retained,
                                       .first_child = tree.first_child,
                                       .child = tree.child};
    tree_find_above(nodes);
    for (uint32_t node = 0; node < nodes; node++) {
        tree_name(nodes, node);
        tree.out.reachable += tree.reached[node];
        tree.out.reachable_bytes += tree.reached[node] ? (uint64_t)heap.units[node] * 8 : 0;
    }
    tree.idom[nodes] = MEDIC_NO_NODE;
    tree.retained[nodes] = tree.out.reachable_bytes;
    for (uint32_t node = 0; node <= nodes; node++) {
        tree.first_child[node] = children;
        for (uint32_t child = 0; child < nodes; child++)
            if (tree.idom[child] == node)
                tree.child[children++] = child;
    }
    tree.first_child[nodes + 1] = children;
    return &tree.out;
}

static inline uint32_t tree_photographs(const medic_host *host)
{
    (void)host;
    return !heap.taken ? 0 : tree.second ? 2 : 1;
}

/* The second lives where the first was. */
static inline const medic_heap_graph *tree_graph(const medic_host *host, uint32_t index)
{
    if (index) {
        assert_true(tree.released);
        heap_reset();
        tree.second();
    }
    return heap_graph_of(host, 0);
}

static inline void tree_release(const medic_host *host, const medic_heap_graph *graph)
{
    (void)host, (void)graph;
    tree.released = 1;
}

static inline const void *tree_service(const char *name)
{
    static const medic_heap_graph_service service = {.size = sizeof service,
                                                     .photographs = tree_photographs,
                                                     .graph = tree_graph,
                                                     .dominators = tree_dominators,
                                                     .field = heap_field,
                                                     .release = tree_release};

    return strcmp(name, MEDIC_SERVICE_HEAP_GRAPH) == 0 ? &service : NULL;
}

static inline void tree_reset(void)
{
    host_reset();
    heap_reset();
    tree.second = NULL;
    tree.released = 0;
    made.more = tree_service;
}

#endif
