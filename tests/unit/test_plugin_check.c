#include "test.h"

#include <medic/clr/enums.h>
#include <stdlib.h>

#include "common/plugin_check.h"

static int create(const medic_host *host, void **self, medic_reason *why)
{
    (void)host, (void)self, (void)why;
    return MEDIC_OK;
}

static int render(const medic_host *host, medic_reason *why)
{
    (void)host, (void)why;
    return MEDIC_OK;
}

static HRESULT gc_finished(void *self)
{
    (void)self;
    return S_OK;
}

static int has_service(const char *name)
{
    return strcmp(name, "medic.records/draft") == 0 || strcmp(name, "medic.document/draft") == 0;
}

/* A descriptor that is right in every point, for each test to spoil in one. */
struct sample {
    medic_plugin plugin;
    medic_capture capture;
    medic_report report;
    medic_callbacks callbacks;
    medic_param params[3];
    const char *capture_services[1], *report_services[1];
    medic_note note;
    struct plugin_view view;
    medic_reason why;
};

static struct sample *fresh(void **state)
{
    struct sample *s = *state;
    const GUID guid = {0x12345678, 0x9abc, 0xdef0, {1, 2, 3, 4, 5, 6, 7, 8}};
    memset(s, 0, sizeof *s);
    s->callbacks = (medic_callbacks){.size = sizeof s->callbacks, .GarbageCollectionFinished = gc_finished};
    s->capture = (medic_capture){.size = sizeof s->capture, .create = create, .callbacks = &s->callbacks};
    s->report = (medic_report){.size = sizeof s->report, .render = render};
    s->params[0] = (medic_param){.key = "interval",
                                 .label = "Interval",
                                 .help = "Time between two samples.",
                                 .type = MEDIC_PARAM_DURATION,
                                 .initial = "10ms",
                                 .minimum = "1ms",
                                 .maximum = "1s"};
    s->params[1] = (medic_param){.key = "mode",
                                 .label = "Mode",
                                 .help = "How exact it is.",
                                 .type = MEDIC_PARAM_ENUM,
                                 .initial = "fast",
                                 .choices = "fast|exact"};
    s->params[2] = (medic_param){.key = "filter",
                                 .label = "Filter",
                                 .help = "Which names.",
                                 .type = MEDIC_PARAM_STRING,
                                 .unit = "",
                                 .initial = ""};
    s->capture_services[0] = "medic.records/draft";
    s->report_services[0] = "medic.document/draft";
    s->plugin = (medic_plugin){.magic = MEDIC_PLUGIN_MAGIC,
                               .size = sizeof s->plugin,
                               .abi_major = MEDIC_ABI_MAJOR,
                               .abi_minor = MEDIC_ABI_MINOR,
                               .guid = guid,
                               .name = "sample",
                               .version = "1.0.0",
                               .summary = "Samples things.",
                               .observation = "a test is running",
                               .event_mask_low = COR_PRF_MONITOR_GC,
                               .event_mask_high = COR_PRF_HIGH_BASIC_GC,
                               .param_size = sizeof(medic_param),
                               .param_count = 3,
                               .capture_service_count = 1,
                               .report_service_count = 1,
                               .params = s->params,
                               .capture_services = s->capture_services,
                               .report_services = s->report_services,
                               .capture = &s->capture,
                               .report = &s->report};
    s->note = (medic_note){.abi_major = MEDIC_ABI_MAJOR, .guid = guid, .name = "sample"};
    return s;
}

static int check(struct sample *s, char half)
{
    return plugin_check(&s->plugin, "sample.so", &s->note, half, has_service, &s->view, &s->why);
}

static void refused(struct sample *s, int code, const char *part)
{
    assert_int_equal(check(s, 0), code);
    assert_text_has(s->why.text, "sample.so");
    assert_text_has(s->why.text, part);
}

static void a_good_plugin_is_copied(void **state)
{
    struct sample *s = fresh(state);
    static const char halves[] = {0, 'c', 'r'};
    for (size_t i = 0; i < sizeof halves; i++) {
        int code = check(s, halves[i]);
        if (code)
            fail_msg("%s", s->why.text);
        assert_string_equal(s->view.plugin.name, "sample");
        assert_ptr_equal(s->view.capture.create, create);
        assert_ptr_equal(s->view.report.render, render);
        assert_ptr_equal(s->view.callbacks.GarbageCollectionFinished, gc_finished);
        assert_null(s->view.callbacks.ThreadCreated);
    }
}

static void a_null_descriptor_and_a_wrong_magic_are_refused(void **state)
{
    struct sample *s = fresh(state);
    assert_int_equal(plugin_check(NULL, "sample.so", NULL, 0, NULL, &s->view, &s->why), MEDIC_E_CORRUPT);
    assert_text_has(s->why.text, "returned NULL");
    s->plugin.magic++;
    refused(s, MEDIC_E_CORRUPT, "0x4e49474c50434d02 instead of 0x4e49474c50434d01");
}

static void another_abi_is_refused_with_both_numbers(void **state)
{
    struct sample *s = fresh(state);
    s->plugin.abi_major = 7;
    s->plugin.size = 4; /* whatever the rest is like */
    refused(s, MEDIC_E_ABI, "built for plugin ABI 7, this Medic has ABI 0");
}

static void a_short_descriptor_is_refused_with_both_sizes(void **state)
{
    struct sample *s = fresh(state);
    char part[80];
    s->plugin.size = 100;
    snprintf(part, sizeof part, "has 100 bytes, at least %zu are needed",
             offsetof(medic_plugin, capture) + sizeof(void *));
    refused(s, MEDIC_E_ABI, part);
}

/* The plugin lies at the very end of a heap block, so that a sanitizer sees a read beyond its size. */
static void nothing_beyond_a_plugins_own_size_is_read(void **state)
{
    struct sample *s = fresh(state);
    size_t size = offsetof(medic_plugin, capture) + sizeof(void *);
    medic_plugin *small = malloc(size);
    assert_non_null(small);
    s->plugin.size = (uint32_t)size;
    memcpy(small, &s->plugin, size);
    assert_int_equal(plugin_check(small, "sample.so", &s->note, 'c', has_service, &s->view, &s->why), MEDIC_OK);
    assert_null(s->view.plugin.report);
    assert_int_equal(plugin_check(small, "sample.so", &s->note, 'r', has_service, &s->view, &s->why), MEDIC_E_CORRUPT);
    assert_text_has(s->why.text, "it has no report half");
    memset(small, 0, size);
    free(small);
}

static void a_larger_descriptor_needs_a_newer_minor(void **state)
{
    struct sample *s = fresh(state);
    s->plugin.size = sizeof(medic_plugin) + 8;
    refused(s, MEDIC_E_ABI, "but ABI 0.1 defines");
    s->plugin.abi_minor = MEDIC_ABI_MINOR + 1;
    s->capture.size += 16;
    s->callbacks.size += 8;
    s->plugin.reserved = 1;
    assert_int_equal(check(s, 0), MEDIC_OK);
    s->plugin.abi_minor = MEDIC_ABI_MINOR;
    s->plugin.size = sizeof(medic_plugin);
    s->plugin.reserved = 0;
    refused(s, MEDIC_E_ABI, "medic_capture");
}

static void an_older_callback_table_is_filled_with_nothing(void **state)
{
    struct sample *s = fresh(state);
    s->callbacks.size = offsetof(medic_callbacks, GarbageCollectionFinished);
    assert_int_equal(check(s, 0), MEDIC_OK);
    assert_null(s->view.callbacks.GarbageCollectionFinished);
    s->callbacks.size = 4;
    refused(s, MEDIC_E_ABI, "its medic_callbacks has 4 bytes, at least 8 are needed");
}

static void note_and_descriptor_must_agree(void **state)
{
    struct sample *s = fresh(state);
    s->note.guid.Data4[7] = 9;
    refused(s, MEDIC_E_CORRUPT, "12345678-9abc-def0-0102-030405060709");
    assert_text_has(s->why.text, "12345678-9abc-def0-0102-030405060708");
    s = fresh(state);
    memcpy(s->note.name, "other", sizeof "other");
    refused(s, MEDIC_E_CORRUPT, "its note says it is 'other', its descriptor says 'sample'");
}

static void required_texts_must_be_there_and_clean(void **state)
{
    struct sample *s = fresh(state);
    s->plugin.version = NULL;
    refused(s, MEDIC_E_CORRUPT, "no version");
    s = fresh(state);
    s->plugin.summary = "";
    refused(s, MEDIC_E_CORRUPT, "no summary");
    s = fresh(state);
    s->plugin.observation = "\x1b[31mCPU";
    refused(s, MEDIC_E_CORRUPT, "observation");
    s = fresh(state);
    s->plugin.name = NULL;
    refused(s, MEDIC_E_CORRUPT, "its name is not of the form");
    s->plugin.name = "Sample";
    refused(s, MEDIC_E_CORRUPT, "its name is not of the form");
    s->plugin.name = "a123456789012345678901234567890123456789";
    refused(s, MEDIC_E_CORRUPT, "shorter than 40");
}

static void unknown_flags_and_masks_are_refused(void **state)
{
    struct sample *s = fresh(state);
    s->plugin.flags = 0x82;
    refused(s, MEDIC_E_UNSUPPORTED, "its flags is 0x82, of which 0x80 is unknown");
    s = fresh(state);
    s->plugin.event_mask_high = 0x210;
    refused(s, MEDIC_E_UNSUPPORTED, "its event_mask_high is 0x210, of which 0x200 is unknown");
}

static void a_mask_for_start_up_is_refused_where_an_attach_would_fail(void **state)
{
    struct sample *s = fresh(state);
    s->plugin.event_mask_low |= COR_PRF_ENABLE_OBJECT_ALLOCATED;
    refused(s, MEDIC_E_UNSUPPORTED, "of which 0x800000 is taken by the runtime only at start-up");
    s->plugin.flags = MEDIC_STARTUP_ONLY;
    assert_int_equal(check(s, 0), MEDIC_OK);
    s = fresh(state);
    s->plugin.startup_mask_low = COR_PRF_ENABLE_OBJECT_ALLOCATED;
    assert_int_equal(check(s, 0), MEDIC_OK);
    s->plugin.event_mask_high = COR_PRF_HIGH_DISABLE_TIERED_COMPILATION;
    refused(s, MEDIC_E_UNSUPPORTED, "of which 0x8 is taken by the runtime only at start-up");
}

static void a_ring_has_a_largest_size(void **state)
{
    struct sample *s = fresh(state);
    s->plugin.ring_bytes = 8 << 20;
    assert_int_equal(check(s, 0), MEDIC_OK);
    s->plugin.ring_bytes++;
    refused(s, MEDIC_E_UNSUPPORTED, "its ring_bytes is 8388609, at most 8388608 are allowed");
}

static void reserved_members_are_zero(void **state)
{
    struct sample *s = fresh(state);
    s->plugin.reserved = 3;
    refused(s, MEDIC_E_CORRUPT, "is 3 instead of 0");
    s = fresh(state);
    s->params[1].reserved = 4;
    refused(s, MEDIC_E_CORRUPT, "parameter 'mode' is 4 instead of 0");
}

static void both_halves_need_their_one_function(void **state)
{
    struct sample *s = fresh(state);
    s->capture.create = NULL;
    refused(s, MEDIC_E_CORRUPT, "its capture half has no create");
    s->plugin.capture = NULL;
    refused(s, MEDIC_E_CORRUPT, "it has no capture half");
    s = fresh(state);
    s->report.render = NULL;
    refused(s, MEDIC_E_CORRUPT, "its report half has no render");
    s->plugin.report = NULL;
    refused(s, MEDIC_E_CORRUPT, "it has no report half");
    assert_int_equal(check(s, 'c'), MEDIC_OK);
}

static void a_missing_service_is_refused_for_the_half_that_needs_it(void **state)
{
    struct sample *s = fresh(state);
    s->capture_services[0] = "medic.stacks/1";
    assert_int_equal(check(s, 0), MEDIC_OK);
    assert_int_equal(check(s, 'r'), MEDIC_OK);
    assert_int_equal(check(s, 'c'), MEDIC_E_UNSUPPORTED);
    assert_text_has(s->why.text, "sample.so: its capture half requires the service 'medic.stacks/1'");
    s->report_services[0] = "medic.graph/1";
    assert_int_equal(check(s, 'r'), MEDIC_E_UNSUPPORTED);
    assert_text_has(s->why.text, "medic.graph/1");
}

static void lists_of_services_are_well_formed(void **state)
{
    struct sample *s = fresh(state);
    s->capture_services[0] = NULL;
    refused(s, MEDIC_E_CORRUPT, "service 1");
    s = fresh(state);
    s->plugin.report_services = NULL;
    refused(s, MEDIC_E_CORRUPT, "1 services without a list");
    s = fresh(state);
    s->plugin.capture_service_count = 1000;
    refused(s, MEDIC_E_CORRUPT, "1000 services");
}

static void parameter_keys_are_words_and_unique(void **state)
{
    struct sample *s = fresh(state);
    s->params[1].key = "Mode";
    refused(s, MEDIC_E_CORRUPT, "the key of its parameter 2 is not of the form");
    s->params[1].key = NULL;
    refused(s, MEDIC_E_CORRUPT, "parameter 2 has no key");
    s->params[1].key = "interval";
    s->params[2].key = NULL;
    refused(s, MEDIC_E_CORRUPT, "parameter 3 has no key");
    s->params[2].key = "filter";
    refused(s, MEDIC_E_CORRUPT, "two parameters 'interval'");
}

static void a_default_passes_its_own_parser_and_bounds(void **state)
{
    struct sample *s = fresh(state);
    s->params[0].initial = "2s";
    refused(s, MEDIC_E_CORRUPT, "the default of parameter 'interval': 2s is above the maximum of 1s");
    s->params[0].initial = "soon";
    refused(s, MEDIC_E_CORRUPT, "\"soon\" is not a duration");
    s->params[0].initial = NULL;
    refused(s, MEDIC_E_CORRUPT, "parameter 'interval' has no default");
    s = fresh(state);
    s->params[0].maximum = "much";
    refused(s, MEDIC_E_CORRUPT, "its maximum \"much\" is not a duration");
    s = fresh(state);
    s->params[1].initial = "slow";
    refused(s, MEDIC_E_CORRUPT, "\"slow\" is not one of: fast, exact");
}

static void parameters_are_complete(void **state)
{
    struct sample *s = fresh(state);
    s->params[0].type = 8;
    refused(s, MEDIC_E_UNSUPPORTED, "has the type 8, this Medic knows 1 to 7");
    s = fresh(state);
    s->params[0].label = NULL;
    refused(s, MEDIC_E_CORRUPT, "label");
    s = fresh(state);
    s->params[0].help = "";
    refused(s, MEDIC_E_CORRUPT, "help");
    s = fresh(state);
    s->params[0].choices = "a|b";
    refused(s, MEDIC_E_CORRUPT, "parameter 'interval' has choices, but is no enum");
    s = fresh(state);
    s->params[2].minimum = "1";
    refused(s, MEDIC_E_CORRUPT, "parameter 'filter' has bounds, but is no number");
}

static void choices_are_a_list(void **state)
{
    static const char *const bad[] = {NULL, "", "|a", "a|", "a||b", "a|b\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sample *s = fresh(state);
        s->params[1].choices = bad[i];
        refused(s, MEDIC_E_CORRUPT, "the choices of parameter 'mode' are not of the form a|b|c");
    }
}

static void a_parameter_table_has_a_possible_shape(void **state)
{
    struct sample *s = fresh(state);
    s->plugin.param_size = sizeof(medic_param) - 8;
    refused(s, MEDIC_E_ABI, "bytes each");
    s->plugin.param_size = sizeof(medic_param) + 8;
    refused(s, MEDIC_E_ABI, "bytes each");
    s = fresh(state);
    s->plugin.param_count = 65;
    refused(s, MEDIC_E_CORRUPT, "it has 65 parameters");
    s = fresh(state);
    s->plugin.params = NULL;
    refused(s, MEDIC_E_CORRUPT, "3 parameters without a table");
    s->plugin.param_count = 0;
    assert_int_equal(check(s, 0), MEDIC_OK);
}

static void a_reason_is_not_required(void **state)
{
    struct sample *s = fresh(state);
    s->plugin.flags = 0x100;
    assert_int_equal(plugin_check(&s->plugin, "sample.so", NULL, 'c', NULL, &s->view, NULL), MEDIC_E_UNSUPPORTED);
}

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct sample));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_plugin_is_copied),
        cmocka_unit_test(a_null_descriptor_and_a_wrong_magic_are_refused),
        cmocka_unit_test(another_abi_is_refused_with_both_numbers),
        cmocka_unit_test(a_short_descriptor_is_refused_with_both_sizes),
        cmocka_unit_test(nothing_beyond_a_plugins_own_size_is_read),
        cmocka_unit_test(a_larger_descriptor_needs_a_newer_minor),
        cmocka_unit_test(an_older_callback_table_is_filled_with_nothing),
        cmocka_unit_test(note_and_descriptor_must_agree),
        cmocka_unit_test(required_texts_must_be_there_and_clean),
        cmocka_unit_test(unknown_flags_and_masks_are_refused),
        cmocka_unit_test(a_mask_for_start_up_is_refused_where_an_attach_would_fail),
        cmocka_unit_test(a_ring_has_a_largest_size),
        cmocka_unit_test(reserved_members_are_zero),
        cmocka_unit_test(both_halves_need_their_one_function),
        cmocka_unit_test(a_missing_service_is_refused_for_the_half_that_needs_it),
        cmocka_unit_test(lists_of_services_are_well_formed),
        cmocka_unit_test(parameter_keys_are_words_and_unique),
        cmocka_unit_test(a_default_passes_its_own_parser_and_bounds),
        cmocka_unit_test(parameters_are_complete),
        cmocka_unit_test(choices_are_a_list),
        cmocka_unit_test(a_parameter_table_has_a_possible_shape),
        cmocka_unit_test(a_reason_is_not_required),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
