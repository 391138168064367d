/* libFuzzer: any bytes as an assembly file. */
#include "tool/pe.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pe pe;
    int fd = memfd_create("pe", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, data, size) == (ssize_t)size && !pe_read(fd, &pe))
        if (pe.embedded_offset && pe.embedded_offset + pe.embedded_size > size)
            __builtin_trap();
    close(fd);
    return 0;
}
