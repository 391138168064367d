/* From the names in the metadata to the names a person wrote: `Orders.Cache+<Load>d__5!MoveNext` is
 * `Orders.Cache.Load (async)`. Compilers invent names in angle brackets; the ones of Roslyn are undone here, what is not
 * recognised is kept as it is. Pure functions over strings, and no allocation; any thread.
 *
 * A name is written part by part: pretty_begin, pretty_type for each type from the outermost in, then pretty_end for the
 * name of the type, or pretty_method for that of one of its methods. */
#ifndef CORE_SERVICES_PRETTY_NAMES_H
#define CORE_SERVICES_PRETTY_NAMES_H

#include "name_text.h"

/* Writes the generic argument with this index: the type's own count first, the method's behind them. */
typedef void (*pretty_argument_fn)(void *context, struct name_text *out, uint32_t index);

enum pretty_machine { PRETTY_ASYNC, PRETTY_ITERATOR, PRETTY_ASYNC_ITERATOR };

/* Only this file's functions look inside. */
struct pretty {
    struct name_text *out;
    size_t start; /* where in out the name begins */
    pretty_argument_fn argument;
    void *context;
    uint32_t count;   /* arguments of the type and of all around it */
    uint32_t next;    /* the first one that no part has taken yet */
    uint32_t carried; /* the first one of an open closure: they belong to the method that it was made for */
    bool closure;     /* the last part was a closure and is not written yet */
    bool machine;     /* the last part was a state machine */
    bool plain;       /* the last part was a name that somebody wrote */
};

/* argument may be NULL when count and the method's count are 0. The name goes behind what out holds already. */
void pretty_begin(struct pretty *pretty, struct name_text *out, pretty_argument_fn argument, void *context,
                  uint32_t count);
/* name: as in the metadata, with its namespace when outermost and its arity (`List`1`), NUL-terminated. It is not read any
 * more once the first argument is asked for. machine counts only when pretty_is_state_machine(name). */
void pretty_type(struct pretty *pretty, const char *name, enum pretty_machine machine);
void pretty_end(struct pretty *pretty);
void pretty_method(struct pretty *pretty, const char *name, uint32_t argument_count);

/* Whether this is the name of a type that a compiler made of an async method or an iterator. */
bool pretty_is_state_machine(const char *name);
/* The C# keyword for a full type name (`int` for `System.Int32`), or NULL. */
const char *pretty_keyword(const char *name);

#endif
