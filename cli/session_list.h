/* The sessions of the store as `medic sessions`, `stop` and `rm` see them: copied out of the store, newest first. */
#ifndef CLI_SESSION_LIST_H
#define CLI_SESSION_LIST_H

#include "tool/session_summary.h"
#include "tool/store.h"

#include <medic/session.h>

enum { SHORT_ID = 8 };

struct listed {
    char id[37], started[32];
    enum store_state state; /* a running one whose process was killed is incomplete here */
    bool running;           /* its medic lives */
    bool live;              /* the core was heard: status says what it does, also when its medic was killed */
    medic_status status;
    struct session_summary summary;
    uint64_t bytes;
    int64_t pid;
    const char *profiler, *guid, *version, *target, *reason,
        *path; /* reason may be NULL, as may all that is not known */
};

struct session_list {
    struct listed *items;
    size_t count;
    struct arena arena; /* all texts */
};

/* MEDIC_E_DENIED, _IO, _MEMORY. Free it. */
int session_list_load(struct session_list *list, struct store *store, medic_reason *why);
void session_list_free(struct session_list *list);
/* "running", "stopping", "complete", "incomplete", "failed", "damaged". */
const char *listed_state(const struct listed *one);
/* "runtime_pauses on 4121 (web)", "a damaged session", into out. Returns out. */
const char *listed_what(const struct listed *one, char *out, size_t room);

/* -f text|json of the commands that print lists. -1 after a sentence. */
int cli_list_format(const char *text, bool *json);

#endif
