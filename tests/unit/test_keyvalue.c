#include "test.h"

#include <stdlib.h>

#include "common/keyvalue.h"

/* The text of the test that runs, in a heap block of exactly its size, so that a sanitizer sees a read beyond it. */
static char *block;

struct text {
    const char *cursor, *end;
};

static struct text make(const char *text, size_t size)
{
    free(block);
    block = malloc(size ? size : 1);
    assert_non_null(block);
    memcpy(block, text, size);
    return (struct text){block, block + size};
}

#define MAKE(literal) make((literal), sizeof(literal) - 1)

static void expect(struct text *text, const char *key, const char *value)
{
    struct keyvalue pair;
    char copy[64];
    assert_int_equal(keyvalue_next(&text->cursor, text->end, &pair), 1);
    assert_true(keyvalue_is(&pair, key));
    assert_int_equal(keyvalue_copy(&pair, copy, sizeof copy), 0);
    assert_string_equal(copy, value);
}

static void expect_bad(struct text *text, const char *line)
{
    struct keyvalue pair;
    assert_int_equal(keyvalue_next(&text->cursor, text->end, &pair), -1);
    assert_int_equal(pair.key_size, strlen(line));
    assert_memory_equal(pair.key, line, pair.key_size);
    assert_int_equal(pair.value_size, 0);
}

static void expect_end(struct text *text)
{
    struct keyvalue pair;
    assert_int_equal(keyvalue_next(&text->cursor, text->end, &pair), 0);
    free(block);
    block = NULL;
}

static void lines_are_read_in_order_with_or_without_a_last_newline(void **state)
{
    (void)state;
    struct text text = MAKE("session=/tmp/s\nduration=30s\n");
    expect(&text, "session", "/tmp/s");
    expect(&text, "duration", "30s");
    expect_end(&text);
    text = MAKE("a=1\nb=2");
    expect(&text, "a", "1");
    expect(&text, "b", "2");
    expect_end(&text);
}

static void the_first_equals_sign_divides(void **state)
{
    (void)state;
    struct text text = MAKE("param.filter=a=b=c\nempty=\n");
    expect(&text, "param.filter", "a=b=c");
    expect(&text, "empty", "");
    expect_end(&text);
}

static void empty_lines_and_a_trailing_cr_are_skipped(void **state)
{
    (void)state;
    struct text text = MAKE("\n\r\n\na=1\r\n\r\nb=2\r");
    expect(&text, "a", "1");
    expect(&text, "b", "2");
    expect_end(&text);
}

static void no_text_has_no_pairs(void **state)
{
    (void)state;
    struct text text = MAKE("");
    expect_end(&text);
    text = MAKE("\n\n\r\n");
    expect_end(&text);
}

static void a_bad_line_is_reported_and_the_next_one_is_read(void **state)
{
    (void)state;
    struct text text = MAKE("no equals sign\n=value\na=1\n");
    expect_bad(&text, "no equals sign");
    expect_bad(&text, "=value");
    expect(&text, "a", "1");
    expect_end(&text);
}

static void a_nul_inside_is_a_bad_line(void **state)
{
    (void)state;
    struct text text = MAKE("a=1\0\nb\0=2\nc=3");
    struct keyvalue pair;
    assert_int_equal(keyvalue_next(&text.cursor, text.end, &pair), -1);
    assert_int_equal(pair.key_size, 4);
    assert_int_equal(keyvalue_next(&text.cursor, text.end, &pair), -1);
    expect(&text, "c", "3");
    expect_end(&text);
}

static void a_key_is_compared_whole(void **state)
{
    (void)state;
    struct text text = MAKE("duration=1");
    struct keyvalue pair;
    assert_int_equal(keyvalue_next(&text.cursor, text.end, &pair), 1);
    assert_false(keyvalue_is(&pair, "dur"));
    assert_false(keyvalue_is(&pair, "duration1"));
    assert_false(keyvalue_is(&pair, ""));
    assert_true(keyvalue_is(&pair, "duration"));
    expect_end(&text);
}

static void a_value_that_does_not_fit_is_not_copied(void **state)
{
    (void)state;
    struct text text = MAKE("key=12345");
    struct keyvalue pair;
    char out[6] = "left";
    assert_int_equal(keyvalue_next(&text.cursor, text.end, &pair), 1);
    assert_int_equal(keyvalue_copy(&pair, out, 5), -1);
    assert_int_equal(keyvalue_copy(&pair, out, 0), -1);
    assert_string_equal(out, "left");
    assert_int_equal(keyvalue_copy(&pair, out, 6), 0);
    assert_string_equal(out, "12345");
    expect_end(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read_in_order_with_or_without_a_last_newline),
        cmocka_unit_test(the_first_equals_sign_divides),
        cmocka_unit_test(empty_lines_and_a_trailing_cr_are_skipped),
        cmocka_unit_test(no_text_has_no_pairs),
        cmocka_unit_test(a_bad_line_is_reported_and_the_next_one_is_read),
        cmocka_unit_test(a_nul_inside_is_a_bad_line),
        cmocka_unit_test(a_key_is_compared_whole),
        cmocka_unit_test(a_value_that_does_not_fit_is_not_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
