/* The strings of a photograph: what lives, which are equal, who holds them. Columns of plain arrays, for ten million
 * objects. [tool] */
#ifndef DUP_STRINGS_CENSUS_H
#define DUP_STRINGS_CENSUS_H

#include "dup_strings.h"
#include "map.h"

#define UNIT_BYTES UINT64_C(8) /* of medic_heap_graph.units */
#define NO_STRING UINT32_MAX
#define NO_VALUE UINT32_MAX

/* What keeps an object, by the shortest way from a root: a node, or node_count + 1 + the index of a root, or one of these. */
#define PARENT_FROZEN (UINT32_MAX - 1) /* never collected, whether somebody refers to it or not */
#define PARENT_NONE UINT32_MAX         /* nothing that was seen */

/* Strings of the same length and hash. Dead ones are counted apart. */
struct value {
    uint64_t hash;
    uint32_t length; /* UTF-16 units */
    uint32_t units;  /* of 8 bytes, that each of them takes */
    uint32_t count, dead;
    uint32_t first; /* string: they are first .. first + count - 1 */
};

/* A field that refers to strings. Elements of arrays, and fields of framework types, belong to the field of the program's own
 * type, or to the root, through which they are reached. */
struct holder {
    uint32_t class_index, slot;           /* of the program's type; class 0 = a root */
    const char *root;                     /* its label */
    uint32_t through_class, through_slot; /* what refers to the string, if that is another; class 0 = nothing between */
    uint64_t strings;                     /* that it holds; one that two fields hold counts for both */
    uint64_t values;                      /* different ones among them */
    uint64_t copies;                      /* strings that there are more than one of */
    uint64_t wasted;                      /* bytes: its part of the copies' cost */
    uint32_t top_value, top_count;        /* which it holds most of */
};

/* Of the value that is being counted, and of its string: a field that refers to a string twice holds it once. */
struct seen {
    uint32_t value, string; /* + 1 */
    uint32_t count;         /* strings of the value */
};

struct census {
    const medic_host *host;
    const medic_heap_graph_service *heap;
    const medic_heap_graph *graph;

    uint32_t *parent;     /* [node_count] */
    uint8_t *parent_slot; /* [node_count] of the parent: the one that refers here */
    int dead_known;       /* the dead are among the objects, and can be told */

    struct map map;
    struct value *values; /* [map.count] */
    size_t value_room;
    uint32_t *string_of; /* [node_count] number of a string that lives, NO_STRING of the rest */
    uint32_t string_count;

    struct map holder_map;
    struct holder *holders; /* [holder_map.count] */
    size_t holder_room;
    uint64_t *first_reference; /* [string_count + 1] */
    uint32_t *reference;       /* holders; of a string: first_reference[s] .. first_reference[s + 1] - 1 */

    struct seen *seen; /* [holder_map.count] for counting */

    uint64_t heap_bytes; /* of what lives */
    uint64_t string_bytes, value_bytes, wasted;
    uint64_t dead_strings, dead_bytes;
    uint64_t frozen_strings, frozen_bytes; /* among the living */
    uint64_t copies;                       /* strings above the first of their value */
    uint32_t repeated;                     /* values that are there more than once */
};

/* Each returns MEDIC_OK or MEDIC_E_MEMORY; in this order. census_free after any of them. */
int census_reach(struct census *census);
int census_count(struct census *census);
int census_hold(struct census *census);
void census_free(struct census *census);

/* How many strings of a value a holder has. */
struct holding {
    uint32_t holder;
    uint32_t count;
};

/* The most important holders of a value, those of most strings first; returns how many, up to `most`. */
size_t census_holders_of(struct census *census, uint32_t value, struct holding *holdings, size_t most);

static inline uint64_t value_bytes(const struct value *value)
{
    return value->units * UNIT_BYTES;
}

static inline uint64_t value_wasted(const struct value *value)
{
    return value->count > 1 ? (value->count - 1) * value_bytes(value) : 0;
}

static inline int is_string(const medic_heap_graph *graph, uint32_t node)
{
    return graph->classes[graph->class_of[node]].kind == MEDIC_KIND_STRING;
}

/* Makes room for `count` items of a growing array. */
int census_room(void **items, size_t *room, size_t count, size_t size);

#endif
