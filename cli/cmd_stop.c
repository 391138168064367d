/* medic stop: ends sessions early. Their medic, if it lives, then reports; if it was killed, the session is rescued. */
#include "cli/cli.h"
#include "cli/session_list.h"
#include "tool/attach.h"
#include "tool/ipc.h"
#include "tool/json.h"
#include "tool/leftovers.h"
#include "tool/proc.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_NS UINT64_C(30000000000)
enum { POLL_MS = 50, ANSWER_MS = 2000, PID_DIGITS = 7 };

enum outcome { STOPPED, HAD_ENDED, FAILED };

/* One session that is to end. */
struct stop {
    char id[37];
    char path[PATH_MAX];     /* "": not of the store, all that is known is in the target's folder */
    char work[NAME_MAX + 1]; /* there */
    char what[256];
    int64_t pid;
    enum outcome outcome;
    enum store_state state; /* at the end */
    bool known_state;
    medic_reason reason;
};

struct stops {
    struct stop *items;
    size_t count;
    struct store store;
};

static struct stop *add(struct stops *stops, const char *id, int64_t pid)
{
    struct stop *items = reallocarray(stops->items, stops->count + 1, sizeof *items);
    if (!items)
        return NULL;
    stops->items = items;
    struct stop *stop = &items[stops->count++];
    *stop = (struct stop){.pid = pid, .outcome = FAILED};
    snprintf(stop->id, sizeof stop->id, "%s", id);
    return stop;
}

static bool has(const struct stops *stops, const char *id)
{
    for (size_t i = 0; i < stops->count; i++)
        if (!strcmp(stops->items[i].id, id))
            return true;
    return false;
}

static int no_memory(medic_reason *why)
{
    return medic_fail(why, MEDIC_E_MEMORY, "out of memory");
}

/* ---- choosing ---- */

/* A session that still runs, or could: its medic was killed and nobody has rescued it. */
static bool may_run(const struct listed *one)
{
    return one->running || (one->state == STORE_INCOMPLETE && one->live && one->status.state < MEDIC_SESSION_CAPTURED);
}

static int add_listed(struct stops *stops, const struct listed *one, medic_reason *why)
{
    if (has(stops, one->id))
        return MEDIC_OK;
    struct stop *stop = add(stops, one->id, one->pid);
    if (!stop)
        return no_memory(why);
    snprintf(stop->path, sizeof stop->path, "%s", one->path);
    listed_what(one, stop->what, sizeof stop->what);
    return MEDIC_OK;
}

/* Those of the store that run, of this process or (0) of any. */
static int add_running(struct stops *stops, int64_t pid, medic_reason *why)
{
    struct session_list list;
    int code = session_list_load(&list, &stops->store, why);
    if (code != MEDIC_OK)
        return code;
    for (size_t i = 0; code == MEDIC_OK && i < list.count; i++)
        if (may_run(&list.items[i]) && (!pid || list.items[i].pid == pid))
            code = add_listed(stops, &list.items[i], why);
    session_list_free(&list);
    return code;
}

static int list_in(const struct target *target, struct leftovers *list, medic_reason *why)
{
    int tmp = target_open_tmp(target, why);
    if (tmp < 0)
        return tmp;
    int code = leftovers_list(tmp, target->uid, target->gid, list, why);
    close(tmp);
    return code;
}

/* Sessions that are in no store of ours: of -o folders, of other users, of other attach clients. */
static int add_from_target(struct stops *stops, const char *pid, medic_reason *why)
{
    struct target target;
    struct leftovers list = {0};
    int code = target_find(pid, ANSWER_MS, &target, why);
    if (code != MEDIC_OK)
        return code;
    code = list_in(&target, &list, why);
    for (size_t i = 0; code == MEDIC_OK && i < list.count; i++) {
        const struct leftover *work = &list.items[i];
        const char *slash = strchr(work->name, '/');
        if (!leftover_records(work) || (pid_t)work->status.pid != target.inner_pid || has(stops, work->name))
            continue;
        struct stop *stop = add(stops, slash ? slash + 1 : work->name, target.pid);
        if (stop) {
            memcpy(stop->work, work->name, sizeof stop->work);
            snprintf(stop->what, sizeof stop->what, "in process %d (%.100s)", target.pid,
                     *target.entry_assembly ? target.entry_assembly : target.executable);
        } else {
            code = no_memory(why);
        }
    }
    leftovers_free(&list);
    target_free(&target);
    return code;
}

static int add_pid(struct stops *stops, const char *pid, medic_reason *why)
{
    size_t before = stops->count;
    int code = add_running(stops, strtol(pid, NULL, 10), why);
    if (code == MEDIC_OK && stops->count == before)
        code = add_from_target(stops, pid, why);
    if (code == MEDIC_OK && stops->count == before)
        code = medic_fail(why, MEDIC_E_NOT_FOUND, "no session runs in process %s: `medic sessions` lists those that do",
                          pid);
    return code;
}

static int add_session(struct stops *stops, const char *which, medic_reason *why)
{
    struct store_session session;
    int code = stops->store.operations->open(&stops->store, which, &session, why);
    if (code != MEDIC_OK)
        return code;
    struct listed one = {.profiler = session.info.profiler.name,
                         .target = session.info.target.name,
                         .pid = session.info.target.pid,
                         .path = session.path};
    memcpy(one.id, session.info.id, sizeof one.id);
    code = add_listed(stops, &one, why);
    stops->store.operations->close(&session);
    return code;
}

/* Up to seven digits are a pid; when no session runs there, perhaps the beginning of an id. */
static int choose(struct stops *stops, const char *which, medic_reason *why)
{
    if (!strcmp(which, "all"))
        return add_running(stops, 0, why);
    size_t size = strlen(which);
    if (!size || size > PID_DIGITS || strspn(which, "0123456789") != size)
        return add_session(stops, which, why);
    int code = add_pid(stops, which, why);
    return code != MEDIC_OK && add_session(stops, which, NULL) == MEDIC_OK ? MEDIC_OK : code;
}

/* ---- asking ---- */

static int find_again(const struct stop *stop, struct target *target, struct leftovers *list, struct leftover **work,
                      medic_reason *why)
{
    char pid[24];
    *work = NULL;
    snprintf(pid, sizeof pid, "%lld", (long long)stop->pid);
    int code = target_find(pid, ANSWER_MS, target, why);
    if (code != MEDIC_OK)
        return code;
    code = list_in(target, list, why);
    for (size_t i = 0; code == MEDIC_OK && i < list->count; i++)
        if (!strcmp(list->items[i].name, stop->work))
            *work = &list->items[i];
    if (code != MEDIC_OK)
        target_free(target);
    return code;
}

static void ask_in_target(struct stop *stop)
{
    struct target target;
    struct leftovers list = {0};
    struct leftover *work;
    if (find_again(stop, &target, &list, &work, &stop->reason) != MEDIC_OK)
        return;
    int tmp = target_open_tmp(&target, &stop->reason);
    if (!work || (tmp >= 0 && leftovers_stop(tmp, target.uid, target.gid, work, &stop->reason) == MEDIC_OK))
        stop->outcome = STOPPED;
    if (tmp >= 0)
        close(tmp);
    leftovers_free(&list);
    target_free(&target);
}

static int ask_core(const struct session_info *info, medic_reason *why)
{
    struct work work;
    if (!info->work)
        return medic_fail(why, MEDIC_E_BUSY, "session %.8s has not begun in its target yet: try again", info->id);
    int code = work_find(&work, info->work, info->target.uid, why);
    if (code == MEDIC_E_GONE)
        return MEDIC_OK; /* it is just ending */
    if (code == MEDIC_OK) {
        code = work_request_stop(&work, why);
        work_close(&work, false);
    }
    return code;
}

/* A session whose medic was killed ends here and now, and is rescued. */
static void recover(struct stop *stop, struct store_session *session)
{
    int code = attach_recover(session, &stop->reason);
    stop->outcome = code == MEDIC_OK || code == MEDIC_E_GONE ? STOPPED : FAILED;
    stop->state = session->info.state;
    stop->known_state = true;
}

static void ask(struct stop *stop, struct store *store)
{
    struct store_session session;
    if (!*stop->path) {
        ask_in_target(stop);
        return;
    }
    int code = store->operations->open(store, stop->path, &session, &stop->reason);
    if (code == MEDIC_E_NOT_FOUND)
        stop->outcome = HAD_ENDED; /* and was forgotten: there was nothing to keep */
    if (code != MEDIC_OK)
        return;
    if (session.info.state != STORE_RUNNING) {
        stop->outcome = HAD_ENDED;
        stop->state = session.info.state;
        stop->known_state = true;
    } else if (session.owned) {
        recover(stop, &session);
    } else if (ask_core(&session.info, &stop->reason) == MEDIC_OK) {
        stop->outcome = STOPPED;
    }
    store->operations->close(&session);
}

/* ---- waiting ---- */

/* Whether it has ended and its medic has let go of it. */
static bool has_ended(struct stop *stop, struct store *store)
{
    struct store_session session;
    int code = store->operations->open(store, stop->path, &session, &stop->reason);
    if (code == MEDIC_E_NOT_FOUND) { /* nothing was captured, so it was forgotten */
        stop->known_state = false;
        return true;
    }
    if (code != MEDIC_OK)
        return false;
    bool ended = session.owned;
    stop->state = session.info.state;
    stop->known_state = true;
    if (ended && session.info.state == STORE_RUNNING)
        recover(stop, &session); /* killed while we waited */
    store->operations->close(&session);
    return ended;
}

static bool has_ended_in_target(struct stop *stop)
{
    struct target target;
    struct leftovers list = {0};
    struct leftover *work;
    int code = find_again(stop, &target, &list, &work, NULL);
    if (code != MEDIC_OK)
        return code == MEDIC_E_NOT_FOUND || code == MEDIC_E_GONE;
    bool ended = !work || !leftover_records(work);
    leftovers_free(&list);
    target_free(&target);
    return ended;
}

static bool is_stopped(int64_t pid)
{
    char path[40];
    struct proc_stat stat;
    snprintf(path, sizeof path, "/proc/%lld", (long long)pid);
    int process = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool stopped = process >= 0 && proc_read_stat(process, &stat) && (stat.state == 'T' || stat.state == 't');
    if (process >= 0)
        close(process);
    return stopped;
}

static void give_up(struct stop *stop)
{
    unsigned seconds = (unsigned)(WAIT_NS / UINT64_C(1000000000));
    if (stop->known_state && stop->state != STORE_RUNNING)
        return; /* captured and kept: only its medic has not finished yet */
    stop->outcome = FAILED;
    if (is_stopped(stop->pid))
        medic_fail(&stop->reason, MEDIC_E_TIMEOUT,
                   "session %.8s has not ended after %u s: process %lld is stopped, continue it (kill -CONT %lld)",
                   stop->id, seconds, (long long)stop->pid, (long long)stop->pid);
    else
        medic_fail(&stop->reason, MEDIC_E_TIMEOUT,
                   "session %.8s has been asked to stop and has not ended after %u s: process %lld may hang or get no "
                   "CPU; it ends by itself",
                   stop->id, seconds, (long long)stop->pid);
}

static void wait_for(struct stop *stop, struct store *store, uint64_t deadline)
{
    if (stop->outcome != STOPPED || (stop->known_state && stop->state != STORE_RUNNING))
        return;
    while (!(*stop->path ? has_ended(stop, store) : has_ended_in_target(stop))) {
        if (cli_interrupts(NULL)) {
            stop->outcome = FAILED;
            medic_fail(&stop->reason, MEDIC_E_STOPPED, "interrupted: session %.8s has been asked to stop", stop->id);
            return;
        }
        if (ipc_now_ns() > deadline) {
            give_up(stop);
            return;
        }
        poll(NULL, 0, POLL_MS);
    }
}

/* ---- telling ---- */

static int tell(const struct stop *stop)
{
    if (stop->outcome == FAILED)
        return cli_fail(EXIT_SESSION, "%s", stop->reason.text);
    printf("%.*s %s: %s%s%s%s\n", SHORT_ID, stop->id, stop->outcome == STOPPED ? "stopped" : "had ended already",
           stop->what, stop->known_state ? " (" : "", stop->known_state ? store_state_text(stop->state) : "",
           stop->known_state ? ")" : "");
    return EXIT_OK;
}

static int print_json(const struct stops *stops)
{
    static const char *const words[] = {"stopped", "had_ended", "failed"};
    struct buffer text = {0};
    struct json_writer writer = {.out = &text, .fresh = true};
    json_open(&writer, NULL, '{', false);
    json_put_integer(&writer, "schema", 1);
    json_open(&writer, "sessions", '[', false);
    for (size_t i = 0; i < stops->count; i++) {
        const struct stop *stop = &stops->items[i];
        json_open(&writer, NULL, '{', false);
        json_put_string(&writer, "id", stop->id);
        json_put_integer(&writer, "pid", stop->pid);
        json_put_string(&writer, "result", words[stop->outcome]);
        json_put_string(&writer, "state", stop->known_state ? store_state_text(stop->state) : NULL);
        json_put_string(&writer, "reason", *stop->reason.text ? stop->reason.text : NULL);
        json_close(&writer, '}', false);
    }
    json_close(&writer, ']', false);
    json_close(&writer, '}', false);
    return cli_put_json(&text);
}

static int end_all(struct stops *stops, bool json)
{
    int exit_code = EXIT_OK;
    cli_catch_interrupts();
    for (size_t i = 0; i < stops->count; i++)
        ask(&stops->items[i], &stops->store);
    uint64_t deadline = ipc_now_ns() + WAIT_NS;
    for (size_t i = 0; i < stops->count; i++) {
        struct stop *stop = &stops->items[i];
        wait_for(stop, &stops->store, deadline);
        if (json)
            exit_code = stop->outcome == FAILED ? EXIT_SESSION : exit_code;
        else
            exit_code = tell(stop) ? EXIT_SESSION : exit_code;
    }
    if (!json && !stops->count)
        puts("No session is running.");
    int written = json ? print_json(stops) : cli_finish(exit_code);
    return exit_code ? exit_code : written;
}

static int stop_these(char *const *which, int count, bool json)
{
    struct stops stops = {0};
    medic_reason why = {""};
    int code = store_use_files(&stops.store, NULL, &why);
    for (int i = 0; code == MEDIC_OK && i < count; i++)
        code = choose(&stops, which[i], &why);
    int exit_code = code == MEDIC_OK            ? end_all(&stops, json)
                    : code == MEDIC_E_NOT_FOUND ? cli_fail(EXIT_ARGUMENTS, "%s", why.text)
                                                : cli_fail(cli_exit_code(code, EXIT_SESSION), "%s", why.text);
    free(stops.items);
    return exit_code;
}

static int run(int argc, char **argv)
{
    bool json = false;
    for (int option; (option = cli_option(argc, argv, &command_stop)) != -1;) {
        if (option == 'h') {
            cli_help(&command_stop, stdout);
            return cli_finish(EXIT_OK);
        }
        if (option == '?' || (option == 'f' && cli_list_format(optarg, &json)))
            return EXIT_ARGUMENTS;
    }
    if (optind == argc)
        return cli_fail(EXIT_ARGUMENTS, "which session? Give an id, a pid or \"all\": `medic sessions` lists them");
    return stop_these(argv + optind, argc - optind, json);
}

static const struct command_option options[] = {LIST_FORMAT_OPTION, HELP_OPTION, {0}};
static const struct command_note examples[] = {
    {"medic stop 4121", NULL}, {"medic stop 1a2b3c4d && medic report 1a2b3c4d", NULL}, {"medic stop all", NULL}, {0}};

const struct command command_stop = {
    .name = "stop",
    .arguments = "ID|PID|DIR|all... [-f text|json]",
    .summary = "End a running session early",
    .help =
        "Asks the session to stop and waits until it has ended, 30 s at most. The medic that runs it then reports as "
        "if "
        "its time were over. When that medic was killed the session is rescued, as `medic report` does. The beginning "
        "of an id is enough. A pid ends what runs in that process, whoever began it.",
    .options = options,
    .examples = examples,
    .operands = WORDS_RUNNING_SESSIONS,
    .many = true,
    .run = run};
