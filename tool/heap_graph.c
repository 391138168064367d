/* Reads a photograph twice. First addresses, classes, sizes and how many references each object has; then, when it is known
 * which object has which number, the references themselves, straight into their places. */
#include "tool/heap_graph.h"

#include "tool/heap_order.h"

#include <stdlib.h>
#include <string.h>

/* References of an array that came by themselves. */
struct elements {
    uint64_t array;
    uint64_t count;
};

struct loading {
    struct heap_graph *graph;
    /* By number in the file until the objects are in order, by node then. */
    uint64_t *address;
    uint32_t *class_of, *units, *counts; /* counts: of references */
    uint32_t count, capacity;
    struct elements *elements;
    size_t element_count, element_capacity;
    uint32_t *rank;      /* node by number in the file; NULL = they are the same */
    uint32_t file_count; /* objects in the file, those that are there twice included */
    struct heap_index index;
    uint64_t *first_edge; /* [node_count + 2]: while references come, [i + 1] is where the next one of i goes */
    uint32_t *target;
    uint8_t *slot;
    uint64_t edge_count, put; /* expected, come */
    uint32_t next, node;      /* second reading: number of the next object; node of the last one */
};

static int no_memory(const struct capture_photo *photo, medic_reason *why)
{
    return medic_fail(why, MEDIC_E_MEMORY, "out of memory while reading photograph %u of the heap", photo->photo);
}

/* --- the first reading --- */

static int add_object(void *data, const struct heap_object *object)
{
    struct loading *loading = data;
    if (loading->count == loading->capacity)
        return MEDIC_E_CORRUPT; /* more than the index saw: the file has changed */
    loading->address[loading->count] = object->address;
    loading->class_of[loading->count] = object->class_index;
    loading->units[loading->count++] = (uint32_t)object->units;
    return MEDIC_OK;
}

static int count_references(void *data, const struct heap_reference *references, uint32_t count)
{
    struct loading *loading = data;
    (void)references;
    loading->counts[loading->count - 1] += count;
    return MEDIC_OK;
}

static uint32_t one_slot(void *data, uint64_t array)
{
    (void)data, (void)array;
    return 1;
}

static int count_elements(void *data, uint64_t array, const struct heap_reference *references, uint32_t count)
{
    struct loading *loading = data;
    struct elements *last = loading->element_count ? &loading->elements[loading->element_count - 1] : NULL;
    (void)references;
    if (last && last->array == array) {
        last->count += count;
        return MEDIC_OK;
    }
    if (loading->element_count == loading->element_capacity) {
        size_t capacity = loading->element_capacity * 2 + 64;
        struct elements *larger = realloc(loading->elements, capacity * sizeof *larger);
        if (!larger)
            return MEDIC_E_MEMORY;
        loading->elements = larger;
        loading->element_capacity = capacity;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): no room means count == capacity */
    loading->elements[loading->element_count++] = (struct elements){array, count};
    return MEDIC_OK;
}

static int read_objects(struct loading *loading, const struct capture_photo *photo, medic_reason *why)
{
    struct heap_visitor visitor = {loading, add_object, count_references, one_slot, count_elements};
    size_t room = (size_t)photo->objects + 1;
    if (photo->objects >= MEDIC_NO_NODE)
        return medic_fail(why, MEDIC_E_UNSUPPORTED,
                          "photograph %u of the heap has %llu objects: more than %u cannot be read", photo->photo,
                          (unsigned long long)photo->objects, MEDIC_NO_NODE - 1);
    loading->capacity = (uint32_t)photo->objects;
    loading->address = malloc(room * sizeof *loading->address);
    loading->class_of = malloc(room * sizeof *loading->class_of);
    loading->units = malloc(room * sizeof *loading->units);
    loading->counts = calloc(room, sizeof *loading->counts);
    if (!loading->address || !loading->class_of || !loading->units || !loading->counts)
        return no_memory(photo, why);
    int result = heap_read(loading->graph->capture, photo, &loading->graph->parts, 1, &visitor, why);
    uint64_t told = loading->graph->parts.done.objects;
    if (!result && loading->count != told)
        result = medic_fail(
            why, MEDIC_E_CORRUPT,
            "photograph %u of the heap is damaged in the capture: it has %u of %llu objects: take another one",
            photo->photo, loading->count, (unsigned long long)told);
    loading->file_count = loading->count;
    return result;
}

/* --- the order --- */

/* The columns by node instead of by number in the file; 0, or -1 when there is no memory. */
static int gather(uint32_t **column, const uint32_t *order, uint32_t count)
{
    uint32_t *gathered = malloc(((size_t)count + 1) * sizeof *gathered);
    if (!gathered)
        return -1;
    for (uint32_t i = 0; i < count; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): read_objects made it */
        gathered[i] = (*column)[order[i]];
    free(*column);
    *column = gathered;
    return 0;
}

static int gather_addresses(struct loading *loading, const uint32_t *order, uint32_t count)
{
    uint64_t *gathered = malloc(((size_t)count + 1) * sizeof *gathered);
    if (!gathered)
        return -1;
    for (uint32_t i = 0; i < count; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): read_objects made it */
        gathered[i] = loading->address[order[i]];
    free(loading->address);
    loading->address = gathered;
    return 0;
}

static int rank_objects(struct loading *loading, const uint32_t *order, uint32_t count)
{
    loading->rank = malloc(loading->file_count * sizeof *loading->rank);
    if (!loading->rank)
        return -1;
    for (uint32_t i = 0; i < loading->file_count; i++)
        loading->rank[i] = MEDIC_NO_NODE;
    for (uint32_t node = 0; node < count; node++)
        loading->rank[order[node]] = node;
    return 0;
}

static int sort_objects(struct loading *loading)
{
    uint32_t *order, count;
    if (heap_order(loading->address, loading->count, &order, &count))
        return -1;
    int result = 0;
    if (order)
        result = gather_addresses(loading, order, count) || gather(&loading->class_of, order, count) ||
                 gather(&loading->units, order, count) || gather(&loading->counts, order, count) ||
                 rank_objects(loading, order, count);
    free(order);
    if (result)
        return -1;
    loading->count = count;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): read_objects made it */
    loading->address[count] = UINT64_MAX;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the columns are the caller's */
    return heap_index_make(&loading->index, loading->address, count);
}

/* --- room for the references --- */

static void count_late_ones(struct loading *loading)
{
    const struct heap_parts *parts = &loading->graph->parts;
    const medic_heap_dependent_entry *dependents = parts->dependents.items;
    for (size_t i = 0; i < loading->element_count; i++) {
        uint32_t node = heap_index_find(&loading->index, loading->elements[i].array);
        if (node != MEDIC_NO_NODE)
            loading->first_edge[node + 2] += loading->elements[i].count;
    }
    for (size_t i = 0; i < parts->dependents.count; i++) {
        uint32_t node = heap_index_find(&loading->index, dependents[i].key);
        if (node != MEDIC_NO_NODE)
            loading->first_edge[node + 2]++;
    }
}

static int make_room(struct loading *loading, const struct capture_photo *photo, medic_reason *why)
{
    uint64_t sum = 0;
    loading->first_edge = calloc((size_t)loading->count + 2, sizeof *loading->first_edge);
    if (!loading->first_edge)
        return no_memory(photo, why);
    for (uint32_t node = 0; node < loading->count; node++)
        loading->first_edge[node + 2] = loading->counts[node];
    free(loading->counts);
    loading->counts = NULL;
    count_late_ones(loading);
    for (uint32_t node = 0; node < loading->count; node++)
        sum = loading->first_edge[node + 2] += sum;
    if (sum > HEAP_REFERENCES_MAX)
        return medic_fail(why, MEDIC_E_UNSUPPORTED,
                          "photograph %u of the heap has %llu references: more than %u cannot be read", photo->photo,
                          (unsigned long long)sum, HEAP_REFERENCES_MAX);
    loading->edge_count = sum;
    loading->target = calloc((size_t)sum + 1, sizeof *loading->target);
    loading->slot = calloc((size_t)sum + 1, sizeof *loading->slot);
    return loading->target && loading->slot ? MEDIC_OK : no_memory(photo, why);
}

/* --- the second reading --- */

/* The places were counted; but a file that changed meanwhile must not write anywhere else. */
static int put_reference(struct loading *loading, uint32_t node, uint64_t address, uint8_t slot)
{
    uint64_t at = loading->first_edge[node + 1];
    if (at >= loading->edge_count)
        return MEDIC_E_CORRUPT;
    uint32_t target = heap_index_find(&loading->index, address);
    loading->graph->view.dangling += target == MEDIC_NO_NODE;
    loading->target[at] = target;
    loading->slot[at] = slot;
    loading->first_edge[node + 1] = at + 1;
    loading->put++;
    return MEDIC_OK;
}

static int meet_object(void *data, const struct heap_object *object)
{
    struct loading *loading = data;
    if (loading->next >= loading->file_count)
        return MEDIC_E_CORRUPT;
    uint32_t number = loading->next++;
    loading->node = loading->rank ? loading->rank[number] : number;
    if (loading->node != MEDIC_NO_NODE)
        heap_strings_put(&loading->graph->strings, loading->node, object->hash, (uint32_t)object->count);
    return MEDIC_OK;
}

static int put_references(void *data, const struct heap_reference *references, uint32_t count)
{
    struct loading *loading = data;
    int result = MEDIC_OK;
    if (loading->node == MEDIC_NO_NODE)
        return MEDIC_OK; /* it is there a second time */
    for (uint32_t i = 0; i < count && !result; i++)
        result = put_reference(loading, loading->node, references[i].target, references[i].slot);
    return result;
}

static uint32_t slots_of(void *data, uint64_t array)
{
    struct loading *loading = data;
    uint32_t node = heap_index_find(&loading->index, array);
    if (node == MEDIC_NO_NODE)
        return 1;
    uint32_t slots = heap_class_at(&loading->graph->parts, loading->class_of[node])->about.element_slot_count;
    return slots ? slots : 1;
}

static int put_elements(void *data, uint64_t array, const struct heap_reference *references, uint32_t count)
{
    struct loading *loading = data;
    uint32_t node = heap_index_find(&loading->index, array);
    int result = MEDIC_OK;
    if (node == MEDIC_NO_NODE)
        loading->graph->view.dangling += count;
    for (uint32_t i = 0; i < count && node != MEDIC_NO_NODE && !result; i++)
        result = put_reference(loading, node, references[i].target, references[i].slot);
    return result;
}

static int put_dependents(struct loading *loading)
{
    const struct heap_parts *parts = &loading->graph->parts;
    const medic_heap_dependent_entry *dependents = parts->dependents.items;
    int result = MEDIC_OK;
    for (size_t i = 0; i < parts->dependents.count && !result; i++) {
        uint32_t node = heap_index_find(&loading->index, dependents[i].key);
        if (node != MEDIC_NO_NODE)
            result = put_reference(loading, node, dependents[i].value, MEDIC_SLOT_DEPENDENT);
    }
    return result;
}

/* Closes the gaps that references to nothing left. */
static void drop_dangling(struct loading *loading)
{
    uint64_t to = 0, from = 0;
    for (uint32_t node = 0; node < loading->count; node++) {
        uint64_t end = loading->first_edge[node + 1];
        loading->first_edge[node] = to;
        for (; from < end; from++) {
            if (loading->target[from] == MEDIC_NO_NODE)
                continue;
            loading->target[to] = loading->target[from];
            loading->slot[to++] = loading->slot[from];
        }
    }
    loading->first_edge[loading->count] = loading->edge_count = to;
}

static int read_references(struct loading *loading, const struct capture_photo *photo, medic_reason *why)
{
    struct heap_visitor visitor = {loading, meet_object, put_references, slots_of, put_elements};
    int result = heap_read(loading->graph->capture, photo, &loading->graph->parts, 0, &visitor, why);
    if (!result && (put_dependents(loading) || loading->put != loading->edge_count))
        result = medic_fail(why, MEDIC_E_CORRUPT, "the capture has changed while it was read: try again");
    if (!result && loading->graph->view.dangling)
        drop_dangling(loading);
    return result;
}

/* --- the rest of the columns --- */

static int compare_ranges(const void *a, const void *b)
{
    const medic_heap_range_entry *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

static int find_generations(struct heap_graph *graph)
{
    medic_heap_graph *view = &graph->view;
    medic_heap_range_entry *ranges = graph->parts.ranges.items;
    size_t count = graph->parts.ranges.count, next = 0;
    uint8_t *generation = malloc((size_t)view->node_count + 1);
    if (!generation)
        return -1;
    if (count)
        qsort(ranges, count, sizeof *ranges, compare_ranges);
    for (uint32_t node = 0; node < view->node_count; node++) {
        while (next < count && ranges[next].begin <= view->address[node])
            next++;
        const medic_heap_range_entry *range = next ? &ranges[next - 1] : NULL;
        int inside = range && view->address[node] < range->end && range->generation < MEDIC_GENERATIONS;
        generation[node] = (uint8_t)(inside ? range->generation : MEDIC_GENERATION_UNKNOWN);
    }
    view->generation = generation;
    return 0;
}

static void add_up_classes(medic_heap_graph *view, medic_heap_class *classes)
{
    for (uint32_t node = 0; node < view->node_count; node++) {
        classes[view->class_of[node]].count++;
        classes[view->class_of[node]].bytes += (uint64_t)view->units[node] * 8;
        view->bytes += (uint64_t)view->units[node] * 8;
    }
}

/* What is known before the references are read. */
static int describe(struct loading *loading)
{
    struct heap_graph *graph = loading->graph;
    medic_heap_graph *view = &graph->view;
    view->size = sizeof *view;
    view->photo = graph->parts.head.photo;
    view->route = graph->parts.head.route;
    view->contents = graph->parts.head.contents;
    view->time_ns = graph->parts.head.time_ns;
    view->done = graph->parts.done;
    view->route_reason = graph->parts.reason;
    view->node_count = view->root_node = loading->count;
    view->class_count = (uint32_t)graph->parts.classes.count;
    view->address = loading->address;
    view->class_of = loading->class_of;
    view->units = loading->units;
    if (heap_name_classes(graph))
        return -1;
    add_up_classes(view, (medic_heap_class *)(uintptr_t)view->classes);
    return find_generations(graph) || heap_strings_make(graph) ? -1 : 0;
}

static int load(struct loading *loading, const struct capture_photo *photo, medic_reason *why)
{
    int result = read_objects(loading, photo, why);
    if (!result && (sort_objects(loading) || describe(loading)))
        result = no_memory(photo, why);
    if (!result)
        result = make_room(loading, photo, why);
    if (!result)
        result = read_references(loading, photo, why);
    loading->graph->view.edge_count = loading->edge_count;
    if (!result && heap_find_roots(loading->graph, &loading->index))
        result = no_memory(photo, why);
    return result;
}

int heap_graph_load(const struct capture *capture, const struct capture_photo *photo, struct heap_graph **out,
                    medic_reason *why)
{
    struct heap_graph *graph = calloc(1, sizeof *graph);
    if (!graph)
        return no_memory(photo, why);
    graph->capture = capture;
    struct loading loading = {.graph = graph};
    int result = load(&loading, photo, why);
    graph->view.address = loading.address; /* the graph's from now on, also to be freed */
    graph->view.class_of = loading.class_of;
    graph->view.units = loading.units;
    graph->view.first_edge = loading.first_edge;
    graph->view.target = loading.target;
    graph->view.slot = loading.slot;
    heap_index_free(&loading.index);
    free(loading.counts);
    free(loading.rank);
    free(loading.elements);
    if (result)
        heap_graph_free(graph);
    else
        *out = graph;
    return result;
}

static void free_column(const void *column)
{
    free((void *)(uintptr_t)column);
}

void heap_graph_free(struct heap_graph *graph)
{
    if (!graph)
        return;
    const medic_heap_graph *view = &graph->view;
    const void *columns[] = {view->address, view->class_of, view->units,   view->generation, view->first_edge,
                             view->target,  view->slot,     view->classes, view->roots};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        free_column(columns[i]);
    heap_dominators_free(graph->dominators);
    heap_strings_free(&graph->strings);
    heap_names_free(graph);
    heap_labels_free(graph);
    heap_parts_free(&graph->parts);
    free(graph);
}
