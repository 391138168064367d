/* tool/plugins: a folder full of broken files, and choosing the right one. */
#include "scratch.h"
#include "test.h"
#include "tool/files.h"
#include "tool/plugins.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct bench {
    char root[64], a[80], b[80]; /* two plugin folders */
    struct plugin_list list;
    medic_reason why;
};

static void put(const char *folder, const char *fixture, const char *name)
{
    char from[256], to[256];
    snprintf(from, sizeof from, LISTED "/%s.so", fixture);
    snprintf(to, sizeof to, "%s/%s", folder, name);
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(in >= 0 && out >= 0);
    assert_true(file_copy(in, out, NULL) > 0);
    close(in);
    close(out);
}

/* A path in a folder, valid until the next call. */
static const char *in(const char *folder, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put_text(const char *folder, const char *name, const char *text)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(file_replace_at(fd, name, text, strlen(text), 0644), 0);
    close(fd);
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    snprintf(bench->root, sizeof bench->root, "/tmp/medic-test-plugins-XXXXXX");
    if (!bench || !mkdtemp(bench->root))
        return -1;
    snprintf(bench->a, sizeof bench->a, "%s/a", bench->root);
    snprintf(bench->b, sizeof bench->b, "%s/b", bench->root);
    *state = bench;
    return mkdir(bench->a, 0755) || mkdir(bench->b, 0755);
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    plugins_free(&bench->list);
    int code = scratch_remove(bench->root);
    free(bench);
    return code;
}

static void load(struct bench *bench)
{
    const char *folders[] = {bench->a, bench->b};
    assert_int_equal(plugins_load_from(&bench->list, folders, 2, &bench->why), MEDIC_OK);
}

static const struct plugin_info *at(const struct bench *bench, const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (size_t i = 0; i < bench->list.count; i++)
        if (!strcmp(bench->list.items[i]->path, path))
            return bench->list.items[i];
    fail_msg("%s is not in the list", path);
    return NULL;
}

static void a_good_plugin_is_described_in_full(void **state)
{
    struct bench *bench = *state;
    put(bench->a, "good", "listed.so");
    load(bench);
    assert_int_equal(bench->list.count, 1);
    const struct plugin_info *plugin = bench->list.items[0];
    assert_int_equal(plugin->code, MEDIC_OK);
    assert_string_equal(plugin->name, "listed");
    assert_string_equal(plugin->descriptor.version, "1.2.3");
    assert_string_equal(plugin->descriptor.observation, "a test is running");
    assert_int_equal(plugin->descriptor.flags, MEDIC_SUSPENDS);
    assert_int_equal(plugin->descriptor.param_count, 2);
    assert_int_equal(plugin->descriptor.capture_service_count, 1);
    assert_non_null(strstr(plugin->descriptor.capture_services[0], "medic."));
    assert_string_equal(plugin->descriptor.params[0].maximum, "64");
    assert_null(plugin->descriptor.params[0].choices);
    assert_string_equal(plugin->descriptor.params[1].choices, "fast|exact");
}

static void broken_files_are_listed_and_hide_no_other(void **state)
{
    struct bench *bench = *state;
    struct timespec begin, end;
    put(bench->a, "good", "listed.so");
    put(bench->a, "crash", "crash.so");
    put(bench->a, "hang", "hang.so");
    put(bench->a, "leave", "leave.so");
    put(bench->a, "noisy", "noisy.so");
    put(bench->a, "liar", "liar.so");
    put(bench->a, "greedy", "greedy.so");
    put_text(bench->a, "text.so", "I am no shared object\n");
    put_text(bench->a, "empty.so", "");
    assert_int_equal(symlink("nowhere", in(bench->a, "dangling.so")), 0);
    put(bench->a, "other", "cut.so");
    assert_int_equal(truncate(in(bench->a, "cut.so"), 5000), 0);
    assert_int_equal(mkfifo(in(bench->a, "fifo.so"), 0644), 0);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    load(bench);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_true(end.tv_sec - begin.tv_sec <= 4); /* one deadline, not one a file */
    assert_int_equal(bench->list.count, 12);
    for (size_t i = 0; i < bench->list.count; i++) {
        const struct plugin_info *plugin = bench->list.items[i];
        if (!strcmp(plugin->name, "listed"))
            assert_int_equal(plugin->code, MEDIC_OK);
        else
            assert_true(plugin->code != MEDIC_OK && strlen(plugin->reason.text) > 10);
    }
    assert_text_has(at(bench, bench->a, "crash.so")->reason.text, "SIGABRT");
    assert_int_equal(at(bench, bench->a, "hang.so")->code, MEDIC_E_TIMEOUT);
    assert_text_has(at(bench, bench->a, "leave.so")->reason.text, "exit code 7");
    assert_text_has(at(bench, bench->a, "greedy.so")->reason.text, "medic.telepathy/1");
    assert_text_has(at(bench, bench->a, "liar.so")->reason.text, "honest");
    assert_string_equal(at(bench, bench->a, "crash.so")->name, "crash"); /* from its note */
}

static void the_same_plugin_in_a_later_folder_is_shadowed(void **state)
{
    struct bench *bench = *state;
    const struct plugin_info *found;
    put(bench->a, "good", "first.so");
    put(bench->b, "good", "second.so");
    load(bench);
    assert_false(at(bench, bench->a, "first.so")->shadowed);
    assert_true(at(bench, bench->b, "second.so")->shadowed);
    assert_int_equal(plugin_find(&bench->list, "listed", &found, &bench->why), MEDIC_OK);
    assert_ptr_equal(found, at(bench, bench->a, "first.so"));
}

static void a_link_to_a_plugin_beside_it_is_no_second_one(void **state)
{
    struct bench *bench = *state;
    const struct plugin_info *found;
    char link[128];
    put(bench->a, "good", "listed-1.2.3.so");
    snprintf(link, sizeof link, "%s/listed.so", bench->a);
    assert_int_equal(symlink("listed-1.2.3.so", link), 0);
    load(bench);
    assert_int_equal(plugin_find(&bench->list, "listed", &found, &bench->why), MEDIC_OK);
}

static void a_broken_file_does_not_shadow(void **state)
{
    struct bench *bench = *state;
    const struct plugin_info *found;
    put(bench->a, "good", "listed.so");
    assert_int_equal(truncate(in(bench->a, "listed.so"), 5000), 0);
    put(bench->b, "good", "listed.so");
    load(bench);
    assert_int_equal(plugin_find(&bench->list, "listed", &found, &bench->why), MEDIC_OK);
    assert_ptr_equal(found, at(bench, bench->b, "listed.so"));
}

static void refuses_both(struct bench *bench, const char *first, const char *second, const char *what)
{
    const struct plugin_info *pair[] = {at(bench, bench->a, first), at(bench, bench->a, second)};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pair[i]->code, MEDIC_E_AMBIGUOUS);
        assert_text_has(pair[i]->reason.text, first);
        assert_text_has(pair[i]->reason.text, second);
        assert_text_has(pair[i]->reason.text, what);
    }
}

static void two_plugins_with_one_guid_are_both_refused(void **state)
{
    struct bench *bench = *state;
    put(bench->a, "good", "one.so");
    put(bench->a, "same_guid", "two.so");
    load(bench);
    refuses_both(bench, "one.so", "two.so", "GUID");
}

static void two_plugins_with_one_name_are_both_refused(void **state)
{
    struct bench *bench = *state;
    const struct plugin_info *found;
    char path[128];
    put(bench->a, "good", "one.so");
    put(bench->a, "same_name", "two.so");
    load(bench);
    refuses_both(bench, "one.so", "two.so", "name");
    assert_int_equal(plugin_find(&bench->list, "listed", &found, &bench->why), MEDIC_E_AMBIGUOUS);
    snprintf(path, sizeof path, "%s/two.so", bench->a); /* named by its path it is the one */
    assert_int_equal(plugin_find(&bench->list, path, &found, &bench->why), MEDIC_OK);
    assert_int_equal(found->guid.Data4[7], 3);
}

static void a_plugin_is_found_by_name_guid_and_file(void **state)
{
    struct bench *bench = *state;
    const struct plugin_info *found;
    char path[128];
    put(bench->a, "good", "listed.so");
    put(bench->a, "other", "other.so");
    load(bench);
    assert_int_equal(plugin_find(&bench->list, "other", &found, &bench->why), MEDIC_OK);
    assert_string_equal(found->name, "other");
    assert_int_equal(plugin_find(&bench->list, "{AAAAAAAA-BBBB-CCCC-0102-030405060701}", &found, &bench->why),
                     MEDIC_OK);
    assert_string_equal(found->name, "listed");
    snprintf(path, sizeof path, "%s/other.so", bench->a);
    assert_int_equal(plugin_find(&bench->list, path, &found, &bench->why), MEDIC_OK);
    assert_string_equal(found->name, "other");
    assert_int_equal(plugin_find(&bench->list, LISTED "/noisy.so", &found, &bench->why), MEDIC_E_CORRUPT);
}

static void an_unknown_name_gets_the_nearest_or_all(void **state)
{
    struct bench *bench = *state;
    const struct plugin_info *found;
    put(bench->a, "good", "listed.so");
    put(bench->a, "other", "other.so");
    load(bench);
    assert_int_equal(plugin_find(&bench->list, "lister", &found, &bench->why), MEDIC_E_NOT_FOUND);
    assert_text_has(bench->why.text, "did you mean \"listed\"");
    assert_int_equal(plugin_find(&bench->list, "quixotic", &found, &bench->why), MEDIC_E_NOT_FOUND);
    assert_text_has(bench->why.text, "listed, other");
}

static void files_that_others_can_write_are_refused(void **state)
{
    struct bench *bench = *state;
    char path[128];
    put(bench->a, "good", "listed.so");
    snprintf(path, sizeof path, "%s/listed.so", bench->a);
    assert_int_equal(chmod(path, 0666), 0);
    put(bench->b, "other", "other.so");
    assert_int_equal(chmod(bench->b, 0777), 0);
    load(bench);
    assert_int_equal(at(bench, bench->a, "listed.so")->code, MEDIC_E_UNSAFE);
    assert_int_equal(at(bench, bench->b, "other.so")->code, MEDIC_E_UNSAFE);
}

static void a_link_in_a_folder_that_others_can_write_is_refused(void **state)
{
    struct bench *bench = *state;
    char target[128], link[128];
    put(bench->root, "good", "elsewhere.so");
    snprintf(target, sizeof target, "%s/elsewhere.so", bench->root);
    snprintf(link, sizeof link, "%s/listed.so", bench->a);
    assert_int_equal(symlink(target, link), 0);
    snprintf(link, sizeof link, "%s/listed.so", bench->b);
    assert_int_equal(symlink(target, link), 0);
    assert_int_equal(chmod(bench->a, 0777), 0);
    load(bench);
    assert_int_equal(bench->list.count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct plugin_info *plugin = bench->list.items[i];
        assert_int_equal(plugin->code, strcmp(plugin->folder, bench->a) ? MEDIC_OK : MEDIC_E_UNSAFE);
    }
}

static void settings_are_checked_against_the_table(void **state)
{
    static const struct {
        const char *setting;
        int code;
        const char *says;
    } cases[] = {{"depth=9", MEDIC_OK, ""},
                 {"mode=exact", MEDIC_OK, ""},
                 {"depth=65", MEDIC_E_ARGUMENT, "64"},
                 {"depth=deep", MEDIC_E_ARGUMENT, "depth"},
                 {"mode=slow", MEDIC_E_ARGUMENT, "fast"},
                 {"dept=9", MEDIC_E_ARGUMENT, "did you mean \"depth\""},
                 {"zzz=1", MEDIC_E_ARGUMENT, "depth, mode"},
                 {"depth", MEDIC_E_ARGUMENT, "key=value"},
                 {"=1", MEDIC_E_ARGUMENT, "key=value"}};
    struct bench *bench = *state;
    const char *value;
    char key[32];
    put(bench->a, "good", "listed.so");
    load(bench);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench->why.text[0] = '\0';
        assert_int_equal(
            plugin_check_setting(bench->list.items[0], cases[i].setting, key, sizeof key, &value, &bench->why),
            cases[i].code);
        assert_text_has(bench->why.text, cases[i].says);
    }
}

static void fifty_plugins_are_listed_in_no_time(void **state)
{
    struct bench *bench = *state;
    struct timespec begin, end;
    char name[32];
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "p%02d.so", i);
        put(bench->a, i ? "other" : "good", name);
    }
    clock_gettime(CLOCK_MONOTONIC, &begin);
    load(bench);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_int_equal(bench->list.count, 50);
    double ms = (double)(end.tv_sec - begin.tv_sec) * 1e3 + (double)(end.tv_nsec - begin.tv_nsec) / 1e6;
    print_message("50 plugins: %.0f ms\n", ms);
    assert_true(ms < 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_good_plugin_is_described_in_full),
        TEST(broken_files_are_listed_and_hide_no_other),
        TEST(the_same_plugin_in_a_later_folder_is_shadowed),
        TEST(a_link_to_a_plugin_beside_it_is_no_second_one),
        TEST(a_broken_file_does_not_shadow),
        TEST(two_plugins_with_one_guid_are_both_refused),
        TEST(two_plugins_with_one_name_are_both_refused),
        TEST(a_plugin_is_found_by_name_guid_and_file),
        TEST(an_unknown_name_gets_the_nearest_or_all),
        TEST(files_that_others_can_write_are_refused),
        TEST(a_link_in_a_folder_that_others_can_write_is_refused),
        TEST(settings_are_checked_against_the_table),
        TEST(fifty_plugins_are_listed_in_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
