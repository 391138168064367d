/* What is known of a target, and what holds for a single one; see target.h. */
#include "tool/target_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int target_open_scan(struct target_scan *scan, medic_reason *why)
{
    char self[32] = "";
    *scan = (struct target_scan){.user_uid = (uid_t)-1};
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

void target_user_name(struct target_scan *scan, uid_t uid, char *out, size_t room)
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

double target_seconds_since(uint64_t start_ticks)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    double up = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)start_ticks / (double)sysconf(_SC_CLK_TCK);
    return up > 0 ? up : 0;
}

void target_copy_printable(char *out, size_t room, const char *text)
{
    size_t length = text ? strnlen(text, room - 1) : 0;
    if (length)
        memcpy(out, text, length);
    out[length] = 0;
    proc_printable(out);
}

const char *target_display_name(const struct target *t)
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
    return target_peer_of(target, ours);
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
