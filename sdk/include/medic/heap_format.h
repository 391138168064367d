/* A photograph of the managed heap in the capture file (medic/capture_format.h): written by a copy of the target, which
 * may die while it writes, and completed by the target's worker. Records of one photograph carry its number; one without
 * its DONE record is incomplete and worth nothing.
 *
 * Addresses and sizes are bytes. Objects are 8-byte aligned and begin with the pointer to their MethodTable, which is their
 * ClassID. An object's size is base_size + count * component_size, rounded up to 8; base_size holds the header and the
 * padding that the runtime adds. Integers in objects are LEB128 (unsigned, 7 bits a byte, least first). */
#ifndef MEDIC_HEAP_FORMAT_H
#define MEDIC_HEAP_FORMAT_H

#include <medic/capture_format.h>

#ifdef __cplusplus
extern "C" {
#endif

enum medic_heap_route {
    MEDIC_HEAP_AUTO = 0,
    MEDIC_HEAP_COPY = 1,    /* suspend, clone, collect and walk in the copy: exact. Workstation GC */
    MEDIC_HEAP_COLLECT = 2, /* a forced collection of the target, the walk in a fork: exact */
    MEDIC_HEAP_ENUMERATE =
        3 /* suspend, clone, list in the copy: the dead too, and roots as far as they can be found. .NET 9 and later */
};

/* What the photograph holds. */
enum medic_heap_contents {
    MEDIC_HEAP_HASHES = 1u << 0, /* every string carries a hash of its characters */
    MEDIC_HEAP_VALUES = 1u << 1, /* and those that are there more than once, their text */
    MEDIC_HEAP_DEAD = 1u << 2    /* the dead are among the objects: nothing was collected */
};

typedef struct medic_heap_record {
    uint32_t photo;    /* from 1 */
    uint32_t route;    /* enum medic_heap_route */
    uint32_t contents; /* enum medic_heap_contents */
    uint32_t attempt;  /* from 1: earlier ones were given up, on whatever route */
    uint64_t time_ns;  /* CLOCK_MONOTONIC of the moment that it shows */
} medic_heap_record;

enum medic_heap_class_flags {
    MEDIC_HEAP_ARRAY = 1u << 0,       /* has a count, and elements behind base_size - 8 */
    MEDIC_HEAP_STRING = 1u << 1,      /* has a count of UTF-16 units, from byte 12 on */
    MEDIC_HEAP_COLLECTIBLE = 1u << 2, /* its objects also refer to what keeps their assembly loaded */
    MEDIC_HEAP_ODD = 1u << 3          /* its layout could not be read: references come as extra ones only */
};

/* A class, before its first object. A class whose references turned out to be others than it said has another record, with
 * the same id, for the objects from there on. slot_count u32 offsets follow: where the references of an object are, bytes from its
 * begin, ascending; then element_slot_count u32 offsets of those in an element, bytes from the element's begin. */
typedef struct medic_heap_class_record {
    uint32_t photo;
    uint32_t index; /* from 1, without gaps; what objects name */
    uint64_t id;    /* ClassID; a name record tells the rest, if it was known to the runtime */
    uint32_t flags; /* enum medic_heap_class_flags */
    uint32_t base_size;
    uint32_t component_size; /* bytes of an element, 0 = no array and no string */
    uint32_t slot_count;
    uint32_t element_slot_count;
    uint32_t reserved;
} medic_heap_class_record;

/* count objects follow, each of:
 *   class     LEB128  index
 *   gap       LEB128  zigzag of (address - where the one before ends) / 8; for the first, address - first
 *   count     LEB128  of elements; if the class has component_size
 *   hash      u64     unaligned; if the class is a string and the photograph has hashes (any good one, never 0)
 *   slots             a reference for each slot of the class, and for each slot of each element; but none for the elements
 *                     when count * element_slot_count > MEDIC_HEAP_INLINE_SLOTS: they come as ELEMENTS records afterwards
 *   extra     LEB128  if the class is COLLECTIBLE or ODD: how many references follow that are in no slot; then these
 * A reference is LEB128: 0 = null, else 1 + zigzag((target - address of the object) / 8).
 * zigzag(n) = n < 0 ? -2n - 1 : 2n. */
typedef struct medic_heap_objects_record {
    uint32_t photo;
    uint32_t count;
    uint64_t first; /* address of the first */
} medic_heap_objects_record;

#define MEDIC_HEAP_INLINE_SLOTS 65536u
#define MEDIC_HEAP_CHUNK_MAX (1u << 20) /* bytes of an OBJECTS or ELEMENTS record */

/* A run of the references in a long array's elements, in order; all runs of an array together are its elements. */
typedef struct medic_heap_elements_record {
    uint32_t photo;
    uint32_t reserved;
    uint64_t array; /* address */
    uint64_t first; /* number of the first reference: element * element_slot_count + slot */
    uint64_t count; /* references that follow */
} medic_heap_elements_record;

/* Entries follow, as the record's type says. */
typedef struct medic_heap_list_record {
    uint32_t photo;
    uint32_t count;
} medic_heap_list_record;

enum medic_heap_root_kind {
    MEDIC_ROOT_OTHER = 0,
    MEDIC_ROOT_STACK = 1,
    MEDIC_ROOT_FINALIZER = 2, /* waits to be finalized */
    MEDIC_ROOT_HANDLE = 3,
    MEDIC_ROOT_STATIC = 4,        /* made by the reader, of a static entry; id = index of its label */
    MEDIC_ROOT_THREAD_STATIC = 5, /* the same */
    MEDIC_ROOT_DEPENDENT = 6,     /* a ConditionalWeakTable's entry whose key is not in the heap that was seen */
    MEDIC_ROOT_GUESSED = 7        /* a word in memory outside the heap that looks like the address of an object */
};

enum medic_heap_root_flags {
    MEDIC_ROOT_PINNED = 1u << 0,
    MEDIC_ROOT_WEAK = 1u << 1, /* holds nothing alive */
    MEDIC_ROOT_INTERIOR = 1u << 2,
    MEDIC_ROOT_REFCOUNTED = 1u << 3,
    MEDIC_ROOT_ON_STACK = 1u << 4 /* of a GUESSED one: the word is on a thread's stack */
};

typedef struct medic_heap_root_entry {
    uint64_t object; /* address; of a byte inside when INTERIOR */
    uint64_t id;     /* STACK: FunctionID or 0; HANDLE: its address; GUESSED: the word's */
    uint32_t kind;   /* enum medic_heap_root_kind */
    uint32_t flags;  /* enum medic_heap_root_flags */
} medic_heap_root_entry;

typedef struct medic_heap_dependent_entry {
    uint64_t key, value; /* addresses: value lives as long as key */
    uint64_t handle;
} medic_heap_dependent_entry;

enum medic_heap_generation {
    MEDIC_GENERATION_0 = 0,
    MEDIC_GENERATION_1 = 1,
    MEDIC_GENERATION_2 = 2,
    MEDIC_GENERATION_LARGE = 3,
    MEDIC_GENERATION_PINNED = 4,
    MEDIC_GENERATION_FROZEN = 5, /* never collected: string literals and the like */
    MEDIC_GENERATION_UNKNOWN = 6,
    MEDIC_GENERATIONS = 7
};

/* Where a generation was when the objects were written. A COPY or COLLECT photograph has just collected: what survived is
 * one generation older than it was before. */
typedef struct medic_heap_range_entry {
    uint64_t begin, end;
    uint32_t generation; /* enum medic_heap_generation */
    uint32_t reserved;
} medic_heap_range_entry;

/* A static field that refers to objects. */
typedef struct medic_heap_static_entry {
    uint64_t slot;     /* address of the field */
    uint64_t object;   /* what it held; 0 = null */
    uint64_t class_id; /* ClassID that declares it: a name record and a FIELDS record tell the rest */
    uint32_t token;    /* of the field */
    uint32_t os_id;    /* Linux tid for a thread's own static, else 0 */
} medic_heap_static_entry;

/* The text of a string that is there more than once. units u16 follow. */
typedef struct medic_heap_value_record {
    uint32_t photo;
    uint32_t length; /* UTF-16 units of the string */
    uint64_t hash;
    uint32_t units; /* that follow: its beginning */
    uint32_t reserved;
} medic_heap_value_record;

/* What a class declares, written by the worker afterwards. count entries follow, each a medic_heap_field_entry and length
 * bytes of name, padded to 4. */
typedef struct medic_heap_fields_record {
    uint32_t photo;
    uint32_t count;
    uint64_t class_id;
    uint64_t parent_id;  /* ClassID of the base class, 0 = none or unknown */
    uint64_t element_id; /* ClassID of an array's elements, 0 = none or unknown */
} medic_heap_fields_record;

#define MEDIC_HEAP_STATIC_FIELD UINT32_MAX

typedef struct medic_heap_field_entry {
    uint32_t
        offset; /* of an object: from its begin; of a value type: from its first field; or MEDIC_HEAP_STATIC_FIELD */
    uint32_t token;
    uint32_t length; /* bytes of name, UTF-8 */
} medic_heap_field_entry;

/* The end of a photograph that is complete. length bytes of text follow: why this route was taken, a sentence, or "". */
typedef struct medic_heap_done_record {
    uint32_t photo;
    uint32_t length;
    uint64_t objects, bytes;
    uint64_t pause_ns;           /* that the photograph caused, all attempts: the longest */
    uint64_t predicted_pause_ns; /* what was said beforehand */
    uint64_t copy_ns;            /* how long the copy of the process lived */
    uint64_t copy_cpu_ns;        /* CPU time of the copy */
    uint64_t copy_memory_bytes;  /* most private memory of the copy that was seen */
    uint32_t attempts;
    uint32_t reserved;
} medic_heap_done_record;

#ifdef __cplusplus
}
#endif
#endif
