/* core/files: what it says when the folder of a session cannot be used. Nobody hears it where no status can be written, but
 * the code decides. */
#include "test.h"

#include "core/config.h"
#include "core/files.h"
#include "scratch.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static long forbidden; /* this system call fails */

/* That of libc, but for the forbidden one. */
long syscall(long number, ...)
{
    static long (*real)(long, ...);
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    if (number == forbidden) {
        errno = EPERM;
        return -1;
    }
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int folders; /* so many can be made */

int mkdirat(int at, const char *path, mode_t mode)
{
    if (folders-- > 0)
        return (int)syscall(SYS_mkdirat, at, path, mode);
    errno = EDQUOT;
    return -1;
}

static char root[64];

static int setup(void **state)
{
    (void)state;
    forbidden = -1;
    folders = 100;
    snprintf(root, sizeof root, "/tmp/medic-test-files-XXXXXX");
    return mkdtemp(root) && !setenv("TMPDIR", root, 1) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    forbidden = -1;
    return scratch_remove(root);
}

static void put_file(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", root, name);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static void assert_refused(int child, const char *path, int code, const char *sentence)
{
    struct files files;
    medic_reason why = {""};
    files_init(&files);
    assert_int_equal(child ? files_open_child(&files, path, &why) : files_open(&files, path, &why), code);
    assert_text_has(why.text, sentence);
    files_close(&files);
}

static void the_temporary_folder_has_to_be_there(void **state)
{
    (void)state;
    setenv("TMPDIR", "/nowhere", 1);
    assert_refused(0, "", MEDIC_E_IO, "cannot open the temporary folder /nowhere: No such file");
}

static void the_temporary_folder_has_to_have_a_name_of_some_length(void **state)
{
    char path[CONFIG_PATH_MAX + 1];
    (void)state;
    memset(path, '/', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    setenv("TMPDIR", path, 1);
    assert_refused(0, "", MEDIC_E_ARGUMENT, "the temporary folder's path is longer than");
}

static void a_file_in_the_place_of_the_folder_is_not_used(void **state)
{
    char name[32];
    (void)state;
    snprintf(name, sizeof name, "medic-%u", geteuid());
    put_file(name);
    assert_refused(0, "", MEDIC_E_IO, "cannot make the folder");
}

static void a_kernel_without_random_numbers_is_told(void **state)
{
    (void)state;
    forbidden = SYS_getrandom;
    assert_refused(0, "", MEDIC_E_IO, "no random number from the kernel: Operation not permitted");
}

static void a_folder_that_cannot_be_looked_at_is_told(void **state)
{
    (void)state;
    forbidden = SYS_newfstatat;
    assert_refused(0, root, MEDIC_E_IO, "cannot look at the session folder");
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    (void)state;
    assert_refused(0, "/nowhere", MEDIC_E_IO, "cannot open the session folder /nowhere: No such file");
    assert_refused(1, "/nowhere", MEDIC_E_IO, "cannot open the session folder /nowhere: No such file");
}

static void a_folder_for_a_child_has_to_fit(void **state)
{
    char path[CONFIG_PATH_MAX];
    size_t size = strlen(root);
    (void)state;
    memset(path, '/', sizeof path);
    memcpy(path, root, size);
    path[sizeof path - 4] = '\0'; /* slashes behind the name change nothing */
    assert_refused(1, path, MEDIC_E_ARGUMENT, "session= is longer than");
}

static void a_folder_has_to_be_made(void **state)
{
    (void)state;
    folders = 1; /* that above it */
    assert_refused(0, "", MEDIC_E_IO, "cannot make the session folder");
    folders = 0;
    assert_refused(1, root, MEDIC_E_IO, "cannot make the session folder");
}

static void a_lease_that_cannot_be_shared_is_told(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/lease", root);
    assert_int_equal(mkdir(path, 0700), 0); /* no folder can be linked */
    assert_refused(1, root, MEDIC_E_IO, "cannot share the lease in");
}

/* ---- a copy of the process writes ---- */

static off_t size_of(const struct files *files)
{
    struct stat st;
    assert_int_equal(fstat(files->capture, &st), 0);
    return st.st_size;
}

static void what_a_copy_wrote_is_kept_or_taken_back(void **state)
{
    static const uint64_t word = 7;
    struct files files;
    uint64_t mark;
    (void)state;
    files_init(&files);
    assert_int_equal(files_open(&files, "", NULL), MEDIC_OK);
    assert_int_equal(files_begin(&files, 0, NULL), MEDIC_OK);
    assert_int_equal(files_write_record(&files, 300, &word, 8, NULL, 0), MEDIC_OK);
    assert_int_equal(files_lend(&files, &mark), MEDIC_OK);
    assert_int_equal(mark, 24);
    assert_int_equal(size_of(&files), 24);

    assert_int_equal(write(files.capture, "abcdefgh12345678", 16), 16); /* as a copy does, behind the core's back */
    assert_int_equal(files_take_back(&files, mark, 0), MEDIC_OK);
    assert_int_equal(size_of(&files), 24);
    assert_int_equal(write(files.capture, "abcdefgh12345678", 16), 16);
    assert_int_equal(files_take_back(&files, mark, 8), MEDIC_OK);
    assert_int_equal(files.written, 32);
    assert_int_equal(files_write_record(&files, 301, &word, 8, NULL, 0), MEDIC_OK);
    assert_int_equal(files_flush(&files), MEDIC_OK);
    assert_int_equal(size_of(&files), 56);
    assert_int_equal(files.written, 56);

    assert_true(files_room(&files) > 1000000);
    files_close(&files);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_temporary_folder_has_to_be_there),
        TEST(the_temporary_folder_has_to_have_a_name_of_some_length),
        TEST(a_file_in_the_place_of_the_folder_is_not_used),
        TEST(a_kernel_without_random_numbers_is_told),
        TEST(a_folder_that_cannot_be_looked_at_is_told),
        TEST(a_folder_that_is_not_there_is_told),
        TEST(a_folder_for_a_child_has_to_fit),
        TEST(a_folder_has_to_be_made),
        TEST(a_lease_that_cannot_be_shared_is_told),
        TEST(what_a_copy_wrote_is_kept_or_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
