/* System calls whose glibc wrappers are younger than glibc 2.23, the floor of what enters a target. fstat, stat and
 * fstatat became symbols of their own only in 2.33; gettid came with 2.30, getrandom with 2.25. Any thread; all of them
 * are async-signal-safe and set errno. */
#ifndef COMMON_SYS_H
#define COMMON_SYS_H

#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* 0 or -1. The kernel's struct stat is glibc's on the machines that .NET runs on (64 bits). */
static inline int sys_statat(int dirfd, const char *path, struct stat *st, int flags)
{
    return (int)syscall(SYS_newfstatat, dirfd, path, st, flags);
}

static inline int sys_stat(const char *path, struct stat *st)
{
    return sys_statat(AT_FDCWD, path, st, 0);
}

static inline int sys_lstat(const char *path, struct stat *st)
{
    return sys_statat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

static inline int sys_fstat(int fd, struct stat *st)
{
    return sys_statat(fd, "", st, AT_EMPTY_PATH);
}

static inline pid_t sys_gettid(void)
{
    return (pid_t)syscall(SYS_gettid);
}

/* Bytes written to out, or -1. flags: 0 or 1 (GRND_NONBLOCK). */
static inline ssize_t sys_getrandom(void *out, size_t size, unsigned flags)
{
    return (ssize_t)syscall(SYS_getrandom, out, size, flags);
}

#endif
