/* Watching a session: the status file tells what the core does, a pidfd that the target has ended. */
#include "tool/attach_watch.h"
#include "tool/ipc.h"
#include "tool/proc.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
#define SECONDS (UINT64_C(1000) * MS)
/* A core that works writes its status every 100 ms; a plugin may hold its worker up for a while. */
#define STALL_NS (30 * SECONDS)
#define STOPPED_NS (5 * SECONDS)
#define OVERTIME_NS (30 * SECONDS)
#define DETACH_NS (10 * SECONDS)
#define INERT_NS (3 * SECONDS)
#define SILENCE_NS (1 * SECONDS)
enum { POLL_MS = 20, CONNECT_MS = 200 };

/* ---- news ---- */

/* A target of which we see nothing but the socket: when it has ended nobody listens there any more, but the file
 * stays. */
static bool answers(const struct attach *attach)
{
    struct ipc_peer peer = target_peer(attach->target);
    int fd, code = ipc_connect(&peer, ipc_deadline(CONNECT_MS), &fd, NULL);
    if (code == MEDIC_OK)
        close(fd);
    return code != MEDIC_E_GONE;
}

static bool lives(const struct attach *attach, int wait_ms)
{
    struct pollfd poll_target = {.fd = attach->pidfd, .events = POLLIN};
    int ready = poll(&poll_target, attach->pidfd >= 0, wait_ms);
    if (attach->pidfd >= 0)
        return ready <= 0;
    if (!target_alive(attach->target))
        return false;
    return !attach->target->socket_only || ipc_now_ns() - attach->changed_ns < SILENCE_NS || answers(attach);
}

/* Waits a moment, or less when the target ends. Whether it still lives. */
static bool wait_a_moment(const struct attach *attach)
{
    return lives(attach, POLL_MS);
}

bool attach_target_lives(const struct attach *attach)
{
    return lives(attach, 0);
}

static void read_status(struct attach *attach)
{
    medic_status status;
    if (work_status(&attach->work, &status) != MEDIC_OK)
        return;
    status.text[sizeof status.text - 1] = '\0';
    if (status.sequence != attach->status.sequence || status.state != attach->status.state)
        attach->changed_ns = ipc_now_ns();
    attach->status = status;
}

/* T: stopped by a signal, t: by a debugger. */
static bool is_stopped(const struct attach *attach)
{
    struct proc_stat stat;
    return attach->process >= 0 && proc_read_stat(attach->process, &stat) && (stat.state == 'T' || stat.state == 't');
}

static int64_t time_left(const struct attach *attach)
{
    const medic_status *status = &attach->status;
    if (!status->duration_ns)
        return -1;
    uint64_t run = status->now_ns - status->started_ns + (ipc_now_ns() - attach->changed_ns);
    return run < status->duration_ns ? (int64_t)(status->duration_ns - run) : 0;
}

static int target_number(const struct attach *attach)
{
    return attach->target->pid ? attach->target->pid : attach->target->inner_pid;
}

/* ---- verdicts ---- */

static bool is_stalled(const struct attach *attach, medic_reason *why)
{
    uint64_t silence = ipc_now_ns() - attach->changed_ns;
    if (silence > STOPPED_NS && is_stopped(attach)) {
        medic_fail(why, MEDIC_E_TIMEOUT,
                   "process %d is stopped by a signal or a debugger: continue it (kill -CONT %d); Medic leaves it "
                   "as soon as it runs",
                   target_number(attach), target_number(attach));
        return true;
    }
    if (silence > STALL_NS) {
        medic_fail(why, MEDIC_E_TIMEOUT,
                   "no news from process %d for %u s: it may hang, or get no CPU; Medic leaves it by itself",
                   target_number(attach), (unsigned)(STALL_NS / SECONDS));
        return true;
    }
    return false;
}

/* asked_ns: when the user asked to stop, 0 = not yet. */
static bool is_overdue(const struct attach *attach, uint64_t asked_ns, medic_reason *why)
{
    const medic_status *status = &attach->status;
    uint64_t run = status->started_ns ? status->now_ns - status->started_ns : 0;
    if (!(status->duration_ns && run > status->duration_ns + OVERTIME_NS) &&
        !(asked_ns && ipc_now_ns() - asked_ns > OVERTIME_NS))
        return false;
    medic_fail(why, MEDIC_E_TIMEOUT,
               "the session in process %d does not end although it should%s%s: what it wrote is kept",
               target_number(attach), status->text[0] ? ": " : "", status->text);
    return true;
}

static enum attach_result judge_end(const struct attach *attach, medic_reason *why)
{
    const medic_status *status = &attach->status;
    if (status->result == MEDIC_OK && status->end_reason != MEDIC_END_FAILED)
        return ATTACH_CAPTURED;
    medic_fail(why, status->result, "the session in process %d failed: %s", target_number(attach),
               status->text[0] ? status->text : "the core gave no reason");
    return ATTACH_FAILED;
}

/* Whether the state decides; then *result is set. */
static bool judge_state(const struct attach *attach, enum attach_result *result, medic_reason *why)
{
    switch (attach->status.state) {
    case MEDIC_SESSION_FAILED:
    case MEDIC_SESSION_CAPTURED:
    case MEDIC_SESSION_DETACHING:
    case MEDIC_SESSION_ENDED:
    case MEDIC_SESSION_DORMANT: *result = judge_end(attach, why); return true;
    case MEDIC_SESSION_INERT: /* before the capture is complete, or just after: the capture itself tells */
        if (ipc_now_ns() - attach->changed_ns < INERT_NS)
            return false;
        *result = judge_end(attach, why);
        return true;
    default: return false;
    }
}

/* ---- the watch ---- */

/* Passes the first interrupt on. Whether the user has had enough. */
static bool obey(struct attach *attach, const struct attach_observer *observer, uint64_t *asked_ns)
{
    int interrupts = observer->interrupts ? observer->interrupts(observer->context) : 0;
    if (interrupts && !*asked_ns) {
        work_request_stop(&attach->work, NULL);
        *asked_ns = ipc_now_ns();
    }
    return interrupts > 1;
}

bool attach_look(struct attach *attach, bool alive, enum attach_result *result, medic_reason *why)
{
    read_status(attach);
    if (judge_state(attach, result, why))
        return true;
    if (alive)
        return false;
    medic_fail(why, MEDIC_E_GONE, "process %d ended before the session did", target_number(attach));
    *result = ATTACH_TARGET_ENDED;
    return true;
}

enum attach_result attach_watch(struct attach *attach, const struct attach_observer *observer, medic_reason *why)
{
    enum attach_result result;
    uint64_t asked_ns = 0;
    for (;;) {
        if (attach_look(attach, wait_a_moment(attach), &result, why))
            return result;
        if (obey(attach, observer, &asked_ns)) {
            medic_fail(why, MEDIC_E_STOPPED, "aborted; Medic leaves process %d by itself", target_number(attach));
            return ATTACH_ABORTED;
        }
        if (is_stalled(attach, why) || is_overdue(attach, asked_ns, why)) {
            attach->stalled = true;
            return ATTACH_STALLED;
        }
        if (observer->progress)
            observer->progress(observer->context, &attach->status, time_left(attach));
    }
}

int attach_wait_detached(struct attach *attach, medic_reason *why)
{
    uint64_t deadline = ipc_now_ns() + DETACH_NS;
    for (;;) {
        read_status(attach);
        switch (attach->status.state) {
        case MEDIC_SESSION_NONE: /* it never began */
        case MEDIC_SESSION_ENDED:
        case MEDIC_SESSION_FAILED:
        case MEDIC_SESSION_DORMANT: return MEDIC_OK;
        case MEDIC_SESSION_INERT:
            return medic_fail(why, MEDIC_E_UNSAFE,
                              "Medic stays in process %d, without doing anything: %s; restart it before it is "
                              "profiled again",
                              target_number(attach), attach->status.text);
        default: break;
        }
        if (ipc_now_ns() > deadline)
            return medic_fail(why, MEDIC_E_TIMEOUT,
                              "process %d has not let go of Medic after %u s%s: the next attach may be refused "
                              "until it has",
                              target_number(attach), (unsigned)(DETACH_NS / SECONDS),
                              is_stopped(attach) ? " (it is stopped)" : "");
        if (!wait_a_moment(attach))
            return MEDIC_OK; /* it has ended */
    }
}
