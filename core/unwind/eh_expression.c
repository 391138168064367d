/* DWARF expressions (DWARF 4, 2.5), as far as call frame information uses them. */
#include "dwarf_cursor.h"
#include "eh_frame.h"

enum { DEPTH = 32, STEPS = 512 };

enum {
    OP_ADDR = 0x03,
    OP_DEREF = 0x06,
    OP_CONST1U = 0x08,
    OP_CONST8S = 0x0f,
    OP_CONSTU = 0x10,
    OP_CONSTS = 0x11,
    OP_DUP = 0x12,
    OP_DROP = 0x13,
    OP_OVER = 0x14,
    OP_PICK = 0x15,
    OP_SWAP = 0x16,
    OP_ROT = 0x17,
    OP_ABS = 0x19,
    OP_AND = 0x1a,
    OP_DIV = 0x1b,
    OP_MINUS = 0x1c,
    OP_MOD = 0x1d,
    OP_MUL = 0x1e,
    OP_NEG = 0x1f,
    OP_NOT = 0x20,
    OP_OR = 0x21,
    OP_PLUS = 0x22,
    OP_PLUS_UCONST = 0x23,
    OP_SHL = 0x24,
    OP_SHR = 0x25,
    OP_SHRA = 0x26,
    OP_XOR = 0x27,
    OP_BRA = 0x28,
    OP_EQ = 0x29,
    OP_GE = 0x2a,
    OP_GT = 0x2b,
    OP_LE = 0x2c,
    OP_LT = 0x2d,
    OP_NE = 0x2e,
    OP_SKIP = 0x2f,
    OP_LIT0 = 0x30,
    OP_LIT31 = 0x4f,
    OP_BREG0 = 0x70,
    OP_BREG31 = 0x8f,
    OP_BREGX = 0x92,
    OP_DEREF_SIZE = 0x94,
    OP_NOP = 0x96
};

struct evaluation {
    struct dwarf_cursor c;
    const uint8_t *begin;
    const struct unwind_registers *registers;
    const struct eh_stack *memory;
    uint64_t stack[DEPTH];
    unsigned depth;
};

static void push(struct evaluation *e, uint64_t value)
{
    if (e->depth == DEPTH)
        e->c.bad = true;
    else
        e->stack[e->depth++] = value;
}

static uint64_t pop(struct evaluation *e)
{
    if (e->depth == 0) {
        e->c.bad = true;
        return 0;
    }
    return e->stack[--e->depth];
}

static void pick(struct evaluation *e, unsigned from_top)
{
    if (from_top >= e->depth)
        e->c.bad = true;
    else
        push(e, e->stack[e->depth - 1 - from_top]);
}

static void load(struct evaluation *e, size_t size)
{
    uint64_t address = pop(e), value = 0;
    if (size == 0 || size > 8 || e->c.bad || !e->memory->load(e->memory->context, address, &value)) {
        e->c.bad = true;
        return;
    }
    push(e, size == 8 ? value : value & ((UINT64_C(1) << (8 * size)) - 1));
}

static void push_register(struct evaluation *e, uint64_t reg)
{
    uint64_t offset = (uint64_t)dwarf_sleb(&e->c);
    if (reg >= UNWIND_REGISTERS)
        e->c.bad = true;
    else
        push(e, e->registers->r[reg] + offset);
}

static void jump(struct evaluation *e, bool taken)
{
    int64_t distance = dwarf_int(&e->c, 2);
    if (e->c.bad || !taken)
        return;
    if (distance < e->begin - e->c.at || distance > e->c.end - e->c.at)
        e->c.bad = true;
    else
        e->c.at += distance;
}

static uint64_t shifted(int op, uint64_t a, uint64_t b)
{
    if (op == OP_SHRA)
        return (uint64_t)((int64_t)a >> (b > 63 ? 63 : b));
    if (b > 63)
        return 0;
    return op == OP_SHL ? a << b : a >> b;
}

static uint64_t divided(struct evaluation *e, int op, uint64_t a, uint64_t b)
{
    if (b == 0 || (op == OP_DIV && (int64_t)b == -1 && (int64_t)a == INT64_MIN)) {
        e->c.bad = true;
        return 0;
    }
    return op == OP_DIV ? (uint64_t)((int64_t)a / (int64_t)b) : a % b;
}

static void binary(struct evaluation *e, int op)
{
    uint64_t b = pop(e), a = pop(e);
    int64_t sa = (int64_t)a, sb = (int64_t)b;
    switch (op) {
    case OP_AND: push(e, a & b); break;
    case OP_DIV:
    case OP_MOD: push(e, divided(e, op, a, b)); break;
    case OP_MINUS: push(e, a - b); break;
    case OP_MUL: push(e, a * b); break;
    case OP_OR: push(e, a | b); break;
    case OP_PLUS: push(e, a + b); break;
    case OP_SHL:
    case OP_SHR:
    case OP_SHRA: push(e, shifted(op, a, b)); break;
    case OP_XOR: push(e, a ^ b); break;
    case OP_EQ: push(e, sa == sb); break;
    case OP_GE: push(e, sa >= sb); break;
    case OP_GT: push(e, sa > sb); break;
    case OP_LE: push(e, sa <= sb); break;
    case OP_LT: push(e, sa < sb); break;
    case OP_NE: push(e, sa != sb); break;
    default: e->c.bad = true; break;
    }
}

static void unary(struct evaluation *e, int op)
{
    uint64_t a = pop(e);
    switch (op) {
    case OP_ABS: push(e, (int64_t)a < 0 ? 0 - a : a); break;
    case OP_NEG: push(e, 0 - a); break;
    case OP_NOT: push(e, ~a); break;
    case OP_PLUS_UCONST: push(e, a + dwarf_uleb(&e->c)); break;
    default: break; /* OP_DROP */
    }
}

static void rotate(struct evaluation *e, unsigned count)
{
    if (e->depth < count) {
        e->c.bad = true;
        return;
    }
    uint64_t top = e->stack[e->depth - 1];
    for (unsigned i = 1; i < count; i++)
        e->stack[e->depth - i] = e->stack[e->depth - 1 - i];
    e->stack[e->depth - count] = top;
}

static void constant(struct evaluation *e, int op)
{
    size_t size = (size_t)1 << ((op - OP_CONST1U) / 2);
    push(e, (op - OP_CONST1U) % 2 ? (uint64_t)dwarf_int(&e->c, size) : dwarf_uint(&e->c, size));
}

static void evaluate_one(struct evaluation *e)
{
    uint8_t op = dwarf_u8(&e->c);
    if (op >= OP_LIT0 && op <= OP_LIT31) {
        push(e, (uint64_t)(op - OP_LIT0));
        return;
    }
    if (op >= OP_BREG0 && op <= OP_BREG31) {
        push_register(e, (uint64_t)(op - OP_BREG0));
        return;
    }
    if (op >= OP_CONST1U && op <= OP_CONST8S) {
        constant(e, op);
        return;
    }
    switch (op) {
    case OP_ADDR: push(e, dwarf_uint(&e->c, 8)); break;
    case OP_DEREF: load(e, 8); break;
    case OP_DEREF_SIZE: load(e, dwarf_u8(&e->c)); break;
    case OP_CONSTU: push(e, dwarf_uleb(&e->c)); break;
    case OP_CONSTS: push(e, (uint64_t)dwarf_sleb(&e->c)); break;
    case OP_DUP: pick(e, 0); break;
    case OP_OVER: pick(e, 1); break;
    case OP_PICK: pick(e, dwarf_u8(&e->c)); break;
    case OP_SWAP: rotate(e, 2); break;
    case OP_ROT: rotate(e, 3); break;
    case OP_DROP:
    case OP_ABS:
    case OP_NEG:
    case OP_NOT:
    case OP_PLUS_UCONST: unary(e, op); break;
    case OP_SKIP: jump(e, true); break;
    case OP_BRA: jump(e, pop(e) != 0); break;
    case OP_BREGX: push_register(e, dwarf_uleb(&e->c)); break;
    case OP_NOP: break;
    default: binary(e, op); break;
    }
}

bool eh_expression(struct rule_expression expression, const struct unwind_registers *registers,
                   const struct eh_stack *stack, const uint64_t *initial, uint64_t *result)
{
    struct evaluation e = {.begin = expression.bytes, .registers = registers, .memory = stack};
    unsigned steps = 0;
    if (!expression.bytes || expression.size == 0)
        return false;
    e.c = (struct dwarf_cursor){expression.bytes, expression.bytes + expression.size, false};
    if (initial)
        push(&e, *initial);
    while (e.c.at < e.c.end && !e.c.bad && ++steps < STEPS)
        evaluate_one(&e);
    *result = pop(&e);
    return !e.c.bad && steps < STEPS;
}
