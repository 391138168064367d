/* What a process may run out of when a library, a thread and a few files are added to it: see doctor.h. */
#include "tool/doctor.h"
#include "tool/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MB (UINT64_C(1) << 20)
#define NEEDED (16 * MB) /* of core and plugin at their peak */
#define COMFORTABLE (128 * MB)
enum { FILES_NEEDED = 8, FILES_COMFORTABLE = 64, THREADS_NEEDED = 2, THREADS_COMFORTABLE = 16 };

/* ---- memory ---- */

/* false: no such file, or "max". */
static bool read_number(const char *folder, const char *name, uint64_t *value)
{
    char path[PATH_MAX + 64];
    unsigned long long number;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    bool good = file && fscanf(file, "%llu", &number) == 1;
    if (file)
        fclose(file);
    if (good)
        *value = number;
    return good;
}

/* Page cache that the kernel gives back before it kills anybody. */
static uint64_t reclaimable(const char *folder, const char *key)
{
    char path[PATH_MAX + 64], line[128];
    size_t size = strlen(key);
    uint64_t bytes = 0;
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, key, size) && line[size] == ' ')
            bytes = strtoull(line + size, NULL, 10);
    if (file)
        fclose(file);
    return bytes;
}

struct cgroup_files {
    const char *root, *limit, *used, *cache;
};

/* The tightest limit on the way up. UINT64_MAX: none that can be seen. */
static uint64_t headroom_of(const struct cgroup_files *files, const char *group)
{
    char folder[PATH_MAX];
    uint64_t least = UINT64_MAX, limit, used;
    snprintf(folder, sizeof folder, "%s%.3000s", files->root, group);
    while (strlen(folder) >= strlen(files->root)) {
        if (read_number(folder, files->limit, &limit) && limit < UINT64_MAX / 4 &&
            read_number(folder, files->used, &used)) {
            uint64_t cache = reclaimable(folder, files->cache), held = used > cache ? used - cache : 0;
            uint64_t left = limit > held ? limit - held : 0;
            least = left < least ? left : least;
        }
        char *slash = strrchr(folder, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
    return least;
}

static uint64_t cgroup_headroom(int process)
{
    static const struct cgroup_files unified = {"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"},
                                     legacy = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                                               "memory.usage_in_bytes", "total_inactive_file"};
    char *text = proc_read_file(process, "cgroup", NULL), *rest = NULL;
    uint64_t least = UINT64_MAX;
    for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group || strstr(group, "/.."))
            continue;
        *group++ = '\0';
        bool memory = !strcmp(controllers + 1, "memory");
        uint64_t left = memory            ? headroom_of(&legacy, group)
                        : !controllers[1] ? headroom_of(&unified, group)
                                          : UINT64_MAX;
        least = left < least ? left : least;
    }
    free(text);
    return least;
}

static uint64_t machine_headroom(void)
{
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *text = proc < 0 ? NULL : proc_read_file(proc, "meminfo", NULL);
    const char *available = text ? doctor_field(text, "MemAvailable") : NULL;
    uint64_t bytes = available ? strtoull(available, NULL, 10) * 1024 : UINT64_MAX;
    free(text);
    if (proc >= 0)
        close(proc);
    return bytes;
}

static void check_memory(struct doctor *doctor, int process)
{
    uint64_t machine = machine_headroom(), group = cgroup_headroom(process);
    uint64_t left = group < machine ? group : machine;
    const char *where = group < machine ? "below the memory limit of its control group" : "available on this machine";
    char text[32];
    if (left == UINT64_MAX)
        doctor_add(doctor, "memory", DOCTOR_UNKNOWN, NULL, "how much memory is left cannot be told from here");
    else if (left < NEEDED)
        doctor_problem(doctor, "memory", MEDIC_E_UNSAFE, "raise the limit or free some first",
                       "only %s left %s: core and profiler may take 16 MB, and it could be killed",
                       doctor_bytes(left, text), where);
    else if (left < COMFORTABLE)
        doctor_add(doctor, "memory", DOCTOR_WARNING, "prefer profilers that need little, and short sessions",
                   "%s left %s", doctor_bytes(left, text), where);
    else
        doctor_add(doctor, "memory", DOCTOR_OK, NULL, "%s left %s", doctor_bytes(left, text), where);
}

/* ---- files and threads ---- */

/* Entries of a folder of /proc/PID, or -1. */
static int64_t count_entries(int process, const char *name)
{
    int fd = openat(process, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    int64_t count = 0;
    if (!entries) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    for (struct dirent *entry; (entry = readdir(entries));)
        count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

static void check_files(struct doctor *doctor, int process, const char *limits)
{
    static const char cure[] = "raise it (prlimit --nofile), or find out what it keeps open";
    uint64_t limit;
    int64_t open_now = count_entries(process, "fd");
    if (!proc_soft_limit(limits, "Max open files", &limit) || open_now < 0) {
        doctor_add(doctor, "files", DOCTOR_UNKNOWN, NULL, "how many files it has open cannot be told from here");
        return;
    }
    uint64_t left = limit > (uint64_t)open_now ? limit - (uint64_t)open_now : 0;
    if (left < FILES_NEEDED)
        doctor_problem(doctor, "files", MEDIC_E_UNSAFE, cure, "it has %lld of %llu files open: a session needs %d more",
                       (long long)open_now, (unsigned long long)limit, FILES_NEEDED);
    else
        doctor_add(doctor, "files", left < FILES_COMFORTABLE ? DOCTOR_WARNING : DOCTOR_OK,
                   left < FILES_COMFORTABLE ? cure : NULL, "%lld files open, the limit is %llu", (long long)open_now,
                   (unsigned long long)limit);
}

/* Threads of all processes of a user. */
static uint64_t count_threads(uid_t uid)
{
    DIR *processes = opendir("/proc");
    uint64_t count = 0;
    for (struct dirent *entry; processes && (entry = readdir(processes));) {
        struct proc_status status;
        struct proc_stat stat;
        int process = isdigit((unsigned char)entry->d_name[0])
                          ? openat(dirfd(processes), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                          : -1;
        if (process < 0)
            continue;
        if (proc_read_status(process, &status) && status.euid == uid && proc_read_stat(process, &stat))
            count += stat.threads;
        close(process);
    }
    if (processes)
        closedir(processes);
    return count;
}

static void check_threads(struct doctor *doctor, const char *limits, uid_t uid)
{
    static const char cure[] = "raise it (prlimit --nproc), or end what this user does not need";
    uint64_t limit;
    if (!proc_soft_limit(limits, "Max processes", &limit)) {
        doctor_add(doctor, "threads", DOCTOR_UNKNOWN, NULL, "how many threads it may have cannot be told from here");
        return;
    }
    if (limit == UINT64_MAX || uid == 0) {
        doctor_add(doctor, "threads", DOCTOR_OK, NULL, "no limit for the threads of its user");
        return;
    }
    uint64_t used = count_threads(uid), left = limit > used ? limit - used : 0;
    if (left < THREADS_NEEDED)
        doctor_problem(doctor, "threads", MEDIC_E_UNSAFE, cure,
                       "its user runs %llu threads and may run %llu: a session needs %d more", (unsigned long long)used,
                       (unsigned long long)limit, THREADS_NEEDED);
    else
        doctor_add(doctor, "threads", left < THREADS_COMFORTABLE ? DOCTOR_WARNING : DOCTOR_OK,
                   left < THREADS_COMFORTABLE ? cure : NULL, "its user runs %llu threads, the limit is %llu",
                   (unsigned long long)used, (unsigned long long)limit);
}

/* A runtime that gets no memory for a thread ends its process. */
static void check_address_space(struct doctor *doctor, int process)
{
    uint64_t left = proc_address_space_left(process);
    char text[32];
    if (left < PROC_ADDRESS_SPACE_NEEDED)
        doctor_problem(doctor, "address space", MEDIC_E_UNSAFE, "raise it (prlimit --as)",
                       "only %s of address space are left to it (RLIMIT_AS): its runtime could end it",
                       doctor_bytes(left, text));
}

static void check_seccomp(struct doctor *doctor, int process)
{
    char *text = proc_read_file(process, "status", NULL);
    const char *mode = text ? doctor_field(text, "Seccomp") : NULL;
    if (!mode)
        doctor_add(doctor, "seccomp", DOCTOR_UNKNOWN, NULL, "whether it filters system calls cannot be told from here");
    else if (*mode == '0')
        doctor_add(doctor, "seccomp", DOCTOR_OK, NULL, "no filter for system calls");
    else
        doctor_add(doctor, "seccomp", DOCTOR_OK, NULL,
                   "a filter for system calls is on, as in containers: Medic makes only calls that .NET makes too");
    free(text);
}

void doctor_limits(struct doctor *doctor, int process, uid_t uid)
{
    char *limits = proc_read_file(process, "limits", NULL);
    check_memory(doctor, process);
    check_files(doctor, process, limits);
    check_threads(doctor, limits, uid);
    check_address_space(doctor, process);
    check_seccomp(doctor, process);
    free(limits);
}
