/* .eh_frame: which rule leads from an instruction of an ELF file to its caller. Pure functions over what a source hands out;
 * nothing of it is trusted. */
#ifndef CORE_UNWIND_EH_FRAME_H
#define CORE_UNWIND_EH_FRAME_H

#include "rule.h"

#include <stdbool.h>

enum { EH_CIE_MAX = 512, EH_FDE_MAX = 16384 };

/* Where the bytes come from: false when some of [address, address + size) cannot be had. */
struct eh_source {
    bool (*read)(void *context, uint64_t address, void *to, size_t size);
    void *context;
};

/* A function's description, copied. */
struct eh_function {
    uint64_t begin, end; /* of its code */
    bool signal_frame;   /* its caller was interrupted, not calling */
    uint64_t code_align;
    int64_t data_align;
    uint8_t pointer_encoding;
    uint64_t fde_address; /* of fde[0], for pc-relative operands */
    size_t cie_program, cie_size, fde_program, fde_size;
    uint8_t cie[EH_CIE_MAX], fde[EH_FDE_MAX];
};

/* Searches the table of a .eh_frame_hdr of `size` bytes at `address`. False: nothing describes pc, or it is damaged. */
bool eh_find(const struct eh_source *source, uint64_t address, uint64_t size, uint64_t pc,
             struct eh_function *function);

/* Runs the description up to pc. False when it is damaged or uses what x86-64 compilers do not. */
bool eh_rule(const struct eh_function *function, uint64_t pc, struct unwind_rule *rule);

/* Loads 8 bytes of the stack; false when they are not in the copy. */
struct eh_stack {
    bool (*load)(void *context, uint64_t address, uint64_t *value);
    void *context;
};

/* Evaluates a DWARF expression; initial (if not NULL) is pushed first. */
bool eh_expression(struct rule_expression expression, const struct unwind_registers *registers,
                   const struct eh_stack *stack, const uint64_t *initial, uint64_t *result);

#endif
