/* The dominator tree, merged from the root by holder, then by type and field, level by level. What keeps less than a
 * small part of the heap alive is not looked into, and what refers to its own kind (lists, trees) is folded into one, so
 * that the result stays small. */
#include "recording.h"

#include <stdlib.h>

#define PATHS_FIRST 4096u
#define PATHS_MAX 200000u
#define DEPTH_MOST 64u
#define CUT_SHARE 20000u /* a path that keeps less than 1/CUT_SHARE alive ends */

struct merge {
    struct recording *recording;
    const medic_heap_graph *graph;
    const medic_heap_dominators *tree;
    struct paths *paths;
    uint32_t *queue, *path_of_queued; /* nodes with something below them, and where they belong */
    uint32_t head, tail;
    uint32_t level; /* of the nodes that are being added */
    uint64_t cut;   /* bytes that a path must keep alive to be looked into */
    uint8_t *added; /* bit a node */
};

/* --- the merged tree --- */

static uint32_t place_of(const struct paths *paths, uint32_t parent, uint32_t what, uint32_t slot)
{
    uint64_t hash = ((uint64_t)parent << 32 | what) * UINT64_C(0x9E3779B97F4A7C15) + slot;

    hash = (hash ^ (hash >> 32)) * UINT64_C(0xD6E8FEB86659FD93);
    return (uint32_t)(hash >> 32) & (paths->index_size - 1);
}

/* Entries of the index lead from a parent and what it refers to, to a path: a child, or for a fold one further up. */
struct link {
    uint32_t parent, what, slot, path;
};

static int make_room(struct paths *paths)
{
    uint32_t room = paths->room ? paths->room * 2 : PATHS_FIRST;
    struct path *all = realloc(paths->all, room * sizeof *all);

    if (!all)
        return MEDIC_E_MEMORY;
    paths->all = all;
    paths->room = room;
    return MEDIC_OK;
}

static uint32_t add_path(struct merge *merge, uint32_t parent, uint32_t what, uint32_t slot)
{
    struct paths *paths = merge->paths;
    struct path *path;
    uint32_t depth = paths->all[parent].depth + 1;

    if (paths->count == PATHS_MAX || (paths->count == paths->room && make_room(paths) != MEDIC_OK)) {
        paths->full = 1;
        return NO_PATH;
    }
    path = &paths->all[paths->count];
    *path = (struct path){.parent = parent, .depth = depth, .slot = slot, .next = paths->all[parent].first_child};
    if (depth == 1)
        path->label = what;
    else
        path->class_index = what;
    paths->all[parent].first_child = paths->count;
    return paths->count++;
}

/* Of one type, and referred to by the same field of the same type. */
static int is_like(const struct path *all, uint32_t at, uint32_t parent, uint32_t what, uint32_t slot)
{
    return all[at].class_index == what && all[at].slot == slot && all[at].depth > 2 &&
           all[all[at].parent].class_index == all[parent].class_index;
}

/* Where an object belongs that its owner refers to: with its like further up, if it hangs below one. */
static uint32_t find_like(const struct merge *merge, uint32_t parent, uint32_t what, uint32_t slot)
{
    const struct path *all = merge->paths->all;

    if (all[parent].depth > 1 && all[parent].class_index == what)
        return parent;
    for (uint32_t at = parent; at && all[at].depth > 1; at = all[at].parent)
        if (is_like(all, at, parent, what, slot))
            return at;
    return NO_PATH;
}

/* The index has a slot for each child and fold; when it is full there are no more paths. */
static uint32_t path_below(struct merge *merge, uint32_t parent, uint32_t what, uint32_t slot)
{
    struct paths *paths = merge->paths;
    struct link *links = paths->index;
    uint32_t at = place_of(paths, parent, what, slot), path;

    for (; links[at].path; at = (at + 1) & (paths->index_size - 1))
        if (links[at].parent == parent && links[at].what == what && links[at].slot == slot)
            return links[at].path;
    path = paths->all[parent].depth ? find_like(merge, parent, what, slot) : NO_PATH;
    if (path)
        paths->all[path].flags |= PATH_RECURSIVE;
    if (paths->links >= paths->index_size / 2) {
        paths->full = 1;
        return path;
    }
    if (!path && paths->all[parent].depth < DEPTH_MOST)
        path = add_path(merge, parent, what, slot);
    if (path) {
        links[at] = (struct link){parent, what, slot, path};
        paths->links++;
    }
    return path;
}

/* --- objects --- */

static int is_added(const struct merge *merge, uint32_t node)
{
    return merge->added[node >> 3] >> (node & 7) & 1;
}

/* Ends a path at an object: what hangs below is counted, but not told apart. */
static void end_here(struct merge *merge, struct path *path, uint32_t node)
{
    uint64_t own = bytes_of(merge->graph, node), retained = merge->tree->retained[node];

    path->own += own;
    if (retained > own) {
        path->below += retained - own;
        path->flags |= PATH_CUT;
    }
}

static void add_object(struct merge *merge, uint32_t parent, uint32_t what, uint32_t slot, uint32_t node)
{
    const medic_heap_dominators *tree = merge->tree;
    uint32_t number = path_below(merge, parent, what, slot);
    struct path *path = &merge->paths->all[number];

    merge->added[node >> 3] |= (uint8_t)(1u << (node & 7));
    if (!number) {
        path = &merge->paths->all[parent];
        path->below += tree->retained[node];
        path->flags |= PATH_CUT;
        return;
    }
    path->count++;
    if (path->last_level != merge->level) {
        path->last_level = merge->level;
        path->levels++;
    }
    if (path->parent == parent)
        path->entered += tree->retained[node];
    if (tree->first_child[node] == tree->first_child[node + 1]) {
        path->own += bytes_of(merge->graph, node);
        return;
    }
    merge->queue[merge->tail] = node;
    merge->path_of_queued[merge->tail++] = number;
}

static int is_part_of_collection(const medic_heap_class *class)
{
    return class->kind == MEDIC_KIND_OBJECT && class->code == MEDIC_CODE_FRAMEWORK &&
           medic_begins_with(class->name, "System.Collections.");
}

/* Pieces of one collection are alike, whichever field of it refers to them: the first and the last segment of a queue. */
static uint32_t slot_of(const medic_heap_graph *graph, uint32_t node, uint64_t edge)
{
    const medic_heap_class *from = &graph->classes[graph->class_of[node]],
                           *to = &graph->classes[graph->class_of[graph->target[edge]]];

    return is_part_of_collection(from) && is_part_of_collection(to) ? PATH_NO_SLOT : graph->slot[edge];
}

/* The objects that one object holds alone: by the field that refers to them, else by none. */
static void look_below(struct merge *merge, uint32_t node, uint32_t path)
{
    const medic_heap_graph *graph = merge->graph;
    const medic_heap_dominators *tree = merge->tree;

    merge->paths->all[path].own += bytes_of(graph, node);
    merge->paths->all[path].references += graph->first_edge[node + 1] - graph->first_edge[node];
    for (uint64_t edge = graph->first_edge[node]; edge < graph->first_edge[node + 1]; edge++) {
        uint32_t target = graph->target[edge];
        if (tree->idom[target] == node && target != node && !is_added(merge, target))
            add_object(merge, path, graph->class_of[target], slot_of(graph, node, edge), target);
    }
    for (uint32_t i = tree->first_child[node]; i < tree->first_child[node + 1]; i++)
        if (!is_added(merge, tree->child[i]))
            add_object(merge, path, graph->class_of[tree->child[i]], PATH_NO_SLOT, tree->child[i]);
}

static void add_topmost(struct merge *merge)
{
    const medic_heap_dominators *tree = merge->tree;
    uint32_t root = merge->graph->root_node;

    merge->level = 1;
    for (uint32_t i = tree->first_child[root]; i < tree->first_child[root + 1]; i++) {
        uint32_t node = tree->child[i], label = merge->recording->holders.label_of[node];
        uint32_t holder = path_below(merge, 0, label, PATH_NO_SLOT);
        if (!holder) {
            merge->paths->all[0].below += tree->retained[node];
            continue;
        }
        merge->paths->all[holder].count++;
        merge->paths->all[holder].entered += tree->retained[node];
        add_object(merge, holder, merge->graph->class_of[node], PATH_NO_SLOT, node);
    }
}

/* Objects of a path that keeps too little alive wait: what refers to its own kind comes to it piece by piece, level by
 * level. They are chained by their places in the queue, which is over for them. */
static void wait_for_more(struct merge *merge, uint32_t number, uint32_t place)
{
    merge->path_of_queued[place] = merge->paths->all[number].waiting;
    merge->paths->all[number].waiting = place + 1;
}

static void look_below_waiting(struct merge *merge, uint32_t number)
{
    uint32_t place;

    while ((place = merge->paths->all[number].waiting) != 0) {
        merge->paths->all[number].waiting = merge->path_of_queued[place - 1];
        look_below(merge, merge->queue[place - 1], number);
    }
}

static void end_waiting(struct merge *merge)
{
    for (uint32_t i = 1; i < merge->paths->count; i++)
        for (uint32_t place = merge->paths->all[i].waiting; place; place = merge->path_of_queued[place - 1])
            end_here(merge, &merge->paths->all[i], merge->queue[place - 1]);
}

static void merge_all(struct merge *merge)
{
    uint32_t level_end;

    add_topmost(merge);
    level_end = merge->tail;
    merge->level = 2;
    while (merge->head < merge->tail) {
        uint32_t place = merge->head++, number = merge->path_of_queued[place];
        if (place == level_end) {
            level_end = merge->tail;
            merge->level++;
        }
        if (merge->paths->all[number].entered < merge->cut) {
            wait_for_more(merge, number, place);
            continue;
        }
        look_below_waiting(merge, number);
        look_below(merge, merge->queue[place], number);
    }
    end_waiting(merge);
}

/* --- sums, and the order of rows --- */

/* Children stand behind their parents in the array. */
static void add_up(struct paths *paths)
{
    for (uint32_t i = paths->count; i-- > 0;) {
        struct path *path = &paths->all[i];
        path->retained += path->own + path->below;
        if (i)
            paths->all[path->parent].retained += path->retained;
    }
}

struct place {
    double weight;
    uint32_t path;
};

static int by_weight(const void *left, const void *right)
{
    const struct place *a = left, *b = right;

    if (a->weight != b->weight)
        return a->weight < b->weight ? 1 : -1;
    return (a->path > b->path) - (a->path < b->path);
}

/* Sorts all paths once, and hangs them in again, the last ones first. */
int sort_paths(struct recording *recording, int by_growth)
{
    struct path *all = recording->paths.all;
    uint32_t count = recording->paths.count;
    struct place *places = malloc(count * sizeof *places);

    if (!places)
        return MEDIC_E_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        double before = by_growth ? (double)all[i].retained_before : 0;
        places[i] = (struct place){(double)all[i].retained - before, i};
        all[i].first_child = all[i].next = 0;
    }
    qsort(places, count, sizeof *places, by_weight);
    for (uint32_t i = count; i-- > 0;) {
        uint32_t child = places[i].path;
        if (!child)
            continue;
        all[child].next = all[all[child].parent].first_child;
        all[all[child].parent].first_child = child;
    }
    free(places);
    return MEDIC_OK;
}

/* Names a path for comparisons: with the same names it is the same in another photograph. */
static void make_keys(struct recording *recording)
{
    struct path *all = recording->paths.all;

    for (uint32_t i = 1; i < recording->paths.count; i++) {
        const struct label *label = &recording->holders.labels[all[i].label];
        const char *field = NULL;
        char number[16];
        if (all[i].depth == 1) {
            all[i].key = hash_text(hash_text(hash_text(1, label->text), label->other), label->more ? "+" : "");
            continue;
        }
        if (all[i].depth > 2 && all[i].slot < PATH_NO_SLOT)
            field =
                recording->heap->field(recording->host, recording->graph, all[all[i].parent].class_index, all[i].slot);
        if (!field) {
            snprintf(number, sizeof number, "%u", all[i].slot);
            field = number;
        }
        all[i].key =
            hash_text(hash_text(all[all[i].parent].key, recording->graph->classes[all[i].class_index].name), field);
    }
}

static int open_paths(struct paths *paths)
{
    paths->index_size = 1u << 20;
    paths->index = calloc(paths->index_size, sizeof(struct link));
    if (!paths->index || make_room(paths) != MEDIC_OK)
        return MEDIC_E_MEMORY;
    paths->all[0] = (struct path){0};
    paths->count = 1;
    return MEDIC_OK;
}

int merge_paths(struct recording *recording)
{
    size_t nodes = (size_t)recording->graph->node_count + 1;
    struct merge merge = {.recording = recording,
                          .graph = recording->graph,
                          .tree = recording->tree,
                          .paths = &recording->paths,
                          .cut = recording->tree->reachable_bytes / CUT_SHARE};
    int code = MEDIC_E_MEMORY;

    merge.queue = malloc(nodes * sizeof(uint32_t));
    merge.path_of_queued = malloc(nodes * sizeof(uint32_t));
    merge.added = calloc(nodes / 8 + 1, 1);
    if (merge.queue && merge.path_of_queued && merge.added && open_paths(&recording->paths) == MEDIC_OK) {
        merge_all(&merge);
        add_up(&recording->paths);
        make_keys(recording);
        code = sort_paths(recording, 0);
    }
    free(merge.queue);
    free(merge.path_of_queued);
    free(merge.added);
    free(recording->paths.index);
    recording->paths.index = NULL;
    return code;
}
