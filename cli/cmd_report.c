/* medic report: shows a session's report again. */
#include "cli/cli.h"
#include "tool/attach.h"
#include "tool/capture.h"
#include "tool/report.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The profiler that made the capture. */
static int find_plugin(const struct store_session *session, struct plugin_list *plugins,
                       const struct plugin_info **plugin, medic_reason *why)
{
    struct capture *capture = NULL;
    int fd = openat(session->folder, MEDIC_CAPTURE_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return medic_fail(why, MEDIC_E_NOT_FOUND, "%s has no capture", session->path);
    int code = capture_open(fd, &capture, why);
    if (code == MEDIC_OK) {
        code = plugin_find_guid(plugins, &capture_header(capture)->plugin_guid, plugin, why);
        if (code == MEDIC_E_NOT_FOUND && session->info.profiler.file && !access(session->info.profiler.file, R_OK) &&
            plugin_find(plugins, session->info.profiler.file, plugin, NULL) == MEDIC_OK)
            code = MEDIC_OK; /* named by its path for the attach */
        capture_close(capture);
    }
    close(fd);
    return code;
}

static int make_again(const struct store_session *session, medic_reason *why)
{
    const struct plugin_info *plugin = NULL;
    struct plugin_list plugins;
    int code = plugins_load(&plugins, why);
    if (code != MEDIC_OK)
        return code;
    code = find_plugin(session, &plugins, &plugin, why);
    if (code == MEDIC_OK && plugin)
        code = report_make(session->folder, plugin->path, why);
    plugins_free(&plugins);
    return code;
}

/* A report that is there is shown even when it cannot be made again (its profiler is gone, the folder is read-only). */
static int show(struct store_session *session, const struct renderer *renderer, unsigned top)
{
    medic_reason why = {""};
    int code = renderer->render ? make_again(session, &why) : MEDIC_OK; /* else no report is shown */
    if (code != MEDIC_OK) {
        if (faccessat(session->folder, STORE_REPORT_FILE, F_OK, AT_SYMLINK_NOFOLLOW))
            return cli_fail(cli_exit_code(code, EXIT_SESSION), "%s", why.text);
        cli_fail(0, "shown is the report as it was made before: %s", why.text);
    } else if (why.text[0]) {
        cli_fail(0, "%s", why.text);
    }
    return cli_show_report(session->folder, session->path, renderer, top);
}

static int report(const char *which, const struct renderer *renderer, unsigned top)
{
    struct store store;
    struct store_session session;
    medic_reason why = {""};
    int code = store_use_files(&store, NULL, &why);
    if (code == MEDIC_OK)
        code = store.operations->open(&store, which, &session, &why);
    if (code != MEDIC_OK)
        return cli_fail(code == MEDIC_E_NOT_FOUND ? EXIT_ARGUMENTS : cli_exit_code(code, EXIT_SESSION), "%s", why.text);
    code = attach_recover(&session, &why);
    int exit_code =
        code == MEDIC_OK ? show(&session, renderer, top) : cli_fail(cli_exit_code(code, EXIT_SESSION), "%s", why.text);
    store.operations->close(&session);
    return exit_code;
}

static int run(int argc, char **argv)
{
    const struct renderer *renderer = renderer_find("text");
    unsigned top = 0;
    for (int option; (option = cli_option(argc, argv, &command_report)) != -1;) {
        if (option == 'h') {
            cli_help(&command_report, stdout);
            return cli_finish(EXIT_OK);
        }
        if (option == '?' || (option == 'f' && cli_format(optarg, &renderer)) ||
            (option == OPTION_TOP && cli_top(optarg, &top)))
            return EXIT_ARGUMENTS;
    }
    if (argc - optind != 1 || !*argv[optind])
        return cli_fail(EXIT_ARGUMENTS,
                        argc == optind || !*argv[optind]
                            ? "name the folder or id of a session, or \"last\": `medic sessions` lists them"
                            : "medic report takes one session at a time");
    return report(argv[optind], renderer, top);
}

static const struct command_option options[] = {REPORT_FORMAT_OPTION, TOP_OPTION, HELP_OPTION, {0}};
static const struct command_note examples[] = {
    {"medic report last", NULL},
    {"medic report 1a2b3c4d", "the beginning of an id of `medic sessions`"},
    {"medic report ./pauses --top all | less", NULL},
    {"medic report ./pauses -f json | jq -r .verdict", NULL},
    {"medic report last -f heapsnapshot > now.heapsnapshot", "the heap, for the Memory tab of Chrome's DevTools"},
    {0}};

const struct command command_report = {
    .name = "report",
    .arguments = "ID|last|DIR [-f FORMAT] [--top N]",
    .summary = "Show the report of a session again",
    .help =
        "Reads capture.mdc in the session's folder, makes report.json anew, and shows it. A session whose medic was "
        "killed is rescued first: what it captured is fetched from the target, and the session is marked incomplete. "
        "The "
        "beginning of an id is enough, `last` is the newest session.",
    .options = options,
    .examples = examples,
    .operands = WORDS_SESSIONS,
    .run = run};
