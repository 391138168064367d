#include "tool/module_lines.h"

#include "tool/frame_code.h"
#include "tool/pe.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PDB_SIZE_MAX ((off_t)256 << 20)

struct search {
    const struct symbols_place *place;
    const struct pe *pe; /* NULL: the module's file cannot be read, and nothing can be compared */
    struct module_lines *lines;
};

static unsigned char *read_part(int fd, uint64_t offset, size_t size)
{
    unsigned char *bytes = malloc(size ? size : 1);
    for (size_t done = 0; bytes && done < size;) {
        ssize_t got = pread(fd, bytes + done, size - done, (off_t)(offset + done));
        if (got <= 0) {
            free(bytes);
            return NULL;
        }
        done += (size_t)got;
    }
    return bytes;
}

/* Takes the bytes over; frees them when they are not the PDB that is wanted. */
static bool take(const struct search *search, unsigned char *bytes, size_t size)
{
    struct pdb *pdb = &search->lines->pdb;
    if (bytes && pdb_open(bytes, size, pdb) == MEDIC_OK &&
        (!search->pe || (search->pe->has_pdb && memcmp(pdb->id, search->pe->pdb_id, PDB_ID_SIZE) == 0))) {
        search->lines->bytes = bytes;
        return true;
    }
    free(bytes);
    return false;
}

/* --- where it may be --- */

static bool try_file(const struct search *search, const char *path)
{
    struct stat about;
    bool found = false;
    int fd = symbols_place_open(search->place, path);
    if (fd < 0)
        return false;
    if (!fstat(fd, &about) && about.st_size > 0 && about.st_size <= PDB_SIZE_MAX)
        found = take(search, read_part(fd, 0, (size_t)about.st_size), (size_t)about.st_size);
    close(fd);
    return found;
}

/* In the folder of the module, under a name that ends with .pdb. */
static bool try_beside(const struct search *search, const char *module, const char *name, size_t name_size)
{
    char path[PATH_MAX];
    int size =
        snprintf(path, sizeof path, "%.*s%.*s.pdb", (int)(path_name(module) - module), module, (int)name_size, name);
    return size > 0 && (size_t)size < sizeof path && try_file(search, path);
}

static size_t without_extension(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot != name ? (size_t)(dot - name) : strlen(name);
}

static bool try_embedded(const struct search *search, int fd)
{
    unsigned char *packed, *bytes;
    size_t size;
    const struct pe *pe = search->pe;
    if (!pe->embedded_offset || pe->embedded_size > PDB_SIZE_MAX ||
        !(packed = read_part(fd, pe->embedded_offset, pe->embedded_size)))
        return false;
    bool unpacked = pe_unpack(packed, pe->embedded_size, &bytes, &size) == MEDIC_OK;
    free(packed);
    return unpacked && take(search, bytes, size);
}

static bool try_capture(const struct search *search, const struct capture *capture, uint64_t module)
{
    struct capture_symbols symbols;
    if (capture_symbols(capture, module, &symbols))
        return false;
    if (symbols.kind == MEDIC_SYMBOLS_PDB)
        return take(search, symbols.bytes, symbols.size);
    unsigned char *bytes = NULL;
    size_t size = 0;
    bool unpacked =
        symbols.kind == MEDIC_SYMBOLS_MPDB && pe_unpack(symbols.bytes, symbols.size, &bytes, &size) == MEDIC_OK;
    free(symbols.bytes);
    return unpacked && take(search, bytes, size);
}

static bool try_files(const struct search *search, const char *module, int fd)
{
    const char *told = search->pe->pdb_path, *name = path_name(module), *told_name = path_name(told);
    if (!search->pe->has_pdb)
        return false;
    return try_beside(search, module, name, without_extension(name)) ||
           (*told_name && try_beside(search, module, told_name, without_extension(told_name))) ||
           (*told == '/' && try_file(search, told)) || try_embedded(search, fd);
}

/* Whether the file is the one that the target has loaded. */
static bool is_loaded_file(const struct pe *pe, const medic_module_record *module)
{
    static const GUID UNKNOWN;
    return memcmp(&module->mvid, &UNKNOWN, sizeof UNKNOWN) == 0 ||
           (pe->has_mvid && memcmp(&module->mvid, &pe->mvid, sizeof pe->mvid) == 0);
}

bool module_lines_open(struct module_lines *lines, const struct capture *capture, uint64_t module,
                       const struct symbols_place *place)
{
    static struct pe pe; /* large; one thread */
    const char *path;
    struct search search = {place, NULL, lines};
    const medic_module_record *record = capture_module(capture, module, &path);
    bool found = false;
    memset(lines, 0, sizeof *lines);
    if (!record || (record->flags & 1u))
        return false;
    int fd = symbols_place_open(place, path);
    if (fd >= 0 && pe_read(fd, &pe) == MEDIC_OK && is_loaded_file(&pe, record)) {
        search.pe = &pe;
        found = try_files(&search, path, fd);
    }
    if (fd >= 0)
        close(fd);
    return found || try_capture(&search, capture, module);
}

void module_lines_close(struct module_lines *lines)
{
    free(lines->bytes);
    lines->bytes = NULL;
}
