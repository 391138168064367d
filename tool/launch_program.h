/* The program that `medic launch` runs: started as a shell would start it, sharing terminal and process group with us, and
 * told of every signal that somebody sends to us instead of to it. One at a time; single-threaded. */
#ifndef TOOL_LAUNCH_PROGRAM_H
#define TOOL_LAUNCH_PROGRAM_H

#include <medic/result.h>

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* What this process was started with and has changed for itself: the program gets it back. */
struct program_inheritance {
    mode_t umask;
    struct sigaction sigpipe;
    bool closed[3]; /* standard files that were not open */
};

struct program {
    pid_t pid;
    int pidfd; /* -1: this kernel has none */
    bool ended;
    int status; /* of waitpid, once it has ended */
};

/* Starts it, found along PATH. From now on signals are passed on; when the program has ended they are counted, and the
 * third one that asks to end kills. MEDIC_E_NOT_FOUND, MEDIC_E_DENIED (cannot be executed), MEDIC_E_FAIL. */
int program_start(struct program *program, char *const *command, char *const *environment,
                  const struct program_inheritance *inheritance, medic_reason *why);
/* Waits a moment, or less when the program ends. Whether it still runs. When the terminal has stopped it this process
 * stops too, so that the shell takes over. */
bool program_wait(struct program *program, int timeout_ms);
/* As a shell tells it: its own, or 128 + the signal that killed it. */
int program_exit_code(const struct program *program);
/* How often SIGINT, SIGTERM or SIGHUP came after the program had ended. */
int program_interrupts(void *unused);

#endif
