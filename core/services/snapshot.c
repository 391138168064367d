#include "core/services/snapshot.h"

#include "core/os.h"
#include "core/services/signal_room.h"
#include "core/services/stacks.h"
#include "core/session.h"
#include "core/thread.h"

#include <fcntl.h>
#include <medic/clr/hresults.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Room for threads that begin between the count and the suspension. Of the copies: most blocked stacks are a few KiB deep. */
enum { SPARE_THREADS = 64, BYTES_PER_THREAD = 24 << 10, BYTES_TOUCHED = 6 << 10, WALK_PER_THREAD = 64 };
#define PATIENCE_NS UINT64_C(10000000000)
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

/* A first touch costs more than the copy itself: what will probably be needed is touched before the suspension. */
static void touch(struct shot *shot, uint32_t threads)
{
    uint64_t bytes = (uint64_t)threads * BYTES_TOUCHED;

    memset(shot->threads, 0, shot->capacity * sizeof *shot->threads);
    memset(shot->bytes, 0, bytes < shot->bytes_capacity ? bytes : shot->bytes_capacity);
    if (shot->walks)
        memset(shot->walks, 0, shot->walks_capacity * sizeof *shot->walks);
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
    touch(shot, threads);
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

/* ---- medic.stacks' snapshot ---- */

uint64_t shot_cpu_ns(uint32_t os_id)
{
    struct timespec t;

    if (!os_id || syscall(SYS_clock_gettime, os_thread_clock(os_id), &t) != 0)
        return 0;
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* Writes the thread's record, with its name, and returns its state: /proc/self/task/TID/stat has both. 0 when it has gone. */
static uint32_t tell_thread(const struct shot_thread *thread)
{
    medic_thread_record record = {.id = thread->thread, .os_id = thread->os_id};
    char text[256], *begin, *end;

    text[thread_read_file(thread->os_id, "stat", text, sizeof text - 1)] = '\0';
    begin = strchr(text, '(');
    end = strrchr(text, ')');
    if (begin && end)
        record.length = (uint32_t)(end - begin - 1);
    files_write_record(&session.files, MEDIC_RECORD_THREAD, &record, sizeof record, begin ? begin + 1 : text,
                       record.length);
    return end && end[1] == ' ' ? (uint32_t)(unsigned char)end[2] : 0;
}

static uint64_t stack_of(const struct shot *shot, const struct shot_thread *thread, uint32_t *flags)
{
    struct unwind_stack stack = {shot->bytes + thread->offset, thread->low, thread->size,
                                 (thread->flags & SHOT_WHOLE) != 0};

    return thread->flags & SHOT_HAS_FRAME ? stacks_intern_copy(&thread->registers, &stack, 1, flags) : 0;
}

/* The runtime's own walk, as a stack. Its leaf is a return address as well, but for a thread that was stopped in managed
 * code, where one less is still the same function. */
static uint64_t walk_of(const struct shot *shot, const struct shot_thread *thread)
{
    shot->walks[thread->walk_first]--;
    return stacks_intern_addresses(shot->walks + thread->walk_first, thread->walk_count, MEDIC_STACK_RUNTIME_WALK);
}

static void show(uint32_t type, const medic_thread_stack *told)
{
    medic_record record = {type, sizeof *told, told};

    session_first_record(told->head.time_ns);
    session_show(&record);
}

static void show_thread(const struct shot *shot, const struct shot_thread *thread, uint32_t type)
{
    medic_thread_stack told = {
        .head = {.time_ns = shot->begin_ns, .os_id = thread->os_id},
        .thread = thread->thread,
        .cpu_ns = shot_cpu_ns(thread->os_id),
        .state = tell_thread(thread),
    };

    told.head.stack = stack_of(shot, thread, &told.head.flags);
    show(type, &told);
    if (shot->walks && thread->walk_count) {
        told.head.flags = MEDIC_STACK_RUNTIME_WALK;
        told.head.stack = walk_of(shot, thread);
        show(type, &told);
    }
}

int snapshot_take(uint32_t record_type, uint32_t flags, medic_snapshot *result, medic_reason *why)
{
    struct shot shot;
    int code = signal_room_to_suspend(why);

    if (code == MEDIC_OK)
        code = shot_open(&shot, session.info, flags & MEDIC_SNAPSHOT_COMPARE, why);
    if (code != MEDIC_OK)
        return code;
    if (memory_map_read(&shot.map) != MEDIC_OK) {
        code = medic_fail(why, MEDIC_E_IO, "cannot read /proc/self/maps in the target: %s", strerror(errno));
    } else {
        session_hold_unloads();
        shot.patience_ns = PATIENCE_NS;
        shot_take(&shot);
    }
    if (code == MEDIC_OK && FAILED(shot.result))
        code = medic_fail(why, MEDIC_E_FAIL, "the runtime refuses to suspend its threads (%#x)", (unsigned)shot.result);
    if (code == MEDIC_OK) {
        session_paused(shot.pause_ns);
        *result = (medic_snapshot){sizeof *result, shot.count, 0, shot.missed, shot.pause_ns};
        stacks_refresh();
        for (uint32_t i = 0; i < shot.count; i++) {
            result->empty += !(shot.threads[i].flags & SHOT_HAS_FRAME);
            show_thread(&shot, &shot.threads[i], record_type);
        }
    }
    shot_close(&shot);
    return code;
}
