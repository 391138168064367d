/* What the report judges: facts go in, a verdict comes out. README.md tells the rules. */
#ifndef GC_SURVIVORS_VERDICT_H
#define GC_SURVIVORS_VERDICT_H

#include <medic/words.h>

#include <medic/heap_format.h>
#include <medic/service/document.h>

#define VERDICT_TEXT 640
#define VERDICT_FINDINGS 5

/* How a suspect holds its objects, where that tells what to do. */
enum holding {
    HOLDS_PLAIN,
    HOLDS_HANDLERS,      /* of an event */
    HOLDS_TIMERS,        /* that nobody disposed of */
    HOLDS_REGISTRATIONS, /* of a CancellationToken */
    HOLDS_TASKS,         /* async methods that wait */
    HOLDS_HANDLES,       /* GC handles that nobody freed */
    HOLDS_DEPENDENT,     /* by a ConditionalWeakTable, whose keys live */
    HOLDS_FINALIZER      /* wait to be finalized */
};

/* Many objects of one type under one holder, or one large object. */
struct suspect {
    char path[VERDICT_TEXT]; /* "static Orders.Cache._items: Dictionary<int, Order> → Entry[] → 83,412 × Order" */
    char key[VERDICT_TEXT];  /* of its holder's row */
    char type[96];           /* "Order" */
    enum holding holding;
    uint64_t count, retained;
    uint64_t count_before, retained_before;
};

#define SUSPECTS_MAX 4

struct facts {
    int photographed;                          /* there is a photograph */
    int has_dead;                              /* nothing was collected before it */
    uint64_t objects, bytes;                   /* that strong roots reach */
    uint64_t guessed_bytes;                    /* of them only from words that look like addresses */
    uint64_t dead, dead_bytes;                 /* that no root reaches */
    uint64_t finalizer_count, finalizer_bytes; /* that only the finalizer queue holds */
    char largest_holder[VERDICT_TEXT];
    uint64_t largest_holder_bytes;

    int compared; /* the suspects are those that grew */
    uint64_t bytes_before, objects_before, span_ns;
    const char *second_failed; /* why there is no second photograph, or NULL */

    struct suspect suspects[SUSPECTS_MAX]; /* the gravest first */
    size_t suspect_count;
    int simplified; /* there were more paths than are told apart */
};

struct finding {
    char text[VERDICT_TEXT];
    const char *section; /* borrowed, or NULL */
    char key[VERDICT_TEXT];
};

struct verdict {
    uint32_t severity; /* enum medic_severity */
    char sentence[VERDICT_TEXT];
    struct finding findings[VERDICT_FINDINGS];
    size_t finding_count;
};

/* The rules that facts.c needs to find suspects. */
#define SUSPECT_BYTES 10e6 /* less is a small program */
#define SUSPECT_SHARE 0.2  /* of what is alive */
#define SUSPECT_COUNT 100u /* objects of one type, and this many times as many as those that hold them: */
#define SUSPECT_FAN 10u
#define SINGLE_SHARE 0.5   /* one object */
#define GROWTH_BYTES 512e3 /* less, or a smaller share of what was alive, is no growth */
#define GROWTH_SHARE 0.01
#define GROWTH_COUNT 10u
#define GROWTH_PART 0.2 /* of all that grew */

/* Whether more is alive than before, by more than what a healthy program varies. */
int memory_grows(const struct facts *facts);
void verdict_of(const struct facts *facts, struct verdict *verdict);

#endif
