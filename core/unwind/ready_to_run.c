/* PE32+, the COR20 header, the READYTORUN header and its RuntimeFunctions section. */
#include "ready_to_run.h"

enum {
    PE_OFFSET = 0x3c,
    OPTIONAL_HEADER = 24,
    PE32_PLUS = 0x20b,
    SIZE_OF_IMAGE = 56,
    COR20_DIRECTORY = 112 + 14 * 8,
    MANAGED_NATIVE_HEADER = 64,
    RTR = 0x00525452,
    RUNTIME_FUNCTIONS = 102,
    SECTIONS_MAX = 256,
    FUNCTION_SIZE = 12,
    IMAGE_MAX = 0x7fffffff,
    PAGE = 4096,
    SEARCHED_PAGES = 8192,
    MZ = 0x5a4d
};

static bool u32_at(struct memory *memory, uint64_t address, uint32_t *value)
{
    return memory_read(memory, address, value, sizeof *value);
}

static bool within(const struct ready_to_run *image, uint64_t rva, uint64_t size)
{
    uint64_t whole = image->end - image->begin;
    return rva > 0 && rva <= whole && size <= whole - rva;
}

static bool find_header(struct memory *memory, struct ready_to_run *image, uint64_t *header)
{
    uint32_t pe, signature, magic, size, cor20, native;
    uint64_t base = image->begin;
    if (!u32_at(memory, base + PE_OFFSET, &pe) || pe > 0x10000 || !u32_at(memory, base + pe, &signature) ||
        signature != 0x4550 || !u32_at(memory, base + pe + OPTIONAL_HEADER, &magic) || (magic & 0xffff) != PE32_PLUS ||
        !u32_at(memory, base + pe + OPTIONAL_HEADER + SIZE_OF_IMAGE, &size) || size > IMAGE_MAX)
        return false;
    image->end = base + size;
    if (!u32_at(memory, base + pe + OPTIONAL_HEADER + COR20_DIRECTORY, &cor20) || !within(image, cor20, 72) ||
        !u32_at(memory, base + cor20 + MANAGED_NATIVE_HEADER, &native) || !within(image, native, 16))
        return false;
    *header = base + native;
    return true;
}

bool ready_to_run_open(struct memory *memory, uint64_t base, struct ready_to_run *image)
{
    uint32_t head[4], section[3]; /* head: signature, version, flags, count; section: type, rva, size */
    uint64_t header;
    *image = (struct ready_to_run){.begin = base, .end = base};
    if (!find_header(memory, image, &header) || !memory_read(memory, header, head, sizeof head) || head[0] != RTR ||
        head[3] > SECTIONS_MAX)
        return false;
    for (uint32_t i = 0; i < head[3]; i++) {
        if (!memory_read(memory, header + sizeof head + i * sizeof section, section, sizeof section))
            return false;
        if (section[0] != RUNTIME_FUNCTIONS)
            continue;
        image->table = base + section[1];
        image->count = section[2] / FUNCTION_SIZE;
        return image->count > 0 && within(image, section[1], section[2]);
    }
    return false;
}

bool ready_to_run_around(struct memory *memory, uint64_t address, struct ready_to_run *image)
{
    uint64_t page = address & ~(uint64_t)(PAGE - 1);
    uint16_t magic;
    for (int i = 0; i < SEARCHED_PAGES && page >= PAGE; i++, page -= PAGE)
        if (memory_read(memory, page, &magic, sizeof magic) && magic == MZ && ready_to_run_open(memory, page, image) &&
            address < image->end)
            return true;
    return false;
}

bool ready_to_run_find(struct memory *memory, const struct ready_to_run *image, uint64_t ip,
                       struct managed_range *range)
{
    uint64_t low = 0, high = image->count, rva = ip - image->begin;
    uint32_t function[3], found[3] = {0}; /* begin, end, unwind data */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (!memory_read_constant(memory, image->table + middle * FUNCTION_SIZE, function, sizeof function))
            return false;
        if (function[0] > rva) {
            high = middle;
            continue;
        }
        for (int i = 0; i < 3; i++)
            found[i] = function[i];
        low = middle + 1;
    }
    if (rva < found[0] || rva >= found[1] || !within(image, found[2], 4))
        return false;
    *range = (struct managed_range){.begin = image->begin + found[0],
                                    .end = image->begin + found[1],
                                    .base = image->begin,
                                    .unwind_data = found[2],
                                    .ready_to_run = true,
                                    .passing = image->passing};
    return true;
}
