/* A bounded text in UTF-8: what a name is written into. No allocation, no failure: what does not fit is cut on a character
 * boundary and ends in an ellipsis. Pure; any thread. */
#ifndef CORE_SERVICES_NAME_TEXT_H
#define CORE_SERVICES_NAME_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_ELLIPSIS "\xE2\x80\xA6"

struct name_text {
    char *bytes; /* the caller's; no NUL at the end */
    size_t capacity;
    size_t length;
    bool cut; /* full: later appends do nothing */
};

/* capacity: at least 3, the bytes of the ellipsis. */
static inline struct name_text name_text_over(char *bytes, size_t capacity)
{
    return (struct name_text){.bytes = bytes, .capacity = capacity};
}

/* Valid UTF-8 only. */
void name_text_put(struct name_text *text, const char *bytes, size_t size);
void name_text_puts(struct name_text *text, const char *string);
/* UTF-16; a lone surrogate becomes U+FFFD. */
void name_text_put_wide(struct name_text *text, const uint16_t *units, size_t count);
/* Bytes of unknown origin: what is not UTF-8 becomes U+FFFD, a character that the end cuts off is dropped. */
void name_text_put_foreign(struct name_text *text, const char *bytes, size_t size);

#endif
