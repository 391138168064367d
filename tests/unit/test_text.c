#include "test.h"

#include "common/text.h"

static void a_word_is_lower_case_letters_digits_and_underscores(void **state)
{
    (void)state;
    assert_true(text_is_word("cpu_hotpaths", 40));
    assert_true(text_is_word("a", 2));
    assert_true(text_is_word("z9_", 40));
    static const char *const bad[] = {"", "A", "9a", "_a", "a-b", "a b", "a\n", "caf\xc3\xa9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(text_is_word(bad[i], 40));
}

static void a_word_must_end_within_its_room(void **state)
{
    (void)state;
    const char unterminated[3] = {'a', 'b', 'c'};
    assert_false(text_is_word(unterminated, sizeof unterminated));
    assert_false(text_is_word("abc", 3));
    assert_true(text_is_word("abc", 4));
    assert_false(text_is_word("", 0));
}

static void utf8_without_control_characters_is_clean(void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "plain text", "\xc2\xb5s", "\xe2\x82\xac 5", "\xf0\x9f\xa9\xba", "\xf4\x8f\xbf\xbf"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(text_is_clean(good[i], 64));
}

static void control_characters_and_broken_utf8_are_not_clean(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "a\nb",
        "\x1b[31m",
        "\x7f",
        "\xc2\x80", /* C1 */
        "\xc0\xaf",
        "\xe0\x80\xaf",
        "\xf0\x80\x80\xaf", /* longer than needed */
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80", /* surrogate, too high */
        "\x80",
        "\xc3",
        "\xe2\x82",
        "\xc3(",
        "\xff",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(text_is_clean(bad[i], 64));
}

static void a_text_without_an_end_is_not_clean(void **state)
{
    (void)state;
    const char unterminated[4] = {'a', 'b', 'c', '\xc3'};
    assert_false(text_is_clean(unterminated, sizeof unterminated));
    assert_false(text_is_clean(unterminated, 3));
    assert_true(text_is_clean("abc", 4));
}

static void a_quoted_text_obeys_no_terminal(void **state)
{
    (void)state;
    char out[TEXT_QUOTE_SIZE];
    assert_string_equal(text_quote("abc", out), "\"abc\"");
    assert_string_equal(text_quote("", out), "\"\"");
    assert_string_equal(text_quote("\x1b[2J\n\xc3", out), "\"?[2J??\"");
    assert_string_equal(text_quote("\xc3\xa9t\xc3\xa9", out), "\"\xc3\xa9t\xc3\xa9\"");
}

static void a_long_quoted_text_is_cut_between_characters(void **state)
{
    (void)state;
    static const char euro[3] = "\xe2\x82\xac";
    char out[TEXT_QUOTE_SIZE], text[301] = {0};
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + sizeof euro < sizeof text; i += sizeof euro)
            memcpy(text + i, euro, sizeof euro);
        text_quote(text, out);
        assert_in_range(strlen(out), 70, TEXT_QUOTE_SIZE - 1);
        assert_true(text_is_clean(out, sizeof out));
        assert_string_equal(out + strlen(out) - 4, "...\"");
        assert_null(strchr(out, '?'));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_is_lower_case_letters_digits_and_underscores),
        cmocka_unit_test(a_word_must_end_within_its_room),
        cmocka_unit_test(utf8_without_control_characters_is_clean),
        cmocka_unit_test(control_characters_and_broken_utf8_are_not_clean),
        cmocka_unit_test(a_text_without_an_end_is_not_clean),
        cmocka_unit_test(a_quoted_text_obeys_no_terminal),
        cmocka_unit_test(a_long_quoted_text_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
