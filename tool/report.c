#include "tool/report.h"

#include "tool/report_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_MS 60000

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* 1 = something can be read, 0 = the deadline has passed. */
static int wait_readable(int fd, int64_t deadline_ms)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left = deadline_ms - now_ms();
        if (left <= 0)
            return 0;
        int got = poll(&ready, 1, (int)left);
        if (got > 0)
            return 1;
        if (got < 0 && errno != EINTR)
            return 0;
    }
}

/* 1 = a whole answer, 0 = the child ended without one, -1 = the deadline has passed. */
static int read_answer(int fd, struct report_answer *answer)
{
    int64_t deadline_ms = now_ms() + DEADLINE_MS;
    for (size_t done = 0; done < sizeof *answer;) {
        if (!wait_readable(fd, deadline_ms))
            return -1;
        ssize_t got = read(fd, (char *)answer + done, sizeof *answer - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        done += (size_t)got;
    }
    answer->reason.text[sizeof answer->reason.text - 1] = '\0';
    return answer->magic == REPORT_ANSWER_MAGIC && answer->code <= 0;
}

static const char *signal_name(int number, char room[32])
{
#ifdef __GLIBC__
    const char *abbreviation = sigabbrev_np(number);
    snprintf(room, 32, "SIG%s", abbreviation ? abbreviation : "?");
#else
    snprintf(room, 32, "signal %d", number);
#endif
    return room;
}

static int judge_silence(int status, const char *plugin, medic_reason *why)
{
    char room[32];
    if (!WIFSIGNALED(status))
        return medic_fail(why, MEDIC_E_FAIL,
                          "the report half of %s ended its process (exit code %d); the capture is kept", plugin,
                          WEXITSTATUS(status));
    int number = WTERMSIG(status);
    if (number == SIGINT || number == SIGTERM || number == SIGHUP)
        return medic_fail(why, MEDIC_E_STOPPED, "the report was interrupted; the capture is kept");
    if (number == SIGXCPU)
        return medic_fail(why, MEDIC_E_TIMEOUT, "the report half of %s used up its CPU time; the capture is kept",
                          plugin);
    return medic_fail(why, MEDIC_E_FAIL, "the report half of %s crashed (%s); the capture is kept", plugin,
                      signal_name(number, room));
}

/* Takes the child's answer and its end; nothing of it is left behind. */
static int finish(pid_t child, int answer_fd, const char *plugin, medic_reason *why)
{
    struct report_answer answer = {0};
    int status = 0, got = read_answer(answer_fd, &answer);
    if (got != 0)
        kill(child, SIGKILL); /* it has said all it will, or hangs */
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (got < 0)
        return medic_fail(why, MEDIC_E_TIMEOUT, "the report half of %s did not finish within %d s; the capture is kept",
                          plugin, DEADLINE_MS / 1000);
    if (got == 0)
        return judge_silence(status, plugin, why);
    if (why)
        *why = answer.reason;
    return answer.code;
}

int report_make(int dirfd, const char *plugin_file, medic_reason *why)
{
    const char *slash = strrchr(plugin_file, '/');
    int ends[2];
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC))
        return medic_fail(why, MEDIC_E_FAIL, "cannot make the report: %s", strerror(errno));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        report_child(dirfd, ends[1], plugin_file, parent);
    int error = errno;
    close(ends[1]);
    int result = child < 0 ? medic_fail(why, MEDIC_E_FAIL, "cannot start a process for the report: %s", strerror(error))
                           : finish(child, ends[0], slash ? slash + 1 : plugin_file, why);
    close(ends[0]);
    return result;
}
