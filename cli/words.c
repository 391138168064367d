/* What a shell is told about processes, profilers, sessions and the rest. Nothing here fails: a completion that knows
 * nothing offers nothing, and says nothing. */
#include "cli/words.h"
#include "cli/cli.h"
#include "common/value.h"
#include "tool/plugins.h"
#include "tool/store.h"
#include "tool/target.h"

#include <stdlib.h>
#include <string.h>

/* A process that does not answer in this time is offered with what /proc knows: nobody waits for a completion. */
enum { ANSWER_MS = 150, ABOUT = 100 };

/* ---- one line ---- */

/* A word of a stranger may hold no blank and no control character: it would be another word to the shell. */
static bool is_plain(const char *word)
{
    for (; *word; word++)
        if ((unsigned char)*word <= ' ' || *word == 0x7f)
            return false;
    return true;
}

void words_put(const struct words_context *context, const char *word, const char *about)
{
    char clean[ABOUT];
    if (!is_plain(word))
        return;
    printf("%s%s\t%s\n", context->prefix ? context->prefix : "", word, cli_clean(about, clean, sizeof clean));
}

/* ---- processes ---- */

static const char *name_of(const struct target *target)
{
    return *target->entry_assembly ? target->entry_assembly : target->executable;
}

static bool is_unique(const struct target_list *list, const char *name)
{
    unsigned count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += !strcmp(name_of(&list->items[i]), name);
    return count == 1;
}

static void print_target(const struct target_list *list, const struct target *target, enum words words,
                         const struct words_context *context)
{
    char pid[24], about[512];
    const char *name = name_of(target);
    bool names = words != WORDS_TARGET_PIDS, pids = words != WORDS_TARGET_NAMES;
    snprintf(pid, sizeof pid, "%d", target->pid ? target->pid : target->inner_pid);
    if (pids) {
        snprintf(about, sizeof about, "%s: %.300s", name, target->command_line ? target->command_line : target->comm);
        words_put(context, pid, about);
    }
    if (!names || !*name || !is_unique(list, name))
        return;
    snprintf(about, sizeof about, "pid %s: %.300s", pid, target->command_line ? target->command_line : target->comm);
    words_put(context, name, about);
}

static void print_processes(enum words words, const struct words_context *context)
{
    struct target_list list;
    if (target_list(&list, ANSWER_MS, NULL) != MEDIC_OK)
        return;
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].attachable || words == WORDS_PROCESSES)
            print_target(&list, &list.items[i], words, context);
    target_list_free(&list);
}

/* ---- profilers ---- */

static void print_profilers(const struct words_context *context)
{
    struct plugin_list list;
    if (strchr(context->begun, '/') || *context->begun == '.') {
        puts(":files");
        return;
    }
    if (plugins_load(&list, NULL) != MEDIC_OK)
        return;
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i]->code == MEDIC_OK && !list.items[i]->shadowed)
            words_put(context, list.items[i]->name, list.items[i]->descriptor.observation);
    plugins_free(&list);
}

static void put_value(const struct words_context *context, const char *key, const char *value, const char *about)
{
    char word[400];
    snprintf(word, sizeof word, "%s=%s", key, value);
    words_put(context, word, about);
}

static void print_choices(const struct words_context *context, const medic_param *param)
{
    const char *choice = param->choices ? param->choices : "";
    while (*choice) {
        char value[128];
        size_t size = strcspn(choice, "|");
        snprintf(value, sizeof value, "%.*s", (int)(size < 100 ? size : 100), choice);
        put_value(context, param->key, value, strcmp(value, param->initial) ? "" : "the default");
        choice += size + (choice[size] == '|');
    }
}

static void print_values(const struct words_context *context, const medic_param *param)
{
    char about[200];
    switch (param->type) {
    case MEDIC_PARAM_BOOL:
        put_value(context, param->key, "true", param->label);
        put_value(context, param->key, "false", param->label);
        break;
    case MEDIC_PARAM_ENUM: print_choices(context, param); break;
    default:
        snprintf(about, sizeof about, "the default%s%s%s%s", param->minimum ? "; at least " : "",
                 param->minimum ? param->minimum : "", param->maximum ? "; at most " : "",
                 param->maximum ? param->maximum : "");
        if (*param->initial)
            put_value(context, param->key, param->initial, about);
    }
}

/* `key=` for each parameter, or, once the key is there, its values. */
static void print_settings(const struct words_context *context)
{
    struct plugin_list list;
    const struct plugin_info *plugin;
    const char *equals = strchr(context->begun, '=');
    if (!context->profiler || plugins_load(&list, NULL) != MEDIC_OK)
        return;
    if (plugin_find(&list, context->profiler, &plugin, NULL) == MEDIC_OK)
        for (uint32_t i = 0; i < plugin->descriptor.param_count; i++) {
            const medic_param *param = param_at(&plugin->descriptor, i);
            if (!equals)
                put_value(context, param->key, "", param->help ? param->help : param->label);
            else if (strlen(param->key) == (size_t)(equals - context->begun) &&
                     !strncmp(param->key, context->begun, strlen(param->key)))
                print_values(context, param);
        }
    plugins_free(&list);
}

/* ---- sessions ---- */

struct session_words {
    const struct words_context *context;
    bool running;
};

static bool is_given(const struct words_context *context, const char *id)
{
    for (int i = 0; i < context->given_count; i++)
        if (*context->given[i] && !strncmp(context->given[i], id, strlen(context->given[i])))
            return true;
    return false;
}

static int print_session(void *context, struct store_session *session)
{
    const struct session_words *words = context;
    const struct session_info *info = &session->info;
    char about[300];
    if ((words->running && info->state != STORE_RUNNING) || is_given(words->context, info->id))
        return 0;
    snprintf(about, sizeof about, "%.16s %s: %.40s on %.60s", info->started, store_state_text(info->state),
             info->profiler.name ? info->profiler.name : "?", info->target.name ? info->target.name : "?");
    words_put(words->context, info->id, about);
    return 0;
}

static void print_sessions(bool running, const struct words_context *context)
{
    struct session_words words = {context, running};
    struct store store;
    if (strchr(context->begun, '/') || *context->begun == '.')
        puts(":folders");
    else if (store_use_files(&store, NULL, NULL) == MEDIC_OK)
        store.operations->list(&store, print_session, &words, NULL);
}

/* ---- the rest ---- */

static void print_formats(const struct words_context *context)
{
    for (unsigned i = 0; renderer_at(i); i++)
        words_put(context, renderer_at(i)->name, renderer_at(i)->summary);
}

static void print_list_formats(const struct words_context *context)
{
    words_put(context, "text", "for the terminal");
    words_put(context, "json", "for scripts");
}

static void print_commands(const struct words_context *context)
{
    for (size_t i = 0; cli_commands[i]; i++)
        if (!cli_commands[i]->hidden)
            words_put(context, cli_commands[i]->name, cli_commands[i]->summary);
    words_put(context, "help", "Explain a command");
}

void words_print_options(const struct command *command)
{
    char word[80], help[400];
    for (const struct command_option *option = command->options; option && option->name; option++) {
        snprintf(word, sizeof word, "--%s", option->name);
        command_option_help(option, help, sizeof help);
        words_put(&(struct words_context){0}, word, help);
    }
}

void words_print(enum words words, const struct words_context *context)
{
    switch (words) {
    case WORDS_TARGETS:
    case WORDS_TARGET_PIDS:
    case WORDS_TARGET_NAMES:
    case WORDS_PROCESSES: print_processes(words, context); break;
    case WORDS_PROFILERS: print_profilers(context); break;
    case WORDS_SETTINGS: print_settings(context); break;
    case WORDS_SESSIONS: print_sessions(false, context); break;
    case WORDS_RUNNING_SESSIONS: print_sessions(true, context); break;
    case WORDS_FORMATS: print_formats(context); break;
    case WORDS_LIST_FORMATS: print_list_formats(context); break;
    case WORDS_FOLDERS: puts(":folders"); break;
    case WORDS_COMMANDS: print_commands(context); break;
    case WORDS_PROGRAM:
    case WORDS_NONE: break;
    }
}
