#include "core/services/symbols.h"

#include "common/sys.h"

#include <medic/capture_format.h>
#include <stdlib.h>
#include <string.h>

enum { MODULES_MAX = 4096, PATH_ROOM = 4096, SECTIONS_MAX = 96, ENTRIES_MAX = 16, DEBUG_DIRECTORY = 6 };
enum { TYPE_CODEVIEW = 2, TYPE_EMBEDDED = 17 };

struct module {
    uint64_t id;
    char *path;
    int wanted;
};

static struct {
    struct module *modules;
    uint32_t count, room;
    uint64_t path_bytes;
} symbols;

/* ---- which modules ---- */

void symbols_note_module(uint64_t id, const char *path, uint32_t length)
{
    struct module *module;

    if (!length || path[0] != '/' || length >= PATH_ROOM || symbols.count >= MODULES_MAX)
        return;
    if (symbols.count == symbols.room) {
        uint32_t room = symbols.room ? symbols.room * 2 : 64;
        struct module *grown = realloc(symbols.modules, room * sizeof *grown);

        if (!grown)
            return;
        symbols.modules = grown;
        symbols.room = room;
    }
    module = &symbols.modules[symbols.count];
    *module = (struct module){.id = id, .path = malloc(length + 1)};
    if (!module->path)
        return;
    memcpy(module->path, path, length);
    module->path[length] = '\0';
    symbols.path_bytes += length + 1;
    symbols.count++;
}

void symbols_want_module(void *context, uint64_t id)
{
    (void)context;
    for (uint32_t i = 0; i < symbols.count; i++) {
        if (symbols.modules[i].id == id)
            symbols.modules[i].wanted = 1;
    }
}

uint64_t symbols_memory(void)
{
    return symbols.room * sizeof *symbols.modules + symbols.path_bytes;
}

void symbols_free(void)
{
    for (uint32_t i = 0; i < symbols.count; i++)
        free(symbols.modules[i].path);
    free(symbols.modules);
    memset(&symbols, 0, sizeof symbols);
}

/* ---- where their PDBs are ---- */

static int read_at(int fd, uint64_t offset, void *out, size_t size)
{
    return offset <= INT64_MAX && pread(fd, out, size, (off_t)offset) == (ssize_t)size;
}

/* A regular file, whatever its name leads to: a pipe or a device would block, or answer to being read. */
static int open_regular(const char *path, uint64_t *size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd >= 0 && (sys_fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)) {
        close(fd);
        fd = -1;
    }
    if (fd >= 0)
        *size = (uint64_t)st.st_size;
    return fd;
}

static struct symbols_place nowhere(void)
{
    return (struct symbols_place){.fd = -1};
}

/* A portable PDB says so in its first bytes; nothing else is copied into the capture, wherever a name leads. */
static struct symbols_place pdb_at(const char *path)
{
    struct symbols_place place = {.kind = MEDIC_SYMBOLS_PDB};
    char magic[4];

    place.fd = open_regular(path, &place.size);
    if (place.fd >= 0 &&
        (place.size > SYMBOLS_PDB_MAX || !read_at(place.fd, 0, magic, sizeof magic) || memcmp(magic, "BSJB", 4) != 0)) {
        close(place.fd);
        return nowhere();
    }
    return place;
}

static struct symbols_place pdb_beside(const char *module_path)
{
    char path[PATH_ROOM + 8];
    size_t length = strlen(module_path);
    const char *dot = strrchr(module_path, '.'), *slash = strrchr(module_path, '/');

    if (length >= PATH_ROOM)
        return nowhere();
    if (dot && (!slash || dot > slash))
        length = (size_t)(dot - module_path);
    memcpy(path, module_path, length);
    memcpy(path + length, ".pdb", 5);
    return pdb_at(path);
}

static uint16_t u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t u32(const uint8_t *bytes)
{
    return (uint32_t)u16(bytes) | (uint32_t)u16(bytes + 2) << 16;
}

/* Where a PE file's debug directory lies in the file: 1 = there is one. */
static int debug_directory(int fd, uint64_t *offset, uint32_t *count)
{
    uint8_t dos[64], coff[24], directory[8], section[40], magic[2];
    uint64_t header, optional, directories;
    uint32_t address, sections;

    if (!read_at(fd, 0, dos, sizeof dos) || dos[0] != 'M' || dos[1] != 'Z')
        return 0;
    header = u32(dos + 60);
    optional = header + sizeof coff;
    if (!read_at(fd, header, coff, sizeof coff) || memcmp(coff, "PE\0\0", 4) != 0 ||
        !read_at(fd, optional, magic, sizeof magic))
        return 0;
    directories = optional + (u16(magic) == 0x20b ? 112 : 96);
    if (!read_at(fd, directories + DEBUG_DIRECTORY * 8, directory, sizeof directory))
        return 0;
    address = u32(directory);
    *count = u32(directory + 4) / 28;
    sections = u16(coff + 6) < SECTIONS_MAX ? u16(coff + 6) : SECTIONS_MAX;
    for (uint32_t i = 0; i < sections && address; i++) {
        if (!read_at(fd, optional + u16(coff + 20) + i * 40u, section, sizeof section))
            return 0;
        if (address >= u32(section + 12) && address - u32(section + 12) < u32(section + 16)) {
            *offset = (uint64_t)u32(section + 20) + (address - u32(section + 12));
            return 1;
        }
    }
    return 0;
}

/* "RSDS", a GUID, an age, and the path at which the compiler wrote the PDB. */
static struct symbols_place pdb_named_in(int fd, const uint8_t entry[28])
{
    char text[PATH_ROOM];
    uint32_t size = u32(entry + 16);

    if (size <= 24 || size - 24 >= sizeof text || !read_at(fd, (uint64_t)u32(entry + 24) + 24, text, size - 24))
        return nowhere();
    text[size - 24] = '\0';
    return text[0] == '/' ? pdb_at(text) : nowhere();
}

static struct symbols_place embedded_in(int fd, const uint8_t entry[28])
{
    struct symbols_place place = {-1, MEDIC_SYMBOLS_MPDB, u32(entry + 24), u32(entry + 16)};
    char magic[4];

    if (place.size <= 8 || place.size > SYMBOLS_PDB_MAX || !read_at(fd, place.offset, magic, sizeof magic) ||
        memcmp(magic, "MPDB", 4) != 0)
        return nowhere();
    place.fd = dup(fd);
    return place;
}

static struct symbols_place pdb_by_module(const char *module_path)
{
    struct symbols_place place = nowhere();
    uint64_t size, offset = 0;
    uint32_t count = 0;
    int fd = open_regular(module_path, &size);

    if (fd >= 0 && debug_directory(fd, &offset, &count)) {
        for (uint32_t i = 0; i < count && i < ENTRIES_MAX && place.fd < 0; i++) {
            uint8_t entry[28];

            if (!read_at(fd, offset + i * sizeof entry, entry, sizeof entry))
                break;
            if (u32(entry + 12) == TYPE_CODEVIEW)
                place = pdb_named_in(fd, entry);
            else if (u32(entry + 12) == TYPE_EMBEDDED)
                place = embedded_in(fd, entry);
        }
    }
    if (fd >= 0)
        close(fd);
    return place;
}

struct symbols_place symbols_find(const char *module_path)
{
    struct symbols_place place = pdb_beside(module_path);

    return place.fd >= 0 ? place : pdb_by_module(module_path);
}

void symbols_write(struct files *files, uint64_t most)
{
    uint64_t left = most && most < SYMBOLS_ALL_MAX ? most : SYMBOLS_ALL_MAX;

    for (uint32_t i = 0; i < symbols.count; i++) {
        const struct module *module = &symbols.modules[i];
        struct symbols_place place = module->wanted ? symbols_find(module->path) : nowhere();
        medic_symbols_record record = {module->id, place.kind, (uint32_t)place.size};

        if (place.fd < 0)
            continue;
        if (place.size <= left) {
            left -= place.size;
            files_write_record_of_file(files, MEDIC_RECORD_SYMBOLS, &record, sizeof record, place.fd, place.offset,
                                       record.length);
        }
        close(place.fd);
    }
}
