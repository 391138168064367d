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

static const struct command *const commands[] = {&command_ps, &command_profilers, &command_attach, &command_launch,
                                               &command_report};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_usage(FILE *file)
{
    fputs("medic " MEDIC_VERSION ", a doctor for running .NET programs\n\n"
          "You have a symptom; pick a profiler; Medic attaches to the live process, listens, leaves, and says what is "
          "wrong.\n\n"
          "Usage: medic <command> [options]\n\nCommands:\n",
          file);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(file, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("  help       Explain a command: medic help attach\n\n"
          "Examples:\n"
          "  medic ps                                   which .NET programs run here?\n"
          "  medic profilers                            which profilers answer which symptom?\n"
          "  medic attach 4121 -P runtime_pauses        ask one of them about process 4121, for 10 s\n"
          "  medic attach MyApp -P runtime_pauses -d 1m\n"
          "  medic launch -P runtime_pauses -- dotnet app.dll     ... about a program, from its start\n\n"
          "Exit codes: 0 ok, 1 session failed, 2 target refused, 3 arguments, 4 platform or rights, 5 unknown, 130 "
          "interrupted.\n",
          file);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(commands[i]->name, name))
            return commands[i];
    return NULL;
}

static int fail_unknown(const char *name)
{
    const char *names[COMMAND_COUNT + 1] = {"help"};
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i + 1] = commands[i]->name;
    const char *meant = nearest(name, names, COMMAND_COUNT + 1);
    return meant ? cli_fail(EXIT_ARGUMENTS, "there is no command \"%.60s\", did you mean `medic %s`?", name, meant)
                 : cli_fail(EXIT_ARGUMENTS, "there is no command \"%.60s\": see `medic help`", name);
}

static int help(const char *name)
{
    const struct command *command = name ? find_command(name) : NULL;
    if (name && !command)
        return fail_unknown(name);
    if (command)
        cli_help(command, stdout);
    else
        print_usage(stdout);
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

int main(int argc, char **argv)
{
    open_standard_files();
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, &cli_inheritance.sigpipe);
    cli_inheritance.umask = umask(077);
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_ARGUMENTS;
    }
    if (is_one_of(argv[1], "--version", "-V")) {
        puts("medic " MEDIC_VERSION);
        return cli_finish(EXIT_OK);
    }
    if (is_one_of(argv[1], "--help", "-h"))
        return help(NULL);
    if (!strcmp(argv[1], "help"))
        return help(argc > 2 ? argv[2] : NULL);
    if (argv[1][0] == '-')
        return cli_fail(EXIT_ARGUMENTS, "unknown option %.60s: a command comes first, see `medic help`", argv[1]);
    const struct command *command = find_command(argv[1]);
    return command ? command->run(argc - 1, argv + 1) : fail_unknown(argv[1]);
}
