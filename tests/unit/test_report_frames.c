/* Frames as a report half reads them: names, whose code it is, which are of one function. And symbols.json. */
#include "test.h"

#include "capture_writer.h"
#include "scratch.h"
#include "tool/frame_code.h"
#include "tool/report_frames.h"
#include "tool/symbols_file.h"

#include <fcntl.h>
#include <stdlib.h>

#define SHARED "/usr/share/dotnet/shared/"

static struct buffer bytes;
static struct capture *capture;
static int capture_fd, folder;
static char path[64];
static struct symbols *symbols;
static struct report_frames *frames;

static int begin(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/medic-test-frames-XXXXXX");
    if (!mkdtemp(path))
        return -1;
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bytes = (struct buffer){0};
    put_header(&bytes);
    return 0;
}

static int end(void **state)
{
    (void)state;
    report_frames_free(frames);
    symbols_close(symbols);
    capture_close(capture);
    close(capture_fd);
    buffer_free(&bytes);
    close(folder);
    frames = NULL;
    symbols = NULL;
    capture = NULL;
    return scratch_remove(path);
}

static void write_symbols(const char *text)
{
    int fd = openat(folder, SYMBOLS_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void open_frames(void)
{
    medic_reason why = {""};
    capture_fd = file_with(bytes.bytes, bytes.size);
    assert_int_equal(capture_open(capture_fd, &capture, &why), MEDIC_OK);
    if (symbols_open(folder, &symbols, &why))
        fail_msg("%s", why.text);
    frames = report_frames_new(capture, symbols);
    assert_non_null(frames);
}

static void assert_frame(uint32_t id, const char *function, const char *module, uint32_t code, uint32_t function_id)
{
    const medic_frame *frame = report_frames_get(frames, id);
    assert_non_null(frame);
    assert_string_equal(frame->function, function);
    assert_string_equal(frame->module, module);
    assert_int_equal(frame->code, code);
    assert_int_equal(frame->function_id, function_id);
    assert_int_equal(report_frames_function(frames, id), function_id);
}

static void managed_frames_have_the_name_of_their_method(void **state)
{
    (void)state;
    put_module(&bytes, 7, "/app/Orders.dll");
    put_module(&bytes, 8, SHARED "Microsoft.NETCore.App/10.0.1/System.Private.CoreLib.dll");
    put_function(&bytes, 70, 7, 0x06000001, "Shop.Orders.Total(Order)");
    put_function(&bytes, 80, 8, 0x06000002, "System.String.Concat(string, string)");
    put_frame(&bytes, 1, MEDIC_FRAME_MANAGED, 0x100, 70, 7);
    put_frame(&bytes, 2, MEDIC_FRAME_MANAGED, 0x180, 70, 7);
    put_frame(&bytes, 3, MEDIC_FRAME_MANAGED, 0x200, 80, 8);
    put_frame(&bytes, 4, MEDIC_FRAME_MANAGED, 0x300, 71, 7);
    put_frame(&bytes, 5, MEDIC_FRAME_MANAGED, 0x400, 90, 0);
    put_record(&bytes, MEDIC_RECORD_NAME,
               &(medic_name_record){MEDIC_NAME_FUNCTION, 0, 95, 7, 1, (uint32_t)strlen("lambda_method1 (dynamic)")},
               sizeof(medic_name_record), "lambda_method1 (dynamic)");
    put_frame(&bytes, 6, MEDIC_FRAME_MANAGED, 0x500, 95, 7);
    open_frames();
    assert_frame(6, "lambda_method1 (dynamic)", "Orders.dll", MEDIC_CODE_FRAMEWORK, 6);
    assert_frame(1, "Shop.Orders.Total(Order)", "Orders.dll", MEDIC_CODE_USER, 1);
    assert_frame(2, "Shop.Orders.Total(Order)", "Orders.dll", MEDIC_CODE_USER, 1);
    assert_frame(3, "System.String.Concat(string, string)", "System.Private.CoreLib.dll", MEDIC_CODE_FRAMEWORK, 3);
    assert_frame(4, "Orders.dll!0x47", "Orders.dll", MEDIC_CODE_USER, 4);
    assert_frame(5, "dynamic code 0x5a", "", MEDIC_CODE_UNKNOWN, 5);
    assert_null(report_frames_get(frames, 0));
    assert_null(report_frames_get(frames, 7));
    assert_int_equal(report_frames_function(frames, 7), 0);
}

static void native_frames_have_the_name_of_their_symbol_or_library(void **state)
{
    (void)state;
    put_image(&bytes, 1, 0x7f0000, "/usr/share/dotnet/shared/x/libcoreclr.so");
    put_image(&bytes, 2, 0, "/lib/libc.so.6");
    put_frame(&bytes, 1, MEDIC_FRAME_NATIVE, 0x7f1234, 0, 1);
    put_frame(&bytes, 2, MEDIC_FRAME_NATIVE, 0x7f5678, 0, 1);
    put_frame(&bytes, 3, MEDIC_FRAME_NATIVE, 0x10, 0, 2);
    put_frame(&bytes, 4, MEDIC_FRAME_NATIVE, 0x18, 0, 2);
    put_frame(&bytes, 5, MEDIC_FRAME_NATIVE, 0x18, 0, 99);
    put_frame(&bytes, 6, MEDIC_FRAME_UNKNOWN, 0xabc, 0, 0);
    put_frame(&bytes, 8, MEDIC_FRAME_UNKNOWN, 0xabc, 0, 0);
    write_symbols("{\"schema\": 1, \"functions\": [\"memcpy\"], \"files\": [\"/src/memcpy.c\"], "
                  "\"frames\": [[3, 0, 0, 12], [4, 0, -1, 0]]}");
    open_frames();
    assert_frame(1, "libcoreclr.so", "libcoreclr.so", MEDIC_CODE_RUNTIME, 1);
    assert_frame(2, "libcoreclr.so", "libcoreclr.so", MEDIC_CODE_RUNTIME, 1);
    assert_frame(3, "memcpy", "libc.so.6", MEDIC_CODE_NATIVE, 3);
    assert_frame(4, "memcpy", "libc.so.6", MEDIC_CODE_NATIVE, 3);
    assert_frame(5, "unknown code 0x18", "", MEDIC_CODE_UNKNOWN, 5);
    assert_frame(6, "unknown code 0xabc", "", MEDIC_CODE_UNKNOWN, 6);
    assert_frame(7, "(damaged in the capture)", "", MEDIC_CODE_UNKNOWN, 7);
    assert_frame(8, "unknown code 0xabc", "", MEDIC_CODE_UNKNOWN, 6);
    assert_string_equal(report_frames_get(frames, 3)->file, "/src/memcpy.c");
    assert_int_equal(report_frames_get(frames, 3)->line, 12);
    assert_null(report_frames_get(frames, 4)->file);
}

static void code_is_judged_by_folder_and_name(void **state)
{
    (void)state;
    static const char SHARED_CORELIB[] = SHARED "Microsoft.NETCore.App/10.0.1/System.Private.CoreLib.dll";
    static const struct {
        const char *path, *corelib;
        enum medic_code code;
    } ASSEMBLIES[] = {
        {SHARED "Microsoft.AspNetCore.App/8.0.1/Microsoft.AspNetCore.dll", SHARED_CORELIB, MEDIC_CODE_FRAMEWORK},
        {SHARED "Microsoft.AspNetCore.App/8.0.1/Anything.dll", SHARED_CORELIB, MEDIC_CODE_FRAMEWORK},
        {"/app/shared/Microsoft.Tools/x.dll", SHARED_CORELIB, MEDIC_CODE_USER},
        {"/app/Orders.dll", SHARED_CORELIB, MEDIC_CODE_USER},
        {"/app/Microsoft.Data.SqlClient.dll", SHARED_CORELIB, MEDIC_CODE_USER},
        {"/app/Microsoft.Extensions.Hosting.dll", SHARED_CORELIB, MEDIC_CODE_FRAMEWORK},
        {"/app/System.Text.Json.dll", SHARED_CORELIB, MEDIC_CODE_FRAMEWORK},
        {"/app/SystemOrders.dll", NULL, MEDIC_CODE_USER},
        {"/app/Microsoft.VisualBasic.Core.dll", "/app/System.Private.CoreLib.dll", MEDIC_CODE_FRAMEWORK},
        {"/app/plugins/Microsoft.VisualBasic.Core.dll", "/app/System.Private.CoreLib.dll", MEDIC_CODE_USER},
        {"/app/Orders.dll", "/app/System.Private.CoreLib.dll", MEDIC_CODE_USER},
        {"netstandard.dll", NULL, MEDIC_CODE_FRAMEWORK},
        {"RefEmit_InMemoryManifestModule", SHARED_CORELIB, MEDIC_CODE_FRAMEWORK},
        {"", NULL, MEDIC_CODE_UNKNOWN},
        {NULL, NULL, MEDIC_CODE_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof ASSEMBLIES / sizeof *ASSEMBLIES; i++)
        if (code_of_assembly(ASSEMBLIES[i].path, ASSEMBLIES[i].corelib) != ASSEMBLIES[i].code)
            fail_msg("%s", ASSEMBLIES[i].path);
    assert_int_equal(code_of_image("/x/libclrgcexp.so"), MEDIC_CODE_RUNTIME);
    assert_int_equal(code_of_image("/x/libSystem.Native.so"), MEDIC_CODE_NATIVE);
    assert_int_equal(code_of_image("/lib/x86_64-linux-gnu/libc.so.6"), MEDIC_CODE_NATIVE);
    assert_int_equal(code_of_image("[vdso]"), MEDIC_CODE_NATIVE);
    assert_int_equal(code_of_image("/usr/bin/dotnet"), MEDIC_CODE_RUNTIME);
    assert_int_equal(code_of_image(NULL), MEDIC_CODE_UNKNOWN);
    assert_string_equal(path_name("C:\\src\\Program.cs"), "Program.cs");
}

static void symbols_come_back_as_they_were_written(void **state)
{
    (void)state;
    static const char *const FUNCTIONS[] = {"a \"b\"", "std::vector<int>::push_back"}, *const FILES[] = {"/src/a.c"};
    static const struct symbols_row ROWS[] = {{1, 1, 0, 7}, {4000000, 0, -1, 0}};
    struct symbols_content content = {FUNCTIONS, FILES, 2, 1, ROWS, 2};
    struct buffer out = {0};
    symbols_write(&content, &out);
    write_symbols(buffer_get(&out));
    buffer_free(&out);
    open_frames();
    assert_string_equal(symbols_of(symbols, 1).function, "std::vector<int>::push_back");
    assert_string_equal(symbols_of(symbols, 1).file, "/src/a.c");
    assert_int_equal(symbols_of(symbols, 1).line, 7);
    assert_string_equal(symbols_of(symbols, 4000000).function, "a \"b\"");
    assert_null(symbols_of(symbols, 4000000).file);
    assert_null(symbols_of(symbols, 2).function);
}

static void damaged_symbols_are_refused_with_a_sentence(void **state)
{
    (void)state;
    static const char *const DAMAGED[] = {
        "",
        "{",
        "[]",
        "{\"schema\": 2}",
        "{\"schema\": 1, \"functions\": [1], \"files\": [], \"frames\": []}",
        "{\"schema\": 1, \"functions\": [], \"files\": [], \"frames\": [[1, 0, -1, 0]]}",
        "{\"schema\": 1, \"functions\": [\"a\"], \"files\": [], \"frames\": [[2, 0, -1, 0], [1, 0, -1, 0]]}",
        "{\"schema\": 1, \"functions\": [\"a\"], \"files\": [], \"frames\": [[0, 0, -1, 0]]}",
        "{\"schema\": 1, \"functions\": [\"a\"], \"files\": [], \"frames\": [[1, 0, -1]]}",
        "{\"schema\": 1, \"functions\": [\"a\"], \"files\": [], \"frames\": [[1, 0, -1, 4294967296]]}"};
    for (size_t i = 0; i < sizeof DAMAGED / sizeof *DAMAGED; i++) {
        medic_reason why = {""};
        write_symbols(DAMAGED[i]);
        assert_true(symbols_open(folder, &symbols, &why) < 0);
        assert_text_has(why.text, SYMBOLS_FILE);
        assert_null(symbols);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(managed_frames_have_the_name_of_their_method),
        TEST(native_frames_have_the_name_of_their_symbol_or_library),
        TEST(code_is_judged_by_folder_and_name),
        TEST(symbols_come_back_as_they_were_written),
        TEST(damaged_symbols_are_refused_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
