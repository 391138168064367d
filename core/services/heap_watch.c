/* The copy as the target's worker sees it. */
#include "core/services/heap_watch.h"

#include "core/os.h"
#include "core/services/heap_memory.h"
#include "core/services/heap_routes.h"
#include "core/session.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

#define POLL_NS (1 * MS) /* at first; then a tenth of the copy's age, up to */
#define POLL_MAX_NS (20 * MS)
#define MEMORY_NS (40 * MS)
#define CLIENT_NS (100 * MS)
#define PUBLISH_NS (250 * MS)
/* A copy that sleeps waits for a thread that it has not. A collection by one thread has nothing to wait for; the rest may, for
 * the disk. It has to be seen asleep so often in a row, because the whole container may be frozen for a while. */
#define ASLEEP_EARLY_NS (100 * MS)
#define ASLEEP_NS (3 * SECOND)
enum { ASLEEP_LOOKS = 5 };
#define COMPUTES_NS (10 * SECOND) /* CPU time without progress */
#define COLLECT_NS (3 * SECOND)   /* CPU time of a collection, and for each GB */
#define COLLECT_NS_PER_GB (8 * SECOND)

void heap_life_begin(struct heap_life *life, uint64_t now_ns, uint64_t heap_bytes)
{
    *life = (struct heap_life){.moved_ns = now_ns,
                               .collect_ns = COLLECT_NS + (heap_bytes >> 20) * COLLECT_NS_PER_GB / 1024};
}

int heap_life_hangs(struct heap_life *life, const struct heap_pulse *pulse)
{
    uint64_t computes = pulse->telling ? COMPUTES_NS : life->collect_ns,
             asleep = pulse->telling ? ASLEEP_NS : ASLEEP_EARLY_NS;

    if (pulse->work != life->work) {
        life->work = pulse->work;
        life->moved_ns = pulse->now_ns;
        life->moved_cpu_ns = pulse->cpu_ns;
        life->asleep_seen = 0;
        return 0;
    }
    if (!pulse->asleep)
        life->asleep_seen = 0;
    else if (life->asleep_seen++ == 0)
        life->asleep_since_ns = pulse->now_ns;
    return (life->asleep_seen > ASLEEP_LOOKS && pulse->now_ns - life->asleep_since_ns > asleep) ||
           pulse->cpu_ns - life->moved_cpu_ns > computes;
}

int heap_watch_stat(const char *text, char *state, uint64_t *ticks, uint64_t *faults)
{
    const char *at = strrchr(text, ')');
    uint64_t fields[16];
    char *end;

    if (!at || at[1] != ' ' || !at[2])
        return 0;
    *state = at[2];
    at += 3;
    for (unsigned i = 4; i < 16; i++, at = end) { /* ppid is the fourth, stime the fifteenth; some are negative */
        fields[i] = strtoull(at, &end, 10);
        if (end == at)
            return 0;
    }
    *faults = fields[10];
    *ticks = fields[14] + fields[15];
    return 1;
}

int heap_watch_safe(const struct heap_take *take, uint64_t limit_ns)
{
    struct heap_shared *shared = take->sink->shared;
    uint64_t deadline = os_now_ns() + limit_ns;
    uint32_t phase;

    while ((phase = atomic_load(&shared->phase)) < HEAP_SAFE && os_now_ns() < deadline) {
        siginfo_t gone = {.si_pid = 0};

        /* Looked at only: it is waited for with what it used, later. */
        if ((syscall(SYS_waitid, P_PID, take->pid, &gone, WEXITED | WNOHANG | WNOWAIT | __WALL, NULL) != 0 &&
             errno != EINVAL) || /* before Linux 4.7 */
            gone.si_pid)
            return atomic_load(&shared->phase) == HEAP_SAFE;
        os_sleep_ns(50000);
    }
    if (phase < HEAP_SAFE)
        kill(take->pid, SIGKILL);
    return phase >= HEAP_SAFE && phase != HEAP_FAILED;
}

/* One copy, watched. */
struct watch {
    struct heap_take *take;
    struct heap_shared *shared;
    struct heap_life life;
    struct heap_floor floor;
    uint64_t born_ns, memory_ns, client_ns, published_ns;
    uint64_t heap_bytes;
    char stat_path[64];
};

static uint64_t work_of(const struct heap_shared *shared)
{
    return atomic_load(&shared->objects) + atomic_load(&shared->written) + atomic_load(&shared->class_count) +
           ((uint64_t)atomic_load(&shared->phase) << 56);
}

static void take_pulse(struct watch *watch, struct heap_pulse *pulse)
{
    char text[1024], state = '?';
    uint64_t ticks = 0, faults = 0, bytes;
    int fd = open(watch->stat_path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    heap_watch_stat(text, &state, &ticks, &faults);
    *pulse = (struct heap_pulse){
        .now_ns = os_now_ns(),
        .cpu_ns = ticks * (SECOND / (uint64_t)sysconf(_SC_CLK_TCK)),
        .work = work_of(watch->shared),
        .telling = atomic_load(&watch->shared->objects) > 0,
        .asleep = state == 'S' || state == 'T', /* or stopped */
    };
    /* Nearly every fault of a copy gives it one page of its own. */
    bytes = faults * (uint64_t)sysconf(_SC_PAGESIZE);
    if (bytes > watch->take->copy_memory_bytes)
        watch->take->copy_memory_bytes = bytes;
}

/* MEDIC_OK, or why the photograph ends here. */
static int check_session(struct watch *watch, uint64_t now, medic_reason *why)
{
    if (now - watch->client_ns >= CLIENT_NS) {
        watch->client_ns = now;
        session_check_client(now);
    }
    if (atomic_load(&session.exiting))
        return medic_fail(why, MEDIC_E_GONE, "the program ended while its heap was photographed");
    if (atomic_load(&session.end_reason) != MEDIC_END_NONE)
        return medic_fail(why, MEDIC_E_STOPPED, "the session ended while the heap was photographed");
    return MEDIC_OK;
}

static int check_memory(struct watch *watch, uint64_t now, medic_reason *why)
{
    struct heap_memory memory;

    if (now - watch->memory_ns < MEMORY_NS)
        return MEDIC_OK;
    watch->memory_ns = now;
    heap_memory_read(&memory);
    if (heap_memory_spare(&memory, &watch->floor) > 0)
        return MEDIC_OK;
    watch->take->hopeless = 1;
    return medic_fail(
        why, MEDIC_E_MEMORY,
        "memory became short: the copy had used %llu MB, and %llu MB were left to the program: raise the "
        "memory limit of the container, or free memory on the machine",
        (unsigned long long)watch->take->copy_memory_bytes >> 20,
        (unsigned long long)(memory.machine.left < memory.group.left ? memory.machine.left : memory.group.left) >> 20);
}

static int check_progress(struct watch *watch, medic_reason *why)
{
    struct heap_pulse pulse;

    take_pulse(watch, &pulse);
    if (heap_life_hangs(&watch->life, &pulse))
        return medic_fail(why, MEDIC_E_TIMEOUT, "the copy of the process hung %s",
                          pulse.telling ? "over its objects" : "before it told of an object");
    if (pulse.now_ns - watch->born_ns > watch->take->limit_ns)
        return medic_fail(why, MEDIC_E_TIMEOUT, "the photograph was not ready after %llu s",
                          (unsigned long long)(watch->take->limit_ns / SECOND));
    return MEDIC_OK;
}

/* A third of the time goes into the collection; it tells nothing. */
static void publish(struct watch *watch, uint64_t now)
{
    uint64_t bytes = atomic_load(&watch->shared->bytes), all = watch->heap_bytes ? watch->heap_bytes : 1;

    if (now - watch->published_ns < PUBLISH_NS)
        return;
    watch->published_ns = now;
    atomic_store(&session.progress, bytes >= all ? 950 : (int32_t)(bytes * 950 / all));
    session_publish(MEDIC_SESSION_RUNNING);
}

static uint64_t time_of(const struct timeval *t)
{
    return (uint64_t)t->tv_sec * SECOND + (uint64_t)t->tv_usec * 1000;
}

/* Why a copy has ended that nobody here has killed. */
static int explain_end(const struct heap_shared *shared, int known, int status, medic_reason *why)
{
    if (atomic_load(&shared->phase) == HEAP_FAILED)
        return medic_fail(why, atomic_load(&shared->code), "%.400s", shared->text);
    if (known && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return medic_fail(why, MEDIC_E_MEMORY, "the copy of the process was killed, probably for want of memory");
    return medic_fail(why, MEDIC_E_FAIL, "the copy of the process ended early (%s %d)",
                      known && WIFSIGNALED(status) ? "signal" : "exit code",
                      !known                ? -1
                      : WIFSIGNALED(status) ? WTERMSIG(status)
                                            : WEXITSTATUS(status));
}

/* What came of a copy that has ended. */
static int judge(struct watch *watch, int killed, int known, int status, medic_reason *why)
{
    if (killed == MEDIC_E_GONE)
        return killed; /* nobody is there to be asked for names */
    if (atomic_load(&watch->shared->phase) == HEAP_COMPLETE)
        return MEDIC_OK;
    if (!killed) /* else why is told */
        killed = explain_end(watch->shared, known, status, why);
    watch->take->is_cut = atomic_load(&watch->shared->durable) != 0;
    return watch->take->is_cut ? MEDIC_OK : killed;
}

int heap_watch_refused(struct heap_take *take, int error, medic_reason *why)
{
    take->pid = 0;
    take->hopeless = 1;
    return medic_fail(why, error == ENOMEM ? MEDIC_E_MEMORY : MEDIC_E_DENIED,
                      "the process cannot be copied: %s; look at its limit of processes (RLIMIT_NPROC, pids.max) "
                      "and at its seccomp filter",
                      strerror(error));
}

int heap_watch_run(struct heap_take *take, medic_reason *why)
{
    struct watch watch = {.take = take, .shared = take->sink->shared, .born_ns = take->sink->plan.head.time_ns};
    struct heap_memory memory;
    struct heap_size size;
    struct rusage usage = {0};
    int status = 0, killed = MEDIC_OK, known;
    pid_t got;

    heap_memory_read(&memory);
    heap_size_read(&size);
    watch.floor = take->floor;
    watch.heap_bytes = size.anonymous;
    heap_life_begin(&watch.life, os_now_ns(), size.anonymous);
    snprintf(watch.stat_path, sizeof watch.stat_path, "/proc/%d/stat", take->pid);
    while ((got = (pid_t)syscall(SYS_wait4, take->pid, &status, __WALL | WNOHANG, &usage)) == 0) {
        uint64_t now = os_now_ns(), pause = (now - watch.born_ns) / 10;

        if (killed == MEDIC_OK && ((killed = check_session(&watch, now, why)) != MEDIC_OK ||
                                   (killed = check_memory(&watch, now, why)) != MEDIC_OK ||
                                   (killed = check_progress(&watch, why)) != MEDIC_OK))
            kill(take->pid, SIGKILL);
        if (killed == MEDIC_OK)
            publish(&watch, now);
        os_sleep_ns(pause < POLL_NS ? POLL_NS : pause > POLL_MAX_NS ? POLL_MAX_NS : pause);
    }
    known = got == take->pid; /* else somebody else has waited for it: a program that ignores SIGCHLD */
    take->pid = 0;
    take->copy_ns = os_now_ns() - watch.born_ns;
    if (known)
        take->copy_cpu_ns = time_of(&usage.ru_utime) + time_of(&usage.ru_stime);
    return judge(&watch, killed, known, status, why);
}

void heap_watch_kill(struct heap_take *take)
{
    int status;

    if (take->pid > 0) {
        kill(take->pid, SIGKILL);
        while (syscall(SYS_wait4, take->pid, &status, __WALL, NULL) < 0 && errno == EINTR)
            ;
    }
    take->pid = 0;
}

int heap_watch_rest(struct heap_take *take, int safe, medic_reason *why)
{
    if (safe || atomic_load(&take->sink->shared->phase) == HEAP_FAILED)
        return heap_watch_run(take, why);
    heap_watch_kill(take);
    return medic_fail(why, MEDIC_E_TIMEOUT, "the copy of the process was not ready within %llu ms",
                      (unsigned long long)(take->safe_ns / UINT64_C(1000000)));
}
