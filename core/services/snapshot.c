#include "core/services/snapshot.h"

#include "core/os.h"
#include "core/session.h"

#include <fcntl.h>
#include <medic/clr/hresults.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Room for threads that begin between the count and the suspension. Of the copies: most blocked stacks are a few KiB deep. */
enum { SPARE_THREADS = 64, BYTES_PER_THREAD = 24 << 10, WALK_PER_THREAD = 64 };
#define BYTES_MIN (UINT64_C(2) << 20)
#define BYTES_MAX (UINT64_C(12) << 20)

static uint32_t count_threads(ICorProfilerInfo12 *info)
{
    ICorProfilerThreadEnum *threads = NULL;
    ULONG count = 0;

    if (FAILED(info->lpVtbl->EnumThreads(info, &threads)) || !threads)
        return 0;
    threads->lpVtbl->GetCount(threads, &count);
    threads->lpVtbl->Release(threads);
    return count;
}

int shot_open(struct shot *shot, ICorProfilerInfo12 *info, int with_walks, medic_reason *why)
{
    uint32_t threads = count_threads(info);
    uint64_t bytes;

    *shot = (struct shot){.info = info, .memory_fd = -1, .bytes = MAP_FAILED};
    shot->capacity = threads + threads / 4 + SPARE_THREADS;
    bytes = (uint64_t)shot->capacity * BYTES_PER_THREAD;
    shot->bytes_capacity = bytes < BYTES_MIN ? BYTES_MIN : bytes > BYTES_MAX ? BYTES_MAX : bytes;
    shot->threads = calloc(shot->capacity, sizeof *shot->threads);
    shot->bytes = mmap(NULL, shot->bytes_capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (with_walks) {
        shot->walks_capacity = shot->capacity * WALK_PER_THREAD;
        shot->walks = calloc(shot->walks_capacity, sizeof *shot->walks);
    }
    if (!shot->threads || shot->bytes == MAP_FAILED || (with_walks && !shot->walks)) {
        shot_close(shot);
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory for the stacks of %u threads", threads);
    }
    shot->memory_fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    memset(shot->threads, 0, shot->capacity * sizeof *shot->threads); /* no page of it is new in the suspension */
    return MEDIC_OK;
}

void shot_close(struct shot *shot)
{
    if (shot->bytes && shot->bytes != MAP_FAILED)
        munmap(shot->bytes, shot->bytes_capacity); /* the copies hold secrets: they go with it */
    if (shot->memory_fd >= 0)
        close(shot->memory_fd);
    memory_map_free(&shot->map);
    free(shot->threads);
    free(shot->walks);
    *shot = (struct shot){.memory_fd = -1};
}
