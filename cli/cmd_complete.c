/* medic complete: what a shell can offer. The completions in packaging/completions only ask this command and show the
 * answer, so that all three shells know the same, and a new command or option needs no line there.
 *
 * An answer has a line for each word: word, tab, description. A line with a colon at its start is for the shell itself:
 *     :files, :folders    offer these
 *     :command N          from its word N on (the command `medic` is 0) the line is that of another program */
#include "cli/cli.h"
#include "cli/words.h"

#include <stdlib.h>
#include <string.h>

/* ---- a command line that is not finished ---- */

struct line {
    char **words; /* behind `medic` */
    int count;    /* the last one is being typed */
    const struct command *command;
    struct words_context context;
};

static const struct command_option *find_long(const struct command *command, const char *name, size_t size)
{
    for (const struct command_option *option = command->options; option && option->name; option++)
        if (strlen(option->name) == size && !strncmp(option->name, name, size))
            return option;
    return NULL;
}

static const struct command_option *find_letter(const struct command *command, int letter)
{
    for (const struct command_option *option = command->options; option && option->name; option++)
        if (option->id == letter)
            return option;
    return NULL;
}

/* The option of a word that has or wants a value, and where in the word that begins; its end when it is the next word. */
static const struct command_option *valued_option(const struct command *command, const char *word, const char **value)
{
    if (!strncmp(word, "--", 2)) {
        size_t size = strcspn(word, "=");
        const struct command_option *option = find_long(command, word + 2, size - 2);
        *value = word + size + (word[size] == '=');
        return option && option->value ? option : NULL;
    }
    for (const char *letter = word + 1; *letter; letter++) {
        const struct command_option *option = find_letter(command, *letter);
        *value = letter + 1;
        if (!option || option->value)
            return option;
    }
    return NULL;
}

static void answer_value(struct line *line, const struct command_option *option, const char *begun)
{
    line->context.begun = begun;
    words_print(option->words, &line->context);
}

/* The word that is being typed is an option, or has begun as one. */
static void answer_option(struct line *line, const char *word)
{
    const char *value = NULL;
    char prefix[200];
    const struct command_option *option = valued_option(line->command, word, &value);
    bool glued = option && (word[1] == '-' ? strchr(word, '=') != NULL : *value != '\0');
    if (!glued || (size_t)(value - word) >= sizeof prefix) {
        words_print_options(line->command);
        return;
    }
    snprintf(prefix, sizeof prefix, "%.*s", (int)(value - word), word);
    line->context.prefix = prefix;
    answer_value(line, option, value);
    line->context.prefix = NULL;
}

/* What the words before the last one leave for it. */
static void answer_behind_command(struct line *line)
{
    const struct command *command = line->command;
    const char *last = line->words[line->count - 1], *value = NULL;
    bool program = command->operands == WORDS_PROGRAM, ended = false;
    int operands = 0;
    for (int i = 1; i < line->count - 1; i++) {
        const char *word = line->words[i];
        if (ended || word[0] != '-' || !word[1]) {
            operands++;
            if (!program)
                continue;
            printf(":command %d\n", i + 1);
            return;
        }
        if (!strcmp(word, "--")) {
            ended = true;
            continue;
        }
        const struct command_option *option = valued_option(command, word, &value);
        if (!option)
            continue;
        bool next = !*value && !(word[1] == '-' && strchr(word, '='));
        if (next && ++i == line->count - 1) {
            answer_value(line, option, last);
            return;
        }
        operands += option->words == WORDS_TARGET_PIDS || option->words == WORDS_TARGET_NAMES;
        if (option->words == WORDS_PROFILERS)
            line->context.profiler = next ? line->words[i] : value;
    }
    if (!ended && *last == '-')
        answer_option(line, last);
    else if (program)
        printf(":command %d\n", line->count);
    else if (!operands || command->many)
        words_print(command->operands, &line->context);
}

static int answer_line(int count, char **words)
{
    struct line line = {.words = words,
                        .count = count,
                        .context = {.begun = count ? words[count - 1] : "",
                                    .given = words + 1,
                                    .given_count = count > 2 ? count - 2 : 0}};
    if (count <= 1) {
        if (count == 1 && words[0][0] == '-') {
            words_put(&line.context, "--help", "All commands");
            words_put(&line.context, "--version", "The version");
        } else {
            words_print(WORDS_COMMANDS, &line.context);
        }
        return cli_finish(EXIT_OK);
    }
    line.command = cli_find_command(words[0]);
    if (line.command)
        answer_behind_command(&line);
    else if (!strcmp(words[0], "help") && count == 2)
        words_print(WORDS_COMMANDS, &line.context);
    return cli_finish(EXIT_OK);
}

/* ---- lists ---- */

static const struct {
    const char *name;
    enum words words;
} lists[] = {{"processes", WORDS_PROCESSES}, {"targets", WORDS_TARGETS},          {"profilers", WORDS_PROFILERS},
             {"sessions", WORDS_SESSIONS},   {"running", WORDS_RUNNING_SESSIONS}, {"formats", WORDS_FORMATS},
             {"commands", WORDS_COMMANDS},   {"parameters", WORDS_SETTINGS}};

static int answer_options(const char *name)
{
    const struct command *command = name ? cli_find_command(name) : NULL;
    if (!command)
        return cli_fail(EXIT_ARGUMENTS, "name a command: medic complete options attach");
    words_print_options(command);
    return cli_finish(EXIT_OK);
}

static int run(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    struct words_context context = {.profiler = argc > 2 ? argv[2] : NULL, .begun = argc > 3 ? argv[3] : ""};
    if (!strcmp(what, "--help") || !strcmp(what, "-h")) {
        cli_help(&command_complete, stdout);
        return cli_finish(EXIT_OK);
    }
    if (!strcmp(what, "line"))
        return answer_line(argc - 2, argv + 2);
    if (!strcmp(what, "options"))
        return answer_options(argc > 2 ? argv[2] : NULL);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (!strcmp(what, lists[i].name)) {
            words_print(lists[i].words, &context);
            return cli_finish(EXIT_OK);
        }
    return cli_fail(EXIT_ARGUMENTS, "medic complete knows no \"%.60s\": see `medic complete --help`", what);
}

static const struct command_option options[] = {HELP_OPTION, {0}};
static const struct command_note examples[] = {
    {"medic complete line attach -P ''", "as the shells ask"}, {"medic complete parameters runtime_pauses", NULL}, {0}};

const struct command command_complete = {
    .name = "complete",
    .arguments =
        "processes|targets|profilers|sessions|running|formats|commands|parameters NAME|options CMD|line WORD...",
    .summary = "Words for the completion of a shell",
    .help =
        "Prints a line for each word: word, tab, description. `line` takes the words of a command line behind medic, "
        "the last one as far as it has been typed.",
    .options = options,
    .examples = examples,
    .hidden = true,
    .run = run};
