/* A string's text as it is shown: in quotes, with escapes as C# would write them, never half a character. [tool] */
#ifndef DUP_STRINGS_VALUE_TEXT_H
#define DUP_STRINGS_VALUE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define VALUE_TEXT_UNIT 6u  /* bytes that a UTF-16 unit takes at most */
#define VALUE_TEXT_FRAME 8u /* quotes, …, NUL */
#define VALUE_UNITS_MORE 4u /* that capture keeps beyond what is shown, to see whether a character goes on */

/* units of a string of `length` are there, `most` of them are shown. out has room for VALUE_TEXT_UNIT * most +
 * VALUE_TEXT_FRAME bytes. Returns 1 when the string is longer than what is shown. */
int value_text(char *out, const uint16_t *text, uint32_t units, uint32_t length, uint32_t most);

#endif
