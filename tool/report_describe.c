/* What a document says around the diagnosis: of which session, profiler and target it is, what it cost, what was lost. */
#include "common/guid.h"
#include "common/session_file.h"
#include "tool/buffer.h"
#include "tool/files.h"
#include "tool/report_host.h"
#include "tool/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SESSION_FILE_MAX ((size_t)1 << 20)

static const char *iso_time(struct document *document, uint64_t realtime_ns)
{
    char text[64];
    time_t seconds = (time_t)(realtime_ns / 1000000000u);
    struct tm utc;
    if (!realtime_ns || !gmtime_r(&seconds, &utc))
        return NULL;
    size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + size, sizeof text - size, ".%03uZ", (unsigned)(realtime_ns / 1000000u % 1000u));
    return document_text(document, text);
}

static const char *last_component(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path;
}

static void describe_session(const struct report_host *host)
{
    struct document_session *session = &host->document->session;
    const medic_end_record *end = capture_end(host->capture, NULL);
    uint64_t begin_ns, end_ns;
    capture_span(host->capture, &begin_ns, &end_ns);
    session->id = document_text(host->document, last_component(capture_value(host->capture, "session")));
    session->started = iso_time(host->document, capture_header(host->capture)->realtime_ns);
    session->duration_ns = end_ns - begin_ns;
    session->complete = end && end->reason != MEDIC_END_NONE;
    session->end_reason =
        document_text(host->document, session->complete ? end_reason_text(end->reason) : "incomplete");
}

static void describe_profiler(const struct report_host *host)
{
    struct document_profiler *profiler = &host->document->profiler;
    char guid[GUID_TEXT_SIZE];
    const char *version = capture_value(host->capture, "plugin_version"); /* of the half that recorded */
    guid_format(&host->plugin->guid, guid);
    profiler->name = document_text(host->document, host->plugin->name);
    profiler->guid = document_text(host->document, guid);
    profiler->version = document_text(host->document, version ? version : host->plugin->version);
    for (uint32_t i = 0; i < host->plugin->param_count; i++)
        document_parameter(host->document, param_at(host->plugin, i)->key, host->values[i].text);
}

static void describe_target(const struct report_host *host)
{
    const medic_capture_header *header = capture_header(host->capture);
    struct document_target *target = &host->document->target;
    char runtime[64];
    snprintf(runtime, sizeof runtime, "%u.%u.%u", header->runtime_major, header->runtime_minor, header->runtime_build);
    target->runtime = header->runtime_major ? document_text(host->document, runtime) : NULL;
    target->pid = target->inner_pid = header->pid;
    target->os = document_text(host->document, "linux");
}

static void describe_cost(const struct report_host *host)
{
    const medic_cost_record *cost = capture_cost(host->capture);
    if (cost)
        host->document->cost = (struct document_cost){true,         cost->longest_pause_ns, cost->total_pause_ns,
                                                      cost->cpu_ns, cost->bytes_written,    cost->target_memory_bytes};
}

static void add_loss(struct buffer *text, uint64_t count, const char *because)
{
    if (count)
        buffer_format(text, "%s%" PRIu64 " because %s", text->size ? ", " : "", count, because);
}

static void describe_losses(const struct report_host *host)
{
    static const struct {
        uint32_t reason;
        const char *because;
    } REASONS[] = {
        {MEDIC_LOSS_RING_FULL, "the buffer in the target was full"},
        {MEDIC_LOSS_WRITE_FAILED, "the capture could not be written"},
        {MEDIC_LOSS_UNFINISHED, "they were not finished when the session ended"},
        {MEDIC_LOSS_LIMIT, "a limit was reached"},
        {0, "of a reason this medic does not know"},
    };
    const struct capture_totals *totals = capture_totals(host->capture);
    struct document_lost *lost = &host->document->lost;
    struct buffer text = {0};
    for (size_t i = 0; i < sizeof REASONS / sizeof *REASONS; i++)
        add_loss(&text, capture_lost(host->capture, REASONS[i].reason), REASONS[i].because);
    add_loss(&text, totals->damaged_records,
             totals->cut ? "the capture is damaged or cut short" : "the capture is damaged");
    lost->records = totals->lost_records + totals->damaged_records;
    lost->reason = text.size ? document_text(host->document, text.bytes) : NULL;
    buffer_free(&text);
}

static void prefer(struct document *document, const char **member, const char *better)
{
    if (better && *better)
        *member = document_text(document, better);
}

static void describe_from(struct document *document, const struct session_info *info)
{
    struct document_target *target = &document->target;
    prefer(document, &document->session.id, info->id);
    prefer(document, &document->session.started, info->started);
    if (info->state ==
        STORE_INCOMPLETE) /* its medic was killed: the core has ended well, but not when it was meant to */
        document->session.complete = false;
    prefer(document, &target->name, info->target.name);
    prefer(document, &target->command_line, info->target.command_line);
    prefer(document, &target->runtime, info->target.runtime);
    prefer(document, &target->os, info->target.os);
    prefer(document, &target->arch, info->target.arch);
    prefer(document, &target->user, info->target.user);
    target->pid = info->target.pid >= 0 ? info->target.pid : target->pid;
    target->inner_pid = info->target.inner_pid >= 0 ? info->target.inner_pid : target->inner_pid;
    target->uid = info->target.uid;
}

/* A session.json that cannot be read only leaves out what it would have told. */
static void describe_from_file(struct document *document, int dirfd)
{
    struct session_info info;
    struct arena arena = {.limit = SESSION_FILE_MAX * 64};
    size_t size;
    char *text = file_read_at(dirfd, STORE_SESSION_FILE, SESSION_FILE_MAX, &size);
    if (text && !session_info_read(&info, text, size, &arena, NULL))
        describe_from(document, &info);
    arena_free(&arena);
    free(text);
}

static void add_log_line(struct medic_section *section, const struct capture_log_line *line, medic_cell time)
{
    static const char *const LEVELS[] = {"", "error", "warning", "info", "debug"};
    uint32_t level = line->level < sizeof LEVELS / sizeof *LEVELS ? line->level : 0;
    medic_cell cells[] = {time, medic_string(LEVELS[level]), medic_string(line->text)};
    section_row(section, MEDIC_NO_PARENT, cells, sizeof cells / sizeof *cells);
}

void report_describe_log(const struct report_host *host)
{
    static const medic_column COLUMNS[] = {
        {"time", "Time", MEDIC_INTEGER, MEDIC_UNIT_INSTANT, MEDIC_ROLE_NONE, 0},
        {"level", "Level", MEDIC_STRING, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, 0},
        {"text", "Text", MEDIC_STRING, MEDIC_UNIT_NONE, MEDIC_ROLE_NONE, 0},
    };
    static const medic_section_info INFO = {
        .size = sizeof INFO,
        .kind = MEDIC_TABLE,
        .id = "medic_log",
        .title = "Log",
        .note = "What the profiler and Medic's core say of their own work.",
        .columns = COLUMNS,
        .column_size = sizeof *COLUMNS,
        .column_count = sizeof COLUMNS / sizeof *COLUMNS,
    };
    size_t count;
    uint64_t begin_ns, end_ns;
    const struct capture_log_line *lines = capture_log(host->capture, &count);
    if ((!count && !host->said_count) || host->document->section_count == DOCUMENT_SECTIONS_MAX)
        return; /* a report that is full is worth more than the log */
    struct medic_section *section = document_section(host->document, &INFO);
    capture_span(host->capture, &begin_ns, &end_ns);
    for (size_t i = 0; i < count; i++) {
        uint64_t at = lines[i].monotonic_ns;
        add_log_line(section, &lines[i], medic_integer(at > begin_ns ? (int64_t)(at - begin_ns) : 0));
    }
    for (size_t i = 0; i < host->said_count; i++)
        add_log_line(section, &host->said[i], medic_none());
}

void report_describe(const struct report_host *host, int dirfd)
{
    describe_session(host);
    describe_profiler(host);
    describe_target(host);
    describe_cost(host);
    describe_losses(host);
    describe_from_file(host->document, dirfd);
}
