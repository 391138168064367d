#include "test.h"

#include "common/guid.h"

static const GUID sample = {0x01234567, 0x89ab, 0xcdef, {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}};

static void a_guid_is_written_in_lower_case_with_dashes(void **state)
{
    (void)state;
    char text[GUID_TEXT_SIZE];
    guid_format(&sample, text);
    assert_string_equal(text, "01234567-89ab-cdef-0123-456789abcdef");
}

static void either_case_is_read_with_or_without_braces(void **state)
{
    (void)state;
    static const char *const texts[] = {"01234567-89ab-cdef-0123-456789abcdef", "01234567-89AB-CDEF-0123-456789ABCDEF",
                                        "{01234567-89ab-CDEF-0123-456789abcdef}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        GUID guid;
        assert_int_equal(guid_parse(texts[i], &guid, NULL), MEDIC_OK);
        assert_true(guid_equal(&guid, &sample));
    }
}

static void what_is_no_guid_is_refused_with_an_example(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{}",
        "01234567",
        "0123456789abcdef0123456789abcdef",
        "01234567-89ab-cdef-0123-456789abcde",
        "01234567-89ab-cdef-0123-456789abcdef0",
        "01234567-89ab-cdef-0123-456789abcdeg",
        "{01234567-89ab-cdef-0123-456789abcdef",
        "01234567-89ab-cdef-0123-456789abcdef}",
        "{01234567-89ab-cdef-0123-456789abcdef}x",
        " 01234567-89ab-cdef-0123-456789abcdef",
        "01234567-89ab-cdef-0123-456789abcdef ",
        "01234567-89abc-def-0123-456789abcdef",
        "0x234567-89ab-cdef-0123-456789abcdef",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        GUID guid = sample;
        medic_reason why;
        assert_int_equal(guid_parse(texts[i], &guid, &why), MEDIC_E_ARGUMENT);
        assert_text_has(why.text, "is not a GUID such as");
        assert_true(guid_equal(&guid, &sample));
    }
}

static void a_prefix_is_never_enough(void **state)
{
    (void)state;
    const char whole[] = "{01234567-89ab-cdef-0123-456789abcdef}";
    for (size_t size = 0; size < sizeof whole - 1; size++) {
        char text[sizeof whole] = {0};
        GUID guid;
        memcpy(text, whole, size);
        assert_int_equal(guid_parse(text, &guid, NULL), MEDIC_E_ARGUMENT);
    }
}

static void guids_differ_in_any_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(GUID); i++) {
        GUID other = sample;
        ((unsigned char *)&other)[i] ^= 1;
        assert_false(guid_equal(&other, &sample));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guid_is_written_in_lower_case_with_dashes),
        cmocka_unit_test(either_case_is_read_with_or_without_braces),
        cmocka_unit_test(what_is_no_guid_is_refused_with_an_example),
        cmocka_unit_test(a_prefix_is_never_enough),
        cmocka_unit_test(guids_differ_in_any_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
