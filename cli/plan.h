/* What attach and launch have in common: the arguments that say what to record and where it goes, and what is done with a
 * session that is over. */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include "cli/cli.h"
#include "tool/attach.h"

enum { PLAN_SETTINGS_MAX = 64 };

struct plan_arguments {
    const char *profiler, *place;
    const char *duration; /* NULL = as is usual for the profiler */
    const char *settings[PLAN_SETTINGS_MAX];
    size_t setting_count;
    const struct renderer *renderer;
    unsigned top;
};

/* What a session is made of, once the arguments have been checked. */
struct plan {
    struct plan_arguments arguments;
    struct plugin_list plugins;
    const struct plugin_info *plugin;
    struct session_parameter settings[PLAN_SETTINGS_MAX];
    char keys[PLAN_SETTINGS_MAX][64];
    struct store store;
};

/* The options of both commands, but for -d and -o, which mean something else in each. */
#define PLAN_PROFILER_OPTION                                                                                           \
    {                                                                                                                  \
        'P', "profiler", "WHICH", "name, GUID or file; see `medic profilers`", WORDS_PROFILERS                         \
    }
#define PLAN_SET_OPTION                                                                                                \
    {                                                                                                                  \
        OPTION_SET, "set", "KEY=VALUE", "a parameter of the profiler; may be repeated", WORDS_SETTINGS                 \
    }

/* Takes one of them; -1 after a sentence. */
int plan_take_option(struct plan_arguments *arguments, int option);
/* -1 after a sentence. */
int plan_check_arguments(const struct plan_arguments *arguments);
/* Finds the profiler, checks its settings, opens the store. EXIT_OK, or an exit code after a sentence. plan_free in either
 * case. */
int plan_make(struct plan *plan);
void plan_free(struct plan *plan);
struct attach_options plan_options(struct plan *plan);

/* What became of a session. */
struct outcome {
    int exit_code;
    bool reported; /* report.json is there */
    bool kept;     /* the work folder had to stay: the capture is only there */
};

/* After the watch: collects, makes report.json and, with show, prints it; then leaves the target. Failures are told. */
struct outcome plan_conclude(struct plan *plan, struct attach *attach, enum attach_result result,
                             const medic_reason *reason, bool show);

#endif
