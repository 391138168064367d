#include "core/services/signal_room.h"

#include "core/os.h"
#include "core/thread.h"

#include <stdlib.h>
#include <string.h>

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

    text[thread_read_file(os_thread_id(), "status", text, sizeof text - 1)] = '\0';
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
