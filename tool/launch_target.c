#include "tool/launch_target.h"
#include "tool/buffer.h"
#include "tool/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_process(pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d", pid);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void take_user(struct target *target)
{
    struct passwd *user = getpwuid(geteuid());
    target->uid = geteuid();
    target->gid = getegid();
    if (user)
        snprintf(target->user, sizeof target->user, "%s", user->pw_name);
}

int launch_target_self(struct target *target, medic_reason *why)
{
    const char *own = getenv("TMPDIR"), *tmp = own && *own == '/' ? own : "/tmp";
    *target = (struct target){.pid = getpid(), .inner_pid = getpid(), .tmp_fd = -1};
    take_user(target);
    target->tmp_fd = open(tmp, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (target->tmp_fd < 0) { /* none that the program could use either */
        tmp = "/tmp";
        target->tmp_fd = open(tmp, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    target->tmp = strdup(tmp);
    target->tmp_path = strdup(tmp);
    int code = target->tmp_fd < 0 ? medic_fail(why, MEDIC_E_IO, "cannot open %s: %s: set TMPDIR", tmp, strerror(errno))
               : !target->tmp || !target->tmp_path ? medic_fail(why, MEDIC_E_MEMORY, "out of memory")
                                                   : MEDIC_OK;
    if (code != MEDIC_OK)
        target_free(target);
    return code;
}

/* ---- the process of a session ---- */

/* Whether its environment names our folder, or one above it. */
static bool is_told_of(int process, const char *work)
{
    size_t size;
    char *environment = proc_read_file(process, "environ", &size);
    const char *text = environment ? proc_env(environment, size, "MEDIC_SESSION") : NULL;
    size_t length = text ? strcspn(text, "\n") : 0;
    bool told = length > 8 && !strncmp(text, "session=", 8) && !strncmp(text + 8, work, length - 8);
    free(environment);
    return told;
}

static char *join(const char *arguments, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return NULL;
    memcpy(text, arguments, size);
    text[size] = '\0';
    for (size_t i = 0; i < size; i++)
        if (!text[i])
            text[i] = ' ';
    while (size && text[size - 1] == ' ')
        text[--size] = '\0';
    proc_printable(text);
    return text;
}

static void take_arguments(struct target *target, const char *arguments, size_t size)
{
    proc_program_name(arguments, size, target->entry_assembly, sizeof target->entry_assembly);
    proc_printable(target->entry_assembly);
    free(target->command_line);
    target->command_line = join(arguments, size);
}

/* What we have told the system to run: a process that has ended does not show its arguments any more. */
static void take_command(struct target *target, char *const *command)
{
    struct buffer text = {0};
    for (; *command; command++)
        buffer_add(&text, *command, strlen(*command) + 1);
    if (!text.failed && text.size)
        take_arguments(target, text.bytes, text.size);
    buffer_free(&text);
}

static void take_executable(struct target *target, int process)
{
    char path[4096];
    ssize_t size = readlinkat(process, "exe", path, sizeof path - 1);
    path[size > 0 ? size : 0] = '\0';
    const char *slash = strrchr(path, '/');
    snprintf(target->executable, sizeof target->executable, "%.255s", slash ? slash + 1 : path);
    proc_printable(target->executable);
    snprintf(target->arch, sizeof target->arch, "%s", proc_read_arch(process));
}

static void look_at(struct target *target, int process)
{
    struct proc_stat stat;
    size_t size = 0;
    char *arguments = proc_read_file(process, "cmdline", &size);
    if (proc_read_stat(process, &stat))
        target->start_time = stat.start_time;
    if (arguments && size)
        take_arguments(target, arguments, size);
    take_executable(target, process);
    free(arguments);
}

void launch_target_expect(struct target *target, char *const *command)
{
    *target = (struct target){.tmp_fd = -1};
    take_user(target);
    take_command(target, command);
}

void launch_target_find(struct target *target, pid_t inner_pid, pid_t program, const char *work, char *const *command)
{
    *target = (struct target){.pid = inner_pid, .inner_pid = inner_pid, .tmp_fd = -1};
    take_user(target);
    int process = open_process(inner_pid);
    if (process >= 0 && inner_pid != program && !is_told_of(process, work)) {
        close(process);
        process = -1;
    }
    if (process < 0) {
        target->pid = program;
        process = open_process(program);
    }
    if (inner_pid == program)
        take_command(target, command);
    if (process < 0)
        return;
    look_at(target, process);
    close(process);
}
