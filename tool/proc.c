/* Reading /proc, see proc.h. */
#include "proc.h"

#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_LOOKED_AT = 16, FILE_MAX = 16 << 20 };
enum { PF_KTHREAD = 0x00200000 };

/* ---- text ---- */

bool proc_parse_stat(const char *text, struct proc_stat *stat)
{
    memset(stat, 0, sizeof *stat);
    const char *open = strchr(text, '('), *close = strrchr(text, ')'); /* comm may hold blanks and parentheses */
    if (!open || !close || close < open)
        return false;
    size_t length = (size_t)(close - open - 1);
    if (length >= sizeof stat->comm)
        length = sizeof stat->comm - 1;
    memcpy(stat->comm, open + 1, length);

    unsigned long flags, user, system, threads, rss;
    unsigned long long start;
    long pid = strtol(text, NULL, 10);
    /* Fields 3 to 24: state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime
     * priority nice num_threads itrealvalue starttime vsize rss. */
    int n =
        sscanf(close + 1, " %c %*d %*d %*d %*d %*d %lu %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %lu %*d %llu %*u %lu",
               &stat->state, &flags, &user, &system, &threads, &start, &rss);
    if (n != 7 || pid <= 0)
        return false;
    stat->pid = (pid_t)pid;
    stat->kernel_thread = (flags & PF_KTHREAD) != 0;
    stat->cpu_ticks = user + system;
    stat->threads = threads;
    stat->start_time = start;
    stat->rss_pages = rss;
    return true;
}

/* The text after "\nKey:", or NULL. */
static const char *status_field(const char *text, const char *key)
{
    size_t length = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            return line + length + 1;
    }
    return NULL;
}

bool proc_parse_status(const char *text, struct proc_status *status)
{
    memset(status, 0, sizeof *status);
    const char *uid = status_field(text, "Uid"), *gid = status_field(text, "Gid"), *pids = status_field(text, "NSpid");
    if (!uid || !gid || sscanf(uid, "%*u %u", &status->euid) != 1 || sscanf(gid, "%*u %u", &status->egid) != 1)
        return false;
    while (pids) {
        char *end;
        long pid = strtol(pids, &end, 10);
        pids = end == pids || pid <= 0 ? NULL : end;
        if (pids)
            status->inner_pid = (pid_t)pid;
        if (pids && *pids == '\n')
            break; /* strtol would run on into the next line */
    }
    return true;
}

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

void proc_parse_map_line(const char *line, struct proc_maps *maps)
{
    static const char framework[] = "/Microsoft.NETCore.App/";
    const char *path = strchr(line, '/');
    if (!path)
        return;
    const char *base = strrchr(path, '/') + 1;
    size_t length = strcspn(base, "\n");
    if (maps->profiler && length == strlen(maps->profiler) && memcmp(base, maps->profiler, length) == 0)
        maps->profiler_mapped = true;
    maps->musl |= starts(base, "ld-musl-") || starts(base, "libc.musl-");
    maps->glibc |= starts(base, "libc.so.6") || starts(base, "libc-2.");
    if (!starts(base, "libcoreclr.so") && !starts(base, "libclrjit.so"))
        return;
    maps->dotnet = true;
    const char *version = strstr(path, framework);
    if (version)
        snprintf(maps->version, sizeof maps->version, "%.*s", (int)strcspn(version + sizeof framework - 1, "/\n"),
                 version + sizeof framework - 1);
}

const char *proc_env(const char *block, size_t size, const char *name)
{
    size_t length = strlen(name);
    for (size_t at = 0; at < size; at += strlen(block + at) + 1)
        if (strncmp(block + at, name, length) == 0 && block[at + length] == '=')
            return block + at + length + 1;
    return NULL;
}

bool proc_diagnostics_off(const char *block, size_t size, char *text, size_t room)
{
    static const char *const names[] = {"DOTNET_EnableDiagnostics", "DOTNET_EnableDiagnostics_IPC",
                                        "COMPlus_EnableDiagnostics", "COMPlus_EnableDiagnostics_IPC"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = proc_env(block, size, names[i]);
        char *end;
        if (!value || !*value || strtoul(value, &end, 16) != 0 || *end)
            continue;
        snprintf(text, room, "%s=%s", names[i], value);
        return true;
    }
    return false;
}

/* Digits without a sign or blanks that strtoull would let pass. */
static const char *digits(const char *text, uint64_t *value)
{
    char *end;
    if (*text < '0' || *text > '9')
        return NULL;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno ? NULL : end;
}

bool proc_parse_socket_name(const char *name, uint64_t *pid, uint64_t *key)
{
    static const char prefix[] = "dotnet-diagnostic-";
    if (!starts(name, prefix))
        return false;
    const char *at = digits(name + sizeof prefix - 1, pid);
    if (!at || *at != '-')
        return false;
    at = digits(at + 1, key);
    return at && strcmp(at, "-socket") == 0;
}

void proc_socket_name(char *out, size_t room, pid_t inner_pid, uint64_t key)
{
    snprintf(out, room, "dotnet-diagnostic-%d-%llu-socket", inner_pid, (unsigned long long)key);
}

/* Bytes of the character at p when it is valid and printable, else 0. C1 controls move terminals too. */
static size_t printable_length(const unsigned char *p)
{
    if (*p < 0x80)
        return *p >= 0x20 && *p != 0x7F;
    size_t length = *p >= 0xC2 && *p < 0xE0 ? 2 : (*p & 0xF0) == 0xE0 ? 3 : *p >= 0xF0 && *p < 0xF5 ? 4 : 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    bool c1 = *p == 0xC2 && p[1] < 0xA0;
    bool overlong = (*p == 0xE0 && p[1] < 0xA0) || (*p == 0xF0 && p[1] < 0x90);
    bool bidi = *p == 0xE2 &&
                ((p[1] == 0x80 && p[2] >= 0xA8 && p[2] <= 0xAE) || (p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9));
    return c1 || overlong || bidi ? 0 : length;
}

void proc_printable(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p;) {
        size_t length = printable_length(p);
        if (length == 0)
            *p = *p == '\t' || *p == '\n' || *p == '\r' ? ' ' : '?';
        p += length ? length : 1;
    }
}

const char *proc_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool ends(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length > tail && strcasecmp(text + length - tail, suffix) == 0;
}

void proc_program_name(const char *arguments, size_t size, char *out, size_t room)
{
    const char *name = size ? proc_base_name(arguments) : "";
    int length = (int)strlen(name);
    bool host = strcmp(name, "dotnet") == 0;
    for (size_t at = 0; host && at < size; at += strlen(arguments + at) + 1) {
        if (!ends(arguments + at, ".dll"))
            continue;
        name = proc_base_name(arguments + at);
        length = (int)strlen(name) - 4;
        break;
    }
    snprintf(out, room, "%.*s", length, name);
}

/* ---- files ---- */

static ssize_t read_some(int fd, char *into, size_t size)
{
    ssize_t n;
    do
        n = read(fd, into, size);
    while (n < 0 && errno == EINTR);
    return n;
}

char *proc_read_file(int dirfd, const char *name, size_t *size)
{
    char *bytes = NULL;
    size_t have = 0, room = 0;
    ssize_t n = 1;
    int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    while (n > 0 && room < FILE_MAX) {
        room = room ? 2 * room : 4096;
        char *more = realloc(bytes, room + 1);
        n = more ? 0 : -1;
        bytes = more ? more : bytes;
        while (more && have < room && (n = read_some(fd, bytes + have, room - have)) > 0)
            have += (size_t)n;
    }
    int error = errno;
    close(fd);
    if (n < 0) {
        free(bytes);
        errno = error;
        return NULL;
    }
    bytes[have] = 0;
    if (size)
        *size = have;
    return bytes;
}

bool proc_read_stat(int process, struct proc_stat *stat)
{
    char *text = proc_read_file(process, "stat", NULL);
    bool good = text && proc_parse_stat(text, stat);
    free(text);
    return good;
}

bool proc_read_status(int process, struct proc_status *status)
{
    char *text = proc_read_file(process, "status", NULL);
    bool good = text && proc_parse_status(text, status);
    free(text);
    return good;
}

bool proc_soft_limit(const char *limits, const char *name, uint64_t *value)
{
    const char *line = limits ? strstr(limits, name) : NULL;
    if (!line)
        return false;
    line += strlen(name);
    line += strspn(line, " ");
    *value = isdigit((unsigned char)*line) ? strtoull(line, NULL, 10) : UINT64_MAX;
    return true;
}

uint64_t proc_address_space_left(int process)
{
    char *limits = proc_read_file(process, "limits", NULL), *pages = proc_read_file(process, "statm", NULL);
    uint64_t limit, used = pages ? strtoull(pages, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
    bool limited = used && proc_soft_limit(limits, "Max address space", &limit) && limit != UINT64_MAX;
    free(limits);
    free(pages);
    return !limited ? UINT64_MAX : limit > used ? limit - used : 0;
}

bool proc_read_maps(int process, struct proc_maps *maps)
{
    int fd = openat(process, "maps", O_RDONLY | O_CLOEXEC);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    char *line = NULL;
    size_t room = 0;
    if (!file) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    setvbuf(file, NULL, _IOFBF, 1 << 16);
    while (getline(&line, &room, file) > 0) {
        proc_parse_map_line(line, maps);
        if (maps->dotnet && (maps->musl || maps->glibc) && (!maps->profiler || maps->profiler_mapped))
            break;
    }
    bool readable = !ferror(file);
    free(line);
    fclose(file);
    return readable;
}

bool proc_has_dotnet_thread(int process)
{
    int fd = openat(process, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *tasks = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    bool found = false;
    if (!tasks) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    for (int looked = 0; !found && looked < THREADS_LOOKED_AT && (entry = readdir(tasks));) {
        char name[sizeof entry->d_name + sizeof "/comm"];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/comm", entry->d_name);
        char *comm = proc_read_file(dirfd(tasks), name, NULL);
        found = comm && starts(comm, ".NET ");
        free(comm);
        looked++;
    }
    closedir(tasks);
    return found;
}

const char *proc_read_arch(int process)
{
    unsigned char head[20] = {0};
    int fd = openat(process, "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return "";
    ssize_t n = read_some(fd, (char *)head, sizeof head);
    close(fd);
    if (n < (ssize_t)sizeof head || memcmp(head, ELFMAG, SELFMAG) != 0)
        return "";
    switch (head[18] | head[19] << 8) {
    case EM_X86_64: return "x64";
    case EM_AARCH64: return "arm64";
    case EM_386: return "x86";
    case EM_ARM: return "arm32";
    default: return "";
    }
}
