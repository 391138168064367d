/* Puts files where a target can read and execute them, so that neither a neighbour in its /tmp nor a crash of ours
 * halfway can make the target load something else than what we meant.
 *
 * Files go into a folder `medic-<uid>` that only the target's user can enter, under names that carry the hash of
 * their content: they are written to a temporary name, synced, read back, and renamed; never changed afterwards.
 * Every access is relative to an opened folder and made with the target's uid (identity.h). Single-threaded callers. */
#ifndef TOOL_STAGING_H
#define TOOL_STAGING_H

#include <medic/result.h>

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* An opened folder `medic-<uid>`. */
struct staging {
    int parent; /* what it lies in; the caller's, open as long as this is */
    int folder; /* -1: not open */
    uid_t uid;  /* whom it belongs to */
    gid_t gid;
    bool made;            /* by us, just now */
    char name[64];        /* in parent */
    char inner[PATH_MAX]; /* its path as the target sees it */
};

/* Opens or makes the folder. parent: an opened folder (O_PATH is enough) that the target sees as inner_parent. When
 * the name is taken by something that is not a 0700 folder of this uid, another, random name is used. MEDIC_E_IO,
 * _DENIED. */
int staging_open(struct staging *staging, int parent, const char *inner_parent, uid_t uid, gid_t gid,
                 medic_reason *why);
/* Whether files in this folder may be executed: its file system is not mounted noexec. Any folder descriptor. */
bool staging_may_execute(int folder);
/* A verified copy of the file, named <stem>-<hash>.so; file gets its path as the target sees it. One that is there
 * already is used when owner, mode, size and content are right, else replaced. On failure nothing new is left
 * behind. */
int staging_put(const struct staging *staging, const char *source, const char *stem, char file[PATH_MAX],
                medic_reason *why);
/* Closes it; unless keep, a folder that staging_open made is removed again when it is empty. */
void staging_close(struct staging *staging, bool keep);

/* Writes the sentence for a file operation that failed with this errno, as a code: "cannot <what> <path>: ...", with
 * a cure. */
int staging_explain(medic_reason *why, int error, const char *what, const char *path);

#endif
