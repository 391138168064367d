/* Texts that come from elsewhere: what may be an identifier, what may be shown, and how to quote the rest. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stddef.h>

#define TEXT_QUOTE_SIZE 84

/* Whether text is [a-z][a-z0-9_]* and shorter than size. Reads at most size bytes. */
int text_is_word(const char *text, size_t size);

/* Whether text is valid UTF-8 without control characters (C0, DEL, C1) and shorter than size. Reads at most size bytes. */
int text_is_clean(const char *text, size_t size);

/* Text for a sentence: in double quotes, whatever a terminal could obey as '?', long ones cut with "...". Returns out. */
const char *text_quote(const char *text, char out[TEXT_QUOTE_SIZE]);

#endif
