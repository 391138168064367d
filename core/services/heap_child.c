/* Runs in a copy of the process that has one thread, while any lock of libc may be held by a thread that is not there: system
 * calls only. */
#include "core/services/heap_child.h"

#include "core/dispatch.h"
#include "core/os.h"
#include "core/services/heap_sink.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { SIGNALS = 64, EXIT_FAILED = 1 };

void heap_child_free(struct heap_child *child)
{
    code_memory_close(&child->memory);
}

int heap_child_prepare(struct heap_child *child, struct heap_sink *sink, uint64_t life_ns, medic_reason *why)
{
    int code;

    *child = (struct heap_child){.sink = sink, .life_ns = life_ns, .target_pid = os_process_id()};
    code = code_memory_open(&child->memory, why);
    if (code == MEDIC_OK)
        code = code_memory_copy(&child->memory, why);
    if (code != MEDIC_OK)
        heap_child_free(child);
    return code;
}

/* The kernel's own struct, whose call needs no lock. */
struct kernel_sigaction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

/* No handler of the program or of the runtime runs here: a crash of the copy is its silent end. Only the alarm is let in. */
static void silence(void)
{
    uint64_t all = ~UINT64_C(0), all_but_alarm = all & ~(UINT64_C(1) << (SIGALRM - 1));
    struct kernel_sigaction by_default = {.handler = SIG_DFL};

    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
    for (int number = 1; number <= SIGNALS; number++)
        syscall(SYS_rt_sigaction, number, &by_default, NULL, sizeof by_default.mask);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all_but_alarm, NULL, sizeof all_but_alarm);
}

/* It ends with the thread that made it, and at the latest when its time is up. */
static void limit_life(const struct heap_child *child)
{
    struct itimerval end = {.it_value = {(time_t)(child->life_ns / UINT64_C(1000000000)) + 1, 0}};

    syscall(SYS_setitimer, ITIMER_REAL, &end, NULL);
    syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if ((uint32_t)syscall(SYS_getppid) != child->target_pid)
        syscall(SYS_exit_group, EXIT_FAILED);
}

/* Of all that the target and its neighbours are, this process is the one to lose. */
static void volunteer(void)
{
    static const char most[] = "1000";
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);

    if (fd < 0)
        return; /* without /proc it is as likely as the target */
    syscall(SYS_write, fd, most, sizeof most - 1);
    syscall(SYS_close, fd);
}

struct directory_entry {
    uint64_t inode;
    int64_t offset;
    uint16_t size;
    uint8_t type;
    char name[];
};

static int number_of(const char *name)
{
    int number = 0;

    for (; *name >= '0' && *name <= '9'; name++)
        number = number * 10 + (*name - '0');
    return *name ? -1 : number;
}

/* For kernels and filters without close_range. */
static void close_listed(int first, int second)
{
    _Alignas(8) char entries[4096];
    int folder = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    long got;

    while (folder >= 0 && (got = syscall(SYS_getdents64, folder, entries, sizeof entries)) > 0) {
        for (long at = 0; at < got;) {
            struct directory_entry *entry = (void *)(entries + at);
            int fd = entry->name[0] == '.' ? -1 : number_of(entry->name);

            at += entry->size;
            if (fd >= 0 && fd != first && fd != second && fd != folder)
                syscall(SYS_close, fd);
        }
    }
    if (folder >= 0)
        syscall(SYS_close, folder);
}

static int close_between(int first, int last)
{
    return first > last || syscall(SYS_close_range, (unsigned)first, (unsigned)last, 0) == 0;
}

/* The program's sockets and locks must not live on in here. a and b stay; either may be -1. */
static void close_all_but(int a, int b)
{
    int low = a < b ? a : b, high = a < b ? b : a;

    if (!close_between(0, low - 1) || !close_between(low + 1, high - 1) || !close_between(high + 1, INT32_MAX))
        close_listed(a, b);
}

static _Noreturn void end(int code)
{
    for (;;)
        syscall(SYS_exit_group, code);
}

void heap_child_begin(const struct heap_child *child)
{
    struct heap_sink *sink = child->sink;
    struct code_memory memory = child->memory;
    medic_reason why;

    atomic_store(&sink->shared->phase, HEAP_PREPARING);
    silence();
    limit_life(child);
    volunteer();
    dispatch_close();
    if (code_memory_unshare(&memory, sink->shared, sizeof *sink->shared, &why) != MEDIC_OK) {
        heap_sink_fail(sink, MEDIC_E_DENIED, "%s", why.text); /* no other copy would fare better */
        end(EXIT_FAILED);
    }
    atomic_store(&sink->shared->phase, HEAP_SAFE);
    close_all_but(sink->plan.capture, memory.fd);
    syscall(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0); /* a crash of the copy would be taken for one of the program */
}

void heap_child_end(const struct heap_child *child)
{
    heap_sink_end(child->sink);
    end(heap_sink_failed(child->sink) ? EXIT_FAILED : 0);
}
