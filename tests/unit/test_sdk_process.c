#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sdk_process.h"

#define HOST "/usr/share/dotnet/dotnet"

/* arguments: separated by blanks. */
static int judge(const char *exe, const char *arguments)
{
    size_t size = strlen(arguments) + 1;
    char *block = malloc(size); /* of exactly this size, so that a sanitizer sees a read beyond it */
    assert_non_null(block);
    for (size_t i = 0; i < size; i++)
        block[i] = arguments[i] == ' ' ? '\0' : arguments[i];
    int answer = sdk_process(exe, block, size);
    free(block);
    return answer;
}

static void test_commands_of_the_sdk(void **state)
{
    (void)state;
    static const char *const lines[] = {"dotnet run",
                                        "dotnet build -c Release",
                                        "dotnet test",
                                        "dotnet --info",
                                        "dotnet",
                                        "dotnet run --project App.dll",
                                        "dotnet app.cs",
                                        "dotnet exec",
                                        "dotnet --fx-version 8.0.1 build",
                                        "dotnet --roll-forward",
                                        "dotnet ef migrations"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_int_equal(judge(HOST, lines[i]), 1);
}

static void test_programs_that_the_host_runs(void **state)
{
    (void)state;
    static const char *const lines[] = {"dotnet app.dll",
                                        "dotnet ./bin/App.DLL run",
                                        "dotnet exec app.dll build",
                                        "dotnet --fx-version 8.0.1 app.dll",
                                        "dotnet exec --runtimeconfig a.json --depsfile b.json testhost.dll --port 1",
                                        "dotnet old.exe"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_int_equal(judge(HOST, lines[i]), 0);
}

static void test_tools_of_a_build_wherever_they_lie(void **state)
{
    (void)state;
    assert_int_equal(judge(HOST, "dotnet exec /home/me/.nuget/packages/toolset/VBCSCompiler.dll -pipename:x"), 1);
    assert_int_equal(judge(HOST, "dotnet MSBuild.dll /nodemode:1"), 1);
    assert_int_equal(judge("/somewhere/bincore/csc", "csc x.cs"), 1);
    assert_int_equal(judge("/somewhere/cscx", "cscx"), 0);
}

static void test_programs_with_a_host_of_their_own(void **state)
{
    (void)state;
    assert_int_equal(judge("/srv/app/Web", "Web run"), 0);
    assert_int_equal(judge("/srv/app/dotnet-counters", "dotnet-counters monitor"), 0);
}

static void test_only_a_folder_of_dotnet_is_its_sdk(void **state)
{
    char root[] = "/tmp/medic-sdk-XXXXXX", path[128], line[192];
    (void)state;
    assert_non_null(mkdtemp(root));
    snprintf(path, sizeof path, "%s/sdk/10.0.1/dotnet-watch.dll", root);
    snprintf(line, sizeof line, "dotnet %s", path);
    assert_int_equal(judge(HOST, line), 0); /* a user's own folder called sdk */
    assert_int_equal(judge(path, "x"), 0);
    snprintf(path, sizeof path, "%s/host", root);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/host/fxr", root);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(judge(HOST, line), 1);
    snprintf(line, sizeof line, "dotnet %s/sdk/own/app.dll", root);
    assert_int_equal(judge(HOST, line), 0);
    rmdir(path);
    snprintf(path, sizeof path, "%s/host", root);
    rmdir(path);
    rmdir(root);
}

static void test_arguments_that_were_cut_or_wiped(void **state)
{
    (void)state;
    assert_int_equal(sdk_process(HOST, "dotnet\0app", 10), 0);
    assert_int_equal(sdk_process(HOST, "", 0), 0);
    assert_int_equal(sdk_process(HOST, "\0\0\0\0", 4), 1);
    assert_int_equal(sdk_process("", "", 0), 0);
}

static void test_this_process(void **state)
{
    (void)state;
    assert_int_equal(sdk_process_self(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands_of_the_sdk),
        cmocka_unit_test(test_programs_that_the_host_runs),
        cmocka_unit_test(test_tools_of_a_build_wherever_they_lie),
        cmocka_unit_test(test_programs_with_a_host_of_their_own),
        cmocka_unit_test(test_only_a_folder_of_dotnet_is_its_sdk),
        cmocka_unit_test(test_arguments_that_were_cut_or_wiped),
        cmocka_unit_test(test_this_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
