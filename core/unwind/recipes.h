/* Rules in 32 bytes, by instruction: nearly all frames are `cfa = register + n, some registers saved at cfa + 8 * k`. */
#ifndef CORE_UNWIND_RECIPES_H
#define CORE_UNWIND_RECIPES_H

#include "rule.h"

#include <stdbool.h>

enum recipe_flags {
    RECIPE_MANAGED = 1u << 0,
    RECIPE_ROOT = 1u << 1,    /* the thread's first frame */
    RECIPE_SIGNAL = 1u << 2,  /* the return of a signal handler: a ucontext lies on the stack */
    RECIPE_SLOW = 1u << 3,    /* does not fit: the rule is looked up each time */
    RECIPE_UNKNOWN = 1u << 4, /* no rule */
    RECIPE_HIJACK = 1u << 5,  /* no return address: the runtime has put it in the place of one */
    RECIPE_PASSING = 1u << 6  /* only until recipes_pass */
};

enum { RECIPE_SAVED = 6 };

struct recipe {
    uint64_t key; /* address and whether it was interrupted there; 0 = free */
    int32_t cfa_offset;
    uint8_t cfa_register;
    uint8_t flags;               /* enum recipe_flags */
    uint16_t age;                /* for RECIPE_PASSING */
    int16_t saved[RECIPE_SAVED]; /* rbx rbp r12..r15, in eights from the cfa; 0 = not saved */
    uint32_t reserved;
};

extern const uint8_t recipe_register[RECIPE_SAVED];

struct recipes;

struct recipes *recipes_new(void);
void recipes_free(struct recipes *recipes);
uint64_t recipes_memory(const struct recipes *recipes);
/* NULL when it is not there. Valid until the next recipes_add. */
const struct recipe *recipes_find(const struct recipes *recipes, uint64_t key);
/* Drops everything when it has grown too large. */
void recipes_add(struct recipes *recipes, const struct recipe *recipe);
void recipes_pass(struct recipes *recipes);
void recipes_drop(struct recipes *recipes);

/* False when the rule does not fit. */
bool recipe_pack(const struct unwind_rule *rule, struct recipe *recipe);

#endif
