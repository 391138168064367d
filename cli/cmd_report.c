/* medic report: shows a session's report again. */
#include "cli/cli.h"
#include "tool/store.h"

static int report(const char *which, const struct renderer *renderer, unsigned top)
{
    struct store_session session;
    int code = cli_open_report(which, renderer->render != NULL, &session);
    if (code != EXIT_OK)
        return code;
    code = cli_show_report(session.folder, session.path, renderer, top);
    session.store->operations->close(&session);
    return code;
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
