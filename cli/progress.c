#include "cli/progress.h"
#include "cli/cli.h"
#include "tool/format.h"
#include "tool/ipc.h"

#include <string.h>

#define REDRAW_NS UINT64_C(100000000)

void progress_begin(struct progress *progress, const char *profiler, int pid, const char *name)
{
    char clean[64];
    *progress = (struct progress){.shown = cli_is_terminal(stderr)};
    snprintf(progress->what, sizeof progress->what, "%s on %d (%s)", profiler, pid,
             cli_clean(name, clean, sizeof clean));
}

/* What it does now, as the core says it: a photograph, which takes its time. */
static void put_work(const medic_status *status, char *out, size_t room)
{
    char clean[sizeof status->text];
    cli_clean(status->text, clean, sizeof clean);
    if (status->progress > 0)
        snprintf(out, room, "%d %%, %s", (int)status->progress / 10, *clean ? clean : "works");
    else
        snprintf(out, room, "%s", clean);
}

static void put_state(const medic_status *status, int64_t left_ns, char *out, size_t room)
{
    if (status->state == MEDIC_SESSION_STOPPING)
        snprintf(out, room, "stopping");
    else if (!status->started_ns)
        snprintf(out, room, "starting");
    else if (status->state == MEDIC_SESSION_RUNNING && (*status->text || status->progress > 0))
        put_work(status, out, room);
    else if (left_ns < 0)
        snprintf(out, room, "%.1f s, Ctrl-C stops", (double)(status->now_ns - status->started_ns) / 1e9);
    else
        snprintf(out, room, "%.1f s left", (double)left_ns / 1e9);
}

void progress_show(void *context, const medic_status *status, int64_t left_ns)
{
    struct progress *progress = context;
    uint64_t now = ipc_now_ns();
    char state[sizeof status->text + 16], cpu[32], line[512];
    if (!progress->shown || now - progress->last_ns < REDRAW_NS)
        return;
    progress->last_ns = now;
    put_state(status, left_ns, state, sizeof state);
    format_short((double)status->cost.cpu_ns, MEDIC_UNIT_NANOSECONDS, cli_ascii(), cpu, sizeof cpu);
    int size = snprintf(line, sizeof line, "%s, %llu records, %llu lost, cost %s CPU", state,
                        (unsigned long long)status->records, (unsigned long long)status->lost, cpu);
    unsigned width = cli_width(stderr);
    bool named = !width || strlen(progress->what) + 2 + (size_t)size < width;
    if (width && size >= (int)width)
        line[width - 1] = '\0';
    fprintf(stderr, "\r\033[K%s%s%s", named ? progress->what : "", named ? ": " : "", line);
    fflush(stderr);
    progress->dirty = true;
}

void progress_end(struct progress *progress)
{
    if (!progress->dirty)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    progress->dirty = false;
}
