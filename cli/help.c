/* `medic help`: the tables of the commands as text for a terminal. */
#include "cli/cli.h"

#include <string.h>

enum { NARROWEST = 60, WIDEST = 100, TERM_MOST = 28 };

static size_t help_width(FILE *file)
{
    unsigned width = cli_width(file);
    return width == 0 ? WIDEST : width < NARROWEST ? NARROWEST : width > WIDEST ? WIDEST : width;
}

static void put_paragraphs(FILE *file, const char *text, size_t width)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t size = end ? (size_t)(end - text) : strlen(text);
        fputc('\n', file);
        cli_put_wrapped(file, text, size, 0, width);
        fputc('\n', file);
        text += size + (end ? 2 : 0);
    }
}

/* ---- terms and what they mean ---- */

static void put_term(FILE *file, const char *term, const char *text, size_t column, size_t width)
{
    size_t size = strlen(term);
    fprintf(file, "  %s", term);
    if (!text || !*text) {
        fputc('\n', file);
        return;
    }
    if (size + 4 > column) /* too long for its column: what it means begins on the next line */
        fprintf(file, "\n%*s", (int)column, "");
    else
        fprintf(file, "%*s", (int)(column - size - 2), "");
    cli_put_wrapped(file, text, strlen(text), column, width);
    fputc('\n', file);
}

static size_t column_of(const struct command_note *notes, size_t most)
{
    size_t longest = 0;
    for (; notes->term; notes++)
        if (notes->text && strlen(notes->term) > longest && strlen(notes->term) <= most)
            longest = strlen(notes->term);
    return longest + 4;
}

static void put_notes(FILE *file, const char *title, const struct command_note *notes, size_t most)
{
    size_t column = column_of(notes, most), width = help_width(file);
    fprintf(file, "\n%s:\n", title);
    for (; notes->term; notes++)
        put_term(file, notes->term, notes->text, column, width);
}

/* ---- options ---- */

void command_option_help(const struct command_option *option, char *out, size_t room)
{
    size_t size = (size_t)snprintf(out, room, "%s", option->help);
    if (option->words != WORDS_FORMATS)
        return;
    for (unsigned i = 0; renderer_at(i) && size < room; i++) {
        const char *name = renderer_at(i)->name;
        if (strncmp(option->help, name, strlen(name)))
            size += (size_t)snprintf(out + size, room - size, "%s%s", renderer_at(i + 1) ? ", " : " or ", name);
    }
}

/* "-f, --format FORMAT" */
static void option_term(const struct command_option *option, char *out, size_t room)
{
    char letter[] = {'-', (char)option->id, ',', ' ', '\0'};
    snprintf(out, room, "%s--%s%s%s", option->id < OPTION_SET ? letter : "    ", option->name, option->value ? " " : "",
             option->value ? option->value : "");
}

static void put_options(FILE *file, const struct command_option *options)
{
    char term[80], help[400];
    size_t column = 0, width = help_width(file);
    for (const struct command_option *option = options; option->name; option++) {
        option_term(option, term, sizeof term);
        if (strlen(term) > column && strlen(term) <= TERM_MOST)
            column = strlen(term);
    }
    fputs("\nOptions:\n", file);
    for (; options->name; options++) {
        option_term(options, term, sizeof term);
        command_option_help(options, help, sizeof help);
        put_term(file, term, help, column + 4, width);
    }
}

/* ---- one command, and all ---- */

static void print_command(const struct command *command, FILE *file)
{
    fprintf(file, "%s\n\nUsage: medic %s%s%s\n", command->summary, command->name, *command->arguments ? " " : "",
            command->arguments);
    put_paragraphs(file, command->help, help_width(file));
    put_options(file, command->options);
    if (command->environment)
        put_notes(file, "Environment", command->environment, TERM_MOST);
    if (command->files)
        put_notes(file, "Files", command->files, TERM_MOST);
    if (command->exit_help) {
        fputs("\nExit code:\n  ", file);
        cli_put_wrapped(file, command->exit_help, strlen(command->exit_help), 2, help_width(file));
        fputc('\n', file);
    }
    if (command->examples)
        put_notes(file, "Examples", command->examples, help_width(file) / 2);
}

static void print_overview(FILE *file)
{
    size_t column = strlen("help") + 4, width = help_width(file);
    fputs("medic " MEDIC_VERSION ", a doctor for running .NET programs\n", file);
    put_paragraphs(file, overview_text, width);
    fputs("\nUsage: medic <command> [options]\n\nCommands:\n", file);
    for (size_t i = 0; cli_commands[i]; i++)
        if (!cli_commands[i]->hidden && strlen(cli_commands[i]->name) + 4 > column)
            column = strlen(cli_commands[i]->name) + 4;
    for (size_t i = 0; cli_commands[i]; i++)
        if (!cli_commands[i]->hidden)
            put_term(file, cli_commands[i]->name, cli_commands[i]->summary, column, width);
    put_term(file, "help", "Explain a command: medic help attach", column, width);
    put_notes(file, "Examples", overview_examples, width / 2);
    put_notes(file, "Exit codes", overview_exits, TERM_MOST);
    fputs("\nVariables and files: see medic(1).\n", file);
}

void help_print(const struct command *command, FILE *file)
{
    if (command)
        print_command(command, file);
    else
        print_overview(file);
}
