/* Source lines of one managed module: its PDB beside it, where its compiler put it, inside of it, or in the capture. Every
 * PDB must have the id that the module names. For symbols.c. */
#ifndef TOOL_MODULE_LINES_H
#define TOOL_MODULE_LINES_H

#include "tool/capture.h"
#include "tool/pdb.h"
#include "tool/symbols_place.h"

struct module_lines {
    struct pdb pdb;
    unsigned char *bytes; /* of the PDB */
};

/* false: there is none. */
bool module_lines_open(struct module_lines *lines, const struct capture *capture, uint64_t module,
                       const struct symbols_place *place);
void module_lines_close(struct module_lines *lines);

#endif
