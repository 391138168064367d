/* The nodes of a section that is a tree, or of stacks merged from the root: heaviest first, with what is not shown
 * counted. For all renderers. */
#ifndef TOOL_OUTLINE_H
#define TOOL_OUTLINE_H

#include "tool/document.h"

#include <stdbool.h>
#include <stdint.h>

#define OUTLINE_NONE UINT32_MAX

struct outline_node {
    uint32_t parent, first, next; /* OUTLINE_NONE = none */
    uint32_t children;
    uint32_t hidden; /* children that are not shown */
    uint32_t row;    /* of the section; stacks: the frame */
    double weight;   /* stacks: of all stacks that pass */
    bool shown;
};

struct outline {
    struct outline_node *nodes;
    uint32_t count;
    uint32_t root;   /* the first one */
    uint32_t roots;  /* how many there are */
    uint32_t hidden; /* roots that are not shown */
    double total;    /* weight of all stacks */
    int weight;      /* stacks: the column of the weight, -1 = every stack weighs one */
};

/* Shown are the first top rows. Non-zero when out of memory; outline_free is due in any case. */
int outline_of_tree(struct outline *outline, const struct medic_section *section, uint32_t top);
/* Shown are the nodes that the first top stacks pass. */
int outline_of_stacks(struct outline *outline, const struct medic_section *section, uint32_t top);
void outline_free(struct outline *outline);

/* The first node at or behind node among its siblings that is shown. */
uint32_t outline_shown(const struct outline *outline, uint32_t node);
/* The child of a node that has just one, which is shown. */
uint32_t outline_only_child(const struct outline *outline, uint32_t node);

#endif
