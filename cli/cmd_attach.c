/* medic attach: one session, from the arguments to the report on the screen. */
#include "cli/cli.h"
#include "cli/progress.h"
#include "common/value.h"
#include "tool/attach.h"
#include "tool/report.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { SETTINGS_MAX = 64, ANSWER_MS = 2000 };

struct arguments {
    const char *target; /* pid, name or socket */
    bool by_pid, by_name;
    const char *profiler, *duration, *place;
    const char *settings[SETTINGS_MAX];
    size_t setting_count;
    const struct renderer *renderer;
    unsigned top;
};

/* What a session is made of, once the arguments have been checked. */
struct plan {
    struct arguments arguments;
    struct plugin_list plugins;
    const struct plugin_info *plugin;
    struct session_parameter settings[SETTINGS_MAX];
    char keys[SETTINGS_MAX][64];
    struct target target;
    struct store store;
};

/* ---- arguments ---- */

static int take_target(struct arguments *arguments, const char *text)
{
    if (arguments->target)
        return cli_fail(-1, "two processes are named, %.60s and %.60s: a session has one", arguments->target, text);
    arguments->target = text;
    return 0;
}

static int take_option(struct arguments *arguments, int option)
{
    switch (option) {
    case 'p': arguments->by_pid = true; return take_target(arguments, optarg);
    case 'n': arguments->by_name = true; return take_target(arguments, optarg);
    case 'P': arguments->profiler = optarg; return 0;
    case 'd': arguments->duration = optarg; return 0;
    case 'o': arguments->place = optarg; return 0;
    case 's':
        if (arguments->setting_count == SETTINGS_MAX)
            return cli_fail(-1, "more than %d settings", SETTINGS_MAX);
        arguments->settings[arguments->setting_count++] = optarg;
        return 0;
    case 'f': return cli_format(optarg, &arguments->renderer);
    case 't': return cli_top(optarg, &arguments->top);
    default: return -1;
    }
}

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

static int check_arguments(struct arguments *arguments)
{
    medic_reason why = {""};
    uint64_t duration;
    if (!arguments->target)
        return cli_fail(-1, "which process? Give a pid or a name: `medic ps` lists them");
    if (arguments->by_pid && !is_number(arguments->target))
        return cli_fail(-1, "-p %.60s is no process id: give a number, or a name with -n", arguments->target);
    if (!arguments->profiler)
        return cli_fail(-1, "which profiler? Give one with -P: `medic profilers` lists them");
    if (duration_parse(arguments->duration, &duration, &why) != MEDIC_OK)
        return cli_fail(-1, "-d %.60s: %s", arguments->duration, why.text);
    return 0;
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {{"process-id", required_argument, NULL, 'p'},
                                            {"name", required_argument, NULL, 'n'},
                                            {"profiler", required_argument, NULL, 'P'},
                                            {"duration", required_argument, NULL, 'd'},
                                            {"set", required_argument, NULL, 's'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"format", required_argument, NULL, 'f'},
                                            {"top", required_argument, NULL, 't'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    *arguments = (struct arguments){.duration = "10s", .renderer = renderer_find("text")};
    for (int option; (option = cli_next_option(argc, argv, &command_attach, ":p:n:P:d:o:f:h", options)) != -1;) {
        if (option == 'h')
            return 'h';
        if (option == '?' || take_option(arguments, option))
            return -1;
    }
    for (; optind < argc; optind++)
        if (take_target(arguments, argv[optind]))
            return -1;
    return check_arguments(arguments);
}

/* ---- the plan ---- */

static int check_settings(struct plan *plan, medic_reason *why)
{
    for (size_t i = 0; i < plan->arguments.setting_count; i++) {
        struct session_parameter *setting = &plan->settings[i];
        int code = plugin_check_setting(plan->plugin, plan->arguments.settings[i], plan->keys[i], sizeof plan->keys[i],
                                        &setting->value, why);
        if (code != MEDIC_OK)
            return code;
        setting->key = plan->keys[i];
        for (size_t j = 0; j < i; j++)
            if (!strcmp(plan->keys[i], plan->keys[j]))
                return medic_fail(why, MEDIC_E_ARGUMENT, "%s is set twice: give it once", plan->keys[i]);
    }
    return MEDIC_OK;
}

static int find_plugin(struct plan *plan, medic_reason *why)
{
    int code = plugin_find(&plan->plugins, plan->arguments.profiler, &plan->plugin, why);
    return code == MEDIC_OK ? check_settings(plan, why) : code;
}

static int find_target(struct plan *plan, medic_reason *why)
{
    int code = target_find(plan->arguments.target, ANSWER_MS, &plan->target, why);
    if (code == MEDIC_OK && plan->arguments.by_name && is_number(plan->arguments.target)) {
        target_free(&plan->target);
        return medic_fail(why, MEDIC_E_ARGUMENT, "%s is a process id, not a name: give it with -p",
                          plan->arguments.target);
    }
    return code;
}

/* ---- the session ---- */

/* Says where the results are, for people. */
static void tell_place(const struct attach *attach)
{
    if (cli_is_terminal(stderr))
        fprintf(stderr, "session: %s\n", attach->session.path);
}

static int report(struct plan *plan, struct attach *attach)
{
    medic_reason why = {""};
    if (report_make(attach->session.folder, plan->plugin->path, &why) != MEDIC_OK)
        return cli_fail(EXIT_SESSION, "%s; the capture is in %s", why.text, attach->session.path);
    int exit_code =
        cli_show_report(attach->session.folder, attach->session.path, plan->arguments.renderer, plan->arguments.top);
    tell_place(attach);
    return exit_code;
}

/* How it ended, told before the report. */
static int tell_end(const struct attach *attach, enum attach_result result, const medic_reason *reason)
{
    if (result == ATTACH_CAPTURED)
        return attach->collected ? EXIT_OK : cli_fail(EXIT_SESSION, "nothing was captured");
    if (!attach->collected)
        return cli_fail(EXIT_SESSION, "%s; nothing was captured", reason->text);
    if (result == ATTACH_TARGET_ENDED)
        return cli_fail(EXIT_OK, "%s: this is what was seen until then", reason->text);
    return cli_fail(EXIT_SESSION, "%s", reason->text);
}

/* After the watch: collect, report, leave. */
static int conclude(struct plan *plan, struct attach *attach, enum attach_result result, const medic_reason *reason)
{
    medic_reason why = {""};
    int code = attach_collect(attach, result, reason, &why);
    bool keep = code != MEDIC_OK && !attach->collected;
    int exit_code = keep ? EXIT_SESSION : tell_end(attach, result, reason);
    if (code != MEDIC_OK)
        exit_code = cli_fail(EXIT_SESSION, "%s", why.text);
    if (attach->collected && !(result == ATTACH_FAILED && attach->status.records == 0)) {
        int shown = report(plan, attach);
        exit_code = exit_code == EXIT_OK ? shown : exit_code;
    }
    if (attach_end(attach, keep, &why) != MEDIC_OK)
        cli_fail(0, "%s", why.text);
    return exit_code;
}

static const char *name_of(const struct target *target)
{
    return *target->entry_assembly ? target->entry_assembly : target->executable;
}

static int run_session(struct plan *plan)
{
    struct attach attach;
    struct progress progress;
    struct attach_observer observer = {.context = &progress, .interrupts = cli_interrupts, .progress = progress_show};
    struct attach_options options = {.target = &plan->target,
                                     .plugin = plan->plugin,
                                     .store = &plan->store,
                                     .place = plan->arguments.place,
                                     .duration = plan->arguments.duration,
                                     .settings = plan->settings,
                                     .setting_count = plan->arguments.setting_count};
    medic_reason why = {""};
    cli_catch_interrupts();
    int code = attach_begin(&attach, &options, &why);
    if (code != MEDIC_OK)
        return cli_fail(cli_exit_code(code, attach.stage == ATTACH_PREPARING ? EXIT_SESSION : EXIT_TRACING), "%s",
                        why.text);
    progress_begin(&progress, plan->plugin->name, plan->target.pid ? plan->target.pid : plan->target.inner_pid,
                   name_of(&plan->target));
    enum attach_result result = attach_watch(&attach, &observer, &why);
    progress_end(&progress);
    if (result == ATTACH_ABORTED) {
        attach_abort(&attach);
        return cli_fail(EXIT_INTERRUPTED, "%s", why.text);
    }
    return conclude(plan, &attach, result, &why);
}

static int run_plan(struct plan *plan)
{
    medic_reason why = {""};
    int code = plugins_load(&plan->plugins, &why);
    if (code != MEDIC_OK)
        return cli_fail(EXIT_UNKNOWN, "%s", why.text);
    code = find_plugin(plan, &why);
    if (code == MEDIC_OK)
        code = store_use_files(&plan->store, NULL, &why);
    int exit_code;
    if (code != MEDIC_OK) {
        exit_code = cli_fail(EXIT_ARGUMENTS, "%s", why.text);
    } else if ((code = find_target(plan, &why)) != MEDIC_OK) {
        exit_code = cli_fail(cli_exit_code(code, EXIT_TRACING), "%s", why.text);
    } else {
        exit_code = run_session(plan);
        target_free(&plan->target);
    }
    plugins_free(&plan->plugins);
    return exit_code;
}

static int run(int argc, char **argv)
{
    static struct plan plan; /* large */
    int parsed = parse(argc, argv, &plan.arguments);
    if (parsed == 'h') {
        cli_help(&command_attach, stdout);
        return cli_finish(EXIT_OK);
    }
    return parsed ? EXIT_ARGUMENTS : run_plan(&plan);
}

const struct command command_attach = {
    .name = "attach",
    .arguments = "<pid|name|socket> -P <name|GUID|file> [options]",
    .summary = "Ask one profiler about a running program",
    .help =
        "Attaches to the program, records, leaves it, and prints the report. The first Ctrl-C ends the recording early "
        "and\n"
        "still reports; the second aborts. capture.mdc and report.json stay in the session's folder.\n\n"
        "Options:\n"
        "  -p, --process-id PID   the program by its pid\n"
        "  -n, --name NAME        ... by its name: assembly, executable\n"
        "  -P, --profiler WHICH   name, GUID or file; see `medic profilers`\n"
        "  -d, --duration TIME    30s, 5m, 1:30:00; 0 = until stopped (default 10s)\n"
        "      --set KEY=VALUE    a parameter of the profiler; may be repeated\n"
        "  -o, --output DIR       new or empty folder for the session (default: below ~/.local/state/medic/sessions)\n"
        "  -f, --format FORMAT    text (default) or json\n"
        "      --top N            rows of each section, or \"all\" (default 20)\n"
        "  -h, --help             this help\n\n"
        "Examples:\n"
        "  medic attach 4121 -P runtime_pauses\n"
        "  medic attach MyApp -P runtime_pauses -d 1m -o ./pauses\n"
        "  medic attach -n MyApp -P ./my_profiler.so --set depth=3 -f json > report.json\n",
    .run = run};
