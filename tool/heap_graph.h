/* A photograph of the heap as a graph (medic/service/heap_graph.h), made from its records. For heap_service.c and the
 * export. Single-threaded. */
#ifndef TOOL_HEAP_GRAPH_H
#define TOOL_HEAP_GRAPH_H

#include "tool/heap_index.h"
#include "tool/heap_read.h"

/* Hash and length of the strings, one behind the other in the order of their nodes. */
struct heap_strings {
    uint64_t *bits;   /* which nodes are strings */
    uint32_t *before; /* how many of them lie before each word of bits */
    uint64_t *hash;   /* NULL when the photograph has none */
    uint32_t *length;
};

/* So that the two together can be counted in 32 bits. */
#define HEAP_REFERENCES_MAX ((uint32_t)1 << 31)
#define HEAP_ROOTS_MAX (((uint32_t)1 << 31) - 1)

struct heap_label;

struct heap_graph {
    medic_heap_graph view; /* first: its address is the graph's. Its columns are owned */
    const struct capture *capture;
    struct heap_parts parts;
    struct heap_strings strings;
    const char ***fields;      /* names by class and slot, made when one is asked for */
    struct heap_label *labels; /* of roots, each text once */
    medic_heap_dominators *dominators;
};

/* capture is borrowed and outlives the graph. MEDIC_E_CORRUPT, MEDIC_E_MEMORY, MEDIC_E_IO, MEDIC_E_UNSUPPORTED. */
int heap_graph_load(const struct capture *capture, const struct capture_photo *photo, struct heap_graph **out,
                    medic_reason *why);
void heap_graph_free(struct heap_graph *graph);

/* heap_names.c: fills view.classes but for count and bytes. 0, or -1 when there is no memory. */
int heap_name_classes(struct heap_graph *graph);
/* As the service's field(). NULL when it is not known. */
const char *heap_field_name(struct heap_graph *graph, uint32_t class_index, uint32_t slot);
/* The name of a class, whether or not it has objects; NULL when it is not known. */
const char *heap_class_name(const struct heap_graph *graph, uint64_t class_id);

void heap_names_free(struct heap_graph *graph);

/* heap_roots.c: fills view.roots. 0, or -1 when there is no memory. */
int heap_find_roots(struct heap_graph *graph, const struct heap_index *index);
void heap_labels_free(struct heap_graph *graph);

/* heap_strings.c: strings of the classes in view.class_of. 0, or -1 when there is no memory. */
int heap_strings_make(struct heap_graph *graph);
void heap_strings_free(struct heap_strings *strings);
void heap_strings_put(struct heap_strings *strings, uint32_t node, uint64_t hash, uint32_t length);
/* As the service's hash(). */
uint64_t heap_string_hash(const struct heap_graph *graph, uint32_t node, uint32_t *length);

/* heap_dominators.c: of the graph's strong roots. NULL: no memory. */
medic_heap_dominators *heap_dominators_make(const medic_heap_graph *graph);
void heap_dominators_free(medic_heap_dominators *dominators);

#endif
