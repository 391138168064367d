/* The words that a shell offers, a line each: word, tab, description. */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include "cli/command.h"

/* The profiler that -P names on the command line, for WORDS_SETTINGS; NULL: none yet. */
struct words_context {
    const char *profiler;
    const char *begun;  /* what is there of the word; words that do not fit may be printed all the same */
    const char *prefix; /* put before each word: "--format=" */
    /* The words before, operands among them, which are not offered again: sessions by the beginning of their id. */
    char *const *given;
    int given_count;
};

void words_print(enum words words, const struct words_context *context);
void words_print_options(const struct command *command);
/* One line. */
void words_put(const struct words_context *context, const char *word, const char *about);

#endif
