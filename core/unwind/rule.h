/* How to get from a frame to its caller: what .eh_frame and the runtime's UNWIND_INFO are both compiled to. x86-64. */
#ifndef CORE_UNWIND_RULE_H
#define CORE_UNWIND_RULE_H

#include "unwind.h"

enum rule_kind {
    RULE_SAME,             /* the caller's value is still in the register */
    RULE_AT_CFA,           /* saved at cfa + offset */
    RULE_VALUE_CFA,        /* is cfa + offset */
    RULE_REGISTER,         /* is in register number offset */
    RULE_AT_EXPRESSION,    /* saved at the address that the expression gives */
    RULE_VALUE_EXPRESSION, /* is what the expression gives */
    RULE_UNDEFINED         /* lost; of the return address: this is the thread's first frame */
};

/* A DWARF expression, or nothing. The bytes live as long as what they were read from (struct eh_function). */
struct rule_expression {
    const uint8_t *bytes;
    size_t size;
};

struct register_rule {
    enum rule_kind kind;
    int64_t offset;
    struct rule_expression expression;
};

struct unwind_rule {
    struct register_rule cfa; /* RULE_REGISTER: register `cfa_register` + offset; RULE_VALUE_EXPRESSION */
    uint32_t cfa_register;
    struct register_rule r[UNWIND_REGISTERS];
};

#endif
