/* medic doctor: what an attach needs, and what to change when something is missing. */
#include "cli/cli.h"
#include "cli/session_list.h"
#include "tool/doctor.h"
#include "tool/json.h"
#include "tool/proc.h"

#include <string.h>

enum { TEXT_COLUMN = 21 };
static const char *const words[] = {"ok", "unknown", "warning", "problem"};

/* ---- text ---- */

static void print_check(const struct doctor_check *check, bool color)
{
    static const char *const colors[] = {"\033[32m", "\033[2m", "\033[33m", "\033[31m"};
    char text[2 * DOCTOR_TEXT + 2];
    snprintf(text, sizeof text, "%s%s%s", check->text, *check->cure ? ": " : "", check->cure);
    printf("%s%-7s%s  %-10s  ", color ? colors[check->level] : "", words[check->level], color ? "\033[0m" : "",
           check->id);
    cli_put_wrapped(stdout, text, strlen(text), TEXT_COLUMN, cli_width(stdout));
    putchar('\n');
}

static void print_end(const struct doctor *doctor, const struct doctor_patient *patient)
{
    size_t problems = doctor_count(doctor, DOCTOR_PROBLEM), warnings = doctor_count(doctor, DOCTOR_WARNING);
    char who[300] = "Medic";
    if (patient && patient->pid)
        snprintf(who, sizeof who, "%lld (%.200s)", (long long)patient->pid, patient->name);
    else if (patient)
        snprintf(who, sizeof who, "%.200s", patient->name);
    proc_printable(who);
    if (problems)
        printf("\n%s %s: %zu problem%s\n", who, patient ? "cannot be attached to" : "cannot attach from here", problems,
               problems == 1 ? "" : "s");
    else
        printf("\n%s %s%s\n", who, patient ? "can be attached to" : "can attach to what it sees",
               warnings ? "; mind the warnings" : "");
}

static int print_text(const struct doctor *doctor, const struct doctor_patient *patient)
{
    bool color = cli_color(stdout);
    for (size_t i = 0; i < doctor->count; i++)
        print_check(&doctor->checks[i], color);
    print_end(doctor, patient);
    return cli_finish(EXIT_OK);
}

/* ---- JSON ---- */

static int print_json(const struct doctor *doctor, const struct doctor_patient *patient)
{
    struct buffer text = {0};
    struct json_writer writer = {.out = &text, .fresh = true};
    json_open(&writer, NULL, '{', false);
    json_put_integer(&writer, "schema", 1);
    if (patient) {
        json_open(&writer, "target", '{', true);
        json_put_integer(&writer, "pid", patient->pid);
        json_put_string(&writer, "name", *patient->name ? patient->name : NULL);
        json_put_bool(&writer, "dotnet", patient->dotnet);
        json_close(&writer, '}', true);
    } else {
        json_put_null(&writer, "target");
    }
    json_put_bool(&writer, "attachable", doctor_code(doctor) == MEDIC_OK);
    json_open(&writer, "checks", '[', false);
    for (size_t i = 0; i < doctor->count; i++) {
        const struct doctor_check *check = &doctor->checks[i];
        json_open(&writer, NULL, '{', true);
        json_put_string(&writer, "id", check->id);
        json_put_string(&writer, "level", words[check->level]);
        json_put_string(&writer, "text", check->text);
        json_put_string(&writer, "cure", *check->cure ? check->cure : NULL);
        json_close(&writer, '}', true);
    }
    json_close(&writer, ']', false);
    json_close(&writer, '}', false);
    return cli_put_json(&text);
}

/* ---- the command ---- */

static int examine(const char *what, bool json)
{
    static struct doctor doctor; /* large */
    struct doctor_patient patient;
    struct store store;
    medic_reason why = {""};
    int code = MEDIC_OK;
    if (what)
        code = doctor_process(&doctor, what, &patient, &why);
    else if ((code = store_use_files(&store, NULL, &why)) == MEDIC_OK)
        doctor_machine(&doctor, &store);
    if (code != MEDIC_OK)
        return cli_fail_target(code, &why);
    int written = json ? print_json(&doctor, what ? &patient : NULL) : print_text(&doctor, what ? &patient : NULL);
    code = doctor_code(&doctor);
    if (written || code == MEDIC_OK)
        return written;
    return what ? cli_exit_code(code, EXIT_TRACING) : EXIT_PLATFORM;
}

static int run(int argc, char **argv)
{
    bool json = false;
    for (int option; (option = cli_option(argc, argv, &command_doctor)) != -1;) {
        if (option == 'h') {
            cli_help(&command_doctor, stdout);
            return cli_finish(EXIT_OK);
        }
        if (option == '?' || (option == 'f' && cli_list_format(optarg, &json)))
            return EXIT_ARGUMENTS;
    }
    if (argc - optind > 1)
        return cli_fail(EXIT_ARGUMENTS, "medic doctor looks at one process at a time, not at %.60s too",
                        argv[optind + 1]);
    return examine(optind < argc ? argv[optind] : NULL, json);
}

static const struct command_option options[] = {LIST_FORMAT_OPTION, HELP_OPTION, {0}};
static const struct command_note examples[] = {
    {"medic doctor", NULL},
    {"medic doctor 4121", NULL},
    {"medic doctor MyApp -f json | jq -r '.checks[] | select(.level == \"problem\") | .text'", NULL},
    {0}};

const struct command command_doctor = {
    .name = "doctor",
    .arguments = "[PID|NAME|SOCKET] [-f text|json]",
    .summary = "Check what an attach needs, and say what to change",
    .help = "Without a process: this machine, the installation, the folders. With one: everything that an attach to it "
            "needs. Nothing is changed and nobody is attached to. \"unknown\" is what this user cannot see.",
    .options = options,
    .exit_help = "0: nothing is in the way. 2 or 4: something is (4: rights or versions). 3: wrong arguments.",
    .examples = examples,
    .operands = WORDS_PROCESSES,
    .run = run};
