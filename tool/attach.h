/* A session from outside: from a chosen target and profiler to a capture in the store.
 *
 *     attach_begin    everything that can be refused without touching the target, then the attach
 *     attach_watch    until the capture is complete, the target has ended, or nothing moves any more
 *     attach_collect  the capture and what is known of the session into the store
 *     attach_end      until the target has been left, and removes the work folder
 *
 * attach_recover does the last steps for a session whose process was killed. Single-threaded; every wait has a
 * deadline. */
#ifndef TOOL_ATTACH_H
#define TOOL_ATTACH_H

#include "tool/plugins.h"
#include "tool/store.h"
#include "tool/target.h"
#include "tool/work.h"

struct attach_options {
    const struct target *target;
    const struct plugin_info *plugin;
    struct store *store;
    const char *place;                        /* folder of the session, NULL: the store's choice */
    const char *core;                         /* libmedic.so, NULL: where it is installed */
    const char *duration;                     /* as the user gave it, checked by duration_parse */
    const struct session_parameter *settings; /* checked by plugin_check_setting */
    size_t setting_count;
};

/* What failed: the target is untouched, or the attach was refused, or the session broke. */
enum attach_stage { ATTACH_PREPARING, ATTACH_ATTACHING, ATTACH_SESSION };

struct attach {
    const struct target *target;
    enum attach_stage stage; /* reached so far */
    struct store_session session;
    struct work work;
    struct staging staging;      /* of core and plugin, when they could not lie beside the work folder */
    int tmp, other_tmp, process; /* folders: the target's tmp, its /dev/shm, /proc/PID; -1: not open */
    int pidfd;                   /* -1: this kernel has none, or the target is seen by its socket only */
    medic_status status;         /* the last one read, zero before */
    uint64_t changed_ns;         /* when it last changed, CLOCK_MONOTONIC */
    bool stalled;                /* nobody needs to wait for this target any more */
    bool collected;              /* the capture is in the store */
    medic_reason unnamed;        /* why the report will have no lines and native names; "" = it has them */
    char guid[37];
};

/* On failure everything is closed and removed; attach->stage says how far it came. */
int attach_begin(struct attach *attach, const struct attach_options *options, medic_reason *why);

enum attach_result {
    ATTACH_CAPTURED,     /* the capture is complete */
    ATTACH_FAILED,       /* the session failed; why: the core's sentence */
    ATTACH_TARGET_ENDED, /* in the middle of the session; there may be a capture */
    ATTACH_STALLED,      /* no news from the target; why says what is known */
    ATTACH_ABORTED       /* the user does not want to wait */
};

struct attach_observer {
    void *context;
    int (*interrupts)(
        void *context); /* how often the user has asked to stop: the first time ends the session, the second aborts */
    /* About every 20 ms; left_ns: -1 when there is no end. May be NULL. */
    void (*progress)(void *context, const medic_status *status, int64_t left_ns);
};

enum attach_result attach_watch(struct attach *attach, const struct attach_observer *observer, medic_reason *why);
/* Fetches the capture (attach->collected says whether there is one) and saves session.json. A failure without a capture
 * leaves everything where it is, for attach_recover. */
int attach_collect(struct attach *attach, enum attach_result result, const medic_reason *reason, medic_reason *why);
/* Waits for the detach (MEDIC_E_TIMEOUT: a sentence that says so), unless the target stalled, then removes the work
 * folder and closes all. keep: leave the work folder where it is. A session without a capture is forgotten. */
int attach_end(struct attach *attach, bool keep, medic_reason *why);
/* Instead of attach_end: lets go at once and forgets the session. The core ends by itself, its lease being free. */
void attach_abort(struct attach *attach);

/* A session that is still marked as running although its process is gone: stops what may still record, fetches the
 * capture, marks it incomplete. MEDIC_E_BUSY: its process lives; MEDIC_E_GONE: the capture went with the target. */
int attach_recover(struct store_session *session, medic_reason *why);

/* Where libmedic.so is: $MEDIC_CORE, or <folder of the executable>/../lib/libmedic.so or ../lib/medic/libmedic.so. */
int attach_find_core(char path[PATH_MAX], medic_reason *why);
/* It is loaded into other people's processes: it must be whole and ours, like a plugin. */
int attach_check_core(const char *path, medic_reason *why);

#endif
