#include "tool/native_symbols.h"

#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the C++ ABI (Itanium): libsupc++ has it, and it needs libc only. */
char *__cxa_demangle(const char *mangled, char *buffer, size_t *length, int *status);

#define SYMBOL_MAX 4096u

struct native_symbols {
    Dwfl *dwfl;
    Dwfl_Module *module;
    struct native_file kept;
    char path[PATH_MAX];
};

/* ---- files ---- */

/* /usr/lib/debug/.build-id/xx/yyyy.debug: as the target has it, else as we have it. */
static int open_debug_file(const struct native_symbols *symbols, const uint8_t *id, int size)
{
    char path[PATH_MAX];
    int at = snprintf(path, sizeof path, "/usr/lib/debug/.build-id/");
    if (size < 2 || size > 64)
        return -1;
    for (int i = 0; i < size; i++)
        at += snprintf(path + at, sizeof path - (size_t)at, i == 0 ? "%02x/" : "%02x", id[i]);
    snprintf(path + at, sizeof path - (size_t)at, ".debug");
    int fd = symbols->kept.open(symbols->kept.context, path);
    return fd >= 0 ? fd : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* elfutils has a search of its own, and would ask servers. */
static int find_debuginfo(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base, const char *file,
                          const char *link, GElf_Word crc, char **debug_name)
{
    (void)name, (void)base, (void)file, (void)link, (void)crc;
    const unsigned char *id;
    GElf_Addr address;
    int size = dwfl_module_build_id(module, &id, &address);
    const struct native_symbols *symbols = *userdata;
    *debug_name = NULL;
    return size > 0 && symbols ? open_debug_file(symbols, id, size) : -1;
}

static int find_no_elf(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base, char **file, Elf **elf)
{
    (void)module, (void)userdata, (void)name, (void)base, (void)file, (void)elf;
    return -1;
}

static const Dwfl_Callbacks CALLBACKS = {
    .find_elf = find_no_elf, .find_debuginfo = find_debuginfo, .section_address = dwfl_offline_section_address};

static bool is_the_file(Dwfl_Module *module, const struct native_file *file)
{
    const unsigned char *id;
    GElf_Addr address;
    int size = dwfl_module_build_id(module, &id, &address);
    if (file->build_id_size == 0)
        return true;
    return size == (int)file->build_id_size && memcmp(id, file->build_id, file->build_id_size) == 0;
}

static bool report_file(struct native_symbols *symbols, int fd)
{
    void **userdata;
    dwfl_report_begin(symbols->dwfl);
    symbols->module = dwfl_report_elf(symbols->dwfl, "image", symbols->path, fd, 0, true);
    if (!symbols->module) {
        close(fd); /* else it is elfutils' own */
        return false;
    }
    dwfl_report_end(symbols->dwfl, NULL, NULL);
    dwfl_module_info(symbols->module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
    *userdata = symbols;
    return is_the_file(symbols->module, &symbols->kept);
}

struct native_symbols *native_symbols_open(const struct native_file *file)
{
    struct native_symbols *symbols = NULL;
    int fd = strlen(file->path) < PATH_MAX && file->build_id_size <= 64 ? file->open(file->context, file->path) : -1;
    if (fd < 0)
        return NULL;
    if (!(symbols = calloc(1, sizeof *symbols)) || !(symbols->dwfl = dwfl_begin(&CALLBACKS))) {
        close(fd);
        free(symbols);
        return NULL;
    }
    symbols->kept = *file;
    snprintf(symbols->path, sizeof symbols->path, "%s", file->path);
    if (report_file(symbols, fd))
        return symbols;
    native_symbols_close(symbols);
    return NULL;
}

void native_symbols_close(struct native_symbols *symbols)
{
    if (!symbols)
        return;
    dwfl_end(symbols->dwfl);
    free(symbols);
}

/* ---- names ---- */

/* "a::b(int (*)(char)) const" -> "a::b"; "a::operator()(int)" -> "a::operator()". */
static size_t without_parameters(const char *text)
{
    size_t end = strlen(text);
    while (end > 0 && text[end - 1] != ')')
        end--;
    unsigned depth = 0;
    for (size_t at = end; at-- > 0;) {
        depth += text[at] == ')';
        if (text[at] == '(' && --depth == 0)
            return at ? at : strlen(text);
    }
    return strlen(text);
}

void native_symbol_text(const char *symbol, struct buffer *out)
{
    char plain[SYMBOL_MAX];
    int status = -1;
    size_t size = strcspn(symbol, "@"); /* memcpy@@GLIBC_2.14 */
    buffer_cut(out, 0);
    if (size >= sizeof plain)
        size = sizeof plain - 1;
    memcpy(plain, symbol, size);
    plain[size] = '\0';
    char *text = strncmp(plain, "_Z", 2) == 0 ? __cxa_demangle(plain, NULL, NULL, &status) : NULL;
    if (!text) {
        buffer_add(out, plain, size);
        return;
    }
    char *clone = strstr(text, " [clone ");
    if (clone)
        *clone = '\0';
    size = without_parameters(text);
    buffer_add(out, text, size < SYMBOL_MAX ? size : SYMBOL_MAX);
    free(text);
}

bool native_symbols_name(struct native_symbols *symbols, uint64_t address, struct buffer *name)
{
    GElf_Off offset;
    GElf_Sym symbol;
    const char *text = dwfl_module_addrinfo(symbols->module, address, &offset, &symbol, NULL, NULL, NULL);
    if (!text || !*text || offset >= symbol.st_size)
        return false;
    native_symbol_text(text, name);
    return name->size > 0;
}

bool native_symbols_line(struct native_symbols *symbols, uint64_t address, const char **path, uint32_t *line)
{
    int number = 0;
    Dwfl_Line *found = dwfl_module_getsrc(symbols->module, address);
    *path = found ? dwfl_lineinfo(found, NULL, &number, NULL, NULL, NULL) : NULL;
    *line = number > 0 ? (uint32_t)number : 0;
    return *path != NULL;
}
