#include "core/thread.h"

#include "core/os.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

enum { STACK_SIZE = 1 << 20, OWN_MAX = 16 };

struct start {
    void *(*run)(void *);
    void *argument;
};

static _Atomic uint32_t own[OWN_MAX]; /* tids, 0 = free */

static void note(uint32_t from, uint32_t to)
{
    for (unsigned i = 0; i < OWN_MAX; i++) {
        uint32_t expected = from;

        if (atomic_compare_exchange_strong(&own[i], &expected, to))
            return;
    }
}

int thread_is_own(uint32_t tid)
{
    for (unsigned i = 0; i < OWN_MAX; i++) {
        if (atomic_load(&own[i]) == tid)
            return 1;
    }
    return 0;
}

static void *run_noted(void *argument)
{
    struct start start = *(struct start *)argument;
    void *result;

    free(argument);
    note(0, os_thread_id());
    result = start.run(start.argument);
    note(os_thread_id(), 0);
    return result;
}

int thread_start(void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;
    struct start *start = malloc(sizeof *start);
    int error = start ? pthread_attr_init(&attributes) : ENOMEM;

    if (error) {
        free(start);
        return error;
    }
    *start = (struct start){run, argument};
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &attributes, run_noted, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error)
        free(start);
    return error;
}

void thread_name(const char *name)
{
    prctl(PR_SET_NAME, name);
}

uint32_t thread_read_file(uint32_t os_id, const char *file, char *text, size_t room)
{
    char path[64];
    ssize_t size;
    int fd;

    snprintf(path, sizeof path, "/proc/self/task/%u/%s", os_id, file);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    do
        size = read(fd, text, room);
    while (size < 0 && errno == EINTR);
    close(fd);
    return size > 0 ? (uint32_t)size : 0;
}

uint32_t thread_read_name(uint32_t os_id, char *name, size_t room)
{
    uint32_t size = thread_read_file(os_id, "comm", name, room);

    return size && name[size - 1] == '\n' ? size - 1 : size;
}
