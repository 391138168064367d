/* The plugin that proves core/unwind on real runtimes: what its halves share. Everything runs on the worker, in start. */
#ifndef TESTS_UNWIND_FIXTURE_H
#define TESTS_UNWIND_FIXTURE_H

#include "core/unwind/unwind.h"

#include <medic/medic.h>

#include <stdio.h>

enum { STEPS_MAX = 4096, ARENA_SIZE = 64 << 20, STACK_MAX = 1 << 20 };

struct instance {
    const medic_host *host;
    const medic_names_service *names;
    ICorProfilerInfo12 *info;
    struct unwinder *unwinder;
    FILE *out; /* lines of text; the test reads them */
    uint8_t *arena;
    int64_t rounds, milliseconds;
    int want_names;
};

/* Walks of the runtime beside our own, of the same threads. */
void compare_walks(struct instance *instance);
/* Stacks of running threads, wherever a timer finds them. */
void sample_threads(struct instance *instance);

/* The end of the mapping that holds the address, from a copy of /proc/self/maps; 0 = none that can be written. */
struct mappings;
struct mappings *mappings_read(void);
void mappings_free(struct mappings *mappings);
uint64_t mapping_end(const struct mappings *mappings, uint64_t address);

/* What can be had of it: mappings may have gone since they were read. Async-signal-safe. */
uint64_t copy_memory(void *to, uint64_t address, uint64_t size);

/* Asks for the name of the function there, if it still is: an id from before would not be safe. */
void put_name(struct instance *instance, uint64_t ip);
/* A walk of ours as text. */
void put_steps(struct instance *instance, const struct unwind_step *steps, uint32_t count);

#endif
