/* What a thread waits for: told from the names of the methods between its leaf and the program's own code. */
#include "recording.h"

#include <stdlib.h>
#include <string.h>

/* --- frames --- */

const medic_frame *frame_of(const struct recording *recording, uint32_t id)
{
    static const medic_frame none = {.kind = MEDIC_FRAME_UNKNOWN, .function = "(unknown)", .module = ""};
    const medic_frame *frame = id ? recording->frames->frame(recording->host, id) : NULL;

    return frame && frame->function && frame->module ? frame : &none;
}

uint32_t function_of(const struct recording *recording, uint32_t frame)
{
    uint32_t count = recording->frames->frame_count(recording->host);
    uint32_t function = frame_of(recording, frame)->function_id;

    if (!function || function > count)
        function = frame;
    return function <= count ? function : 0;
}

struct medic_place place_of(const struct recording *recording, uint32_t id)
{
    const medic_frame *frame = frame_of(recording, id);

    return (struct medic_place){id ? frame->function : NULL, frame->module, frame->file, frame->line, frame->code};
}

/* --- rules --- */

/* A method whose name begins so and has one of the words in what follows ("" = any). */
struct rule {
    const char *type;
    const char *words[4];
    enum wait wait;
};

static const struct rule rules[] = {
    {"System.Threading.Monitor.", {"Enter"}, WAIT_LOCK},
    {"System.Threading.Lock.", {"Enter"}, WAIT_LOCK},
    {"System.Threading.SpinLock.", {"Enter"}, WAIT_LOCK},
    {"System.Threading.ReaderWriterLock", {"Enter", "Acquire"}, WAIT_RWLOCK},
    {"System.Threading.SemaphoreSlim.", {"Wait"}, WAIT_SEMAPHORE},
    {"System.Threading.Tasks.Task", {".Wait", ".InternalWait", "get_Result", "GetResultCore"}, WAIT_TASK},
    {"System.Threading.Tasks.Task", {".SpinThenBlockingWait", "TaskReplicator.Run"}, WAIT_TASK},
    {"System.Threading.Tasks.ValueTask", {"get_Result"}, WAIT_TASK},
    {"System.Runtime.CompilerServices.", {"Awaiter.GetResult", "Awaiter<"}, WAIT_TASK},
    {"System.Threading.Monitor.", {"Wait"}, WAIT_PULSE},
    {"System.Threading.ManualResetEventSlim.", {"Wait"}, WAIT_EVENT},
    {"System.Threading.CountdownEvent.", {"Wait"}, WAIT_EVENT},
    {"System.Threading.Barrier.", {"SignalAndWait"}, WAIT_EVENT},
    {"System.Threading.WaitHandle.", {""}, WAIT_EVENT},
    {"System.Collections.Concurrent.BlockingCollection", {""}, WAIT_QUEUE},
    {"System.Threading.Thread.", {"Join"}, WAIT_JOIN},
    {"System.Diagnostics.Process.", {"WaitForExit"}, WAIT_JOIN},
    {"System.Threading.Thread.", {"Sleep"}, WAIT_SLEEP},
    {"System.Net.", {""}, WAIT_SOCKET},
    {"System.IO.Pipes.", {""}, WAIT_PIPE},
    {"System.IO.RandomAccess.", {""}, WAIT_FILE},
    {"System.IO.FileStream.", {""}, WAIT_FILE},
    {"System.IO.File.", {""}, WAIT_FILE},
    {"Microsoft.Win32.SafeHandles.SafeFileHandle.", {""}, WAIT_FILE},
    {"System.Console", {""}, WAIT_CONSOLE},
    {"Interop", {""}, WAIT_NATIVE},
};

static int rule_fits(const struct rule *rule, const char *function)
{
    const char *rest = function + strlen(rule->type);

    if (!medic_begins_with(function, rule->type))
        return 0;
    for (size_t i = 0; i < sizeof rule->words / sizeof *rule->words && rule->words[i]; i++)
        if (strstr(rest, rule->words[i]))
            return 1;
    return 0;
}

static enum wait wait_of_method(const char *function)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rule_fits(&rules[i], function))
            return rules[i].wait;
    return WAIT_NONE;
}

/* The outermost method says most: Task.Wait waits in a ManualResetEventSlim, that one in Monitor.Wait. */
static enum wait wait_of_frames(const struct recording *recording, const struct thread *thread, uint32_t first)
{
    for (uint32_t i = first; i < thread->count; i++) {
        enum wait wait = wait_of_method(frame_of(recording, thread->frames[i])->function);
        if (wait != WAIT_NONE && wait != WAIT_NATIVE)
            return wait;
    }
    return first < thread->count ? wait_of_method(frame_of(recording, thread->frames[thread->count - 1])->function)
                                 : WAIT_NONE;
}

/* --- roles --- */

static int has_method(const struct recording *recording, const struct thread *thread, const char *beginning)
{
    for (uint32_t i = 0; i < thread->count; i++)
        if (medic_begins_with(frame_of(recording, thread->frames[i])->function, beginning))
            return 1;
    return 0;
}

static int is_pool(const struct recording *recording, const struct thread *thread)
{
    return medic_begins_with(thread->name, ".NET TP Worker") ||
           medic_begins_with(thread->name, ".NET ThreadPool Worker") ||
           has_method(recording, thread, "System.Threading.PortableThreadPool.WorkerThread.") ||
           has_method(recording, thread, "System.Threading.ThreadPoolWorkQueue.Dispatch");
}

static int is_idle(const struct recording *recording, const struct thread *thread)
{
    return thread->pool && !thread->user &&
           (has_method(recording, thread, "System.Threading.LowLevelLifoSemaphore") || !thread->count);
}

/* Index of the innermost frame of the program; of the innermost one when there is none. */
static uint32_t find_anchor(const struct recording *recording, struct thread *thread)
{
    for (uint32_t i = thread->count; i > 0; i--)
        if (frame_of(recording, thread->frames[i - 1])->code == MEDIC_CODE_USER) {
            thread->user = 1;
            return i - 1;
        }
    return thread->count - 1;
}

/* What the methods say, in the light of what Linux says of the thread. A thread that spins for a lock still waits for it.
 * One that stands in the program's own code and does not run waits for a lock on .NET 8 and 9, whose locks leave no frame;
 * some native calls leave none either. */
static void settle(const struct recording *recording, struct thread *thread)
{
    if (thread->wait >= WAIT_LOCK && thread->wait <= WAIT_SLEEP)
        return;
    if (thread->raw.state == 'R') {
        thread->wait = WAIT_NONE;
    } else if (thread->wait == WAIT_NONE) {
        int in_own_code = thread->user && thread->anchor == thread->frames[thread->count - 1];
        thread->inferred = in_own_code && thread->raw.state == 'S' && !recording->locks_have_frames;
        thread->wait = thread->inferred ? WAIT_LOCK : WAIT_UNKNOWN;
    }
}

static void find_name(const struct recording *recording, struct thread *thread)
{
    const char *name = recording->frames->thread(recording->host, thread->raw.head.os_id, NULL);

    if (!name || !*name)
        recording->capture->thread(recording->host, thread->raw.thread, &name);
    thread->name = name ? name : "";
}

/* Native code at the root of a thread, and between managed methods, is the runtime's way to call them. */
static int find_frames(const struct recording *recording, struct thread *thread)
{
    const uint32_t *frames = NULL;
    uint32_t count = 0;

    if (!thread->raw.head.stack ||
        !recording->frames->stack(recording->host, thread->raw.head.stack, &frames, &count) || !frames || !count)
        return MEDIC_OK;
    thread->frames = malloc(count * sizeof *thread->frames);
    if (!thread->frames)
        return MEDIC_E_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        if (frame_of(recording, frames[i])->kind != MEDIC_FRAME_NATIVE)
            thread->frames[thread->count++] = frames[i];
    return MEDIC_OK;
}

int look_at_thread(const struct recording *recording, struct thread *thread)
{
    uint32_t at = 0;

    find_name(recording, thread);
    if (find_frames(recording, thread) != MEDIC_OK)
        return MEDIC_E_MEMORY;
    if (thread->count) {
        at = find_anchor(recording, thread);
        thread->anchor = thread->frames[at];
    }
    thread->pool = is_pool(recording, thread);
    thread->wait = wait_of_frames(recording, thread, thread->user ? at + 1 : 0);
    if (is_idle(recording, thread))
        thread->wait = WAIT_IDLE;
    else if (!thread->count || (!thread->user && !thread->pool && thread->raw.state != 'R'))
        thread->wait = WAIT_SERVICE;
    else
        settle(recording, thread);
    return MEDIC_OK;
}
