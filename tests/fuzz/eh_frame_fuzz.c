/* .eh_frame over any bytes: the header stands at their beginning, code at address 0x100000. Seeds: .eh_frame_hdr and .eh_frame
 * of any library, one after the other. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/unwind/eh_frame.h"

enum { BASE = 0x10000 };

struct input {
    const uint8_t *data;
    size_t size;
};

static bool read_input(void *context, uint64_t address, void *to, size_t size)
{
    const struct input *input = context;
    if (address < BASE || address - BASE > input->size || size > input->size - (address - BASE))
        return false;
    memcpy(to, input->data + (address - BASE), size);
    return true;
}

static bool load(void *context, uint64_t address, uint64_t *value)
{
    return read_input(context, address, value, sizeof *value);
}

static void evaluate(const struct eh_function *f, struct rule_expression e, struct input *input)
{
    struct unwind_registers registers = {.r = {[UNWIND_RSP] = BASE + 16, [UNWIND_RBP] = BASE + 64}};
    struct eh_stack stack = {load, input};
    uint64_t initial = BASE, result;
    const uint8_t *begin = (const uint8_t *)f, *end = begin + sizeof *f;
    if (e.size > 0 && (e.bytes < begin || e.bytes + e.size > end))
        abort();
    eh_expression(e, &registers, &stack, &initial, &result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct eh_function f;
    struct input input = {data, size};
    struct eh_source source = {read_input, &input};
    struct unwind_rule rule;
    int32_t code = 0;
    if (size >= 16)
        memcpy(&code, data + 12, sizeof code);
    for (int i = 0; i < 4; i++) {
        uint64_t pc = BASE + (uint64_t)(int64_t)code + (uint64_t)i * 5;
        if (!eh_find(&source, BASE, size, pc, &f))
            continue;
        if (pc < f.begin || pc >= f.end)
            abort();
        if (!eh_rule(&f, pc, &rule))
            continue;
        evaluate(&f, rule.cfa.expression, &input);
        for (int k = 0; k < UNWIND_REGISTERS; k++)
            evaluate(&f, rule.r[k].expression, &input);
    }
    evaluate(&f,
             (struct rule_expression){memcpy(f.fde, data, size < EH_FDE_MAX ? size : EH_FDE_MAX),
                                      size < EH_FDE_MAX ? size : EH_FDE_MAX},
             &input);
    return 0;
}
