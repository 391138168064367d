/* The walk over a copied stack. */
#include "unwind.h"

#include "code_map.h"
#include "hijack.h"

#include <stdlib.h>
#include <string.h>

enum {
    CHAIN_MAX = 32,        /* frame pointers to follow through code that is gone */
    STUB_WORDS = 3,        /* what a stub without description may have pushed */
    STACK_TOP_SLACK = 256, /* bytes above the outermost frame's cfa that a copy may lack */
    HIJACK_SEARCHES = 64,
    FAR = 64 << 20, /* no frame is larger */
    /* Of struct rt_sigframe's ucontext. */
    UCONTEXT_REGISTERS = 40,
    UCONTEXT_COUNT = 17
};

struct unwinder {
    ICorProfilerInfo12 *info;
    struct code_map map;
    struct hijack hijack;
};

struct unwinder *unwinder_new(ICorProfilerInfo12 *info)
{
    struct unwinder *u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    u->info = info;
    if (!code_map_begin(&u->map, info)) {
        unwinder_free(u);
        return NULL;
    }
    unwinder_refresh(u);
    return u;
}

void unwinder_free(struct unwinder *u)
{
    if (!u)
        return;
    code_map_end(&u->map);
    free(u);
}

uint64_t unwinder_memory(const struct unwinder *u)
{
    return sizeof *u + code_map_memory(&u->map);
}

void unwinder_refresh(struct unwinder *u)
{
    u->hijack.budget = HIJACK_SEARCHES;
    code_map_refresh(&u->map);
}

void unwinder_may_ask(struct unwinder *u, int may)
{
    managed_code_may_ask(u->map.managed, may != 0);
    if (may)
        recipes_pass(u->map.recipes); /* what was not known meanwhile may be now */
}

void unwind_code_at(struct unwinder *u, uint64_t ip, struct unwind_code *code)
{
    const struct image *image = images_find(u->map.images, ip);
    memset(code, 0, sizeof *code);
    if (!image) {
        code->kind = managed_code_at(u->map.managed, ip) ? UNWIND_MANAGED : UNWIND_UNKNOWN;
        return;
    }
    code->kind = UNWIND_NATIVE;
    code->image.id = image->id;
    code->image.bias = image->bias;
    code->image.begin = image->begin;
    code->image.end = image->end;
    memcpy(code->image.build_id, image->build_id, sizeof code->image.build_id);
    code->image.build_id_size = image->build_id_size;
    code->image.path = image->path;
}

#if defined(__x86_64__)

enum outcome { WENT_ON, AT_ROOT, CUT, LOST };

struct walk {
    struct unwinder *u;
    const struct unwind_stack *stack;
    struct unwind_registers regs;
    bool interrupted;
    uint64_t cfa;
};

/* In this form nothing wraps, whatever the address. */
static bool load(const struct unwind_stack *stack, uint64_t address, uint64_t *value)
{
    if (stack->size < 8 || address - stack->low > stack->size - 8)
        return false;
    memcpy(value, stack->bytes + (address - stack->low), sizeof *value);
    return true;
}

static bool load_for_expression(void *context, uint64_t address, uint64_t *value)
{
    return load(context, address, value);
}

/* The copy ends before what is wanted from it. */
static enum outcome out_of_stack(const struct walk *w, uint64_t address)
{
    uint64_t top = w->stack->low + w->stack->size;
    if (address < w->stack->low || address > top + FAR)
        return LOST;
    if (!w->stack->whole)
        return CUT;
    return address <= top + STACK_TOP_SLACK ? AT_ROOT : LOST;
}

/* The caller's frame lies above this one; without this a damaged stack would be walked for ever. */
static enum outcome enter_caller(struct walk *w, uint64_t cfa, uint64_t ip)
{
    if (cfa <= w->regs.r[UNWIND_RSP])
        return LOST;
    w->cfa = cfa;
    w->regs.r[UNWIND_RSP] = cfa;
    w->regs.r[UNWIND_IP] = ip;
    w->interrupted = false;
    return ip == 0 ? AT_ROOT : WENT_ON;
}

static enum outcome by_recipe(struct walk *w, const struct recipe *recipe)
{
    uint64_t cfa = w->regs.r[recipe->cfa_register] + (uint64_t)(int64_t)recipe->cfa_offset, ip;
    w->cfa = cfa;
    if (cfa <= w->regs.r[UNWIND_RSP])
        return LOST;
    if (!load(w->stack, cfa - 8, &ip))
        return out_of_stack(w, cfa - 8);
    for (int i = 0; i < RECIPE_SAVED; i++)
        if (recipe->saved[i] != 0 &&
            !load(w->stack, cfa + (uint64_t)((int64_t)recipe->saved[i] * 8), &w->regs.r[recipe_register[i]]))
            return out_of_stack(w, cfa);
    return enter_caller(w, cfa, ip);
}

/* ---- what does not fit a recipe ---- */

static bool apply(struct walk *w, const struct register_rule *rule, uint64_t cfa, uint64_t *value)
{
    struct eh_stack stack = {load_for_expression, (void *)(uintptr_t)w->stack};
    uint64_t address;
    switch (rule->kind) {
    case RULE_AT_CFA: return load(w->stack, cfa + (uint64_t)rule->offset, value);
    case RULE_VALUE_CFA: *value = cfa + (uint64_t)rule->offset; return true;
    case RULE_REGISTER:
        if ((uint64_t)rule->offset >= UNWIND_REGISTERS)
            return false;
        *value = w->regs.r[rule->offset];
        return true;
    case RULE_AT_EXPRESSION:
        return eh_expression(rule->expression, &w->regs, &stack, &cfa, &address) && load(w->stack, address, value);
    case RULE_VALUE_EXPRESSION: return eh_expression(rule->expression, &w->regs, &stack, &cfa, value);
    case RULE_UNDEFINED: *value = 0; return true;
    case RULE_SAME: break;
    }
    return true;
}

static enum outcome by_rule(struct walk *w)
{
    struct eh_stack stack = {load_for_expression, (void *)(uintptr_t)w->stack};
    struct unwind_rule rule;
    struct unwind_registers caller = w->regs;
    uint64_t cfa;
    if (!code_map_rule(&w->u->map, w->regs.r[UNWIND_IP], w->interrupted, &rule))
        return LOST;
    if (rule.cfa.kind == RULE_REGISTER)
        cfa = w->regs.r[rule.cfa_register] + (uint64_t)rule.cfa.offset;
    else if (!eh_expression(rule.cfa.expression, &w->regs, &stack, NULL, &cfa))
        return LOST;
    caller.r[UNWIND_RSP] = cfa;
    for (int i = 0; i < UNWIND_REGISTERS; i++)
        if (!apply(w, &rule.r[i], cfa, &caller.r[i]))
            return out_of_stack(w, cfa - 8) == CUT ? CUT : LOST;
    if (caller.r[UNWIND_RSP] <= w->regs.r[UNWIND_RSP])
        return LOST;
    w->regs = caller;
    w->cfa = cfa;
    w->interrupted = w->u->map.function.signal_frame;
    return caller.r[UNWIND_IP] == 0 ? AT_ROOT : WENT_ON;
}

/* The kernel's frame of a signal: rsp points at the ucontext, when the handler has returned. */
static enum outcome by_signal_frame(struct walk *w)
{
    static const uint8_t order[UCONTEXT_COUNT] = {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16};
    uint64_t at = w->regs.r[UNWIND_RSP];
    struct unwind_registers caller;
    for (unsigned i = 0; i < UCONTEXT_COUNT; i++)
        if (!load(w->stack, at + UCONTEXT_REGISTERS + i * 8, &caller.r[order[i]]))
            return out_of_stack(w, at + UCONTEXT_REGISTERS + i * 8);
    w->cfa = caller.r[UNWIND_RSP];
    if (caller.r[UNWIND_RSP] <= at)
        return LOST;
    w->regs = caller;
    w->interrupted = true;
    return WENT_ON;
}

/* ---- guesses, each proved by a call before the return address ---- */

static bool guess_stub(struct walk *w)
{
    for (uint64_t i = 0; i < STUB_WORDS; i++) {
        uint64_t at = w->regs.r[UNWIND_RSP] + i * 8, ip;
        if (!load(w->stack, at, &ip))
            return false;
        if (code_map_follows_call(&w->u->map, ip))
            return enter_caller(w, at + 8, ip) == WENT_ON;
    }
    return false;
}

/* Frame pointers lead to known code; what lies between is code that the runtime has freed since the copy was made. */
static bool chain_is_true(const struct walk *w, uint64_t frame)
{
    for (int i = 0; i < CHAIN_MAX; i++) {
        uint64_t next, ip;
        if (!load(w->stack, frame, &next) || !load(w->stack, frame + 8, &ip))
            return false;
        if (code_map_follows_call(&w->u->map, ip))
            return true;
        if (next <= frame)
            return false;
        frame = next;
    }
    return false;
}

static bool guess_frame_pointer(struct walk *w)
{
    uint64_t frame = w->regs.r[UNWIND_RBP], saved, ip;
    if (frame < w->regs.r[UNWIND_RSP] || !chain_is_true(w, frame) || !load(w->stack, frame, &saved) ||
        !load(w->stack, frame + 8, &ip))
        return false;
    w->regs.r[UNWIND_RBP] = saved;
    return enter_caller(w, frame + 16, ip) == WENT_ON;
}

/* The ABI marks the outermost frame by a frame pointer of 0: where libc does not describe its thread start (musl). */
static enum outcome by_guess(struct walk *w)
{
    if (w->interrupted && guess_stub(w))
        return WENT_ON;
    if (guess_frame_pointer(w))
        return WENT_ON;
    return !w->interrupted && w->stack->whole && w->regs.r[UNWIND_RBP] == 0 ? AT_ROOT : LOST;
}

/* The frame that has just been left returns into the runtime's trap: the true address is put in its place. */
static enum outcome by_hijack(struct walk *w)
{
    uint64_t ip = hijack_find(&w->u->hijack, w->u->info, w->u->map.memory, w->regs.r[UNWIND_RSP] - 8);
    if (!code_map_follows_call(&w->u->map, ip))
        return by_guess(w);
    w->regs.r[UNWIND_IP] = ip;
    return WENT_ON;
}

/* ---- the walk ---- */

static enum outcome step(struct walk *w, const struct recipe *recipe)
{
    if (recipe->flags & RECIPE_ROOT)
        return AT_ROOT;
    if (recipe->flags & RECIPE_SIGNAL)
        return by_signal_frame(w);
    if (recipe->flags & RECIPE_SLOW)
        return by_rule(w);
    if (recipe->flags & (RECIPE_UNKNOWN | RECIPE_HIJACK))
        return by_guess(w);
    return by_recipe(w, recipe);
}

static uint32_t flag_of(enum outcome outcome)
{
    return outcome == AT_ROOT ? 0 : outcome == LOST ? MEDIC_STACK_BROKEN : MEDIC_STACK_TRUNCATED;
}

uint32_t unwind(struct unwinder *unwinder, const struct unwind_registers *registers, const struct unwind_stack *stack,
                int at_call, struct unwind_step *steps, uint32_t capacity, uint32_t *flags)
{
    struct walk w = {.u = unwinder, .stack = stack, .regs = *registers};
    w.interrupted = !at_call || code_map_begins(&unwinder->map, registers->r[UNWIND_IP]);
    enum outcome outcome = w.regs.r[UNWIND_IP] == 0 ? LOST : WENT_ON;
    uint32_t count = 0;
    while (outcome == WENT_ON && count < capacity && count < UNWIND_FRAMES_MAX) {
        struct recipe recipe = code_map_recipe(&unwinder->map, w.regs.r[UNWIND_IP], w.interrupted);
        if ((recipe.flags & RECIPE_HIJACK) && count > 0) {
            outcome = by_hijack(&w);
            continue;
        }
        struct unwind_step *taken = &steps[count++];
        taken->ip = code_map_address(w.regs.r[UNWIND_IP], w.interrupted);
        w.cfa = w.regs.r[UNWIND_RSP];
        outcome = step(&w, &recipe);
        taken->cfa = w.cfa;
    }
    *flags = flag_of(outcome == WENT_ON ? CUT : outcome);
    return count;
}

#else

uint32_t unwind(struct unwinder *unwinder, const struct unwind_registers *registers, const struct unwind_stack *stack,
                int at_call, struct unwind_step *steps, uint32_t capacity, uint32_t *flags)
{
    (void)unwinder, (void)stack;
    *flags = MEDIC_STACK_BROKEN;
    if (capacity == 0)
        return 0;
    steps[0] = (struct unwind_step){.ip = registers->r[UNWIND_IP] - (at_call != 0), .cfa = 0};
    return 1;
}

#endif
