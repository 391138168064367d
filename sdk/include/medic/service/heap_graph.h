/* medic.heap_graph: the photographs of the heap in a capture, as graphs that a report half can walk, with dominators.
 *
 * A graph is columns of plain arrays, so that ten million objects fit: node i is the object with the i-th lowest address.
 * The node `root_node` (= node_count) stands for all roots together. */
#ifndef MEDIC_SERVICE_HEAP_GRAPH_H
#define MEDIC_SERVICE_HEAP_GRAPH_H

#include <medic/heap_format.h>
#include <medic/plugin.h>

#define MEDIC_SERVICE_HEAP_GRAPH "medic.heap_graph/draft"

#define MEDIC_NO_NODE UINT32_MAX
#define MEDIC_SLOT_UNKNOWN 255u   /* a reference in no known slot, or beyond the 254th */
#define MEDIC_SLOT_DEPENDENT 254u /* from the key of a ConditionalWeakTable (or DependentHandle) to its value */

enum medic_heap_kind { /* what a class is, by its base classes and names */
                       MEDIC_KIND_OBJECT = 0,
                       MEDIC_KIND_STRING = 1,
                       MEDIC_KIND_ARRAY = 2,
                       MEDIC_KIND_DELEGATE = 3,
                       MEDIC_KIND_CLOSURE = 4,       /* <>c__DisplayClass: what a lambda captured */
                       MEDIC_KIND_STATE_MACHINE = 5, /* of an async method or an iterator, or the task that boxes it */
                       MEDIC_KIND_BOXED = 6          /* a value type on the heap */
};

typedef struct medic_heap_class {
    const char *name;   /* as a person would write it: "System.Collections.Generic.List<Orders.Order>". Never NULL */
    const char *module; /* file name: "Orders.dll"; "" when not known */
    uint64_t id;        /* ClassID */
    uint32_t kind;      /* enum medic_heap_kind */
    uint32_t flags;     /* enum medic_heap_class_flags */
    uint32_t code;      /* enum medic_code (medic/service/frames.h): whose class it is; of arrays, of the element */
    uint32_t reserved;
    uint64_t count, bytes; /* of its objects */
} medic_heap_class;

typedef struct medic_heap_root {
    uint32_t node;
    uint32_t kind;  /* enum medic_heap_root_kind */
    uint32_t flags; /* enum medic_heap_root_flags */
    uint32_t reserved;
    const char
        *label; /* what a person calls it: "static Orders.Cache._items", "stack of Orders.Worker.Run", "pinned handle",
                          "finalizer queue". Equal texts are the same pointer */
} medic_heap_root;

typedef struct medic_heap_graph {
    uint32_t size;
    uint32_t photo;
    uint32_t route;    /* enum medic_heap_route */
    uint32_t contents; /* enum medic_heap_contents */
    uint64_t time_ns;  /* CLOCK_MONOTONIC */
    medic_heap_done_record done;
    const char *route_reason; /* why this route; "" */

    uint32_t node_count, root_node;
    uint32_t class_count; /* classes[1..class_count] */
    uint32_t root_count;
    uint64_t edge_count;
    uint64_t dangling; /* references to what is no object of the photograph: dropped */
    uint64_t bytes;    /* of all objects */

    const uint64_t *address;    /* [node_count], ascending */
    const uint32_t *class_of;   /* [node_count] index in classes */
    const uint32_t *units;      /* [node_count] size in 8 bytes */
    const uint8_t *generation;  /* [node_count] enum medic_heap_generation */
    const uint64_t *first_edge; /* [node_count + 1] edges of a node: first_edge[i] .. first_edge[i + 1] - 1 */
    const uint32_t *target;     /* [edge_count] node */
    const uint8_t *slot;        /* [edge_count] number of the class's slot; of an array, of the element's */
    const medic_heap_class *classes;
    const medic_heap_root *roots; /* strong ones first, then the weak; static fields before all others */
    uint32_t strong_root_count;
    uint32_t reserved;
} medic_heap_graph;

/* What keeps what alive. Arrays have node_count + 1 entries: the last is the root's. */
typedef struct medic_heap_dominators {
    uint32_t size;
    uint32_t reachable; /* nodes that a strong root reaches */
    const uint32_t
        *idom; /* the node without which this one would be free; root_node; MEDIC_NO_NODE = reached by none */
    const uint64_t *retained; /* bytes that would be free without it: its own, and of all it dominates. Own size where
                                 unreachable */
    /* Children in the dominator tree: child[first_child[i] .. first_child[i + 1] - 1]; [node_count + 2] and [reachable] */
    const uint32_t *first_child;
    const uint32_t *child;
    uint64_t reachable_bytes;
} medic_heap_dominators;

/* A string that is there more than once. */
typedef struct medic_heap_value {
    uint64_t hash;
    uint32_t length; /* UTF-16 units */
    uint32_t units;  /* of text: its beginning */
    const uint16_t *text;
} medic_heap_value;

/* [tool] All is owned by the host and lives until render returns. NULL: there is no such thing, or no memory or a damaged
 * capture, which also fails the rendering with a sentence; MEDIC_E_NOT_FOUND of photographs() is no error. */
typedef struct medic_heap_graph_service {
    uint32_t size;
    uint32_t reserved;
    /* How many complete photographs the capture has. */
    uint32_t (*photographs)(const medic_host *host);
    /* index 0..photographs-1, in order of time. Loaded when first asked for; a second graph lives beside the first. */
    const medic_heap_graph *(*graph)(const medic_host *host, uint32_t index);
    const medic_heap_dominators *(*dominators)(const medic_host *host, const medic_heap_graph *graph);
    /* Name of the field that a slot of a class is: "_items", "[]" for an element, "[].value" for a field of it, "(dependent)"
     * for MEDIC_SLOT_DEPENDENT; NULL when not known. */
    const char *(*field)(const medic_host *host, const medic_heap_graph *graph, uint32_t class_index, uint32_t slot);
    /* Hash of a string node; 0 = no string, or the photograph has no hashes. length: of it in UTF-16 units. */
    uint64_t (*hash)(const medic_host *host, const medic_heap_graph *graph, uint32_t node, uint32_t *length);
    /* NULL when its text was not kept. */
    const medic_heap_value *(*value)(const medic_host *host, const medic_heap_graph *graph, uint64_t hash,
                                     uint32_t length);
    /* Frees a graph and its dominators before the end: two of a large heap are much memory. */
    void (*release)(const medic_host *host, const medic_heap_graph *graph);
} medic_heap_graph_service;

#endif
