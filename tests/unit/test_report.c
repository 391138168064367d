/* From a session folder to report.json, with report halves that work, fail, crash and misbehave. Needs FIXTURES: the folder
 * of report_plugin.so. */
#include "test.h"

#include "common/crc32.h"
#include "tool/document_json.h"
#include "tool/report.h"

#include <medic/capture_format.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLUGIN FIXTURES "/report_plugin.so"

static char folder[64];
static int dirfd_;

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/medic-test-report-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    dirfd_ = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dirfd_ < 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlinkat(dirfd_, "capture.mdc", 0);
    unlinkat(dirfd_, "report.json", 0);
    unlinkat(dirfd_, "session.json", 0);
    close(dirfd_);
    return rmdir(folder); /* fails when anything else was left behind */
}

static void write_file(const char *name, const void *bytes, size_t size, int more)
{
    int fd = openat(dirfd_, name, O_WRONLY | O_CREAT | (more ? O_APPEND : O_TRUNC) | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static void write_record(uint32_t type, const void *data, uint32_t size)
{
    medic_record_header header = {size, type, 0, 0};
    header.crc = crc32_update(crc32_update(0, &header, 8), data, size);
    write_file("capture.mdc", &header, sizeof header, 1);
    write_file("capture.mdc", data, size, 1); /* sizes are multiples of 8 here */
}

static void write_capture(const char *mode, uint32_t guid_data1)
{
    char text[512] = {0};
    medic_capture_header header = {.version = MEDIC_CAPTURE_VERSION,
                                   .pid = 7,
                                   .monotonic_ns = 1000,
                                   .runtime_major = 9,
                                   .realtime_ns = UINT64_C(1763726891123000000),
                                   .plugin_guid = {guid_data1, 0x1111, 0x2222, {1, 2, 3, 4, 5, 6, 7, 8}}};
    medic_cost_record cost = {.cpu_ns = 12};
    medic_loss_record loss = {5, MEDIC_LOSS_RING_FULL, 0};
    medic_end_record end = {10001000, MEDIC_END_DURATION, 0};
    struct {
        medic_log_record head;
        char text[16];
    } line = {{3001000, MEDIC_LOG_WARNING, 14}, "it went badly."};
    memcpy(header.magic, MEDIC_CAPTURE_MAGIC, sizeof header.magic);
    snprintf(text, sizeof text, "plugin_version=0.9.0\nsession=/tmp/medic/abc\n%s%s\n", mode ? "param.mode=" : "",
             mode ? mode : "");
    header.text_size = (uint32_t)strlen(text);
    header.header_size = (uint32_t)((sizeof header + header.text_size + 7) / 8 * 8);
    header.crc = crc32_update(crc32_update(0, &header, sizeof header), text, header.text_size);
    write_file("capture.mdc", &header, sizeof header, 0);
    write_file("capture.mdc", text, header.header_size - sizeof header, 1);
    for (uint64_t i = 0; i < 3; i++)
        write_record(MEDIC_RECORD_PLUGIN, &i, sizeof i);
    write_record(MEDIC_RECORD_LOG, &line, sizeof line);
    write_record(MEDIC_RECORD_LOSS, &loss, sizeof loss);
    write_record(MEDIC_RECORD_COST, &cost, sizeof cost);
    write_record(MEDIC_RECORD_END, &end, sizeof end);
}

static struct document *made(const char *mode)
{
    medic_reason why = {""};
    struct document *document = NULL;
    write_capture(mode, 0x5a5a0001);
    if (report_make(dirfd_, PLUGIN, &why))
        fail_msg("%s", why.text);
    int fd = openat(dirfd_, "report.json", O_RDONLY | O_CLOEXEC);
    if (document_load(fd, &document, &why))
        fail_msg("%s", why.text);
    close(fd);
    return document;
}

static void assert_refused(int code, const char *part)
{
    medic_reason why = {""};
    assert_int_equal(report_make(dirfd_, PLUGIN, &why), code);
    assert_text_has(why.text, part);
    assert_int_equal(faccessat(dirfd_, "report.json", F_OK, 0), -1);
    assert_int_equal(faccessat(dirfd_, "capture.mdc", F_OK, 0), 0);
}

static void a_capture_becomes_a_report(void **state)
{
    (void)state;
    struct document *document = made(NULL);
    assert_string_equal(document->verdict, "All is well.");
    assert_int_equal(document->sections[0]->row_count, 3);
    assert_string_equal(document->session.id, "abc");
    assert_string_equal(document->session.started, "2025-11-21T12:08:11.123Z");
    assert_int_equal(document->session.duration_ns, 10000000);
    assert_string_equal(document->session.end_reason, "duration");
    assert_true(document->session.complete);
    assert_string_equal(document->profiler.name, "report_plugin");
    assert_string_equal(document->profiler.version, "0.9.0");
    assert_string_equal(document->profiler.guid, "5a5a0001-1111-2222-0102-030405060708");
    assert_string_equal(document->profiler.parameters[0].value, "work");
    assert_int_equal(document->target.pid, 7);
    assert_string_equal(document->target.runtime, "9.0.0");
    assert_int_equal(document->cost.cpu_ns, 12);
    assert_int_equal(document->lost.records, 5);
    assert_string_equal(document->lost.reason, "5 because the buffer in the target was full");
    document_free(document);
}

static void the_lines_of_the_log_are_the_last_section(void **state)
{
    (void)state;
    struct document *document = made("work");
    const struct medic_section *log = document->sections[document->section_count - 1];
    assert_string_equal(log->id, "medic_log");
    assert_int_equal(log->row_count, 2);
    assert_int_equal(section_cell(log, 0, 0)->as.integer, 3000000);
    assert_string_equal(section_cell(log, 0, 1)->as.string, "warning");
    assert_string_equal(section_cell(log, 0, 2)->as.string, "it went badly.");
    assert_string_equal(section_cell(log, 1, 1)->as.string, "info");
    assert_string_equal(section_cell(log, 1, 2)->as.string, "mode work");
    document_free(document);
    document = made("full"); /* which has no room for it */
    assert_int_equal(document->section_count, DOCUMENT_SECTIONS_MAX);
    assert_null(document_find_section(document, "medic_log"));
    document_free(document);
}

static void session_json_knows_better(void **state)
{
    (void)state;
    static const char SESSION[] =
        "{\"schema\": 1, \"id\": \"6f1d2c3b-0000-4000-8000-1234567890ab\", \"state\": \"complete\", \"started\": "
        "\"2025-01-01T00:00:00Z\", \"target\": {\"pid\": 4121, \"inner_pid\": 1, \"name\": \"Shop\", \"runtime\": "
        "\"9.0.4\", \"uid\": 1000}}";
    write_file("session.json", SESSION, sizeof SESSION - 1, 0);
    struct document *document = made("work");
    assert_string_equal(document->session.id, "6f1d2c3b-0000-4000-8000-1234567890ab");
    assert_string_equal(document->target.name, "Shop");
    assert_string_equal(document->target.runtime, "9.0.4");
    assert_int_equal(document->target.pid, 4121);
    assert_int_equal(document->target.uid, 1000);
    document_free(document);
    write_file("session.json", "{\"schema\": [", 12, 0);
    document = made("work");
    assert_int_equal(document->target.pid, 7);
    document_free(document);
}

static void a_report_is_replaced(void **state)
{
    (void)state;
    write_file("report.json", "old", 3, 0);
    document_free(made("noise"));
    struct stat facts;
    assert_int_equal(fstatat(dirfd_, "report.json", &facts, 0), 0);
    assert_int_equal(facts.st_mode & 077, 0);
}

static void a_crash_is_told_and_the_capture_kept(void **state)
{
    (void)state;
    write_capture("crash", 0x5a5a0001);
#if defined(__SANITIZE_ADDRESS__)
    assert_refused(MEDIC_E_FAIL, "the report half of report_plugin.so"); /* the sanitizer makes an exit of it */
#else
    assert_refused(MEDIC_E_FAIL, "the report half of report_plugin.so crashed (SIGSEGV); the capture is kept");
#endif
}

static void a_failure_brings_its_sentence(void **state)
{
    (void)state;
    write_capture("fail", 0x5a5a0001);
    assert_refused(MEDIC_E_CORRUPT, "a record is missing");
    write_capture("exit", 0x5a5a0001);
    assert_refused(MEDIC_E_FAIL, "exit code 3");
    write_capture("silent", 0x5a5a0001);
    assert_refused(MEDIC_E_CORRUPT, "no verdict");
    write_capture("unheard_of", 0x5a5a0001);
    /* another version of the profiler has made it: nobody's argument is wrong */
    assert_refused(MEDIC_E_CORRUPT,
                   "report_plugin 0.9.0 made the capture, and 1.0.0, which is installed, cannot use its "
                   "settings (parameter 'mode'");
}

static void another_plugins_capture_is_refused(void **state)
{
    (void)state;
    write_capture("work", 0x12345678);
    assert_refused(MEDIC_E_ARGUMENT, "12345678-1111-2222-0102-030405060708");
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    medic_reason why = {""};
    assert_int_equal(report_make(dirfd_, PLUGIN, &why), MEDIC_E_NOT_FOUND);
    assert_text_has(why.text, "capture.mdc");
    assert_int_equal(report_make(dirfd_, "/nowhere/plugin.so", &why), MEDIC_E_NOT_FOUND);
    assert_text_has(why.text, "/nowhere/plugin.so");
    write_file("session.json", "not an ELF file", 15, 0);
    char path[128];
    snprintf(path, sizeof path, "%s/session.json", folder);
    assert_int_not_equal(report_make(dirfd_, path, &why), MEDIC_OK);
}

static void links_are_not_followed(void **state)
{
    (void)state;
    assert_int_equal(symlinkat("/etc/passwd", dirfd_, "capture.mdc"), 0);
    medic_reason why = {""};
    assert_int_equal(report_make(dirfd_, PLUGIN, &why), MEDIC_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_capture_becomes_a_report, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_lines_of_the_log_are_the_last_section, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(session_json_knows_better, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_report_is_replaced, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_crash_is_told_and_the_capture_kept, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_failure_brings_its_sentence, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(another_plugins_capture_is_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_missing_is_named, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(links_are_not_followed, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
