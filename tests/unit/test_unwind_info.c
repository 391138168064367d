#include "core/unwind/unwind_info.h"

#include "test.h"

enum { RBX = UNWIND_RBX, RBP = UNWIND_RBP, RSP = UNWIND_RSP };

static bool compile(const uint8_t *info, size_t size, uint32_t prologue, struct unwind_rule *rule)
{
    struct unwind_info_state state;
    struct unwind_info_parent parent = {.chained = false};
    unwind_info_begin(&state);
    if (!unwind_info_add(&state, info, size, prologue, &parent))
        return false;
    unwind_info_rule(&state, rule);
    return true;
}

static void assert_cfa(const struct unwind_rule *rule, uint32_t reg, int64_t offset)
{
    assert_int_equal(rule->cfa.kind, RULE_REGISTER);
    assert_int_equal(rule->cfa_register, reg);
    assert_int_equal(rule->cfa.offset, offset);
    assert_int_equal(rule->r[UNWIND_IP].kind, RULE_AT_CFA);
    assert_int_equal(rule->r[UNWIND_IP].offset, -8);
}

static void assert_saved(const struct unwind_rule *rule, int reg, int64_t offset)
{
    assert_int_equal(rule->r[reg].kind, RULE_AT_CFA);
    assert_int_equal(rule->r[reg].offset, offset);
}

/* push rbp; push r15; push rbx; sub rsp, 0x20; lea rbp, [rsp + 0x30] */
static const uint8_t framed[] = {0x01, 0x0c, 5, 0x35, 0x0c, 0x03, 0x08, 0x32, 0x04, 0x30, 0x03, 0xf0, 0x01, 0x50};

static void a_leaf_without_codes_returns_at_rsp(void **state)
{
    static const uint8_t info[] = {0x01, 0, 0, 0};
    struct unwind_rule rule = {.cfa_register = 0};
    (void)state;
    assert_true(compile(info, sizeof info, 5, &rule));
    assert_cfa(&rule, RSP, 8);
}

static void only_what_has_been_executed_is_undone(void **state)
{
    struct unwind_rule rule = {.cfa_register = 0};
    (void)state;
    assert_true(compile(framed, sizeof framed, 0, &rule));
    assert_cfa(&rule, RSP, 8);
    assert_int_equal(rule.r[RBP].kind, RULE_SAME);
    assert_true(compile(framed, sizeof framed, 1, &rule));
    assert_cfa(&rule, RSP, 16);
    assert_saved(&rule, RBP, -16);
    assert_int_equal(rule.r[15].kind, RULE_SAME);
    assert_true(compile(framed, sizeof framed, 4, &rule));
    assert_cfa(&rule, RSP, 32);
    assert_true(compile(framed, sizeof framed, 8, &rule));
    assert_cfa(&rule, RSP, 64);
    assert_saved(&rule, RBX, -32);
}

static void the_frame_register_counts_once_it_is_set(void **state)
{
    struct unwind_rule rule = {.cfa_register = 0};
    (void)state;
    assert_true(compile(framed, sizeof framed, 0x40, &rule));
    assert_cfa(&rule, RBP, 16); /* rsp = rbp - 0x30, 0x20 of locals, three pushes, the return address */
    assert_saved(&rule, RBP, -16);
    assert_saved(&rule, 15, -24);
    assert_saved(&rule, RBX, -32);
}

static void large_operands(void **state)
{
    /* alloc 0x12340 (two slots more), alloc 0x800 (one), a frame 0x100 * 16 away */
    static const uint8_t wide[] = {0x01, 20, 8, 0x05, 20, 0x0b, 0, 1, 0, 0, 12, 0x11, 0x40, 0x23, 1, 0, 5, 0x01, 0, 1};
    struct unwind_rule rule = {.cfa_register = 0};
    (void)state;
    assert_true(compile(wide, sizeof wide, 15, &rule));
    assert_cfa(&rule, RSP, 0x12340 + 0x800 + 8);
    assert_true(compile(wide, sizeof wide, 20, &rule));
    assert_cfa(&rule, RBP, -0x1000 + 0x12340 + 0x800 + 8);
}

static void saves_without_a_push(void **state)
{
    /* sub rsp, 0x40; mov [rsp + 0x10], rbx; mov [rsp + 0x18], r12; movaps [rsp + 0x20], xmm6 */
    static const uint8_t info[] = {0x01, 20, 7, 0, 20, 0x68, 2, 0, 16, 0xc4, 3, 0, 10, 0x34, 2, 0, 4, 0x72};
    struct unwind_rule rule = {.cfa_register = 0};
    (void)state;
    assert_true(compile(info, sizeof info, 30, &rule));
    assert_cfa(&rule, RSP, 0x48);
    assert_saved(&rule, RBX, 0x10 - 0x48);
    assert_saved(&rule, 12, 0x18 - 0x48);
}

static void a_chain_goes_on_with_its_parent(void **state)
{
    /* push rbx, chained to data at 0x1234 */
    static const uint8_t child[] = {0x21, 1, 1, 0, 1, 0x30, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0x34, 0x12, 0, 0};
    struct unwind_info_state s;
    struct unwind_info_parent parent;
    struct unwind_rule rule = {.cfa_register = 0};
    (void)state;
    unwind_info_begin(&s);
    assert_true(unwind_info_add(&s, child, sizeof child, 9, &parent));
    assert_true(parent.chained);
    assert_int_equal(parent.unwind_data, 0x1234);
    assert_true(unwind_info_add(&s, framed, sizeof framed, UINT32_MAX, &parent));
    assert_false(parent.chained);
    unwind_info_rule(&s, &rule);
    assert_cfa(&rule, RBP, 16);
}

static void damage_is_refused(void **state)
{
    static const uint8_t unknown[] = {0x01, 1, 1, 0, 1, 0x0a}, version[] = {0x02, 0, 0, 0},
                         operand[] = {1, 1, 1, 0, 1, 1};
    struct unwind_rule rule = {.cfa_register = 0};
    (void)state;
    assert_false(compile(framed, 3, 9, &rule));
    assert_false(compile(framed, sizeof framed - 1, 9, &rule));
    assert_false(compile(unknown, sizeof unknown, 9, &rule));
    assert_false(compile(version, sizeof version, 9, &rule));
    assert_false(compile(operand, sizeof operand, 9, &rule));
}

static bool epilogue(const uint8_t *code, size_t size, struct unwind_rule *rule)
{
    return unwind_epilogue(code, size, 0x1000, 0xf00, 0x1100, rule);
}

static void what_is_left_of_an_epilogue_is_simulated(void **state)
{
    static const uint8_t code[] = {0x48, 0x83, 0xc4, 0x28, 0x5b, 0x41, 0x5f, 0x5d, 0xc3};
    struct unwind_rule rule = {.cfa_register = 0};
    (void)state;
    assert_true(epilogue(code, sizeof code, &rule));
    assert_cfa(&rule, RSP, 0x28 + 32);
    assert_saved(&rule, RBX, -32);
    assert_saved(&rule, 15, -24);
    assert_saved(&rule, RBP, -16);
    assert_true(epilogue(code + 5, sizeof code - 5, &rule));
    assert_cfa(&rule, RSP, 24);
    assert_int_equal(rule.r[RBX].kind, RULE_SAME);
    assert_true(epilogue(code + 8, 1, &rule));
    assert_cfa(&rule, RSP, 8);
}

static void an_epilogue_may_start_from_the_frame_register(void **state)
{
    static const uint8_t near[] = {0x48, 0x8d, 0x65, 0xf0, 0x5b, 0x5d, 0xc3}, move[] = {0x48, 0x8b, 0xe5, 0x5d, 0xc3},
                         far[] = {0x48, 0x8d, 0xa5, 0x00, 0xff, 0xff, 0xff, 0x5d, 0xc3};
    struct unwind_rule rule = {.cfa_register = 0};
    (void)state;
    assert_true(epilogue(near, sizeof near, &rule));
    assert_cfa(&rule, RBP, 8);
    assert_true(epilogue(move, sizeof move, &rule));
    assert_cfa(&rule, RBP, 16);
    assert_true(epilogue(far, sizeof far, &rule));
    assert_cfa(&rule, RBP, -0x100 + 16);
}

static void a_jump_ends_a_function_when_it_leaves_it(void **state)
{
    static const uint8_t out[] = {0x5d, 0xe9, 0, 2, 0, 0}, in[] = {0x5d, 0xe9, 0x10, 0, 0, 0},
                         tail[] = {0x48, 0xff, 0xe0}, table[] = {0xff, 0xe0}, import[] = {0xff, 0x25, 0, 0, 0, 0};
    struct unwind_rule rule = {.cfa_register = 0};
    (void)state;
    assert_true(epilogue(out, sizeof out, &rule));
    assert_cfa(&rule, RSP, 16);
    assert_false(epilogue(in, sizeof in, &rule));
    assert_true(epilogue(tail, sizeof tail, &rule));
    assert_false(epilogue(table, sizeof table, &rule));
    assert_true(epilogue(import, sizeof import, &rule));
}

static void other_code_is_no_epilogue(void **state)
{
    static const uint8_t body[] = {0x48, 0x83, 0xc4, 0x08, 0x48, 0x89, 0xc7}, cut[] = {0x48, 0x83, 0xc4};
    struct unwind_rule rule = {.cfa_register = 0};
    (void)state;
    assert_false(epilogue(body, sizeof body, &rule));
    for (size_t size = 0; size <= sizeof cut; size++)
        assert_false(epilogue(cut, size, &rule));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leaf_without_codes_returns_at_rsp),
        cmocka_unit_test(only_what_has_been_executed_is_undone),
        cmocka_unit_test(the_frame_register_counts_once_it_is_set),
        cmocka_unit_test(large_operands),
        cmocka_unit_test(saves_without_a_push),
        cmocka_unit_test(a_chain_goes_on_with_its_parent),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(what_is_left_of_an_epilogue_is_simulated),
        cmocka_unit_test(an_epilogue_may_start_from_the_frame_register),
        cmocka_unit_test(a_jump_ends_a_function_when_it_leaves_it),
        cmocka_unit_test(other_code_is_no_epilogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
