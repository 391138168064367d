#include "tool/launch_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- signals ---- */

/* What the terminal sends goes to the whole process group, the program included: those only must not end us before we have
 * reported. What a process sends to us is meant for the program. */
static const int passed_on[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH, SIGTSTP};
enum { PASSED_ON = sizeof passed_on / sizeof *passed_on };

static struct sigaction before[PASSED_ON], before_child;
static volatile sig_atomic_t program_pid, interrupts;

/* SI_USER and the like: from kill(2), not from the kernel. */
static bool is_from_process(const siginfo_t *info)
{
    return info->si_code <= 0;
}

static void count_interrupt(int number)
{
    if (number != SIGINT && number != SIGTERM && number != SIGHUP)
        return;
    if (++interrupts == 3) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    int error = errno;
    pid_t pid = program_pid;
    (void)context;
    if (!pid)
        count_interrupt(number);
    else if (is_from_process(info) && info->si_pid != pid)
        kill(pid, number);
    errno = error;
}

static sigset_t passed_on_set(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < PASSED_ON; i++)
        sigaddset(&set, passed_on[i]);
    return set;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < PASSED_ON; i++)
        sigaction(passed_on[i], &action, &before[i]);
    sigaction(SIGCHLD, &usual, &before_child); /* ignored, it would hide how the program ended */
}

static void give_signals_back(void)
{
    for (size_t i = 0; i < PASSED_ON; i++)
        sigaction(passed_on[i], &before[i], NULL);
    sigaction(SIGCHLD, &before_child, NULL);
}

/* ---- the start ---- */

/* In the child: never returns. */
static void become(char *const *command, char *const *environment, const struct program_inheritance *inheritance,
                   const sigset_t *mask, int answer)
{
    umask(inheritance->umask);
    give_signals_back();
    sigaction(SIGPIPE, &inheritance->sigpipe, NULL);
    for (int fd = 0; fd < 3; fd++)
        if (inheritance->closed[fd])
            close(fd);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvpe(command[0], command, environment);
    int error = errno;
    while (write(answer, &error, sizeof error) < 0 && errno == EINTR) {
    }
    _exit(127);
}

/* 0, or the errno of an exec that failed. */
static int read_answer(int fd)
{
    int error = 0;
    ssize_t got;
    do
        got = read(fd, &error, sizeof error);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof error ? error : 0;
}

static int explain(medic_reason *why, int error, const char *name)
{
    struct stat about;
    bool there = strchr(name, '/') && !stat(name, &about);
    if (error == ENOENT && there)
        return medic_fail(why, MEDIC_E_DENIED,
                          "cannot run %.300s: the interpreter or loader that it names is not there", name);
    if (error == ENOENT)
        return medic_fail(why, MEDIC_E_NOT_FOUND, "cannot run %.300s: there is no such command%s", name,
                          strchr(name, '/') ? "" : " in PATH; a program of this folder is started with ./");
    if (there && S_ISDIR(about.st_mode))
        return medic_fail(why, MEDIC_E_DENIED, "cannot run %.300s: it is a folder: name the program in it", name);
    if (error == EACCES)
        return medic_fail(why, MEDIC_E_DENIED,
                          "cannot run %.300s: it may not be executed: chmod +x, or `dotnet` before a .dll", name);
    return medic_fail(why, MEDIC_E_DENIED, "cannot run %.300s: %s", name, strerror(error));
}

static int start(struct program *program, char *const *command, char *const *environment,
                 const struct program_inheritance *inheritance, const sigset_t *mask, medic_reason *why)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return medic_fail(why, MEDIC_E_FAIL, "cannot start %.300s: %s", command[0], strerror(errno));
    fflush(NULL);
    program->pid = fork();
    if (program->pid == 0)
        become(command, environment, inheritance, mask, ends[1]);
    int error = errno;
    close(ends[1]);
    if (program->pid < 0) {
        close(ends[0]);
        return medic_fail(why, MEDIC_E_FAIL, "cannot start %.300s: %s", command[0], strerror(error));
    }
    error = read_answer(ends[0]);
    close(ends[0]);
    if (!error)
        return MEDIC_OK;
    while (waitpid(program->pid, &program->status, 0) < 0 && errno == EINTR) {
    }
    return explain(why, error, command[0]);
}

int program_start(struct program *program, char *const *command, char *const *environment,
                  const struct program_inheritance *inheritance, medic_reason *why)
{
    sigset_t held = passed_on_set(), mask;
    *program = (struct program){.pidfd = -1};
    sigprocmask(SIG_BLOCK, &held, &mask);
    catch_signals();
    int code = start(program, command, environment, inheritance, &mask, why);
    if (code == MEDIC_OK) {
        program_pid = program->pid;
        program->pidfd = (int)syscall(SYS_pidfd_open, program->pid, 0);
    } else {
        give_signals_back();
    }
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return code;
}

/* ---- the wait ---- */

/* As the terminal's stop would have stopped us; returns when we are continued. */
static void stop_too(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL}, own;
    sigaction(SIGTSTP, &usual, &own);
    raise(SIGTSTP);
    sigaction(SIGTSTP, &own, NULL);
}

bool program_wait(struct program *program, int timeout_ms)
{
    struct pollfd end = {.fd = program->pidfd, .events = POLLIN};
    sigset_t held = passed_on_set(), mask;
    int status;
    if (program->ended)
        return false;
    poll(&end, program->pidfd >= 0, timeout_ms);
    sigprocmask(SIG_BLOCK, &held, &mask); /* no signal may go to a number that is somebody else's by then */
    pid_t got = waitpid(program->pid, &status, WNOHANG | WUNTRACED);
    bool stopped = got == program->pid && WIFSTOPPED(status);
    if (got == program->pid && !stopped) {
        program->ended = true;
        program->status = status;
        program_pid = 0;
        if (program->pidfd >= 0)
            close(program->pidfd);
        program->pidfd = -1;
    }
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (stopped && WSTOPSIG(status) == SIGTSTP)
        stop_too();
    return !program->ended;
}

int program_exit_code(const struct program *program)
{
    return WIFSIGNALED(program->status) ? 128 + WTERMSIG(program->status) : WEXITSTATUS(program->status);
}

int program_interrupts(void *unused)
{
    (void)unused;
    return interrupts;
}
