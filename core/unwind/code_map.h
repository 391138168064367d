/* Everything that runs, and the rule or recipe of each instruction: images, managed code and the recipes made of them. */
#ifndef CORE_UNWIND_CODE_MAP_H
#define CORE_UNWIND_CODE_MAP_H

#include "eh_frame.h"
#include "images.h"
#include "managed_code.h"
#include "recipes.h"

struct code_map {
    struct memory *memory;
    struct images *images;
    struct managed_code *managed;
    struct recipes *recipes;
    struct eh_function function; /* what the last slow rule's expressions point into */
};

/* False when out of memory; code_map_end is needed all the same. */
bool code_map_begin(struct code_map *map, ICorProfilerInfo12 *info);
void code_map_end(struct code_map *map);
uint64_t code_map_memory(const struct code_map *map);
void code_map_refresh(struct code_map *map);

/* ip: the next instruction. interrupted: it has not been reached by a return. Never fails: see RECIPE_UNKNOWN. */
struct recipe code_map_recipe(struct code_map *map, uint64_t ip, bool interrupted);
/* For RECIPE_SLOW; valid until the next call. */
bool code_map_rule(struct code_map *map, uint64_t ip, bool interrupted, struct unwind_rule *rule);
/* Whether a call may have returned to ip: known code, and a call before it. */
bool code_map_follows_call(struct code_map *map, uint64_t ip);

/* Whether ip is the first instruction of managed code: no call returns there. */
bool code_map_begins(struct code_map *map, uint64_t ip);

static inline uint64_t code_map_address(uint64_t ip, bool interrupted)
{
    return ip - !interrupted;
}

#endif
