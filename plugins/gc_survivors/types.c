/* By type and generation: how many objects there are, and what would be free without all of a type. */
#include "recording.h"

#include <stdlib.h>

#define LEAVE (1u << 31)

/* A way down the dominator tree, without recursion: it can be as deep as there are objects. */
struct walk {
    const medic_heap_graph *graph;
    const medic_heap_dominators *tree;
    struct type *types;
    uint32_t *inside; /* of each type, how many objects are above the one that is looked at */
    uint32_t *stack;  /* nodes; with LEAVE when what hangs below them is done */
    size_t count, room;
};

static int push(struct walk *walk, uint32_t entry)
{
    if (walk->count == walk->room) {
        size_t room = walk->room ? walk->room * 2 : 65536;
        uint32_t *stack = realloc(walk->stack, room * sizeof *stack);
        if (!stack)
            return MEDIC_E_MEMORY;
        walk->stack = stack;
        walk->room = room;
    }
    walk->stack[walk->count++] = entry;
    return MEDIC_OK;
}

static int push_children(struct walk *walk, uint32_t node)
{
    int code = MEDIC_OK;

    for (uint32_t i = walk->tree->first_child[node]; i < walk->tree->first_child[node + 1] && code == MEDIC_OK; i++)
        code = push(walk, walk->tree->child[i]);
    return code;
}

/* Retained bytes of a type: of its objects that hang below no other of the same type. */
static int enter(struct walk *walk, uint32_t node)
{
    uint32_t class_index = walk->graph->class_of[node];
    int leaf = walk->tree->first_child[node] == walk->tree->first_child[node + 1];

    if (!walk->inside[class_index])
        walk->types[class_index].retained += walk->tree->retained[node];
    if (leaf)
        return MEDIC_OK;
    walk->inside[class_index]++;
    return push(walk, node | LEAVE) == MEDIC_OK ? push_children(walk, node) : MEDIC_E_MEMORY;
}

static int walk_tree(struct walk *walk)
{
    int code = push_children(walk, walk->graph->root_node);

    while (walk->count && code == MEDIC_OK) {
        uint32_t entry = walk->stack[--walk->count];
        if (entry & LEAVE)
            walk->inside[walk->graph->class_of[entry & ~LEAVE]]--;
        else
            code = enter(walk, entry);
    }
    return code;
}

static void count_objects(struct recording *recording)
{
    const medic_heap_graph *graph = recording->graph;

    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint64_t bytes = bytes_of(graph, node);
        struct type *type = &recording->types[graph->class_of[node]];
        uint32_t generation = graph->generation[node];
        struct generation *of =
            &recording->generations[generation < MEDIC_GENERATIONS ? generation : MEDIC_GENERATION_UNKNOWN];
        if (recording->tree->idom[node] == MEDIC_NO_NODE) {
            recording->dead.count++;
            recording->dead.bytes += bytes;
            continue;
        }
        of->count++;
        of->bytes += bytes;
        type->count++;
        type->bytes += bytes;
        if (is_old(generation)) {
            type->old_count++;
            type->old_bytes += bytes;
        }
    }
}

int count_types(struct recording *recording)
{
    struct walk walk = {.graph = recording->graph, .tree = recording->tree};
    size_t classes = (size_t)recording->graph->class_count + 1;
    int code = MEDIC_E_MEMORY;

    recording->types = calloc(classes, sizeof *recording->types);
    walk.inside = calloc(classes, sizeof *walk.inside);
    walk.types = recording->types;
    if (recording->types && walk.inside) {
        count_objects(recording);
        code = walk_tree(&walk);
    }
    free(walk.inside);
    free(walk.stack);
    return code;
}
