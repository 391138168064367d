#include "core/services/heap_code_memory.h"

#include "common/sys.h"
#include "core/os.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1u
#endif
#ifndef SEEK_DATA
#define SEEK_DATA 3
#define SEEK_HOLE 4
#endif

#define CODE_NAME "/memfd:doublemapper"

/* The longest line of maps that counts is short: of a long path only the beginning is looked at. */
enum { TEXT_SIZE = 1 << 16, BUFFERS_SIZE = 2 * TEXT_SIZE, MAPPINGS_MAX = 1 << 17 };

/* Descriptors are looked through here, where it may take its time: the copy checks only that it is still the one. */
static int find_file(struct code_memory *memory, medic_reason *why)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;

    if (!folder)
        return medic_fail(why, MEDIC_E_IO, "cannot look through the descriptors of the process: %s", strerror(errno));
    while (memory->fd < 0 && (entry = readdir(folder)) != NULL) {
        char path[300], target[sizeof CODE_NAME];
        ssize_t length;
        struct stat st;
        int fd = entry->d_name[0] == '.' ? -1 : atoi(entry->d_name);

        snprintf(path, sizeof path, "/proc/self/fd/%.255s", entry->d_name);
        length = readlink(path, target, sizeof target - 1);
        if (fd < 0 || length < (ssize_t)(sizeof CODE_NAME - 1) || memcmp(target, CODE_NAME, sizeof CODE_NAME - 1) != 0)
            continue;
        if (sys_fstat(fd, &st) != 0)
            continue;
        memory->fd = fd;
        memory->inode = (uint64_t)st.st_ino;
        memory->bytes = (uint64_t)st.st_blocks * 512;
    }
    closedir(folder);
    return MEDIC_OK;
}

int code_memory_open(struct code_memory *memory, medic_reason *why)
{
    void *room;
    int code;

    *memory =
        (struct code_memory){.fd = -1, .copy = -1, .size = BUFFERS_SIZE + MAPPINGS_MAX * sizeof(struct shared_mapping)};
    room = mmap(NULL, memory->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return medic_fail(why, MEDIC_E_MEMORY, "no address space for the copy's list of mappings: %s", strerror(errno));
    memory->room = room;
    code = find_file(memory, why);
    if (code != MEDIC_OK)
        code_memory_close(memory);
    return code;
}

void code_memory_close(struct code_memory *memory)
{
    if (memory->room)
        munmap(memory->room, memory->size);
    memory->room = NULL;
    if (memory->copy >= 0)
        close(memory->copy);
    memory->copy = -1;
}

static const char *read_number(const char *text, unsigned base, uint64_t *value)
{
    for (*value = 0;; text++) {
        unsigned digit = *text >= '0' && *text <= '9'   ? (unsigned)(*text - '0')
                         : *text >= 'a' && *text <= 'f' ? (unsigned)(*text - 'a') + 10
                                                        : 16;
        if (digit >= base)
            return text;
        *value = *value * base + digit;
    }
}

/* 7f00-7f10 rw-s 00001000 00:01 1234    /memfd:doublemapper (deleted) */
int code_memory_line(const char *line, struct shared_mapping *mapping)
{
    uint64_t device;
    const char *rights;

    line = read_number(line, 16, &mapping->begin);
    if (*line++ != '-')
        return 0;
    line = read_number(line, 16, &mapping->end);
    if (*line++ != ' ' || memchr(line, '\0', 5) || line[3] != 's' || line[4] != ' ')
        return 0;
    rights = line;
    line = read_number(line + 5, 16, &mapping->offset);
    if (*line++ != ' ')
        return 0;
    line = read_number(line, 16, &device);
    if (*line++ != ':')
        return 0;
    line = read_number(line, 16, &device);
    if (*line++ != ' ')
        return 0;
    line = read_number(line, 10, &mapping->inode);
    while (*line == ' ')
        line++;
    mapping->protection = (rights[0] == 'r' ? PROT_READ : 0u) | (rights[1] == 'w' ? PROT_WRITE : 0u) |
                          (rights[2] == 'x' ? PROT_EXEC : 0u);
    mapping->is_code = strncmp(line, CODE_NAME, sizeof CODE_NAME - 1) == 0;
    return mapping->is_code || (mapping->protection & PROT_WRITE) != 0;
}

/* Takes the mappings out of the whole lines of text; the rest moves to its beginning. -1 = too many of them. */
static int take_lines(char *text, size_t *size, struct shared_mapping *mappings, uint32_t *count)
{
    char *line = text, *line_end;

    while ((line_end = memchr(line, '\n', *size - (size_t)(line - text)))) {
        *line_end = '\0';
        if (*count == MAPPINGS_MAX)
            return -1;
        *count += (uint32_t)code_memory_line(line, &mappings[*count]);
        line = line_end + 1;
    }
    *size -= (size_t)(line - text);
    memmove(text, line, *size);
    return 0;
}

static int list_mappings(struct code_memory *memory, struct shared_mapping *mappings, uint32_t *count)
{
    char *text = (char *)memory->room;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
    size_t size = 0;
    ssize_t got = 0;
    int whole = 1;

    *count = 0;
    while (fd >= 0 && whole && (got = read(fd, text + size, TEXT_SIZE - size)) > 0) {
        size += (size_t)got;
        whole = take_lines(text, &size, mappings, count) == 0;
    }
    if (fd >= 0)
        close(fd);
    return fd >= 0 && got == 0 && whole && size == 0;
}

/* Reading both and comparing costs a quarter of writing: a file of memory finds its pages one by one. */
static int copy_extent(int from, int to, off_t begin, off_t extent_end, uint8_t *buffer)
{
    uint8_t *copied = buffer + TEXT_SIZE;

    while (begin < extent_end) {
        size_t size = extent_end - begin < TEXT_SIZE ? (size_t)(extent_end - begin) : TEXT_SIZE;
        ssize_t got = pread(from, buffer, size, begin);

        if (got <= 0)
            return 0;
        if ((pread(to, copied, (size_t)got, begin) != got || memcmp(buffer, copied, (size_t)got) != 0) &&
            pwrite(to, buffer, (size_t)got, begin) != got)
            return 0;
        begin += got;
    }
    return 1;
}

/* Where the file has a hole, its copy reads as zeros too. */
static int empty_extent(int to, off_t begin, off_t extent_end)
{
    off_t data = lseek(to, begin, SEEK_DATA);

    return data < 0 || data >= extent_end ||
           fallocate(to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, data, extent_end - data) == 0;
}

/* Makes the content of `to` that of `from`. lseek moves the offset of a file that is the target's too: nobody reads or writes a
 * memfd of code by it. */
static int copy_changes(int from, int to, uint8_t *buffer)
{
    off_t data, hole = 0;
    struct stat st;

    if (sys_fstat(from, &st) != 0 || ftruncate(to, st.st_size) != 0)
        return 0;
    while ((data = lseek(from, hole, SEEK_DATA)) >= 0) {
        off_t before = hole;
        hole = lseek(from, data, SEEK_HOLE);
        if (hole < 0 || !empty_extent(to, before, data) || !copy_extent(from, to, data, hole, buffer))
            return 0;
    }
    return errno == ENXIO && empty_extent(to, hole, st.st_size);
}

static int refused(medic_reason *why)
{
    return medic_fail(why, MEDIC_E_DENIED, "the copy cannot have its own code memory: errno %d", errno);
}

int code_memory_copy(struct code_memory *memory, medic_reason *why)
{
    if (memory->fd < 0)
        return MEDIC_OK;
    memory->copy = (int)syscall(SYS_memfd_create, CODE_NAME + sizeof "/memfd:" - 1, MFD_CLOEXEC);
    return memory->copy >= 0 && copy_changes(memory->fd, memory->copy, memory->room) ? MEDIC_OK : refused(why);
}

static int replace_file(struct code_memory *memory, const struct shared_mapping *mappings, uint32_t count,
                        medic_reason *why)
{
    int done = copy_changes(memory->fd, memory->copy, memory->room);

    for (uint32_t i = 0; i < count && done; i++) {
        const struct shared_mapping *mapping = &mappings[i];

        if (mapping->is_code)
            done = mmap((void *)(uintptr_t)mapping->begin, mapping->end - mapping->begin, (int)mapping->protection,
                        MAP_SHARED | MAP_FIXED | MAP_NORESERVE, memory->copy, (off_t)mapping->offset) != MAP_FAILED;
    }
    if (!done || syscall(SYS_dup3, memory->copy, memory->fd, O_CLOEXEC) < 0)
        return refused(why);
    return MEDIC_OK;
}

/* Whether the descriptor is still that of the file, and all code memory lies in it. */
static int is_known(const struct code_memory *memory, const struct shared_mapping *mappings, uint32_t count)
{
    struct stat st;
    int known = memory->fd >= 0 && sys_fstat(memory->fd, &st) == 0 && (uint64_t)st.st_ino == memory->inode;

    for (uint32_t i = 0; i < count && known; i++)
        known = !mappings[i].is_code || mappings[i].inode == memory->inode;
    return known;
}

/* What the program shares with others: nothing here writes to it, and should something, it is the copy that dies. */
static int seal(const struct shared_mapping *mapping)
{
    void *begin = (void *)(uintptr_t)mapping->begin;
    size_t size = mapping->end - mapping->begin;

    return mprotect(begin, size, PROT_READ) == 0 || munmap(begin, size) == 0;
}

int code_memory_unshare(struct code_memory *memory, const void *keep, size_t keep_size, medic_reason *why)
{
    struct shared_mapping *mappings = (void *)(memory->room + BUFFERS_SIZE);
    uint64_t kept = (uintptr_t)keep, kept_end = kept + keep_size;
    uint32_t count, code_mappings = 0;

    if (!list_mappings(memory, mappings, &count))
        return medic_fail(why, MEDIC_E_UNSUPPORTED, "the copy cannot read its own /proc/self/maps");
    for (uint32_t i = 0; i < count; i++) {
        code_mappings += mappings[i].is_code;
        if (!mappings[i].is_code && (mappings[i].end <= kept || mappings[i].begin >= kept_end) && !seal(&mappings[i]))
            return medic_fail(why, MEDIC_E_UNSUPPORTED, "the copy cannot let go of memory that the program shares");
    }
    if (code_mappings && !is_known(memory, mappings, count))
        return medic_fail(why, MEDIC_E_UNSUPPORTED, "the runtime's code memory has no descriptor");
    return code_mappings ? replace_file(memory, mappings, count, why) : MEDIC_OK;
}
