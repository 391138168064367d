/* Portable PDBs (the format is public: PortablePdb-Metadata.md of dotnet/runtime): from a method and an IL offset to file
 * and line. Works on memory that a stranger filled: every access is checked, and the work has a bound. */
#ifndef TOOL_PDB_H
#define TOOL_PDB_H

#include "tool/buffer.h"
#include "tool/metadata.h"

#define PDB_ID_SIZE 20

struct pdb {
    struct bytes blobs;
    unsigned char id[PDB_ID_SIZE];
    struct bytes documents, methods; /* the rows of the two tables */
    uint32_t document_count, method_count;
    unsigned document_row, method_row; /* bytes */
    unsigned blob_size, document_index;
    uint64_t budget; /* bytes of sequence points that may still be read */
};

struct pdb_place {
    uint32_t document; /* from 1 */
    uint32_t line;
};

/* bytes stay the caller's, as long as the pdb. MEDIC_E_CORRUPT. */
int pdb_open(const unsigned char *bytes, size_t size, struct pdb *pdb);
/* The visible sequence point at or before the offset; before the first visible one, that. token: of a method definition.
 * false: not known. */
bool pdb_find(struct pdb *pdb, uint32_t token, uint32_t il_offset, struct pdb_place *place);
/* Adds the path of a document, as its compiler knew it. false: damaged; what was added then is no path. */
bool pdb_document(const struct pdb *pdb, uint32_t document, struct buffer *out);

#endif
