/* The ELF files that are mapped, as dl_iterate_phdr tells them. Nothing is pinned: what is kept are addresses, and whoever reads
 * there does so through memory.h, where an unmapped library is a refusal. Pinning by dlopen would run a library's
 * destructors on our thread when we are the last to let go. On the worker: dl_iterate_phdr takes the loader's lock. */
#ifndef CORE_UNWIND_IMAGES_H
#define CORE_UNWIND_IMAGES_H

#include "memory.h"

struct image {
    uint64_t id, bias, begin, end;
    uint64_t eh_frame_hdr, eh_frame_hdr_size; /* 0 = it has none */
    uint8_t build_id[32];
    uint32_t build_id_size;
    char *path; /* owned */
};

struct images;

/* NULL when out of memory. */
struct images *images_new(struct memory *memory);
void images_free(struct images *images);
uint64_t images_memory(const struct images *images);
/* True when something has gone since the last call: what was learnt about its addresses is not true any more. */
bool images_refresh(struct images *images);
/* The file whose executable part holds the address, or NULL. Valid until the next refresh. */
const struct image *images_find(const struct images *images, uint64_t address);

#endif
