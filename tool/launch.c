#include "tool/launch.h"
#include "common/guid.h"
#include "tool/attach_parts.h"
#include "tool/attach_watch.h"
#include "tool/files.h"
#include "tool/ipc.h"
#include "tool/launch_target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the environment ---- */

/* Those of the platform's own win over the plain one. */
static const char *const replaced[] = {"CORECLR_ENABLE_PROFILING",    "CORECLR_PROFILER",
                                       "CORECLR_PROFILER_PATH",       "CORECLR_PROFILER_PATH_64",
                                       "CORECLR_PROFILER_PATH_32",    "CORECLR_PROFILER_PATH_ARM64",
                                       "CORECLR_PROFILER_PATH_ARM32", "MEDIC_SESSION"};
enum { REPLACED = sizeof replaced / sizeof *replaced, ADDED = 4 };

static bool is_replaced(const char *entry)
{
    for (size_t i = 0; i < REPLACED; i++) {
        size_t length = strlen(replaced[i]);
        if (!strncmp(entry, replaced[i], length) && entry[length] == '=')
            return true;
    }
    return false;
}

/* The runtime reads its numbers as hexadecimal ones. */
static bool is_off(const char *name)
{
    const char *value = getenv(name);
    char *end;
    return value && *value && strtoul(value, &end, 16) == 0 && !*end;
}

static int check_environment(medic_reason *why)
{
    static const char *const switches[] = {"DOTNET_EnableDiagnostics", "DOTNET_EnableDiagnostics_Profiler",
                                           "COMPlus_EnableDiagnostics", "COMPlus_EnableDiagnostics_Profiler"};
    const char *on = getenv("CORECLR_ENABLE_PROFILING"), *other = getenv("CORECLR_PROFILER");
    const char *path = getenv("CORECLR_PROFILER_PATH");
    if (on && strtoul(on, NULL, 16) != 0 && other && *other)
        return medic_fail(why, MEDIC_E_BUSY,
                          "another profiler is set up in the environment (CORECLR_PROFILER=%.60s%s%.200s), and a "
                          "program has one: unset CORECLR_ENABLE_PROFILING",
                          other, path ? ", " : "", path ? path : "");
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        if (is_off(switches[i]))
            return medic_fail(why, MEDIC_E_UNSUPPORTED,
                              "%s=%.20s switches profilers off in every .NET program: unset it", switches[i],
                              getenv(switches[i]));
    return MEDIC_OK;
}

/* Owned by the list. */
static bool add_variable(char **list, size_t *count, const char *name, const char *value)
{
    if (asprintf(&list[*count], "%s=%s", name, value) < 0) {
        list[*count] = NULL;
        return false;
    }
    ++*count;
    return true;
}

static int make_environment(struct launch *launch, const char *core, const char *data, medic_reason *why)
{
    char guid[GUID_TEXT_SIZE], braced[GUID_TEXT_SIZE + 2];
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **list = launch->environment = calloc(count + ADDED + 1, sizeof *list);
    if (!list)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory");
    guid_format(&launch->options.plugin->guid, guid);
    snprintf(braced, sizeof braced, "{%s}", guid);
    bool good = add_variable(list, &kept, "CORECLR_ENABLE_PROFILING", "1") &&
                add_variable(list, &kept, "CORECLR_PROFILER", braced) &&
                add_variable(list, &kept, "CORECLR_PROFILER_PATH", core) &&
                add_variable(list, &kept, "MEDIC_SESSION", data);
    for (size_t i = 0; good && i < count; i++) {
        if (is_replaced(environ[i]))
            continue;
        list[kept] = strdup(environ[i]);
        good = list[kept++] != NULL;
    }
    return good ? MEDIC_OK : medic_fail(why, MEDIC_E_MEMORY, "out of memory");
}

static void free_environment(struct launch *launch)
{
    for (size_t i = 0; launch->environment && launch->environment[i]; i++)
        free(launch->environment[i]);
    free(launch->environment);
    launch->environment = NULL;
}

/* ---- before the program runs ---- */

/* A folder for many sessions: found to be useful now, not when the first of them ends. */
static int check_place(const char *place, medic_reason *why)
{
    if (file_make_folders(place, 0700))
        return medic_fail(why, MEDIC_E_IO, "cannot make the folder %s: %s: choose another with -o", place,
                          strerror(errno));
    int folder = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int empty = folder < 0 ? -1 : file_folder_is_empty(folder);
    int error = errno;
    if (folder >= 0)
        close(folder);
    if (empty < 0)
        return medic_fail(why, MEDIC_E_IO, "cannot look into %s: %s: choose another folder with -o", place,
                          strerror(error));
    return empty ? MEDIC_OK
                 : medic_fail(why, MEDIC_E_BUSY, "%s is not empty: choose a new or empty folder with -o", place);
}

/* The store's session, or with children the place for them; and a name for the work folder. */
static int make_session(struct launch *launch, char name[64], medic_reason *why)
{
    struct store *store = launch->options.store;
    char random[17];
    if (!launch->children) {
        int code = store->operations->create(store, launch->options.place, &launch->base.session, why);
        snprintf(name, 64, "%s", launch->base.session.info.id);
        return code;
    }
    file_random_hex(random, 16);
    snprintf(name, 64, WORK_LAUNCH "%s", random);
    return launch->options.place ? check_place(launch->options.place, why) : MEDIC_OK;
}

/* So that a session whose medic is killed can be found. */
static int record(struct launch *launch, medic_reason *why)
{
    struct target program = {.tmp_fd = -1};
    if (launch->children)
        return MEDIC_OK;
    launch_target_expect(&program, launch->command);
    launch->base.target = &program;
    int code = attach_record(&launch->base, &launch->options, why);
    launch->base.target = &launch->self;
    target_free(&program);
    return code;
}

static int tell_runtime(struct launch *launch, const char *core, const char *plugin, medic_reason *why)
{
    struct buffer data = {0};
    int code = attach_client_data(&launch->base, &launch->options, plugin, &data, why);
    buffer_format(&data, "skip=sdk\nchildren=%s\n", launch->children ? "yes" : "no");
    if (code == MEDIC_OK)
        code = data.failed ? medic_fail(why, MEDIC_E_MEMORY, "out of memory")
                           : make_environment(launch, core, buffer_get(&data), why);
    buffer_free(&data);
    return code;
}

static int prepare(struct launch *launch, medic_reason *why)
{
    char core[PATH_MAX], plugin[PATH_MAX], name[64];
    int code = make_session(launch, name, why);
    if (code == MEDIC_OK)
        code = attach_place(&launch->base, &launch->options, name, core, plugin, why);
    if (code == MEDIC_OK)
        code = record(launch, why);
    return code == MEDIC_OK ? tell_runtime(launch, core, plugin, why) : code;
}

int launch_prepare(struct launch *launch, const struct attach_options *options, bool children, char *const *command,
                   medic_reason *why)
{
    *launch = (struct launch){.options = *options, .children = children, .command = command};
    if (options->plugin->code != MEDIC_OK)
        return medic_fail(why, options->plugin->code, "%s", options->plugin->reason.text);
    int code = check_environment(why);
    if (code == MEDIC_OK)
        code = launch_target_self(&launch->self, why);
    if (code != MEDIC_OK)
        return code;
    attach_init(&launch->base, &launch->self);
    code = prepare(launch, why);
    if (code != MEDIC_OK)
        launch_close(launch);
    return code;
}

/* ---- while it runs ---- */

static bool is_known(const struct launch *launch, const char *work)
{
    for (size_t i = 0; i < launch->count; i++)
        if (!strcmp(launch->sessions[i]->work, work))
            return true;
    return false;
}

/* The store's session of a process: the one that was made before, or with children one for each. */
static int take_session(struct launch *launch, struct launched *one, medic_reason *why)
{
    struct store *store = launch->options.store;
    char place[PATH_MAX];
    if (!launch->children) {
        one->attach.session = launch->base.session;
        launch->base.session = (struct store_session){.folder = -1};
        return MEDIC_OK;
    }
    if (!launch->options.place)
        return store->operations->create(store, NULL, &one->attach.session, why);
    snprintf(place, sizeof place, "%.4000s/%d", launch->options.place, one->target.inner_pid);
    int code = store->operations->create(store, place, &one->attach.session, why);
    if (code != MEDIC_E_BUSY)
        return code;
    /* the number has been another's before */
    snprintf(place, sizeof place, "%.4000s/%s", launch->options.place, strrchr(one->work, '/') + 1);
    return store->operations->create(store, place, &one->attach.session, why);
}

static int begin_session(struct launch *launch, struct launched *one, medic_reason *why)
{
    int code = take_session(launch, one, why);
    if (code != MEDIC_OK)
        return code;
    code = attach_record(&one->attach, &launch->options, why);
    if (code != MEDIC_OK)
        one->attach.session.store->operations->discard(&one->attach.session);
    return code;
}

/* Takes the work over; it is freed when that fails. */
static int add(struct launch *launch, struct work *work, pid_t inner_pid, pid_t program, medic_reason *why)
{
    struct launched **sessions = reallocarray(launch->sessions, launch->count + 1, sizeof *sessions);
    struct launched *one = sessions ? calloc(1, sizeof *one) : NULL;
    launch->sessions = sessions ? sessions : launch->sessions;
    if (!one) {
        work_close(work, false);
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory");
    }
    launch->sessions[launch->count++] = one;
    attach_init(&one->attach, &one->target);
    one->attach.work = *work;
    one->attach.changed_ns = ipc_now_ns();
    snprintf(one->work, sizeof one->work, "%s", work->outer);
    launch_target_find(&one->target, inner_pid, program, work->outer, launch->command);
    attach_open_watch(&one->attach);
    int code = begin_session(launch, one, why);
    if (code != MEDIC_OK) {
        one->over = one->done = true;
        work_request_stop(&one->attach.work, NULL);
        attach_close(&one->attach, true);
    }
    return code;
}

/* A folder in which a core has begun to tell. */
static int try_folder(struct launch *launch, const char *path, pid_t program, medic_reason *why)
{
    struct work work;
    medic_status status;
    if (is_known(launch, path) || work_find(&work, path, geteuid(), NULL) != MEDIC_OK)
        return MEDIC_OK;
    if (work_status(&work, &status) == MEDIC_OK)
        return add(launch, &work, (pid_t)status.pid, program, why);
    work_close(&work, false);
    return MEDIC_OK;
}

/* Calls visit for each folder of a child; keeps the first failure. */
static int each_child(struct launch *launch, int (*visit)(struct launch *, const char *, pid_t, medic_reason *),
                      pid_t program, medic_reason *why)
{
    char path[PATH_MAX];
    int code = MEDIC_OK, fd = openat(launch->base.work.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        if (fd >= 0)
            close(fd);
        return MEDIC_OK;
    }
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        snprintf(path, sizeof path, "%.3900s/%.180s", launch->base.work.outer, entry->d_name);
        int one = visit(launch, path, program, code == MEDIC_OK ? why : NULL);
        code = code == MEDIC_OK ? one : code;
    }
    closedir(entries);
    return code;
}

int launch_look(struct launch *launch, pid_t program, medic_reason *why)
{
    int code = launch->children     ? each_child(launch, try_folder, program, why)
               : launch->count == 0 ? try_folder(launch, launch->base.work.outer, program, why)
                                    : MEDIC_OK;
    for (size_t i = 0; i < launch->count; i++) {
        struct launched *one = launch->sessions[i];
        if (!one->over)
            one->over = attach_look(&one->attach, attach_target_lives(&one->attach), &one->result, &one->reason);
    }
    return code;
}

/* ---- the end ---- */

static int remove_folder(struct launch *launch, const char *path, pid_t program, medic_reason *why)
{
    struct work work;
    (void)launch, (void)program, (void)why;
    if (work_find(&work, path, geteuid(), NULL) == MEDIC_OK)
        work_close(&work, true);
    return MEDIC_OK;
}

/* Whether somebody still needs a folder. */
static bool close_sessions(struct launch *launch)
{
    bool needed = false;
    for (size_t i = 0; i < launch->count; i++) {
        struct launched *one = launch->sessions[i];
        needed |= !one->done || one->kept;
        if (!one->done) {
            attach_close(&one->attach, true);
            one->attach.session.store->operations->close(&one->attach.session);
        }
        target_free(&one->target);
        free(one);
    }
    free(launch->sessions);
    launch->sessions = NULL;
    launch->count = 0;
    return needed;
}

void launch_close(struct launch *launch)
{
    bool needed = close_sessions(launch);
    if (!needed && launch->children && launch->base.work.folder >= 0)
        each_child(launch, remove_folder, 0, NULL);
    attach_close(&launch->base, needed);
    if (launch->base.session.folder >= 0)
        launch->base.session.store->operations->discard(&launch->base.session);
    free_environment(launch);
    target_free(&launch->self);
}
