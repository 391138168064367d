/* A photograph as the report half works on it: who holds, by which paths, of which types. What is kept of it is bounded: a
 * few arrays over the objects while it is looked at, afterwards types, holders and merged paths. [tool] */
#ifndef GC_SURVIVORS_RECORDING_H
#define GC_SURVIVORS_RECORDING_H

#include "gc_survivors.h"
#include "verdict.h"

#define NAME_ROOM 512

/* --- names.c --- */

/* The type without its namespaces: "Dictionary<int, Order>", "Entry[]"; "closure of Cache", "async Worker.Run" for what a
 * compiler made. Returns out. */
const char *short_type(const char *name, uint32_t kind, char out[NAME_ROOM]);
/* The name of a field as it was written: "Items" for "<Items>k__BackingField". */
const char *field_name(const char *field, char out[NAME_ROOM]);
/* A value that is equal for equal texts; add goes on from an earlier one. */
uint64_t hash_text(uint64_t add, const char *text);

/* --- holders.c: which root holds an object --- */

/* Who holds: one root, or roots together. */
struct label {
    const char *text;  /* of the nearest root; NULL = nothing that was seen */
    const char *other; /* of a second one, without which the object would live as well; NULL = none */
    int more;          /* there are others that are not named */
    uint32_t kind;     /* enum medic_heap_root_kind of the first */
    uint64_t objects;  /* that only it holds, or they together */
    uint64_t retained;
};

struct holders {
    struct label *labels; /* [0] is for what no root reaches */
    uint32_t label_count, label_room;
    uint32_t *index; /* hash table of label numbers */
    uint32_t index_size;
    uint32_t *label_of; /* of each node; freed when the paths are there */
    uint64_t exact_bytes, guessed_bytes;
};

/* --- paths.c: the dominator tree, merged by type and field --- */

enum path_flags {
    PATH_RECURSIVE = 1u << 0, /* objects further down, of the same type and field, are counted here */
    PATH_CUT = 1u << 1        /* what hangs below it is not told apart */
};

#define PATH_NO_SLOT 0x100u /* it is referred to in more than one way, none of them from its owner alone */
#define NO_PATH 0u

/* Objects that are held in the same way. Every object that a root reaches belongs to one of these. */
struct path {
    uint32_t parent, first_child, next; /* 0 = none; children in order: sort_paths */
    uint32_t label;                     /* of the topmost ones, which are roots; else 0 */
    uint32_t class_index;
    uint32_t slot; /* of the parent's class */
    uint32_t flags;
    uint32_t depth;
    uint32_t levels, last_level; /* how often they hang below each other */
    uint32_t waiting;            /* while it is built */
    uint64_t count, own;         /* objects and their bytes */
    uint64_t below;              /* of what is not told apart */
    uint64_t retained;           /* own, below, and of all children */
    uint64_t entered;            /* while it is built: what came in from above */
    uint64_t references;         /* from arrays, to count the handlers of a delegate */
    uint64_t key;                /* hash of the names down to here: the same in another photograph */
    uint64_t count_before, retained_before;
    uint64_t moved; /* of those before, what hung somewhere else */
};

struct link;

struct paths {
    struct path *all; /* [0] stands for all roots */
    uint32_t count, room;
    struct link *index; /* hash table, while they are made */
    uint32_t index_size, links;
    int full; /* there were more */
};

/* --- types.c --- */

struct type {
    uint64_t count, bytes;
    uint64_t old_count, old_bytes; /* in generation 2, large and pinned */
    uint64_t retained;             /* what would be free without all of them */
    uint64_t count_before, bytes_before, retained_before;
};

struct generation {
    uint64_t count, bytes;
};

/* --- growth.c --- */

/* What is kept of the first photograph: hash of a name, and figures. */
struct before {
    uint64_t key, count, bytes, retained;
};

struct earlier {
    struct before *items; /* hash table, key 0 = free */
    size_t size, used;
    uint64_t objects, bytes, time_ns;
    uint32_t route;
    medic_heap_done_record done;
};

struct recording {
    const medic_host *host;
    const medic_capture_service *capture;
    const medic_document_service *document;
    const medic_heap_graph_service *heap;
    const medic_heap_graph *graph;
    const medic_heap_dominators *tree;

    struct holders holders;
    struct paths paths;
    struct type *types; /* as graph->classes */
    struct generation generations[MEDIC_GENERATIONS];
    struct generation dead; /* that no root reaches */

    struct earlier earlier;
    int has_earlier;
    uint64_t span_ns; /* between the photographs */
    char second_failed[MEDIC_REASON_MAX];
    struct facts facts;
};

/* The bytes of a node. */
static inline uint64_t bytes_of(const medic_heap_graph *graph, uint32_t node)
{
    return (uint64_t)graph->units[node] * 8;
}

static inline int is_old(uint32_t generation)
{
    return generation == MEDIC_GENERATION_2 || generation == MEDIC_GENERATION_LARGE ||
           generation == MEDIC_GENERATION_PINNED;
}

/* Nothing was collected: what no root reaches is dead, or held by a root that such a photograph cannot see. */
static inline int has_dead(const medic_heap_graph *graph)
{
    return graph->route == MEDIC_HEAP_ENUMERATE || (graph->contents & MEDIC_HEAP_DEAD);
}

/* Each returns MEDIC_OK or MEDIC_E_MEMORY; what it made is freed by free_analysis. */
int find_holders(struct recording *recording);
int merge_paths(struct recording *recording);
int count_types(struct recording *recording);
void free_analysis(struct recording *recording);

/* Children of each path by retained bytes, or by how much more they are than before. */
int sort_paths(struct recording *recording, int by_growth);
/* Keeps the figures of the photograph that was looked at, and afterwards fills in "before" of the next one's and sorts its
 * paths by growth. */
int keep_earlier(struct recording *recording);
int compare_with_earlier(struct recording *recording);

const struct label *label_of_path(const struct recording *recording, uint32_t path);
/* "static Orders.Cache._items and static Orders.Index._all" */
void add_label(struct medic_text *text, const struct label *label);
/* One step: "_entries: Entry[]", or the label and the type for a root. */
void add_step(struct medic_text *text, const struct recording *recording, uint32_t path);
const char *class_name(const struct recording *recording, uint32_t class_index, char out[NAME_ROOM]);
/* Handlers of a delegate: what its invocation list refers to; 0 = it is no list. */
uint64_t handlers_of(const struct recording *recording, uint32_t path);

/* --- facts.c --- */

void find_facts(struct recording *recording);

/* --- sections*.c --- */

/* Sorts the paths. */
void write_sections(struct recording *recording);

#endif
