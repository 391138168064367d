/* From the trie of frames to nodes and functions: frames of one function become one, the frame with the greatest weight
 * stands for them. */
#include "tool/stack_tree_parts.h"

#include <stdlib.h>
#include <string.h>

/* How much a frame weighs in a node or function (group). */
struct part {
    uint32_t group, frame;
    uint64_t self, total;
};

static int by_group_and_frame(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->frame > y->frame) - (x->frame < y->frame);
}

/* Sums up parts of the same frame, in place; the new count. Sorted by group, then frame. */
static uint32_t add_up(struct part *parts, uint32_t count)
{
    uint32_t kept = 0;
    qsort(parts, count, sizeof *parts, by_group_and_frame);
    for (uint32_t i = 0; i < count; i++) {
        if (kept && parts[kept - 1].group == parts[i].group && parts[kept - 1].frame == parts[i].frame) {
            parts[kept - 1].self = tree_sum(parts[kept - 1].self, parts[i].self);
            parts[kept - 1].total = tree_sum(parts[kept - 1].total, parts[i].total);
        } else {
            parts[kept++] = parts[i];
        }
    }
    return kept;
}

/* One part for each node of the trie but the root: its own and its total weight. NULL: no memory. */
static struct part *trie_parts(const medic_stack_tree *tree)
{
    struct part *parts = malloc(tree->trie_count * sizeof *parts);
    if (!parts)
        return NULL;
    for (uint32_t i = 0; i < tree->trie_count; i++) {
        const struct trie_node *from = &tree->trie[i];
        parts[i] = (struct part){0, from->frame, from->weight, from->weight};
    }
    for (uint32_t i = tree->trie_count - 1; i > 0; i--) {
        struct part *parent = &parts[tree->trie[i].parent];
        parent->total = tree_sum(parent->total, parts[i].total);
    }
    return parts;
}

/* --- nodes --- */

static int merge_nodes(medic_stack_tree *tree)
{
    struct child_table table = {0};
    int result = 0;
    tree->node_count = 1;
    for (uint32_t i = 1; i < tree->trie_count && !result; i++) {
        struct child_slot *place;
        uint32_t parent = tree->node_of[tree->trie[i].parent];
        uint32_t function = report_frames_function(tree->frames, tree->trie[i].frame);
        uint32_t node = child_find(&table, parent, function, &place);
        if (!node && place) {
            node = place->node = tree->node_count++;
            tree->nodes[node] = (medic_tree_node){.frame = tree->trie[i].frame, .parent = parent};
        }
        tree->node_of[i] = node;
        result = node ? 0 : -1;
    }
    child_free(&table);
    return result;
}

static void weigh_nodes(medic_stack_tree *tree)
{
    medic_tree_node *nodes = tree->nodes;
    for (uint32_t i = 0; i < tree->trie_count; i++) {
        medic_tree_node *node = &nodes[tree->node_of[i]];
        node->self = tree_sum(node->self, tree->trie[i].weight);
        node->self_count = tree_sum(node->self_count, tree->trie[i].stacks);
    }
    for (uint32_t i = 0; i < tree->node_count; i++) {
        nodes[i].total = nodes[i].self;
        nodes[i].total_count = nodes[i].self_count;
    }
    for (uint32_t i = tree->node_count - 1; i > 0; i--) { /* children come after their parents */
        medic_tree_node *parent = &nodes[nodes[i].parent];
        parent->total = tree_sum(parent->total, nodes[i].total);
        parent->total_count = tree_sum(parent->total_count, nodes[i].total_count);
    }
}

static int choose_node_frames(medic_stack_tree *tree)
{
    struct part *parts = trie_parts(tree);
    if (!parts)
        return -1;
    for (uint32_t i = 0; i < tree->trie_count; i++)
        parts[i].group = tree->node_of[i];
    uint32_t count = add_up(parts, tree->trie_count);
    for (uint32_t i = 1, best = 1; i < count; i++) { /* 0 is the root */
        if (parts[i].group != parts[best].group || parts[i].total > parts[best].total)
            best = i;
        tree->nodes[parts[best].group].frame = parts[best].frame;
    }
    free(parts);
    return 0;
}

struct sibling {
    uint32_t parent, node;
    uint64_t total;
};

static int by_parent_and_weight(const void *a, const void *b)
{
    const struct sibling *x = a, *y = b;
    if (x->parent != y->parent)
        return x->parent < y->parent ? -1 : 1;
    if (x->total != y->total)
        return x->total > y->total ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

static int link_nodes(medic_stack_tree *tree)
{
    uint32_t count = tree->node_count - 1;
    struct sibling *siblings = malloc((count ? count : 1) * sizeof *siblings);
    if (!siblings)
        return -1;
    for (uint32_t i = 0; i < count; i++)
        siblings[i] = (struct sibling){tree->nodes[i + 1].parent, i + 1, tree->nodes[i + 1].total};
    qsort(siblings, count, sizeof *siblings, by_parent_and_weight);
    for (uint32_t i = 0; i < count; i++) {
        bool first = i == 0 || siblings[i - 1].parent != siblings[i].parent;
        if (first)
            tree->nodes[siblings[i].parent].first_child = siblings[i].node;
        else
            tree->nodes[siblings[i - 1].node].next = siblings[i].node;
    }
    free(siblings);
    return 0;
}

int tree_merge(medic_stack_tree *tree)
{
    tree->nodes = calloc(tree->trie_count, sizeof *tree->nodes);
    tree->node_of = calloc(tree->trie_count, sizeof *tree->node_of);
    if (!tree->nodes || !tree->node_of || merge_nodes(tree))
        return -1;
    weigh_nodes(tree);
    return choose_node_frames(tree) || link_nodes(tree) ? -1 : 0;
}

/* --- functions --- */

struct counting {
    medic_stack_tree *tree;
    uint32_t *index; /* function_id -> its place in functions plus 1 */
    uint32_t *depth; /* function_id -> how often it stands on the way from the root */
};

static void enter(struct counting *counting, uint32_t n)
{
    medic_stack_tree *tree = counting->tree;
    const medic_tree_node *node = &tree->nodes[n];
    uint32_t id = report_frames_function(tree->frames, node->frame);
    if (!counting->index[id]) {
        tree->functions[tree->function_count] = (medic_tree_function){.frame = node->frame};
        counting->index[id] = ++tree->function_count;
    }
    medic_tree_function *function = &tree->functions[counting->index[id] - 1];
    function->self = tree_sum(function->self, node->self);
    function->self_count = tree_sum(function->self_count, node->self_count);
    if (counting->depth[id]++ == 0) { /* what lies deeper is part of it */
        function->total = tree_sum(function->total, node->total);
        function->total_count = tree_sum(function->total_count, node->total_count);
    }
}

static void leave(struct counting *counting, uint32_t n)
{
    counting->depth[report_frames_function(counting->tree->frames, counting->tree->nodes[n].frame)]--;
}

static void count_functions(struct counting *counting)
{
    const medic_tree_node *nodes = counting->tree->nodes;
    for (uint32_t n = nodes[0].first_child; n;) {
        enter(counting, n);
        if (nodes[n].first_child) {
            n = nodes[n].first_child;
            continue;
        }
        while (n && !nodes[n].next) {
            leave(counting, n);
            n = nodes[n].parent;
        }
        if (n) {
            leave(counting, n);
            n = nodes[n].next;
        }
    }
}

static bool is_better(const struct part *a, const struct part *b)
{
    return a->self != b->self ? a->self > b->self : a->total > b->total;
}

static int choose_function_frames(struct counting *counting)
{
    medic_stack_tree *tree = counting->tree;
    struct part *parts = trie_parts(tree);
    if (!parts)
        return -1;
    for (uint32_t i = 1; i < tree->trie_count; i++)
        parts[i].group = counting->index[report_frames_function(tree->frames, parts[i].frame)];
    uint32_t count = add_up(parts + 1, tree->trie_count - 1);
    for (uint32_t i = 1, best = 1; i <= count; i++) {
        if (parts[i].group != parts[best].group || is_better(&parts[i], &parts[best]))
            best = i;
        tree->functions[parts[best].group - 1].frame = parts[best].frame;
    }
    free(parts);
    return 0;
}

static int by_self(const void *a, const void *b)
{
    const medic_tree_function *x = a, *y = b;
    if (x->self != y->self)
        return x->self > y->self ? -1 : 1;
    if (x->total != y->total)
        return x->total > y->total ? -1 : 1;
    return (x->frame > y->frame) - (x->frame < y->frame);
}

int tree_find_functions(medic_stack_tree *tree)
{
    size_t ids = (size_t)report_frames_count(tree->frames) + 1;
    struct counting counting = {tree, calloc(ids, sizeof(uint32_t)), calloc(ids, sizeof(uint32_t))};
    size_t most = tree->node_count < ids ? tree->node_count : ids;
    tree->functions = calloc(most, sizeof *tree->functions);
    int result = counting.index && counting.depth && tree->functions ? 0 : -1;
    if (!result) {
        count_functions(&counting);
        result = choose_function_frames(&counting);
        qsort(tree->functions, tree->function_count, sizeof *tree->functions, by_self);
    }
    free(counting.index);
    free(counting.depth);
    return result;
}
