/* A capture of allocations in memory, as the report half works on it. [tool] */
#ifndef ALLOCATIONS_RECORDING_H
#define ALLOCATIONS_RECORDING_H

#include "facts.h"

/* What has a stack: the bytes that the stacks stand for, and the variance of that sum. */
struct stacked {
    double bytes, variance;
};

/* The arrays are owned by report.c. */
struct type {
    uint64_t id, base;
    uint32_t same_as; /* index + 1 of the one that has its sums; 0 = itself */
    const char *name; /* never NULL */
    const char *base_name;
    al_sums sums;
    double bytes;    /* with the large ones */
    double variance; /* of chance and bias */
    double bias;     /* of it */
    double objects;
    struct stacked small_stacks, large_stacks;
    uint64_t stacks;
    double site_bytes; /* at the site that has most of it */
    struct medic_place site;
    struct medic_place large_site; /* the same of its large objects */
    double large_site_bytes;
};

/* What had been allocated of a type at a time. */
struct point {
    uint64_t type; /* id */
    uint64_t time_ns;
    double bytes, variance;
};

struct sample {
    uint64_t type; /* id while reading, then index */
    uint64_t stack, time_ns;
    double size;     /* of the object; 0 = not told */
    double weight;   /* bytes that it stands for, of all samples, by how it was chosen */
    double variance; /* that it adds to a sum of weights */
    double bytes;    /* the same when all of the type are shared out among those with a stack */
    int large;
    uint32_t count;        /* frames to show: down to the method that allocates, native code behind it left out */
    uint32_t method, site; /* frames: what allocates; the innermost of the program's own, else the same. 0 = none */
    enum kind kind;
};

/* What is allocated of one type at one site (or, added up, at one site; or of one kind). */
struct share {
    uint32_t key;  /* function id of the site, or kind */
    uint64_t type; /* index; for a site the type that has most */
    double type_bytes;
    double bytes, variance;
    double bias;    /* variance of its own, of the types and places that are added up */
    double objects; /* estimated */
    double large;   /* of the bytes, in large objects */
    struct stacked small_stacks, large_stacks;
    double top;      /* of a single frame and method */
    uint32_t frame;  /* of the site: the one with most */
    uint32_t method; /* that allocates: the one with most */
    enum kind kind;
    uint64_t stacks;
};

struct recording {
    const medic_host *host;
    const medic_capture_service *capture;
    const medic_document_service *document;
    const medic_frames_service *frames;
    const medic_stack_tree_service *trees;
    uint64_t begin_ns, end_ns;

    struct type *types; /* by id */
    size_t type_count, type_room;
    struct point *points;
    size_t point_count, point_room;
    struct sample *samples;
    size_t sample_count, sample_room;
    al_usage *usages; /* by time */
    size_t usage_count, usage_room;
    struct share *pairs, *sites, *kinds; /* by bytes, greatest first */
    size_t pair_count, site_count, kind_count;
    uint64_t bad_records;

    struct facts facts;
};

/* --- analysis.c --- */

/* Types, shares and facts out of what was read. MEDIC_OK or MEDIC_E_MEMORY. */
int analyse(struct recording *recording);
/* Of the way in which runtimes before .NET 10 choose. */
double bias_variance(const struct recording *recording, double part, double whole);
/* The frame, or one without a name. Never NULL. */
const medic_frame *frame_of(const struct recording *recording, uint32_t id);
struct medic_place place_of(const struct recording *recording, uint32_t id);
struct medic_place helper_of(const struct recording *recording, const struct share *share);
/* Of the type that has the sums of the id. NULL when there are none: then it is one of those without room, with the id 0. */
struct type *find_type(const struct recording *recording, uint64_t id);

/* --- making.c --- */

/* Fills the kinds of the samples. MEDIC_OK or MEDIC_E_MEMORY. */
int find_kinds(struct recording *recording);

/* --- shares.c --- */

/* Fills pairs, sites and kinds, and the sites of types. MEDIC_OK or MEDIC_E_MEMORY. */
int make_shares(struct recording *recording);

/* --- sections.c --- */
void write_sections(const struct recording *recording);

#endif
