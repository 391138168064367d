/* The registers of an interrupted thread, as the kernel hands them to a signal handler. Async-signal-safe. */
#ifndef CORE_SERVICES_CONTEXT_REGISTERS_H
#define CORE_SERVICES_CONTEXT_REGISTERS_H

#include "core/unwind/unwind.h"

#include <string.h>
#include <ucontext.h>

static inline void context_registers(const ucontext_t *context, struct unwind_registers *to)
{
#if defined(__x86_64__)
    static const uint8_t from[UNWIND_REGISTERS] = {
        REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
        REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP,
    };

    for (unsigned i = 0; i < UNWIND_REGISTERS; i++)
        to->r[i] = (uint64_t)context->uc_mcontext.gregs[from[i]];
#else
    (void)context;
    memset(to, 0, sizeof *to);
#endif
}

#endif
