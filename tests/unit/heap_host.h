/* A made-up photograph of the heap for tests of report halves: classes, objects, references and roots go in, and
 * medic.heap_graph comes out. Objects are numbered in the order in which they are made, which is their order in memory.
 * Beside report_host.h; for one program each; everything is static. */
#ifndef HEAP_HOST_H
#define HEAP_HOST_H

#include "report_host.h"

enum { HEAP_CLASSES = 64, HEAP_OBJECTS = 4096, HEAP_EDGES = 16384, HEAP_ROOTS = 2048, HEAP_FIELDS = 8, HEAP_TEXT = 64 };

static struct {
    medic_heap_graph graph;
    int taken;      /* there is a photograph */
    int unreadable; /* it is damaged */
    medic_heap_class classes[HEAP_CLASSES];
    const char *fields[HEAP_CLASSES][HEAP_FIELDS];
    uint64_t address[HEAP_OBJECTS];
    uint32_t class_of[HEAP_OBJECTS], units[HEAP_OBJECTS];
    uint8_t generation[HEAP_OBJECTS];
    uint64_t first_edge[HEAP_OBJECTS + 1];
    struct {
        uint32_t from, to;
        uint8_t slot;
    } edges[HEAP_EDGES];
    uint32_t target[HEAP_EDGES];
    uint8_t slot[HEAP_EDGES];
    medic_heap_root roots[HEAP_ROOTS];
    struct {
        uint16_t text[HEAP_TEXT];
        uint32_t kept, length;
        uint64_t hash;
    } strings[HEAP_OBJECTS];
    medic_heap_value value; /* that was asked for */
} heap;

/* Fields of the objects' slots, closed by NULL. */
static inline uint32_t heap_class(uint32_t kind, uint32_t code, const char *name, ...)
{
    uint32_t index = ++heap.graph.class_count;
    const char *field;
    va_list args;

    assert_true(index < HEAP_CLASSES);
    heap.classes[index] = (medic_heap_class){.name = name, .module = "", .kind = kind, .code = code, .id = index * 64};
    va_start(args, name);
    for (size_t i = 0; (field = va_arg(args, const char *)) != NULL; i++)
        heap.fields[index][i] = field;
    va_end(args);
    return index;
}

static inline uint32_t heap_object(uint32_t class_index, uint32_t units, uint8_t generation)
{
    uint32_t node = heap.graph.node_count++;

    assert_true(node < HEAP_OBJECTS);
    heap.address[node] = 0x7f0000000000 + (uint64_t)node * 0x100000;
    heap.class_of[node] = class_index;
    heap.units[node] = units;
    heap.generation[node] = generation;
    heap.classes[class_index].count++;
    heap.classes[class_index].bytes += units * 8;
    heap.graph.bytes += units * 8;
    return node;
}

/* The hash is of the kept units: strings that begin alike and are as long are equal. */
static inline uint32_t heap_string_of(uint32_t class_index, const uint16_t *text, uint32_t kept, uint32_t length)
{
    uint32_t node = heap_object(class_index, (22 + 2 * length + 7) / 8, MEDIC_GENERATION_2);
    uint64_t hash = UINT64_C(1469598103934665603);

    assert_true(kept <= HEAP_TEXT);
    for (uint32_t i = 0; i < kept; i++)
        hash = (hash ^ text[i]) * UINT64_C(1099511628211);
    memcpy(heap.strings[node].text, text, kept * sizeof *text);
    heap.strings[node].kept = kept;
    heap.strings[node].length = length;
    heap.strings[node].hash = hash;
    return node;
}

static inline uint32_t heap_string(uint32_t class_index, const char *ascii)
{
    uint16_t text[HEAP_TEXT];
    uint32_t length = 0;

    while (ascii[length] && length < HEAP_TEXT) {
        text[length] = (uint8_t)ascii[length];
        length++;
    }
    return heap_string_of(class_index, text, length, length);
}

static inline void heap_refer(uint32_t from, uint8_t slot, uint32_t to)
{
    assert_true(heap.graph.edge_count < HEAP_EDGES);
    heap.edges[heap.graph.edge_count].from = from;
    heap.edges[heap.graph.edge_count].slot = slot;
    heap.edges[heap.graph.edge_count++].to = to;
}

/* Strong ones first. label: a literal. */
static inline void heap_root(uint32_t node, uint32_t kind, uint32_t flags, const char *label)
{
    assert_true(heap.graph.root_count < HEAP_ROOTS);
    heap.roots[heap.graph.root_count++] = (medic_heap_root){.node = node, .kind = kind, .flags = flags, .label = label};
    heap.graph.strong_root_count += !(flags & MEDIC_ROOT_WEAK);
}

/* --- medic.heap_graph --- */

static inline void heap_lay_edges(void)
{
    uint64_t at = 0;

    for (uint32_t node = 0; node < heap.graph.node_count; node++) {
        heap.first_edge[node] = at;
        for (uint64_t i = 0; i < heap.graph.edge_count; i++)
            if (heap.edges[i].from == node) {
                heap.target[at] = heap.edges[i].to;
                heap.slot[at++] = heap.edges[i].slot;
            }
    }
    heap.first_edge[heap.graph.node_count] = at;
}

static inline uint32_t heap_photographs(const medic_host *host)
{
    (void)host;
    return (uint32_t)heap.taken;
}

static inline const medic_heap_graph *heap_graph_of(const medic_host *host, uint32_t index)
{
    (void)host;
    assert_true(heap.taken);
    assert_int_equal(index, 0);
    if (heap.unreadable)
        return NULL;
    heap_lay_edges();
    heap.graph.size = sizeof heap.graph;
    heap.graph.root_node = heap.graph.node_count;
    heap.graph.address = heap.address;
    heap.graph.class_of = heap.class_of;
    heap.graph.units = heap.units;
    heap.graph.generation = heap.generation;
    heap.graph.first_edge = heap.first_edge;
    heap.graph.target = heap.target;
    heap.graph.slot = heap.slot;
    heap.graph.classes = heap.classes;
    heap.graph.roots = heap.roots;
    return &heap.graph;
}

static inline const char *heap_field(const medic_host *host, const medic_heap_graph *graph, uint32_t class_index,
                                     uint32_t slot)
{
    (void)host, (void)graph;
    assert_true(class_index && class_index <= heap.graph.class_count);
    if (slot == MEDIC_SLOT_DEPENDENT)
        return "(dependent)";
    return slot < HEAP_FIELDS ? heap.fields[class_index][slot] : NULL;
}

static inline uint64_t heap_hash(const medic_host *host, const medic_heap_graph *graph, uint32_t node, uint32_t *length)
{
    (void)host, (void)graph;
    *length = heap.strings[node].length;
    return heap.strings[node].hash;
}

static inline const medic_heap_value *heap_value(const medic_host *host, const medic_heap_graph *graph, uint64_t hash,
                                                 uint32_t length)
{
    (void)host, (void)graph;
    if (!(heap.graph.contents & MEDIC_HEAP_VALUES))
        return NULL;
    for (uint32_t node = 0; node < heap.graph.node_count; node++)
        if (heap.strings[node].hash == hash && heap.strings[node].length == length) {
            heap.value = (medic_heap_value){hash, length, heap.strings[node].kept, heap.strings[node].text};
            return &heap.value;
        }
    return NULL;
}

static inline const void *heap_service(const char *name)
{
    static const medic_heap_graph_service service = {.size = sizeof service,
                                                     .photographs = heap_photographs,
                                                     .graph = heap_graph_of,
                                                     .field = heap_field,
                                                     .hash = heap_hash,
                                                     .value = heap_value};

    return strcmp(name, MEDIC_SERVICE_HEAP_GRAPH) == 0 ? &service : NULL;
}

static inline void heap_reset(void)
{
    memset(&heap, 0, sizeof heap);
    heap.taken = 1;
    heap.graph.photo = 1;
    heap.graph.route = MEDIC_HEAP_COPY;
    heap.graph.contents = MEDIC_HEAP_HASHES | MEDIC_HEAP_VALUES;
    heap.graph.route_reason = "";
    heap.graph.done.pause_ns = 9000000;
}

#endif
