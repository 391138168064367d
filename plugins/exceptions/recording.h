/* A capture of exceptions in memory, as the report half works on it. [tool] */
#ifndef EXCEPTIONS_RECORDING_H
#define EXCEPTIONS_RECORDING_H

#include "exceptions.h"
#include "verdict.h"

#define NO_INDEX SIZE_MAX
#define TIMELINE_PARTS 100u

/* Of throws that were timed: how many, for how many throws they stand, of these the CPU time and its squares, and the time. */
struct measure {
    uint64_t count;
    double throws, throws_squares; /* ... and the squares of what each one stands for */
    double sum, squares, time;
};

struct type {
    uint64_t id;
    const char *name; /* never NULL */
    uint64_t fresh, propagated;
    uint64_t samples;
    double cpu_ns, variance;     /* estimated of all its throws; variance of that */
    double spread;               /* variance of the weights of its fresh samples */
    double noise;                /* throws that the framework both threw and caught */
    uint64_t caught;             /* of fresh and propagated */
    uint64_t kept, by_program;   /* of caught: for an await; by methods of the program */
    double wrapped;              /* thrown again inside an AggregateException */
    size_t route, site, message; /* the most frequent one; NO_INDEX = none is known */
};

/* What is thrown of a type and caught by a method. counts and measures: fresh, propagated.
 * A throw that got a stack as well is dearer than others. */
struct route {
    uint64_t type_id, catcher;
    size_t type;
    const char *name; /* of the catcher; NULL = not caught, as far as was seen */
    enum way way;
    uint64_t counts[2];
    struct measure plain[2], stacked[2], waited[2]; /* waited: without a processor for a while */
    uint64_t noise_samples, judged_samples;
    double cpu_ns;
};

struct sample {
    ex_throw head;
    uint64_t catcher; /* when caught */
    int caught;
    size_t type, route;
    double weight;    /* throws that it stands for */
    char *message;    /* UTF-8; NULL = none */
    char *folded;     /* digits and ids replaced */
    char *chain;      /* "Outer > Inner"; NULL = no inner exception */
    uint32_t *frames; /* the managed ones, root first */
    uint32_t frame_count;
    uint32_t site;         /* frame: the innermost of the program, else the innermost; 0 = none */
    uint32_t thrower;      /* frame: the innermost */
    const char *site_name; /* NULL = none */
};

/* Samples of one type that have the same text. */
struct group {
    size_t type;
    const char *text;
    double count, spread; /* spread: as of a type */
    uint64_t samples;
    size_t example; /* sample: the first one */
};

struct recording {
    const medic_host *host;
    const medic_capture_service *capture;
    const medic_document_service *document;
    const medic_frames_service *frames;
    const medic_stack_tree_service *trees;
    uint64_t begin_ns, end_ns;

    struct type *types; /* by id until analyse() has ended, then by what hurts */
    size_t type_count, type_room;
    struct route *routes;
    size_t route_count, route_room;
    struct sample *samples; /* by number */
    size_t sample_count, sample_room;
    ex_count *rates;
    size_t rate_count, rate_room;
    ex_catcher *catchers; /* sorted by route */
    size_t catcher_count, catcher_room;
    ex_catch *catchs;
    size_t catch_count, catch_room;
    struct cheap_name {
        uint64_t type;
        char *name;
    } * cheap_names;
    size_t cheap_name_count, cheap_name_room;

    struct group *messages, *sites, *chains; /* most frequent first */
    size_t message_count, site_count, chain_count;
    ex_totals first, last;
    int has_totals;
    uint64_t bad_records;
    struct facts facts;
};

/* --- messages.c --- */

/* UTF-8, owned by the caller; control characters become blanks. NULL when out of memory. */
char *text_of(const uint8_t *utf16, uint32_t units);
/* The text with numbers as #, and ids (GUIDs, long hexadecimal words) as <id>; owned by the caller. */
char *fold_message(const char *text);

/* --- analysis.c --- */

/* Fills what stands on counts and samples. MEDIC_OK or MEDIC_E_MEMORY. */
int analyse(struct recording *recording);
/* 1: its throws and catches lie in the framework. */
int is_noise(const struct type *type);
uint64_t throws_of(const struct type *type);
/* 1: the way of the exception does not end there. */
int is_kept(const struct route *route);
/* Kept by tasks, and thrown again to nobody. */
uint64_t lost_of(const struct type *type);
/* What a route's times are taken from. again: of propagated throws. */
struct measure measure_of(const struct route *route, int again);
/* Throws that a timed one stands for; 0 = its time is not used. */
double timed_weight(const struct recording *recording, const ex_catch *caught);
/* "FormatException" of "System.FormatException". */
const char *short_type(const char *name);
struct medic_place place_of(const struct recording *recording, uint32_t frame);

const char *name_of(const struct recording *recording, uint32_t kind, uint64_t id, const char *otherwise);

/* --- facts.c --- */

/* CPU time that the program used; 0 = not known. */
double process_ns(const struct recording *recording);
void find_facts(struct recording *recording);
/* Parts of the timeline, 0 = it is too short for one. */
uint32_t timeline_parts(const struct recording *recording);

/* --- groups.c --- */

/* Both: MEDIC_OK or MEDIC_E_MEMORY. */
int weigh_samples(struct recording *recording);
int make_groups(struct recording *recording);
/* Of its count: the truth is within it in 19 of 20 cases; 0 = it is exact. */
double error_of(const struct recording *recording, const struct group *group);

/* --- sections.c, sections_where.c --- */

void write_sections(const struct recording *recording);
void write_where(const struct recording *recording);
void write_stacks(const struct recording *recording);

#endif
