#include "cli/session_list.h"
#include "cli/cli.h"
#include "common/session_file.h"
#include "tool/attach.h"
#include "tool/proc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct gathering {
    struct session_list *list;
    bool failed; /* no memory */
};

static const char *keep(struct gathering *all, const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;
    char *copy = text ? arena_alloc(&all->list->arena, size) : NULL;
    all->failed |= text && !copy;
    return copy ? memcpy(copy, text, size) : NULL;
}

/* What is the matter with a damaged one, and what to do. */
static const char *explain_damage(struct gathering *all, const struct store_session *session)
{
    const char *id = session->info.id;
    bool capture = !faccessat(session->folder, MEDIC_CAPTURE_FILE, F_OK, AT_SYMLINK_NOFOLLOW);
    medic_reason why = {""};
    if (!*session->damage.text)
        medic_fail(&why, MEDIC_E_CORRUPT, "session.json is missing: `medic report %s` shows its capture", id);
    else if (capture)
        medic_fail(&why, MEDIC_E_CORRUPT,
                   "session.json cannot be used (%.250s): remove that file and `medic report %s` shows the capture, or "
                   "all by `medic rm %s`",
                   session->damage.text, id, id);
    else
        medic_fail(&why, MEDIC_E_CORRUPT, "session.json cannot be used (%.250s): `medic rm %s` removes the session",
                   session->damage.text, id);
    return keep(all, why.text);
}

/* What the core says now. */
static void ask_core(const struct session_info *info, struct listed *one)
{
    struct work work;
    if (!info->work || work_find(&work, info->work, info->target.uid, NULL) != MEDIC_OK)
        return;
    one->live = work_status(&work, &one->status) == MEDIC_OK;
    work_close(&work, false);
}

static int gather(void *context, struct store_session *session)
{
    struct gathering *all = context;
    const struct session_info *info = &session->info;
    struct session_list *list = all->list;
    struct listed *items = reallocarray(list->items, list->count + 1, sizeof *items);
    if (!items)
        return MEDIC_E_MEMORY;
    list->items = items;
    struct listed *one = &items[list->count++];
    *one = (struct listed){.state = info->state,
                           .running = info->state == STORE_RUNNING && !session->owned,
                           .bytes = session->store->operations->size(session),
                           .pid = info->target.pid,
                           .profiler = keep(all, info->profiler.name),
                           .guid = keep(all, info->profiler.guid),
                           .version = keep(all, info->profiler.version),
                           .target = keep(all, info->target.name),
                           .reason = keep(all, info->reason),
                           .path = keep(all, session->path)};
    memcpy(one->id, info->id, sizeof one->id);
    memcpy(one->started, info->started, sizeof one->started);
    if (info->state == STORE_DAMAGED)
        one->reason = explain_damage(all, session);
    else if (info->state == STORE_RUNNING)
        ask_core(info, one);
    else
        session_summary_read(session->folder, &list->arena, &one->summary);
    if (info->state == STORE_RUNNING && session->owned) {
        one->state = STORE_INCOMPLETE;
        one->reason = "the medic command was killed during the session: `medic report` rescues what it captured";
    }
    return all->failed ? MEDIC_E_MEMORY : MEDIC_OK;
}

static int newest_first(const void *left, const void *right)
{
    const struct listed *a = left, *b = right;
    int order = strcmp(b->started, a->started);
    return order ? order : strcmp(a->id, b->id);
}

int session_list_load(struct session_list *list, struct store *store, medic_reason *why)
{
    struct gathering all = {.list = list};
    *list = (struct session_list){0};
    int code = store->operations->list(store, gather, &all, why);
    if (code == MEDIC_E_MEMORY)
        code = medic_fail(why, code, "out of memory while listing the sessions");
    if (code != MEDIC_OK)
        session_list_free(list);
    else if (list->count)
        qsort(list->items, list->count, sizeof *list->items, newest_first);
    return code;
}

void session_list_free(struct session_list *list)
{
    free(list->items);
    arena_free(&list->arena);
    *list = (struct session_list){0};
}

const char *listed_state(const struct listed *one)
{
    if (!one->running)
        return store_state_text(one->state);
    switch (one->live ? one->status.state : MEDIC_SESSION_NONE) {
    case MEDIC_SESSION_STARTING:
    case MEDIC_SESSION_STOPPING:
    case MEDIC_SESSION_CAPTURED:
    case MEDIC_SESSION_DETACHING: return session_state_text(one->status.state);
    default: return "running";
    }
}

const char *listed_what(const struct listed *one, char *out, size_t room)
{
    if (one->state == STORE_DAMAGED)
        snprintf(out, room, "%s", "a damaged session");
    else
        snprintf(out, room, "%.60s on %lld (%.120s)", one->profiler ? one->profiler : "?", (long long)one->pid,
                 one->target ? one->target : "?");
    proc_printable(out);
    return out;
}

int cli_list_format(const char *text, bool *json)
{
    *json = !strcmp(text, "json");
    return *json || !strcmp(text, "text")
               ? 0
               : cli_fail(-1, "there is no format \"%.40s\" here: choose text or json", text);
}
