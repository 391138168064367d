/* libFuzzer: any bytes as a portable PDB, or as an embedded one. */
#include "tool/pe.h"

#include <stdlib.h>

static void use(const unsigned char *bytes, size_t size)
{
    struct pdb pdb;
    struct pdb_place place;
    struct buffer name = {0};
    if (pdb_open(bytes, size, &pdb))
        return;
    pdb.budget = 1 << 20;
    for (uint32_t row = 0; row < 40; row++)
        if (pdb_find(&pdb, 0x06000000 | row, row * 7, &place))
            pdb_document(&pdb, place.document, &name);
    for (uint32_t document = 0; document < 8; document++)
        pdb_document(&pdb, document, &name);
    buffer_free(&name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *bytes;
    size_t unpacked;
    use(data, size);
    if (size > 8 && data[7] == 0 && data[6] < 16 && !pe_unpack(data, size, &bytes, &unpacked)) {
        use(bytes, unpacked);
        free(bytes);
    }
    return 0;
}
