/* Judging a process by what /proc shows of it and by the socket it made, without asking its runtime. */
#include "tool/target_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What is read of a process to judge it and then let go. */
struct glimpse {
    int process;
    char *arguments, *environment;
    size_t arguments_size, environment_size;
};

/* ---- the temporary folder and the socket ---- */

/* Links on the way are followed as the target would follow them, never out of its root. */
static int open_inside(int root, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
        return fd;
    path += strspn(path, "/"); /* kernels before 5.6, and sandboxes that hide the call */
    return openat(root, *path ? path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Opens the folder through the process' own root. false: errno tells. */
static bool open_tmp(struct target *t, int process)
{
    const char *start = t->tmp[0] == '/' ? "root" : "cwd";
    int base = openat(process, start, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (base < 0)
        return false;
    t->tmp_fd = open_inside(base, t->tmp);
    int error = errno;
    close(base);
    if (asprintf(&t->tmp_path, "/proc/%d/%s%s%s", t->pid, start, t->tmp[0] == '/' ? "" : "/", t->tmp) < 0)
        t->tmp_path = NULL;
    errno = error;
    return t->tmp_fd >= 0;
}

/* True when the file is a socket of the right owner. */
static bool find_socket(struct target *t)
{
    struct stat st;
    if (t->tmp_fd < 0 || fstatat(t->tmp_fd, t->socket, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    t->has_socket = true;
    t->socket_dev = st.st_dev;
    t->socket_ino = st.st_ino;
    return st.st_uid == t->uid;
}

static void refuse_foreign(struct target *t)
{
    if (geteuid() == 0)
        target_refuse(t, MEDIC_E_DENIED,
                      "it runs as uid %u with rights that this root lacks: give medic CAP_SYS_PTRACE and what else "
                      "the process holds, or run outside of the container",
                      t->uid);
    else if (geteuid() == t->uid)
        target_refuse(t, MEDIC_E_DENIED,
                      "it is closed even to its own user (set-uid, set-capabilities or not dumpable): run as root");
    else
        target_refuse(t, MEDIC_E_DENIED, "it runs as uid %u: run as that user or as root", t->uid);
}

/* Finds folder and socket; true when the socket proves that this is .NET. */
static bool locate(struct target *t, const struct glimpse *g)
{
    const char *tmp = g->environment ? proc_env(g->environment, g->environment_size, "TMPDIR") : NULL;
    t->tmp = strdup(tmp && *tmp ? tmp : "/tmp");
    if (!t->tmp)
        return false;
    proc_socket_name(t->socket, sizeof t->socket, t->inner_pid ? t->inner_pid : t->pid, t->start_time);
    if (open_tmp(t, g->process))
        return find_socket(t);
    if (errno == ENOENT || errno == ENOTDIR)
        target_refuse(t, MEDIC_E_NOT_FOUND,
                      "its temporary folder %.200s does not exist, so it could make no socket: create it, or set "
                      "TMPDIR to one that does, and restart it",
                      t->tmp);
    if (errno == EMFILE || errno == ENFILE)
        target_refuse(t, MEDIC_E_IO, "its temporary folder cannot be opened (%m): raise the limit of open files");
    if (errno != EACCES && errno != EPERM)
        return false;
    t->tmp_fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC); /* it may share ours */
    if (t->tmp_fd < 0 || !find_socket(t)) {
        refuse_foreign(t);
        return false;
    }
    free(t->tmp_path);
    t->tmp_path = strdup("/tmp");
    return true;
}

static void refuse_without_socket(struct target *t, const struct glimpse *g)
{
    char variable[128];
    size_t path = strlen(t->tmp) + (t->tmp[strlen(t->tmp) - 1] != '/') + strlen(t->socket);
    if (g->environment && proc_diagnostics_off(g->environment, g->environment_size, variable, sizeof variable))
        target_refuse(t, MEDIC_E_UNSUPPORTED,
                      "its diagnostics are switched off by %s: restart it without that variable", variable);
    if (path > PROC_SUN_PATH_MAX)
        target_refuse(t, MEDIC_E_UNSUPPORTED,
                      "its TMPDIR %.120s is too long, the socket's path would have %zu bytes and %d are allowed: "
                      "restart it with a shorter one",
                      t->tmp, path, PROC_SUN_PATH_MAX);
    target_refuse(t, MEDIC_E_NOT_FOUND,
                  "it has no diagnostics socket in %.200s: it is just starting, could not write there at its start, "
                  "or the file was cleaned up; try again, then restart it",
                  t->tmp);
}

/* ---- one process ---- */

static char *command_line(const struct glimpse *g, const struct target *t)
{
    size_t size = g->arguments_size;
    char *text = malloc(size + sizeof t->comm + 3);
    if (!text)
        return NULL;
    if (size == 0) {
        sprintf(text, "[%s]", t->comm);
    } else {
        memcpy(text, g->arguments, size);
        text[size] = 0;
        for (size_t i = 0; i < size; i++)
            if (!text[i])
                text[i] = ' ';
        while (size > 0 && text[size - 1] == ' ')
            text[--size] = 0;
    }
    proc_printable(text);
    return text;
}

static void read_names(struct target *t, const struct glimpse *g)
{
    char path[4096];
    static const char deleted[] = " (deleted)";
    ssize_t n = readlinkat(g->process, "exe", path, sizeof path - 1);
    if (n > 0) {
        path[n] = 0;
        if ((size_t)n > sizeof deleted && strcmp(path + n - (sizeof deleted - 1), deleted) == 0)
            path[(size_t)n - (sizeof deleted - 1)] = 0;
    }
    target_copy_printable(t->executable, sizeof t->executable,
                          n > 0               ? proc_base_name(path)
                          : g->arguments_size ? proc_base_name(g->arguments)
                                              : "");
    proc_program_name(g->arguments, g->arguments_size, t->entry_assembly, sizeof t->entry_assembly);
    proc_printable(t->entry_assembly);
    t->command_line = command_line(g, t);
}

static void set_usage(struct target *t, const struct proc_stat *stat)
{
    t->uptime_s = target_seconds_since(t->start_time);
    t->cpu_s = (double)stat->cpu_ticks / (double)sysconf(_SC_CLK_TCK);
    t->cpu_percent = t->uptime_s > 0 ? 100 * t->cpu_s / t->uptime_s : 0;
    t->rss_bytes = stat->rss_pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A profiler that the start-up variables name and that is really mapped. Our own core comes and goes, and stays mapped. */
static void refuse_profiled(struct target *t, const struct glimpse *g)
{
    static const char *const names[] = {"CORECLR_PROFILER_PATH_64", "CORECLR_PROFILER_PATH_ARM64",
                                        "CORECLR_PROFILER_PATH_32", "CORECLR_PROFILER_PATH_ARM32",
                                        "CORECLR_PROFILER_PATH"};
    const char *on = g->environment ? proc_env(g->environment, g->environment_size, "CORECLR_ENABLE_PROFILING") : NULL;
    if (!on || strtoul(on, NULL, 16) == 0)
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = proc_env(g->environment, g->environment_size, names[i]);
        struct proc_maps maps = {.profiler = path ? proc_base_name(path) : NULL};
        if (!path || !*maps.profiler || strncmp(maps.profiler, "libmedic", 8) == 0)
            continue;
        if (!proc_read_maps(g->process, &maps) || maps.profiler_mapped)
            target_refuse(t, MEDIC_E_BUSY,
                          "another profiler was loaded at its start (%s=%.200s): restart it without "
                          "CORECLR_ENABLE_PROFILING",
                          names[i], path);
    }
}

static bool is_dotnet(const struct glimpse *g)
{
    struct proc_maps maps = {0};
    return proc_has_dotnet_thread(g->process) || (proc_read_maps(g->process, &maps) && maps.dotnet);
}

static int not_dotnet(pid_t pid, const char *comm, medic_reason *why)
{
    return medic_fail(why, MEDIC_E_UNSUPPORTED,
                      "process %d (%s) is not a .NET program, or its runtime has not started yet: "
                      "`medic ps` lists the .NET programs",
                      pid, comm);
}

/* For an attach the runtime starts threads, and when it gets no memory for one it ends the process. */
static void refuse_crowded(struct target *t, int process)
{
    uint64_t left = proc_address_space_left(process);
    if (left < PROC_ADDRESS_SPACE_NEEDED)
        target_refuse(
            t, MEDIC_E_UNSAFE,
            "only %llu MB of address space are left to it (RLIMIT_AS), and with none its runtime would end it: "
            "raise that limit (prlimit --as)",
            (unsigned long long)(left >> 20));
}

/* Fills *t; MEDIC_OK: it is .NET, attachable or not. */
static int judge(struct target *t, const struct glimpse *g, medic_reason *why)
{
    bool proven = locate(t, g);
    if (!t->tmp)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while reading process %d: free some and try again",
                          t->pid);
    if (!proven && !is_dotnet(g))
        return not_dotnet(t->pid, t->comm, why);
    read_names(t, g);
    if (!t->has_socket)
        refuse_without_socket(t, g);
    refuse_profiled(t, g);
    if (t->state == 'T' || t->state == 't')
        target_refuse(t, MEDIC_E_TIMEOUT, "it is stopped by %s: continue it first%s",
                      t->state == 'T' ? "a signal" : "a debugger", t->state == 'T' ? " (kill -CONT)" : "");
    refuse_crowded(t, g->process);
    return MEDIC_OK;
}

/* Everything the kernel shows to everybody; then the rest. */
static int look_at(struct target_scan *scan, struct glimpse *g, pid_t pid, struct target *t, medic_reason *why)
{
    struct proc_stat stat;
    struct proc_status status;
    if (!proc_read_stat(g->process, &stat) || !proc_read_status(g->process, &status))
        return medic_fail(why, MEDIC_E_GONE, "process %d has just ended: choose another", pid);
    if (stat.state == 'Z' || stat.state == 'X')
        return medic_fail(why, MEDIC_E_GONE,
                          "process %d (%s) has ended, only its parent has not noticed yet (zombie): choose "
                          "another",
                          pid, stat.comm);
    if (stat.kernel_thread || stat.threads < 2) /* a runtime always has helpers */
        return not_dotnet(pid, stat.comm, why);
    t->pid = pid;
    t->inner_pid = status.inner_pid ? status.inner_pid : pid;
    t->start_time = stat.start_time;
    t->uid = status.euid;
    t->gid = status.egid;
    t->state = stat.state;
    target_copy_printable(t->comm, sizeof t->comm, stat.comm);
    set_usage(t, &stat);
    g->arguments = proc_read_file(g->process, "cmdline", &g->arguments_size);
    g->environment = proc_read_file(g->process, "environ", &g->environment_size);
    target_user_name(scan, t->uid, t->user, sizeof t->user);
    return judge(t, g, why);
}

int target_probe(struct target_scan *scan, pid_t pid, struct target *t, medic_reason *why)
{
    char name[16];
    *t = (struct target){.tmp_fd = -1};
    snprintf(name, sizeof name, "%d", pid);
    struct glimpse g = {.process = openat(scan->proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (g.process < 0 && errno != ENOENT)
        return medic_fail(why, MEDIC_E_IO, "process %d cannot be looked at: %m", pid);
    if (g.process < 0)
        return medic_fail(why, MEDIC_E_NOT_FOUND, "there is no process %d here: `medic ps` lists the .NET programs",
                          pid);
    int code = look_at(scan, &g, pid, t, why);
    if (code != MEDIC_OK)
        target_free(t);
    free(g.arguments);
    free(g.environment);
    close(g.process);
    return code;
}
