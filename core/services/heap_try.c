#include "core/services/heap_try.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Of the copy, which has one thread. */
static struct {
    sigjmp_buf back;
    volatile sig_atomic_t trying, late;
    int timer, open;
} attempt;

/* Not SIGALRM: that one ends the copy. And not SIGABRT below: glibc takes a lock for it. */
enum { LATE_SIGNAL = SIGVTALRM };
static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};

static void on_signal(int number)
{
    if (number == LATE_SIGNAL)
        attempt.late = 1;
    if (attempt.trying)
        siglongjmp(attempt.back, 1);
    if (number != LATE_SIGNAL)
        _exit(128 + number);
}

static int take(int number)
{
    struct sigaction own;

    memset(&own, 0, sizeof own);
    own.sa_handler = on_signal;
    own.sa_flags = SA_NODEFER; /* the handler is left by a jump */
    return sigaction(number, &own, NULL) == 0;
}

int heap_try_open(void)
{
    struct sigevent event;
    sigset_t wanted;
    int ok = take(LATE_SIGNAL);

    if (attempt.open)
        return 1;
    sigemptyset(&wanted);
    sigaddset(&wanted, LATE_SIGNAL);
    for (size_t i = 0; i < sizeof fault_signals / sizeof fault_signals[0]; i++) {
        ok = ok && take(fault_signals[i]);
        sigaddset(&wanted, fault_signals[i]);
    }
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = LATE_SIGNAL;
    /* Not glibc's, which allocates. */
    attempt.open = ok && syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &attempt.timer) == 0 &&
                   sigprocmask(SIG_UNBLOCK, &wanted, NULL) == 0;
    return attempt.open;
}

void heap_try_limit(uint64_t ns)
{
    struct itimerspec when;

    memset(&when, 0, sizeof when);
    when.it_value.tv_sec = (time_t)(ns / UINT64_C(1000000000));
    when.it_value.tv_nsec = (long)(ns % UINT64_C(1000000000));
    attempt.late = 0;
    syscall(SYS_timer_settime, attempt.timer, 0, &when, NULL);
}

int heap_try_is_late(void)
{
    return attempt.late != 0;
}

enum heap_tried heap_try(void (*step)(void *context), void *context)
{
    if (attempt.late)
        return HEAP_TRIED_LATE;
    if (sigsetjmp(attempt.back, 0) != 0) {
        attempt.trying = 0;
        return attempt.late ? HEAP_TRIED_LATE : HEAP_TRIED_FAULT;
    }
    attempt.trying = 1;
    step(context);
    attempt.trying = 0;
    return HEAP_TRIED_OK;
}
