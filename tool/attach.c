/* The beginning of a session: see attach.h. */
#include "common/elf_file.h"
#include "common/guid.h"
#include "common/session_file.h"
#include "tool/attach_parts.h"
#include "tool/attach_watch.h"
#include "tool/identity.h"
#include "tool/ipc.h"
#include "tool/leftovers.h"

#include <medic/service/stacks.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RUNTIME_TIMEOUT_MS = 5000, ATTACH_DEADLINE_MS = 8000 };
#define LEASE "3s"

/* ---- the core ---- */

static bool is_file(const char *path)
{
    struct stat about;
    return !stat(path, &about) && S_ISREG(about.st_mode);
}

int attach_find_core(char path[PATH_MAX], medic_reason *why)
{
    static const char *const places[] = {"../lib/libmedic.so", "../lib/medic/libmedic.so"};
    const char *chosen = getenv("MEDIC_CORE");
    char exe[PATH_MAX], beside[PATH_MAX];
    if (chosen && *chosen) {
        snprintf(path, PATH_MAX, "%s", chosen);
        return is_file(path)
                   ? MEDIC_OK
                   : medic_fail(why, MEDIC_E_NOT_FOUND, "MEDIC_CORE names %.300s, which is no file: unset it", chosen);
    }
    ssize_t size = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[size > 0 ? size : 0] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash)
        slash[1] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (snprintf(beside, sizeof beside, "%s%s", exe, places[i]) < PATH_MAX && is_file(beside) &&
            realpath(beside, path))
            return MEDIC_OK;
    return medic_fail(why, MEDIC_E_NOT_FOUND,
                      "libmedic.so is not beside the medic command (%.200s../lib): install Medic again, or set "
                      "MEDIC_CORE",
                      exe);
}

int attach_check_core(const char *path, medic_reason *why)
{
    struct elf_facts facts;
    char *resolved = realpath(path, NULL);
    char *slash = resolved ? strrchr(resolved, '/') : NULL;
    if (!slash) {
        free(resolved);
        return medic_fail(why, MEDIC_E_IO, "cannot open %s: %s", path, strerror(errno));
    }
    *slash = '\0';
    int folder = open(*resolved ? resolved : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = folder < 0 ? -1 : openat(folder, slash + 1, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int code = fd < 0 ? medic_fail(why, MEDIC_E_IO, "cannot open %s: %s", path, strerror(errno))
                      : elf_inspect(fd, &facts, why);
    if (code == MEDIC_OK)
        code = file_check_trusted(folder, fd, path, geteuid(), why);
    if (fd >= 0)
        close(fd);
    if (folder >= 0)
        close(folder);
    free(resolved);
    return code;
}

/* ---- what can be refused at once ---- */

static const char *own_arch(void)
{
#if defined(__x86_64__)
    return "x64";
#elif defined(__aarch64__)
    return "arm64";
#else
    return "";
#endif
}

static int check_target(const struct target *target, medic_reason *why)
{
    if (!target->attachable)
        return medic_fail(why, target->code, "cannot attach to %d: %.400s",
                          target->pid ? target->pid : target->inner_pid, target->why.text);
    if (*target->arch && *own_arch() && strcmp(target->arch, own_arch()))
        return medic_fail(why, MEDIC_E_UNSUPPORTED,
                          "cannot attach to %d: it runs as %s and this Medic is built for %s: use the build for its "
                          "processor",
                          target->pid, target->arch, own_arch());
#ifdef __GLIBC__
    if (target->libc == TARGET_LIBC_MUSL)
        return medic_fail(why, MEDIC_E_UNSUPPORTED,
                          "cannot attach to %d: it runs on musl and this Medic is built for glibc: use the "
                          "musl build",
                          target->pid);
#endif
    return MEDIC_OK;
}

static int check_plugin(const struct attach_options *options, medic_reason *why)
{
    const struct plugin_info *plugin = options->plugin;
    if (plugin->code != MEDIC_OK)
        return medic_fail(why, plugin->code, "%s", plugin->reason.text);
    if (plugin->descriptor.flags & MEDIC_STARTUP_ONLY)
        return medic_fail(why, MEDIC_E_UNSUPPORTED,
                          "%s only works from the start of a program: use `medic launch -P %s -- ...`", plugin->name,
                          plugin->name);
    return MEDIC_OK;
}

/* ---- the record in the store ---- */

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static const char *os_of(const struct target *target)
{
    return strstr(target->rid, "musl") ? "linux-musl" : "linux";
}

static void describe(struct attach *attach, const struct attach_options *options)
{
    const struct target *target = attach->target;
    struct session_info *info = &attach->session.info;
    guid_format(&options->plugin->guid, attach->guid);
    info->state = STORE_RUNNING;
    info->profiler.name = options->plugin->name;
    info->profiler.guid = attach->guid;
    info->profiler.version = options->plugin->descriptor.version;
    info->profiler.file = options->plugin->path;
    info->parameters = options->settings;
    info->parameter_count = options->setting_count;
    info->target.pid = target->pid ? target->pid : target->inner_pid;
    info->target.inner_pid = target->inner_pid;
    info->target.uid = target->uid;
    info->target.name = *target->entry_assembly ? target->entry_assembly : or_null(target->executable);
    info->target.command_line = target->command_line;
    info->target.runtime = or_null(target->runtime);
    info->target.os = os_of(target);
    info->target.arch = or_null(target->arch);
    info->target.user = or_null(target->user);
    info->work = attach->work.outer;
}

int attach_record(struct attach *attach, const struct attach_options *options, medic_reason *why)
{
    describe(attach, options);
    return attach->session.store->operations->save(&attach->session, why);
}

/* ---- files in the target ---- */

/* Where core and plugin go: beside the work folder, or into /dev/shm when files may not be executed there. */
static int choose_staging(struct attach *attach, struct staging **place, medic_reason *why)
{
    char path[64];
    *place = &attach->work.place;
    if (staging_may_execute(attach->work.place.folder))
        return MEDIC_OK;
    if (attach->target->pid && !attach->target->socket_only) {
        snprintf(path, sizeof path, "/proc/%d/root/dev/shm", attach->target->pid);
        attach->other_tmp = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    if (attach->other_tmp < 0 || !staging_may_execute(attach->other_tmp))
        return medic_fail(why, MEDIC_E_UNSUPPORTED,
                          "cannot %s %d: its temporary folder %.200s is mounted noexec, and so is /dev/shm, or "
                          "it is not there: "
                          "mount one of them without noexec",
                          attach->target->pid == getpid() ? "launch a program from" : "attach to", attach->target->pid,
                          attach->target->tmp);
    *place = &attach->staging;
    return staging_open(&attach->staging, attach->other_tmp, "/dev/shm", attach->target->uid, attach->target->gid, why);
}

static int stage(struct attach *attach, const struct attach_options *options, char core[PATH_MAX],
                 char plugin[PATH_MAX], medic_reason *why)
{
    struct staging *place;
    char found[PATH_MAX];
    int code = MEDIC_OK;
    if (options->core)
        snprintf(found, sizeof found, "%s", options->core);
    else
        code = attach_find_core(found, why);
    if (code == MEDIC_OK)
        code = attach_check_core(found, why);
    if (code == MEDIC_OK)
        code = choose_staging(attach, &place, why);
    if (code == MEDIC_OK)
        code = staging_put(place, found, "libmedic", core, why);
    if (code == MEDIC_OK)
        code = staging_put(place, options->plugin->path, options->plugin->name, plugin, why);
    return code;
}

/* ---- the attach itself ---- */

/* Whether symbols can be looked for as the target sees its files. A side-car may share no more than a folder with it. */
static bool sees_files(const struct attach *attach)
{
    if (attach->target->socket_only)
        return false;
    int root = attach->process >= 0 ? openat(attach->process, "root", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (root >= 0)
        close(root);
    return root >= 0 || attach->process < 0;
}

static bool records_stacks(const medic_plugin *plugin)
{
    for (uint32_t i = 0; i < plugin->capture_service_count; i++)
        if (!strcmp(plugin->capture_services[i], MEDIC_SERVICE_STACKS))
            return true;
    return false;
}

int attach_client_data(const struct attach *attach, const struct attach_options *options, const char *plugin,
                       struct buffer *data, medic_reason *why)
{
    buffer_format(data, "session=%s\nplugin=%s\nduration=%s\nlease=" LEASE "\n", attach->work.inner, plugin,
                  options->duration);
    for (size_t i = 0; i < options->setting_count; i++)
        buffer_format(data, "param.%s=%s\n", options->settings[i].key, options->settings[i].value);
    if (records_stacks(&options->plugin->descriptor) && !sees_files(attach))
        buffer_add_string(data, "symbols=embed\n");
    return data->failed ? medic_fail(why, MEDIC_E_MEMORY, "out of memory") : MEDIC_OK;
}

/* When Initialize failed inside the target, the core's own sentence is better than the runtime's number. */
static int explain_refusal(struct attach *attach, int code, medic_reason *why)
{
    medic_status status;
    if (work_status(&attach->work, &status) != MEDIC_OK || status.state != MEDIC_SESSION_FAILED || !status.text[0])
        return code;
    status.text[sizeof status.text - 1] = '\0';
    return medic_fail(why, status.result < 0 ? status.result : code, "cannot attach to %d: %s", attach->target->pid,
                      status.text);
}

/* The profiler that is loaded already may be Medic itself, for another session. */
static int explain_busy(const struct attach *attach, int code, medic_reason *why)
{
    const struct target *target = attach->target;
    struct leftovers list = {0};
    char state[100];
    if (leftovers_list(attach->tmp, target->uid, target->gid, &list, NULL) != MEDIC_OK)
        return code;
    for (size_t i = 0; i < list.count; i++) {
        const medic_status *status = &list.items[i].status;
        if (!leftover_records(&list.items[i]) || (pid_t)status->pid != target->inner_pid)
            continue;
        snprintf(state, sizeof state, "%s; wait for its end, or `medic stop %d`", session_state_text(status->state),
                 target->pid ? target->pid : target->inner_pid);
        medic_fail(why, code, "a session of Medic is in it: %s", state);
        break;
    }
    leftovers_free(&list);
    return code;
}

static int call_runtime(struct attach *attach, const struct attach_options *options, const char *core,
                        const char *plugin, medic_reason *why)
{
    struct buffer data = {0};
    struct identity identity;
    medic_reason detail = {""};
    int code = attach_client_data(attach, options, plugin, &data, why);
    if (code == MEDIC_OK)
        code = identity_enter(&identity, attach->target->uid, attach->target->gid, why);
    if (code == MEDIC_OK) {
        struct ipc_peer peer = target_peer(attach->target);
        struct ipc_attach request = {RUNTIME_TIMEOUT_MS, (const uint8_t *)&options->plugin->guid, core,
                                     (const uint8_t *)data.bytes, data.size};
        code = ipc_attach_profiler(&peer, ipc_deadline(ATTACH_DEADLINE_MS), &request, NULL, &detail);
        identity_leave(&identity);
        if (code == MEDIC_E_BUSY)
            code = explain_busy(attach, code, &detail);
        if (code != MEDIC_OK) {
            medic_fail(why, code, "cannot attach to %d: %.460s", attach->target->pid, detail.text);
            code = explain_refusal(attach, code, why);
        }
    }
    buffer_free(&data);
    return code;
}

void attach_open_watch(struct attach *attach)
{
    char path[32];
    pid_t pid = attach->target->pid;
    if (!pid || attach->target->socket_only)
        return;
    attach->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    snprintf(path, sizeof path, "/proc/%d", pid);
    attach->process = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void attach_close(struct attach *attach, bool keep_work)
{
    if (attach->work.folder >= 0 || attach->work.place.folder >= 0)
        work_close(&attach->work, !keep_work);
    staging_close(&attach->staging, false);
    close_one(&attach->pidfd);
    close_one(&attach->process);
    close_one(&attach->other_tmp);
    close_one(&attach->tmp);
}

int attach_place(struct attach *attach, const struct attach_options *options, const char *name, char core[PATH_MAX],
                 char plugin[PATH_MAX], medic_reason *why)
{
    const struct target *target = attach->target;
    attach->tmp = target_open_tmp(target, why);
    if (attach->tmp < 0)
        return attach->tmp;
    int code =
        work_make(&attach->work, attach->tmp, target->tmp, target->tmp_path, target->uid, target->gid, name, why);
    return code == MEDIC_OK ? stage(attach, options, core, plugin, why) : code;
}

static int begin_in_target(struct attach *attach, const struct attach_options *options, medic_reason *why)
{
    const struct target *target = options->target;
    char core[PATH_MAX], plugin[PATH_MAX];
    int code = attach_place(attach, options, attach->session.info.id, core, plugin, why);
    if (code == MEDIC_OK)
        code = attach_record(attach, options, why);
    if (code != MEDIC_OK)
        return code;
    attach_open_watch(attach);
    if (!target_alive(target))
        return medic_fail(why, MEDIC_E_GONE, "process %d has just ended: choose another", target->pid);
    attach->stage = ATTACH_ATTACHING;
    attach->changed_ns = ipc_now_ns();
    return call_runtime(attach, options, core, plugin, why);
}

void attach_init(struct attach *attach, const struct target *target)
{
    *attach = (struct attach){.target = target,
                              .session = {.folder = -1},
                              .work = {.place = {.folder = -1}, .folder = -1, .request = -1, .lease = -1, .status = -1},
                              .staging = {.folder = -1},
                              .tmp = -1,
                              .other_tmp = -1,
                              .process = -1,
                              .pidfd = -1};
}

int attach_begin(struct attach *attach, const struct attach_options *options, medic_reason *why)
{
    attach_init(attach, options->target);
    int code = check_target(options->target, why);
    if (code != MEDIC_OK)
        return code;
    code = check_plugin(options, why);
    if (code == MEDIC_OK)
        code = options->store->operations->create(options->store, options->place, &attach->session, why);
    if (code == MEDIC_OK)
        code = begin_in_target(attach, options, why);
    if (code == MEDIC_OK) {
        attach->stage = ATTACH_SESSION;
        return MEDIC_OK;
    }
    attach_close(attach, false);
    options->store->operations->discard(&attach->session);
    return code;
}

int attach_end(struct attach *attach, bool keep, medic_reason *why)
{
    struct store_session *session = &attach->session;
    int code = keep || attach->stalled ? MEDIC_OK : attach_wait_detached(attach, why);
    attach_close(attach, keep);
    if (!keep && !attach->collected) {
        session->store->operations->discard(session);
        return code;
    }
    if (!keep) { /* there is nothing to tidy up any more; should this not be written, the next report finds out */
        session->info.work = NULL;
        session->store->operations->save(session, NULL);
    }
    session->store->operations->close(session);
    return code;
}

void attach_abort(struct attach *attach)
{
    attach_close(attach, false);
    attach->session.store->operations->discard(&attach->session);
}
