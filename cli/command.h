/* What a command says of itself. One table a command; from it come getopt's table, the usage line, `medic help`, the man
 * page and the completion of the shells, so that none of them can say something else than another. All texts are static
 * ASCII; `quoted` words are bold in a man page. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

/* What a word on the command line can be: what a shell offers for it. */
enum words {
    WORDS_NONE,
    WORDS_TARGETS,      /* pids and names of programs that can be attached to */
    WORDS_TARGET_PIDS,  /* the same, pids only */
    WORDS_TARGET_NAMES, /* ... names only */
    WORDS_PROCESSES,    /* pids and names of all .NET programs */
    WORDS_PROFILERS,
    WORDS_SETTINGS, /* KEY=VALUE of the profiler that -P names */
    WORDS_SESSIONS,
    WORDS_RUNNING_SESSIONS,
    WORDS_FORMATS,      /* those of a report */
    WORDS_LIST_FORMATS, /* text | json */
    WORDS_FOLDERS,
    WORDS_COMMANDS,
    WORDS_PROGRAM /* the command line of another program begins here */
};

/* Ids of options without a letter. A private one of a command starts at OPTION_OTHER. */
enum option_id { OPTION_SET = 256, OPTION_TOP, OPTION_CHILDREN, OPTION_OTHER };

/* A table of them ends with {0}. */
struct command_option {
    int id;            /* what cli_option returns: its letter, or an enum option_id */
    const char *name;  /* the long one */
    const char *value; /* "DIR" in the help, NULL: takes none */
    const char *help;  /* a phrase; the formats are added to those of WORDS_FORMATS */
    enum words words;  /* of its value */
};

/* A term and what it means; an example and why. A table of them ends with {0}. */
struct command_note {
    const char *term, *text; /* text may be NULL for an example */
};

struct command {
    const char *name;
    const char *arguments; /* behind the name in the usage line */
    const char *summary;   /* half a line */
    const char *help;      /* paragraphs with an empty line between them */
    const struct command_option *options;
    const char *exit_help; /* a paragraph, where it differs from the common codes; may be NULL */
    const struct command_note *examples, *environment, *files; /* may be NULL */
    enum words operands;                                       /* what its operands are */
    bool many;                                                 /* there may be more than one */
    bool hidden;                                               /* for scripts: in no list */
    int (*run)(int argc, char **argv);                         /* argv[0] is the command's name; returns an exit code */
};

/* In the order of the help, ends with NULL. */
extern const struct command *const cli_commands[];
/* NULL: there is none. */
const struct command *cli_find_command(const char *name);

#define HELP_OPTION                                                                                                    \
    {                                                                                                                  \
        'h', "help", NULL, "this help", WORDS_NONE                                                                     \
    }
#define LIST_FORMAT_OPTION                                                                                             \
    {                                                                                                                  \
        'f', "format", "FORMAT", "text (default) or json", WORDS_LIST_FORMATS                                          \
    }
#define REPORT_FORMAT_OPTION                                                                                           \
    {                                                                                                                  \
        'f', "format", "FORMAT", "text (default)", WORDS_FORMATS                                                       \
    }
#define TOP_OPTION                                                                                                     \
    {                                                                                                                  \
        OPTION_TOP, "top", "N", "rows of each section, or \"all\" (default 20)", WORDS_NONE                            \
    }

/* "text (default), json, markdown or html": the help of an option in full. */
void command_option_help(const struct command_option *option, char *out, size_t room);

/* Text for a terminal; roff for man(1). NULL: of medic as a whole. */
void help_print(const struct command *command, FILE *file);
void manual_print(const struct command *command, FILE *file);

/* What belongs to no command, or to all. */
extern const char overview_text[];
extern const struct command_note overview_exits[], overview_examples[], overview_environment[], overview_files[];

#endif
