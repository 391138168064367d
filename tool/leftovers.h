/* What Medic has put into a target's temporary folder: staged libraries and the work folders of sessions, those that run
 * and those that a killed medic left behind. Tells them, asks a session to stop, and sweeps away what nobody needs any
 * more. Everything is done with the target's uid (identity.h), relative to opened folders, and follows no link.
 * Single-threaded callers. */
#ifndef TOOL_LEFTOVERS_H
#define TOOL_LEFTOVERS_H

#include "tool/target.h"

#include <medic/session.h>

#include <limits.h>
#include <time.h>

/* How long a library that nobody maps, or the work folder of a dead session, is kept: until then `medic report` can
 * rescue its capture. */
#define LEFTOVERS_KEEP_S (7 * 24 * 3600)

enum leftover_kind { LEFTOVER_LIBRARY, LEFTOVER_WORK };

struct leftover {
    enum leftover_kind kind;
    char place[64];          /* the folder it lies in: medic-<uid> */
    char name[NAME_MAX + 1]; /* in it; of a process of a launch with children <launch>/<its own> */
    time_t used;             /* written or, as far as the file system tells, read last */
    uint64_t bytes;
    bool leased;     /* a work folder: a client made it; else the core did, and its capture is all there is */
    bool held;       /* a work folder: its client lives */
    bool has_status; /* a work folder: */
    medic_status status;
};

struct leftovers {
    struct leftover *items;
    size_t count;
};

/* All of it; what lies in a folder before that folder. tmp: the opened temporary folder (O_PATH is enough). MEDIC_E_DENIED, _MEMORY; no folder of
 * Medic's there is an empty list. Free it. */
int leftovers_list(int tmp, uid_t uid, gid_t gid, struct leftovers *list, medic_reason *why);
void leftovers_free(struct leftovers *list);
/* Whether the core says that it records, or is about to. */
bool leftover_records(const struct leftover *work);
/* Asks the session of a work folder to stop, also one that another client began. */
int leftovers_stop(int tmp, uid_t uid, gid_t gid, const struct leftover *work, medic_reason *why);

struct leftovers_swept {
    unsigned libraries, folders;
    uint64_t bytes;
};

/* Whether it may go, seen at that time: pure, the libraries' use by processes apart. */
bool leftover_is_stale(const struct leftover *one, time_t now);
/* Removes what is stale and, as far as we can see, mapped by nobody. Never fails: what cannot be removed stays. */
void leftovers_sweep(const struct target *target, time_t now, struct leftovers_swept *swept);

#endif
