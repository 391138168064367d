/* What a capture of exceptions comes down to, and the sentence made of it. The rules stand in README.md. Pure. [tool], tests. */
#ifndef EXCEPTIONS_VERDICT_H
#define EXCEPTIONS_VERDICT_H

#include <medic/words.h>

#include <medic/service/document.h>

#define VERDICT_TEXT 512
#define VERDICT_FINDINGS 5
#define FACT_TYPES 5

/* What becomes of what a method catches. */
enum way {
    WAY_NONE,     /* nobody was seen to catch it */
    WAY_BLOCK,    /* a catch block takes it */
    WAY_EMPTY,    /* ... and drops it */
    WAY_ASYNC,    /* an async method keeps it for whoever awaits */
    WAY_TASK,     /* a task does */
    WAY_FRAMEWORK /* a catch block of the framework */
};

/* A type of the program's, or one that is thrown or caught by it. */
struct thrown {
    const char *name; /* without namespace */
    const char *key;  /* the whole name */
    uint64_t fresh, propagated;
    double cpu_ns;
    struct medic_place site;       /* where most are thrown; name NULL = not known */
    double site_share, site_error; /* of its throws, 0 = not known */
    const char *catcher;           /* that catches most; NULL = not known */
    uint64_t caught_there;         /* of the exceptions: of fresh ones, when there are any */
    enum way way;
    uint64_t kept, lost; /* catches by tasks; of these what nobody was told of */
    uint64_t not_caught; /* that nobody was seen to catch */
};

/* What the program ended by. name NULL: it did not. */
struct unhandled {
    const char *name, *message; /* message NULL = none that is known */
    struct medic_place site;
};

struct facts {
    uint64_t span_ns;
    uint64_t process_ns; /* CPU time in it; 0 = not known */
    int cheap;
    uint64_t fresh, propagated, noise; /* noise: fresh ones, not in fresh */
    double cpu_ns, cpu_error_ns;       /* estimated; 95 % of such estimates are nearer than the error */
    double noise_cpu_ns;
    uint64_t types, noise_types;
    struct thrown worst[FACT_TYPES]; /* by CPU, then number */
    uint32_t worst_count;
    struct thrown lost; /* of which most were kept by tasks that nobody awaits */
    double rate_most;   /* throws a second, in the busiest moment */
    uint64_t most_ns;   /* when, since the begin */
    double burst_share; /* of the throws, that came in bursts; 0 = there are none */
    uint64_t uncounted; /* throws of types for which there was no room */
    struct unhandled unhandled;
};

struct finding {
    char text[VERDICT_TEXT];
    const char *section;
    const char *key; /* or NULL */
};

struct verdict {
    uint32_t severity;
    char sentence[VERDICT_TEXT];
    struct finding findings[VERDICT_FINDINGS];
    size_t finding_count;
};

void verdict_of(const struct facts *facts, struct verdict *verdict);

#endif
