#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/session_file.h"

static int new_file(void)
{
    int fd = memfd_create("session", 0);
    assert_true(fd >= 0);
    return fd;
}

static medic_status sample(void)
{
    medic_status status;
    memset(&status, 0, sizeof status);
    status.sequence = 7;
    status.state = MEDIC_SESSION_RUNNING;
    status.progress = -1;
    status.cost.callbacks = 1234;
    memcpy(status.text, "recording", sizeof "recording");
    return status;
}

static void a_status_is_read_back_as_written(void **state)
{
    (void)state;
    int fd = new_file();
    medic_status out = sample(), in;
    assert_int_equal(status_write(fd, &out), MEDIC_OK);
    assert_int_equal(status_read(fd, &in), MEDIC_OK);
    assert_memory_equal(&in, &out, sizeof in);
    assert_int_equal(in.magic, MEDIC_STATUS_MAGIC);
    assert_int_equal(in.size, sizeof in);
    close(fd);
}

static void a_rewrite_replaces_the_status(void **state)
{
    (void)state;
    int fd = new_file();
    medic_status out = sample(), in;
    assert_int_equal(status_write(fd, &out), MEDIC_OK);
    out.sequence++;
    out.state = MEDIC_SESSION_CAPTURED;
    assert_int_equal(status_write(fd, &out), MEDIC_OK);
    assert_int_equal(status_read(fd, &in), MEDIC_OK);
    assert_int_equal(in.sequence, 8);
    assert_int_equal(lseek(fd, 0, SEEK_END), sizeof in);
    close(fd);
}

static void a_request_is_read_back_as_written(void **state)
{
    (void)state;
    int fd = new_file();
    medic_request out = {.sequence = 3, .command = MEDIC_REQUEST_STOP}, in;
    assert_int_equal(request_write(fd, &out), MEDIC_OK);
    assert_int_equal(request_read(fd, &in), MEDIC_OK);
    assert_memory_equal(&in, &out, sizeof in);
    close(fd);
}

static void an_empty_file_is_not_there_yet(void **state)
{
    (void)state;
    int fd = new_file();
    medic_status status;
    medic_request request;
    assert_int_equal(status_read(fd, &status), MEDIC_E_NOT_FOUND);
    assert_int_equal(request_read(fd, &request), MEDIC_E_NOT_FOUND);
    close(fd);
}

static void a_flipped_bit_anywhere_is_noticed(void **state)
{
    (void)state;
    int fd = new_file();
    medic_status out = sample(), in;
    status_seal(&out);
    for (size_t bit = 0; bit < sizeof out * 8; bit++) {
        medic_status torn = out;
        ((unsigned char *)&torn)[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_int_equal(pwrite(fd, &torn, sizeof torn, 0), sizeof torn);
        memset(&in, 0x55, sizeof in);
        medic_status before = in;
        assert_int_equal(status_read(fd, &in), MEDIC_E_CORRUPT);
        assert_memory_equal(&in, &before, sizeof in);
    }
    close(fd);
}

static void a_cut_file_is_corrupt(void **state)
{
    (void)state;
    int fd = new_file();
    medic_request out = {.sequence = 3, .command = MEDIC_REQUEST_STOP}, in;
    assert_int_equal(request_write(fd, &out), MEDIC_OK);
    for (size_t size = sizeof out - 1; size > 0; size--) {
        assert_int_equal(ftruncate(fd, (off_t)size), 0);
        assert_int_equal(request_read(fd, &in), MEDIC_E_CORRUPT);
    }
    close(fd);
}

static void a_status_is_no_request(void **state)
{
    (void)state;
    int fd = new_file();
    medic_status out = sample();
    medic_request in;
    assert_int_equal(status_write(fd, &out), MEDIC_OK);
    assert_int_equal(request_read(fd, &in), MEDIC_E_CORRUPT);
    close(fd);
}

static void a_status_text_always_ends(void **state)
{
    (void)state;
    int fd = new_file();
    medic_status out = sample(), in;
    memset(out.text, 'x', sizeof out.text);
    assert_int_equal(status_write(fd, &out), MEDIC_OK);
    assert_int_equal(status_read(fd, &in), MEDIC_OK);
    assert_int_equal(strlen(in.text), sizeof in.text - 1);
    close(fd);
}

static void a_write_that_fails_keeps_errno(void **state)
{
    (void)state;
    medic_status out = sample();
    errno = 0;
    assert_int_equal(status_write(-1, &out), MEDIC_E_IO);
    assert_int_equal(errno, EBADF);
    errno = 0;
    assert_int_equal(status_read(-1, &out), MEDIC_E_IO);
    assert_int_equal(errno, EBADF);
}

/* A file size limit makes the kernel write less than asked for, as a disk does that fills up. */
static void a_write_cut_short_is_a_full_disk(void **state)
{
    (void)state;
    char path[] = "/tmp/medic-session-XXXXXX";
    int fd = mkstemp(path);
    struct rlimit old, small;
    medic_status out = sample();
    assert_true(fd >= 0);
    unlink(path);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 100;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int code = status_write(fd, &out), error = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(code, MEDIC_E_IO);
    assert_int_equal(error, ENOSPC);
    close(fd);
}

static void states_and_reasons_have_words(void **state)
{
    (void)state;
    assert_string_equal(session_state_text(MEDIC_SESSION_RUNNING), "running");
    assert_string_equal(session_state_text(MEDIC_SESSION_ENDED), "ended");
    assert_string_equal(session_state_text(MEDIC_SESSION_INERT), "inert");
    assert_string_equal(session_state_text(MEDIC_SESSION_INERT + 1), "unknown");
    assert_string_equal(session_state_text(UINT32_MAX), "unknown");
    assert_string_equal(end_reason_text(MEDIC_END_DURATION), "duration");
    assert_string_equal(end_reason_text(MEDIC_END_REQUEST), "stop request");
    assert_string_equal(end_reason_text(MEDIC_END_FAILED + 1), "unknown");
    for (uint32_t i = 0; i <= MEDIC_SESSION_INERT; i++)
        assert_non_null(session_state_text(i));
    for (uint32_t i = 0; i <= MEDIC_END_FAILED; i++)
        assert_non_null(end_reason_text(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_is_read_back_as_written),
        cmocka_unit_test(a_rewrite_replaces_the_status),
        cmocka_unit_test(a_request_is_read_back_as_written),
        cmocka_unit_test(an_empty_file_is_not_there_yet),
        cmocka_unit_test(a_flipped_bit_anywhere_is_noticed),
        cmocka_unit_test(a_cut_file_is_corrupt),
        cmocka_unit_test(a_status_is_no_request),
        cmocka_unit_test(a_status_text_always_ends),
        cmocka_unit_test(a_write_that_fails_keeps_errno),
        cmocka_unit_test(a_write_cut_short_is_a_full_disk),
        cmocka_unit_test(states_and_reasons_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
