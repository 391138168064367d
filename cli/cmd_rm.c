/* medic rm: removes sessions of the store. */
#include "cli/cli.h"
#include "cli/session_list.h"
#include "common/value.h"
#include "tool/attach.h"
#include "tool/format.h"
#include "tool/json.h"

#include <stdlib.h>
#include <string.h>

enum { OPTION_OLDER_THAN = OPTION_OTHER, OPTION_ALL };

struct arguments {
    char *const *ids;
    int id_count;
    bool all, aged, dry, yes, json;
    uint64_t age_ns;
};

/* One session that was chosen. */
struct choice {
    size_t index; /* in the list */
    bool removed;
    medic_reason reason; /* why not */
};

struct plan {
    struct arguments arguments;
    struct store store;
    struct session_list list;
    struct choice *choices;
    size_t count;
};

static const struct listed *session_of(const struct plan *plan, const struct choice *choice)
{
    return &plan->list.items[choice->index];
}

/* ---- choosing ---- */

static void choose(struct plan *plan, size_t index)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->choices[i].index == index)
            return;
    plan->choices[plan->count++] = (struct choice){.index = index};
}

static int choose_by_id(struct plan *plan, const char *which, medic_reason *why)
{
    struct store_session session;
    char path[PATH_MAX];
    int code = plan->store.operations->open_damaged(&plan->store, which, &session, why);
    if (code != MEDIC_OK)
        return code;
    bool stored = session.stored;
    snprintf(path, sizeof path, "%s", session.path);
    plan->store.operations->close(&session);
    for (size_t i = 0; stored && i < plan->list.count; i++)
        if (!strcmp(plan->list.items[i].path, path)) {
            choose(plan, i);
            return MEDIC_OK;
        }
    return stored ? medic_fail(why, MEDIC_E_NOT_FOUND, "there is no session folder %s", path)
                  : medic_fail(why, MEDIC_E_ARGUMENT,
                               "%.300s is not in the store, somebody chose that folder: remove it with rm -r", path);
}

static void choose_old(struct plan *plan)
{
    time_t now = time(NULL), started;
    for (size_t i = 0; i < plan->list.count; i++) {
        const struct listed *one = &plan->list.items[i];
        if (one->running)
            continue;
        if (plan->arguments.all || (session_started(one->started, &started) && now > started &&
                                    (uint64_t)(now - started) > plan->arguments.age_ns / 1000000000))
            choose(plan, i);
    }
}

static int choose_all(struct plan *plan, medic_reason *why)
{
    const struct arguments *arguments = &plan->arguments;
    plan->choices = calloc(plan->list.count + 1, sizeof *plan->choices);
    if (!plan->choices)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory");
    if (arguments->all || arguments->aged)
        choose_old(plan);
    for (int i = 0; i < arguments->id_count; i++) {
        int code = choose_by_id(plan, arguments->ids[i], why);
        if (code != MEDIC_OK)
            return code;
    }
    return MEDIC_OK;
}

/* ---- removing ---- */

static int refuse_running(const struct listed *one, medic_reason *why)
{
    return medic_fail(why, MEDIC_E_BUSY, "session %.8s is still running: end it first with `medic stop %.8s`", one->id,
                      one->id);
}

static int remove_one(struct plan *plan, const struct listed *one, medic_reason *why)
{
    struct store_session session;
    const struct store_operations *store = plan->store.operations;
    int code = store->open_damaged(&plan->store, one->path, &session, why);
    if (code != MEDIC_OK)
        return code == MEDIC_E_NOT_FOUND ? MEDIC_OK : code; /* somebody else was quicker */
    if (session.info.state == STORE_RUNNING && !session.owned) {
        code = refuse_running(one, why);
    } else {
        if (session.owned)
            attach_recover(&session, NULL); /* lets go of what a killed medic left in the target */
        code = store->remove(&session, why);
    }
    if (code != MEDIC_OK)
        store->close(&session);
    return code;
}

static void try_one(struct plan *plan, struct choice *choice)
{
    const struct listed *one = session_of(plan, choice);
    if (one->running)
        refuse_running(one, &choice->reason);
    else
        choice->removed = plan->arguments.dry || remove_one(plan, one, &choice->reason) == MEDIC_OK;
}

/* ---- asking and telling ---- */

static uint64_t bytes_of(const struct plan *plan, bool removed_only)
{
    uint64_t total = 0;
    for (size_t i = 0; i < plan->count; i++)
        total += plan->choices[i].removed || !removed_only ? session_of(plan, &plan->choices[i])->bytes : 0;
    return total;
}

static const char *in_words(uint64_t bytes, char *out, size_t room)
{
    format_short((double)bytes, MEDIC_UNIT_BYTES, cli_ascii(), out, room);
    return out;
}

/* On a terminal a person is asked; a script is not. */
static bool confirm(const struct plan *plan)
{
    char answer[16] = "", size[64];
    if (plan->arguments.dry || plan->arguments.yes || !cli_is_terminal(stdin) || !cli_is_terminal(stderr))
        return true;
    fprintf(stderr, "Remove %zu session%s (%s)? [y/N] ", plan->count, plan->count == 1 ? "" : "s",
            in_words(bytes_of(plan, false), size, sizeof size));
    return fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y');
}

static int print_text(const struct plan *plan)
{
    size_t removed = 0, failed = 0;
    char size[64], what[256];
    for (size_t i = 0; i < plan->count; i++) {
        const struct choice *choice = &plan->choices[i];
        const struct listed *one = session_of(plan, choice);
        removed += choice->removed;
        failed += !choice->removed;
        if (!choice->removed)
            cli_fail(0, "%s", choice->reason.text);
        else
            printf("%s %.*s: %s, %s\n", plan->arguments.dry ? "would remove" : "removed", SHORT_ID, one->id,
                   listed_what(one, what, sizeof what), in_words(one->bytes, size, sizeof size));
    }
    if (!plan->count)
        puts("There is nothing to remove.");
    if (removed > 1)
        printf("%zu sessions, %s%s\n", removed, in_words(bytes_of(plan, true), size, sizeof size),
               plan->arguments.dry ? " would be free" : "");
    return cli_finish(failed ? EXIT_SESSION : EXIT_OK);
}

static void write_choices(struct json_writer *writer, const struct plan *plan, bool removed)
{
    json_open(writer, removed ? "removed" : "kept", '[', false);
    for (size_t i = 0; i < plan->count; i++) {
        const struct choice *choice = &plan->choices[i];
        const struct listed *one = session_of(plan, choice);
        if (choice->removed != removed)
            continue;
        json_open(writer, NULL, '{', true);
        json_put_string(writer, "id", one->id);
        json_put_unsigned(writer, "size_bytes", one->bytes);
        if (!removed)
            json_put_string(writer, "reason", choice->reason.text);
        json_close(writer, '}', true);
    }
    json_close(writer, ']', false);
}

static int print_json(const struct plan *plan)
{
    struct buffer text = {0};
    struct json_writer writer = {.out = &text, .fresh = true};
    bool failed = false;
    for (size_t i = 0; i < plan->count; i++)
        failed |= !plan->choices[i].removed;
    json_open(&writer, NULL, '{', false);
    json_put_integer(&writer, "schema", 1);
    json_put_bool(&writer, "dry_run", plan->arguments.dry);
    write_choices(&writer, plan, true);
    write_choices(&writer, plan, false);
    json_put_unsigned(&writer, "size_bytes", bytes_of(plan, true));
    json_close(&writer, '}', false);
    int written = cli_put_json(&text);
    return failed ? EXIT_SESSION : written;
}

/* ---- the command ---- */

static int remove_chosen(struct plan *plan)
{
    if (plan->count && !confirm(plan))
        return cli_fail(EXIT_SESSION, "nothing was removed");
    for (size_t i = 0; i < plan->count; i++)
        try_one(plan, &plan->choices[i]);
    return plan->arguments.json ? print_json(plan) : print_text(plan);
}

static int run_plan(struct plan *plan)
{
    medic_reason why = {""};
    int code = store_use_files(&plan->store, NULL, &why);
    if (code == MEDIC_OK)
        code = session_list_load(&plan->list, &plan->store, &why);
    if (code != MEDIC_OK)
        return cli_fail(cli_exit_code(code, EXIT_SESSION), "%s", why.text);
    code = choose_all(plan, &why);
    int exit_code = code == MEDIC_OK            ? remove_chosen(plan)
                    : code == MEDIC_E_NOT_FOUND ? cli_fail(EXIT_ARGUMENTS, "%s", why.text)
                                                : cli_fail(cli_exit_code(code, EXIT_SESSION), "%s", why.text);
    free(plan->choices);
    session_list_free(&plan->list);
    return exit_code;
}

static int take_option(struct arguments *arguments, int option)
{
    medic_reason why = {""};
    switch (option) {
    case OPTION_ALL: arguments->all = true; return 0;
    case 'n': arguments->dry = true; return 0;
    case 'y': arguments->yes = true; return 0;
    case 'f': return cli_list_format(optarg, &arguments->json);
    case OPTION_OLDER_THAN:
        arguments->aged = true;
        return duration_parse(optarg, &arguments->age_ns, &why) == MEDIC_OK
                   ? 0
                   : cli_fail(-1, "--older-than %.60s: %s", optarg, why.text);
    default: return -1;
    }
}

static int run(int argc, char **argv)
{
    static struct plan plan;
    for (int option; (option = cli_option(argc, argv, &command_rm)) != -1;) {
        if (option == 'h') {
            cli_help(&command_rm, stdout);
            return cli_finish(EXIT_OK);
        }
        if (take_option(&plan.arguments, option))
            return EXIT_ARGUMENTS;
    }
    plan.arguments.ids = argv + optind;
    plan.arguments.id_count = argc - optind;
    if (!plan.arguments.id_count + !plan.arguments.all + !plan.arguments.aged != 2)
        return cli_fail(EXIT_ARGUMENTS, "%s",
                        plan.arguments.id_count || plan.arguments.all
                            ? "give either ids, or --older-than, or --all: they do not go together"
                            : "which sessions? Give ids, --older-than 30d or --all: `medic sessions` lists them");
    return run_plan(&plan);
}

static const struct command_option options[] = {
    {OPTION_OLDER_THAN, "older-than", "TIME", "those that began longer ago: 30d, 12h", WORDS_NONE},
    {OPTION_ALL, "all", NULL, "all that do not run", WORDS_NONE},
    {'n', "dry-run", NULL, "only tell what would go", WORDS_NONE},
    {'y', "yes", NULL, "do not ask", WORDS_NONE},
    LIST_FORMAT_OPTION,
    HELP_OPTION,
    {0}};
static const struct command_note examples[] = {
    {"medic rm 1a2b3c4d last", NULL}, {"medic rm --older-than 30d -n", NULL}, {"medic rm --all -y", NULL}, {0}};

const struct command command_rm = {
    .name = "rm",
    .arguments = "ID... | --older-than TIME | --all [-n] [-y] [-f text|json]",
    .summary = "Remove sessions that are kept",
    .help =
        "Removes the folders of sessions, never one that runs. On a terminal it asks first. A session that holds files "
        "which Medic did not make stays. The beginning of an id is enough, `last` is the newest session.",
    .options = options,
    .examples = examples,
    .operands = WORDS_SESSIONS,
    .many = true,
    .run = run};
