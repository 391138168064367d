/* The record layout of exceptions: what its capture half writes and its report half reads. Revision 1.
 *
 * A *throw* is fresh when the exception has not been thrown before; else it is *propagated*: `throw;`, `throw e;`, what
 * ExceptionDispatchInfo throws again, and each await that an exception passes. Counts are exact and come from tables in the
 * target, never from records of single throws, which are samples. */
#ifndef EXCEPTIONS_H
#define EXCEPTIONS_H

#include <medic/medic.h>

#define EXCEPTIONS_REVISION 1

enum {
    EX_TYPE = 256,    /* ex_type: a type was thrown for the first time */
    EX_ROUTE = 257,   /* ex_route: ... and caught by a method for the first time */
    EX_THROW = 258,   /* ex_throw + inner types + message: a sample */
    EX_CATCH = 259,   /* ex_catch: a sample, or one that was timed, was caught */
    EX_RATE = 260,    /* ex_count since the one before, by type */
    EX_CAUGHT = 261,  /* ex_count since the one before, by type and catching method */
    EX_TOTALS = 262,  /* ex_totals: so far; the last one counts */
    EX_CATCHER = 264, /* ex_catcher: ... what its catch blocks do with the type */
    EX_NAME = 263     /* ex_type + UTF-16 name: instead of EX_TYPE in the cheap mode */
};

enum { EX_INNER_MAX = 8, EX_MESSAGE_MAX = 1000 };

/* How a throw came about, and what is known of its exception. */
enum ex_throw_flags {
    EX_PROPAGATED = 1u << 0,
    EX_NO_MESSAGE = 1u << 1, /* it carries none: `Message` would make one from the type's name */
    EX_REDACTED = 1u << 2,   /* not read, on request */
    EX_MORE_INNER = 1u << 3, /* than EX_INNER_MAX; in the cheap mode: there is one */
    EX_CHEAP = 1u << 4,
    EX_UNTIMED = 1u << 5 /* of an ex_catch: it tells only who caught the sample */
};

/* type: the ClassID; in the cheap mode a hash of the name. */
typedef struct ex_type {
    uint64_t type;
} ex_type;

typedef struct ex_route {
    uint64_t type;
    uint64_t catcher; /* FunctionID */
} ex_route;

/* Catch blocks of a method that may take the type. */
typedef struct ex_catcher {
    uint64_t type;
    uint64_t catcher;
    uint32_t outermost; /* 1: the one around all others, as the compiler makes for async methods */
    uint32_t inner;     /* others */
    uint32_t empty;     /* of all of them, those that drop it and do nothing */
    uint32_t reserved;
} ex_catcher;

typedef struct ex_throw {
    medic_stack_head head;
    uint64_t number; /* of the sample; not in order */
    uint64_t type;
    uint32_t flags;          /* enum ex_throw_flags */
    uint32_t message_length; /* UTF-16 units of the message in the target */
    uint32_t message_kept;   /* units that follow the inner types */
    uint32_t inner_count;    /* u64 ClassIDs that follow, the outermost first */
    uint64_t stands_for;     /* throws; 1 of one of the first of its type */
} ex_throw;

typedef struct ex_catch {
    uint64_t number; /* of the ex_throw; 0: timed, without a stack, which would make it dearer than the others */
    uint64_t type;
    uint64_t catcher;
    uint64_t time_ns; /* from the throw until the catch block is entered */
    uint64_t cpu_ns;  /* of the thread, in that time */
    uint32_t flags;   /* enum ex_throw_flags */
    uint32_t reserved;
    uint64_t stands_for; /* throws, of one that was timed */
} ex_catch;

typedef struct ex_count {
    uint64_t time_ns; /* when it was counted */
    uint64_t type;
    uint64_t catcher; /* 0 in EX_RATE */
    uint64_t fresh;
    uint64_t propagated;
} ex_count;

typedef struct ex_totals {
    uint64_t time_ns;
    uint64_t process_ns; /* CPU time of the process so far, Medic's included */
    uint64_t fresh;      /* of types for which there was no room in the table */
    uint64_t propagated;
    uint64_t routes_missed;  /* catches for which there was no room */
    uint64_t threads_missed; /* throws of threads for which there was no room: where they were caught is not known */
    uint64_t samples;        /* taken */
    uint64_t samples_full;   /* of these lost, the ring was full */
    uint64_t bad_events;     /* of the cheap mode, not understood */
    uint32_t stacks_per_second;
    uint32_t cheap;
} ex_totals;

extern const medic_capture exceptions_capture;
extern const medic_report exceptions_report;

#endif
