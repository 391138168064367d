#include "core/sdk_process.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, ARGUMENTS_SIZE = 16384, NAME_SIZE = 256 };

/* Programs that builds start, when they come from a package and not from the SDK's folder. */
static const char *const tools[] = {"MSBuild", "VBCSCompiler", "csc", "vbc", "fsc", "illink", "crossgen2", "ilc"};

/* Options of the host that stand before the program and have a value. */
static const char *const host_options[] = {
    "--additionalprobingpath",           "--additional-deps", "--depsfile", "--fx-version", "--roll-forward",
    "--roll-forward-on-no-candidate-fx", "--runtimeconfig"};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int ends(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);

    return length > tail && strcasecmp(text + length - tail, suffix) == 0;
}

static int is_tool(const char *program)
{
    char name[NAME_SIZE];

    snprintf(name, sizeof name, "%s", base_name(program));
    if (ends(name, ".dll"))
        name[strlen(name) - 4] = '\0';
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        if (strcmp(name, tools[i]) == 0)
            return 1;
    }
    return 0;
}

/* <root>/sdk/<version>/..., where <root>/host/fxr is there too: a user's own folder called sdk is none. */
static int is_below_sdk(const char *program)
{
    const char *at = program;
    char root[PATH_SIZE];

    while ((at = strstr(at, "/sdk/")) != NULL) {
        int length = snprintf(root, sizeof root, "%.*s/host/fxr", (int)(at - program), program);

        if (length > 0 && (size_t)length < sizeof root && at[5] >= '0' && at[5] <= '9' && access(root, F_OK) == 0)
            return 1;
        at += 4;
    }
    return 0;
}

/* The argument behind this one, NULL at the end. */
static const char *next(const char *argument, const char *end)
{
    argument += strlen(argument) + 1;
    return argument < end ? argument : NULL;
}

static int has_value(const char *option)
{
    for (size_t i = 0; i < sizeof host_options / sizeof *host_options; i++) {
        if (strcmp(option, host_options[i]) == 0)
            return 1;
    }
    return 0;
}

/* The first argument that is no option of the host. */
static const char *skip_options(const char *argument, const char *end)
{
    while (argument && has_value(argument)) {
        argument = next(argument, end);
        if (argument)
            argument = next(argument, end);
    }
    return argument;
}

/* What `dotnet ...` runs: the file of a program, or NULL for a command of the SDK. */
static const char *program_of_host(const char *arguments, const char *end)
{
    const char *program = skip_options(next(arguments, end), end);

    if (program && strcmp(program, "exec") == 0)
        program = skip_options(next(program, end), end);
    return program && (ends(program, ".dll") || ends(program, ".exe")) ? program : NULL;
}

int sdk_process(const char *exe, const char *arguments, size_t size)
{
    const char *program = exe;

    if (strcmp(base_name(exe), "dotnet") == 0) {
        if (!size || arguments[size - 1] != '\0')
            return 0; /* cut: rather one too many than the wrong one left out */
        program = program_of_host(arguments, arguments + size);
        if (!program)
            return 1;
    }
    return is_tool(program) || is_below_sdk(program);
}

int sdk_process_self(void)
{
    char exe[PATH_SIZE], arguments[ARGUMENTS_SIZE];
    ssize_t size = readlink("/proc/self/exe", exe, sizeof exe - 1), filled = 0, n = 0;
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

    exe[size > 0 ? size : 0] = '\0';
    if (fd < 0)
        return 0;
    while (filled < (ssize_t)sizeof arguments - 1 &&
           (n = read(fd, arguments + filled, sizeof arguments - 1 - (size_t)filled)) > 0)
        filled += n;
    close(fd);
    arguments[filled] = '\0'; /* a line that did not fit ends in the middle of an argument, far behind what counts */
    return sdk_process(exe, arguments, (size_t)filled + (filled == (ssize_t)sizeof arguments - 1));
}
