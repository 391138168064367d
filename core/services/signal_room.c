#include "core/services/signal_room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t signal_room_in(const char *status)
{
    static const char key[] = "\nSigQ:";
    const char *line = strstr(status, key);
    char *end;
    uint64_t used, limit;

    if (!line)
        return UINT64_MAX;
    used = strtoull(line + sizeof key - 1, &end, 10);
    if (*end != '/')
        return UINT64_MAX;
    limit = strtoull(end + 1, NULL, 10);
    return limit > used ? limit - used : 0;
}

uint64_t signal_room(void)
{
    char text[4096];
    ssize_t size;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return UINT64_MAX;
    do
        size = read(fd, text, sizeof text - 1);
    while (size < 0 && errno == EINTR);
    close(fd);
    text[size > 0 ? size : 0] = '\0';
    return signal_room_in(text);
}

int signal_room_to_suspend(medic_reason *why)
{
    if (signal_room() > 0)
        return MEDIC_OK;
    return medic_fail(why, MEDIC_E_UNSUPPORTED,
                      "the program's user may have no more signals pending, and without one the runtime may never stop "
                      "a thread, so the program would hang: raise RLIMIT_SIGPENDING (prlimit --sigpending)");
}
