/* Is a word that was read where an object should be really its class? */
#include "capture.h"

#include <errno.h>
#include <medic/clr/hresults.h>
#include <medic/clr/metadata.h>
#include <string.h>
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

static int has_name(IMetaDataImport2 *import, mdTypeDef token, const char *name)
{
    WCHAR wide[32];
    ULONG count = 0;
    DWORD flags = 0;
    mdToken extends = 0;

    if (FAILED(import->lpVtbl->GetTypeDefProps(import, token, wide, sizeof wide / sizeof *wide, &count, &flags,
                                               &extends)) ||
        count != strlen(name) + 1)
        return 0;
    for (ULONG i = 0; i < count; i++)
        if (wide[i] != (WCHAR)(unsigned char)name[i])
            return 0;
    return 1;
}

int is_runtime_type(struct contention *self, uint64_t type)
{
    static const GUID iid = MEDIC_IID_IMetaDataImport2;
    ICorProfilerInfo12 *info = self->runtime->info(self->host);
    uint64_t *seen = &self->other_types[type / 64 % OTHER_TYPES];
    IUnknown *unknown = NULL;
    IMetaDataImport2 *import;
    ModuleID module = 0;
    mdTypeDef token = 0;
    int good;

    if (type == self->runtime_type || type == *seen)
        return type == self->runtime_type;
    if (self->runtime_type || FAILED(info->lpVtbl->GetClassIDInfo(info, (ClassID)type, &module, &token)) ||
        FAILED(info->lpVtbl->GetModuleMetaData(info, module, ofRead, &iid, &unknown)) || !unknown)
        return 0;
    import = (IMetaDataImport2 *)(void *)unknown;
    good = has_name(import, token, "System.RuntimeType");
    import->lpVtbl->Release(import);
    *(good ? &self->runtime_type : seen) = type;
    return good;
}
