/* An open hash table that doubles up to 4 MiB and then starts anew. */
#include "recipes.h"

#include <stdlib.h>
#include <string.h>

enum { BITS_MIN = 10, BITS_MAX = 17 };

const uint8_t recipe_register[RECIPE_SAVED] = {UNWIND_RBX, UNWIND_RBP, 12, 13, 14, 15};

struct recipes {
    struct recipe *slot;
    unsigned bits;
    size_t count;
    uint16_t age;
};

struct recipes *recipes_new(void)
{
    struct recipes *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->bits = BITS_MIN;
    r->slot = calloc((size_t)1 << r->bits, sizeof *r->slot);
    if (!r->slot) {
        free(r);
        return NULL;
    }
    return r;
}

void recipes_free(struct recipes *r)
{
    if (!r)
        return;
    free(r->slot);
    free(r);
}

uint64_t recipes_memory(const struct recipes *r)
{
    return sizeof *r + ((uint64_t)sizeof *r->slot << r->bits);
}

static size_t place_of(const struct recipes *r, uint64_t key)
{
    size_t mask = ((size_t)1 << r->bits) - 1, at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - r->bits));
    while (r->slot[at].key != 0 && r->slot[at].key != key)
        at = (at + 1) & mask;
    return at;
}

const struct recipe *recipes_find(const struct recipes *r, uint64_t key)
{
    const struct recipe *found = &r->slot[place_of(r, key)];
    if (found->key != key || ((found->flags & RECIPE_PASSING) && found->age != r->age))
        return NULL;
    return found;
}

static void grow(struct recipes *r)
{
    struct recipe *old = r->slot;
    size_t size = (size_t)1 << r->bits;
    struct recipe *bigger = r->bits < BITS_MAX ? calloc(size * 2, sizeof *bigger) : NULL;
    if (!bigger) {
        recipes_drop(r);
        return;
    }
    r->slot = bigger;
    r->bits++;
    for (size_t i = 0; i < size; i++)
        if (old[i].key != 0)
            r->slot[place_of(r, old[i].key)] = old[i];
    free(old);
}

void recipes_add(struct recipes *r, const struct recipe *recipe)
{
    if (r->count >= ((size_t)3 << r->bits) / 4)
        grow(r);
    struct recipe *slot = &r->slot[place_of(r, recipe->key)];
    if (slot->key == 0)
        r->count++;
    *slot = *recipe;
    slot->age = r->age;
}

void recipes_pass(struct recipes *r)
{
    if (++r->age == 0)
        recipes_drop(r); /* or old ones would come back */
}

void recipes_drop(struct recipes *r)
{
    memset(r->slot, 0, sizeof *r->slot << r->bits);
    r->count = 0;
}

static bool pack_registers(const struct unwind_rule *rule, struct recipe *recipe)
{
    for (int i = 0; i < RECIPE_SAVED; i++) {
        const struct register_rule *r = &rule->r[recipe_register[i]];
        recipe->saved[i] = 0;
        if (r->kind == RULE_SAME || r->kind == RULE_UNDEFINED)
            continue;
        if (r->kind != RULE_AT_CFA || r->offset % 8 != 0 || r->offset == 0 || r->offset / 8 < INT16_MIN ||
            r->offset / 8 > INT16_MAX)
            return false;
        recipe->saved[i] = (int16_t)(r->offset / 8);
    }
    return true;
}

bool recipe_pack(const struct unwind_rule *rule, struct recipe *recipe)
{
    const struct register_rule *ip = &rule->r[UNWIND_IP];
    if (rule->cfa.kind != RULE_REGISTER || rule->cfa.offset < INT32_MIN || rule->cfa.offset > INT32_MAX ||
        ip->kind != RULE_AT_CFA || ip->offset != -8 || rule->r[UNWIND_RSP].kind != RULE_SAME)
        return false;
    recipe->cfa_register = (uint8_t)rule->cfa_register;
    recipe->cfa_offset = (int32_t)rule->cfa.offset;
    return pack_registers(rule, recipe);
}
