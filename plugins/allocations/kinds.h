/* What an allocated object is, seen by its type and the method that allocates it, and what helps against it. Pure. [tool] */
#ifndef ALLOCATIONS_KINDS_H
#define ALLOCATIONS_KINDS_H

enum kind {
    KIND_OBJECT,
    KIND_ARRAY,
    KIND_BUFFER,
    KIND_POOL,
    KIND_GROWTH,
    KIND_PARAMS,
    KIND_BOXING,
    KIND_CLOSURE,
    KIND_DELEGATE,
    KIND_STRING,
    KIND_BUILT,
    KIND_CONCAT,
    KIND_FORMAT,
    KIND_PIECES,
    KIND_NUMBERS,
    KIND_BUILDER,
    KIND_ASYNC,
    KIND_TASK,
    KIND_ITERATOR,
    KIND_ENUMERATOR,
    KIND_LINQ,
    KIND_EXCEPTION,
    KIND_COUNT
};

/* base: what the type derives from; method: that allocates, in full; each may be NULL. own: the method is the program's. */
enum kind kind_of(const char *type, const char *base, const char *method, int own);
/* The method says little: who called it may say more. */
int kind_is_vague(enum kind kind);
/* A helper of the framework that allocates on behalf of every caller. */
int is_allocator(const char *method);
/* What StringBuilder, the dictionaries, and exceptions allocate beside objects that have a name of their own. */
int is_chars(const char *type);
int is_ints(const char *type);
int is_stack_trace(const char *type);
/* Objects of the type differ in size: arrays and strings. */
int is_of_many_sizes(const char *type);
const char *kind_name(enum kind kind);
/* A clause, or NULL. */
const char *kind_hint(enum kind kind);

#endif
