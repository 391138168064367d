/* medic.stack_tree: many weighted stacks merged into one tree from the root, and into functions; and both as sections. */
#ifndef MEDIC_SERVICE_STACK_TREE_H
#define MEDIC_SERVICE_STACK_TREE_H

#include <medic/plugin.h>

#define MEDIC_SERVICE_STACK_TREE "medic.stack_tree/draft"

typedef struct medic_stack_tree medic_stack_tree;

/* What stands for many stacks that pass the same functions. Weights are in the unit that the plugin adds. */
typedef struct medic_tree_node {
    uint32_t frame;       /* id of one of its frames: the one with the greatest weight; 0 in the root, nodes[0] */
    uint32_t parent;      /* index */
    uint32_t first_child; /* index; 0 = none. Children are in order of total, greatest first */
    uint32_t next;        /* sibling; 0 = none */
    uint64_t self, total; /* weight of stacks that end here, and that pass here */
    uint64_t self_count, total_count; /* the same as numbers of stacks */
} medic_tree_node;

typedef struct medic_tree_function {
    uint32_t frame; /* id of one of its frames: the one with the greatest self weight, else total weight */
    uint32_t reserved;
    uint64_t self, total; /* a recursive function counts once in each stack */
    uint64_t self_count, total_count;
} medic_tree_function;

typedef struct medic_tree_section {
    uint32_t size;
    uint32_t unit;  /* enum medic_unit of the weight */
    const char *id; /* of the section */
    const char *title;
    const char *note;   /* or NULL */
    const char *weight; /* column title: "CPU" */
    double smallest;    /* nodes below this share of the whole are left out: 0.01 */
    uint32_t rows_max;  /* 0 = no bound */
    uint32_t flags;     /* enum medic_tree_flags */
} medic_tree_section;

enum medic_tree_flags {
    MEDIC_TREE_FOLD = 1u << 0 /* a chain of frames without a branch and without self weight worth telling is one row:
                                 "Main > Run > Loop" */
};

/* [tool] Trees are owned by the host and freed after render. Errors (memory) are kept and fail the rendering, as those of the
 * document service: calls need no checks. */
typedef struct medic_stack_tree_service {
    uint32_t size;
    uint32_t reserved;
    medic_stack_tree *(*create)(const medic_host *host);
    /* frames: ids, root first. Frames of the same function are one node (lines differ, calls do not). */
    void (*add)(medic_stack_tree *tree, const uint32_t *frames, uint32_t count, uint64_t weight, uint64_t stacks);
    /* Valid until the next add. */
    const medic_tree_node *(*nodes)(medic_stack_tree *tree, uint32_t *count);
    /* By self, greatest first. */
    const medic_tree_function *(*functions)(medic_stack_tree *tree, uint32_t *count);
    /* A section of kind tree: function, location, share, weight, stacks. */
    void (*section)(medic_stack_tree *tree, const medic_tree_section *section);
    /* A section of kind stacks with every distinct stack and its weight, for flame graphs and exports. */
    void (*stacks)(medic_stack_tree *tree, const medic_tree_section *section);
} medic_stack_tree_service;

#endif
