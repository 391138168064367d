/* The capture reader on captures that are whole, cut, damaged, and made to hurt. */
#include "test.h"

#include "capture_writer.h"
#include "tool/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void put_number(struct buffer *out, uint64_t number)
{
    put_record(out, MEDIC_RECORD_PLUGIN, &number, sizeof number, NULL);
}

static void put_name(struct buffer *out, uint64_t id, uint32_t flags, const char *text)
{
    medic_name_record name = {MEDIC_NAME_TYPE, 0x02000001, id, 77, flags, (uint32_t)strlen(text)};
    put_record(out, MEDIC_RECORD_NAME, &name, sizeof name, text);
}

/* Everything the format has, and ten records of the plugin. */
static struct buffer sample(void)
{
    struct buffer out = {0};
    medic_module_record module = {.id = 77, .length = 9};
    medic_thread_record thread = {5, 4122, 4};
    medic_clock_record clock = {4000, 8000};
    medic_loss_record loss = {3, MEDIC_LOSS_RING_FULL, 0};
    medic_cost_record first = {.cpu_ns = 1}, last = {.cpu_ns = 2};
    medic_log_record line = {4500, MEDIC_LOG_WARNING, 5};
    put_header(&out);
    put_name(&out, 42, 0, "System.String");
    put_record(&out, MEDIC_RECORD_MODULE, &module, sizeof module, "/app/a.so");
    put_record(&out, MEDIC_RECORD_THREAD, &thread, sizeof thread, "main");
    for (uint64_t i = 0; i < 5; i++)
        put_number(&out, i);
    put_record(&out, MEDIC_RECORD_CLOCK, &clock, sizeof clock, NULL);
    put_record(&out, MEDIC_RECORD_LOSS, &loss, sizeof loss, NULL);
    put_record(&out, MEDIC_RECORD_COST, &first, sizeof first, NULL);
    put_record(&out, MEDIC_RECORD_COST, &last, sizeof last, NULL);
    put_record(&out, MEDIC_RECORD_LOG, &line, sizeof line, "hello");
    for (uint64_t i = 5; i < 10; i++)
        put_number(&out, i);
    put_end(&out);
    return out;
}

/* --- reading --- */

/* Opens and reads everything. Returns the plugin's records, -1 when the header is refused. */
static int64_t read_all(int fd, struct capture_totals *totals, struct capture **kept)
{
    struct capture *capture = NULL;
    medic_reason why = {""};
    medic_record record;
    int64_t count = 0;
    *totals = (struct capture_totals){0};
    if (capture_open(fd, &capture, &why)) {
        assert_int_not_equal(why.text[0], '\0');
        return -1;
    }
    while (capture_next(capture, &record)) {
        volatile unsigned char sum = 0;
        for (uint32_t i = 0; i < record.size; i++)
            sum = (unsigned char)(sum + ((const unsigned char *)record.data)[i]);
        assert_true(record.type >= MEDIC_RECORD_PLUGIN);
        assert_int_equal((uintptr_t)record.data % 8, 0);
        count++;
    }
    *totals = *capture_totals(capture);
    assert_int_equal(totals->plugin_records, count);
    if (kept)
        *kept = capture;
    else
        capture_close(capture);
    return count;
}

static void a_whole_capture_is_read_whole(void **state)
{
    (void)state;
    struct buffer bytes = sample();
    struct capture *capture;
    struct capture_totals totals;
    int fd = file_with(bytes.bytes, bytes.size);
    assert_int_equal(read_all(fd, &totals, &capture), 10);
    assert_int_equal(totals.records, 19);
    assert_int_equal(totals.damaged_records, 0);
    assert_int_equal(totals.lost_records, 3);
    assert_int_equal(capture_lost(capture, MEDIC_LOSS_RING_FULL), 3);
    const char *text = NULL;
    assert_non_null(capture_name(capture, MEDIC_NAME_TYPE, 42, &text));
    assert_string_equal(text, "System.String");
    assert_null(capture_name(capture, MEDIC_NAME_FUNCTION, 42, &text));
    assert_int_equal(capture_module(capture, 77, &text)->length, 9);
    assert_string_equal(text, "/app/a.so");
    assert_int_equal(capture_thread(capture, 5, &text)->os_id, 4122);
    assert_string_equal(text, "main");
    assert_null(capture_thread(capture, 6, &text));
    assert_int_equal(capture_cost(capture)->cpu_ns, 2);
    assert_int_equal(capture_end(capture, &text)->reason, MEDIC_END_DURATION);
    assert_string_equal(text, "done");
    uint64_t begin, end;
    size_t lines;
    capture_span(capture, &begin, &end);
    assert_int_equal(begin, 1000);
    assert_int_equal(end, 9000);
    assert_string_equal(capture_log(capture, &lines)->text, "hello");
    assert_int_equal(lines, 1);
    assert_string_equal(capture_value(capture, "param.worst"), "20");
    assert_null(capture_value(capture, "param"));
    capture_close(capture);
    close(fd);
    buffer_free(&bytes);
}

static void rewind_begins_again(void **state)
{
    (void)state;
    struct buffer bytes = sample();
    int fd = file_with(bytes.bytes, bytes.size);
    struct capture *capture;
    struct capture_totals totals;
    medic_record record;
    uint64_t number = 99;
    read_all(fd, &totals, &capture);
    assert_int_equal(capture_next(capture, &record), 0);
    capture_rewind(capture);
    assert_int_equal(capture_next(capture, &record), 1);
    memcpy(&number, record.data, sizeof number);
    assert_int_equal(number, 0);
    capture_close(capture);
    close(fd);
    buffer_free(&bytes);
}

static void a_capture_cut_at_any_byte_gives_what_came_before(void **state)
{
    (void)state;
    struct buffer bytes = sample();
    size_t header = sizeof(medic_capture_header) + sizeof HEADER_TEXT - 1;
    int64_t before = 0;
    for (size_t cut = 0; cut < bytes.size; cut++) {
        struct capture_totals totals = {0};
        struct capture *capture = NULL;
        int fd = file_with(bytes.bytes, cut);
        int64_t count = read_all(fd, &totals, &capture);
        assert_int_equal(count < 0, cut < header);
        if (count >= 0) {
            assert_true(count >= before && count <= before + 1);
            assert_true(totals.damaged_records <= 1);
            assert_int_equal(totals.cut, totals.damaged_records);
            before = count;
            /* the end's own padding may be missing */
            assert_true(!capture_end(capture, NULL) || cut + 8 > bytes.size);
            uint64_t begin, end;
            capture_span(capture, &begin, &end);
            assert_true(end >= begin);
            capture_close(capture);
        }
        close(fd);
    }
    assert_int_equal(before, 10);
    buffer_free(&bytes);
}

static void a_flipped_bit_costs_one_record(void **state)
{
    (void)state;
    struct buffer bytes = sample();
    size_t header = (sizeof(medic_capture_header) + sizeof HEADER_TEXT - 1 + 7) / 8 * 8;
    for (size_t bit = header * 8; bit < bytes.size * 8; bit++) {
        struct capture_totals totals = {0};
        bytes.bytes[bit / 8] = (char)(bytes.bytes[bit / 8] ^ 1 << bit % 8);
        int fd = file_with(bytes.bytes, bytes.size);
        int64_t count = read_all(fd, &totals, NULL);
        assert_true(count >= 9);
        assert_true(totals.records >= 18 && totals.damaged_records <= 1);
        assert_int_equal(totals.records + totals.damaged_records, 19);
        assert_true(totals.damaged_bytes <= 72);
        close(fd);
        bytes.bytes[bit / 8] = (char)(bytes.bytes[bit / 8] ^ 1 << bit % 8);
    }
    buffer_free(&bytes);
}

static void a_damaged_header_is_refused(void **state)
{
    (void)state;
    struct buffer bytes = sample();
    for (size_t bit = 0; bit < (sizeof(medic_capture_header) + sizeof HEADER_TEXT - 1) * 8; bit++) {
        struct capture_totals totals;
        bytes.bytes[bit / 8] = (char)(bytes.bytes[bit / 8] ^ 1 << bit % 8);
        int fd = file_with(bytes.bytes, bytes.size);
        assert_int_equal(read_all(fd, &totals, NULL), -1);
        close(fd);
        bytes.bytes[bit / 8] = (char)(bytes.bytes[bit / 8] ^ 1 << bit % 8);
    }
    buffer_free(&bytes);
}

static void garbage_between_records_is_skipped_and_counted(void **state)
{
    (void)state;
    for (size_t garbage = 8; garbage <= 4096; garbage += 8) {
        struct buffer bytes = {0};
        struct capture_totals totals;
        put_header(&bytes);
        put_number(&bytes, 1);
        for (size_t i = 0; i < garbage; i++) {
            char byte = (char)(i * 37 + garbage);
            buffer_add(&bytes, &byte, 1);
        }
        put_number(&bytes, 2);
        put_end(&bytes);
        int fd = file_with(bytes.bytes, bytes.size);
        assert_int_equal(read_all(fd, &totals, NULL), 2);
        assert_int_equal(totals.damaged_records, 1);
        assert_int_equal(totals.damaged_bytes, garbage);
        assert_false(totals.cut);
        close(fd);
        buffer_free(&bytes);
    }
}

static void a_capture_without_an_end_is_incomplete(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    medic_clock_record clock = {4000, 8000};
    struct capture *capture;
    struct capture_totals totals;
    uint64_t begin, end;
    put_header(&bytes);
    put_record(&bytes, MEDIC_RECORD_CLOCK, &clock, sizeof clock, NULL);
    int fd = file_with(bytes.bytes, bytes.size);
    assert_int_equal(read_all(fd, &totals, &capture), 0);
    assert_null(capture_end(capture, NULL));
    capture_span(capture, &begin, &end);
    assert_int_equal(end, 4000);
    capture_extend(capture, 6000);
    capture_span(capture, &begin, &end);
    assert_int_equal(end, 6000);
    capture_close(capture);
    close(fd);
    buffer_free(&bytes);
}

static void unknown_types_are_skipped(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    struct capture_totals totals;
    put_header(&bytes);
    put_record(&bytes, 200, "whatever", 8, NULL);
    put_record(&bytes, 201, "reserved", 8, NULL);
    put_record(&bytes, 0, "", 0, NULL);
    put_number(&bytes, 1);
    put_record(&bytes, UINT32_MAX, "", 0, NULL);
    put_end(&bytes);
    int fd = file_with(bytes.bytes, bytes.size);
    assert_int_equal(read_all(fd, &totals, NULL), 2);
    assert_int_equal(totals.unknown_records, 3);
    assert_int_equal(totals.damaged_records, 0);
    close(fd);
    buffer_free(&bytes);
}

static void core_records_that_contradict_themselves_are_dropped(void **state)
{
    (void)state;
    static const uint32_t TYPES[] = {MEDIC_RECORD_NAME, MEDIC_RECORD_MODULE, MEDIC_RECORD_THREAD, MEDIC_RECORD_CLOCK,
                                     MEDIC_RECORD_LOSS, MEDIC_RECORD_COST,   MEDIC_RECORD_LOG,    MEDIC_RECORD_END};
    struct buffer bytes = {0};
    struct capture_totals totals;
    struct capture *capture;
    medic_name_record name = {MEDIC_NAME_TYPE, 0, 1, 0, 0, 1000};
    put_header(&bytes);
    for (size_t i = 0; i < 8; i++)
        put_record(&bytes, TYPES[i], "short", 5, NULL);
    put_record(&bytes, MEDIC_RECORD_NAME, &name, sizeof name, "claims to be longer");
    int fd = file_with(bytes.bytes, bytes.size);
    assert_int_equal(read_all(fd, &totals, &capture), 0);
    assert_int_equal(totals.damaged_records, 9);
    assert_null(capture_end(capture, NULL));
    assert_null(capture_cost(capture));
    assert_null(capture_name(capture, MEDIC_NAME_TYPE, 1, NULL));
    capture_close(capture);
    close(fd);
    buffer_free(&bytes);
}

static void a_resolved_name_is_not_replaced_by_an_unresolved_one(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    struct capture_totals totals;
    struct capture *capture;
    const char *text = NULL;
    put_header(&bytes);
    put_name(&bytes, 1, 2, "was unloaded");
    put_name(&bytes, 1, 0, "Real\xff.Name");
    put_name(&bytes, 1, 2, "was unloaded");
    int fd = file_with(bytes.bytes, bytes.size);
    read_all(fd, &totals, &capture);
    capture_name(capture, MEDIC_NAME_TYPE, 1, &text);
    assert_string_equal(text, "Real\ufffd.Name");
    capture_close(capture);
    close(fd);
    buffer_free(&bytes);
}

static void the_largest_record_is_read(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    struct capture_totals totals;
    char *large = calloc(1, MEDIC_RECORD_MAX + 1);
    put_header(&bytes);
    put_number(&bytes, 1);
    put_record(&bytes, 300, large, MEDIC_RECORD_MAX, NULL);
    put_record(&bytes, 300, large, MEDIC_RECORD_MAX + 1, NULL); /* damage */
    put_number(&bytes, 2);
    int fd = file_with(bytes.bytes, bytes.size);
    assert_int_equal(read_all(fd, &totals, NULL), 3);
    assert_int_equal(totals.damaged_records, 1);
    close(fd);
    free(large);
    buffer_free(&bytes);
}

/* Every 8 bytes claim to be a record of 4 MB: reading each claim would take hours. */
static void a_capture_made_to_be_slow_ends_soon(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    struct capture_totals totals;
    struct timespec begin, end;
    put_header(&bytes);
    for (size_t i = 0; i < 8u << 20; i += 8) {
        uint32_t words[2] = {4u << 20, 0};
        buffer_add(&bytes, (const char *)words, sizeof words);
    }
    int fd = file_with(bytes.bytes, bytes.size);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    assert_int_equal(read_all(fd, &totals, NULL), 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_true(totals.damaged_records >= 1);
    assert_true(end.tv_sec - begin.tv_sec < 30);
    close(fd);
    buffer_free(&bytes);
}

static void a_file_that_shrinks_while_it_is_read_just_ends(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    struct capture *capture;
    medic_record record;
    int64_t count = 0;
    put_header(&bytes);
    for (uint64_t i = 0; i < 100000; i++)
        put_number(&bytes, i);
    int fd = file_with(bytes.bytes, bytes.size);
    assert_int_equal(capture_open(fd, &capture, NULL), MEDIC_OK);
    while (capture_next(capture, &record))
        if (++count == 10)
            assert_int_equal(ftruncate(fd, 4096), 0);
    assert_true(count >= 10 && count < 100000);
    capture_close(capture);
    close(fd);
    buffer_free(&bytes);
}

static void what_is_no_capture_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *part;
    } CASES[] = {
        {"", 0, "empty"},
        {"x", 1, "ends within its header"},
        {"not a capture, but long enough to be one if it were: not a capture, not at all.", 79, "not a capture"}};
    for (size_t i = 0; i < 3; i++) {
        struct capture *capture;
        medic_reason why = {""};
        int fd = file_with(CASES[i].bytes, CASES[i].size);
        assert_int_equal(capture_open(fd, &capture, &why), MEDIC_E_CORRUPT);
        assert_text_has(why.text, CASES[i].part);
        close(fd);
    }
    int ends[2];
    struct capture *capture;
    medic_reason why = {""};
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(capture_open(ends[0], &capture, &why), MEDIC_E_CORRUPT);
    assert_text_has(why.text, "regular file");
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_capture_is_read_whole),
        cmocka_unit_test(rewind_begins_again),
        cmocka_unit_test(a_capture_cut_at_any_byte_gives_what_came_before),
        cmocka_unit_test(a_flipped_bit_costs_one_record),
        cmocka_unit_test(a_damaged_header_is_refused),
        cmocka_unit_test(garbage_between_records_is_skipped_and_counted),
        cmocka_unit_test(a_capture_without_an_end_is_incomplete),
        cmocka_unit_test(unknown_types_are_skipped),
        cmocka_unit_test(core_records_that_contradict_themselves_are_dropped),
        cmocka_unit_test(a_resolved_name_is_not_replaced_by_an_unresolved_one),
        cmocka_unit_test(the_largest_record_is_read),
        cmocka_unit_test(a_capture_made_to_be_slow_ends_soon),
        cmocka_unit_test(a_file_that_shrinks_while_it_is_read_just_ends),
        cmocka_unit_test(what_is_no_capture_is_refused_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
