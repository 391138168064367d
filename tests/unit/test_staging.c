/* tool/staging: what may go wrong between us and a target's /tmp. */
#include "scratch.h"
#include "test.h"
#include "tool/files.h"
#include "tool/staging.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

struct bench {
    char root[64], source[96], name[32];
    int parent;
    struct staging staging;
    medic_reason why;
};

static void write_file(const char *path, size_t size, char fill)
{
    char *bytes = malloc(size);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(bytes && fd >= 0);
    memset(bytes, fill, size);
    assert_int_equal(file_write_all(fd, bytes, size), 0);
    close(fd);
    free(bytes);
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    snprintf(bench->root, sizeof bench->root, "/tmp/medic-test-staging-XXXXXX");
    if (!mkdtemp(bench->root))
        return -1;
    snprintf(bench->source, sizeof bench->source, "%s/source.so", bench->root);
    snprintf(bench->name, sizeof bench->name, "medic-%u", geteuid());
    write_file(bench->source, 100000, 'x');
    bench->parent = open(bench->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    bench->staging.folder = -1;
    *state = bench;
    return bench->parent < 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    staging_close(&bench->staging, true);
    close(bench->parent);
    int code = scratch_remove(bench->root);
    free(bench);
    return code;
}

static int open_staging(struct bench *bench)
{
    return staging_open(&bench->staging, bench->parent, "/tmp", geteuid(), getegid(), &bench->why);
}

/* The staged file as we see it. */
static void outer(const struct bench *bench, const char *inner, char *out, size_t room)
{
    snprintf(out, room, "%s%.4000s", bench->root, inner + strlen("/tmp"));
}

static unsigned count_files(const struct bench *bench)
{
    unsigned count = 0;
    DIR *folder = fdopendir(openat(bench->staging.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (struct dirent *entry; (entry = readdir(folder));)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(folder);
    return count;
}

static ino_t inode(const char *path)
{
    struct stat about;
    assert_int_equal(lstat(path, &about), 0);
    return about.st_ino;
}

static void a_file_arrives_whole_and_read_only(void **state)
{
    struct bench *bench = *state;
    char file[PATH_MAX], path[PATH_MAX];
    struct stat about;
    assert_int_equal(open_staging(bench), MEDIC_OK);
    assert_int_equal(staging_put(&bench->staging, bench->source, "core", file, &bench->why), MEDIC_OK);
    assert_true(!strncmp(file, "/tmp/medic-", 11) && strstr(file, "/core-"));
    outer(bench, file, path, sizeof path);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_size, 100000);
    assert_int_equal(about.st_mode & 07777, 0500);
    assert_int_equal(count_files(bench), 1);
}

static void the_same_content_is_staged_once(void **state)
{
    struct bench *bench = *state;
    char file[PATH_MAX], again[PATH_MAX], path[PATH_MAX];
    assert_int_equal(open_staging(bench), MEDIC_OK);
    assert_int_equal(staging_put(&bench->staging, bench->source, "core", file, &bench->why), MEDIC_OK);
    outer(bench, file, path, sizeof path);
    ino_t before = inode(path);
    assert_int_equal(staging_put(&bench->staging, bench->source, "core", again, &bench->why), MEDIC_OK);
    assert_string_equal(file, again);
    assert_int_equal(inode(path), before);
    write_file(bench->source, 100000, 'y'); /* an upgrade: the old one stays, it may be mapped */
    assert_int_equal(staging_put(&bench->staging, bench->source, "core", again, &bench->why), MEDIC_OK);
    assert_string_not_equal(file, again);
    assert_int_equal(inode(path), before);
}

/* Damages the staged file and expects another one, with the right content, in its place. */
static void replaced(struct bench *bench, void (*damage)(const char *path))
{
    char file[PATH_MAX], path[PATH_MAX];
    struct stat about;
    assert_int_equal(open_staging(bench), MEDIC_OK);
    assert_int_equal(staging_put(&bench->staging, bench->source, "core", file, &bench->why), MEDIC_OK);
    outer(bench, file, path, sizeof path);
    ino_t before = inode(path);
    damage(path);
    assert_int_equal(staging_put(&bench->staging, bench->source, "core", file, &bench->why), MEDIC_OK);
    assert_true(inode(path) != before);
    assert_int_equal(lstat(path, &about), 0);
    assert_true(S_ISREG(about.st_mode) && (about.st_mode & 07777) == 0500 && about.st_size == 100000);
    assert_int_equal(count_files(bench), 1);
}

static void cut(const char *path)
{
    assert_int_equal(chmod(path, 0700), 0);
    assert_int_equal(truncate(path, 99999), 0);
    assert_int_equal(chmod(path, 0500), 0);
}

static void change(const char *path)
{
    assert_int_equal(chmod(path, 0700), 0);
    write_file(path, 100000, 'z');
    assert_int_equal(chmod(path, 0500), 0);
}

static void open_up(const char *path)
{
    assert_int_equal(chmod(path, 0777), 0);
}

static void a_truncated_copy_is_replaced(void **state)
{
    replaced(*state, cut);
}

static void a_changed_copy_is_replaced(void **state)
{
    replaced(*state, change);
}

static void a_copy_that_others_can_write_is_replaced(void **state)
{
    replaced(*state, open_up);
}

static void move_and_link(const char *path)
{
    char moved[PATH_MAX];
    snprintf(moved, sizeof moved, "%.*s/../moved", (int)(strrchr(path, '/') - path), path);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(symlink("../moved", path), 0);
}

static void a_link_in_its_place_is_replaced(void **state)
{
    replaced(*state, move_and_link);
}

/* Whether the folder that was opened is a good one with another name than the usual one. */
static void avoided(struct bench *bench)
{
    struct stat about;
    char file[PATH_MAX], first[sizeof bench->staging.name];
    assert_int_equal(open_staging(bench), MEDIC_OK);
    assert_string_not_equal(bench->staging.name, bench->name);
    assert_int_equal(fstat(bench->staging.folder, &about), 0);
    assert_true(about.st_uid == geteuid() && (about.st_mode & 0777) == 0700);
    assert_int_equal(staging_put(&bench->staging, bench->source, "core", file, &bench->why), MEDIC_OK);
    memcpy(first, bench->staging.name, sizeof first);
    staging_close(&bench->staging, true);
    assert_int_equal(open_staging(bench), MEDIC_OK); /* the next session finds it again */
    assert_string_equal(bench->staging.name, first);
}

static void a_link_with_our_folders_name_is_avoided(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(mkdirat(bench->parent, "elsewhere", 0700), 0);
    assert_int_equal(symlinkat("elsewhere", bench->parent, bench->name), 0);
    avoided(bench);
}

static void a_file_with_our_folders_name_is_avoided(void **state)
{
    struct bench *bench = *state;
    close(openat(bench->parent, bench->name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    avoided(bench);
}

static void a_folder_that_others_can_enter_is_avoided(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(mkdirat(bench->parent, bench->name, 0755), 0);
    assert_int_equal(fchmodat(bench->parent, bench->name, 0755, 0), 0);
    avoided(bench);
}

static void a_folder_of_another_user_is_avoided(void **state)
{
    struct bench *bench = *state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdirat(bench->parent, bench->name, 0700), 0);
    assert_int_equal(fchownat(bench->parent, bench->name, 1234, 1234, 0), 0);
    avoided(bench);
}

static void root_makes_files_of_the_targets_user(void **state)
{
    struct bench *bench = *state;
    char file[PATH_MAX], path[PATH_MAX];
    struct stat about;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(bench->root, 01777), 0);
    assert_int_equal(staging_open(&bench->staging, bench->parent, "/tmp", 1234, 1235, &bench->why), MEDIC_OK);
    assert_int_equal(staging_put(&bench->staging, bench->source, "core", file, &bench->why),
                     MEDIC_OK); /* source: root only */
    outer(bench, file, path, sizeof path);
    assert_int_equal(stat(path, &about), 0);
    assert_true(about.st_uid == 1234 && about.st_gid == 1235);
    assert_int_equal(geteuid(), 0);
    assert_int_equal(getegid(), 0);
}

static void a_folder_without_write_permission_is_a_sentence(void **state)
{
    struct bench *bench = *state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(staging_open(&bench->staging, bench->parent, "/tmp", 1234, 1234, &bench->why), MEDIC_E_DENIED);
    assert_text_has(bench->why.text, "permission denied");
    assert_int_equal(geteuid(), 0);
}

static void a_full_disk_is_a_sentence_and_leaves_nothing(void **state)
{
    struct bench *bench = *state;
    char tmp[96], file[PATH_MAX];
    if (geteuid() != 0)
        skip();
    snprintf(tmp, sizeof tmp, "%s/small", bench->root);
    assert_int_equal(mkdir(tmp, 0777), 0);
    if (mount("none", tmp, "tmpfs", 0, "size=64k"))
        skip();
    int parent = open(tmp, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(staging_open(&bench->staging, parent, "/tmp", 0, 0, &bench->why), MEDIC_OK);
    assert_int_equal(staging_put(&bench->staging, bench->source, "core", file, &bench->why), MEDIC_E_IO);
    assert_text_has(bench->why.text, "no space left");
    assert_int_equal(count_files(bench), 0);
    staging_close(&bench->staging, false);
    assert_int_equal(file_folder_is_empty(parent), 1);
    close(parent);
    assert_int_equal(umount(tmp), 0);
}

static void noexec_is_noticed(void **state)
{
    struct bench *bench = *state;
    char tmp[96];
    assert_true(staging_may_execute(bench->parent));
    if (geteuid() != 0)
        skip();
    snprintf(tmp, sizeof tmp, "%s/noexec", bench->root);
    assert_int_equal(mkdir(tmp, 0777), 0);
    if (mount("none", tmp, "tmpfs", MS_NOEXEC, "size=64k"))
        skip();
    int parent = open(tmp, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_false(staging_may_execute(parent));
    close(parent);
    assert_int_equal(umount(tmp), 0);
}

static void an_unreadable_source_is_a_sentence(void **state)
{
    struct bench *bench = *state;
    char file[PATH_MAX];
    assert_int_equal(open_staging(bench), MEDIC_OK);
    assert_int_equal(staging_put(&bench->staging, "/nowhere/libmedic.so", "core", file, &bench->why), MEDIC_E_IO);
    assert_text_has(bench->why.text, "/nowhere/libmedic.so");
    assert_int_equal(count_files(bench), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_file_arrives_whole_and_read_only),
        TEST(the_same_content_is_staged_once),
        TEST(a_truncated_copy_is_replaced),
        TEST(a_changed_copy_is_replaced),
        TEST(a_copy_that_others_can_write_is_replaced),
        TEST(a_link_in_its_place_is_replaced),
        TEST(a_link_with_our_folders_name_is_avoided),
        TEST(a_file_with_our_folders_name_is_avoided),
        TEST(a_folder_that_others_can_enter_is_avoided),
        TEST(a_folder_of_another_user_is_avoided),
        TEST(root_makes_files_of_the_targets_user),
        TEST(a_folder_without_write_permission_is_a_sentence),
        TEST(a_full_disk_is_a_sentence_and_leaves_nothing),
        TEST(noexec_is_noticed),
        TEST(an_unreadable_source_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
