/* Which root holds an object: a search from all roots at once, the nearest one names it. What two roots hold has the root of
 * all as its dominator; it gets the names of two of them. */
#include "recording.h"

#include <stdlib.h>

#define LABELS_FIRST 1024u
#define LABELS_MAX (1u << 20)

/* --- labels --- */

static uint32_t place_of(const struct holders *holders, const struct label *label)
{
    uint64_t hash = (uintptr_t)label->text * UINT64_C(0x9E3779B97F4A7C15);

    hash = (hash ^ (hash >> 31) ^ (uintptr_t)label->other) * UINT64_C(0xC2B2AE3D27D4EB4F) + (unsigned)label->more;
    return (uint32_t)(hash >> 33) & (holders->index_size - 1);
}

static int same(const struct label *a, const struct label *b)
{
    return a->text == b->text && a->other == b->other && a->more == b->more;
}

static void put_in_index(struct holders *holders, uint32_t number)
{
    uint32_t at = place_of(holders, &holders->labels[number]);

    while (holders->index[at])
        at = (at + 1) & (holders->index_size - 1);
    holders->index[at] = number;
}

static int grow(struct holders *holders)
{
    uint32_t room = holders->label_room ? holders->label_room * 2 : LABELS_FIRST;
    struct label *labels = realloc(holders->labels, room * sizeof *labels);
    uint32_t *index = calloc((size_t)room * 2, sizeof *index);

    if (labels)
        holders->labels = labels;
    if (!labels || !index) {
        free(index);
        return MEDIC_E_MEMORY;
    }
    free(holders->index);
    holders->label_room = room;
    holders->index = index;
    holders->index_size = room * 2;
    if (!holders->label_count) { /* [0]: what nothing holds */
        holders->labels[0] = (struct label){0};
        holders->label_count = 1;
    }
    for (uint32_t i = 1; i < holders->label_count; i++)
        put_in_index(holders, i);
    return MEDIC_OK;
}

/* The number of a label, new or known; 0 when there is no room for more. */
static uint32_t label_number(struct holders *holders, const struct label *label)
{
    uint32_t at, known;

    if (holders->label_count == holders->label_room && (holders->label_room >= LABELS_MAX || grow(holders) != MEDIC_OK))
        return 0;
    at = place_of(holders, label);
    while ((known = holders->index[at]) != 0) {
        if (same(&holders->labels[known], label))
            return known;
        at = (at + 1) & (holders->index_size - 1);
    }
    holders->labels[holders->label_count] = *label;
    holders->index[at] = holders->label_count;
    return holders->label_count++;
}

/* --- the search --- */

struct search {
    struct recording *recording;
    uint32_t *queue;
    uint32_t *second; /* label of another root that reaches a node */
    uint32_t *later;  /* nodes that have got a second label, in that order */
    uint32_t head, tail, later_head, later_tail;
    int only_named; /* second labels are those of static fields, for the time being */
    uint64_t bytes; /* of what was reached */
};

static void reach(struct search *search, uint32_t node, uint32_t label)
{
    search->recording->holders.label_of[node] = label;
    search->queue[search->tail++] = node;
    search->bytes += bytes_of(search->recording->graph, node);
}

static int is_guessed(const medic_heap_root *root)
{
    return root->kind == MEDIC_ROOT_GUESSED;
}

static int begin_at_roots(struct search *search, int guessed)
{
    const medic_heap_graph *graph = search->recording->graph;
    struct holders *holders = &search->recording->holders;

    for (uint32_t i = 0; i < graph->strong_root_count; i++) {
        const medic_heap_root *root = &graph->roots[i];
        struct label label = {.text = root->label, .kind = root->kind};
        uint32_t number;
        if (is_guessed(root) != guessed || root->node >= graph->node_count || holders->label_of[root->node])
            continue;
        number = label_number(holders, &label);
        if (!number)
            return MEDIC_E_MEMORY;
        reach(search, root->node, number);
    }
    return MEDIC_OK;
}

static int is_named_by_root(const struct label *label)
{
    return label->kind == MEDIC_ROOT_STATIC || label->kind == MEDIC_ROOT_THREAD_STATIC;
}

/* Remembers a holder of a node beside the nearest. */
static void note_second(struct search *search, uint32_t node, uint32_t other)
{
    const struct holders *holders = &search->recording->holders;

    if (!other || other == holders->label_of[node] || search->second[node] ||
        (search->only_named && !is_named_by_root(&holders->labels[other])))
        return;
    search->second[node] = other;
    search->later[search->later_tail++] = node;
}

/* Who holds an object holds what that refers to. */
static void note_seconds_below(struct search *search, uint32_t from)
{
    const medic_heap_graph *graph = search->recording->graph;

    for (uint64_t edge = graph->first_edge[from]; edge < graph->first_edge[from + 1]; edge++) {
        note_second(search, graph->target[edge], search->recording->holders.label_of[from]);
        note_second(search, graph->target[edge], search->second[from]);
    }
}

static void spread_seconds(struct search *search)
{
    while (search->later_head < search->later_tail)
        note_seconds_below(search, search->later[search->later_head++]);
}

static void spread(struct search *search)
{
    const medic_heap_graph *graph = search->recording->graph;
    const struct holders *holders = &search->recording->holders;

    while (search->head < search->tail) {
        uint32_t node = search->queue[search->head++];
        for (uint64_t edge = graph->first_edge[node]; edge < graph->first_edge[node + 1]; edge++)
            if (!holders->label_of[graph->target[edge]])
                reach(search, graph->target[edge], holders->label_of[node]);
    }
}

/* --- what several hold --- */

static void note_seconds_of_all(struct search *search)
{
    for (uint32_t i = 0; i < search->tail; i++)
        note_seconds_below(search, search->queue[i]);
    spread_seconds(search);
}

/* Static fields first, they say most; then what refers to it: that stays, where a stack may hold an object for a moment
 * only. A second label goes on to what lies below: of a list that two hold at its ends each has the other as its second. */
static void note_seconds(struct search *search)
{
    const medic_heap_graph *graph = search->recording->graph;

    search->only_named = 1;
    note_seconds_of_all(search);
    search->only_named = 0;
    note_seconds_of_all(search);
    for (uint32_t i = 0; i < graph->strong_root_count; i++) {
        struct label label = {.text = graph->roots[i].label, .kind = graph->roots[i].kind};
        if (graph->roots[i].node < graph->node_count)
            note_second(search, graph->roots[i].node, label_number(&search->recording->holders, &label));
    }
    spread_seconds(search);
}

/* Methods that called each other: the first says enough. */
static int are_stacks(const struct label *a, const struct label *b)
{
    return a->kind == MEDIC_ROOT_STACK && b->kind == MEDIC_ROOT_STACK;
}

static void mark_rooted(const medic_heap_graph *graph, uint8_t *rooted)
{
    for (uint32_t i = 0; i < graph->strong_root_count; i++)
        if (graph->roots[i].node < graph->node_count)
            rooted[graph->roots[i].node >> 3] |= (uint8_t)(1u << (graph->roots[i].node & 7));
}

static int is_framework(const struct label *label)
{
    static const char *const begins[] = {"static ", "thread static ", "stack of "};
    const char *of = label->text;

    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (medic_begins_with(label->text, begins[i]))
            of = label->text + strlen(begins[i]);
    return medic_begins_with(of, "System.") || medic_begins_with(of, "Microsoft.");
}

/* How well people know where to look for it, the best first: fields and methods of the program before those of the
 * framework. */
static int strangeness(const struct label *label)
{
    if (is_named_by_root(label))
        return is_framework(label) ? 2 : 0;
    return label->kind == MEDIC_ROOT_STACK && !is_framework(label) ? 1 : 3;
}

/* A method of the framework that holds for a moment what a field of the program holds for good: Delegate.Combine, a
 * collection that grows. */
static int is_passing(const struct label *holder, const struct label *beside)
{
    return holder->kind == MEDIC_ROOT_STACK && is_framework(holder) && is_named_by_root(beside) &&
           !is_framework(beside);
}

/* Two holders as one, whose name begins with the one that people know how to look for. */
static struct label join(const struct label *first, const struct label *second)
{
    int swap = strangeness(second) < strangeness(first);

    if (is_passing(first, second))
        return *second;
    if (is_passing(second, first))
        return *first;
    if (are_stacks(first, second))
        return (struct label){
            .text = is_framework(second) ? first->text : second->text, .kind = first->kind, .more = 1};
    if (swap)
        return (struct label){.text = second->text, .kind = second->kind, .other = first->text};
    return (struct label){.text = first->text, .kind = first->kind, .other = second->text};
}

/* A node that a root holds itself is that root's, whoever else refers to it: without the root it may live on, but there the
 * search for the one who should let go begins. Of static fields that holds in any case. */
static uint32_t joint_label(struct search *search, uint32_t node, int rooted)
{
    struct holders *holders = &search->recording->holders;
    struct label label = holders->labels[holders->label_of[node]];
    uint32_t second = search->second[node], number;

    if (rooted && (is_named_by_root(&label) || !second))
        return holders->label_of[node];
    if (second)
        label = join(&label, &holders->labels[second]);
    else
        label = (struct label){.text = label.text, .kind = label.kind, .more = 1};
    number = label_number(holders, &label);
    return number ? number : holders->label_of[node];
}

/* Gives every object that hangs on the root of all the label under which it is shown, and adds up what each keeps alive. */
static int name_the_topmost(struct search *search)
{
    struct recording *recording = search->recording;
    const medic_heap_graph *graph = recording->graph;
    const medic_heap_dominators *tree = recording->tree;
    uint8_t *rooted = calloc(graph->node_count / 8 + 1, 1);

    if (!rooted)
        return MEDIC_E_MEMORY;
    mark_rooted(graph, rooted);
    for (uint32_t i = tree->first_child[graph->root_node]; i < tree->first_child[graph->root_node + 1]; i++) {
        uint32_t node = tree->child[i];
        uint32_t number = joint_label(search, node, rooted[node >> 3] >> (node & 7) & 1);
        recording->holders.label_of[node] = number;
        recording->holders.labels[number].objects++;
        recording->holders.labels[number].retained += tree->retained[node];
    }
    free(rooted);
    return MEDIC_OK;
}

static int search_all(struct search *search)
{
    struct holders *holders = &search->recording->holders;

    if (grow(holders) != MEDIC_OK || begin_at_roots(search, 0) != MEDIC_OK)
        return MEDIC_E_MEMORY;
    spread(search);
    holders->exact_bytes = search->bytes;
    if (begin_at_roots(search, 1) != MEDIC_OK)
        return MEDIC_E_MEMORY;
    spread(search);
    holders->guessed_bytes = search->bytes - holders->exact_bytes;
    note_seconds(search);
    return name_the_topmost(search);
}

int find_holders(struct recording *recording)
{
    size_t nodes = (size_t)recording->graph->node_count + 1;
    struct search search = {.recording = recording};
    int code = MEDIC_E_MEMORY;

    recording->holders.label_of = calloc(nodes, sizeof(uint32_t));
    search.queue = malloc(nodes * sizeof(uint32_t));
    search.second = calloc(nodes, sizeof(uint32_t));
    search.later = malloc(nodes * sizeof(uint32_t));
    if (recording->holders.label_of && search.queue && search.second && search.later)
        code = search_all(&search);
    free(search.queue);
    free(search.second);
    free(search.later);
    return code;
}
