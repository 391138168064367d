/* The exporters of stacks: collapsed lines, speedscope's file, pprof's profile. */
#include "test.h"

#include "hostile_document.h"
#include "profile.pb-c.h"
#include "tool/document_json.h"
#include "tool/json.h"
#include "tool/render.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

struct output {
    char *bytes;
    size_t size;
};

static struct output rendered(const struct document *document, const char *format)
{
    struct output output = {0};
    FILE *out = open_memstream(&output.bytes, &output.size);
    assert_int_equal(renderer_find(format)->render(document, NULL, out, NULL), MEDIC_OK);
    fclose(out);
    return output;
}

/* Main > Work > Hash: 7 ms in 2 samples; Main > Work: 3 ms in 1, another line of Work; no frames at all: 1 ms. */
static struct document *two_stacks(void)
{
    static const medic_column COLUMNS[] = {
        {"samples", "samples", MEDIC_INTEGER, MEDIC_UNIT_COUNT, 0, 0},
        {"share", "share", MEDIC_NUMBER, MEDIC_UNIT_RATIO, 0, 0},
        {"cpu", "CPU", MEDIC_INTEGER, MEDIC_UNIT_NANOSECONDS, MEDIC_ROLE_VALUE, 0},
    };
    struct document *document = document_new();
    document->session.started = "2026-11-21T10:00:00.123Z";
    document->session.duration_ns = 5000000000;
    document->target.name = "shop";
    document_verdict(document, MEDIC_HEALTHY, "fine");
    struct medic_section *section =
        sample_section(document, MEDIC_STACKS, "s", "Stacks", NULL, SAMPLE_COLUMNS(COLUMNS));
    uint32_t main_frame = section_frame(section, "Shop.Main", "shop.dll", "/src/Main.cs", 10);
    uint32_t work = section_frame(section, "Shop.Work(a; b)", "shop.dll", "/src/Work.cs", 20);
    uint32_t other_line = section_frame(section, "Shop.Work(a; b)", "shop.dll", "/src/Work.cs", 25);
    uint32_t hash = section_frame(section, "SHA256_Update", "libcrypto.so.3", NULL, 0);
    const uint32_t deep[] = {main_frame, work, hash}, flat[] = {main_frame, other_line};
    medic_cell first[] = {medic_integer(2), medic_number(0.7), medic_integer(7000000)};
    medic_cell second[] = {medic_integer(1), medic_number(0.3), medic_integer(3000000)};
    medic_cell third[] = {medic_integer(1), medic_number(0.1), medic_integer(1000000)};
    section_row_stack(section, deep, 3, first, 3);
    section_row_stack(section, flat, 2, second, 3);
    section_row_stack(section, NULL, 0, third, 3);
    return document;
}

static void collapsed_is_a_line_a_stack(void **state)
{
    (void)state;
    struct document *document = two_stacks();
    struct output output = rendered(document, "collapsed");
    assert_string_equal(output.bytes, "Shop.Main;Shop.Work(a: b);SHA256_Update 7000000\n"
                                      "Shop.Main;Shop.Work(a: b) 3000000\n"
                                      "(no stack) 1000000\n");
    free(output.bytes);
    document_free(document);
}

static void speedscope_has_a_profile_for_each_weight(void **state)
{
    (void)state;
    struct document *document = two_stacks();
    struct output output = rendered(document, "speedscope");
    struct arena arena = {0};
    struct json *root;
    assert_int_equal(json_parse(output.bytes, output.size, &arena, &root, NULL), MEDIC_OK);
    assert_string_equal(json_get_string(json_member(root, "$schema")),
                        "https://www.speedscope.app/file-format-schema.json");
    const struct json *frames = json_first(json_member(json_member(root, "shared"), "frames"), JSON_KIND_ARRAY);
    assert_string_equal(json_get_string(json_member(frames, "name")), "Shop.Main");
    assert_string_equal(json_get_string(json_member(frames, "file")), "/src/Main.cs");
    assert_int_equal(json_get_unsigned(json_member(frames, "line")), 10);
    const struct json *cpu = json_first(json_member(root, "profiles"), JSON_KIND_ARRAY);
    assert_string_equal(json_get_string(json_member(cpu, "unit")), "nanoseconds");
    assert_int_equal(json_get_unsigned(json_member(cpu, "endValue")), 11000000);
    const struct json *stack = json_first(json_member(cpu, "samples"), JSON_KIND_ARRAY);
    assert_int_equal(json_get_unsigned(stack->first->next->next), 3);
    assert_string_equal(json_get_string(json_member(cpu->next, "unit")), "none");
    assert_int_equal(json_get_unsigned(json_member(cpu->next, "endValue")), 4);
    assert_null(cpu->next->next);
    arena_free(&arena);
    free(output.bytes);
    document_free(document);
}

static Perftools__Profiles__Profile *unpacked(const struct output *output)
{
    uint8_t plain[65536];
    z_stream stream = {.next_in = (Bytef *)output->bytes, .avail_in = (uInt)output->size};
    stream.next_out = plain;
    stream.avail_out = sizeof plain;
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    Perftools__Profiles__Profile *profile =
        perftools__profiles__profile__unpack(NULL, sizeof plain - stream.avail_out, plain);
    inflateEnd(&stream);
    assert_non_null(profile);
    return profile;
}

static void pprof_has_samples_from_the_leaf(void **state)
{
    (void)state;
    struct document *document = two_stacks();
    struct output output = rendered(document, "pprof");
    Perftools__Profiles__Profile *profile = unpacked(&output);
    assert_string_equal(profile->string_table[0], "");
    assert_int_equal(profile->n_sample_type, 2);
    assert_string_equal(profile->string_table[profile->sample_type[0]->type], "cpu");
    assert_string_equal(profile->string_table[profile->sample_type[0]->unit], "nanoseconds");
    assert_string_equal(profile->string_table[profile->sample_type[1]->unit], "count");
    assert_int_equal(profile->time_nanos, 1795255200000000000);
    assert_int_equal(profile->n_sample, 3);
    assert_int_equal(profile->sample[0]->n_location_id, 3);
    const Perftools__Profiles__Location *leaf = profile->location[profile->sample[0]->location_id[0] - 1];
    const Perftools__Profiles__Function *function = profile->function[leaf->line[0]->function_id - 1];
    assert_string_equal(profile->string_table[function->name], "SHA256_Update");
    assert_int_equal(profile->sample[0]->value[0], 7000000);
    assert_int_equal(profile->sample[0]->value[1], 2);
    assert_int_equal(profile->n_location, 4); /* two lines of one function */
    assert_int_equal(profile->n_function, 3);
    assert_string_equal(profile->string_table[profile->mapping[0]->filename], "shop");
    perftools__profiles__profile__free_unpacked(profile, NULL);
    free(output.bytes);
    document_free(document);
}

static void a_report_without_stacks_says_where_they_come_from(void **state)
{
    (void)state;
    struct document *document = document_new();
    medic_reason why;
    document_verdict(document, MEDIC_HEALTHY, "fine");
    document->profiler.name = "runtime_pauses";
    static const char *const FORMATS[] = {"collapsed", "speedscope", "pprof"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(renderer_find(FORMATS[i])->render(document, NULL, stdout, &why), MEDIC_E_NOT_FOUND);
        assert_text_has(why.text, "runtime_pauses has no stacks to show as");
    }
    document_free(document);
}

static void strangers_cannot_break_lines(void **state)
{
    (void)state;
    struct document *document = hostile_document("a;b\nc\x1b[31m 7");
    struct output output = rendered(document, "collapsed");
    for (size_t i = 0; i < output.size; i++)
        assert_true(output.bytes[i] == '\n' || (unsigned char)output.bytes[i] >= ' ');
    assert_null(strstr(output.bytes, "\nc"));
    free(output.bytes);
    output = rendered(document, "speedscope");
    struct arena arena = {0};
    struct json *root;
    assert_int_equal(json_parse(output.bytes, output.size, &arena, &root, NULL), MEDIC_OK);
    arena_free(&arena);
    free(output.bytes);
    document_free(document);
}

static bool shows(const struct document *document, const char *format, unsigned top)
{
    struct render_options options = {.top = top};
    struct output output = {0};
    FILE *out = open_memstream(&output.bytes, &output.size);
    assert_int_equal(renderer_find(format)->render(document, &options, out, NULL), MEDIC_OK);
    fclose(out);
    bool found = strstr(output.bytes, "SHA256_Update");
    free(output.bytes);
    return found;
}

static void detail_is_shown_when_all_rows_are_asked_for(void **state)
{
    (void)state;
    struct document *document = two_stacks(), *read;
    struct buffer json = {0};
    static const char *const FORMATS[] = {"text", "markdown"};
    document->sections[0]->detail = true;
    assert_int_equal(document_to_json(document, &json, NULL), MEDIC_OK);
    assert_int_equal(document_from_json(json.bytes, json.size, &read, NULL), MEDIC_OK);
    assert_true(read->sections[0]->detail);
    for (size_t i = 0; i < 2; i++) {
        assert_false(shows(read, FORMATS[i], 20));
        assert_true(shows(read, FORMATS[i], UINT_MAX));
    }
    assert_true(shows(read, "collapsed", 0));
    buffer_free(&json);
    document_free(read);
    document_free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collapsed_is_a_line_a_stack),
        cmocka_unit_test(speedscope_has_a_profile_for_each_weight),
        cmocka_unit_test(pprof_has_samples_from_the_leaf),
        cmocka_unit_test(a_report_without_stacks_says_where_they_come_from),
        cmocka_unit_test(strangers_cannot_break_lines),
        cmocka_unit_test(detail_is_shown_when_all_rows_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
