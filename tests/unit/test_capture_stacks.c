/* The capture reader on frames, stacks, images, symbols and threads; on records that were made to hurt too. */
#include "test.h"

#include "capture_writer.h"
#include "tool/capture.h"
#include "tool/capture_frames.h"

#include <stdlib.h>

static struct capture *opened(struct buffer *bytes, int *fd)
{
    struct capture *capture = NULL;
    medic_reason why = {""};
    put_end(bytes);
    *fd = file_with(bytes->bytes, bytes->size);
    if (capture_open(*fd, &capture, &why))
        fail_msg("%s", why.text);
    return capture;
}

static void closed(struct capture *capture, int fd, struct buffer *bytes)
{
    capture_close(capture);
    close(fd);
    buffer_free(bytes);
}

static void stacks_and_frames_are_found_by_id(void **state)
{
    (void)state;
    static const uint32_t FRAMES[] = {1, 2, 2};
    struct buffer bytes = {0};
    const char *path;
    uint32_t count, flags;
    int fd;
    put_header(&bytes);
    put_image(&bytes, 9, 0x1000, "/lib/libc.so.6");
    put_frame(&bytes, 1, MEDIC_FRAME_MANAGED, 0x100, 70, 7);
    put_frame(&bytes, 2, MEDIC_FRAME_NATIVE, 0x200, 0, 9);
    put_stack(&bytes, UINT64_MAX, FRAMES, 3);
    put_stack(&bytes, 1, NULL, 0);
    struct capture *capture = opened(&bytes, &fd);
    assert_int_equal(capture_totals(capture)->damaged_records, 0);
    assert_int_equal(capture_totals(capture)->unknown_records, 0);
    assert_int_equal(capture_frame_count(capture), 2);
    assert_int_equal(capture_frame(capture, 1)->function, 70);
    assert_int_equal(capture_frame(capture, 2)->kind, MEDIC_FRAME_NATIVE);
    assert_null(capture_frame(capture, 0));
    assert_null(capture_frame(capture, 3));
    assert_null(capture_frame(capture, UINT32_MAX));
    assert_memory_equal(capture_stack(capture, UINT64_MAX, &count, &flags), FRAMES, sizeof FRAMES);
    assert_int_equal(count, 3);
    assert_non_null(capture_stack(capture, 1, &count, NULL));
    assert_int_equal(count, 0);
    assert_null(capture_stack(capture, 2, &count, NULL));
    assert_int_equal(capture_image(capture, 9, &path)->bias, 0x1000);
    assert_string_equal(path, "/lib/libc.so.6");
    assert_null(capture_image(capture, 1, &path));
    closed(capture, fd, &bytes);
}

static void stacks_that_lie_are_dropped(void **state)
{
    (void)state;
    static const uint32_t UNKNOWN[] = {1, 3}, ZERO[] = {1, 0}, GOOD[] = {1, 2};
    medic_stack_record longer = {5, 1000, 0}, deep = {6, CAPTURE_STACK_MAX + 1, 0}, none = {0, 1, 0};
    uint32_t *many = calloc(CAPTURE_STACK_MAX + 1, sizeof *many);
    struct buffer bytes = {0};
    uint32_t count;
    int fd;
    put_header(&bytes);
    put_frame(&bytes, 0, MEDIC_FRAME_NATIVE, 1, 0, 0);
    put_frame(&bytes, CAPTURE_FRAMES_MAX + 1, MEDIC_FRAME_NATIVE, 1, 0, 0);
    put_frame(&bytes, 1, 77, 1, 0, 0);
    put_frame(&bytes, 2, MEDIC_FRAME_UNKNOWN, 1, 0, 0); /* 1 is a gap: its record was damaged */
    put_stack(&bytes, 1, UNKNOWN, 2);
    put_stack(&bytes, 2, ZERO, 2);
    put_bytes(&bytes, MEDIC_RECORD_STACK, &longer, sizeof longer, GOOD, sizeof GOOD);
    for (uint32_t i = 0; i <= CAPTURE_STACK_MAX; i++)
        many[i] = 2;
    put_bytes(&bytes, MEDIC_RECORD_STACK, &deep, sizeof deep, many, (CAPTURE_STACK_MAX + 1) * sizeof *many);
    put_bytes(&bytes, MEDIC_RECORD_STACK, &none, sizeof none, GOOD, sizeof GOOD);
    put_stack(&bytes, 7, GOOD, 2);
    put_stack(&bytes, 7, GOOD, 1); /* the same id again */
    put_record(&bytes, MEDIC_RECORD_STACK, "short", 5, NULL);
    struct capture *capture = opened(&bytes, &fd);
    assert_int_equal(capture_totals(capture)->damaged_records, 10);
    for (uint64_t id = 0; id < 7; id++)
        assert_null(capture_stack(capture, id, &count, NULL));
    assert_non_null(capture_stack(capture, 7, &count, NULL));
    assert_int_equal(count, 2);
    assert_null(capture_frame(capture, 1));
    closed(capture, fd, &bytes);
    free(many);
}

static void the_highest_frame_id_costs_little(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    int fd;
    put_header(&bytes);
    put_frame(&bytes, CAPTURE_FRAMES_MAX, MEDIC_FRAME_UNKNOWN, 1, 0, 0);
    struct capture *capture = opened(&bytes, &fd);
    assert_int_equal(capture_frame_count(capture), CAPTURE_FRAMES_MAX);
    assert_non_null(capture_frame(capture, CAPTURE_FRAMES_MAX));
    assert_null(capture_frame(capture, 1));
    closed(capture, fd, &bytes);
}

static void the_last_record_of_a_tid_wins(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    const char *name;
    int fd;
    put_header(&bytes);
    put_thread(&bytes, 0, 41, ".NET Tiered Com");
    put_thread(&bytes, 0, 42, "worker");
    put_thread(&bytes, 500, 42, "Orders");
    put_thread(&bytes, 501, 43, "first owner of the tid");
    put_thread(&bytes, 0, 43, "second");
    struct capture *capture = opened(&bytes, &fd);
    assert_int_equal(capture_thread_of(capture, 41, &name)->id, 0);
    assert_string_equal(name, ".NET Tiered Com");
    assert_int_equal(capture_thread_of(capture, 42, &name)->id, 500);
    assert_string_equal(name, "Orders");
    assert_int_equal(capture_thread_of(capture, 43, &name)->id, 0);
    assert_string_equal(name, "second");
    assert_non_null(capture_thread(capture, 501, &name));
    assert_null(capture_thread(capture, 0, &name));
    assert_null(capture_thread_of(capture, 44, &name));
    closed(capture, fd, &bytes);
}

static void symbols_are_read_from_the_file(void **state)
{
    (void)state;
    medic_symbols_record good = {7, MEDIC_SYMBOLS_PDB, 4}, longer = {8, MEDIC_SYMBOLS_PDB, 5};
    medic_image_record bad = {.id = 3, .build_id_size = 33};
    struct capture_symbols symbols;
    struct buffer bytes = {0};
    int fd;
    put_header(&bytes);
    put_record(&bytes, MEDIC_RECORD_SYMBOLS, &good, sizeof good, "BSJB");
    put_record(&bytes, MEDIC_RECORD_SYMBOLS, &longer, sizeof longer, "BSJB");
    put_record(&bytes, MEDIC_RECORD_IMAGE, &bad, sizeof bad, NULL);
    struct capture *capture = opened(&bytes, &fd);
    assert_int_equal(capture_totals(capture)->damaged_records, 2);
    assert_int_equal(capture_symbols(capture, 7, &symbols), MEDIC_OK);
    assert_int_equal(symbols.kind, MEDIC_SYMBOLS_PDB);
    assert_int_equal(symbols.size, 4);
    assert_memory_equal(symbols.bytes, "BSJB", 4);
    free(symbols.bytes);
    assert_int_equal(capture_symbols(capture, 8, &symbols), MEDIC_E_NOT_FOUND);
    assert_null(capture_image(capture, 3, NULL));
    closed(capture, fd, &bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stacks_and_frames_are_found_by_id), cmocka_unit_test(stacks_that_lie_are_dropped),
        cmocka_unit_test(the_highest_frame_id_costs_little), cmocka_unit_test(the_last_record_of_a_tid_wins),
        cmocka_unit_test(symbols_are_read_from_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
