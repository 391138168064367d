/* What there is to say of medic as a whole, for `medic help` and medic(1). */
#include "cli/command.h"

const char overview_text[] =
    "You have a symptom; pick a profiler; Medic attaches to the live process, listens, leaves, and says what is wrong.";

const struct command_note overview_exits[] = {{"0", "ok"},
                                              {"1", "the session failed, or could not be made"},
                                              {"2", "the program could not be attached to"},
                                              {"3", "the arguments are wrong"},
                                              {"4", "a right is missing, or the system or the runtime cannot do it"},
                                              {"5", "something unforeseen"},
                                              {"130", "interrupted before there was a report"},
                                              {0}};

const struct command_note overview_examples[] = {
    {"medic ps", "which .NET programs run here?"},
    {"medic profilers", "which profilers answer which symptom?"},
    {"medic attach 4121 -P runtime_pauses", "ask one of them about process 4121, for 10 s"},
    {"medic attach MyApp -P runtime_pauses -d 1m", NULL},
    {"medic launch -P runtime_pauses -- dotnet app.dll", "... about a program, from its start"},
    {"medic report last", "the newest report again; `medic sessions` lists them all"},
    {"medic doctor 4121", "why can process 4121 not be attached to?"},
    {0}};

const struct command_note overview_environment[] = {
    {"MEDIC_PLUGINS", "folders with more profilers, a colon list that goes first"},
    {"MEDIC_CORE", "the libmedic.so to load into the program, instead of the installed one"},
    {"MEDIC_KEEP_AGE", "how long sessions are kept in the store (default 30d); 0 or off: for ever"},
    {"MEDIC_KEEP_SIZE",
     "how large the store may become before the oldest sessions go (default 2G); 0 or off: no limit"},
    {"XDG_STATE_HOME", "the store of the sessions is medic/sessions in it (default: ~/.local/state)"},
    {"XDG_DATA_HOME", "profilers of this user are in medic/plugins in it (default: ~/.local/share)"},
    {"NO_COLOR", "not empty: no colors"},
    {"CLICOLOR_FORCE", "not empty and not 0: colors without a terminal too"},
    {"COLUMNS", "the width of the output, before that of the terminal"},
    {"LC_ALL, LC_CTYPE, LANG", "set, and without UTF-8 in its name: ASCII only"},
    {0}};

const struct command_note overview_files[] = {
    {"~/.local/state/medic/sessions", "the sessions, a folder each with session.json, capture.mdc and report.json"},
    {"$TMPDIR/medic-UID", "of the program: the work folders of running sessions and the files it loads"},
    {"PREFIX/lib/medic/libmedic.so", "what is loaded into a program; PREFIX is where medic is installed"},
    {"PREFIX/lib/medic/plugins", "the profilers; also /usr/local/lib/medic/plugins and ~/.local/share/medic/plugins"},
    {"PREFIX/share/medic/template", "a profiler of your own begins with a copy of it"},
    {0}};
