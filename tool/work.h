/* The work folder of a session, in the target's temporary folder: where core and tool talk through the files of
 * medic/session.h. It is `<tmp>/medic-<uid>/<session id>`, belongs to the target's user, and nobody else can enter it.
 *
 * All descriptors stay open for the whole session, so that a capture can still be read after the target, and with it
 * /proc/PID/root, has gone. Files are made with the target's uid (identity.h). Single-threaded callers. */
#ifndef TOOL_WORK_H
#define TOOL_WORK_H

#include "tool/staging.h"

#include <medic/session.h>

/* The folder of a launch with children: launch-<16 hex digits>. In it lie the work folders of its processes, each
 * <pid>-<8 hex digits> and made by the core of that process. */
#define WORK_LAUNCH "launch-"
bool work_is_launch(const char *name);
bool work_is_child(const char *name);

/* Of an opened work folder: held while its client, which may be ourselves, lives. */
enum work_lease { WORK_LEASE_NONE, WORK_LEASE_FREE, WORK_LEASE_HELD };
enum work_lease work_lease(int folder);

struct work {
    struct staging place;       /* the folder above; not open when the work folder was found by its path */
    int folder;                 /* -1: not open */
    int request, lease, status; /* -1: not open */
    uint64_t sequence;          /* of the request */
    uid_t uid;
    gid_t gid;
    char name[64];        /* of the folder in its place */
    char inner[PATH_MAX]; /* as the target sees it */
    char outer[PATH_MAX]; /* as we see it */
};

/* Makes the folder with a request file and the lease, which it locks: as long as this process lives and does not
 * close the work folder the core goes on. tmp: an opened folder that stays open as long as the work; inner_tmp and
 * outer_tmp: its paths as the target and as we see it. On failure nothing is left behind. */
int work_make(struct work *work, int tmp, const char *inner_tmp, const char *outer_tmp, uid_t uid, gid_t gid,
              const char *id, medic_reason *why);
/* Opens the folder of another process's session by its path as we see it. It must belong to uid (-1: to anybody who may
 * lock others out of it). MEDIC_E_GONE, MEDIC_E_UNSAFE. */
int work_find(struct work *work, const char *path, int64_t uid, medic_reason *why);
/* What the core says. MEDIC_E_NOT_FOUND: nothing yet; MEDIC_E_CORRUPT: read again. */
int work_status(struct work *work, medic_status *status);
/* Asks the core to stop. */
int work_request_stop(struct work *work, medic_reason *why);
/* Copies the capture into another folder, replacing one that is there. MEDIC_E_NOT_FOUND: there is none. */
int work_fetch_capture(struct work *work, int folder, const char *path, medic_reason *why);
/* Closes it and lets go of the lease; with remove, its files (those with names we know) and the folder go, and with the last
 * one of a launch that nobody runs any more the folder of the launch. */
void work_close(struct work *work, bool remove);

#endif
