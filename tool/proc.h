/* What /proc tells about a process, and the names the .NET runtime gives to its socket.
 *
 * The proc_parse_* functions work on text and are what the tests feed; the proc_read_* functions take a descriptor of an
 * opened /proc/PID, so that a pid that is given to another process in between reads as gone, not as the other one. */
#ifndef MEDIC_TOOL_PROC_H
#define MEDIC_TOOL_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROC_SUN_PATH_MAX = 107 }; /* bytes of a socket's path without the NUL */

struct proc_stat {
    pid_t pid;
    char comm[64];
    char state; /* R, S, D, T stopped, t traced, Z zombie */
    bool kernel_thread;
    uint64_t cpu_ticks; /* user and system */
    uint64_t threads;
    uint64_t start_time; /* field 22: clock ticks since boot, the key in the socket's name */
    uint64_t rss_pages;
};

struct proc_status {
    uid_t euid;
    gid_t egid;
    pid_t inner_pid; /* last of NSpid, 0 when the kernel does not tell */
};

/* What the mapped files say; fields are only ever set. */
struct proc_maps {
    const char *profiler; /* in: base name of a library to look for, or NULL */
    bool profiler_mapped;
    bool dotnet; /* libcoreclr.so or libclrjit.so */
    bool musl, glibc;
    char version[64]; /* of the shared framework's folder, "" when self-contained */
};

bool proc_parse_stat(const char *text, struct proc_stat *stat);
bool proc_parse_status(const char *text, struct proc_status *status);
void proc_parse_map_line(const char *line, struct proc_maps *maps);
/* The value of a variable in a NUL-separated block that ends with a NUL, or NULL. */
const char *proc_env(const char *block, size_t size, const char *name);
/* The variable that switches the diagnostics socket off, written NAME=value into text; false: none. */
bool proc_diagnostics_off(const char *block, size_t size, char *text, size_t room);
/* dotnet-diagnostic-<pid>-<key>-socket, decimal, nothing else. */
bool proc_parse_socket_name(const char *name, uint64_t *pid, uint64_t *key);
void proc_socket_name(char *out, size_t room, pid_t inner_pid, uint64_t key);
/* Replaces control characters and what is not UTF-8, in place: the text can go to a terminal. */
void proc_printable(char *text);
/* What stands behind the last slash. */
const char *proc_base_name(const char *path);
/* The name people know a program by: the first .dll given to the dotnet host, else the base name of argv[0]. Arguments are
 * NUL-separated and end with a NUL. */
void proc_program_name(const char *arguments, size_t size, char *out, size_t room);

/* A whole file below dirfd, with a NUL after it that size does not count; NULL: errno tells. Owned by the caller. */
char *proc_read_file(int dirfd, const char *name, size_t *size);
bool proc_read_stat(int process, struct proc_stat *stat);
bool proc_read_status(int process, struct proc_status *status);
/* The soft limit of this name in the text of /proc/PID/limits. UINT64_MAX: unlimited. false: not readable. */
bool proc_soft_limit(const char *limits, const char *name, uint64_t *value);
/* What a session needs of it, threads of the runtime included; and what RLIMIT_AS leaves. UINT64_MAX: no limit, or it cannot be
 * told. */
#define PROC_ADDRESS_SPACE_NEEDED (UINT64_C(64) << 20)
uint64_t proc_address_space_left(int process);
/* false: not readable. Stops as soon as all of it is known. */
bool proc_read_maps(int process, struct proc_maps *maps);
/* The runtime names its threads ".NET ...": readable for everyone, and true for single-file programs too. */
bool proc_has_dotnet_thread(int process);
/* x64, arm64, x86, arm32 of the executable, or "". */
const char *proc_read_arch(int process);

#endif
