/* Compiles what is found at an instruction into a recipe. */
#include "code_map.h"

#include <string.h>
#include <time.h>

/* mov $15, %rax; syscall */
static const uint8_t restore_rt[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};

enum { CALL_MAX = 8 };

bool code_map_begin(struct code_map *map, ICorProfilerInfo12 *info)
{
    map->memory = memory_new();
    map->images = map->memory ? images_new(map->memory) : NULL;
    map->managed = map->memory ? managed_code_new(info, map->memory) : NULL;
    map->recipes = recipes_new();
    return map->images && map->managed && map->recipes;
}

void code_map_end(struct code_map *map)
{
    recipes_free(map->recipes);
    managed_code_free(map->managed);
    images_free(map->images);
    memory_free(map->memory);
}

uint64_t code_map_memory(const struct code_map *map)
{
    return memory_in_use(map->memory) + images_memory(map->images) + managed_code_memory(map->managed) +
           recipes_memory(map->recipes);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

void code_map_refresh(struct code_map *map)
{
    if (images_refresh(map->images)) {
        memory_forget(map->memory);
        recipes_drop(map->recipes);
    }
    if (managed_code_refresh(map->managed, now_ns())) {
        memory_forget(map->memory);
        recipes_pass(map->recipes);
    }
}

/* ---- native code ---- */

static bool read_constant(void *context, uint64_t address, void *to, size_t size)
{
    return memory_read_constant(context, address, to, size);
}

static bool find_native(struct code_map *map, const struct image *image, uint64_t pc)
{
    struct eh_source source = {read_constant, map->memory};
    return image->eh_frame_hdr != 0 &&
           eh_find(&source, image->eh_frame_hdr, image->eh_frame_hdr_size, pc, &map->function);
}

static bool is_restore_rt(struct code_map *map, uint64_t ip)
{
    uint8_t code[sizeof restore_rt];
    return memory_read(map->memory, ip, code, sizeof code) && memcmp(code, restore_rt, sizeof code) == 0;
}

/* Whether the bytes before ip are a call: e8 with an immediate, or ff /2 with any operand. */
static bool after_call(struct code_map *map, uint64_t ip)
{
    uint8_t code[CALL_MAX];
    if (ip < sizeof code || !memory_read(map->memory, ip - sizeof code, code, sizeof code))
        return false;
    if (code[CALL_MAX - 5] == 0xe8)
        return true;
    for (size_t length = 2; length <= 7; length++) {
        const uint8_t *p = code + CALL_MAX - length;
        unsigned mode = p[1] >> 6, base = p[1] & 7u;
        if (p[0] != 0xff || (p[1] & 0x38) != 0x10)
            continue;
        size_t scale = mode != 3 && base == 4;
        size_t displacement = mode == 1 ? 1 : mode == 2 ? 4 : 0;
        if (mode == 0 && (base == 5 || (scale && length > 2 && (p[2] & 7) == 5)))
            displacement = 4;
        if (length == 2 + scale + displacement)
            return true;
    }
    return false;
}

/* Nobody returns to the first instruction of a function. */
static bool is_function_begin(struct code_map *map, const struct image *image, uint64_t ip)
{
    return find_native(map, image, ip) && map->function.begin == ip && !after_call(map, ip);
}

static uint8_t native_flags(struct code_map *map, const struct image *image, uint64_t ip, bool interrupted,
                            struct recipe *recipe)
{
    struct unwind_rule rule;
    uint64_t pc = code_map_address(ip, interrupted);
    bool found = find_native(map, image, pc);
    bool odd = !interrupted && (!found || map->function.signal_frame || map->function.end == ip);
    if (odd && is_restore_rt(map, ip))
        return RECIPE_SIGNAL;
    if (odd && is_function_begin(map, image, ip))
        return RECIPE_HIJACK;
    if (odd && found)
        found = find_native(map, image, pc);
    if (!found || !eh_rule(&map->function, pc, &rule))
        return RECIPE_UNKNOWN;
    if (rule.r[UNWIND_IP].kind == RULE_UNDEFINED)
        return RECIPE_ROOT;
    return recipe_pack(&rule, recipe) ? 0 : RECIPE_SLOW;
}

/* ---- managed code ---- */

static uint8_t managed_flags(struct code_map *map, uint64_t ip, bool interrupted, struct recipe *recipe)
{
    struct managed_range range;
    struct unwind_rule rule;
    uint64_t pc = code_map_address(ip, interrupted);
    if (!managed_code_find(map->managed, pc, &range) && (interrupted || !managed_code_find(map->managed, ip, &range)))
        return RECIPE_PASSING | RECIPE_UNKNOWN | (managed_code_at(map->managed, pc) ? RECIPE_MANAGED : 0);
    uint8_t flags = RECIPE_MANAGED | (range.passing ? RECIPE_PASSING : 0);
    if (!managed_code_rule(map->managed, &range, ip, interrupted, &rule) || !recipe_pack(&rule, recipe))
        return flags | RECIPE_UNKNOWN;
    return flags;
}

/* ---- both ---- */

struct recipe code_map_recipe(struct code_map *map, uint64_t ip, bool interrupted)
{
    struct recipe recipe = {.key = code_map_address(ip, interrupted) << 1 | (interrupted ? 1 : 0)};
    const struct recipe *known = recipes_find(map->recipes, recipe.key);
    if (known)
        return *known;
    const struct image *image = images_find(map->images, code_map_address(ip, interrupted));
    unsigned flags =
        image ? native_flags(map, image, ip, interrupted, &recipe) : managed_flags(map, ip, interrupted, &recipe);
    recipe.flags = (uint8_t)flags;
    if (recipe.key != 0)
        recipes_add(map->recipes, &recipe);
    return recipe;
}

bool code_map_rule(struct code_map *map, uint64_t ip, bool interrupted, struct unwind_rule *rule)
{
    uint64_t pc = code_map_address(ip, interrupted);
    const struct image *image = images_find(map->images, pc);
    return image && find_native(map, image, pc) && eh_rule(&map->function, pc, rule);
}

bool code_map_follows_call(struct code_map *map, uint64_t ip)
{
    /* The runtime is asked last: this may be any word of the stack. */
    return ip != 0 && after_call(map, ip) &&
           (images_find(map->images, ip - 1) || managed_code_at(map->managed, ip - 1));
}

bool code_map_begins(struct code_map *map, uint64_t ip)
{
    struct managed_range range;
    return !images_find(map->images, ip) && managed_code_find(map->managed, ip, &range) && range.begin == ip;
}
