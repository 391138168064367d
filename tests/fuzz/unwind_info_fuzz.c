/* UNWIND_INFO and epilogues over any bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/unwind/recipes.h"
#include "core/unwind/unwind_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct unwind_info_state state;
    struct unwind_info_parent parent = {true, 0};
    struct unwind_rule rule;
    struct recipe recipe = {0};
    if (size == 0)
        return 0;
    uint32_t prologue = data[0];
    unwind_info_begin(&state);
    for (int i = 0; i < 3 && parent.chained; i++) {
        if (!unwind_info_add(&state, data + 1, size - 1, prologue, &parent))
            break;
        unwind_info_rule(&state, &rule);
        if (rule.cfa.kind != RULE_REGISTER || rule.cfa_register >= UNWIND_IP)
            abort();
        recipe_pack(&rule, &recipe);
        prologue = UINT32_MAX;
    }
    if (unwind_epilogue(data, size, 0x1000, 0xf00, 0x1100, &rule) && rule.cfa_register >= UNWIND_IP)
        abort();
    return 0;
}
