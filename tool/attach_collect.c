/* The end of a session: its capture goes to the store, by the process that ran it or by a later one. */
#include "tool/attach.h"
#include "tool/capture.h"
#include "tool/ipc.h"
#include "tool/symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
#define RECOVER_NS (6000 * MS)
#define SILENCE_NS (2000 * MS)
enum { POLL_MS = 20 };

/* Ends that a session comes to when nobody disturbs it. */
static bool is_own_end(uint32_t reason)
{
    return reason != MEDIC_END_NONE && reason != MEDIC_END_LEASE && reason != MEDIC_END_REQUEST &&
           reason != MEDIC_END_FAILED;
}

/* The state that the capture itself proves. orphan: nobody meant the session to be stopped. */
static enum store_state state_of_capture(int folder, bool orphan)
{
    struct capture *capture = NULL;
    enum store_state state = STORE_INCOMPLETE;
    int fd = openat(folder, MEDIC_CAPTURE_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return STORE_FAILED;
    if (capture_open(fd, &capture, NULL) == MEDIC_OK) {
        const char *text;
        const medic_end_record *end = capture_end(capture, &text);
        if (end)
            state = end->reason == MEDIC_END_FAILED      ? STORE_FAILED
                    : orphan && !is_own_end(end->reason) ? STORE_INCOMPLETE
                                                         : STORE_COMPLETE;
        capture_close(capture);
    }
    close(fd);
    return state;
}

/* Names and lines, read with the rights of the target's user. process: /proc/PID of the target, to see its files as it sees
 * them; -1: our own have to do. Without symbols there is a report, too. */
static void make_symbols(int folder, int process, uid_t uid, gid_t gid, medic_reason *why)
{
    char path[32] = "";
    struct symbols_source source = {path, uid, gid};
    struct capture *capture = NULL;
    int root = process >= 0 ? openat(process, "root", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    int fd = openat(folder, MEDIC_CAPTURE_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (root >= 0) /* the very process, not one that got its pid */
        snprintf(path, sizeof path, "/proc/self/fd/%d", root);
    if (fd >= 0 && capture_open(fd, &capture, NULL) == MEDIC_OK)
        symbols_make(folder, capture, &source, why);
    capture_close(capture);
    if (fd >= 0)
        close(fd);
    if (root >= 0)
        close(root);
}

int attach_collect(struct attach *attach, enum attach_result result, const medic_reason *reason, medic_reason *why)
{
    struct store_session *session = &attach->session;
    int code = work_fetch_capture(&attach->work, session->folder, session->path, why);
    attach->collected = code == MEDIC_OK;
    if (attach->collected)
        make_symbols(session->folder, attach->process, attach->work.uid, attach->work.gid, &attach->unnamed);
    if (code != MEDIC_OK && code != MEDIC_E_NOT_FOUND)
        return code;
    session->info.state = attach->collected ? state_of_capture(session->folder, false) : STORE_FAILED;
    if (result == ATTACH_FAILED)
        session->info.state = STORE_FAILED;
    session->info.reason = session->info.state != STORE_COMPLETE && reason->text[0] ? reason->text : NULL;
    return session->store->operations->save(session, why);
}

/* ---- later ---- */

static bool is_recording(const medic_status *status)
{
    return status->state == MEDIC_SESSION_STARTING || status->state == MEDIC_SESSION_RUNNING ||
           status->state == MEDIC_SESSION_STOPPING;
}

/* A core that has lost its client ends by itself; asked to, it does so at once. A status that no longer moves is
 * that of a target that has ended. */
static void wait_for_core(struct work *work)
{
    medic_status status;
    uint64_t now = ipc_now_ns(), deadline = now + RECOVER_NS, changed = now, sequence = 0;
    work_request_stop(work, NULL);
    while (work_status(work, &status) != MEDIC_E_NOT_FOUND && is_recording(&status)) {
        now = ipc_now_ns();
        if (status.sequence != sequence) {
            sequence = status.sequence;
            changed = now;
        }
        if (now > deadline || now - changed > SILENCE_NS)
            return;
        poll(NULL, 0, POLL_MS);
    }
}

static int fetch(struct store_session *session, medic_reason *why)
{
    struct work work;
    int code = work_find(&work, session->info.work, session->info.target.uid, why);
    if (code != MEDIC_OK)
        return code;
    wait_for_core(&work);
    code = work_fetch_capture(&work, session->folder, session->path, why);
    if (code == MEDIC_OK)
        make_symbols(session->folder, -1, work.uid, work.gid, NULL);
    work_close(&work, code == MEDIC_OK || code == MEDIC_E_NOT_FOUND);
    return code;
}

/* Killed after the capture was safe: only the folder in the target's tmp is left to remove. */
static void tidy(struct store_session *session)
{
    struct work work;
    if (!session->owned || !session->info.work)
        return;
    if (work_find(&work, session->info.work, session->info.target.uid, NULL) == MEDIC_OK)
        work_close(&work, true);
    session->info.work = NULL;
    session->store->operations->save(session, NULL);
}

/* A session that another client ran has a capture only, in a folder of the target's user. */
static void adopt(const struct store_session *session)
{
    struct stat info;
    if (faccessat(session->folder, SYMBOLS_FILE, F_OK, AT_SYMLINK_NOFOLLOW) && !fstat(session->folder, &info))
        make_symbols(session->folder, -1, info.st_uid, info.st_gid, NULL);
}

int attach_recover(struct store_session *session, medic_reason *why)
{
    static const char reason[] = "the medic command was killed during the session";
    medic_reason detail = {""};
    if (!session->described) {
        adopt(session);
        return MEDIC_OK;
    }
    if (session->info.state != STORE_RUNNING) {
        tidy(session);
        return MEDIC_OK;
    }
    if (!session->owned)
        return medic_fail(why, MEDIC_E_BUSY,
                          "the session in %s is still running: wait for its end, or press Ctrl-C there", session->path);
    int code = session->info.work ? fetch(session, &detail) : MEDIC_OK;
    bool here = !faccessat(session->folder, MEDIC_CAPTURE_FILE, F_OK, AT_SYMLINK_NOFOLLOW);
    if (code != MEDIC_OK && !here && code != MEDIC_E_GONE && code != MEDIC_E_NOT_FOUND)
        return medic_fail(why, code, "%s", detail.text); /* can be tried again */
    session->info.state = here ? state_of_capture(session->folder, true) : STORE_FAILED;
    session->info.reason = session->info.state == STORE_COMPLETE ? NULL : reason;
    session->info.work = NULL;
    int saved = session->store->operations->save(session, why);
    if (!here)
        return medic_fail(why, MEDIC_E_GONE, "the session in %s has no capture: %s", session->path,
                          detail.text[0] ? detail.text : "none was written");
    return saved;
}
