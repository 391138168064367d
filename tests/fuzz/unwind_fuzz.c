/* The walk over any registers and stack bytes, among the libraries of this process. The first bytes choose where in which
 * function the thread stands. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/unwind/unwind.h"
#include "tests/unit/fake_runtime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LOW = 0x7fff0000 };

/* Stack words that look like offsets become addresses of libc's code. */
static void relocate(uint8_t *bytes, size_t size, uint64_t code)
{
    for (size_t at = 0; at + 8 <= size; at += 8) {
        uint64_t word;
        memcpy(&word, bytes + at, sizeof word);
        if ((word >> 56) == 0xcc)
            word = code + (word & 0xfffff);
        else if ((word >> 56) == 0x55)
            word = LOW + (word & 0xfff);
        memcpy(bytes + at, &word, sizeof word);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct unwinder *u;
    struct unwind_registers registers;
    struct unwind_step steps[256];
    uint32_t flags;
    uint64_t code = (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, "qsort") & ~UINT64_C(0xfffff);
    if (size < sizeof registers)
        return 0;
    if (!u && !(u = unwinder_new(&fake_runtime)))
        return 0;
    memcpy(&registers, data, sizeof registers);
    registers.r[UNWIND_IP] = code + (registers.r[UNWIND_IP] & 0x1fffff);
    registers.r[UNWIND_RSP] = LOW + (registers.r[UNWIND_RSP] & 0xfff);
    size_t left = size - sizeof registers;
    uint8_t *bytes = malloc(left + 1);
    memcpy(bytes, data + sizeof registers, left);
    relocate(bytes, left, code);
    struct unwind_stack stack = {bytes, LOW, left, size & 1};
    uint32_t count = unwind(u, &registers, &stack, (size & 2) != 0, steps, 256, &flags);
    if (count == 0 || count > 256 || (flags & ~(uint32_t)(MEDIC_STACK_BROKEN | MEDIC_STACK_TRUNCATED)))
        abort();
    free(bytes);
    return 0;
}
