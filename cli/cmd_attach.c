/* medic attach: one session, from the arguments to the report on the screen. */
#include "cli/plan.h"
#include "cli/progress.h"

#include <string.h>

enum { ANSWER_MS = 2000 };

struct arguments {
    const char *target; /* pid, name or socket */
    bool by_pid, by_name;
};

/* ---- arguments ---- */

static int take_target(struct arguments *arguments, const char *text)
{
    if (arguments->target)
        return cli_fail(-1, "two processes are named, %.60s and %.60s: a session has one", arguments->target, text);
    arguments->target = text;
    return 0;
}

static int take_option(struct arguments *arguments, struct plan_arguments *common, int option)
{
    switch (option) {
    case 'p': arguments->by_pid = true; return take_target(arguments, optarg);
    case 'n': arguments->by_name = true; return take_target(arguments, optarg);
    default: return plan_take_option(common, option);
    }
}

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

static int check_arguments(const struct arguments *arguments, const struct plan_arguments *common)
{
    if (!arguments->target)
        return cli_fail(-1, "which process? Give a pid or a name: `medic ps` lists them");
    if (arguments->by_pid && !is_number(arguments->target))
        return cli_fail(-1, "-p %.60s is no process id: give a number, or a name with -n", arguments->target);
    return plan_check_arguments(common);
}

static int parse(int argc, char **argv, struct arguments *arguments, struct plan_arguments *common)
{
    *arguments = (struct arguments){0};
    *common = (struct plan_arguments){.renderer = renderer_find("text")};
    for (int option; (option = cli_option(argc, argv, &command_attach)) != -1;) {
        if (option == 'h')
            return 'h';
        if (option == '?' || take_option(arguments, common, option))
            return -1;
    }
    for (; optind < argc; optind++)
        if (take_target(arguments, argv[optind]))
            return -1;
    return check_arguments(arguments, common);
}

/* ---- the session ---- */

static int find_target(const struct arguments *arguments, struct target *target, medic_reason *why)
{
    int code = target_find(arguments->target, ANSWER_MS, target, why);
    if (code == MEDIC_OK && arguments->by_name && is_number(arguments->target)) {
        target_free(target);
        return medic_fail(why, MEDIC_E_ARGUMENT, "%s is a process id, not a name: give it with -p", arguments->target);
    }
    return code;
}

static const char *name_of(const struct target *target)
{
    return *target->entry_assembly ? target->entry_assembly : target->executable;
}

static int run_session(struct plan *plan, const struct target *target)
{
    struct attach attach;
    struct progress progress;
    struct attach_observer observer = {.context = &progress, .interrupts = cli_interrupts, .progress = progress_show};
    struct attach_options options = plan_options(plan);
    medic_reason why = {""};
    options.target = target;
    cli_catch_interrupts();
    int code = attach_begin(&attach, &options, &why);
    if (code != MEDIC_OK)
        return cli_fail(cli_exit_code(code, attach.stage == ATTACH_PREPARING ? EXIT_SESSION : EXIT_TRACING), "%s",
                        why.text);
    progress_begin(&progress, plan->plugin->name, target->pid ? target->pid : target->inner_pid, name_of(target));
    enum attach_result result = attach_watch(&attach, &observer, &why);
    progress_end(&progress);
    if (result == ATTACH_ABORTED) {
        attach_abort(&attach);
        return cli_fail(EXIT_INTERRUPTED, "%s", why.text);
    }
    return plan_conclude(plan, &attach, result, &why, true).exit_code;
}

static int run_plan(struct plan *plan, const struct arguments *arguments)
{
    struct target target;
    medic_reason why = {""};
    int exit_code = plan_make(plan);
    if (exit_code == EXIT_OK) {
        int code = find_target(arguments, &target, &why);
        if (code == MEDIC_OK) {
            exit_code = run_session(plan, &target);
            target_free(&target);
        } else {
            exit_code = cli_fail_target(code, &why);
        }
    }
    plan_free(plan);
    return exit_code;
}

static int run(int argc, char **argv)
{
    static struct plan plan; /* large */
    struct arguments arguments;
    int parsed = parse(argc, argv, &arguments, &plan.arguments);
    if (parsed == 'h') {
        cli_help(&command_attach, stdout);
        return cli_finish(EXIT_OK);
    }
    return parsed ? EXIT_ARGUMENTS : run_plan(&plan, &arguments);
}

static const struct command_option options[] = {
    {'p', "process-id", "PID", "the program by its pid", WORDS_TARGET_PIDS},
    {'n', "name", "NAME", "... by its name: assembly, executable", WORDS_TARGET_NAMES},
    PLAN_PROFILER_OPTION,
    {'d', "duration", "TIME", "30s, 5m, 1:30:00; 0 = until stopped (default 10s; profilers that end by themselves: 0)",
     WORDS_NONE},
    PLAN_SET_OPTION,
    {'o', "output", "DIR", "new or empty folder for the session (default: below ~/.local/state/medic/sessions)",
     WORDS_FOLDERS},
    REPORT_FORMAT_OPTION,
    TOP_OPTION,
    HELP_OPTION,
    {0}};
static const struct command_note examples[] = {
    {"medic attach 4121 -P runtime_pauses", NULL},
    {"medic attach MyApp -P runtime_pauses -d 1m -o ./pauses", NULL},
    {"medic attach -n MyApp -P ./my_profiler.so --set depth=3 -f json > report.json", NULL},
    {0}};

const struct command command_attach = {
    .name = "attach",
    .arguments = "<pid|name|socket> -P <name|GUID|file> [options]",
    .summary = "Ask one profiler about a running program",
    .help = "Attaches to the program, records, leaves it, and prints the report. The first Ctrl-C ends the recording "
            "early and still reports; the second aborts. capture.mdc and report.json stay in the session's folder.",
    .options = options,
    .examples = examples,
    .operands = WORDS_TARGETS,
    .run = run};
