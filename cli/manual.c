/* `medic help --man`: the tables of the commands as roff for man(1), run when Medic is built. */
#include "cli/cli.h"

#include <ctype.h>
#include <string.h>

enum { WIDTH = 76 };

/* ---- text ---- */

/* One character of running text. Returns its size in the file. */
static size_t put_char(FILE *file, char c, bool *bold)
{
    static const struct {
        char c;
        const char *roff;
    } special[] = {{'\\', "\\e"}, {'-', "\\-"}, {'~', "\\(ti"}, {'^', "\\(ha"}, {'\'', "\\(aq"}};
    if (c == '`') {
        *bold = !*bold;
        fputs(*bold ? "\\fB" : "\\fR", file);
        return 3;
    }
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (c == special[i].c) {
            fputs(special[i].roff, file);
            return strlen(special[i].roff);
        }
    fputc(c, file);
    return 1;
}

static void put_word(FILE *file, const char *word)
{
    bool bold = false;
    if (*word == '.')
        fputs("\\&", file);
    for (; *word; word++)
        put_char(file, *word, &bold);
}

/* Running text in lines of a sensible length; none begins with a control character. */
static void put_text(FILE *file, const char *text, size_t size)
{
    size_t column = 0;
    bool bold = false;
    for (size_t i = 0; i < size;) {
        size_t word = strcspn(text + i, " \n");
        if (word > size - i)
            word = size - i;
        if (column && column + 1 + word > WIDTH) {
            fputc('\n', file);
            column = 0;
        }
        if (column) {
            fputc(' ', file);
            column++;
        } else if (text[i] == '.') {
            fputs("\\&", file);
        }
        for (size_t j = 0; j < word; j++)
            column += put_char(file, text[i + j], &bold);
        for (i += word; i < size && (text[i] == ' ' || text[i] == '\n');)
            i++;
    }
    fputc('\n', file);
}

static void put_paragraphs(FILE *file, const char *text)
{
    for (bool first = true; *text; first = false) {
        const char *end = strstr(text, "\n\n");
        size_t size = end ? (size_t)(end - text) : strlen(text);
        if (!first)
            fputs(".PP\n", file);
        put_text(file, text, size);
        text += size + (end ? 2 : 0);
    }
}

/* ---- sections ---- */

static void put_notes(FILE *file, const char *title, const struct command_note *notes)
{
    if (!notes || !notes->term)
        return;
    fprintf(file, ".SH %s\n", title);
    for (; notes->term; notes++) {
        fputs(".TP\n\\fB", file);
        put_word(file, notes->term);
        fputs("\\fR\n", file);
        put_text(file, notes->text, strlen(notes->text));
    }
}

static void put_examples(FILE *file, const struct command_note *examples)
{
    if (!examples || !examples->term)
        return;
    fputs(".SH EXAMPLES\n", file);
    for (bool first = true; examples->term; examples++, first = false) {
        fputs(first ? "" : ".PP\n", file);
        if (examples->text)
            put_text(file, examples->text, strlen(examples->text));
        fputs(".RS 4\n.nf\n", file);
        put_word(file, examples->term);
        fputs("\n.fi\n.RE\n", file);
    }
}

static void put_options(FILE *file, const struct command_option *options)
{
    char help[400];
    fputs(".SH OPTIONS\n", file);
    for (; options->name; options++) {
        fputs(".TP\n", file);
        if (options->id < OPTION_SET)
            fprintf(file, "\\fB\\-%c\\fR, ", options->id);
        fputs("\\fB\\-\\-", file);
        put_word(file, options->name);
        fputs("\\fR", file);
        if (options->value)
            fprintf(file, " \\fI%s\\fR", options->value);
        fputc('\n', file);
        command_option_help(options, help, sizeof help);
        put_text(file, help, strlen(help));
    }
}

static void put_title(FILE *file, const char *name)
{
    fputs(".\\\" Made by `medic help --man` from the tables in cli/.\n.TH MEDIC", file);
    if (*name)
        fputs("\\-", file);
    for (; *name; name++)
        fputc(toupper((unsigned char)*name), file);
    fputs(" 1 " MEDIC_DATE " \"medic " MEDIC_VERSION "\" \"Medic\"\n.nh\n.ad l\n", file);
}

static void put_see_also(FILE *file, const struct command *self)
{
    fputs(".SH SEE ALSO\n", file);
    if (self)
        fputs(".BR medic (1)", file);
    bool first = !self;
    for (size_t i = 0; cli_commands[i]; i++) {
        if (cli_commands[i]->hidden || cli_commands[i] == self)
            continue;
        fprintf(file, "%s.BR medic\\-%s (1)", first ? "" : ",\n", cli_commands[i]->name);
        first = false;
    }
    fputc('\n', file);
}

/* ---- pages ---- */

static void put_half_line(FILE *file, const char *summary)
{
    char text[200];
    snprintf(text, sizeof text, "%s", summary);
    text[0] = (char)tolower((unsigned char)text[0]);
    put_word(file, text);
    fputc('\n', file);
}

static void print_command(const struct command *command, FILE *file)
{
    put_title(file, command->name);
    fprintf(file, ".SH NAME\nmedic\\-%s \\- ", command->name);
    put_half_line(file, command->summary);
    fprintf(file, ".SH SYNOPSIS\n\\fBmedic %s\\fR\n", command->name);
    if (*command->arguments)
        put_text(file, command->arguments, strlen(command->arguments));
    fputs(".SH DESCRIPTION\n", file);
    put_paragraphs(file, command->help);
    put_options(file, command->options);
    if (command->exit_help) {
        fputs(".SH EXIT STATUS\n", file);
        put_paragraphs(file, command->exit_help);
    } else {
        put_notes(file, "EXIT STATUS", overview_exits);
    }
    put_notes(file, "ENVIRONMENT", command->environment);
    put_notes(file, "FILES", command->files);
    put_examples(file, command->examples);
    put_see_also(file, command);
}

static void print_overview(FILE *file)
{
    put_title(file, "");
    fputs(".SH NAME\nmedic \\- a doctor for running .NET programs\n"
          ".SH SYNOPSIS\n\\fBmedic\\fR \\fIcommand\\fR [\\fIoptions\\fR]\n.SH DESCRIPTION\n",
          file);
    put_paragraphs(file, overview_text);
    fputs(".SH COMMANDS\n", file);
    for (size_t i = 0; cli_commands[i]; i++) {
        if (cli_commands[i]->hidden)
            continue;
        fprintf(file, ".TP\n.BR medic\\-%s (1)\n", cli_commands[i]->name);
        put_text(file, cli_commands[i]->summary, strlen(cli_commands[i]->summary));
    }
    put_notes(file, "EXIT STATUS", overview_exits);
    put_notes(file, "ENVIRONMENT", overview_environment);
    put_notes(file, "FILES", overview_files);
    put_examples(file, overview_examples);
    put_see_also(file, NULL);
}

void manual_print(const struct command *command, FILE *file)
{
    if (command)
        print_command(command, file);
    else
        print_overview(file);
}
