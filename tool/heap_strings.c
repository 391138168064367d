#include "tool/heap_graph.h"

#include <stdlib.h>

static int is_string(const medic_heap_graph *graph, uint32_t node)
{
    return (graph->classes[graph->class_of[node]].flags & MEDIC_HEAP_STRING) != 0;
}

int heap_strings_make(struct heap_graph *graph)
{
    const medic_heap_graph *view = &graph->view;
    struct heap_strings *strings = &graph->strings;
    size_t words = view->node_count / 64 + 1;
    uint32_t count = 0;
    strings->bits = calloc(words, sizeof *strings->bits);
    strings->before = calloc(words, sizeof *strings->before);
    if (!strings->bits || !strings->before)
        return -1;
    for (uint32_t node = 0; node < view->node_count; node++) {
        if (node % 64 == 0)
            strings->before[node / 64] = count;
        if (!is_string(view, node))
            continue;
        strings->bits[node / 64] |= (uint64_t)1 << node % 64;
        count++;
    }
    strings->length = calloc((size_t)count + 1, sizeof *strings->length);
    if (view->contents & MEDIC_HEAP_HASHES)
        strings->hash = calloc((size_t)count + 1, sizeof *strings->hash);
    return strings->length && (strings->hash || !(view->contents & MEDIC_HEAP_HASHES)) ? 0 : -1;
}

void heap_strings_free(struct heap_strings *strings)
{
    free(strings->bits);
    free(strings->before);
    free(strings->hash);
    free(strings->length);
    *strings = (struct heap_strings){0};
}

/* Its number among the strings; -1 when it is none. */
static int64_t number_of(const struct heap_strings *strings, uint32_t node)
{
    uint64_t word = strings->bits[node / 64], bit = (uint64_t)1 << node % 64;
    return word & bit ? (int64_t)strings->before[node / 64] + __builtin_popcountll(word & (bit - 1)) : -1;
}

void heap_strings_put(struct heap_strings *strings, uint32_t node, uint64_t hash, uint32_t length)
{
    int64_t number = number_of(strings, node);
    if (number < 0)
        return;
    strings->length[number] = length;
    if (strings->hash)
        strings->hash[number] = hash;
}

uint64_t heap_string_hash(const struct heap_graph *graph, uint32_t node, uint32_t *length)
{
    int64_t number = node < graph->view.node_count ? number_of(&graph->strings, node) : -1;
    if (length)
        *length = number < 0 ? 0 : graph->strings.length[number];
    return number < 0 || !graph->strings.hash ? 0 : graph->strings.hash[number];
}
