/* UNWIND_INFO ("x64 exception handling"; the runtime's src/coreclr/inc/win64unwind.h). */
#include "unwind_info.h"

#include <string.h>

enum {
    OP_PUSH_NONVOL = 0,
    OP_ALLOC_LARGE = 1,
    OP_ALLOC_SMALL = 2,
    OP_SET_FPREG = 3,
    OP_SAVE_NONVOL = 4,
    OP_SAVE_NONVOL_FAR = 5,
    OP_SAVE_XMM128 = 8,
    OP_SAVE_XMM128_FAR = 9,
    OP_SET_FPREG_LARGE = 11, /* only on Unix */
    FLAG_CHAINED = 4,
    HEADER = 4
};

/* From the machine's numbers to DWARF's. */
static const uint8_t dwarf_register[16] = {0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};

static uint32_t u16_at(const uint8_t *p)
{
    return (uint32_t)(p[0] | p[1] << 8);
}

static uint32_t u32_at(const uint8_t *p)
{
    return u16_at(p) | u16_at(p + 2) << 16;
}

static int64_t s32_at(const uint8_t *p)
{
    return (int32_t)u32_at(p);
}

static int64_t s8_at(const uint8_t *p)
{
    return *p < 0x80 ? *p : *p - 0x100;
}

void unwind_info_begin(struct unwind_info_state *state)
{
    memset(state, 0, sizeof *state);
    state->frame_register = UNWIND_RSP;
}

/* How many two-byte slots an operation takes, itself included; 0 = unknown. */
static unsigned slots_of(unsigned op, unsigned detail)
{
    switch (op) {
    case OP_PUSH_NONVOL:
    case OP_ALLOC_SMALL:
    case OP_SET_FPREG: return 1;
    case OP_ALLOC_LARGE: return detail == 0 ? 2 : detail == 1 ? 3 : 0;
    case OP_SAVE_NONVOL:
    case OP_SAVE_XMM128: return 2;
    case OP_SAVE_NONVOL_FAR:
    case OP_SAVE_XMM128_FAR:
    case OP_SET_FPREG_LARGE: return 3;
    default: return 0;
    }
}

static void save(struct unwind_info_state *s, unsigned detail, int64_t at)
{
    s->slot[dwarf_register[detail]] = at;
    s->saved[dwarf_register[detail]] = true;
}

static void set_frame(struct unwind_info_state *s, unsigned machine_register, int64_t offset)
{
    s->in_register = true;
    s->frame_register = dwarf_register[machine_register];
    s->offset = s->frame = -offset;
}

/* code: the operation's slots. */
static void undo(struct unwind_info_state *s, const uint8_t *code, unsigned frame_register, unsigned frame_offset)
{
    unsigned op = code[1] & 15u, detail = code[1] >> 4;
    switch (op) {
    case OP_PUSH_NONVOL:
        save(s, detail, s->offset);
        s->offset += 8;
        break;
    case OP_ALLOC_LARGE: s->offset += detail == 0 ? (int64_t)u16_at(code + 2) * 8 : (int64_t)u32_at(code + 2); break;
    case OP_ALLOC_SMALL: s->offset += (int64_t)detail * 8 + 8; break;
    case OP_SAVE_NONVOL: save(s, detail, s->frame + (int64_t)u16_at(code + 2) * 8); break;
    case OP_SAVE_NONVOL_FAR: save(s, detail, s->frame + (int64_t)u32_at(code + 2)); break;
    case OP_SET_FPREG: set_frame(s, frame_register, (int64_t)frame_offset * 16); break;
    case OP_SET_FPREG_LARGE: set_frame(s, frame_register, (int64_t)u32_at(code + 2) * 16); break;
    default: break; /* vector registers */
    }
}

/* Saves refer to the body's rsp, which only the frame register still knows: it has to be found before the first of them. */
static bool find_frame(struct unwind_info_state *s, const uint8_t *codes, unsigned count, uint32_t prologue,
                       unsigned frame_register, unsigned frame_offset)
{
    for (unsigned i = 0, slots; i < count; i += slots) {
        const uint8_t *code = codes + 2 * i;
        unsigned op = code[1] & 15u;
        slots = slots_of(op, code[1] >> 4);
        if (slots == 0 || i + slots > count)
            return false;
        if (!s->in_register && frame_register != 0 && code[0] <= prologue &&
            (op == OP_SET_FPREG || op == OP_SET_FPREG_LARGE))
            undo(s, code, frame_register, frame_offset);
    }
    return true;
}

bool unwind_info_add(struct unwind_info_state *s, const uint8_t *bytes, size_t size, uint32_t prologue,
                     struct unwind_info_parent *parent)
{
    *parent = (struct unwind_info_parent){.chained = false};
    if (size < HEADER)
        return false;
    unsigned version = bytes[0] & 7u, flags = bytes[0] >> 3, count = bytes[2];
    unsigned frame_register = bytes[3] & 15u, frame_offset = bytes[3] >> 4;
    const uint8_t *codes = bytes + HEADER;
    size_t after = HEADER + 2 * (size_t)((count + 1) & ~1u);
    if (version != 1 || HEADER + 2 * (size_t)count > size ||
        !find_frame(s, codes, count, prologue, frame_register, frame_offset))
        return false;
    for (unsigned i = 0; i < count; i += slots_of(codes[2 * i + 1] & 15u, codes[2 * i + 1] >> 4))
        if (codes[2 * i] <= prologue)
            undo(s, codes + 2 * i, frame_register, frame_offset);
    if (flags & FLAG_CHAINED) {
        if (after + 12 > size)
            return false;
        *parent = (struct unwind_info_parent){true, u32_at(bytes + after + 8)};
    }
    return true;
}

static void set_rule(struct unwind_rule *rule, uint32_t base, int64_t cfa)
{
    rule->cfa_register = base;
    rule->cfa = (struct register_rule){.kind = RULE_REGISTER, .offset = cfa};
    rule->r[UNWIND_IP] = (struct register_rule){.kind = RULE_AT_CFA, .offset = -8};
}

void unwind_info_rule(const struct unwind_info_state *s, struct unwind_rule *rule)
{
    int64_t cfa = s->offset + 8;
    memset(rule, 0, sizeof *rule);
    for (int i = 0; i < UNWIND_IP; i++)
        if (s->saved[i] && i != UNWIND_RSP)
            rule->r[i] = (struct register_rule){.kind = RULE_AT_CFA, .offset = s->slot[i] - cfa};
    set_rule(rule, s->frame_register, cfa);
}

/* ---- epilogues ---- */

struct epilogue {
    const uint8_t *code;
    size_t size, at;
    uint32_t base; /* rsp, or the register that rsp is taken from */
    int64_t offset;
    int64_t slot[UNWIND_REGISTERS];
    bool saved[UNWIND_REGISTERS];
};

static bool is(const struct epilogue *e, size_t count, uint8_t a, uint8_t b, uint8_t c)
{
    const uint8_t *p = e->code + e->at;
    return e->size - e->at >= count && p[0] == a && (count < 2 || p[1] == b) && (count < 3 || p[2] == c);
}

/* add rsp, n */
static bool skip_add(struct epilogue *e)
{
    if (is(e, 3, 0x48, 0x83, 0xc4) && e->size - e->at >= 4) {
        e->offset += s8_at(e->code + e->at + 3);
        e->at += 4;
    } else if (is(e, 3, 0x48, 0x81, 0xc4) && e->size - e->at >= 7) {
        e->offset += s32_at(e->code + e->at + 3);
        e->at += 7;
    } else {
        return false;
    }
    return true;
}

/* mov rsp, rbp; lea rsp, [register + n] */
static bool skip_from_register(struct epilogue *e)
{
    const uint8_t *p = e->code + e->at;
    if (is(e, 3, 0x48, 0x8b, 0xe5) || is(e, 3, 0x48, 0x89, 0xec)) {
        e->base = UNWIND_RBP;
        e->offset = 0;
        e->at += 3;
        return true;
    }
    if (e->size - e->at < 4 || (p[0] & 0xfe) != 0x48 || p[1] != 0x8d || (p[2] & 0x38) != 0x20 || (p[2] & 7) == 4)
        return false;
    unsigned mode = p[2] >> 6, base = (p[2] & 7u) | (p[0] & 1u) << 3;
    if (mode == 1) {
        e->offset = s8_at(p + 3);
        e->at += 4;
    } else if (mode == 2 && e->size - e->at >= 7) {
        e->offset = s32_at(p + 3);
        e->at += 7;
    } else {
        return false;
    }
    e->base = dwarf_register[base];
    return true;
}

static bool skip_pop(struct epilogue *e)
{
    const uint8_t *p = e->code + e->at;
    size_t left = e->size - e->at, length;
    unsigned reg;
    if (left >= 1 && (p[0] & 0xf8) == 0x58) {
        reg = p[0] & 7u;
        length = 1;
    } else if (left >= 2 && p[0] == 0x41 && (p[1] & 0xf8) == 0x58) {
        reg = 8u | (p[1] & 7u);
        length = 2;
    } else {
        return false;
    }
    e->slot[dwarf_register[reg]] = e->offset;
    e->saved[dwarf_register[reg]] = true;
    e->offset += 8;
    e->at += length;
    return true;
}

/* jmp to elsewhere: the JIT marks those that end a function with a REX prefix, unless the target is an immediate. */
static bool leaves(const struct epilogue *e, uint64_t at, uint64_t begin, uint64_t end)
{
    const uint8_t *p = e->code + e->at;
    size_t left = e->size - e->at;
    uint64_t target;
    if (left >= 5 && p[0] == 0xe9)
        target = at + e->at + 5 + (uint64_t)s32_at(p + 1);
    else if (left >= 2 && p[0] == 0xeb)
        target = at + e->at + 2 + (uint64_t)s8_at(p + 1);
    else
        return (left >= 2 && p[0] == 0xff && p[1] == 0x25) ||
               (left >= 3 && (p[0] & 0xf8) == 0x48 && p[1] == 0xff && (p[2] & 0x38) == 0x20);
    return target < begin || target >= end;
}

static bool returns(const struct epilogue *e)
{
    return is(e, 1, 0xc3, 0, 0) || is(e, 2, 0xf3, 0xc3, 0) || is(e, 1, 0xc2, 0, 0);
}

bool unwind_epilogue(const uint8_t *code, size_t size, uint64_t at, uint64_t begin, uint64_t end,
                     struct unwind_rule *rule)
{
    struct epilogue e = {.code = code, .size = size, .base = UNWIND_RSP};
    if (!skip_add(&e))
        skip_from_register(&e);
    while (skip_pop(&e))
        ;
    if (!returns(&e) && !leaves(&e, at, begin, end))
        return false;
    memset(rule, 0, sizeof *rule);
    for (int i = 0; i < UNWIND_IP; i++)
        if (e.saved[i] && i != UNWIND_RSP)
            rule->r[i] = (struct register_rule){.kind = RULE_AT_CFA, .offset = e.slot[i] - (e.offset + 8)};
    set_rule(rule, e.base, e.offset + 8);
    return true;
}
