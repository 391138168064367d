#include "test.h"

#include "common/crc32.h"
#include "common/crc32_table.h"

static void known_texts_have_their_published_checksums(void **state)
{
    (void)state;
    assert_int_equal(crc32_update(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(crc32_update(0, "The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
    assert_int_equal(crc32_update(0, "a", 1), 0xe8b7be43);
}

static void nothing_leaves_the_checksum_alone(void **state)
{
    (void)state;
    assert_int_equal(crc32_update(0, NULL, 0), 0);
    assert_int_equal(crc32_update(0x1234, "", 0), 0x1234);
}

static uint32_t bit_by_bit(const uint8_t *data, size_t size)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void every_length_and_alignment_agrees_with_the_definition(void **state)
{
    (void)state;
    uint8_t data[80];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 151 + 7);
    for (size_t start = 0; start < 9; start++)
        for (size_t size = 0; start + size <= sizeof data; size++)
            assert_int_equal(crc32_update(0, data + start, size), bit_by_bit(data + start, size));
}

static void a_text_may_be_given_in_pieces(void **state)
{
    (void)state;
    const char text[] = "a record, its padding and the one behind it";
    uint32_t whole = crc32_update(0, text, sizeof text);
    for (size_t cut = 0; cut <= sizeof text; cut++)
        assert_int_equal(crc32_update(crc32_update(0, text, cut), text + cut, sizeof text - cut), whole);
}

static void the_tables_follow_the_polynomial(void **state)
{
    (void)state;
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        assert_int_equal(crc32_table[0][byte], crc);
        for (int row = 1; row < 8; row++) {
            crc = crc >> 8 ^ crc32_table[0][crc & 0xff];
            assert_int_equal(crc32_table[row][byte], crc);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts_have_their_published_checksums),
        cmocka_unit_test(nothing_leaves_the_checksum_alone),
        cmocka_unit_test(every_length_and_alignment_agrees_with_the_definition),
        cmocka_unit_test(a_text_may_be_given_in_pieces),
        cmocka_unit_test(the_tables_follow_the_polynomial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
