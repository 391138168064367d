/* What the commands of `medic` share: exit codes, the terminal, the arguments. What they are is in command.h.
 * Single-threaded. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cli/command.h"
#include "tool/render.h"

#include <medic/result.h>

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

/* As dotnet-trace has them. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_SESSION = 1, /* the session could not be made, or failed */
    EXIT_TRACING = 2, /* the target could not be attached to */
    EXIT_ARGUMENTS = 3,
    EXIT_PLATFORM = 4, /* a right is missing; the system or the runtime cannot do it */
    EXIT_UNKNOWN = 5,
    EXIT_INTERRUPTED = 130, /* before there was a report */
    EXIT_NO_READER = 141    /* main ends by SIGPIPE, as every filter does, once all is tidied up */
};

extern const struct command command_complete, command_ps, command_profilers, command_attach, command_launch,
    command_report, command_diff, command_sessions, command_stop, command_rm, command_doctor;

/* What main changed for this process, for programs that it starts. */
struct program_inheritance; /* tool/launch_program.h */
extern struct program_inheritance cli_inheritance;

/* ---- saying ---- */

/* "medic: <sentence>" on stderr; returns code. */
int cli_fail(int code, const char *format, ...) MEDIC_PRINTF(2, 3);
/* Why there is no target; candidates a line each, cut at the width of the terminal. Returns the exit code. */
int cli_fail_target(int result, const medic_reason *why);
/* The exit code for a failure: arguments and rights have their own, everything else is fallback. */
int cli_exit_code(int result, int fallback);
/* Writes out what is buffered for stdout. code; EXIT_SESSION with a sentence when stdout takes no more; EXIT_NO_READER. */
int cli_finish(int code);
/* Ends a JSON text with a newline, writes it to stdout and frees it. An exit code. */
struct buffer;
int cli_put_json(struct buffer *text);
/* Replaces what could steer a terminal, for text of strangers; out has room bytes. Returns out. */
const char *cli_clean(const char *text, char *out, size_t room);

/* ---- the terminal ---- */

bool cli_is_terminal(FILE *file); /* and not a dumb one */
bool cli_color(FILE *file);
unsigned cli_width(FILE *file); /* 0: no terminal, and COLUMNS does not say */
bool cli_ascii(void);
/* One paragraph of printable text that begins in this column, where its other lines begin too; the last line is not ended. width: 0 = one
 * line. */
void cli_put_wrapped(FILE *file, const char *text, size_t size, size_t column, size_t width);
struct render_options cli_render_options(unsigned top);

/* ---- arguments ---- */

/* getopt_long over the command's table, that says itself what is wrong. The option's id; -1 at the end; '?' after a
 * sentence, 'h' for --help. */
int cli_option(int argc, char **argv, const struct command *command);
void cli_help(const struct command *command, FILE *file);
/* text | json. -1 after a sentence. */
int cli_format(const char *text, const struct renderer **renderer);
/* A row count of --top; -1 after a sentence. */
int cli_top(const char *text, unsigned *top);

/* ---- interrupts ---- */

/* Counts SIGINT, SIGTERM and SIGHUP from now on; the third one kills. */
void cli_catch_interrupts(void);
int cli_interrupts(void *unused);

/* ---- reports ---- */

struct document;
struct store_session;
/* A session by id, "last" or folder: the caller closes it. again: with a report that was made again, or is there. An exit code. */
int cli_open_report(const char *which, bool again, struct store_session *session);
/* report.json of an opened session folder. An exit code. */
int cli_load_report(int folder, const char *path, struct document **document);
/* Renders to stdout; what it is, for sentences: "the report in /x". An exit code. */
int cli_show_document(const struct document *document, const char *what, const struct renderer *renderer, unsigned top);
/* Renders report.json of an opened session folder to stdout. An exit code. */
int cli_show_report(int folder, const char *path, const struct renderer *renderer, unsigned top);

/* ---- retention ---- */

struct store;
struct target;
/* After a session: drops what is too old or too much in the store, never the session `made`, and sweeps the temporary folder
 * of the target (may be NULL). Says in one line on stderr what went. */
void cli_retain(struct store *store, const char *made, const struct target *target);

#endif
