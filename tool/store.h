/* Where sessions are kept: an interface, and its first implementation, a folder of folders.
 *
 * A session is a UUID, a session.json (struct session_info), and immutable artifacts: capture.mdc, symbols.json, report.json. The
 * process that runs a session holds a lock on it, so that others can tell a running one from one whose process was
 * killed. For the `medic` commands, single-threaded. */
#ifndef TOOL_STORE_H
#define TOOL_STORE_H

#include "tool/arena.h"

#include <medic/result.h>

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_SESSION_FILE "session.json"
#define STORE_REPORT_FILE "report.json"
#define STORE_SCHEMA 1

/* The last one is never written: session.json cannot be used, or is not there. */
enum store_state { STORE_RUNNING, STORE_COMPLETE, STORE_INCOMPLETE, STORE_FAILED, STORE_DAMAGED };

struct session_parameter {
    const char *key, *value;
};

/* session.json. Texts may be NULL: not known. Whoever fills it in owns the texts. */
struct session_info {
    char id[37];
    enum store_state state;
    char started[32];   /* ISO 8601, UTC, milliseconds */
    const char *reason; /* why it failed or is incomplete */
    struct {
        const char *name, *guid, *version, *file;
    } profiler;
    const struct session_parameter *parameters;
    size_t parameter_count;
    struct {
        int64_t pid, inner_pid, uid;
        const char *name, *command_line, *runtime, *os, *arch, *user;
    } target;
    const char *work; /* path of the folder in the target's tmp as we see it, NULL when it has been removed */
};

struct store;

/* An opened session; its artifacts are files in a folder. */
struct store_session {
    struct store *store;
    struct session_info info; /* what is in session.json, or goes into it */
    char path[PATH_MAX];      /* for people */
    int folder;               /* of the artifacts, -1 when not open */
    bool owned;               /* we hold the lock; false: another process does */
    bool described;           /* session.json was read or written; else all but id, start and capture is unknown */
    medic_reason damage;      /* why session.json cannot be used; "": it can, or is not there */
    bool made;                /* the folder was made by create */
    bool stored;              /* it lies in the store; false: in a folder that somebody chose */
    struct arena arena;       /* texts of an info that was read */
};

struct store_operations {
    /* A new session with id and start time, locked by us; nothing is written until save. place: a folder to use
     * instead of the store's own choice, NULL for none. Refuses a place that has files (MEDIC_E_BUSY), and a store
     * that cannot be written or is full (MEDIC_E_DENIED, MEDIC_E_IO). */
    int (*create)(struct store *store, const char *place, struct store_session *session, medic_reason *why);
    /* Replaces session.json with info, atomically. */
    int (*save)(struct store_session *session, medic_reason *why);
    /* Removes a session that came to nothing, and closes it. */
    void (*discard)(struct store_session *session);
    /* By id, by the beginning of one, "last" (the newest one) or by folder, and locks it if nobody else has.
     * MEDIC_E_NOT_FOUND, MEDIC_E_AMBIGUOUS, MEDIC_E_CORRUPT. */
    int (*open)(struct store *store, const char *which, struct store_session *session, medic_reason *why);
    /* As open, but a session whose session.json cannot be used is opened, too: its state is STORE_DAMAGED, its id the name
     * of its folder, its start the time of its last file. */
    int (*open_damaged)(struct store *store, const char *which, struct store_session *session, medic_reason *why);
    /* Every session of the store, damaged ones as by open_damaged; stops when visit returns non-zero, and returns that.
     * The session is closed after visit. */
    int (*list)(struct store *store, int (*visit)(void *context, struct store_session *session), void *context,
                medic_reason *why);
    /* Lets go of it. */
    void (*close)(struct store_session *session);
    /* Bytes of its artifacts. */
    uint64_t (*size)(const struct store_session *session);
    /* Removes a session of the store for good, and closes it. Only one that is locked by us (MEDIC_E_BUSY), in the store,
     * and holds nothing but what Medic made (MEDIC_E_UNSAFE); else it stays as it is, open. No link is followed. */
    int (*remove)(struct store_session *session, medic_reason *why);
};

struct store {
    const struct store_operations *operations;
    char root[PATH_MAX]; /* "" when there is no home folder */
};

/* Files below root; NULL: $XDG_STATE_HOME/medic/sessions, or ~/.local/state/medic/sessions. Nothing is made yet. */
int store_use_files(struct store *store, const char *root, medic_reason *why);

const char *store_state_text(enum store_state state);
/* Whether the text is one of the ids that create gives: a UUID. */
bool store_is_id(const char *text);

/* ---- session.json as text, for the stores ---- */

/* The text is the caller's (free). NULL: no memory. */
char *session_info_write(const struct session_info *info, size_t *size);
int session_info_read(struct session_info *info, const char *text, size_t size, struct arena *arena, medic_reason *why);

#endif
