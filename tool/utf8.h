/* UTF-8 as it comes from strangers: decoding that never reads past the end, repair, and the cells a character takes in a
 * terminal. No locale, no state. */
#ifndef TOOL_UTF8_H
#define TOOL_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT 0xfffdu

/* The character at text (size > 0 bytes are there) and the bytes it takes (at least 1). A bad sequence is one U+FFFD for
 * its longest valid beginning; overlong forms, surrogates and values above U+10FFFF are bad. */
uint32_t utf8_decode(const char *text, size_t size, size_t *length);
/* Writes a character, returns its bytes (1-4). */
size_t utf8_write(uint32_t character, char out[4]);
/* Bytes of text after repair. */
size_t utf8_repaired_size(const char *text, size_t size);
/* Copies with bad sequences (and NULs) replaced by U+FFFD; out has room for utf8_repaired_size bytes. */
void utf8_repair(const char *text, size_t size, char *out);
/* Cells in a terminal: 0 for combining marks, 2 for East Asian wide characters and emoji, 1 else. */
unsigned utf8_cells(uint32_t character);

#endif
