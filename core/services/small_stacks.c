#include "core/services/small_stacks.h"

#include "core/unwind/memory.h"

#include <link.h>
#include <string.h>

enum { NOTES_MAX = 4096, GO_BUILD_ID = 4 };

struct search {
    struct memory *memory;
    medic_reason *why;
    int code;
};

/* Every library made by Go carries its build id in a note of the owner "Go". */
static int is_of_go(struct memory *memory, uint64_t address, uint64_t size)
{
    uint8_t notes[NOTES_MAX];
    uint64_t have = memory_read_some(memory, address, notes, size < sizeof notes ? size : sizeof notes);
    ElfW(Nhdr) note;

    for (uint64_t at = 0; at + sizeof note + 4 <= have;) {
        memcpy(&note, notes + at, sizeof note);
        if (note.n_namesz == 4 && note.n_type == GO_BUILD_ID && memcmp(notes + at + sizeof note, "Go\0", 4) == 0)
            return 1;
        at += sizeof note + (((uint64_t)note.n_namesz + 3) & ~UINT64_C(3)) +
              (((uint64_t)note.n_descsz + 3) & ~UINT64_C(3));
    }
    return 0;
}

static int visit(struct dl_phdr_info *info, size_t size, void *context)
{
    struct search *search = context;

    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

        if (segment->p_type != PT_NOTE ||
            !is_of_go(search->memory, info->dlpi_addr + segment->p_vaddr, segment->p_memsz))
            continue;
        search->code = medic_fail(search->why, MEDIC_E_UNSUPPORTED,
                                  "the program has loaded %s, whose Go code runs on stacks too small for a signal; use "
                                  "engine=suspension",
                                  info->dlpi_name && info->dlpi_name[0] ? info->dlpi_name : "a library without name");
        return 1;
    }
    return 0;
}

int small_stacks_check(medic_reason *why)
{
    struct search search = {memory_new(), why, MEDIC_OK};

    if (!search.memory)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory for the table of threads");
    dl_iterate_phdr(visit, &search);
    memory_free(search.memory);
    return search.code;
}
