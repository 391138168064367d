/* Native code of the patient's mode `signals`, loaded by P/Invoke: what a program may do that a signal of somebody else
 * disturbs. Everything is counted; signals_tell prints the counters as JSON. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { GRINDERS = 24, ALTERNATE = 12, WAIT_MS = 40, ALTSTACK_BYTES = 64 * 1024, PROF_US = 10000 };

#define PUBLIC __attribute__((visibility("default")))

static atomic_long prof, prof_foreign;         /* our SIGPROF handler: by our timer; by anything else */
static atomic_long waits, interrupted;         /* of the threads that only wait */
static atomic_long alternate, alternate_wrong; /* handlers that ran on an alternate stack; elsewhere */
static atomic_long grinds, errno_changed;      /* rounds of the native threads; errno that changed under them */
static atomic_uint sink;

static int start_thread(void *(*body)(void *), void *argument, const char *name)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, body, argument);
    if (error)
        return error;
    pthread_setname_np(thread, name);
    return pthread_detach(thread);
}

/* ---- calls that a signal would interrupt ---- */

static int pipe_ends[2]; /* nobody ever writes */
static int feed_ends[2]; /* somebody writes now and then */
static int epoll_fd;
static sem_t nobody_posts;

static struct timespec wait_time(void)
{
    return (struct timespec){.tv_nsec = WAIT_MS * 1000000L};
}

static int by_nanosleep(void)
{
    struct timespec time = wait_time();
    return nanosleep(&time, NULL);
}

static int by_poll(void)
{
    struct pollfd fd = {.fd = pipe_ends[0], .events = POLLIN};
    return poll(&fd, 1, WAIT_MS);
}

static int by_epoll(void)
{
    struct epoll_event event;
    return epoll_wait(epoll_fd, &event, 1, WAIT_MS);
}

static int by_select(void)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pipe_ends[0], &set);
    struct timeval time = {.tv_usec = WAIT_MS * 1000L};
    return select(pipe_ends[0] + 1, &set, NULL, NULL, &time);
}

static int by_read(void)
{
    char byte;
    return (int)read(feed_ends[0], &byte, 1);
}

static int by_semaphore(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WAIT_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    return sem_timedwait(&nobody_posts, &until);
}

static int by_sigtimedwait(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    struct timespec time = wait_time();
    return sigtimedwait(&set, NULL, &time);
}

static int (*const ways[])(void) = {by_nanosleep, by_poll, by_epoll, by_select, by_read, by_semaphore, by_sigtimedwait};

static void *wait_for_ever(void *argument)
{
    int (*const *way)(void) = argument;
    for (;;) {
        if ((*way)() < 0 && errno == EINTR)
            interrupted++;
        waits++;
    }
    return NULL;
}

static void *feed(void *unused)
{
    (void)unused;
    for (;;) {
        by_nanosleep();
        if (write(feed_ends[1], "x", 1) != 1)
            return NULL;
    }
}

static int start_waiting(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0 || pipe2(pipe_ends, 0) || pipe2(feed_ends, 0) || sem_init(&nobody_posts, 0, 0))
        return errno;
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pipe_ends[0], &event))
        return errno;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        int error = start_thread(wait_for_ever, (void *)&ways[i], "native waiter");
        if (error)
            return error;
    }
    return start_thread(feed, NULL, "native feeder");
}

/* ---- native threads that compute, half of them on an alternate signal stack as well ---- */

static __thread char *alternate_stack;

PUBLIC __attribute__((noinline)) void signals_grind(long ns)
{
    struct timespec begin, now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    unsigned x = 1;
    do {
        for (int i = 0; i < 20000; i++)
            x = x * 1664525u + 1013904223u;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while ((now.tv_sec - begin.tv_sec) * 1000000000L + now.tv_nsec - begin.tv_nsec < ns);
    sink = x;
}

static void on_alternate_stack(int number)
{
    char here;
    uintptr_t offset = (uintptr_t)&here - (uintptr_t)alternate_stack;
    (void)number;
    atomic_fetch_add(alternate_stack && offset < ALTSTACK_BYTES ? &alternate : &alternate_wrong, 1);
    int before = errno;
    signals_grind(1000000);
    errno = before;
}

static void *grind(void *argument)
{
    static char stacks[ALTERNATE][ALTSTACK_BYTES];
    intptr_t number = (intptr_t)argument;
    if (number < ALTERNATE) {
        stack_t stack = {.ss_sp = stacks[number], .ss_size = ALTSTACK_BYTES};
        alternate_stack = stacks[number];
        sigaltstack(&stack, NULL);
    }
    for (;;) {
        errno = E2BIG;
        signals_grind(1000000);
        if (errno != E2BIG)
            errno_changed++;
        if (number < ALTERNATE)
            pthread_kill(pthread_self(), SIGUSR1);
        struct timespec rest = {.tv_nsec = 60000000};
        nanosleep(&rest, NULL);
        grinds++;
    }
    return NULL;
}

static int start_grinding(void)
{
    struct sigaction action = {.sa_handler = on_alternate_stack, .sa_flags = SA_ONSTACK};
    if (sigaction(SIGUSR1, &action, NULL))
        return errno;
    for (intptr_t i = 0; i < GRINDERS; i++) {
        int error = start_thread(grind, (void *)i, i < ALTERNATE ? "native altstack" : "native grinder");
        if (error)
            return error;
    }
    return 0;
}

/* ---- a SIGPROF handler of our own ---- */

static struct sigaction before_us;

static void on_prof(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    /* The kernel's interval timer says SI_KERNEL; whatever else arrives here was meant for somebody else. */
    atomic_fetch_add(info->si_code == SI_KERNEL ? &prof : &prof_foreign, 1);
}

PUBLIC int signals_install(void)
{
    struct sigaction action = {.sa_sigaction = on_prof, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct itimerval every = {{0, PROF_US}, {0, PROF_US}};
    return sigaction(SIGPROF, &action, &before_us) || setitimer(ITIMER_PROF, &every, NULL) ? errno : 0;
}

PUBLIC int signals_remove(void)
{
    struct itimerval never = {{0, 0}, {0, 0}};
    if (setitimer(ITIMER_PROF, &never, NULL))
        return errno;
    struct timespec grace = {.tv_nsec = 50000000};
    nanosleep(&grace, NULL);
    return sigaction(SIGPROF, &before_us, NULL) ? errno : 0;
}

PUBLIC int signals_start(void)
{
    int error = start_waiting();
    return error ? error : start_grinding();
}

static const char *whose_handler(void)
{
    struct sigaction now;
    if (sigaction(SIGPROF, NULL, &now))
        return "unknown";
    if (now.sa_handler == SIG_DFL)
        return "default";
    if (now.sa_handler == SIG_IGN)
        return "ignored";
    return now.sa_sigaction == on_prof ? "own" : "foreign";
}

PUBLIC int signals_tell(char *text, int size)
{
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return snprintf(
        text, (size_t)size,
        "{\"cpuNs\":%lld,\"prof\":%ld,\"profForeign\":%ld,\"handler\":\"%s\",\"waits\":%ld,\"interrupted\":%ld,"
        "\"alternate\":%ld,\"alternateWrong\":%ld,\"grinds\":%ld,\"errnoChanged\":%ld}",
        cpu.tv_sec * 1000000000LL + cpu.tv_nsec, prof, prof_foreign, whose_handler(), waits, interrupted, alternate,
        alternate_wrong, grinds, errno_changed);
}
