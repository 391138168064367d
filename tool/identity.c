#include "tool/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int identity_enter(struct identity *self, uid_t uid, gid_t gid, medic_reason *why)
{
    *self = (struct identity){.uid = geteuid(), .gid = getegid()};
    if (self->uid != 0 || uid == 0)
        return MEDIC_OK;
    if (setegid(gid))
        return medic_fail(why, MEDIC_E_DENIED,
                          "cannot act as gid %u of the target (%s): run Medic as that user, or with CAP_SETGID", gid,
                          strerror(errno));
    if (seteuid(uid)) {
        int error = errno;
        if (setegid(self->gid))
            abort();
        return medic_fail(why, MEDIC_E_DENIED,
                          "cannot act as uid %u of the target (%s): run Medic as that user, or with CAP_SETUID", uid,
                          strerror(error));
    }
    self->switched = true;
    return MEDIC_OK;
}

void identity_leave(struct identity *self)
{
    if (!self->switched)
        return;
    int error = errno;
    if (seteuid(self->uid) || setegid(self->gid)) {
        fprintf(stderr, "medic: cannot get back the rights of uid %u (%s), giving up\n", self->uid, strerror(errno));
        abort();
    }
    self->switched = false;
    errno = error;
}
