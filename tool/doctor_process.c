/* One process: see doctor.h. */
#include "common/session_file.h"
#include "tool/doctor.h"
#include "tool/identity.h"
#include "tool/leftovers.h"
#include "tool/proc.h"
#include "tool/staging.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MB (UINT64_C(1) << 20)
enum { ANSWER_MS = 2000, OLDEST_RUNTIME = 8, LINK_MAX = 512 };

struct visit {
    struct doctor *doctor;
    struct target target;
    int process; /* /proc/PID, -1: not visible */
};

/* ---- which one ---- */

static bool is_called(const struct target *target, const char *name)
{
    return !strcmp(target->entry_assembly, name) || !strcmp(target->executable, name) || !strcmp(target->comm, name);
}

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

/* target_find gives only targets that can be attached to; the others are what a doctor is for. MEDIC_E_NOT_FOUND: no .NET
 * process is that. */
static int find(const char *what, struct target *target, medic_reason *why)
{
    struct target_list list;
    size_t count = 0, found = 0;
    if (strchr(what, '/') || !*what)
        return target_find(what, ANSWER_MS, target, why);
    int code = target_list(&list, ANSWER_MS, why);
    if (code != MEDIC_OK)
        return code;
    for (size_t i = 0; i < list.count; i++)
        if (is_number(what) ? list.items[i].pid == atol(what) : is_called(&list.items[i], what)) {
            found = i;
            count++;
        }
    if (count == 1) {
        *target = list.items[found];
        list.items[found] = (struct target){.tmp_fd = -1};
    } else {
        code = MEDIC_E_NOT_FOUND;
    }
    target_list_free(&list);
    return code == MEDIC_OK || is_number(what) ? code : target_find(what, ANSWER_MS, target, why);
}

/* ---- the process itself ---- */

/* Whether there is more to look at. */
static bool check_state(struct doctor *doctor, int process, int64_t pid)
{
    struct proc_stat stat;
    if (!proc_read_stat(process, &stat) || stat.state == 'Z' || stat.state == 'X') {
        doctor_problem(doctor, "process", MEDIC_E_GONE, "choose another", "%lld has ended%s", (long long)pid,
                       ", only its parent has not noticed yet (zombie)");
        return false;
    }
    if (stat.state == 'T')
        doctor_problem(doctor, "process", MEDIC_E_TIMEOUT, "continue it (kill -CONT)", "it is stopped by a signal");
    else if (stat.state == 't')
        doctor_problem(doctor, "process", MEDIC_E_TIMEOUT, "let the debugger continue it",
                       "it is stopped by a debugger");
    else if (stat.state == 'D')
        doctor_add(doctor, "process", DOCTOR_WARNING, "it answers when its disk or network does",
                   "it waits for a device and cannot be interrupted");
    else
        doctor_add(doctor, "process", DOCTOR_OK, NULL, "%.60s runs, with %llu threads", stat.comm,
                   (unsigned long long)stat.threads);
    return true;
}

static void check_runtime(struct visit *visit)
{
    const struct target *target = &visit->target;
    if (!*target->runtime)
        doctor_add(visit->doctor, "runtime", DOCTOR_UNKNOWN, NULL,
                   "it is .NET; which version cannot be told from here");
    else if (atoi(target->runtime) < OLDEST_RUNTIME)
        doctor_problem(visit->doctor, "runtime", MEDIC_E_UNSUPPORTED, "run it on .NET 8 or later", ".NET %s is too old",
                       target->runtime);
    else
        doctor_add(visit->doctor, "runtime", DOCTOR_OK, NULL, ".NET %s", target->runtime);
}

static void check_owner(struct visit *visit)
{
    const struct target *target = &visit->target;
    if (target->code == MEDIC_E_DENIED)
        doctor_problem(visit->doctor, "owner", target->code, NULL, "%.390s", target->why.text);
    else if (geteuid() == target->uid)
        doctor_add(visit->doctor, "owner", DOCTOR_OK, NULL, "it runs as %s (uid %u), as medic does", target->user,
                   target->uid);
    else if (geteuid() == 0)
        doctor_add(visit->doctor, "owner", DOCTOR_OK, NULL,
                   "it runs as %s (uid %u); medic is root and acts as that user", target->user, target->uid);
    else
        doctor_problem(visit->doctor, "owner", MEDIC_E_DENIED, "run medic as that user or as root",
                       "it runs as %s (uid %u)", target->user, target->uid);
}

static bool has_answered(const struct target *target)
{
    for (size_t i = 0; i < sizeof target->cookie; i++)
        if (target->cookie[i])
            return true;
    return false;
}

static void check_socket(struct visit *visit)
{
    const struct target *target = &visit->target;
    if (target->has_socket && (has_answered(target) || !*target->why.text))
        doctor_add(visit->doctor, "socket", DOCTOR_OK, NULL, "%.200s/%s answers",
                   target->tmp_path ? target->tmp_path : "", target->socket);
    else if (target->code == MEDIC_E_DENIED || target->state == 'T' || target->state == 't')
        doctor_add(visit->doctor, "socket", DOCTOR_UNKNOWN, NULL, "its diagnostics socket %s be asked%s",
                   target->has_socket ? "is there, and cannot" : "cannot",
                   target->code == MEDIC_E_DENIED ? " by this user" : " while it is stopped");
    else
        doctor_problem(visit->doctor, "socket", target->code ? target->code : MEDIC_E_NOT_FOUND, NULL, "%.390s",
                       target->why.text);
}

/* ---- where it lives ---- */

enum nearness { SAME, OTHER, HIDDEN };

static enum nearness compare_namespace(int process, const char *name)
{
    char path[32], own_path[40], theirs[64] = "", ours[64] = "";
    snprintf(path, sizeof path, "ns/%s", name);
    snprintf(own_path, sizeof own_path, "/proc/self/ns/%s", name);
    if (readlinkat(process, path, theirs, sizeof theirs - 1) < 0 || readlink(own_path, ours, sizeof ours - 1) < 0)
        return HIDDEN;
    return strcmp(theirs, ours) ? OTHER : SAME;
}

static void check_namespaces(struct visit *visit)
{
    const struct target *target = &visit->target;
    enum nearness pid = compare_namespace(visit->process, "pid"), mount = compare_namespace(visit->process, "mnt");
    if (pid == HIDDEN || mount == HIDDEN)
        doctor_add(visit->doctor, "namespaces", DOCTOR_UNKNOWN, NULL,
                   "which namespaces it lives in this user may not see");
    else if (pid == SAME && mount == SAME)
        doctor_add(visit->doctor, "namespaces", DOCTOR_OK, NULL, "the same PID and mount namespaces as medic");
    else
        doctor_add(visit->doctor, "namespaces", DOCTOR_OK, NULL,
                   "%s PID namespace (it calls itself %d), %s mount namespace%s", pid == SAME ? "the same" : "another",
                   target->inner_pid, mount == SAME ? "the same" : "another",
                   mount == OTHER ? ": its files are reached through /proc/PID/root" : "");
}

/* As the user who will write there. */
static int check_access(const struct target *target)
{
    struct identity identity;
    if (identity_enter(&identity, target->uid, target->gid, NULL) != MEDIC_OK)
        return 0; /* another check says so */
    int bad = faccessat(target->tmp_fd, ".", W_OK | X_OK, AT_EACCESS), error = errno;
    identity_leave(&identity);
    return bad ? error : 0;
}

static void check_tmp(struct visit *visit)
{
    const struct target *target = &visit->target;
    struct statvfs about;
    char text[32];
    const char *cure = "free some, or clean that folder up";
    if (target->tmp_fd < 0 || fstatvfs(target->tmp_fd, &about)) {
        doctor_add(visit->doctor, "tmp", DOCTOR_UNKNOWN, NULL, "its temporary folder %.200s cannot be reached",
                   target->tmp ? target->tmp : "");
        return;
    }
    uint64_t room = (uint64_t)about.f_bavail * about.f_frsize;
    int error = check_access(target);
    if (about.f_flag & ST_RDONLY || error)
        doctor_problem(visit->doctor, "tmp", MEDIC_E_DENIED, "make it writable for the program's user",
                       "its temporary folder %.200s cannot be written to: %s", target->tmp,
                       strerror(error ? error : EROFS));
    else if (room < 4 * MB || (about.f_files && !about.f_favail))
        doctor_problem(visit->doctor, "tmp", MEDIC_E_IO, cure, "its temporary folder %.200s is full (%s free)",
                       target->tmp, doctor_bytes(room, text));
    else
        doctor_add(visit->doctor, "tmp", room < 64 * MB ? DOCTOR_WARNING : DOCTOR_OK, room < 64 * MB ? cure : NULL,
                   "its temporary folder is %.200s, %s free", target->tmp, doctor_bytes(room, text));
}

static bool shm_may_execute(const struct visit *visit)
{
    int fd = visit->process < 0 ? -1 : openat(visit->process, "root/dev/shm", O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool may = fd >= 0 && staging_may_execute(fd);
    if (fd >= 0)
        close(fd);
    return may;
}

static void check_exec(struct visit *visit)
{
    const struct target *target = &visit->target;
    if (target->tmp_fd < 0)
        doctor_add(visit->doctor, "exec", DOCTOR_UNKNOWN, NULL,
                   "whether it can load a library from there cannot be told");
    else if (staging_may_execute(target->tmp_fd))
        doctor_add(visit->doctor, "exec", DOCTOR_OK, NULL, "it can load a library from its temporary folder");
    else if (shm_may_execute(visit))
        doctor_add(visit->doctor, "exec", DOCTOR_OK, NULL,
                   "its temporary folder is mounted noexec: /dev/shm will be used");
    else
        doctor_problem(visit->doctor, "exec", MEDIC_E_UNSUPPORTED, "mount one of them without noexec",
                       "its temporary folder %.200s is mounted noexec, and so is /dev/shm, or it is not there",
                       target->tmp);
}

static void check_build(struct visit *visit)
{
    const struct target *target = &visit->target;
#if defined(__x86_64__)
    const char *arch = "x64";
#elif defined(__aarch64__)
    const char *arch = "arm64";
#else
    const char *arch = "";
#endif
#ifdef __GLIBC__
    const enum target_libc libc = TARGET_LIBC_GLIBC;
#else
    const enum target_libc libc = TARGET_LIBC_MUSL;
#endif
    static const char *const names[] = {"an unknown libc", "glibc", "musl"};
    if (*target->arch && *arch && strcmp(target->arch, arch))
        doctor_problem(visit->doctor, "build", MEDIC_E_UNSUPPORTED, "use the build for its processor",
                       "it runs as %s and this Medic is built for %s", target->arch, arch);
    else if (target->libc != TARGET_LIBC_UNKNOWN && target->libc != libc)
        doctor_problem(visit->doctor, "build", MEDIC_E_UNSUPPORTED, "use the build for its libc",
                       "it runs on %s and this Medic is built for %s", names[target->libc], names[libc]);
    else
        doctor_add(visit->doctor, "build", *target->arch && target->libc ? DOCTOR_OK : DOCTOR_UNKNOWN, NULL,
                   "%s with %s, this Medic is built for %s with %s",
                   *target->arch ? target->arch : "an unknown processor", names[target->libc], arch, names[libc]);
}

/* ---- who else is in there ---- */

/* Libraries that take the one place a profiler has, by the beginning of their names. */
static const char *const profilers[] = {"Datadog.Trace.ClrProfiler",
                                        "Datadog.Profiler",
                                        "libNewRelicProfiler",
                                        "OpenTelemetry.AutoInstrumentation.Native",
                                        "libMonitorProfiler",
                                        "libMutatingMonitorProfiler",
                                        "libelastic_apm_profiler",
                                        "liboneagentdotnet",
                                        "AppDynamics.Profiler",
                                        "libappdynamics_profiler",
                                        "libdr_dotnet",
                                        "libInstrumentationEngine"};

/* What is mapped: the first known profiler goes into other. false: not readable. */
static bool read_maps(int process, char other[128], bool *medic)
{
    int fd = openat(process, "maps", O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    char *line = NULL;
    size_t room = 0;
    bool any = false;
    if (!file && fd >= 0)
        close(fd);
    while (file && getline(&line, &room, file) > 0) {
        const char *base = strrchr(line, '/');
        any = true;
        *medic |= base && !strncmp(base + 1, "libmedic", 8);
        for (size_t i = 0; base && !*other && i < sizeof profilers / sizeof *profilers; i++)
            if (!strncmp(base + 1, profilers[i], strlen(profilers[i])))
                snprintf(other, 128, "%.*s", (int)strcspn(base + 1, "\n"), base + 1);
    }
    free(line);
    if (file)
        fclose(file);
    return any;
}

static void check_profiler(struct visit *visit, bool readable, const char *other)
{
    const struct target *target = &visit->target;
    size_t size = 0;
    char *environment = proc_read_file(visit->process, "environ", &size);
    const char *on = environment ? proc_env(environment, size, "CORECLR_ENABLE_PROFILING") : NULL;
    const char *path = environment ? proc_env(environment, size, "CORECLR_PROFILER_PATH") : NULL;
    if (target->code == MEDIC_E_BUSY)
        doctor_problem(visit->doctor, "profiler", target->code, NULL, "%.390s", target->why.text);
    else if (!environment || !readable)
        doctor_add(visit->doctor, "profiler", DOCTOR_UNKNOWN, NULL,
                   "whether another profiler is loaded this user may not see");
    else if (*other)
        doctor_add(visit->doctor, "profiler", DOCTOR_WARNING, "when the attach is refused, restart it without that one",
                   "%s is loaded, which may hold the one place that a profiler has", other);
    else if (on && strtoul(on, NULL, 16))
        doctor_add(visit->doctor, "profiler", DOCTOR_OK, NULL,
                   "CORECLR_ENABLE_PROFILING was set at its start, but %.200s is not loaded",
                   path ? path : "no profiler");
    else
        doctor_add(visit->doctor, "profiler", DOCTOR_OK, NULL, "no other profiler is loaded");
    free(environment);
}

/* A core that is in a session holds its status file open, even one whose folder has been removed. */
static bool find_status(int process, medic_status *status)
{
    int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    bool found = false;
    if (!entries && fd >= 0)
        close(fd);
    for (struct dirent *entry; entries && !found && (entry = readdir(entries));) {
        char link[LINK_MAX];
        ssize_t size = readlinkat(dirfd(entries), entry->d_name, link, sizeof link - 1);
        link[size > 0 ? size : 0] = '\0';
        const char *base = strrchr(link, '/');
        if (!base || !strstr(link, "/medic-") || strncmp(base + 1, MEDIC_STATUS_FILE, strlen(MEDIC_STATUS_FILE)))
            continue;
        int file = openat(dirfd(entries), entry->d_name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        for (int attempt = 0; file >= 0 && !found && attempt < 3; attempt++)
            found = status_read(file, status) == MEDIC_OK;
        if (file >= 0)
            close(file);
    }
    if (entries)
        closedir(entries);
    return found;
}

/* The same for a process of which only the socket is visible. */
static bool find_work(const struct target *target, medic_status *status)
{
    struct leftovers list = {0};
    bool found = false;
    if (target->tmp_fd < 0 || leftovers_list(target->tmp_fd, target->uid, target->gid, &list, NULL) != MEDIC_OK)
        return false;
    for (size_t i = 0; i < list.count && !found; i++) {
        const struct leftover *work = &list.items[i];
        found = leftover_records(work) && work->held && (pid_t)work->status.pid == target->inner_pid;
        if (found)
            *status = work->status;
    }
    leftovers_free(&list);
    return found;
}

static void tell_session(struct visit *visit, const medic_status *status)
{
    const struct target *target = &visit->target;
    char cure[120];
    snprintf(cure, sizeof cure, "wait for its end, or `medic stop %d`", target->pid ? target->pid : target->inner_pid);
    if (status->state == MEDIC_SESSION_INERT)
        doctor_problem(visit->doctor, "medic", MEDIC_E_BUSY, "restart it before it is profiled again",
                       "an earlier session could not leave it, and does nothing any more: %.200s", status->text);
    else if (status->state == MEDIC_SESSION_DORMANT)
        doctor_add(visit->doctor, "medic", DOCTOR_OK, NULL, "Medic waits in it for the next session");
    else
        doctor_problem(visit->doctor, "medic", MEDIC_E_BUSY, cure, "a session of Medic is in it: %s",
                       session_state_text(status->state));
}

static void check_medic(struct visit *visit, bool readable, bool mapped)
{
    medic_status status;
    bool found = visit->process >= 0 ? find_status(visit->process, &status) : find_work(&visit->target, &status);
    if (found)
        tell_session(visit, &status);
    else if (!readable && visit->process >= 0)
        doctor_add(visit->doctor, "medic", DOCTOR_UNKNOWN, NULL,
                   "whether Medic is in it already this user may not see");
    else
        doctor_add(visit->doctor, "medic", DOCTOR_OK, NULL,
                   mapped ? "Medic was in it before, and has left: it stays mapped" : "no session of Medic is in it");
}

/* ---- all ---- */

static void look_inside(struct visit *visit)
{
    char other[128] = "";
    bool medic = false, readable = read_maps(visit->process, other, &medic);
    check_profiler(visit, readable, other);
    check_medic(visit, readable, medic);
}

static void examine(struct visit *visit)
{
    check_runtime(visit);
    check_owner(visit);
    check_socket(visit);
    if (visit->process >= 0)
        check_namespaces(visit);
    check_tmp(visit);
    check_exec(visit);
    check_build(visit);
    if (visit->process >= 0) {
        look_inside(visit);
        doctor_limits(visit->doctor, visit->process, visit->target.uid);
    } else {
        doctor_add(visit->doctor, "process", DOCTOR_UNKNOWN, "look from a PID namespace that shows it",
                   "only its socket is visible: other profilers, memory and limits cannot be told from here");
        check_medic(visit, false, false);
    }
    doctor_add(visit->doctor, "ptrace", DOCTOR_OK, NULL, "not needed: the runtime itself loads Medic");
}

/* A pid that no .NET process has. */
static int judge_stranger(struct doctor *doctor, const char *what, struct doctor_patient *patient, medic_reason *why)
{
    char path[64];
    struct proc_stat stat = {0};
    snprintf(path, sizeof path, "/proc/%.20s", what);
    int process = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process < 0)
        return medic_fail(why, MEDIC_E_NOT_FOUND, "there is no process %.20s here: `medic ps` lists the .NET programs",
                          what);
    if (proc_read_stat(process, &stat))
        snprintf(patient->name, sizeof patient->name, "%s", stat.comm);
    patient->pid = atol(what);
    if (check_state(doctor, process, patient->pid))
        doctor_problem(doctor, "runtime", MEDIC_E_UNSUPPORTED, "`medic ps` lists the .NET programs",
                       "it is not a .NET program, or its runtime has not started yet");
    close(process);
    return MEDIC_OK;
}

int doctor_process(struct doctor *doctor, const char *what, struct doctor_patient *patient, medic_reason *why)
{
    struct visit visit = {.doctor = doctor, .process = -1};
    char path[32];
    *patient = (struct doctor_patient){0};
    int code = find(what, &visit.target, why);
    if (code == MEDIC_E_NOT_FOUND && is_number(what))
        return judge_stranger(doctor, what, patient, why);
    if (code != MEDIC_OK)
        return code;
    patient->dotnet = true;
    patient->pid = visit.target.pid;
    snprintf(patient->name, sizeof patient->name, "%s",
             *visit.target.entry_assembly ? visit.target.entry_assembly : visit.target.executable);
    if (visit.target.pid) {
        snprintf(path, sizeof path, "/proc/%d", visit.target.pid);
        visit.process = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (visit.process < 0 || check_state(doctor, visit.process, visit.target.pid))
        examine(&visit);
    if (visit.process >= 0)
        close(visit.process);
    target_free(&visit.target);
    return MEDIC_OK;
}
