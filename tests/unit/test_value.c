#include "test.h"

#include <float.h>
#include <locale.h>

#include "common/value.h"

#define SECOND UINT64_C(1000000000)

static medic_param param(uint32_t type)
{
    return (medic_param){.key = "top", .label = "l", .help = "h", .type = type, .initial = "1"};
}

static void expect(uint32_t type, const char *text, struct value *value)
{
    medic_param row = param(type);
    medic_reason why = {{0}};
    row.choices = type == MEDIC_PARAM_ENUM ? "fast|exact" : NULL;
    int code = value_parse(&row, text, value, &why);
    if (code)
        fail_msg("%s: %s", text, why.text);
    assert_int_equal(value->type, type);
    assert_string_equal(value->text, text);
}

static void refuse(medic_param row, const char *text, const char *sentence)
{
    struct value value = {.type = 99};
    medic_reason why = {{0}};
    assert_int_equal(value_parse(&row, text, &value, &why), MEDIC_E_ARGUMENT);
    assert_string_equal(why.text, sentence);
    assert_int_equal(value.type, 99);
}

static void a_bool_has_eight_spellings(void **state)
{
    (void)state;
    static const char *const yes[] = {"true", "yes", "on", "1", "TRUE", "Yes"};
    static const char *const no[] = {"false", "no", "off", "0", "False", "OFF"};
    struct value value;
    for (size_t i = 0; i < 6; i++) {
        expect(MEDIC_PARAM_BOOL, yes[i], &value);
        assert_int_equal(value.as.boolean, 1);
        expect(MEDIC_PARAM_BOOL, no[i], &value);
        assert_int_equal(value.as.boolean, 0);
    }
    refuse(param(MEDIC_PARAM_BOOL), "maybe",
           "parameter 'top': \"maybe\" is not true or false (or yes, no, on, off, 1, 0)");
    refuse(param(MEDIC_PARAM_BOOL), "", "parameter 'top': \"\" is not true or false (or yes, no, on, off, 1, 0)");
}

static void an_int_is_decimal_with_64_bits(void **state)
{
    (void)state;
    struct value value;
    expect(MEDIC_PARAM_INT, "-42", &value);
    assert_int_equal(value.as.integer, -42);
    expect(MEDIC_PARAM_INT, "9223372036854775807", &value);
    assert_true(value.as.integer == INT64_MAX);
    expect(MEDIC_PARAM_INT, "-9223372036854775808", &value);
    assert_true(value.as.integer == INT64_MIN);
    expect(MEDIC_PARAM_INT, "-0", &value);
    assert_int_equal(value.as.integer, 0);
}

static void what_is_no_int_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "-", "+1", "1.0", "0x10", " 1", "1 ", "1e3", "--1", "1k"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char sentence[100];
        snprintf(sentence, sizeof sentence, "parameter 'top': \"%s\" is not a whole number", texts[i]);
        refuse(param(MEDIC_PARAM_INT), texts[i], sentence);
    }
    refuse(param(MEDIC_PARAM_INT), "abc", "parameter 'top': \"abc\" is not a whole number");
    refuse(param(MEDIC_PARAM_INT), "9223372036854775808",
           "parameter 'top': \"9223372036854775808\" is too large to be represented");
    refuse(param(MEDIC_PARAM_INT), "-9223372036854775809",
           "parameter 'top': \"-9223372036854775809\" is too large to be represented");
    refuse(param(MEDIC_PARAM_INT), "99999999999999999999999x",
           "parameter 'top': \"99999999999999999999999x\" is not a whole number");
}

static void a_float_is_read_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double number;
    } rows[] = {
        {"0", 0},
        {"0.5", 0.5},
        {"-0.1", -0.1},
        {"3.0", 3},
        {"1e3", 1e3},
        {"1.5E-3", 1.5e-3},
        {"1e+22", 1e22},
        {"123456.789", 123456.789},
        {"1.7976931348623157e308", DBL_MAX},
        {"2.2250738585072014e-308", DBL_MIN},
        {"1e-400", 0},
        {"0.30000000000000004", 0.30000000000000004},
        {"100000000000000000000000", 1e23},
        {"0.000000000000000000000000000001", 1e-30},
    };
    struct value value;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        expect(MEDIC_PARAM_FLOAT, rows[i].text, &value);
        if (value.as.number != rows[i].number)
            fail_msg("%s became %.17g", rows[i].text, value.as.number);
    }
}

static void what_is_no_finite_float_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",      "-",   ".",   ".5",    "3.",  "1e", "1e+",
                                        "1.2.3", "nan", "inf", "0x1p3", "1,5", "1 "};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char sentence[100];
        snprintf(sentence, sizeof sentence, "parameter 'top': \"%s\" is not a number such as 0.5 or 1e6", texts[i]);
        refuse(param(MEDIC_PARAM_FLOAT), texts[i], sentence);
    }
    refuse(param(MEDIC_PARAM_FLOAT), "1e309", "parameter 'top': \"1e309\" is too large to be represented");
    refuse(param(MEDIC_PARAM_FLOAT), "1e99999999999",
           "parameter 'top': \"1e99999999999\" is too large to be represented");
}

static void an_enum_is_one_of_its_choices(void **state)
{
    (void)state;
    struct value value;
    medic_param row = param(MEDIC_PARAM_ENUM);
    row.choices = "fast|exact|slow";
    expect(MEDIC_PARAM_ENUM, "exact", &value);
    refuse(row, "quick", "parameter 'top': \"quick\" is not one of: fast, exact, slow");
    refuse(row, "fas", "parameter 'top': \"fas\" is not one of: fast, exact, slow");
    refuse(row, "fast|exact", "parameter 'top': \"fast|exact\" is not one of: fast, exact, slow");
    refuse(row, "Fast", "parameter 'top': \"Fast\" is not one of: fast, exact, slow");
    refuse(row, "", "parameter 'top': \"\" is not one of: fast, exact, slow");
}

static void a_string_is_clean_text_of_255_bytes(void **state)
{
    (void)state;
    struct value value;
    char text[257];
    expect(MEDIC_PARAM_STRING, "", &value);
    expect(MEDIC_PARAM_STRING, "caf\xc3\xa9 == 'x'", &value);
    memset(text, 'a', 256);
    text[255] = text[256] = '\0';
    expect(MEDIC_PARAM_STRING, text, &value);
    text[255] = 'a';
    refuse(param(MEDIC_PARAM_STRING), text, "parameter 'top': the value is longer than 255 bytes");
    refuse(param(MEDIC_PARAM_STRING), "a\nb", "parameter 'top': \"a?b\" is not valid UTF-8 without control characters");
    refuse(param(MEDIC_PARAM_STRING), "\xff", "parameter 'top': \"?\" is not valid UTF-8 without control characters");
}

static void durations_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t nanoseconds;
    } rows[] = {
        {"0", 0},
        {"30", 30 * SECOND},
        {"1.5", 1500000000},
        {"7ns", 7},
        {"250us", 250000},
        {"10ms", 10000000},
        {"30s", 30 * SECOND},
        {"1.5m", 90 * SECOND},
        {"2h", 7200 * SECOND},
        {"1d", 86400 * SECOND},
        {"0.25ms", 250000},
        {"00:01:30", 90 * SECOND},
        {"1:30", 90 * SECOND},
        {"90:00", 5400 * SECOND},
        {"100:00:01", 360001 * SECOND},
        {"0.1234567891234567899999s", 123456789},
        {"18446744073709551615ns", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t nanoseconds = 1;
        medic_reason why;
        if (duration_parse(rows[i].text, &nanoseconds, &why))
            fail_msg("%s", why.text);
        if (nanoseconds != rows[i].nanoseconds)
            fail_msg("%s became %llu ns", rows[i].text, (unsigned long long)nanoseconds);
    }
}

static void what_is_no_duration_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",       "s",   "-1s", "+1s",        "1 s",   "1x",      "1sec",  "1S",
                                        ".5s",    "1.s", "1e3", "1:5",        "1:60",  "1:60:00", "1:2:3", "00:00:60",
                                        "1.5:00", ":30", "1:",  "1:00:00:00", "1:00s", "1:000",   "inf",   "1s2m"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint64_t nanoseconds = 5;
        medic_reason why;
        if (duration_parse(texts[i], &nanoseconds, &why) != MEDIC_E_ARGUMENT)
            fail_msg("%s was taken", texts[i]);
        assert_text_has(why.text, "is not a duration such as 250ms, 30s, 1.5m or 00:01:30");
        assert_int_equal(nanoseconds, 5);
    }
}

static void quantities_do_not_overflow(void **state)
{
    (void)state;
    static const char *const long_ones[] = {
        "18446744073709551616ns",     "18446744074s",  "213504d",        "99999999999999999999999999s",
        "18446744073709551615:59:59", "5124096:00:00", "307445734562:00"};
    static const char *const large_ones[] = {"18446744073709551616", "16777216T", "18014398509481984k",
                                             "99999999999999999999999G"};
    uint64_t number = 5;
    medic_reason why;
    for (size_t i = 0; i < sizeof long_ones / sizeof *long_ones; i++) {
        if (duration_parse(long_ones[i], &number, &why) != MEDIC_E_ARGUMENT)
            fail_msg("%s was taken", long_ones[i]);
        assert_text_has(why.text, "too large");
    }
    for (size_t i = 0; i < sizeof large_ones / sizeof *large_ones; i++) {
        if (size_parse(large_ones[i], &number, &why) != MEDIC_E_ARGUMENT)
            fail_msg("%s was taken", large_ones[i]);
        assert_text_has(why.text, "too large");
    }
    assert_int_equal(number, 5);
}

static void sizes_are_powers_of_1024(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {
        {"0", 0},
        {"512", 512},
        {"512B", 512},
        {"512b", 512},
        {"64k", 65536},
        {"64K", 65536},
        {"64kB", 65536},
        {"64KiB", 65536},
        {"64kib", 65536},
        {"16M", 16777216},
        {"1.5G", 1610612736},
        {"0.5k", 512},
        {"2T", UINT64_C(2) << 40},
        {"16777215T", UINT64_C(16777215) << 40},
        {"18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t bytes = 1;
        medic_reason why;
        if (size_parse(rows[i].text, &bytes, &why))
            fail_msg("%s", why.text);
        if (bytes != rows[i].bytes)
            fail_msg("%s became %llu", rows[i].text, (unsigned long long)bytes);
    }
}

static void what_is_no_size_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",   "k",   "-1k", "1.5", "1.5B", "512iB", "1kk",
                                        "1P", "1k ", "1 k", "1e3", ".5k",  "kB",    "1kiBB"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint64_t bytes = 5;
        medic_reason why;
        if (size_parse(texts[i], &bytes, &why) != MEDIC_E_ARGUMENT)
            fail_msg("%s was taken", texts[i]);
        assert_text_has(why.text, "is not a size such as 512, 64k, 16M or 1.5G");
        assert_int_equal(bytes, 5);
    }
}

static void bounds_are_inclusive_and_named(void **state)
{
    (void)state;
    struct value value;
    medic_param row = param(MEDIC_PARAM_DURATION);
    row.key = "interval";
    row.minimum = "1ms";
    row.maximum = "1s";
    assert_int_equal(value_parse(&row, "1ms", &value, NULL), MEDIC_OK);
    assert_int_equal(value_parse(&row, "1000ms", &value, NULL), MEDIC_OK);
    refuse(row, "5s", "parameter 'interval': 5s is above the maximum of 1s");
    refuse(row, "999us", "parameter 'interval': 999us is below the minimum of 1ms");
}

static void counts_are_compared_signed_and_shown_with_their_unit(void **state)
{
    (void)state;
    medic_param row = param(MEDIC_PARAM_INT);
    row.minimum = "-5";
    row.maximum = "1000";
    row.unit = "Hz";
    refuse(row, "-6", "parameter 'top': -6 is below the minimum of -5 Hz");
    refuse(row, "1001", "parameter 'top': 1001 is above the maximum of 1000 Hz");
    row.type = MEDIC_PARAM_FLOAT;
    row.unit = NULL;
    refuse(row, "-5.5", "parameter 'top': -5.5 is below the minimum of -5");
    row.type = MEDIC_PARAM_SIZE;
    row.minimum = "4k";
    row.maximum = "1M";
    refuse(row, "2G", "parameter 'top': 2G is above the maximum of 1M");
    refuse(row, "0", "parameter 'top': 0 is below the minimum of 4k");
}

static void a_broken_bound_is_an_error_and_not_a_pass(void **state)
{
    (void)state;
    medic_param row = param(MEDIC_PARAM_INT);
    row.minimum = "ten";
    refuse(row, "5", "parameter 'top': its minimum \"ten\" is not a whole number");
}

static void an_unknown_type_is_refused(void **state)
{
    (void)state;
    refuse(param(0), "1", "parameter 'top' has the unknown type 0");
    refuse(param(8), "1", "parameter 'top' has the unknown type 8");
}

static void the_locale_does_not_change_numbers(void **state)
{
    (void)state;
    struct value value;
    if (!setlocale(LC_ALL, "de_DE.UTF-8"))
        skip();
    expect(MEDIC_PARAM_FLOAT, "1.5", &value);
    setlocale(LC_ALL, "C");
    assert_true(value.as.number == 1.5);
}

static void a_table_is_walked_by_its_own_step(void **state)
{
    (void)state;
    struct {
        medic_param param;
        uint64_t newer_member;
    } rows[2] = {{param(MEDIC_PARAM_INT), 1}, {param(MEDIC_PARAM_BOOL), 2}};
    rows[1].param.key = "deep";
    medic_plugin plugin = {.params = &rows[0].param, .param_size = sizeof rows[0], .param_count = 2};
    assert_ptr_equal(param_find(&plugin, "deep"), &rows[1].param);
    assert_ptr_equal(param_find(&plugin, "top"), &rows[0].param);
    assert_ptr_equal(param_at(&plugin, 1), &rows[1].param);
    assert_null(param_at(&plugin, 2));
    assert_null(param_find(&plugin, "nothing"));
    plugin.params = NULL;
    assert_null(param_at(&plugin, 0));
    assert_null(param_find(&plugin, "top"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bool_has_eight_spellings),
        cmocka_unit_test(an_int_is_decimal_with_64_bits),
        cmocka_unit_test(what_is_no_int_is_refused),
        cmocka_unit_test(a_float_is_read_exactly),
        cmocka_unit_test(what_is_no_finite_float_is_refused),
        cmocka_unit_test(an_enum_is_one_of_its_choices),
        cmocka_unit_test(a_string_is_clean_text_of_255_bytes),
        cmocka_unit_test(durations_have_units),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(quantities_do_not_overflow),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(what_is_no_size_is_refused),
        cmocka_unit_test(bounds_are_inclusive_and_named),
        cmocka_unit_test(counts_are_compared_signed_and_shown_with_their_unit),
        cmocka_unit_test(a_broken_bound_is_an_error_and_not_a_pass),
        cmocka_unit_test(an_unknown_type_is_refused),
        cmocka_unit_test(the_locale_does_not_change_numbers),
        cmocka_unit_test(a_table_is_walked_by_its_own_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
