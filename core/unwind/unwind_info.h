/* The runtime's x64 UNWIND_INFO, as the JIT and crossgen write it on Linux too, and the epilogue that it does not describe.
 * Pure functions over bytes; nothing of them is trusted. */
#ifndef CORE_UNWIND_UNWIND_INFO_H
#define CORE_UNWIND_UNWIND_INFO_H

#include "rule.h"

#include <stdbool.h>

enum { UNWIND_INFO_MAX = 4 + 2 * 255 + 1 + 12, UNWIND_INFO_CHAIN_MAX = 32, EPILOGUE_MAX = 64 };

/* Collects what the operations of one frame do; chained parts are added one after the other. */
struct unwind_info_state {
    bool in_register; /* the frame is found from frame_register, not from rsp */
    uint32_t frame_register;
    int64_t frame;                  /* rsp of the body, relative to the register it is found from */
    int64_t offset;                 /* rsp after what was undone so far, relative to the same */
    int64_t slot[UNWIND_REGISTERS]; /* where registers were saved, relative to the same */
    bool saved[UNWIND_REGISTERS];
};

struct unwind_info_parent {
    bool chained;
    uint32_t unwind_data; /* of the part that this one continues, relative to the image */
};

void unwind_info_begin(struct unwind_info_state *state);
/* Adds one part. prologue: bytes of the prologue that have been executed (ip less begin); UINT32_MAX for a parent. */
bool unwind_info_add(struct unwind_info_state *state, const uint8_t *bytes, size_t size, uint32_t prologue,
                     struct unwind_info_parent *parent);
void unwind_info_rule(const struct unwind_info_state *state, struct unwind_rule *rule);

/* If code is what remains of an epilogue: its rule. at is where code[0] is; [begin, end) the function, which a jump leaves when
 * it is a tail call. */
bool unwind_epilogue(const uint8_t *code, size_t size, uint64_t at, uint64_t begin, uint64_t end,
                     struct unwind_rule *rule);

#endif
