/* The runtime's handles, read in place in the copy of the process: which object each holds, and how. The runtime tells them
 * only to a collection.
 *
 * A handle table is a chain of segments of 64 KiB, whose first page says of what kind each block of 64 handles is
 * (handletablepriv.h of dotnet/runtime, packed, the same for many years but for the number of kinds). A segment is known by
 * this: the table that it names has it in its chain. Only under heap_try. */
#ifndef CORE_SERVICES_HEAP_HANDLES_H
#define CORE_SERVICES_HEAP_HANDLES_H

#include <stdint.h>

enum { HEAP_HANDLES_SEGMENT = 65536 };

enum heap_handle_kind {
    HEAP_HANDLE_WEAK = 0,
    HEAP_HANDLE_WEAK_LONG = 1,
    HEAP_HANDLE_STRONG = 2,
    HEAP_HANDLE_PINNED = 3,
    HEAP_HANDLE_VARIABLE = 4,
    HEAP_HANDLE_REFCOUNTED = 5,
    HEAP_HANDLE_DEPENDENT = 6,
    HEAP_HANDLE_ASYNC_PINNED = 7,
    HEAP_HANDLE_SIZED = 8,
    HEAP_HANDLE_WEAK_COM = 9,
    HEAP_HANDLE_WEAK_INTERIOR = 10,
    HEAP_HANDLE_CROSS = 11
};

struct heap_handle {
    uint64_t handle, object;
    uint64_t second; /* DEPENDENT: what lives as long as object */
    uint32_t kind;   /* enum heap_handle_kind, or a later one */
};

typedef void (*heap_handle_visit)(void *context, const struct heap_handle *handle);

enum { HEAP_HANDLES_KINDS_MIN = 10, HEAP_HANDLES_KINDS_MAX = 16 };

/* Whether a segment begins at this address, of a table with so many kinds of handles. */
int heap_handles_are_at(uint64_t segment, uint32_t kinds);
/* Every handle of the segment that holds an object. */
void heap_handles_visit(uint64_t segment, uint32_t kinds, heap_handle_visit visit, void *context);

/* Objects that wait for their finalizer: a part of the list of all that have one (CFinalize in gcpriv.h), which is known by its
 * pointers: they ascend, from an array's begin to its end. */
enum { HEAP_FINALIZERS_BYTES = 72 };

struct heap_finalizers {
    uint64_t first, end;       /* addresses of the words of all objects with a finalizer */
    uint64_t ready, ready_end; /* among them of those that wait */
};

/* Whether such a list is at this address. */
int heap_finalizers_are_at(uint64_t address, struct heap_finalizers *finalizers);

#endif
