/* Reading .eh_frame_hdr, .eh_frame and their programs (Linux Standard Base 5, "Exception Frames"; DWARF 4, 6.4). */
#include "eh_frame.h"

#include "dwarf_cursor.h"

enum {
    PE_FORMAT = 0x0f,
    PE_UDATA2 = 0x02,
    PE_UDATA4 = 0x03,
    PE_UDATA8 = 0x04,
    PE_SDATA2 = 0x0a,
    PE_SDATA4 = 0x0b,
    PE_SDATA8 = 0x0c,
    PE_BASE = 0x70,
    PE_PCREL = 0x10,
    PE_DATAREL_SDATA4 = 0x3b,
    PE_OMIT = 0xff,
    HDR_VERSION = 1,
    REMEMBERED_MAX = 8,
    ENTRY_SIZE = 8
};

/* ---- finding ---- */

static size_t encoded_size(uint8_t encoding)
{
    switch (encoding & PE_FORMAT) {
    case PE_UDATA2:
    case PE_SDATA2: return 2;
    case PE_UDATA4:
    case PE_SDATA4: return 4;
    case 0:
    case PE_UDATA8:
    case PE_SDATA8: return 8;
    default: return 0;
    }
}

/* `at` is the address of the operand. Absolute or relative to itself; no compiler uses more of it for code. */
static uint64_t encoded_pointer(struct dwarf_cursor *c, uint8_t encoding, uint64_t at)
{
    size_t size = encoded_size(encoding);
    uint8_t base = encoding & PE_BASE;
    if (size == 0 || (base != 0 && base != PE_PCREL)) {
        c->bad = true;
        return 0;
    }
    uint64_t value = (encoding & 0x08) ? (uint64_t)dwarf_int(c, size) : dwarf_uint(c, size);
    return base == PE_PCREL ? value + at : value;
}

struct table {
    uint64_t base, entries, count;
};

static bool read_header(const struct eh_source *s, uint64_t address, uint64_t size, struct table *table)
{
    uint8_t head[4];
    uint8_t bytes[16];
    if (size < sizeof head || !s->read(s->context, address, head, sizeof head))
        return false;
    size_t pointer = head[1] == PE_OMIT ? 0 : encoded_size(head[1]), counter = encoded_size(head[2]);
    uint64_t prefix = sizeof head + pointer + counter;
    if (head[0] != HDR_VERSION || head[2] == PE_OMIT || counter == 0 || head[3] != PE_DATAREL_SDATA4 || size < prefix ||
        !s->read(s->context, address + sizeof head, bytes, pointer + counter))
        return false;
    struct dwarf_cursor c = {bytes + pointer, bytes + pointer + counter, false};
    *table = (struct table){address, address + prefix, dwarf_uint(&c, counter)};
    return table->count > 0 && table->count <= (size - prefix) / ENTRY_SIZE;
}

static bool read_entry(const struct eh_source *s, const struct table *t, uint64_t index, uint64_t *code, uint64_t *fde)
{
    int32_t pair[2];
    if (!s->read(s->context, t->entries + index * ENTRY_SIZE, pair, sizeof pair))
        return false;
    *code = t->base + (uint64_t)(int64_t)pair[0];
    *fde = t->base + (uint64_t)(int64_t)pair[1];
    return true;
}

/* The last entry that begins at or before pc. */
static bool search(const struct eh_source *s, const struct table *t, uint64_t pc, uint64_t *fde)
{
    uint64_t low = 0, high = t->count, code, at;
    *fde = 0;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (!read_entry(s, t, middle, &code, &at))
            return false;
        if (code <= pc) {
            *fde = at;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return *fde != 0;
}

/* A length-prefixed entry, without the prefix. */
static bool read_piece(const struct eh_source *s, uint64_t address, uint8_t *to, size_t room, size_t *size)
{
    uint32_t length;
    if (!s->read(s->context, address, &length, sizeof length) || length < 4 || length > room ||
        !s->read(s->context, address + sizeof length, to, length))
        return false;
    *size = length;
    return true;
}

static void parse_augmentation(struct dwarf_cursor *c, const char *letters, struct eh_function *f)
{
    for (; *letters && !c->bad; letters++) {
        uint8_t encoding;
        switch (*letters) {
        case 'R': f->pointer_encoding = dwarf_u8(c); break;
        case 'L': dwarf_u8(c); break;
        case 'P':
            encoding = dwarf_u8(c);
            dwarf_skip(c, encoded_size(encoding));
            break;
        case 'S': f->signal_frame = true; break;
        case 'B': break;
        default: c->bad = true; break;
        }
    }
}

static bool parse_cie(struct eh_function *f)
{
    struct dwarf_cursor c = {f->cie, f->cie + f->cie_size, false};
    uint32_t id = (uint32_t)dwarf_uint(&c, 4);
    uint8_t version = dwarf_u8(&c);
    const char *letters = (const char *)c.at;
    const uint8_t *end = memchr(c.at, '\0', (size_t)(c.end - c.at));
    if (id != 0 || (version != 1 && version != 3) || !end)
        return false;
    c.at = end + 1;
    f->code_align = dwarf_uleb(&c);
    f->data_align = dwarf_sleb(&c);
    uint64_t return_register = version == 1 ? dwarf_u8(&c) : dwarf_uleb(&c);
    f->pointer_encoding = 0;
    f->signal_frame = false;
    if (*letters == 'z') {
        uint64_t size = dwarf_uleb(&c);
        struct dwarf_cursor data = c;
        dwarf_skip(&c, size);
        data.end = c.at;
        data.bad |= c.bad;
        parse_augmentation(&data, letters + 1, f);
        c.bad |= data.bad;
    } else if (*letters) {
        return false;
    }
    f->cie_program = (size_t)(c.at - f->cie);
    return !c.bad && return_register == UNWIND_IP;
}

static bool parse_fde(struct eh_function *f)
{
    struct dwarf_cursor c = {f->fde, f->fde + f->fde_size, false};
    dwarf_skip(&c, 4);
    f->begin = encoded_pointer(&c, f->pointer_encoding, f->fde_address + 4);
    uint64_t length = encoded_pointer(&c, f->pointer_encoding & PE_FORMAT & ~0x08u, 0);
    if (f->cie[5] == 'z')
        dwarf_skip(&c, dwarf_uleb(&c));
    f->end = f->begin + length;
    f->fde_program = (size_t)(c.at - f->fde);
    return !c.bad && f->end > f->begin;
}

static bool read_function(const struct eh_source *s, uint64_t fde, struct eh_function *f)
{
    uint32_t distance;
    if (!read_piece(s, fde, f->fde, sizeof f->fde, &f->fde_size))
        return false;
    memcpy(&distance, f->fde, sizeof distance);
    f->fde_address = fde + 4;
    return distance != 0 && read_piece(s, f->fde_address - distance, f->cie, sizeof f->cie, &f->cie_size) &&
           f->cie_size > 5 && parse_cie(f) && parse_fde(f);
}

bool eh_find(const struct eh_source *source, uint64_t address, uint64_t size, uint64_t pc, struct eh_function *function)
{
    struct table table;
    uint64_t fde;
    return read_header(source, address, size, &table) && search(source, &table, pc, &fde) &&
           read_function(source, fde, function) && pc >= function->begin && pc < function->end;
}

/* ---- running ---- */

enum {
    CFA_ADVANCE = 0x40,
    CFA_OFFSET = 0x80,
    CFA_RESTORE = 0xc0,
    CFA_SET_LOC = 0x01,
    CFA_ADVANCE1 = 0x02,
    CFA_ADVANCE2 = 0x03,
    CFA_ADVANCE4 = 0x04,
    CFA_OFFSET_EXTENDED = 0x05,
    CFA_RESTORE_EXTENDED = 0x06,
    CFA_UNDEFINED = 0x07,
    CFA_SAME_VALUE = 0x08,
    CFA_REGISTER = 0x09,
    CFA_REMEMBER = 0x0a,
    CFA_RESTORE_STATE = 0x0b,
    CFA_DEF = 0x0c,
    CFA_DEF_REGISTER = 0x0d,
    CFA_DEF_OFFSET = 0x0e,
    CFA_DEF_EXPRESSION = 0x0f,
    CFA_EXPRESSION = 0x10,
    CFA_OFFSET_EXTENDED_SF = 0x11,
    CFA_DEF_SF = 0x12,
    CFA_DEF_OFFSET_SF = 0x13,
    CFA_VAL_OFFSET = 0x14,
    CFA_VAL_OFFSET_SF = 0x15,
    CFA_VAL_EXPRESSION = 0x16,
    CFA_GNU_ARGS_SIZE = 0x2e,
    CFA_GNU_NEGATIVE_OFFSET = 0x2f
};

struct machine {
    const struct eh_function *f;
    uint64_t location, pc;
    struct unwind_rule *rule;
    const struct unwind_rule *initial; /* after the CIE's program; NULL while that runs */
    struct unwind_rule *remembered;    /* REMEMBERED_MAX of them */
    unsigned depth;
};

static void set(struct machine *m, uint64_t reg, enum rule_kind kind, int64_t offset)
{
    if (reg < UNWIND_REGISTERS) /* others (vector registers) do not lead anywhere */
        m->rule->r[reg] = (struct register_rule){.kind = kind, .offset = offset};
}

static struct rule_expression take_expression(struct dwarf_cursor *c)
{
    uint64_t size = dwarf_uleb(c);
    struct rule_expression e = {c->at, (size_t)size};
    dwarf_skip(c, size);
    if (c->bad)
        e.size = 0;
    return e;
}

static void set_expression(struct machine *m, struct dwarf_cursor *c, enum rule_kind kind)
{
    uint64_t reg = dwarf_uleb(c);
    struct rule_expression e = take_expression(c);
    if (reg < UNWIND_REGISTERS)
        m->rule->r[reg] = (struct register_rule){.kind = kind, .expression = e};
}

static void define_cfa(struct machine *m, struct dwarf_cursor *c, uint64_t reg, int64_t offset)
{
    if (reg >= UNWIND_IP)
        c->bad = true;
    else
        m->rule->cfa_register = (uint32_t)reg;
    m->rule->cfa = (struct register_rule){.kind = RULE_REGISTER, .offset = offset};
}

static void restore(struct machine *m, struct dwarf_cursor *c, uint64_t reg)
{
    if (!m->initial)
        c->bad = true;
    else if (reg < UNWIND_REGISTERS)
        m->rule->r[reg] = m->initial->r[reg];
}

static void remember(struct machine *m, struct dwarf_cursor *c)
{
    if (m->depth == REMEMBERED_MAX)
        c->bad = true;
    else
        m->remembered[m->depth++] = *m->rule;
}

static void restore_state(struct machine *m, struct dwarf_cursor *c)
{
    if (m->depth == 0)
        c->bad = true;
    else
        *m->rule = m->remembered[--m->depth];
}

static int64_t factored(const struct machine *m, uint64_t value)
{
    return (int64_t)(value * (uint64_t)m->f->data_align);
}

static void advance(struct machine *m, uint64_t delta)
{
    m->location += delta * m->f->code_align;
}

static void run_rare(struct machine *m, struct dwarf_cursor *c, uint8_t op)
{
    uint64_t reg;
    switch (op) {
    case CFA_SET_LOC:
        m->location = encoded_pointer(c, m->f->pointer_encoding, m->f->fde_address + (uint64_t)(c->at - m->f->fde));
        break;
    case CFA_REGISTER:
        reg = dwarf_uleb(c);
        set(m, reg, RULE_REGISTER, (int64_t)dwarf_uleb(c));
        break;
    case CFA_DEF_EXPRESSION:
        m->rule->cfa = (struct register_rule){.kind = RULE_VALUE_EXPRESSION};
        m->rule->cfa.expression = take_expression(c);
        break;
    case CFA_EXPRESSION: set_expression(m, c, RULE_AT_EXPRESSION); break;
    case CFA_VAL_EXPRESSION: set_expression(m, c, RULE_VALUE_EXPRESSION); break;
    case CFA_VAL_OFFSET:
        reg = dwarf_uleb(c);
        set(m, reg, RULE_VALUE_CFA, factored(m, dwarf_uleb(c)));
        break;
    case CFA_VAL_OFFSET_SF:
        reg = dwarf_uleb(c);
        set(m, reg, RULE_VALUE_CFA, factored(m, (uint64_t)dwarf_sleb(c)));
        break;
    case CFA_DEF_SF:
        reg = dwarf_uleb(c);
        define_cfa(m, c, reg, factored(m, (uint64_t)dwarf_sleb(c)));
        break;
    case CFA_DEF_OFFSET_SF: define_cfa(m, c, m->rule->cfa_register, factored(m, (uint64_t)dwarf_sleb(c))); break;
    case CFA_OFFSET_EXTENDED_SF:
        reg = dwarf_uleb(c);
        set(m, reg, RULE_AT_CFA, factored(m, (uint64_t)dwarf_sleb(c)));
        break;
    case CFA_GNU_NEGATIVE_OFFSET:
        reg = dwarf_uleb(c);
        set(m, reg, RULE_AT_CFA, factored(m, 0 - dwarf_uleb(c)));
        break;
    case CFA_GNU_ARGS_SIZE: dwarf_uleb(c); break;
    default: c->bad = true; break;
    }
}

static void run_one(struct machine *m, struct dwarf_cursor *c)
{
    uint8_t op = dwarf_u8(c);
    uint64_t reg;
    switch (op & 0xc0) {
    case CFA_ADVANCE: advance(m, op & 0x3f); return;
    case CFA_OFFSET: set(m, op & 0x3f, RULE_AT_CFA, factored(m, dwarf_uleb(c))); return;
    case CFA_RESTORE: restore(m, c, op & 0x3f); return;
    default: break;
    }
    switch (op) {
    case 0: break;
    case CFA_ADVANCE1: advance(m, dwarf_uint(c, 1)); break;
    case CFA_ADVANCE2: advance(m, dwarf_uint(c, 2)); break;
    case CFA_ADVANCE4: advance(m, dwarf_uint(c, 4)); break;
    case CFA_OFFSET_EXTENDED:
        reg = dwarf_uleb(c);
        set(m, reg, RULE_AT_CFA, factored(m, dwarf_uleb(c)));
        break;
    case CFA_RESTORE_EXTENDED: restore(m, c, dwarf_uleb(c)); break;
    case CFA_UNDEFINED: set(m, dwarf_uleb(c), RULE_UNDEFINED, 0); break;
    case CFA_SAME_VALUE: set(m, dwarf_uleb(c), RULE_SAME, 0); break;
    case CFA_REMEMBER: remember(m, c); break;
    case CFA_RESTORE_STATE: restore_state(m, c); break;
    case CFA_DEF:
        reg = dwarf_uleb(c);
        define_cfa(m, c, reg, (int64_t)dwarf_uleb(c));
        break;
    case CFA_DEF_REGISTER: define_cfa(m, c, dwarf_uleb(c), m->rule->cfa.offset); break;
    case CFA_DEF_OFFSET: define_cfa(m, c, m->rule->cfa_register, (int64_t)dwarf_uleb(c)); break;
    default: run_rare(m, c, op); break;
    }
}

static bool run(struct machine *m, const uint8_t *begin, const uint8_t *end)
{
    struct dwarf_cursor c = {begin, end, false};
    while (c.at < c.end && !c.bad && m->location <= m->pc) {
        struct dwarf_cursor before = c;
        uint64_t location = m->location;
        run_one(m, &c);
        if (m->location < location || (c.at == before.at && !c.bad))
            return false;
    }
    return !c.bad;
}

bool eh_rule(const struct eh_function *f, uint64_t pc, struct unwind_rule *rule)
{
    struct unwind_rule initial, remembered[REMEMBERED_MAX];
    struct machine m = {.f = f, .location = f->begin, .pc = pc, .rule = rule, .remembered = remembered};
    memset(rule, 0, sizeof *rule);
    rule->cfa.kind = RULE_UNDEFINED;
    if (!run(&m, f->cie + f->cie_program, f->cie + f->cie_size))
        return false;
    initial = *rule;
    m.initial = &initial;
    m.location = f->begin;
    m.depth = 0;
    return run(&m, f->fde + f->fde_program, f->fde + f->fde_size) && rule->cfa.kind != RULE_UNDEFINED;
}
