/* Interning of frames and stacks, over a runtime and an unwinder made here. */
#include "core/services/frames.h"
#include "core/services/il_offset.h"

#include "test.h"

#include <medic/result.h>
#include <stdlib.h>

/* What lies at an address: below 0x10000 managed code, a function for each 0x100 bytes; below 0x20000 a library; nothing
 * above. */
static uint64_t function_shift; /* another function at the same addresses */
static int fleeting;
static int asked;
static int may_ask = 1;

void unwind_code_at(struct unwinder *unwinder, uint64_t ip, struct unwind_code *code)
{
    (void)unwinder;
    memset(code, 0, sizeof *code);
    if (ip < 0x10000) {
        code->kind = UNWIND_MANAGED;
    } else if (ip < 0x20000) {
        code->kind = UNWIND_NATIVE;
        code->image.id = 7;
        code->image.begin = 0x10000;
        code->image.end = 0x20000;
        code->image.path = "/lib/library.so";
    }
}

int names_code_at(struct names *names, uintptr_t ip, struct names_code *code)
{
    (void)names;
    asked++;
    *code = (struct names_code){0, 0, 0};
    if (ip >= 0x10000)
        return MEDIC_E_NOT_FOUND;
    *code = (struct names_code){(ip >> 8) + function_shift, 0x5000, fleeting};
    return MEDIC_OK;
}

int names_begin_asking(struct names *names)
{
    (void)names;
    return may_ask;
}

void names_end_asking(struct names *names)
{
    (void)names;
}

static uint32_t il_asked;

static uint32_t il_calls;

uint32_t il_offset_at(ICorProfilerInfo12 *info, uintptr_t ip, FunctionID function, int called)
{
    (void)info, (void)function;
    il_asked++;
    il_calls += called != 0;
    return (uint32_t)(ip & 0xff);
}

/* What was written. */
static struct {
    medic_frame_record frames[100000];
    uint32_t frame_count;
    medic_stack_record stacks[8];
    uint32_t ids[8][64];
    uint32_t stack_count, image_count;
    medic_image_record image;
    char path[64];
    int failure;
} out;

static int emit(void *context, uint32_t type, const void *head, uint32_t head_size, const void *tail,
                uint32_t tail_size)
{
    (void)context, (void)head_size;
    if (out.failure)
        return out.failure;
    if (type == MEDIC_RECORD_FRAME && out.frame_count < 100000)
        memcpy(&out.frames[out.frame_count++], head, sizeof out.frames[0]);
    if (type == MEDIC_RECORD_STACK && out.stack_count < 8) {
        memcpy(&out.stacks[out.stack_count], head, sizeof out.stacks[0]);
        memcpy(out.ids[out.stack_count++], tail, tail_size < 256 ? tail_size : 256);
    }
    if (type == MEDIC_RECORD_IMAGE) {
        memcpy(&out.image, head, sizeof out.image);
        memcpy(out.path, tail, tail_size);
        out.image_count++;
    }
    return MEDIC_OK;
}

static int set_up(void **state)
{
    memset(&out, 0, sizeof out);
    function_shift = 0;
    fleeting = 0;
    asked = 0;
    il_asked = il_calls = 0;
    may_ask = 1;
    *state = frames_new(NULL, NULL, NULL, emit, NULL);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    frames_free(*state);
    return 0;
}

static const struct unwind_step walk[] = {{0x120, 0}, {0x10500, 0}, {0x230, 0}, {0x99999999, 0}};

static void a_stack_is_written_once_root_first_after_its_frames(void **state)
{
    uint64_t id = frames_stack(*state, walk, 4, MEDIC_STACK_TRUNCATED);

    assert_int_equal(id, 1);
    assert_int_equal(out.frame_count, 4);
    assert_int_equal(out.stack_count, 1);
    assert_int_equal(out.stacks[0].id, 1);
    assert_int_equal(out.stacks[0].frame_count, 4);
    assert_int_equal(out.stacks[0].flags, MEDIC_STACK_TRUNCATED);
    assert_int_equal(out.frames[out.ids[0][0] - 1].address, 0x99999999);
    assert_int_equal(out.frames[out.ids[0][3] - 1].address, 0x120);
    assert_int_equal(frames_stack(*state, walk, 4, MEDIC_STACK_TRUNCATED), 1);
    assert_int_equal(out.frame_count, 4);
    assert_int_equal(out.stack_count, 1);
}

static void a_frame_says_what_its_code_is(void **state)
{
    frames_stack(*state, walk, 4, 0);
    const medic_frame_record *managed = &out.frames[0], *native = &out.frames[1], *unknown = &out.frames[3];

    assert_int_equal(managed->kind, MEDIC_FRAME_MANAGED);
    assert_int_equal(managed->function, 1);
    assert_int_equal(managed->image, 0x5000);
    assert_int_equal(managed->il_offset, 0x20);
    assert_int_equal(native->kind, MEDIC_FRAME_NATIVE);
    assert_int_equal(native->image, 7);
    assert_int_equal(native->il_offset, MEDIC_NO_IL_OFFSET);
    assert_int_equal(unknown->kind, MEDIC_FRAME_UNKNOWN);
    assert_int_equal(unknown->image, 0);
    for (uint32_t i = 0; i < out.frame_count; i++)
        assert_int_equal(out.frames[i].id, i + 1);
}

static void all_but_the_leaf_have_called(void **state)
{
    frames_stack(*state, walk, 4, 0);
    assert_int_equal(il_asked, 2);
    assert_int_equal(il_calls, 1);
}

static void a_library_is_written_once_with_its_path(void **state)
{
    const struct unwind_step other = {0x10600, 0};

    frames_stack(*state, walk, 4, 0);
    frames_stack(*state, &other, 1, 0);
    assert_int_equal(out.image_count, 1);
    assert_int_equal(out.image.id, 7);
    assert_int_equal(out.image.length, strlen("/lib/library.so"));
    assert_string_equal(out.path, "/lib/library.so");
}

static void stacks_that_differ_in_order_length_or_flags_have_other_ids(void **state)
{
    const struct unwind_step back[] = {walk[3], walk[2], walk[1], walk[0]};

    assert_int_equal(frames_stack(*state, walk, 4, 0), 1);
    assert_int_equal(frames_stack(*state, back, 4, 0), 2);
    assert_int_equal(frames_stack(*state, walk, 3, 0), 3);
    assert_int_equal(frames_stack(*state, walk, 4, MEDIC_STACK_BROKEN), 4);
    assert_int_equal(out.frame_count, 4);
}

static void code_that_stays_is_asked_for_once(void **state)
{
    frames_stack(*state, walk, 1, 0);
    frames_stack(*state, walk, 1, 0);
    assert_int_equal(asked, 1);
    assert_int_equal(il_asked, 1);
}

static void an_address_that_got_other_code_is_another_frame(void **state)
{
    fleeting = 1;
    assert_int_equal(frames_stack(*state, walk, 1, 0), 1);
    assert_int_equal(frames_stack(*state, walk, 1, 0), 1);
    function_shift = 1000;
    assert_int_equal(frames_stack(*state, walk, 1, 0), 2);
    assert_int_equal(out.frame_count, 2);
    assert_int_equal(out.frames[1].function, 1001);
    assert_int_equal(out.frames[1].address, out.frames[0].address);
}

static void the_runtime_is_not_asked_about_ids_that_may_be_stale(void **state)
{
    may_ask = 0;
    frames_stack(*state, walk, 1, 0);
    assert_int_equal(il_asked, 0);
    assert_int_equal(out.frames[0].il_offset, MEDIC_NO_IL_OFFSET);
}

static void what_could_not_be_written_is_tried_again(void **state)
{
    out.failure = MEDIC_E_IO;
    assert_int_equal(frames_stack(*state, walk, 4, 0), 0);
    assert_int_equal(frames_lost(*state), 1);
    out.failure = MEDIC_OK;
    assert_int_equal(frames_stack(*state, walk, 4, 0), 1);
    assert_int_equal(out.frame_count, 4);
}

static void no_steps_are_no_stack(void **state)
{
    assert_int_equal(frames_stack(*state, walk, 0, 0), 0);
    assert_int_equal(frames_lost(*state), 0);
}

static void memory_is_bounded_and_what_is_known_stays_known(void **state)
{
    uint64_t known = frames_stack(*state, walk, 4, 0), lost = 0;

    for (uint64_t i = 0; i < 400000; i++) {
        struct unwind_step step = {UINT64_C(0x7f0000000000) + i * 16, 0};

        lost += frames_stack(*state, &step, 1, 0) == 0;
    }
    assert_true(lost > 0);
    assert_int_equal(frames_lost(*state), lost);
    assert_true(frames_memory(*state) < 5 << 20);
    assert_int_equal(frames_stack(*state, walk, 4, 0), known);
}

static void note_module(void *context, uint64_t module)
{
    *(uint64_t *)context += module;
}

static void modules_are_told_once(void **state)
{
    uint64_t sum = 0;

    frames_stack(*state, walk, 4, 0);
    frames_modules(*state, note_module, &sum);
    assert_int_equal(sum, 0x5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_stack_is_written_once_root_first_after_its_frames, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_frame_says_what_its_code_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_but_the_leaf_have_called, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_library_is_written_once_with_its_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stacks_that_differ_in_order_length_or_flags_have_other_ids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(code_that_stays_is_asked_for_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_address_that_got_other_code_is_another_frame, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_runtime_is_not_asked_about_ids_that_may_be_stale, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_could_not_be_written_is_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_steps_are_no_stack, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_is_bounded_and_what_is_known_stays_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(modules_are_told_once, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
