/* Acting as the owner of a target: root makes files and connects with the target's effective uid and gid, so that they
 * belong to it, and so that user namespaces and root-squashed mounts, where root itself may do nothing, work too.
 *
 * Single-threaded callers; calls do not nest. Open what only root may open (folders under /proc/PID/root) before entering. */
#ifndef TOOL_IDENTITY_H
#define TOOL_IDENTITY_H

#include <medic/result.h>

#include <stdbool.h>
#include <sys/types.h>

struct identity {
    uid_t uid; /* ours, to go back to */
    gid_t gid;
    bool switched;
};

/* Takes on uid and gid when we are root and they are another's; otherwise does nothing. identity_leave undoes it and must
 * be called in either case when this succeeded. MEDIC_E_DENIED: root without CAP_SETUID. */
int identity_enter(struct identity *self, uid_t uid, gid_t gid, medic_reason *why);
/* Never fails: a process that could not get its rights back is ended, with a sentence. errno is kept. */
void identity_leave(struct identity *self);

#endif
