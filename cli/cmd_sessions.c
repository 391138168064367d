/* medic sessions: what has been asked, and what came of it. */
#include "cli/cli.h"
#include "cli/session_list.h"
#include "cli/table.h"
#include "common/session_file.h"
#include "tool/format.h"
#include "tool/json.h"

#include <stdlib.h>
#include <string.h>

enum {
    SHOWN = 20,
    LEAST_WIDTH = 20,
    VERDICT_BESIDE = 130 /* a terminal of this width has room for verdicts beside the rest */
};
enum { ID, STATE, STARTED, TIME, PROFILER, TARGET, SIZE, VERDICT, COLUMNS };

/* ---- text ---- */

static uint64_t elapsed_ns(const struct listed *one)
{
    const medic_status *status = &one->status;
    if (!one->live || !status->started_ns)
        return 0;
    return status->now_ns > status->started_ns ? status->now_ns - status->started_ns : 0;
}

static void put_started(char *out, const char *started)
{
    time_t seconds;
    struct tm local;
    if (!session_started(started, &seconds) || !localtime_r(&seconds, &local) ||
        !strftime(out, LIST_TEXT, "%Y-%m-%d %H:%M", &local))
        snprintf(out, LIST_TEXT, "%s", "-");
}

static void put_value(char *out, double value, uint32_t unit)
{
    struct formatted text;
    format_value(value, unit, cli_ascii(), &text);
    snprintf(out, LIST_TEXT, "%s%s%s", text.number, *text.unit ? " " : "", text.unit);
}

static void put_verdict(char *out, const struct listed *one)
{
    char text[LIST_TEXT], left[64] = "";
    if (one->running && one->live) {
        if (one->status.duration_ns)
            format_short((double)one->status.duration_ns, MEDIC_UNIT_NANOSECONDS, cli_ascii(), left, sizeof left);
        snprintf(text, sizeof text, "%s%s%s%llu records, %llu lost", *left ? "of " : "until stopped", left, ", ",
                 (unsigned long long)one->status.records, (unsigned long long)one->status.lost);
    } else if (one->running) {
        snprintf(text, sizeof text, "%s", "its target cannot be seen from here");
    } else if (one->reason) {
        snprintf(text, sizeof text, "%.500s", one->reason);
    } else if (one->summary.known) {
        snprintf(text, sizeof text, "%.20s: %.480s", one->summary.severity ? one->summary.severity : "?",
                 one->summary.verdict);
    } else {
        snprintf(text, sizeof text, "%s", "no report yet: `medic report` makes it");
    }
    cli_clean(text, out, LIST_TEXT);
}

static void fill_row(struct list_row *row, const struct listed *one)
{
    char text[LIST_TEXT];
    uint64_t ns = one->running ? elapsed_ns(one) : one->summary.duration_ns;
    snprintf(text, sizeof text, "%.*s", SHORT_ID, one->id);
    cli_clean(text, row->cells[ID], LIST_TEXT);
    snprintf(row->cells[STATE], LIST_TEXT, "%s", listed_state(one));
    put_started(row->cells[STARTED], one->started);
    if (ns)
        put_value(row->cells[TIME], (double)ns, MEDIC_UNIT_NANOSECONDS);
    else
        snprintf(row->cells[TIME], LIST_TEXT, "%s", "-");
    cli_clean(one->profiler ? one->profiler : "-", row->cells[PROFILER], LIST_TEXT);
    if (one->state == STORE_DAMAGED)
        snprintf(text, sizeof text, "-");
    else
        snprintf(text, sizeof text, "%.40s (%lld)", one->target ? one->target : "?", (long long)one->pid);
    cli_clean(text, row->cells[TARGET], LIST_TEXT);
    put_value(row->cells[SIZE], (double)one->bytes, MEDIC_UNIT_BYTES);
    put_verdict(row->cells[VERDICT], one);
}

static void put_verdicts_below(struct list_column *column, struct list_row *rows, size_t count, unsigned width)
{
    column->hidden = true;
    for (size_t i = 0; i < count; i++) {
        memcpy(rows[i].note, rows[i].cells[VERDICT], LIST_TEXT);
        list_cut(rows[i].note, width > LEAST_WIDTH ? width - 2 : LEAST_WIDTH);
    }
}

static int print_text(const struct session_list *list, bool all)
{
    struct list_column columns[COLUMNS] = {{"ID", false, false, 0},       {"STATE", false, false, 0},
                                           {"STARTED", false, false, 1},  {"TIME", true, false, 3},
                                           {"PROFILER", false, false, 2}, {"TARGET", false, false, 0},
                                           {"SIZE", true, false, 4},      {"VERDICT", false, false, 0}};
    unsigned width = cli_width(stdout);
    size_t count = all || list->count < SHOWN ? list->count : SHOWN;
    struct list_row *rows = calloc(count + 1, sizeof *rows);
    if (!rows)
        return cli_fail(EXIT_UNKNOWN, "out of memory");
    for (size_t i = 0; i < count; i++)
        fill_row(&rows[i], &list->items[i]);
    if (width && width < VERDICT_BESIDE)
        put_verdicts_below(&columns[VERDICT], rows, count, width);
    if (count)
        list_print(columns, COLUMNS, rows, count, width, cli_color(stdout), stdout);
    else
        fputs("There is no session yet: `medic attach` makes one.\n", stderr);
    free(rows);
    int code = cli_finish(EXIT_OK);
    if (count < list->count)
        fprintf(stderr, "%zu older ones: medic sessions --all\n", list->count - count);
    return code;
}

/* ---- JSON ---- */

static void write_live(struct json_writer *writer, const struct listed *one)
{
    if (!one->live) {
        json_put_null(writer, "live");
        return;
    }
    json_open(writer, "live", '{', false);
    json_put_string(writer, "state", session_state_text(one->status.state));
    json_put_unsigned(writer, "elapsed_ns", elapsed_ns(one));
    json_put_unsigned(writer, "planned_ns", one->status.duration_ns);
    json_put_unsigned(writer, "records", one->status.records);
    json_put_unsigned(writer, "lost", one->status.lost);
    json_close(writer, '}', false);
}

static void write_session(struct json_writer *writer, const struct listed *one)
{
    json_open(writer, NULL, '{', false);
    json_put_string(writer, "id", one->id);
    json_put_string(writer, "state", store_state_text(one->state));
    json_put_string(writer, "reason", one->reason);
    json_put_string(writer, "started", one->started);
    if (one->summary.known)
        json_put_unsigned(writer, "duration_ns", one->summary.duration_ns);
    else
        json_put_null(writer, "duration_ns");
    json_open(writer, "profiler", '{', false);
    json_put_string(writer, "name", one->profiler);
    json_put_string(writer, "guid", one->guid);
    json_put_string(writer, "version", one->version);
    json_close(writer, '}', false);
    json_open(writer, "target", '{', false);
    if (one->state == STORE_DAMAGED)
        json_put_null(writer, "pid");
    else
        json_put_integer(writer, "pid", one->pid);
    json_put_string(writer, "name", one->target);
    json_close(writer, '}', false);
    json_put_string(writer, "severity", one->summary.severity);
    json_put_string(writer, "verdict", one->summary.verdict);
    json_put_unsigned(writer, "size_bytes", one->bytes);
    json_put_string(writer, "path", one->path);
    write_live(writer, one);
    json_close(writer, '}', false);
}

/* All of them: a script does not page. */
static int print_json(const struct session_list *list)
{
    struct buffer text = {0};
    struct json_writer writer = {.out = &text, .fresh = true};
    json_open(&writer, NULL, '{', false);
    json_put_integer(&writer, "schema", 1);
    json_open(&writer, "sessions", '[', false);
    for (size_t i = 0; i < list->count; i++)
        write_session(&writer, &list->items[i]);
    json_close(&writer, ']', false);
    json_close(&writer, '}', false);
    return cli_put_json(&text);
}

/* ---- the command ---- */

static int list_sessions(bool json, bool all)
{
    struct store store;
    struct session_list list;
    medic_reason why = {""};
    int code = store_use_files(&store, NULL, &why);
    if (code == MEDIC_OK)
        code = session_list_load(&list, &store, &why);
    if (code != MEDIC_OK)
        return cli_fail(cli_exit_code(code, EXIT_SESSION), "%s", why.text);
    int exit_code = json ? print_json(&list) : print_text(&list, all);
    session_list_free(&list);
    return exit_code;
}

static int run(int argc, char **argv)
{
    bool json = false, all = false;
    for (int option; (option = cli_option(argc, argv, &command_sessions)) != -1;) {
        if (option == 'h') {
            cli_help(&command_sessions, stdout);
            return cli_finish(EXIT_OK);
        }
        all |= option == 'a';
        if (option == '?' || (option == 'f' && cli_list_format(optarg, &json)))
            return EXIT_ARGUMENTS;
    }
    if (optind < argc)
        return cli_fail(EXIT_ARGUMENTS,
                        "medic sessions takes no \"%.60s\": it lists all; `medic report %.60s` shows one", argv[optind],
                        argv[optind]);
    return list_sessions(json, all);
}

static const struct command_option options[] = {
    {'a', "all", NULL, "not only the newest 20", WORDS_NONE}, LIST_FORMAT_OPTION, HELP_OPTION, {0}};
static const struct command_note examples[] = {
    {"medic sessions", NULL},
    {"medic report last", "the newest one again"},
    {"medic sessions -f json | jq -r '.sessions[] | select(.severity == \"critical\") | .id'", NULL},
    {0}};
static const struct command_note environment[] = {
    {"MEDIC_KEEP_AGE", "how long sessions are kept: 90d; 0 or off: for ever"},
    {"MEDIC_KEEP_SIZE", "how much of them is kept: 10G; 0 or off: no limit"},
    {0}};

const struct command command_sessions = {
    .name = "sessions",
    .arguments = "[-a] [-f text|json]",
    .summary = "List the sessions that run or are kept",
    .help =
        "Newest first: id (its beginning is enough for other commands), state, start, recorded time, profiler, target, "
        "size, and what came of it. A session whose medic was killed is incomplete: `medic report` rescues what there "
        "is. One whose session.json cannot be used is damaged: its line says what to do. JSON lists all of them.\n\n"
        "At the end of every session those that are older than 30 days go, and the oldest ones beyond 2 GiB. A folder "
        "chosen with -o is never listed nor removed.",
    .options = options,
    .examples = examples,
    .environment = environment,
    .run = run};
