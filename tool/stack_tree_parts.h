/* What the files of a stack tree share. For stack_tree*.c. */
#ifndef TOOL_STACK_TREE_PARTS_H
#define TOOL_STACK_TREE_PARTS_H

#include "tool/stack_tree.h"

/* Finds a node by its parent and what it stands for. Zeroed = empty. */
struct child_table {
    struct child_slot {
        uint32_t parent, what, node; /* node 0 = a free place */
    } * slots;
    uint32_t mask, used;
};

/* The node, or 0 after making room for it at *place: the caller sets node there. place NULL: no memory. */
uint32_t child_find(struct child_table *table, uint32_t parent, uint32_t what, struct child_slot **place);
void child_free(struct child_table *table);

#define TRIE_LIST 8u

/* A stack that was added ends here; nodes before it lead to it. Parents have smaller indexes. */
struct trie_node {
    uint32_t parent, frame;
    uint32_t first_child, next; /* the first children, as a list: mostly they lie side by side. 0 = none */
    uint32_t children;          /* in the list; those beyond TRIE_LIST are in the table only */
    uint32_t reserved;
    uint64_t weight, stacks; /* of stacks that end here */
};

struct medic_stack_tree {
    struct report_frames *frames;
    struct document *document;
    struct trie_node *trie; /* 0 is the root */
    uint32_t trie_count, trie_capacity;
    struct child_table more_children;
    uint32_t *last_frames, *last_nodes; /* of the stack added last: the next one mostly begins alike */
    uint32_t last_count;
    bool failed;
    /* Made of the trie. */
    bool merged;
    medic_tree_node *nodes;
    uint32_t node_count;
    uint32_t *node_of; /* trie node -> node */
    medic_tree_function *functions;
    uint32_t function_count;
};

void tree_fail(medic_stack_tree *tree);
uint64_t tree_sum(uint64_t a, uint64_t b); /* stays at UINT64_MAX */
/* Makes nodes of the trie, functions of the nodes. 0, or -1 when memory is out. */
int tree_merge(medic_stack_tree *tree);
int tree_find_functions(medic_stack_tree *tree);

#endif
