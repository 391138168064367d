/* medic.stack_tree: stacks merged into a tree and into functions. Stacks are kept as a trie of frames, which is what makes
 * adding cheap; nodes and functions are made of it when somebody asks. For report_host.c, on one thread. */
#ifndef TOOL_STACK_TREE_H
#define TOOL_STACK_TREE_H

#include "tool/document.h"
#include "tool/report_frames.h"

#include <medic/service/stack_tree.h>

/* Borrows both; frames NULL: there was no memory for them. A failure is kept in the document. Never NULL. */
medic_stack_tree *stack_tree_new(struct report_frames *frames, struct document *document);
void stack_tree_free(medic_stack_tree *tree);

void stack_tree_add(medic_stack_tree *tree, const uint32_t *frames, uint32_t count, uint64_t weight, uint64_t stacks);
const medic_tree_node *stack_tree_nodes(medic_stack_tree *tree, uint32_t *count);
const medic_tree_function *stack_tree_functions(medic_stack_tree *tree, uint32_t *count);
void stack_tree_section(medic_stack_tree *tree, const medic_tree_section *given);
void stack_tree_stacks(medic_stack_tree *tree, const medic_tree_section *given);

#endif
