/* medic profilers: what is installed, and what each one answers. */
#include "cli/cli.h"
#include "common/guid.h"
#include "common/value.h"
#include "tool/json.h"
#include "tool/plugins.h"

#include <string.h>

enum { CLEAN = 1024, VALUES_COLUMN = 31 };

static const char *type_name(uint32_t type)
{
    static const char *const names[] = {"?", "bool", "int", "float", "enum", "string", "duration", "size"};
    return type < sizeof names / sizeof *names ? names[type] : names[0];
}

static void describe_choices(const char *choices, char *out, size_t room)
{
    size_t used = 0;
    for (; *choices && used + 4 < room; choices++)
        used += (size_t)snprintf(out + used, room - used, *choices == '|' ? " %c " : "%c", *choices);
    out[used] = '\0';
}

/* "1 to 60", "at least 1", "a | b | c", or "". */
static void describe_range(const medic_param *param, char *out, size_t room)
{
    if (param->type == MEDIC_PARAM_ENUM)
        describe_choices(param->choices ? param->choices : "", out, room);
    else if (param->minimum && param->maximum)
        snprintf(out, room, "%s to %s", param->minimum, param->maximum);
    else if (param->minimum)
        snprintf(out, room, "at least %s", param->minimum);
    else if (param->maximum)
        snprintf(out, room, "at most %s", param->maximum);
    else
        *out = '\0';
}

/* ---- text ---- */

static void print_param(const medic_param *param)
{
    char range[256], values[CLEAN], clean[CLEAN];
    describe_range(param, range, sizeof range);
    snprintf(values, sizeof values, "default %s%s%s%s%s", *param->initial ? param->initial : "\"\"",
             param->unit && *param->unit ? " " : "", param->unit ? param->unit : "", *range ? ", " : "", range);
    printf("    %-16s %-9s ", param->key, type_name(param->type));
    cli_clean(values, clean, CLEAN);
    cli_put_wrapped(stdout, clean, strlen(clean), VALUES_COLUMN, cli_width(stdout));
    cli_clean(param->help ? param->help : param->label, clean, CLEAN);
    fputs("\n      ", stdout);
    cli_put_wrapped(stdout, clean, strlen(clean), 6, cli_width(stdout));
    putchar('\n');
}

static void print_effects(uint32_t flags)
{
    if (flags & MEDIC_STARTUP_ONLY)
        puts("  effect      needs a program that is started under it");
    if (flags & MEDIC_SUSPENDS)
        puts("  effect      stops the program for short moments");
    if (flags & MEDIC_FORKS)
        puts("  effect      clones the process");
    if (flags & MEDIC_INSTRUMENTS)
        puts("  effect      rewrites methods: Medic stays loaded until the program ends");
    if (flags & MEDIC_ENDS_ITSELF)
        puts("  length      ends by itself, unless a duration is given");
}

static void print_field(const char *name, const char *text)
{
    char clean[CLEAN];
    cli_clean(text, clean, CLEAN);
    printf("  %-10s  ", name);
    cli_put_wrapped(stdout, clean, strlen(clean), 14, cli_width(stdout));
    putchar('\n');
}

static void print_usable(const struct plugin_info *plugin, bool color)
{
    const medic_plugin *about = &plugin->descriptor;
    char guid[GUID_TEXT_SIZE], clean[CLEAN];
    guid_format(&plugin->guid, guid);
    printf("%s%s%s %s\n", color ? "\033[1m" : "", plugin->name, color ? "\033[0m" : "",
           cli_clean(about->version, clean, CLEAN));
    print_field("symptom", about->observation);
    print_field("does", about->summary);
    print_effects(about->flags);
    printf("  guid        %s\n", guid);
    printf("  file        %s\n", cli_clean(plugin->path, clean, CLEAN));
    if (about->param_count)
        puts("  parameters");
    for (uint32_t i = 0; i < about->param_count; i++)
        print_param(param_at(about, i));
}

static void print_broken(const struct plugin_info *plugin, bool color)
{
    char file[CLEAN];
    cli_clean(plugin->path, file, CLEAN);
    printf("%s%s%s cannot be used\n", color ? "\033[1;31m" : "", plugin->named ? plugin->name : strrchr(file, '/') + 1,
           color ? "\033[0m" : "");
    print_field("reason", plugin->reason.text);
    printf("  file        %s\n", file);
}

static int print_text(const struct plugin_list *list, const struct plugin_info *only)
{
    bool first = true, color = cli_color(stdout);
    for (size_t i = 0; i < list->count; i++) {
        const struct plugin_info *plugin = list->items[i];
        if (plugin->shadowed || (only && plugin != only))
            continue;
        if (!first)
            putchar('\n');
        first = false;
        if (plugin->code == MEDIC_OK)
            print_usable(plugin, color);
        else
            print_broken(plugin, color);
    }
    if (first)
        fputs("No profiler is installed: put plugins into a plugin folder, or set MEDIC_PLUGINS.\n", stderr);
    return cli_finish(EXIT_OK);
}

/* ---- JSON ---- */

static void write_param(struct json_writer *writer, const medic_param *param)
{
    json_open(writer, NULL, '{', false);
    json_put_string(writer, "key", param->key);
    json_put_string(writer, "label", param->label);
    json_put_string(writer, "help", param->help);
    json_put_string(writer, "type", type_name(param->type));
    json_put_string(writer, "unit", param->unit);
    json_put_string(writer, "default", param->initial);
    json_put_string(writer, "minimum", param->minimum);
    json_put_string(writer, "maximum", param->maximum);
    json_put_string(writer, "choices", param->choices);
    json_close(writer, '}', false);
}

static void write_flags(struct json_writer *writer, uint32_t flags)
{
    static const char *const names[] = {"startup_only", "suspends", "forks", "instruments", "ends_itself", "dead_too"};
    json_open(writer, "flags", '[', true);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (flags & (1u << i))
            json_put_string(writer, NULL, names[i]);
    json_close(writer, ']', true);
}

static void write_plugin(struct json_writer *writer, const struct plugin_info *plugin)
{
    const medic_plugin *about = &plugin->descriptor;
    bool usable = plugin->code == MEDIC_OK;
    char guid[GUID_TEXT_SIZE];
    guid_format(&plugin->guid, guid);
    json_open(writer, NULL, '{', false);
    json_put_string(writer, "name", plugin->named ? plugin->name : NULL);
    json_put_string(writer, "guid", plugin->named ? guid : NULL);
    json_put_bool(writer, "usable", usable);
    json_put_string(writer, "reason", usable ? NULL : plugin->reason.text);
    json_put_string(writer, "file", plugin->path);
    if (usable) {
        json_put_string(writer, "version", about->version);
        json_put_string(writer, "observation", about->observation);
        json_put_string(writer, "summary", about->summary);
        write_flags(writer, about->flags);
        json_open(writer, "parameters", '[', false);
        for (uint32_t i = 0; i < about->param_count; i++)
            write_param(writer, param_at(about, i));
        json_close(writer, ']', false);
    }
    json_close(writer, '}', false);
}

static int print_json(const struct plugin_list *list, const struct plugin_info *only)
{
    struct buffer text = {0};
    struct json_writer writer = {.out = &text, .fresh = true};
    json_open(&writer, NULL, '[', false);
    for (size_t i = 0; i < list->count; i++)
        if (!list->items[i]->shadowed && (!only || list->items[i] == only))
            write_plugin(&writer, list->items[i]);
    json_close(&writer, ']', false);
    buffer_add_string(&text, "\n");
    fputs(buffer_get(&text), stdout);
    bool failed = text.failed;
    buffer_free(&text);
    return failed ? cli_fail(EXIT_UNKNOWN, "out of memory") : cli_finish(EXIT_OK);
}

/* ---- the command ---- */

static int show(const char *name, bool json)
{
    struct plugin_list list;
    medic_reason why = {""};
    const struct plugin_info *only = NULL;
    int code = plugins_load(&list, &why);
    if (code != MEDIC_OK)
        return cli_fail(EXIT_UNKNOWN, "%s", why.text);
    if (name)
        code = plugin_find(&list, name, &only, &why);
    int exit_code = code != MEDIC_OK ? cli_fail(EXIT_ARGUMENTS, "%s", why.text)
                    : json           ? print_json(&list, only)
                                     : print_text(&list, only);
    plugins_free(&list);
    return exit_code;
}

static int run(int argc, char **argv)
{
    bool json = false;
    for (int option; (option = cli_option(argc, argv, &command_profilers)) != -1;) {
        if (option == 'h') {
            cli_help(&command_profilers, stdout);
            return cli_finish(EXIT_OK);
        }
        if (option != 'f')
            return EXIT_ARGUMENTS;
        json = !strcmp(optarg, "json");
        if (!json && strcmp(optarg, "text"))
            return cli_fail(EXIT_ARGUMENTS, "there is no format \"%.40s\" here: choose text or json", optarg);
    }
    if (argc - optind > 1)
        return cli_fail(EXIT_ARGUMENTS, "medic profilers takes one name at most, not also \"%.60s\"", argv[optind + 1]);
    return show(argv[optind], json);
}

static const struct command_option options[] = {LIST_FORMAT_OPTION, HELP_OPTION, {0}};
static const struct command_note environment[] = {{"MEDIC_PLUGINS", "a colon list of folders that go first"}, {0}};
static const struct command_note files[] = {
    {"PREFIX/lib/medic/plugins", "of the installed medic; in a build ../lib/plugins beside its folder"},
    {"~/.local/share/medic/plugins", "those of this user; $XDG_DATA_HOME/medic/plugins when that is set"},
    {"/usr/local/lib/medic/plugins, /usr/lib/medic/plugins", "those of the machine"},
    {0}};
static const struct command_note examples[] = {{"medic profilers", NULL},
                                               {"medic profilers runtime_pauses", "its parameters, for --set"},
                                               {"medic profilers ./my_profiler.so", "a file that is not installed"},
                                               {0}};

const struct command command_profilers = {
    .name = "profilers",
    .arguments = "[NAME|GUID|FILE] [-f text|json]",
    .summary = "List the profilers: symptom, parameters, file",
    .help = "Looks for plugins in these folders, in this order. A file that cannot be used is listed with its reason.",
    .options = options,
    .environment = environment,
    .files = files,
    .examples = examples,
    .operands = WORDS_PROFILERS,
    .run = run};
