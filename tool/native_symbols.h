/* Names and lines of native code, by elfutils: of one ELF file and the separate debug file that belongs to it. The files come
 * from strangers, and elfutils maps them: use it in a process that may die. For symbols.c. */
#ifndef TOOL_NATIVE_SYMBOLS_H
#define TOOL_NATIVE_SYMBOLS_H

#include "tool/buffer.h"

#include <stdbool.h>
#include <stdint.h>

struct native_symbols;

/* Opens a file as the target sees it, read-only; -1. */
typedef int (*native_open)(void *context, const char *path);

struct native_file {
    const char *path;
    const uint8_t *build_id; /* that the file must have; size 0: whatever it has */
    uint32_t build_id_size;
    native_open open;
    void *context;
};

/* NULL: there is no such file, it is another one, or no memory. */
struct native_symbols *native_symbols_open(const struct native_file *file);
void native_symbols_close(struct native_symbols *symbols);

/* By the address that the ELF file says. Only a symbol that the address lies in: the nearest exported one would mislead.
 * Replaces what is in name by the demangled name without parameters. */
bool native_symbols_name(struct native_symbols *symbols, uint64_t address, struct buffer *name);
/* The path lives as long as symbols. */
bool native_symbols_line(struct native_symbols *symbols, uint64_t address, const char **path, uint32_t *line);

/* What a person calls a symbol: demangled, without parameters, clones and versions. */
void native_symbol_text(const char *symbol, struct buffer *out);

#endif
