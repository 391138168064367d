/* Discovery of .NET processes, see target.h. Order of work: read /proc, add sockets without a process, ask all runtimes at
 * once, fill in what they did not tell. */
#include "target.h"

#include "proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* What one pass over the machine shares. */
struct scan {
    int proc;
    bool pids_are_ours; /* /proc shows our own PID namespace: credentials can be compared with its numbers */
    uid_t user_uid;     /* the last name looked up */
    char user[64];
};

/* What is read of a process to judge it and then let go. */
struct glimpse {
    int process;
    char *arguments, *environment;
    size_t arguments_size, environment_size;
};

/* ---- small things ---- */

static int open_scan(struct scan *scan, medic_reason *why)
{
    char self[32] = "";
    *scan = (struct scan){.user_uid = (uid_t)-1};
    scan->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (scan->proc < 0)
        return medic_fail(why, MEDIC_E_IO, "/proc cannot be opened (%m): mount it to see processes");
    if (readlinkat(scan->proc, "self", self, sizeof self - 1) <= 0) {
        close(scan->proc);
        return medic_fail(why, MEDIC_E_IO,
                          "/proc does not show this process: mount the proc file system of this PID namespace");
    }
    scan->pids_are_ours = atol(self) == getpid();
    return MEDIC_OK;
}

static void user_name(struct scan *scan, uid_t uid, char *out, size_t room)
{
    struct passwd entry, *found = NULL;
    char buffer[4096];
    if (scan->user_uid != uid) {
        if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found)
            snprintf(scan->user, sizeof scan->user, "%s", entry.pw_name);
        else
            snprintf(scan->user, sizeof scan->user, "%u", uid);
        proc_printable(scan->user);
        scan->user_uid = uid;
    }
    snprintf(out, room, "%s", scan->user);
}

static double seconds_since(uint64_t start_ticks)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    double up = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)start_ticks / (double)sysconf(_SC_CLK_TCK);
    return up > 0 ? up : 0;
}

static void copy_printable(char *out, size_t room, const char *text)
{
    size_t length = text ? strnlen(text, room - 1) : 0;
    if (length)
        memcpy(out, text, length);
    out[length] = 0;
    proc_printable(out);
}

static void strip_dll(char *name)
{
    size_t length = strlen(name);
    if (length > 4 && strcasecmp(name + length - 4, ".dll") == 0)
        name[length - 4] = 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const char *display_name(const struct target *t)
{
    return t->entry_assembly[0] ? t->entry_assembly : t->executable[0] ? t->executable : t->comm;
}

void target_free(struct target *target)
{
    if (target->tmp_fd >= 0)
        close(target->tmp_fd);
    free(target->command_line);
    free(target->tmp);
    free(target->tmp_path);
    *target = (struct target){.tmp_fd = -1};
}

void target_list_free(struct target_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        target_free(&list->items[i]);
    free(list->items);
    *list = (struct target_list){0};
}

/* Takes over *t. */
static int list_add(struct target_list *list, struct target *t, medic_reason *why)
{
    struct target *items = reallocarray(list->items, list->count + 1, sizeof *items);
    if (!items) {
        target_free(t);
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while listing processes: free some and try again");
    }
    list->items = items;
    list->items[list->count++] = *t;
    return MEDIC_OK;
}

static void list_remove(struct target_list *list, size_t i)
{
    target_free(&list->items[i]);
    list->count--;
    memmove(&list->items[i], &list->items[i + 1], (list->count - i) * sizeof *list->items);
}

/* The first reason stays: it was the stronger one. */
#define refuse(t, number, ...)                                                                                         \
    ((t)->code == MEDIC_OK ? (void)((t)->code = medic_fail(&(t)->why, (number), __VA_ARGS__)) : (void)0)

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
        refuse(t, MEDIC_E_DENIED,
               "it runs as uid %u with rights that this root lacks: give medic CAP_SYS_PTRACE and what else "
               "the process holds, or run outside of the container",
               t->uid);
    else if (geteuid() == t->uid)
        refuse(t, MEDIC_E_DENIED,
               "it is closed even to its own user (set-uid, set-capabilities or not dumpable): run as root");
    else
        refuse(t, MEDIC_E_DENIED, "it runs as uid %u: run as that user or as root", t->uid);
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
        refuse(t, MEDIC_E_NOT_FOUND,
               "its temporary folder %.200s does not exist, so it could make no socket: create it, or set "
               "TMPDIR to one that does, and restart it",
               t->tmp);
    if (errno == EMFILE || errno == ENFILE)
        refuse(t, MEDIC_E_IO, "its temporary folder cannot be opened (%m): raise the limit of open files");
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
        refuse(t, MEDIC_E_UNSUPPORTED, "its diagnostics are switched off by %s: restart it without that variable",
               variable);
    if (path > PROC_SUN_PATH_MAX)
        refuse(t, MEDIC_E_UNSUPPORTED,
               "its TMPDIR %.120s is too long, the socket's path would have %zu bytes and %d are allowed: "
               "restart it with a shorter one",
               t->tmp, path, PROC_SUN_PATH_MAX);
    refuse(t, MEDIC_E_NOT_FOUND,
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
    copy_printable(t->executable, sizeof t->executable,
                   n > 0               ? base_name(path)
                   : g->arguments_size ? base_name(g->arguments)
                                       : "");
    proc_program_name(g->arguments, g->arguments_size, t->entry_assembly, sizeof t->entry_assembly);
    proc_printable(t->entry_assembly);
    t->command_line = command_line(g, t);
}

static void set_usage(struct target *t, const struct proc_stat *stat)
{
    t->uptime_s = seconds_since(t->start_time);
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
        struct proc_maps maps = {.profiler = path ? base_name(path) : NULL};
        if (!path || !*maps.profiler || strncmp(maps.profiler, "libmedic", 8) == 0)
            continue;
        if (!proc_read_maps(g->process, &maps) || maps.profiler_mapped)
            refuse(t, MEDIC_E_BUSY,
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
        refuse(t, MEDIC_E_TIMEOUT, "it is stopped by %s: continue it first%s",
               t->state == 'T' ? "a signal" : "a debugger", t->state == 'T' ? " (kill -CONT)" : "");
    return MEDIC_OK;
}

/* Everything the kernel shows to everybody; then the rest. */
static int look_at(struct scan *scan, struct glimpse *g, pid_t pid, struct target *t, medic_reason *why)
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
    copy_printable(t->comm, sizeof t->comm, stat.comm);
    set_usage(t, &stat);
    g->arguments = proc_read_file(g->process, "cmdline", &g->arguments_size);
    g->environment = proc_read_file(g->process, "environ", &g->environment_size);
    user_name(scan, t->uid, t->user, sizeof t->user);
    return judge(t, g, why);
}

/* Looks at one process without asking it. On failure *t is empty. */
static int probe(struct scan *scan, pid_t pid, struct target *t, medic_reason *why)
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

static int probe_all(struct scan *scan, struct target_list *list, medic_reason *why)
{
    int fd = openat(scan->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    struct target t;
    int code = MEDIC_OK;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return medic_fail(why, MEDIC_E_IO, "/proc cannot be read (%m): mount it to see processes");
    }
    while (code == MEDIC_OK && (entry = readdir(dir)))
        if (isdigit((unsigned char)entry->d_name[0]) && probe(scan, (pid_t)atol(entry->d_name), &t, NULL) == MEDIC_OK)
            code = list_add(list, &t, why);
    closedir(dir);
    return code;
}

/* ---- sockets without a process ---- */

static bool claimed(const struct target_list *list, const struct stat *st)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].has_socket && list->items[i].socket_dev == st->st_dev &&
            list->items[i].socket_ino == st->st_ino)
            return true;
    return false;
}

/* A target that is known by nothing but its socket. false: not such a file, or out of memory. */
static bool from_socket(struct scan *scan, int dirfd, const char *folder, const char *name, struct target *t)
{
    uint64_t pid, key;
    struct stat st;
    *t = (struct target){.tmp_fd = -1};
    if (!proc_parse_socket_name(name, &pid, &key) || pid > INT32_MAX || strlen(name) >= sizeof t->socket)
        return false;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    t->inner_pid = (pid_t)pid;
    t->start_time = key;
    t->uid = st.st_uid;
    t->gid = st.st_gid;
    t->uptime_s = seconds_since(key); /* one kernel, one boot time */
    t->socket_only = t->has_socket = true;
    t->socket_dev = st.st_dev;
    t->socket_ino = st.st_ino;
    snprintf(t->socket, sizeof t->socket, "%s", name);
    user_name(scan, t->uid, t->user, sizeof t->user);
    t->tmp = strdup(folder);
    t->tmp_path = strdup(folder);
    t->tmp_fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
    if (t->tmp && t->tmp_path && t->tmp_fd >= 0)
        return true;
    target_free(t);
    return false;
}

static int add_sockets(struct scan *scan, const char *folder, struct target_list *list, medic_reason *why)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    struct target t;
    struct stat st;
    int code = MEDIC_OK;
    while (dir && code == MEDIC_OK && (entry = readdir(dir))) {
        uint64_t pid, key;
        if (!proc_parse_socket_name(entry->d_name, &pid, &key) ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || claimed(list, &st))
            continue;
        if (from_socket(scan, dirfd(dir), folder, entry->d_name, &t))
            code = list_add(list, &t, why);
    }
    if (dir)
        closedir(dir);
    return code;
}

/* ---- asking ---- */

static struct ipc_peer peer_of(const struct target *t, bool pids_are_ours)
{
    pid_t pid = !pids_are_ours ? IPC_PEER_ANY : t->socket_only ? IPC_PEER_HIDDEN : t->pid;
    return (struct ipc_peer){.dirfd = t->tmp_fd, .socket = t->socket, .uid = t->uid, .pid = pid};
}

static void take_answer(struct target *t, struct ipc_process_info *info)
{
    if (!t->command_line || t->socket_only) {
        free(t->command_line);
        t->command_line = info->command_line ? info->command_line : strdup("");
        info->command_line = NULL;
        if (t->command_line)
            proc_printable(t->command_line);
    }
    if (info->entry_assembly && *info->entry_assembly)
        copy_printable(t->entry_assembly, sizeof t->entry_assembly, info->entry_assembly);
    strip_dll(t->entry_assembly);
    copy_printable(t->runtime, sizeof t->runtime, info->clr_version);
    t->runtime[strcspn(t->runtime, "+@ ")] = 0; /* 10.0.1+hash, 8.0.1 @Commit: hash */
    copy_printable(t->rid, sizeof t->rid, info->rid);
    copy_printable(t->arch, sizeof t->arch, info->arch);
    memcpy(t->cookie, info->cookie, sizeof t->cookie);
    if (t->rid[0])
        t->libc = strstr(t->rid, "musl") ? TARGET_LIBC_MUSL : TARGET_LIBC_GLIBC;
}

/* What the runtime did not tell, from /proc. The process may be another by now: then nothing. */
static void complete(struct target *t)
{
    char path[32];
    struct proc_stat stat;
    struct proc_maps maps = {0};
    if (t->pid == 0 || (t->runtime[0] && t->libc != TARGET_LIBC_UNKNOWN && t->arch[0]))
        return;
    snprintf(path, sizeof path, "/proc/%d", t->pid);
    int process = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process < 0)
        return;
    if (proc_read_stat(process, &stat) && stat.start_time == t->start_time && proc_read_maps(process, &maps)) {
        if (!t->runtime[0])
            copy_printable(t->runtime, sizeof t->runtime, maps.version);
        if (t->libc == TARGET_LIBC_UNKNOWN)
            t->libc = maps.musl ? TARGET_LIBC_MUSL : maps.glibc ? TARGET_LIBC_GLIBC : TARGET_LIBC_UNKNOWN;
        if (!t->arch[0])
            snprintf(t->arch, sizeof t->arch, "%s", proc_read_arch(process));
    }
    close(process);
}

static bool worth_asking(const struct target *t)
{
    return t->has_socket && t->state != 'T' && t->state != 't' && t->code != MEDIC_E_DENIED;
}

/* Asks all runtimes and settles who is attachable. */
static int ask(struct target *items, size_t count, bool pids_are_ours, unsigned timeout_ms, medic_reason *why)
{
    struct ipc_query *queries = calloc(count + 1, sizeof *queries);
    size_t asked = 0;
    if (!queries)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while asking processes: free some and try again");
    for (size_t i = 0; i < count; i++)
        if (worth_asking(&items[i]))
            queries[asked++].peer = peer_of(&items[i], pids_are_ours);
    ipc_query_all(queries, asked, ipc_deadline(timeout_ms));
    asked = 0;
    for (size_t i = 0; i < count; i++) {
        struct target *t = &items[i];
        if (worth_asking(t)) {
            struct ipc_query *q = &queries[asked++];
            if (q->code == MEDIC_OK)
                take_answer(t, &q->info);
            else
                refuse(t, q->code, "%s", q->why.text);
            ipc_process_info_free(&q->info);
        }
        complete(t);
        t->attachable = t->code == MEDIC_OK;
    }
    free(queries);
    return MEDIC_OK;
}

/* ---- the public part ---- */

int target_list(struct target_list *list, unsigned timeout_ms, medic_reason *why)
{
    const char *own_tmp = getenv("TMPDIR");
    struct scan scan;
    *list = (struct target_list){0};
    int code = open_scan(&scan, why);
    if (code != MEDIC_OK)
        return code;
    code = probe_all(&scan, list, why);
    if (code == MEDIC_OK)
        code = add_sockets(&scan, "/tmp", list, why);
    if (code == MEDIC_OK && own_tmp && *own_tmp)
        code = add_sockets(&scan, own_tmp, list, why);
    if (code == MEDIC_OK)
        code = ask(list->items, list->count, scan.pids_are_ours, timeout_ms, why);
    close(scan.proc);
    if (code != MEDIC_OK) {
        target_list_free(list);
        return code;
    }
    for (size_t i = list->count; i-- > 0;) {
        const struct target *t = &list->items[i];
        if ((t->socket_only && !t->attachable) || (t->code == MEDIC_E_GONE && !target_alive(t)))
            list_remove(list, i);
    }
    return MEDIC_OK;
}

/* The end of every find: asks a probed target. Takes it over when it is of no use. */
static int settle(struct scan *scan, struct target *t, unsigned timeout_ms, medic_reason *why)
{
    int code = ask(t, 1, scan->pids_are_ours, timeout_ms, why);
    if (code == MEDIC_OK && !t->attachable) {
        code = t->code;
        if (t->socket_only)
            medic_fail(why, code, "cannot attach through %.100s/%s: %.300s", t->tmp_path, t->socket, t->why.text);
        else
            medic_fail(why, code, "cannot attach to %d (%.80s): %.380s", t->pid, display_name(t), t->why.text);
    }
    if (code != MEDIC_OK)
        target_free(t);
    return code;
}

static int find_by_pid(struct scan *scan, const char *what, unsigned timeout_ms, struct target *t, medic_reason *why)
{
    errno = 0;
    unsigned long pid = strtoul(what, NULL, 10);
    if (errno || pid == 0 || pid > INT32_MAX)
        return medic_fail(why, MEDIC_E_ARGUMENT, "%.40s is no process id: give a number from 1 to %d, or a name", what,
                          INT32_MAX);
    int code = probe(scan, (pid_t)pid, t, why);
    return code == MEDIC_OK ? settle(scan, t, timeout_ms, why) : code;
}

/* The folder as the target sees it is in its environment only. */
static void learn_tmp(struct target *t, unsigned timeout_ms, bool pids_are_ours)
{
    struct ipc_peer peer = peer_of(t, pids_are_ours);
    struct ipc_environment env;
    if (ipc_environment(&peer, ipc_deadline(timeout_ms), &env, NULL) != MEDIC_OK)
        return;
    const char *tmp = "/tmp";
    for (size_t i = 0; i < env.count; i++)
        if (strncmp(env.entries[i], "TMPDIR=", 7) == 0 && env.entries[i][7])
            tmp = env.entries[i] + 7;
    char *copy = strdup(tmp);
    if (copy) {
        free(t->tmp);
        t->tmp = copy;
    }
    ipc_environment_free(&env);
}

/* A socket of a process we can see leads to that process, when the socket is really its own. */
static int find_listener(struct scan *scan, pid_t pid, struct target *t, unsigned timeout_ms, medic_reason *why)
{
    struct target seen;
    int code = probe(scan, pid, &seen, why);
    if (code == MEDIC_OK && (seen.socket_dev != t->socket_dev || seen.socket_ino != t->socket_ino)) {
        code = medic_fail(why, MEDIC_E_UNSAFE,
                          "process %d listens on %s, which is not its own socket: somebody poses as another "
                          "process, give the pid instead",
                          pid, t->socket);
        target_free(&seen);
    }
    target_free(t);
    if (code != MEDIC_OK)
        return code;
    *t = seen;
    return settle(scan, t, timeout_ms, why);
}

static int find_by_socket(struct scan *scan, const char *what, unsigned timeout_ms, struct target *t, medic_reason *why)
{
    const char *name = base_name(what);
    struct ucred cred = {0};
    socklen_t size = sizeof cred;
    int fd = -1;
    char *folder = name - what > 1 ? strndup(what, (size_t)(name - what - 1)) : strdup("/");
    int dirfd = folder ? open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    int code = MEDIC_OK;
    if (dirfd < 0 || !from_socket(scan, dirfd, folder, name, t))
        code = medic_fail(why, MEDIC_E_NOT_FOUND,
                          "%.200s is not a diagnostics socket: its name is "
                          "dotnet-diagnostic-<pid>-<start>-socket, see the temporary folder",
                          what);
    if (dirfd >= 0)
        close(dirfd);
    free(folder);
    if (code != MEDIC_OK)
        return code;
    struct ipc_peer peer = {.dirfd = t->tmp_fd, .socket = t->socket, .uid = t->uid, .pid = IPC_PEER_ANY};
    medic_reason clause = {0};
    code = ipc_connect(&peer, ipc_deadline(timeout_ms), &fd, &clause);
    if (code != MEDIC_OK) {
        target_free(t);
        return medic_fail(why, code, "cannot attach through %.120s: %.300s", what, clause.text);
    }
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size);
    close(fd);
    if (cred.pid > 0 && scan->pids_are_ours)
        return find_listener(scan, cred.pid, t, timeout_ms, why);
    code = settle(scan, t, timeout_ms, why);
    if (code == MEDIC_OK)
        learn_tmp(t, timeout_ms, scan->pids_are_ours);
    return code;
}

static bool is_called(const struct target *t, const char *name, bool any_case)
{
    int (*compare)(const char *, const char *) = any_case ? strcasecmp : strcmp;
    return compare(t->entry_assembly, name) == 0 || compare(t->executable, name) == 0 || compare(t->comm, name) == 0;
}

static size_t count_called(const struct target_list *list, const char *name, bool any_case, size_t *last)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        if (is_called(&list->items[i], name, any_case)) {
            *last = i;
            count++;
        }
    return count;
}

static int ambiguous(const struct target_list *list, const char *name, bool any_case, size_t count, medic_reason *why)
{
    medic_reason text;
    int used = snprintf(text.text, sizeof text.text, "%.60s names %zu processes, give the pid of one:", name, count);
    for (size_t i = 0; i < list->count && used > 0 && (size_t)used < sizeof text.text - 160; i++) {
        const struct target *t = &list->items[i];
        char *at = text.text + used;
        size_t room = sizeof text.text - (size_t)used;
        if (!is_called(t, name, any_case))
            continue;
        if (t->pid)
            used += snprintf(at, room, " %d (%.60s),", t->pid, t->command_line ? t->command_line : "");
        else
            used += snprintf(at, room, " %.60s/%.60s (%.20s),", t->tmp_path, t->socket,
                             t->command_line ? t->command_line : "");
        count--;
    }
    text.text[used - 1] = 0; /* the last comma */
    return medic_fail(why, MEDIC_E_AMBIGUOUS, count ? "%s and %zu more" : "%s", text.text, count);
}

static int find_by_name(struct scan *scan, const char *name, unsigned timeout_ms, struct target *t, medic_reason *why)
{
    struct target_list list;
    size_t found = 0;
    bool any_case = false;
    int code = target_list(&list, timeout_ms, why);
    if (code != MEDIC_OK)
        return code;
    size_t count = count_called(&list, name, any_case, &found);
    if (count == 0)
        count = count_called(&list, name, any_case = true, &found);
    if (count == 0)
        code = medic_fail(why, MEDIC_E_NOT_FOUND,
                          "no .NET process is called %.200s: `medic ps` lists the .NET programs", name);
    else if (count > 1)
        code = ambiguous(&list, name, any_case, count, why);
    else if (!list.items[found].attachable)
        code = medic_fail(why, list.items[found].code, "cannot attach to %d (%.80s): %.380s", list.items[found].pid,
                          display_name(&list.items[found]), list.items[found].why.text);
    if (code == MEDIC_OK) {
        *t = list.items[found];
        list.items[found] = (struct target){.tmp_fd = -1};
        if (t->socket_only)
            learn_tmp(t, timeout_ms, scan->pids_are_ours);
    }
    target_list_free(&list);
    return code;
}

int target_find(const char *what, unsigned timeout_ms, struct target *target, medic_reason *why)
{
    struct scan scan;
    *target = (struct target){.tmp_fd = -1};
    if (!*what)
        return medic_fail(why, MEDIC_E_ARGUMENT,
                          "no process is given: give its pid, its name, or the path of its socket");
    int code = open_scan(&scan, why);
    if (code != MEDIC_OK)
        return code;
    if (strchr(what, '/'))
        code = find_by_socket(&scan, what, timeout_ms, target, why);
    else if (strspn(what, "0123456789") == strlen(what))
        code = find_by_pid(&scan, what, timeout_ms, target, why);
    else
        code = find_by_name(&scan, what, timeout_ms, target, why);
    close(scan.proc);
    return code;
}

int target_open_tmp(const struct target *target, medic_reason *why)
{
    int fd = fcntl(target->tmp_fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return medic_fail(why, MEDIC_E_IO, "the temporary folder cannot be opened (%m): raise the limit of open files");
    return fd;
}

struct ipc_peer target_peer(const struct target *target)
{
    char self[32] = "";
    bool ours = readlink("/proc/self", self, sizeof self - 1) > 0 && atol(self) == getpid();
    return peer_of(target, ours);
}

bool target_alive(const struct target *target)
{
    char path[32];
    struct proc_stat stat;
    struct stat st;
    if (target->socket_only)
        return fstatat(target->tmp_fd, target->socket, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
               st.st_ino == target->socket_ino;
    snprintf(path, sizeof path, "/proc/%d", target->pid);
    int process = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process < 0)
        return false;
    bool alive = proc_read_stat(process, &stat) && stat.start_time == target->start_time && stat.state != 'Z' &&
                 stat.state != 'X';
    close(process);
    return alive;
}
