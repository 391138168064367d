/* For launch.c: what is known of a process that has just been started, without its diagnostics socket. */
#ifndef TOOL_LAUNCH_TARGET_H
#define TOOL_LAUNCH_TARGET_H

#include "tool/target.h"

/* This process, as a stand-in for the one that will be started: its user, and an absolute temporary folder. */
int launch_target_self(struct target *target, medic_reason *why);
/* What is known before it runs: its command. */
void launch_target_expect(struct target *target, char *const *command);
/* The process that calls itself inner_pid and has work in its MEDIC_SESSION; when it cannot be seen (it has ended, or lives
 * in another PID namespace), the program that was started stands for it. command: of that program. */
void launch_target_find(struct target *target, pid_t inner_pid, pid_t program, const char *work, char *const *command);

#endif
