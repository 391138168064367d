/* medic diff: what has changed between two sessions of one profiler. */
#include "cli/cli.h"
#include "tool/document_diff.h"
#include "tool/document_json.h"
#include "tool/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_file(const char *path)
{
    struct stat about;
    return !stat(path, &about) && S_ISREG(about.st_mode);
}

static int load_file(const char *path, struct document **document)
{
    medic_reason why = {""};
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return cli_fail(EXIT_SESSION, "cannot open the report %s: %s", path, strerror(errno));
    int code = document_load(fd, document, &why);
    close(fd);
    return code == MEDIC_OK ? EXIT_OK : cli_fail(EXIT_SESSION, "cannot use the report %s: %s", path, why.text);
}

/* A session as `medic report` takes it, or the file of a report. */
static int load(const char *which, struct document **document)
{
    struct store_session session;
    if (is_file(which))
        return load_file(which, document);
    int code = cli_open_report(which, true, &session);
    if (code != EXIT_OK)
        return code;
    code = cli_load_report(session.folder, session.path, document);
    session.store->operations->close(&session);
    return code;
}

static int compare(const struct document *before, const struct document *after, const struct renderer *renderer,
                   unsigned top)
{
    struct document *diff = NULL;
    medic_reason why = {""};
    int code = document_diff(before, after, &diff, &why);
    if (code != MEDIC_OK)
        return cli_fail(cli_exit_code(code, EXIT_SESSION), "%s", why.text);
    code = cli_show_document(diff, "the comparison", renderer, top);
    document_free(diff);
    return code;
}

static int diff(char *const which[2], const struct renderer *renderer, unsigned top)
{
    struct document *documents[2] = {NULL, NULL};
    int code = load(which[0], &documents[0]);
    if (code == EXIT_OK)
        code = load(which[1], &documents[1]);
    if (code == EXIT_OK)
        code = compare(documents[0], documents[1], renderer, top);
    document_free(documents[0]);
    document_free(documents[1]);
    return code;
}

static int run(int argc, char **argv)
{
    const struct renderer *renderer = renderer_find("text");
    unsigned top = 0;
    for (int option; (option = cli_option(argc, argv, &command_diff)) != -1;) {
        if (option == 'h') {
            cli_help(&command_diff, stdout);
            return cli_finish(EXIT_OK);
        }
        if (option == '?' || (option == 'f' && cli_format(optarg, &renderer)) ||
            (option == OPTION_TOP && cli_top(optarg, &top)))
            return EXIT_ARGUMENTS;
    }
    if (argc - optind != 2 || !*argv[optind] || !*argv[optind + 1])
        return cli_fail(EXIT_ARGUMENTS,
                        "medic diff takes two sessions, the earlier one first: `medic sessions` lists them");
    if (!renderer->render)
        return cli_fail(EXIT_ARGUMENTS, "a comparison has no -f %s: it is of one session's capture", renderer->name);
    return diff(argv + optind, renderer, top);
}

static const struct command_option options[] = {REPORT_FORMAT_OPTION, TOP_OPTION, HELP_OPTION, {0}};
static const struct command_note examples[] = {{"medic diff 1a2b3c4d last", "ids, or the beginnings of them"},
                                               {"medic diff ./before ./after --top all | less", NULL},
                                               {"medic diff old.json new.json -f json | jq -r .verdict",
                                                "files of reports, as `medic report -f json` writes them"},
                                               {0}};

const struct command command_diff = {
    .name = "diff",
    .arguments = "BEFORE AFTER [-f FORMAT] [--top N]",
    .summary = "Compare two sessions of one profiler",
    .help = "Shows what has changed between two sessions: rows of the two reports are matched by their names, and "
            "numbers subtracted; what is new and what is gone is marked, what stayed as it was is left out. Each of "
            "the two is a session as `medic report` takes it (id, `last`, folder), or the file of a report.\n\n"
            "Of a long list a report keeps the first rows only. A row that is in one report and may have been left "
            "out of the other has a question mark: new?, gone?",
    .options = options,
    .examples = examples,
    .operands = WORDS_SESSIONS,
    .many = true,
    .run = run};
