#include "tool/stack_tree_parts.h"

#include "tool/capture_frames.h"

#include <stdlib.h>
#include <string.h>

#define TRIE_MAX ((uint32_t)1 << 23)

uint64_t tree_sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void tree_fail(medic_stack_tree *tree)
{
    struct document *document = tree->document;
    tree->failed = true;
    if (document && !document->error)
        document->error = medic_fail(&document->reason, MEDIC_E_MEMORY,
                                     "the stacks differ too much for the memory there is: record for a shorter time");
}

/* --- children by parent --- */

static uint32_t slot_of(const struct child_table *table, uint32_t parent, uint32_t what)
{
    uint64_t hash = ((uint64_t)parent << 32 | what) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 32) *
           UINT64_C(0xd6e8feb86659fd93); /* numbers that follow one another must not stay neighbours */
    return (uint32_t)(hash >> 32) & table->mask;
}

static int child_grow(struct child_table *table)
{
    struct child_table larger = {.mask = table->slots ? table->mask * 2 + 1 : 1023, .used = table->used};
    larger.slots = calloc((size_t)larger.mask + 1, sizeof *larger.slots);
    if (!larger.slots)
        return -1;
    for (size_t i = 0; table->slots && i <= table->mask; i++) {
        const struct child_slot *old = &table->slots[i];
        if (!old->node)
            continue;
        uint32_t at = slot_of(&larger, old->parent, old->what);
        while (larger.slots[at].node)
            at = (at + 1) & larger.mask;
        larger.slots[at] = *old;
    }
    free(table->slots);
    *table = larger;
    return 0;
}

uint32_t child_find(struct child_table *table, uint32_t parent, uint32_t what, struct child_slot **place)
{
    *place = NULL;
    if (!table->slots || table->used > table->mask / 2)
        if (child_grow(table))
            return 0;
    uint32_t at = slot_of(table, parent, what);
    for (; table->slots[at].node; at = (at + 1) & table->mask)
        if (table->slots[at].parent == parent && table->slots[at].what == what)
            return table->slots[at].node;
    *place = &table->slots[at];
    (*place)->parent = parent;
    (*place)->what = what;
    table->used++;
    return 0;
}

void child_free(struct child_table *table)
{
    free(table->slots);
    *table = (struct child_table){0};
}

/* --- a tree --- */

/* For when there is not even memory for a tree: swallows everything. */
static medic_stack_tree *dead_tree(struct document *document)
{
    static medic_stack_tree dead;
    dead.document = document;
    tree_fail(&dead);
    return &dead;
}

medic_stack_tree *stack_tree_new(struct report_frames *frames, struct document *document)
{
    medic_stack_tree *tree = calloc(1, sizeof *tree);
    if (!tree)
        return dead_tree(document);
    *tree = (medic_stack_tree){.frames = frames, .document = document, .trie_count = 1, .trie_capacity = 1024};
    tree->trie = calloc(tree->trie_capacity, sizeof *tree->trie);
    tree->last_frames = malloc(CAPTURE_STACK_MAX * sizeof *tree->last_frames);
    tree->last_nodes = malloc(CAPTURE_STACK_MAX * sizeof *tree->last_nodes);
    if (!frames || !tree->trie || !tree->last_frames || !tree->last_nodes)
        tree_fail(tree);
    return tree;
}

static void forget_merged(medic_stack_tree *tree)
{
    free(tree->nodes);
    free(tree->node_of);
    free(tree->functions);
    tree->nodes = NULL;
    tree->node_of = NULL;
    tree->functions = NULL;
    tree->node_count = tree->function_count = 0;
    tree->merged = false;
}

void stack_tree_free(medic_stack_tree *tree)
{
    if (!tree || !tree->last_frames) /* the dead one */
        return;
    forget_merged(tree);
    child_free(&tree->more_children);
    free(tree->trie);
    free(tree->last_frames);
    free(tree->last_nodes);
    free(tree);
}

static uint32_t new_trie_node(medic_stack_tree *tree, uint32_t parent, uint32_t frame)
{
    if (tree->trie_count == tree->trie_capacity) {
        uint32_t capacity = tree->trie_capacity * 2;
        struct trie_node *larger = capacity <= TRIE_MAX ? realloc(tree->trie, (size_t)capacity * sizeof *larger) : NULL;
        if (!larger)
            return 0;
        tree->trie = larger;
        tree->trie_capacity = capacity;
    }
    tree->trie[tree->trie_count] = (struct trie_node){.parent = parent, .frame = frame};
    return tree->trie_count++;
}

static uint32_t listed_child(const medic_stack_tree *tree, uint32_t parent, uint32_t frame)
{
    uint32_t child = tree->trie[parent].first_child;
    while (child && tree->trie[child].frame != frame)
        child = tree->trie[child].next;
    return child;
}

static uint32_t new_listed_child(medic_stack_tree *tree, uint32_t parent, uint32_t frame)
{
    uint32_t child = new_trie_node(tree, parent, frame);
    if (child) {
        tree->trie[child].next = tree->trie[parent].first_child;
        tree->trie[parent].first_child = child;
        tree->trie[parent].children++;
    }
    return child;
}

/* 0: no memory. */
static uint32_t trie_child(medic_stack_tree *tree, uint32_t parent, uint32_t frame)
{
    struct child_slot *place;
    uint32_t child = listed_child(tree, parent, frame);
    if (child)
        return child;
    if (tree->trie[parent].children < TRIE_LIST)
        return new_listed_child(tree, parent, frame);
    child = child_find(&tree->more_children, parent, frame, &place);
    return child || !place ? child : (place->node = new_trie_node(tree, parent, frame));
}

void stack_tree_add(medic_stack_tree *tree, const uint32_t *frames, uint32_t count, uint64_t weight, uint64_t stacks)
{
    if (tree->failed)
        return;
    uint32_t known = report_frames_count(tree->frames), depth = 0, node = 0;
    bool alike = true;
    for (uint32_t i = 0; i < count && depth < CAPTURE_STACK_MAX; i++) {
        if (frames[i] == 0 || frames[i] > known)
            continue;
        alike = alike && depth < tree->last_count && tree->last_frames[depth] == frames[i];
        node = alike ? tree->last_nodes[depth] : trie_child(tree, node, frames[i]);
        if (!node) {
            tree->last_count = 0;
            tree_fail(tree);
            return;
        }
        tree->last_frames[depth] = frames[i];
        tree->last_nodes[depth++] = node;
    }
    tree->last_count = depth;
    tree->trie[node].weight = tree_sum(tree->trie[node].weight, weight);
    tree->trie[node].stacks = tree_sum(tree->trie[node].stacks, stacks);
    if (tree->merged)
        forget_merged(tree);
}

/* Whether nodes and functions are there. */
static bool make_merged(medic_stack_tree *tree)
{
    if (!tree->failed && !tree->merged) {
        tree->merged = true;
        if (tree_merge(tree) || tree_find_functions(tree))
            tree_fail(tree);
    }
    return !tree->failed;
}

const medic_tree_node *stack_tree_nodes(medic_stack_tree *tree, uint32_t *count)
{
    static const medic_tree_node EMPTY = {0};
    bool made = make_merged(tree);
    *count = made ? tree->node_count : 1;
    return made ? tree->nodes : &EMPTY;
}

const medic_tree_function *stack_tree_functions(medic_stack_tree *tree, uint32_t *count)
{
    static const medic_tree_function NONE = {0};
    bool made = make_merged(tree);
    *count = made ? tree->function_count : 0;
    return made ? tree->functions : &NONE;
}
