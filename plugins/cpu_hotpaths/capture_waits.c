/* How long the program's threads have stood ready without a processor: what the kernel says in /proc/self/task. [worker]
 * A program that gets little CPU because others have it looks idle otherwise. */
#include "capture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_MAX 4096u /* 15 µs each */

/* "<cpu ns> <waited ns> <slices>"; 0 when there is no such file. */
static uint64_t waited_of(int tasks, const char *tid)
{
    char path[64], text[96] = "", *end;
    ssize_t size;
    int fd;

    snprintf(path, sizeof path, "%.20s/schedstat", tid);
    fd = openat(tasks, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0)
        return 0;
    strtoull(text, &end, 10);
    return strtoull(end, NULL, 10);
}

void write_waited(struct hotpaths *self)
{
    ch_waited waited = {.time_ns = self->clock->now_ns()};
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *entry;

    if (!tasks)
        return;
    while (waited.threads < THREADS_MAX && (entry = readdir(tasks)) != NULL)
        if (entry->d_name[0] != '.') {
            waited.waited_ns += waited_of(dirfd(tasks), entry->d_name);
            waited.threads++;
        }
    closedir(tasks);
    self->records->emit(self->host, CH_WAITED, &waited, sizeof waited);
}
