#include "core/services/il_calls.h"

#include <string.h>

/* STEPS_MAX: a way may lead round a loop in which nothing is called. */
enum { TINY = 2, FAT = 3, FORMAT = 3, FAT_BYTES = 12, STEPS_MAX = 64, TWO_BYTES = 0xfe };

enum { BR_S = 0x2b, BRFALSE_S = 0x2c, BLT_UN_S = 0x37, BR = 0x38, BRFALSE = 0x39, BLT_UN = 0x44 };

struct code {
    const uint8_t *bytes;
    uint32_t size;
};

/* ECMA-335 II.25.4 */
static int find_code(const uint8_t *body, uint32_t size, struct code *code)
{
    uint32_t header = 1;

    if (!size)
        return 0;
    if ((body[0] & FORMAT) == TINY) {
        code->size = body[0] >> 2;
    } else if ((body[0] & FORMAT) == FAT && size >= FAT_BYTES) {
        memcpy(&code->size, body + 4, sizeof code->size);
        header = (uint32_t)(body[1] >> 4) * 4;
    } else {
        return 0;
    }
    code->bytes = body + header;
    return header <= size && code->size <= size - header;
}

/* Bytes of an instruction that never calls: it moves locals, arguments and constants, computes on integers, jumps. 0 = any
 * other: fields, elements and conversions too may need a helper. */
static uint32_t inert_bytes(const struct code *code, uint32_t at)
{
    uint8_t op = code->bytes[at];

    if (op == TWO_BYTES) {
        uint8_t second = at + 1 < code->size ? code->bytes[at + 1] : 0;
        return second >= 0x01 && second <= 0x05   ? 2 /* ceq to clt.un */
               : second >= 0x09 && second <= 0x0e ? 4 /* ldarg to stloc */
                                                  : 0;
    }
    if (op == 0x21 || op == 0x23) /* ldc.i8, ldc.r8 */
        return 9;
    if (op == 0x20 || op == 0x22 || (op >= BR && op <= BLT_UN)) /* ldc.i4, ldc.r4 */
        return 5;
    if ((op >= 0x0e && op <= 0x13) || op == 0x1f || (op >= BR_S && op <= BLT_UN_S)) /* ldarg.s to stloc.s, ldc.i4.s */
        return 2;
    return op == 0x00 || (op >= 0x02 && op <= 0x0d) || (op >= 0x14 && op <= 0x1e) || op == 0x25 || op == 0x26 ||
           (op >= 0x58 && op <= 0x5a) || (op >= 0x5f && op <= 0x66);
}

/* What is executed after an inert instruction. A condition that leads back closes a loop, whose body comes next; one that
 * leads on is taken not to hold. */
static uint32_t next_of(const struct code *code, uint32_t at, uint32_t bytes)
{
    uint8_t op = code->bytes[at];
    int near = op >= BR_S && op <= BLT_UN_S;
    int32_t jump = near ? (int8_t)code->bytes[at + 1] : 0;

    if (!near && !(op >= BR && op <= BLT_UN))
        return at + bytes;
    if (!near)
        memcpy(&jump, code->bytes + at + 1, sizeof jump);
    return op == BR_S || op == BR || jump < 0 ? at + bytes + (uint32_t)jump : at + bytes;
}

static int is_return(uint8_t op)
{
    return op == 0x2a;
}

uint32_t il_first_call(const uint8_t *body, uint32_t size, uint32_t from)
{
    struct code code;
    uint32_t at = from;

    if (!find_code(body, size, &code))
        return from;
    for (int i = 0; i < STEPS_MAX && at < code.size; i++) {
        uint32_t bytes = inert_bytes(&code, at);

        if (!bytes)
            return is_return(code.bytes[at]) ? from : at;
        if (bytes > code.size - at)
            return from;
        at = next_of(&code, at, bytes);
    }
    return from;
}
