/* symbols=embed: the portable PDBs of the modules that stacks went through, copied into the capture at its end, for a tool
 * that cannot reach the target's files. On the worker. */
#ifndef CORE_SERVICES_SYMBOLS_H
#define CORE_SERVICES_SYMBOLS_H

#include "core/files.h"

#include <stdint.h>

enum { SYMBOLS_PDB_MAX = 15 << 20, SYMBOLS_ALL_MAX = 64 << 20 };

/* Remembers where a module came from: its record is being written. Ids may be gone when recording ends, so nothing is asked of
 * the runtime then. */
void symbols_note_module(uint64_t id, const char *path, uint32_t length);
/* Marks one whose PDB is wanted; the signature is that of stacks_modules' callback. */
void symbols_want_module(void *context, uint64_t id);
/* Writes them. most: bytes that the capture still may grow by; 0 = any. */
void symbols_write(struct files *files, uint64_t most);
void symbols_free(void);
uint64_t symbols_memory(void);

/* Where a module's PDB is. Pure but for the files it opens: fd is open, or -1 when there is none. */
struct symbols_place {
    int fd;
    uint32_t kind; /* enum medic_symbols_kind */
    uint64_t offset, size;
};
struct symbols_place symbols_find(const char *module_path);

#endif
