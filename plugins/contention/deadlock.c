/* Threads that wait for each other's locks in a circle. */
#include "recording.h"

/* The wait that a thread was in when the recording ended; NULL = none that is long. */
static const ct_open *open_of(const struct recording *recording, uint32_t tid)
{
    for (size_t i = 0; i < recording->open_count; i++)
        if (recording->opens[i].tid == tid && recording->opens[i].kind == CT_KIND_LOCK &&
            open_length(recording, &recording->opens[i]) >= DEADLOCK_NS)
            return &recording->opens[i];
    return NULL;
}

uint32_t find_deadlock(const struct recording *recording, uint32_t tids[DEADLOCK_MOST])
{
    for (size_t i = 0; i < recording->open_count && i < OPENS_LOOKED_AT; i++) {
        const ct_open *open = open_of(recording, recording->opens[i].tid);
        uint32_t count = 0;
        while (open && open->owner && count < DEADLOCK_MOST) {
            tids[count++] = open->tid;
            if (open->owner == tids[0])
                return count > 1 ? count : 0;
            open = open_of(recording, open->owner);
        }
    }
    return 0;
}
