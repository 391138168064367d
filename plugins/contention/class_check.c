/* Is a word that was read where an object should be really its class? */
#include "capture.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int read_words(uint32_t pid, uint64_t address, uint64_t *words, uint32_t count)
{
    size_t size = count * sizeof *words;
    struct iovec local = {words, size}, remote = {(void *)(uintptr_t)address, size}; /* NOLINT */
    long got = syscall(SYS_process_vm_readv, (long)pid, &local, 1UL, &remote, 1UL, 0UL);

    if (got < 0 && errno != EFAULT && errno != ENOMEM)
        return -1;
    return got == (long)size;
}

/* .NET 8 to 10: the sixth word of a method table is its class structure, or, with the lowest bit set, the method table that it
 * shares one with; the structure names, in one of its first words, the method table that it belongs to. */
enum { CLASS_WORD = 5, CLASS_WORDS = 4 };

int is_class(uint32_t pid, uint64_t address)
{
    uint64_t words[CLASS_WORD + 1], structure[CLASS_WORDS];

    if (address < 4096 || address % sizeof(uint64_t) != 0 || read_words(pid, address, words, CLASS_WORD + 1) != 1)
        return 0;
    if (words[CLASS_WORD] & 1) {
        address = words[CLASS_WORD] & ~UINT64_C(1);
        if (address % sizeof(uint64_t) != 0 || read_words(pid, address, words, CLASS_WORD + 1) != 1 ||
            (words[CLASS_WORD] & 1))
            return 0;
    }
    if (words[CLASS_WORD] % sizeof(uint64_t) != 0 || read_words(pid, words[CLASS_WORD], structure, CLASS_WORDS) != 1)
        return 0;
    for (int i = 0; i < CLASS_WORDS; i++)
        if (structure[i] == address)
            return 1;
    return 0;
}
