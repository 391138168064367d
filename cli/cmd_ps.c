/* medic ps: the .NET programs that run here. */
#include "cli/cli.h"
#include "cli/table.h"
#include "tool/format.h"
#include "tool/json.h"
#include "tool/target.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER_MS = 1000 };
enum { PID, INNER, RUNTIME, UPTIME, CPU, MEMORY, USER, ATTACH, COMMAND, COLUMNS };

static void put_bytes(char *out, uint64_t bytes)
{
    struct formatted text;
    format_value((double)bytes, MEDIC_UNIT_BYTES, cli_ascii(), &text);
    snprintf(out, LIST_TEXT, "%s %s", text.number, text.unit);
}

static void put_uptime(char *out, double seconds)
{
    unsigned long s = seconds > 0 ? (unsigned long)seconds : 0;
    if (s < 60)
        snprintf(out, LIST_TEXT, "%lus", s);
    else if (s < 3600)
        snprintf(out, LIST_TEXT, "%lum %02lus", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, LIST_TEXT, "%luh %02lum", s / 3600, s / 60 % 60);
    else
        snprintf(out, LIST_TEXT, "%lud %02luh", s / 86400, s / 3600 % 24);
}

static void put_pid(char *out, pid_t pid)
{
    if (pid)
        snprintf(out, LIST_TEXT, "%d", pid);
    else
        snprintf(out, LIST_TEXT, "-");
}

static void fill_row(struct list_row *row, const struct target *target)
{
    put_pid(row->cells[PID], target->pid);
    put_pid(row->cells[INNER], target->inner_pid);
    cli_clean(*target->runtime ? target->runtime : "-", row->cells[RUNTIME], LIST_TEXT);
    put_uptime(row->cells[UPTIME], target->uptime_s);
    if (target->socket_only) {
        snprintf(row->cells[CPU], LIST_TEXT, "%s", "-");
        snprintf(row->cells[MEMORY], LIST_TEXT, "%s", "-");
    } else {
        snprintf(row->cells[CPU], LIST_TEXT, "%.1f %%", target->cpu_percent);
        put_bytes(row->cells[MEMORY], target->rss_bytes);
    }
    cli_clean(*target->user ? target->user : "-", row->cells[USER], LIST_TEXT);
    snprintf(row->cells[ATTACH], LIST_TEXT, "%s", target->attachable ? "yes" : "no");
    cli_clean(target->command_line ? target->command_line : target->comm, row->cells[COMMAND], LIST_TEXT);
    if (!target->attachable)
        snprintf(row->note, LIST_TEXT, "cannot attach: %.400s", target->why.text);
}

static int print_text(const struct target_list *list)
{
    struct list_column columns[COLUMNS] = {
        {"PID", true, false, 0},    {"INNER", true, true, 0},    {"RUNTIME", false, false, 2},
        {"UPTIME", true, false, 1}, {"CPU", true, false, 0},     {"MEMORY", true, false, 0},
        {"USER", false, false, 3},  {"ATTACH", false, false, 0}, {"COMMAND", false, false, 0}};
    struct list_row *rows = calloc(list->count + 1, sizeof *rows);
    if (!rows)
        return cli_fail(EXIT_UNKNOWN, "out of memory");
    for (size_t i = 0; i < list->count; i++) {
        fill_row(&rows[i], &list->items[i]);
        if (list->items[i].pid != list->items[i].inner_pid)
            columns[INNER].hidden = false;
    }
    if (list->count)
        list_print(columns, COLUMNS, rows, list->count, cli_width(stdout), cli_color(stdout), stdout);
    else
        fputs("No .NET program runs here that this user can see.\n", stderr);
    free(rows);
    return cli_finish(EXIT_OK);
}

static void put_known(struct json_writer *writer, const char *key, const char *value)
{
    json_put_string(writer, key, value && *value ? value : NULL);
}

static void write_target(struct json_writer *writer, const struct target *target)
{
    json_open(writer, NULL, '{', false);
    json_put_integer(writer, "pid", target->pid);
    json_put_integer(writer, "inner_pid", target->inner_pid);
    put_known(writer, "name", *target->entry_assembly ? target->entry_assembly : target->executable);
    put_known(writer, "command_line", target->command_line);
    put_known(writer, "runtime", target->runtime);
    put_known(writer, "rid", target->rid);
    put_known(writer, "arch", target->arch);
    put_known(writer, "user", target->user);
    json_put_integer(writer, "uid", target->uid);
    json_put_number(writer, "uptime_s", target->uptime_s);
    if (target->socket_only) {
        json_put_null(writer, "cpu_s");
        json_put_null(writer, "cpu_percent");
        json_put_null(writer, "memory_bytes");
    } else {
        json_put_number(writer, "cpu_s", target->cpu_s);
        json_put_number(writer, "cpu_percent", target->cpu_percent);
        json_put_unsigned(writer, "memory_bytes", target->rss_bytes);
    }
    json_put_bool(writer, "attachable", target->attachable);
    put_known(writer, "reason", target->attachable ? NULL : target->why.text);
    json_close(writer, '}', false);
}

static int print_json(const struct target_list *list)
{
    struct buffer text = {0};
    struct json_writer writer = {.out = &text, .fresh = true};
    json_open(&writer, NULL, '[', false);
    for (size_t i = 0; i < list->count; i++)
        write_target(&writer, &list->items[i]);
    json_close(&writer, ']', false);
    buffer_add_string(&text, "\n");
    fputs(buffer_get(&text), stdout);
    bool failed = text.failed;
    buffer_free(&text);
    return failed ? cli_fail(EXIT_UNKNOWN, "out of memory") : cli_finish(EXIT_OK);
}

static int run(int argc, char **argv)
{
    struct target_list list;
    medic_reason why = {""};
    bool json = false;
    for (int option; (option = cli_option(argc, argv, &command_ps)) != -1;) {
        if (option == 'h') {
            cli_help(&command_ps, stdout);
            return cli_finish(EXIT_OK);
        }
        if (option != 'f')
            return EXIT_ARGUMENTS;
        json = !strcmp(optarg, "json");
        if (!json && strcmp(optarg, "text"))
            return cli_fail(EXIT_ARGUMENTS, "there is no format \"%.40s\" here: choose text or json", optarg);
    }
    if (optind < argc)
        return cli_fail(EXIT_ARGUMENTS, "medic ps takes no \"%.60s\": it lists all .NET programs", argv[optind]);
    int code = target_list(&list, ANSWER_MS, &why);
    if (code != MEDIC_OK)
        return cli_fail(cli_exit_code(code, EXIT_UNKNOWN), "%s", why.text);
    int exit_code = json ? print_json(&list) : print_text(&list);
    target_list_free(&list);
    return exit_code;
}

static const struct command_option options[] = {LIST_FORMAT_OPTION, HELP_OPTION, {0}};
static const struct command_note examples[] = {{"medic ps", NULL},
                                               {"sudo medic ps", "programs of other users and in containers too"},
                                               {"medic ps -f json | jq '.[] | select(.attachable) | .pid'", NULL},
                                               {0}};

const struct command command_ps = {
    .name = "ps",
    .arguments = "[-f text|json]",
    .summary = "List the .NET programs that run here",
    .help = "Shows pid (INNER: in its own container), runtime, uptime, CPU of one core since the start, memory, user, "
            "whether it can be attached to, and if not why.",
    .options = options,
    .examples = examples,
    .run = run};
