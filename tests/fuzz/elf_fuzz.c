/* elf_check_plugin over any bytes. Seeds: the fixtures of tests/unit, any small .so. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/elf_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    struct elf_facts facts;
    medic_reason why = {{0}};
    if (fd < 0)
        fd = memfd_create("elf", MFD_CLOEXEC);
    if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
        return 0;
    int code = elf_check_plugin(fd, "fuzzed.so", &facts, &why);
    if (code ? !why.text[0] : !(facts.has_note && facts.exports_entry && facts.size == size))
        abort();
    if (!memchr(facts.note.name, '\0', sizeof facts.note.name))
        abort();
    return 0;
}
