/* What is read from /proc, from strings; and the answers to pids and names that are no targets. */
#include "../../tool/proc.h"
#include "../../tool/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAT_TAIL                                                                                                      \
    " S 1 42 42 0 -1 4194304 100 0 5 0 250 50 0 0 20 0 17 0 987654 274000000000 5120 18446744073709551615 1 1 0\n"

static void stat_is_read(void **state)
{
    (void)state;
    struct proc_stat stat;
    assert_true(proc_parse_stat("4121 (shop)" STAT_TAIL, &stat));
    assert_int_equal(stat.pid, 4121);
    assert_string_equal(stat.comm, "shop");
    assert_int_equal(stat.state, 'S');
    assert_false(stat.kernel_thread);
    assert_int_equal(stat.cpu_ticks, 300);
    assert_int_equal(stat.threads, 17);
    assert_int_equal(stat.start_time, 987654);
    assert_int_equal(stat.rss_pages, 5120);
}

static void comm_may_hold_blanks_and_parentheses(void **state)
{
    (void)state;
    struct proc_stat stat;
    assert_true(proc_parse_stat("7 (a) S 1 (b c))" STAT_TAIL, &stat));
    assert_string_equal(stat.comm, "a) S 1 (b c)");
    assert_int_equal(stat.start_time, 987654);
    assert_true(proc_parse_stat("7 ()" STAT_TAIL, &stat));
    assert_string_equal(stat.comm, "");
}

static void broken_stat_is_refused(void **state)
{
    (void)state;
    struct proc_stat stat;
    static const char *const texts[] = {"", "7", "7 (x", "7 x) S", ")(", "7 (x) S 1 2 3", ("x (x)" STAT_TAIL)};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(proc_parse_stat(texts[i], &stat));
}

static void kernel_threads_are_known(void **state)
{
    (void)state;
    struct proc_stat stat;
    assert_true(proc_parse_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 1 0 0 20 0 1 0 3 0 0 1\n", &stat));
    assert_true(stat.kernel_thread);
}

static void status_gives_effective_ids_and_the_innermost_pid(void **state)
{
    (void)state;
    struct proc_status status;
    assert_true(proc_parse_status(
        "Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nNSpid:\t4121\t17\t1\nNSpgid:\t9\t9\t9\n", &status));
    assert_int_equal(status.euid, 2);
    assert_int_equal(status.egid, 6);
    assert_int_equal(status.inner_pid, 1);
}

static void status_of_old_kernels_has_no_inner_pid(void **state)
{
    (void)state;
    struct proc_status status;
    assert_true(proc_parse_status("Name:\tNSpid:\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n", &status));
    assert_int_equal(status.inner_pid, 0);
    assert_false(proc_parse_status("Name:\tx\n", &status));
}

static void environment_is_searched_by_whole_names(void **state)
{
    (void)state;
    static const char block[] = "XTMPDIR=/a\0TMPDIRX=/b\0NOVALUE\0TMPDIR=/c\0EMPTY=";
    assert_string_equal(proc_env(block, sizeof block, "TMPDIR"), "/c");
    assert_string_equal(proc_env(block, sizeof block, "EMPTY"), "");
    assert_null(proc_env(block, sizeof block, "NOVALUE"));
    assert_null(proc_env(block, 0, "TMPDIR"));
}

static void switched_off_diagnostics_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *variable;
        bool off;
    } cases[] = {{"DOTNET_EnableDiagnostics=0", true},       {"DOTNET_EnableDiagnostics=1", false},
                 {"DOTNET_EnableDiagnostics=", false},       {"DOTNET_EnableDiagnostics=no", false},
                 {"DOTNET_EnableDiagnostics_IPC=0", true},   {"COMPlus_EnableDiagnostics=0", true},
                 {"COMPlus_EnableDiagnostics_IPC=00", true}, {"DOTNET_EnableDiagnostics_Profiler=0", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128] = "";
        assert_int_equal(proc_diagnostics_off(cases[i].variable, strlen(cases[i].variable) + 1, text, sizeof text),
                         cases[i].off);
        assert_string_equal(text, cases[i].off ? cases[i].variable : "");
    }
}

static void socket_names_are_exact(void **state)
{
    (void)state;
    uint64_t pid, key;
    char name[64];
    assert_true(proc_parse_socket_name("dotnet-diagnostic-4121-987654-socket", &pid, &key));
    assert_int_equal(pid, 4121);
    assert_int_equal(key, 987654);
    proc_socket_name(name, sizeof name, 4121, 987654);
    assert_string_equal(name, "dotnet-diagnostic-4121-987654-socket");
    static const char *const wrong[] = {"",
                                        "dotnet-diagnostic-",
                                        "dotnet-diagnostic-1-2",
                                        "dotnet-diagnostic-1-2-socket2",
                                        "dotnet-diagnostic--1-2-socket",
                                        "dotnet-diagnostic-1- 2-socket",
                                        "dotnet-diagnostic-1-99999999999999999999-socket",
                                        "dotnet-diagnostic-dsrouter-1-2-socket"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(proc_parse_socket_name(wrong[i], &pid, &key));
}

static void maps_tell_runtime_version_and_libc(void **state)
{
    (void)state;
    struct proc_maps maps = {.profiler = "libother.so"};
    proc_parse_map_line("7f00-7f01 r-xp 00000000 00:00 0 \n", &maps);
    proc_parse_map_line("7f00-7f01 r-xp 00000000 08:01 12 /lib/x86_64-linux-gnu/libc.so.6\n", &maps);
    assert_false(maps.dotnet);
    proc_parse_map_line(
        "7f00-7f01 r-xp 0 08:01 12   /usr/share/dotnet/shared/Microsoft.NETCore.App/10.0.12/libcoreclr.so\n", &maps);
    assert_true(maps.dotnet && maps.glibc && !maps.musl && !maps.profiler_mapped);
    assert_string_equal(maps.version, "10.0.12");
    proc_parse_map_line("7f00-7f01 r-xp 0 08:01 12 /opt/libother.so.2\n", &maps);
    assert_false(maps.profiler_mapped);
    proc_parse_map_line("7f00-7f01 r-xp 0 08:01 12 /opt/libother.so\n", &maps);
    assert_true(maps.profiler_mapped);
    proc_parse_map_line("7f00-7f01 r-xp 0 08:01 12 /lib/ld-musl-x86_64.so.1\n", &maps);
    assert_true(maps.musl);
}

static void programs_have_the_name_of_their_dll(void **state)
{
    (void)state;
    static const char host[] = "/usr/bin/dotnet\0exec\0--flag\0/app/My Shop.dll\0x.dll", own[] = "/app/shop\0x.dll",
                      bare[] = "dotnet";
    char name[64];
    proc_program_name(host, sizeof host, name, sizeof name);
    assert_string_equal(name, "My Shop");
    proc_program_name(own, sizeof own, name, sizeof name);
    assert_string_equal(name, "shop");
    proc_program_name(bare, sizeof bare, name, sizeof name);
    assert_string_equal(name, "dotnet");
    proc_program_name("", 0, name, sizeof name);
    assert_string_equal(name, "");
}

static void text_is_made_printable(void **state)
{
    (void)state;
    char text[] = "a\x1b[31m\tb\xC3\xA4\xC2\x9B\xFF\xE2\x82\xE2\x80\xAEz\x7F";
    proc_printable(text);
    assert_string_equal(text, "a?[31m b\xC3\xA4"
                              "?????"
                              "???z?");
}

static void pids_that_are_no_targets_get_a_sentence(void **state)
{
    (void)state;
    struct target t;
    medic_reason why;
    char self[16];
    snprintf(self, sizeof self, "%d", getpid());
    assert_int_equal(target_find(self, 100, &t, &why), MEDIC_E_UNSUPPORTED);
    assert_non_null(strstr(why.text, "not a .NET program"));
    assert_int_equal(target_find("2147483646", 100, &t, &why), MEDIC_E_NOT_FOUND);
    assert_int_equal(target_find("99999999999999999999", 100, &t, &why), MEDIC_E_ARGUMENT);
    assert_int_equal(target_find("0", 100, &t, &why), MEDIC_E_ARGUMENT);
    assert_int_equal(target_find("", 100, &t, &why), MEDIC_E_ARGUMENT);
    assert_int_equal(target_find("/nowhere/dotnet-diagnostic-1-2-socket", 100, &t, &why), MEDIC_E_NOT_FOUND);
    assert_int_equal(target_find("no such program of ours", 100, &t, &why), MEDIC_E_NOT_FOUND);
}

static void zombies_are_called_so(void **state)
{
    (void)state;
    struct target t;
    medic_reason why;
    char pid[16];
    siginfo_t info;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    snprintf(pid, sizeof pid, "%d", child);
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    assert_int_equal(target_find(pid, 100, &t, &why), MEDIC_E_GONE);
    assert_non_null(strstr(why.text, "zombie"));
    waitpid(child, NULL, 0);
}

/* A socket with a runtime's name whose listener we can see, but which is not the listener's own. */
static void an_impostor_is_neither_listed_nor_found(void **state)
{
    (void)state;
    char folder[] = "/tmp/medic-target-XXXXXX", path[96];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct target_list list;
    struct target t;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/dotnet-diagnostic-%d-99999999-socket", folder, getpid());
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 8), 0);
    setenv("TMPDIR", folder, 1);
    assert_int_equal(target_list(&list, 200, NULL), MEDIC_OK);
    for (size_t i = 0; i < list.count; i++)
        assert_true(list.items[i].inner_pid != getpid());
    target_list_free(&list);
    assert_int_not_equal(target_find(path, 200, &t, NULL), MEDIC_OK);
    unsetenv("TMPDIR");
    close(fd);
    assert_int_equal(target_find(path, 200, &t, NULL), MEDIC_E_GONE);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stat_is_read),
        cmocka_unit_test(comm_may_hold_blanks_and_parentheses),
        cmocka_unit_test(broken_stat_is_refused),
        cmocka_unit_test(kernel_threads_are_known),
        cmocka_unit_test(status_gives_effective_ids_and_the_innermost_pid),
        cmocka_unit_test(status_of_old_kernels_has_no_inner_pid),
        cmocka_unit_test(environment_is_searched_by_whole_names),
        cmocka_unit_test(switched_off_diagnostics_are_found),
        cmocka_unit_test(socket_names_are_exact),
        cmocka_unit_test(maps_tell_runtime_version_and_libc),
        cmocka_unit_test(programs_have_the_name_of_their_dll),
        cmocka_unit_test(text_is_made_printable),
        cmocka_unit_test(pids_that_are_no_targets_get_a_sentence),
        cmocka_unit_test(zombies_are_called_so),
        cmocka_unit_test(an_impostor_is_neither_listed_nor_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
