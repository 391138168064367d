#include "cli/cli.h"
#include "tool/buffer.h"
#include "tool/ipc.h"
#include "tool/nearest.h"
#include "tool/proc.h"
#include "tool/utf8.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { OPTIONS_MOST = 32 };

/* ---- saying ---- */

int cli_fail(int code, const char *format, ...)
{
    char text[2 * MEDIC_REASON_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    proc_printable(text);
    fflush(stdout);
    fprintf(stderr, "medic: %s\n", text);
    return code;
}

int cli_fail_target(int result, const medic_reason *why)
{
    int code = cli_exit_code(result, EXIT_TRACING);
    if (result != MEDIC_E_AMBIGUOUS)
        return cli_fail(code, "%s", why->text);
    const char *text = why->text;
    size_t width = cli_width(stderr);
    const char *end = strchrnul(text, '\n');
    cli_fail(code, "%.*s", (int)(end - text), text);
    while (*end) {
        const char *line = end + 1;
        size_t size = 0, length, cells = 0;
        char shown[MEDIC_REASON_MAX];
        end = strchrnul(line, '\n');
        while (line + size < end) {
            cells += utf8_cells(utf8_decode(line + size, (size_t)(end - line) - size, &length));
            if (width && cells > width)
                break;
            size += length;
        }
        snprintf(shown, sizeof shown, "%.*s", (int)size, line);
        proc_printable(shown);
        fprintf(stderr, "%s\n", shown);
    }
    return code;
}

int cli_exit_code(int result, int fallback)
{
    switch (result) {
    case MEDIC_OK: return EXIT_OK;
    case MEDIC_E_ARGUMENT:
    case MEDIC_E_AMBIGUOUS: return EXIT_ARGUMENTS;
    case MEDIC_E_DENIED:
    case MEDIC_E_UNSUPPORTED: return EXIT_PLATFORM;
    case MEDIC_E_MEMORY: return EXIT_UNKNOWN;
    case MEDIC_E_STOPPED: return EXIT_INTERRUPTED;
    default: return fallback;
    }
}

int cli_finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (errno == EPIPE) /* the reader has seen enough */
        return EXIT_NO_READER;
    return cli_fail(code ? code : EXIT_SESSION, "cannot write to stdout: %s", strerror(errno));
}

int cli_put_json(struct buffer *text)
{
    buffer_add_string(text, "\n");
    bool failed = text->failed;
    if (!failed)
        fputs(buffer_get(text), stdout);
    buffer_free(text);
    return failed ? cli_fail(EXIT_UNKNOWN, "out of memory") : cli_finish(EXIT_OK);
}

const char *cli_clean(const char *text, char *out, size_t room)
{
    snprintf(out, room, "%s", text ? text : "");
    proc_printable(out);
    return out;
}

/* ---- the terminal ---- */

bool cli_is_terminal(FILE *file)
{
    const char *term = getenv("TERM");
    return isatty(fileno(file)) && (!term || strcmp(term, "dumb"));
}

bool cli_color(FILE *file)
{
    const char *off = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE");
    if (off && *off)
        return false;
    if (force && *force && strcmp(force, "0"))
        return true;
    return cli_is_terminal(file);
}

unsigned cli_width(FILE *file)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;
    if (width > 0 && width <= 10000)
        return (unsigned)width;
    if (!ioctl(fileno(file), TIOCGWINSZ, &size) && size.ws_col)
        return size.ws_col;
    return 0;
}

bool cli_ascii(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value) /* said by somebody; in a container with none of them terminals speak UTF-8 all the same */
            return !strcasestr(value, "utf-8") && !strcasestr(value, "utf8");
    }
    return false;
}

void cli_put_wrapped(FILE *file, const char *text, size_t size, size_t column, size_t width)
{
    size_t at = column, length;
    for (size_t i = 0; i < size;) {
        size_t word = 0, cells = 0;
        for (; i + word < size && text[i + word] != ' ' && text[i + word] != '\n'; word += length)
            cells += utf8_cells(utf8_decode(text + i + word, size - i - word, &length));
        if (width && at > column && at + 1 + cells > width) {
            fprintf(file, "\n%*s", (int)column, "");
            at = column;
        }
        if (at > column) {
            fputc(' ', file);
            at++;
        }
        fwrite(text + i, 1, word, file);
        at += cells;
        for (i += word; i < size && (text[i] == ' ' || text[i] == '\n');)
            i++;
    }
}

struct render_options cli_render_options(unsigned top)
{
    unsigned width = cli_width(stdout);
    return (struct render_options){
        .width = width ? width : 100, .top = top, .color = cli_color(stdout), .ascii = cli_ascii()};
}

/* ---- arguments ---- */

static int fail_option(const struct command *command, const char *word, const struct option *options)
{
    const char *names[64], *equals = strchr(word, '=');
    char name[64];
    size_t count = 0;
    if (strncmp(word, "--", 2))
        return cli_fail('?', "unknown option -%c: see `medic %s --help`", optopt, command->name);
    snprintf(name, sizeof name, "%.*s", equals ? (int)(equals - word - 2) : 60, word + 2);
    for (; options[count].name && count < 64; count++)
        names[count] = options[count].name;
    const char *meant = nearest(name, names, count);
    return meant ? cli_fail('?', "unknown option --%s, did you mean --%s? See `medic %s --help`", name, meant,
                            command->name)
                 : cli_fail('?', "unknown option --%s: see `medic %s --help`", name, command->name);
}

static int next_option(int argc, char **argv, const struct command *command, const char *letters,
                       const struct option *options)
{
    int word = optind;
    opterr = 0;
    int option = getopt_long(argc, argv, letters, options, NULL);
    if (option == ':')
        return cli_fail('?', "%s needs a value: see `medic %s --help`", argv[optind - 1], command->name);
    if (option != '?')
        return option;
    return fail_option(command, optopt && strncmp(argv[word], "--", 2) ? argv[word] : argv[optind - 1], options);
}

int cli_option(int argc, char **argv, const struct command *command)
{
    struct option options[OPTIONS_MOST] = {0};
    char letters[2 * OPTIONS_MOST + 3], *letter = letters;
    if (command->operands == WORDS_PROGRAM)
        *letter++ = '+';
    *letter++ = ':';
    for (size_t i = 0; command->options[i].name && i + 1 < OPTIONS_MOST; i++) {
        const struct command_option *option = &command->options[i];
        options[i] = (struct option){option->name, option->value ? required_argument : no_argument, NULL, option->id};
        if (option->id >= OPTION_SET)
            continue;
        *letter++ = (char)option->id;
        if (option->value)
            *letter++ = ':';
    }
    *letter = '\0';
    return next_option(argc, argv, command, letters, options);
}

void cli_help(const struct command *command, FILE *file)
{
    help_print(command, file);
}

int cli_format(const char *text, const struct renderer **renderer)
{
    char names[200] = "";
    size_t size = 0;
    *renderer = renderer_find(text);
    if (*renderer && (*renderer)->binary && isatty(STDOUT_FILENO))
        return cli_fail(-1,
                        "%s is not for a terminal: send it into a file, as in `medic report last -f %s > profile.%s`",
                        text, text, (*renderer)->extension);
    if (*renderer)
        return 0;
    for (unsigned i = 0; renderer_at(i) && size < sizeof names; i++)
        size += (size_t)snprintf(names + size, sizeof names - size, "%s%s", i ? ", " : "", renderer_at(i)->name);
    return cli_fail(-1, "there is no format \"%.40s\": choose one of %s", text, names);
}

int cli_top(const char *text, unsigned *top)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (!strcmp(text, "all")) {
        *top = UINT_MAX;
        return 0;
    }
    if (*text < '0' || *text > '9' || *end || errno || value == 0 || value > UINT_MAX)
        return cli_fail(-1, "--top %.40s is no number of rows: give 1 or more, or \"all\"", text);
    *top = (unsigned)value;
    return 0;
}

/* ---- interrupts ---- */

static volatile sig_atomic_t interrupts;

/* timeout(1) and the like signal us and then our process group: within this time it is one wish. */
#define ONE_INTERRUPT_NS UINT64_C(200000000)

static void count_interrupt(int number)
{
    static uint64_t last_ns;
    uint64_t now_ns = ipc_now_ns();
    bool again = interrupts && now_ns - last_ns < ONE_INTERRUPT_NS;
    last_ns = now_ns;
    if (!again && ++interrupts == 3) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

void cli_catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = count_interrupt};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

int cli_interrupts(void *unused)
{
    (void)unused;
    return interrupts;
}
