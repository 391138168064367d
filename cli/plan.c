#include "cli/plan.h"
#include "common/value.h"
#include "tool/report.h"

#include <string.h>

/* ---- arguments ---- */

int plan_take_option(struct plan_arguments *arguments, int option)
{
    switch (option) {
    case 'P': arguments->profiler = optarg; return 0;
    case 'd': arguments->duration = optarg; return 0;
    case 'o': arguments->place = optarg; return 0;
    case OPTION_SET:
        if (arguments->setting_count == PLAN_SETTINGS_MAX)
            return cli_fail(-1, "more than %d settings: give fewer --set", PLAN_SETTINGS_MAX);
        arguments->settings[arguments->setting_count++] = optarg;
        return 0;
    case 'f': return cli_format(optarg, &arguments->renderer);
    case OPTION_TOP: return cli_top(optarg, &arguments->top);
    default: return -1;
    }
}

int plan_check_arguments(const struct plan_arguments *arguments)
{
    medic_reason why = {""};
    uint64_t duration;
    if (!arguments->profiler)
        return cli_fail(-1, "which profiler? Give one with -P: `medic profilers` lists them");
    if (arguments->duration && duration_parse(arguments->duration, &duration, &why) != MEDIC_OK)
        return cli_fail(-1, "-d %.60s: %s", arguments->duration, why.text);
    return 0;
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

int plan_make(struct plan *plan)
{
    medic_reason why = {""};
    int code = plugins_load(&plan->plugins, &why);
    if (code != MEDIC_OK)
        return cli_fail(EXIT_UNKNOWN, "%s", why.text);
    code = plugin_find(&plan->plugins, plan->arguments.profiler, &plan->plugin, &why);
    if (code == MEDIC_OK)
        code = check_settings(plan, &why);
    if (code == MEDIC_OK)
        code = store_use_files(&plan->store, NULL, &why);
    return code == MEDIC_OK ? EXIT_OK : cli_fail(EXIT_ARGUMENTS, "%s", why.text);
}

void plan_free(struct plan *plan)
{
    plugins_free(&plan->plugins);
}

static const char *usual_duration(const struct plugin_info *plugin)
{
    return plugin->descriptor.flags & MEDIC_ENDS_ITSELF ? "0" : "10s";
}

struct attach_options plan_options(struct plan *plan)
{
    const char *duration = plan->arguments.duration;

    return (struct attach_options){.plugin = plan->plugin,
                                   .store = &plan->store,
                                   .place = plan->arguments.place,
                                   .duration = duration ? duration : usual_duration(plan->plugin),
                                   .settings = plan->settings,
                                   .setting_count = plan->arguments.setting_count};
}

/* ---- the end of a session ---- */

/* Says where the results are, for people. */
static void tell_place(const struct attach *attach)
{
    if (cli_is_terminal(stderr))
        fprintf(stderr, "session: %s\n", attach->session.path);
}

static int report(struct plan *plan, struct attach *attach, bool show, bool *reported)
{
    medic_reason why = {""};
    int code = report_make(attach->session.folder, plan->plugin->path, &why);
    if (code != MEDIC_OK)
        return cli_fail(code == MEDIC_E_STOPPED ? EXIT_INTERRUPTED : EXIT_SESSION, "%s; the capture is in %s", why.text,
                        attach->session.path);
    if (why.text[0])
        cli_fail(0, "%s", why.text);
    *reported = true;
    if (!show)
        return EXIT_OK;
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

struct outcome plan_conclude(struct plan *plan, struct attach *attach, enum attach_result result,
                             const medic_reason *reason, bool show)
{
    medic_reason why = {""};
    struct outcome outcome = {EXIT_SESSION, false, false};
    int code = attach_collect(attach, result, reason, &why);
    outcome.kept = code != MEDIC_OK && !attach->collected;
    if (!outcome.kept)
        outcome.exit_code = tell_end(attach, result, reason);
    if (code != MEDIC_OK)
        outcome.exit_code = cli_fail(EXIT_SESSION, "%s", why.text);
    if (attach->unnamed.text[0])
        cli_fail(0, "%s", attach->unnamed.text);
    if (attach->collected && !(result == ATTACH_FAILED && attach->status.records == 0)) {
        int shown = report(plan, attach, show, &outcome.reported);
        outcome.exit_code = outcome.exit_code == EXIT_OK ? shown : outcome.exit_code;
    }
    if (attach_end(attach, outcome.kept, &why) != MEDIC_OK)
        cli_fail(0, "%s", why.text);
    cli_retain(&plan->store, attach->session.info.id, attach->target);
    return outcome;
}
