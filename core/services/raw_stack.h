/* A record with a stack on its way through the ring. Its type has RAW_STACK set; this head comes first, then the plugin's own
 * record, then the bytes of the stack. The worker unwinds it, and shows and writes the plugin's record only: the bytes are
 * secrets, never leave the ring, and are zeroed with it. */
#ifndef CORE_SERVICES_RAW_STACK_H
#define CORE_SERVICES_RAW_STACK_H

#include "core/unwind/unwind.h"

#define RAW_STACK UINT32_C(0x80000000)

/* Of a stack's bytes: the red zone is copied too, some libraries' CFI reads it. */
enum { RAW_RED_ZONE = 128, RAW_STACK_CAP = 64 << 10, RAW_STACK_DEEP = 1 << 20 };

enum raw_stack_flags {
    RAW_WHOLE = 1u << 0,     /* the copy ends at the top of the thread's stack */
    RAW_ADDRESSES = 1u << 1, /* not a copy: return addresses, leaf first */
    RAW_HERE = 1u << 2,      /* taken by the thread itself, inside Medic */
    RAW_SAMPLE = 1u << 3,    /* of a thread in the sampler's table */
    RAW_NONE = 1u << 4,      /* there is no stack, only the record */
    RAW_AT_CALL = 1u << 5    /* a sample of a suspension: the registers are those of a caller */
};

struct raw_stack {
    uint32_t record_size; /* of the plugin's record, which begins with a medic_stack_head */
    uint32_t flags;       /* enum raw_stack_flags */
    uint32_t slot;        /* RAW_SAMPLE */
    uint32_t generation;  /* RAW_SAMPLE */
    uint64_t thread;      /* ThreadID, 0 when there is none or it is not known */
    uint64_t low;         /* address of the first byte */
    uint64_t size;        /* bytes of the stack */
    /* On an alternate signal stack: the stack under it, copied behind the first copy, and where in that one the ucontext_t
     * lies that tells how to go on. under_size = 0: there is none. */
    uint64_t under_low, under_size, under_context;
    struct unwind_registers registers;
};

static inline uint64_t raw_stack_offset(uint32_t record_size)
{
    return sizeof(struct raw_stack) + (((uint64_t)record_size + 7) & ~UINT64_C(7));
}

/* The second copy begins at the next 8 bytes behind the first. */
static inline uint64_t raw_stack_bytes(uint64_t size, uint64_t under_size)
{
    return under_size ? ((size + 7) & ~UINT64_C(7)) + under_size : size;
}

#endif
