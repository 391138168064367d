/* medic: a doctor for running .NET programs. The table of commands; each has a file of its own. */
#include "cli/cli.h"
#include "tool/launch_program.h"
#include "tool/nearest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct command *const cli_commands[] = {&command_ps,     &command_profilers, &command_attach,   &command_launch,
                                              &command_report, &command_diff,      &command_sessions, &command_stop,
                                              &command_rm,     &command_doctor,    &command_complete, NULL};
enum { COMMAND_COUNT = sizeof cli_commands / sizeof *cli_commands - 1 };

const struct command *cli_find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(cli_commands[i]->name, name))
            return cli_commands[i];
    return NULL;
}

static int fail_unknown(const char *name)
{
    const char *names[COMMAND_COUNT + 1] = {"help"};
    size_t count = 1;
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (!cli_commands[i]->hidden)
            names[count++] = cli_commands[i]->name;
    const char *meant = nearest(name, names, count);
    return meant ? cli_fail(EXIT_ARGUMENTS, "there is no command \"%.60s\", did you mean `medic %s`?", name, meant)
                 : cli_fail(EXIT_ARGUMENTS, "there is no command \"%.60s\": see `medic help`", name);
}

/* help [--man] [COMMAND] */
static int help(int argc, char **argv)
{
    bool manual = argc > 1 && !strcmp(argv[1], "--man");
    const char *name = argc > 1 + manual ? argv[1 + manual] : NULL;
    if (name && !strcmp(name, manual ? "medic" : "help"))
        name = NULL;
    const struct command *command = name ? cli_find_command(name) : NULL;
    if (name && !command)
        return fail_unknown(name);
    (manual ? manual_print : help_print)(command, stdout);
    return cli_finish(EXIT_OK);
}

struct program_inheritance cli_inheritance;

/* A closed 0, 1 or 2 would be taken by the first file we open, and written to by mistake. */
static void open_standard_files(void)
{
    for (int fd = 0; fd < 3; fd++) {
        cli_inheritance.closed[fd] = fcntl(fd, F_GETFD) < 0 && errno == EBADF;
        if (cli_inheritance.closed[fd] && open("/dev/null", O_RDWR) != fd)
            _exit(EXIT_UNKNOWN);
    }
}

static bool is_one_of(const char *word, const char *a, const char *b)
{
    return !strcmp(word, a) || !strcmp(word, b);
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        help_print(NULL, stderr);
        return EXIT_ARGUMENTS;
    }
    if (is_one_of(argv[1], "--version", "-V")) {
        puts("medic " MEDIC_VERSION);
        return cli_finish(EXIT_OK);
    }
    if (is_one_of(argv[1], "--help", "-h"))
        return help(1, argv);
    if (!strcmp(argv[1], "help"))
        return help(argc - 1, argv + 1);
    if (argv[1][0] == '-')
        return cli_fail(EXIT_ARGUMENTS, "unknown option %.60s: a command comes first, see `medic help`", argv[1]);
    const struct command *command = cli_find_command(argv[1]);
    return command ? command->run(argc - 1, argv + 1) : fail_unknown(argv[1]);
}

int main(int argc, char **argv)
{
    open_standard_files();
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, &cli_inheritance.sigpipe);
    cli_inheritance.umask = umask(077);
    int code = run(argc, argv);
    if (code == EXIT_NO_READER) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    return code;
}
