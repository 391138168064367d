/* medic launch: a program under a profiler from its first instruction.
 *
 * The program must not notice us. It has our terminal, process group and standard files; its exit code is ours. stdout and
 * stdin belong to it alone, so that `medic launch ... -- program | next` is what it is without medic: we close ours, and
 * the report goes to stderr, as those of time, strace and perf stat do. There is no live line: stderr is the program's
 * too. */
#include "cli/plan.h"
#include "tool/launch.h"
#include "tool/launch_program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127, LOOK_MS = 20 };

struct run {
    struct plan plan;
    bool children;
    char *const *command;
    struct launch launch;
    struct program program;
    char **reports; /* folders of the sessions that have one */
    size_t report_count;
};

/* ---- arguments ---- */

static int parse(int argc, char **argv, struct run *run)
{
    struct plan_arguments *arguments = &run->plan.arguments;
    *arguments = (struct plan_arguments){.duration = "0", .renderer = renderer_find("text")};
    for (int option; (option = cli_option(argc, argv, &command_launch)) != -1;) {
        if (option == 'h')
            return 'h';
        if (option == OPTION_CHILDREN)
            run->children = true;
        else if (option == '?' || plan_take_option(arguments, option))
            return -1;
    }
    run->command = argv + optind;
    if (optind == argc || !*argv[optind])
        return cli_fail(-1, "which program? Give its command line last: medic launch -P PROFILER -- dotnet app.dll");
    return plan_check_arguments(arguments);
}

/* ---- the program ---- */

/* From here on what we print goes to stderr, the reader of the program's output sees its end when the program closes it,
 * and a reader of ours that went away is no reason to die: the exit code has still to be passed on. */
static void leave_files_to_program(void)
{
    sigset_t pipe;
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(nothing, STDIN_FILENO);
    if (nothing > STDERR_FILENO)
        close(nothing);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigprocmask(SIG_BLOCK, &pipe, NULL);
}

static void keep_report(struct run *run, const char *path)
{
    char **reports = reallocarray(run->reports, run->report_count + 1, sizeof *reports);
    if (!reports)
        return;
    run->reports = reports;
    reports[run->report_count] = strdup(path);
    run->report_count += reports[run->report_count] != NULL;
}

/* The session is complete now, its report is shown at the end of the program. */
static void conclude(struct run *run, struct launched *one)
{
    struct outcome outcome = plan_conclude(&run->plan, &one->attach, one->result, &one->reason, false);
    one->done = true;
    one->kept = outcome.kept;
    if (!outcome.reported)
        return;
    keep_report(run, one->attach.session.path);
    if (cli_is_terminal(stderr) && target_alive(one->attach.target) && program_wait(&run->program, 0))
        fprintf(stderr, "medic: the recording is over, the program runs on; `medic report %s` shows it now\n",
                one->attach.session.path);
}

static void look(struct run *run)
{
    medic_reason why = {""};
    if (launch_look(&run->launch, run->program.pid, &why) != MEDIC_OK)
        cli_fail(0, "a process of the program is not profiled: %s", why.text);
    for (size_t i = 0; i < run->launch.count; i++) {
        struct launched *one = run->launch.sessions[i];
        if (one->over && !one->done)
            conclude(run, one);
    }
}

/* The program has ended: whoever of its processes is left shall not keep us. */
static int count_interrupts(void *unused)
{
    return 1 + program_interrupts(unused);
}

static void end_others(struct run *run)
{
    struct attach_observer observer = {.interrupts = count_interrupts};
    for (size_t i = 0; i < run->launch.count; i++) {
        struct launched *one = run->launch.sessions[i];
        if (one->done)
            continue;
        one->result = attach_watch(&one->attach, &observer, &one->reason);
        one->over = true;
        if (one->result != ATTACH_ABORTED) {
            conclude(run, one);
            continue;
        }
        attach_abort(&one->attach);
        one->done = true;
        cli_fail(0, "%s", one->reason.text);
    }
}

/* ---- the end ---- */

static void explain_silence(const struct run *run)
{
    const char *slash = strrchr(run->command[0], '/'), *name = slash ? slash + 1 : run->command[0];
    bool host = !strcmp(name, "dotnet");
    cli_fail(0, "nothing was profiled: %.200s %s", run->command[0],
             host ? "ran no program of its own, or one whose profilers are switched off (commands of the SDK, such as "
                    "build, are left out)"
                  : "started no .NET program as this user, or one whose profilers are switched off");
}

static void show(const struct run *run, const char *path)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        cli_fail(0, "cannot open %s: %s", path, strerror(errno));
        return;
    }
    cli_show_report(folder, path, run->plan.arguments.renderer, run->plan.arguments.top);
    if (cli_is_terminal(stderr))
        fprintf(stderr, "session: %s\n", path);
    close(folder);
}

static void show_all(struct run *run)
{
    for (size_t i = 0; i < run->report_count; i++) {
        show(run, run->reports[i]);
        free(run->reports[i]);
    }
    free(run->reports);
}

static int watch(struct run *run)
{
    leave_files_to_program();
    while (program_wait(&run->program, LOOK_MS))
        look(run);
    look(run);
    end_others(run);
    bool silent = run->launch.count == 0;
    launch_close(&run->launch);
    if (silent)
        explain_silence(run);
    show_all(run);
    return program_exit_code(&run->program);
}

static int run_plan(struct run *run)
{
    struct attach_options options = plan_options(&run->plan);
    medic_reason why = {""};
    int code = launch_prepare(&run->launch, &options, run->children, run->command, &why);
    if (code != MEDIC_OK)
        return cli_fail(cli_exit_code(code, EXIT_SESSION), "%s", why.text);
    code = program_start(&run->program, run->command, run->launch.environment, &cli_inheritance, &why);
    if (code == MEDIC_OK)
        return watch(run);
    launch_close(&run->launch);
    return cli_fail(code == MEDIC_E_NOT_FOUND ? EXIT_NOT_FOUND
                    : code == MEDIC_E_DENIED  ? EXIT_NOT_EXECUTABLE
                                              : EXIT_SESSION,
                    "%s", why.text);
}

static int run(int argc, char **argv)
{
    static struct run run; /* large */
    int parsed = parse(argc, argv, &run);
    if (parsed == 'h') {
        cli_help(&command_launch, stdout);
        return cli_finish(EXIT_OK);
    }
    if (parsed)
        return EXIT_ARGUMENTS;
    int exit_code = plan_make(&run.plan);
    if (exit_code == EXIT_OK)
        exit_code = run_plan(&run);
    plan_free(&run.plan);
    return exit_code;
}

static const struct command_option options[] = {
    PLAN_PROFILER_OPTION,
    {'d', "duration", "TIME", "record 30s, 5m, 1:30:00 only, the program runs on; 0 = until it ends (default)",
     WORDS_NONE},
    PLAN_SET_OPTION,
    {OPTION_CHILDREN, "children", NULL, "a session for each .NET process that the program starts, itself included",
     WORDS_NONE},
    {'o', "output", "DIR",
     "new or empty folder for the session (default: below ~/.local/state/medic/sessions); with --children each process "
     "has a folder in it, named by its pid",
     WORDS_FOLDERS},
    REPORT_FORMAT_OPTION,
    TOP_OPTION,
    HELP_OPTION,
    {0}};
static const struct command_note examples[] = {
    {"medic launch -P runtime_pauses -- dotnet app.dll --port 8080", NULL},
    {"medic launch -P runtime_pauses -d 30s -o ./start -- ./MyApp", NULL},
    {"medic launch -P runtime_pauses -- dotnet run --project src/Web", NULL},
    {"medic launch -P runtime_pauses --children -o ./all -- dotnet test", NULL},
    {"medic launch -P runtime_pauses -- ./MyApp 2> report.txt | sort", NULL},
    {0}};

const struct command command_launch = {
    .name = "launch",
    .arguments = "-P <name|GUID|file> [options] -- COMMAND [ARGUMENTS]",
    .summary = "Run a program under a profiler, from its first instruction",
    .help =
        "Runs the command as if medic were not there: it has the terminal, stdin and stdout to itself, gets the "
        "signals that are sent to medic, and its exit code is medic's. When it has ended the report goes to stderr; "
        "capture.mdc and report.json stay in the session's folder. Ctrl-C goes to the program; medic reports when "
        "that has ended.\n\n"
        "Profiled is the first .NET process that the command leads to. Commands of the .NET SDK are left out: "
        "`dotnet run` profiles the program and not the build.",
    .options = options,
    .exit_help =
        "the program's, 128 + N when signal N has killed it, whether the report came about or not. When it was "
        "not started: 127 there is no such command, 126 it cannot be executed, else see `medic help`.",
    .examples = examples,
    .operands = WORDS_PROGRAM,
    .run = run};
