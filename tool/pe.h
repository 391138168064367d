/* What a .NET assembly file says of its symbols: the debug directory, and the MVID that tells whether it is the file that
 * the target has loaded. Reads by pread what it needs; everything comes from strangers. */
#ifndef TOOL_PE_H
#define TOOL_PE_H

#include "tool/pdb.h"

#include <medic/clr/types.h>

#define PE_PATH_MAX 4096

struct pe {
    bool has_mvid, has_pdb;
    GUID mvid;
    unsigned char pdb_id[PDB_ID_SIZE]; /* when has_pdb */
    char pdb_path[PE_PATH_MAX];        /* where the compiler put it; "" = not told */
    uint64_t embedded_offset;          /* in the file; 0 = there is none */
    uint32_t embedded_size;
};

/* MEDIC_E_CORRUPT, MEDIC_E_IO. Without a sentence: whoever asks goes on without lines. */
int pe_read(int fd, struct pe *pe);
/* Unpacks an embedded PDB: "MPDB", its size, raw deflate. Free *out. MEDIC_E_CORRUPT, MEDIC_E_MEMORY. */
int pe_unpack(const unsigned char *packed, size_t packed_size, unsigned char **out, size_t *size);

#endif
