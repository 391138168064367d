/* Names and lines for the frames of a capture: portable PDBs (beside the module, where its debug directory says, embedded, or
 * brought by the capture) and native symbols (ELF and DWARF, by build-id). Everything is looked for as the target sees it.
 *
 * The answers are kept beside the capture as symbols.json, so that a report can be made again when program and files have
 * gone. Single-threaded. */
#ifndef TOOL_SYMBOLS_H
#define TOOL_SYMBOLS_H

#include "tool/capture.h"

#include <sys/types.h>

#define SYMBOLS_FILE "symbols.json"

struct symbol {
    const char *function; /* NATIVE: demangled where that is possible; NULL when not known, and for managed frames */
    const char *file;     /* NULL when not known */
    uint32_t line;
};

struct symbols;

/* Where the target's files are. */
struct symbols_source {
    const char *root; /* folder that the target calls "/", "" for our own */
    uid_t uid;        /* whose rights read them, when we are root */
    gid_t gid;
};

/* Resolves every frame of the capture and writes symbols.json into the folder, replacing one that is there; nothing when
 * there is no frame. What cannot be read is left without names; that is no failure. Takes at most 20 s. */
int symbols_make(int folder, struct capture *capture, const struct symbols_source *source, medic_reason *why);
/* What symbols_make has left there; without a file an empty one. Damage is a failure with a sentence. */
int symbols_open(int folder, struct symbols **symbols_out, medic_reason *why);
void symbols_close(struct symbols *symbols);
/* Always filled; owned by symbols. */
struct symbol symbols_of(const struct symbols *symbols, uint32_t frame_id);

#endif
