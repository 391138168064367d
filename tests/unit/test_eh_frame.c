#include "core/unwind/eh_frame.h"

#include "test.h"

/* A .eh_frame_hdr with one entry at 0x1000, a CIE at 0x1100 and a FDE at 0x1120 for [0x2000, 0x2100). */
enum { BASE = 0x1000, CIE = 0x100, FDE = 0x120, CODE = 0x2000 };

struct section {
    uint8_t bytes[0x400];
    size_t fde_size;
};

static bool read_section(void *context, uint64_t address, void *to, size_t size)
{
    const struct section *s = context;
    if (address < BASE || address - BASE > sizeof s->bytes - size || size > sizeof s->bytes)
        return false;
    memcpy(to, s->bytes + (address - BASE), size);
    return true;
}

static void put32(struct section *s, size_t at, uint32_t value)
{
    memcpy(s->bytes + at, &value, 4);
}

static void make(struct section *s, const uint8_t *program, size_t size)
{
    static const uint8_t hdr[] = {1, 0x1b, 0x03, 0x3b};
    /* version, "zR", code 1, data -8, return address 16, pcrel sdata4; cfa = rsp + 8, ra at cfa - 8 */
    static const uint8_t cie[] = {1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1};
    memset(s, 0, sizeof *s);
    memcpy(s->bytes, hdr, sizeof hdr);
    put32(s, 4, FDE - 4);
    put32(s, 8, 1);
    put32(s, 12, CODE - BASE);
    put32(s, 16, FDE);
    put32(s, CIE, 4 + sizeof cie);
    memcpy(s->bytes + CIE + 8, cie, sizeof cie);
    put32(s, FDE, (uint32_t)(13 + size));
    put32(s, FDE + 4, FDE + 4 - CIE);
    put32(s, FDE + 8, (uint32_t)(CODE - (BASE + FDE + 8)));
    put32(s, FDE + 12, 0x100);
    memcpy(s->bytes + FDE + 17, program, size);
}

static bool rule_at(struct section *s, uint64_t pc, struct unwind_rule *rule)
{
    static struct eh_function function;
    struct eh_source source = {read_section, s};
    return eh_find(&source, BASE, 20, pc, &function) && eh_rule(&function, pc, rule);
}

static void rows_apply_from_their_location_on(void **state)
{
    /* +1: cfa offset 16, rbp at -16; +4: cfa register rbp; +0x42 (advance 1): cfa rsp 8 */
    static const uint8_t program[] = {0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x02, 0x3e, 0x0c, 7, 8};
    struct section s;
    struct unwind_rule rule = {.cfa_register = 0};
    (void)state;
    make(&s, program, sizeof program);
    assert_true(rule_at(&s, CODE, &rule));
    assert_int_equal(rule.cfa_register, UNWIND_RSP);
    assert_int_equal(rule.cfa.offset, 8);
    assert_int_equal(rule.r[UNWIND_IP].offset, -8);
    assert_int_equal(rule.r[UNWIND_RBP].kind, RULE_SAME);
    assert_true(rule_at(&s, CODE + 1, &rule));
    assert_int_equal(rule.cfa.offset, 16);
    assert_int_equal(rule.r[UNWIND_RBP].offset, -16);
    assert_true(rule_at(&s, CODE + 4, &rule));
    assert_int_equal(rule.cfa_register, UNWIND_RBP);
    assert_true(rule_at(&s, CODE + 0x42, &rule));
    assert_int_equal(rule.cfa_register, UNWIND_RSP);
}

static void states_are_remembered_and_registers_restored(void **state)
{
    static const uint8_t program[] = {0x83, 4, 0x0a, 0x0e, 64, 0x41, 0x0b, 0x41, 0xc3, 0x41, 0x07, 16};
    struct section s;
    struct unwind_rule rule = {.cfa_register = 0};
    (void)state;
    make(&s, program, sizeof program);
    assert_true(rule_at(&s, CODE, &rule));
    assert_int_equal(rule.cfa.offset, 64);
    assert_true(rule_at(&s, CODE + 1, &rule));
    assert_int_equal(rule.cfa.offset, 8);
    assert_int_equal(rule.r[UNWIND_RBX].offset, -32);
    assert_true(rule_at(&s, CODE + 2, &rule));
    assert_int_equal(rule.r[UNWIND_RBX].kind, RULE_SAME);
    assert_true(rule_at(&s, CODE + 3, &rule));
    assert_int_equal(rule.r[UNWIND_IP].kind, RULE_UNDEFINED);
}

static void what_is_not_described_is_not_found(void **state)
{
    struct section s;
    struct unwind_rule rule = {.cfa_register = 0};
    (void)state;
    make(&s, (const uint8_t *)"", 0);
    assert_true(rule_at(&s, CODE + 0xff, &rule));
    assert_false(rule_at(&s, CODE + 0x100, &rule));
    assert_false(rule_at(&s, CODE - 1, &rule));
}

static void damage_is_refused(void **state)
{
    static const uint8_t bottomless[] = {0x0b}, unknown[] = {0x3c}, cut[] = {0x0c, 7};
    struct section s;
    struct unwind_rule rule = {.cfa_register = 0};
    (void)state;
    make(&s, bottomless, sizeof bottomless);
    assert_false(rule_at(&s, CODE, &rule));
    make(&s, unknown, sizeof unknown);
    assert_false(rule_at(&s, CODE, &rule));
    make(&s, cut, sizeof cut);
    assert_false(rule_at(&s, CODE, &rule));
    make(&s, cut, 0);
    put32(&s, 8, 100); /* more entries than fit */
    assert_false(rule_at(&s, CODE, &rule));
    make(&s, cut, 0);
    put32(&s, FDE, 0xfffffff0);
    assert_false(rule_at(&s, CODE, &rule));
}

static bool load_at_100(void *context, uint64_t address, uint64_t *value)
{
    *value = *(const uint64_t *)context;
    return address == 0x100;
}

static bool evaluate(const uint8_t *bytes, size_t size, uint64_t *result)
{
    static uint64_t word = 0x1122334455667788;
    struct unwind_registers registers = {.r = {[UNWIND_RSP] = 0xf8, [UNWIND_IP] = 0x401b}};
    struct eh_stack stack = {load_at_100, &word};
    return eh_expression((struct rule_expression){bytes, size}, &registers, &stack, NULL, result);
}

static void expressions_of_real_libraries(void **state)
{
    /* .plt: rsp + 8 + ((rip & 15) >= 11) << 3; libcrypto: [rsp + 8] + 8 */
    static const uint8_t plt[] = {0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22},
                         crypto[] = {0x77, 8, 0x06, 0x23, 8};
    uint64_t result = 0;
    (void)state;
    assert_true(evaluate(plt, sizeof plt, &result));
    assert_int_equal(result, 0xf8 + 16);
    assert_true(evaluate(crypto, sizeof crypto, &result));
    assert_int_equal(result, 0x1122334455667790);
}

static void wrong_expressions_are_refused(void **state)
{
    static const uint8_t empty_stack[] = {0x22}, endless[] = {0x2f, 0xfd, 0xff}, outside[] = {0x2f, 0x10, 0},
                         elsewhere[] = {0x30, 0x06}, by_zero[] = {0x31, 0x30, 0x1b}, reg[] = {0x50}, cut[] = {0x0c, 1};
    uint64_t result;
    (void)state;
    assert_false(evaluate(empty_stack, sizeof empty_stack, &result));
    assert_false(evaluate(endless, sizeof endless, &result));
    assert_false(evaluate(outside, sizeof outside, &result));
    assert_false(evaluate(elsewhere, sizeof elsewhere, &result));
    assert_false(evaluate(by_zero, sizeof by_zero, &result));
    assert_false(evaluate(reg, sizeof reg, &result));
    assert_false(evaluate(cut, sizeof cut, &result));
    assert_false(evaluate(cut, 0, &result));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_apply_from_their_location_on),
        cmocka_unit_test(states_are_remembered_and_registers_restored),
        cmocka_unit_test(what_is_not_described_is_not_found),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(expressions_of_real_libraries),
        cmocka_unit_test(wrong_expressions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
