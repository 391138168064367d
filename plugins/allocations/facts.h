/* What a capture of allocations comes down to, and the sentence made of it. The rules stand in README.md. Pure. [tool], tests. */
#ifndef ALLOCATIONS_FACTS_H
#define ALLOCATIONS_FACTS_H

#include "allocations.h"
#include "kinds.h"

#include <medic/sampling.h>
#include <medic/words.h>

#define VERDICT_TEXT 640
#define VERDICT_FINDINGS 5

/* The greatest share: of one type at one site, of one type, of one kind. */
struct lead {
    const char *type;          /* NULL = there is none */
    struct medic_place place;  /* the program's method, or whoever allocates; a name of NULL: not known */
    struct medic_place method; /* that allocates, when it is another */
    double bytes, variance;
    enum kind kind;
};

struct facts {
    double seconds; /* while events came; 0 = they never came */
    int cut;        /* events did not come within the recording because the session did not start */
    enum al_mode mode;
    double bytes, variance; /* all */
    double heaps[AL_HEAPS];
    uint64_t samples, stacks;
    uint64_t large_count;
    uint64_t collections[AL_COLLECTIONS], pause_ns[AL_COLLECTIONS];
    double paused;                /* of the time */
    uint64_t induced, induced_ns; /* collections that the program asked for, and their pauses */
    double survived;              /* bytes that outlived collections of gen0 and gen1, each time anew */
    struct lead lead, type, kind, large;
};

struct finding {
    char text[VERDICT_TEXT];
    const char *section; /* id */
    char key[VERDICT_TEXT];
};

struct verdict {
    uint32_t severity; /* enum medic_severity */
    char sentence[VERDICT_TEXT];
    struct finding findings[VERDICT_FINDINGS];
    size_t finding_count;
};

void verdict_of(const struct facts *facts, struct verdict *verdict);

/* The value without the digits that its error, one standard error, does not bear. */
double honest(double value, double error);
/* A share that is then shown as a percentage. */
double honest_share(double share, double error);
/* One standard error of the share bytes / all, when part of all is bytes. */
double share_error(double bytes, double variance, double all, double all_variance);

#endif
