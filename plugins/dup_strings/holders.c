/* Who holds the strings: every reference to one is charged to a field that a person can find in the program. */
#include "census.h"

#include <stdlib.h>
#include <string.h>

enum { HOPS_MAX = 64 };

/* Until a node is asked about again: most references of a long array come in a row. */
struct owner {
    uint32_t class_index, slot;
    const char *root;
};

/* An array of the program's structs is one, too: the field is theirs. */
static int is_programs(const medic_heap_graph *graph, uint32_t node)
{
    return graph->classes[graph->class_of[node]].code == MEDIC_CODE_USER;
}

static struct owner owner_by_root(const medic_heap_graph *graph, uint32_t parent)
{
    struct owner owner = {0};

    if (parent > graph->node_count && parent - graph->node_count - 1 < graph->strong_root_count)
        owner.root = graph->roots[parent - graph->node_count - 1].label;
    return owner;
}

/* The nearest field of the program's own types on the way from the root to the node, or the root. */
static struct owner owner_of(const struct census *census, uint32_t node)
{
    const medic_heap_graph *graph = census->graph;

    for (int hops = 0; hops < HOPS_MAX; hops++) {
        uint32_t parent = census->parent[node];
        if (parent >= graph->node_count)
            return owner_by_root(graph, parent);
        if (is_programs(graph, parent))
            return (struct owner){graph->class_of[parent], census->parent_slot[node], NULL};
        node = parent;
    }
    return (struct owner){0};
}

/* MAP_NO_MEMORY. */
static uint32_t holder_number(struct census *census, const struct holder *holder)
{
    uint64_t key = map_mix((uint64_t)(uintptr_t)holder->root, (uint64_t)holder->class_index << 8 | holder->slot);
    uint32_t before = census->holder_map.count;
    uint32_t number =
        map_number(&census->holder_map, map_mix(key, (uint64_t)holder->through_class << 8 | holder->through_slot));

    if (number == MAP_NO_MEMORY ||
        census_room((void **)&census->holders, &census->holder_room, (size_t)number + 1, sizeof *census->holders))
        return MAP_NO_MEMORY;
    if (number == before)
        census->holders[number] = *holder;
    return number;
}

/* Of a reference in a slot of the node. */
static uint32_t holder_of(struct census *census, uint32_t node, uint8_t slot)
{
    const medic_heap_graph *graph = census->graph;
    struct holder holder = {.class_index = graph->class_of[node], .slot = slot};

    if (!is_programs(graph, node)) {
        struct owner owner = owner_of(census, node);
        if (owner.class_index || owner.root)
            holder = (struct holder){.class_index = owner.class_index,
                                     .slot = owner.slot,
                                     .root = owner.root,
                                     .through_class = graph->class_of[node],
                                     .through_slot = slot};
    }
    return holder_number(census, &holder);
}

/* --- references: counted first, then kept --- */

static int is_alive_holder(const struct census *census, uint32_t node)
{
    return !census->dead_known || census->parent[node] != PARENT_NONE;
}

static void count_references(struct census *census)
{
    const medic_heap_graph *graph = census->graph;

    for (uint32_t node = 0; node < graph->node_count; node++)
        for (uint64_t edge = graph->first_edge[node]; edge < graph->first_edge[node + 1]; edge++)
            if (census->string_of[graph->target[edge]] != NO_STRING && is_alive_holder(census, node))
                census->first_reference[census->string_of[graph->target[edge]]]++;
    for (uint32_t r = 0; r < graph->strong_root_count; r++)
        if (graph->roots[r].node < graph->node_count && census->string_of[graph->roots[r].node] != NO_STRING)
            census->first_reference[census->string_of[graph->roots[r].node]]++;
}

/* Counts become ends; filling moves them down to the begins. */
static void ends_of_counts(struct census *census)
{
    uint64_t sum = 0;

    for (uint32_t s = 0; s <= census->string_count; s++) {
        sum += census->first_reference[s];
        census->first_reference[s] = sum;
    }
}

static int keep_edges(struct census *census, uint32_t node)
{
    const medic_heap_graph *graph = census->graph;
    uint32_t holder = MAP_NO_MEMORY;
    int slot = -1; /* that it is the holder of */

    for (uint64_t edge = graph->first_edge[node]; edge < graph->first_edge[node + 1]; edge++) {
        uint32_t string = census->string_of[graph->target[edge]];
        if (string == NO_STRING)
            continue;
        if (slot != graph->slot[edge]) {
            slot = graph->slot[edge];
            holder = holder_of(census, node, graph->slot[edge]);
        }
        if (holder == MAP_NO_MEMORY)
            return MEDIC_E_MEMORY;
        census->reference[--census->first_reference[string]] = holder;
    }
    return MEDIC_OK;
}

static int keep_references(struct census *census)
{
    const medic_heap_graph *graph = census->graph;

    for (uint32_t node = 0; node < graph->node_count; node++)
        if (is_alive_holder(census, node) && keep_edges(census, node) != MEDIC_OK)
            return MEDIC_E_MEMORY;
    for (uint32_t r = 0; r < graph->strong_root_count; r++) {
        struct holder holder = {.root = graph->roots[r].label};
        uint32_t node = graph->roots[r].node, number;
        if (node >= graph->node_count || census->string_of[node] == NO_STRING)
            continue;
        number = holder_number(census, &holder);
        if (number == MAP_NO_MEMORY)
            return MEDIC_E_MEMORY;
        census->reference[--census->first_reference[census->string_of[node]]] = number;
    }
    return MEDIC_OK;
}

/* --- what each holder holds --- */

/* Counts a reference of string s of value v; NULL: its holder has counted the string. */
static struct seen *see(struct census *census, uint32_t v, uint32_t s, uint64_t reference)
{
    struct seen *seen = &census->seen[census->reference[reference]];

    if (seen->string == s + 1)
        return NULL;
    if (seen->value != v + 1)
        *seen = (struct seen){.value = v + 1};
    seen->string = s + 1;
    seen->count++;
    return seen;
}

static void forget_seen(struct census *census)
{
    memset(census->seen, 0, census->holder_map.count * sizeof *census->seen);
}

static void count_value(struct census *census, uint32_t v)
{
    const struct value *value = &census->values[v];

    for (uint32_t s = value->first; s < value->first + value->count; s++)
        for (uint64_t r = census->first_reference[s]; r < census->first_reference[s + 1]; r++) {
            struct holder *holder = &census->holders[census->reference[r]];
            const struct seen *seen = see(census, v, s, r);
            if (!seen)
                continue;
            holder->strings++;
            holder->values += seen->count == 1;
            holder->copies += value->count > 1;
            if (value->count > 1 && seen->count > holder->top_count) {
                holder->top_count = seen->count;
                holder->top_value = v;
            }
        }
}

/* Of n equal strings the n - 1 are waste; a holder of k has k/n of it. */
static void charge_value(struct census *census, uint32_t v)
{
    const struct value *value = &census->values[v];
    uint64_t end = census->first_reference[value->first + value->count];

    for (uint64_t r = census->first_reference[value->first]; r < end; r++) {
        struct seen *seen = &census->seen[census->reference[r]];
        uint64_t bytes = seen->count * value_bytes(value);
        census->holders[census->reference[r]].wasted += bytes - bytes / value->count;
        seen->count = 0; /* charged */
    }
}

int census_hold(struct census *census)
{
    census->first_reference = calloc((size_t)census->string_count + 1, sizeof *census->first_reference);
    if (!census->first_reference)
        return MEDIC_E_MEMORY;
    count_references(census);
    ends_of_counts(census);
    census->reference = malloc((census->first_reference[census->string_count] + 1) * sizeof *census->reference);
    if (!census->reference || keep_references(census) != MEDIC_OK)
        return MEDIC_E_MEMORY;
    map_done(&census->holder_map);
    census->seen = calloc((size_t)census->holder_map.count + 1, sizeof *census->seen);
    if (!census->seen)
        return MEDIC_E_MEMORY;
    for (uint32_t v = 0; v < census->map.count; v++) {
        count_value(census, v);
        if (census->values[v].count > 1)
            charge_value(census, v);
    }
    forget_seen(census);
    return MEDIC_OK;
}

/* --- who holds one value --- */

static void keep_largest(struct holding *holdings, size_t *count, size_t most, struct holding holding)
{
    size_t place = *count;

    while (place && holdings[place - 1].count < holding.count)
        place--;
    if (place == most)
        return;
    *count += *count < most;
    memmove(&holdings[place + 1], &holdings[place], (*count - place - 1) * sizeof *holdings);
    holdings[place] = holding;
}

size_t census_holders_of(struct census *census, uint32_t v, struct holding *holdings, size_t most)
{
    const struct value *value = &census->values[v];
    uint64_t end = census->first_reference[value->first + value->count];
    size_t count = 0;

    for (uint32_t s = value->first; s < value->first + value->count; s++)
        for (uint64_t r = census->first_reference[s]; r < census->first_reference[s + 1]; r++)
            see(census, v, s, r);
    for (uint64_t r = census->first_reference[value->first]; r < end; r++) {
        struct seen *seen = &census->seen[census->reference[r]];
        if (seen->count)
            keep_largest(holdings, &count, most, (struct holding){census->reference[r], seen->count});
        *seen = (struct seen){0};
    }
    return count;
}
