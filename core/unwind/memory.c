/* process_vm_readv of our own process; where that is refused (seccomp), through a pipe: write(2) checks addresses too. */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 64 };

struct memory {
    pid_t pid;
    bool through_pipe;
    int pipe[2];
    uint64_t page_address[PAGES]; /* 0 = nothing kept */
    uint8_t page[PAGES][PAGE];
};

struct memory *memory_new(void)
{
    struct memory *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->pid = getpid();
    m->pipe[0] = m->pipe[1] = -1;
    return m;
}

void memory_free(struct memory *m)
{
    if (!m)
        return;
    if (m->pipe[0] >= 0) {
        close(m->pipe[0]);
        close(m->pipe[1]);
    }
    free(m);
}

uint64_t memory_in_use(const struct memory *m)
{
    return sizeof *m;
}

static void empty_pipe(const struct memory *m)
{
    uint8_t rest[256];
    while (read(m->pipe[0], rest, sizeof rest) > 0)
        ;
}

/* At most a page, so that the pipe takes it without blocking. */
static size_t piped(struct memory *m, uint64_t address, uint8_t *to, size_t size)
{
    size_t have = 0;
    if (m->pipe[0] < 0 && syscall(SYS_pipe2, m->pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        m->pipe[0] = -1;
        return 0;
    }
    ssize_t put = write(m->pipe[1], (const void *)(uintptr_t)address, size < PAGE ? size : PAGE); /* NOLINT */
    while (put > 0 && have < (size_t)put) {
        ssize_t got = read(m->pipe[0], to + have, (size_t)put - have);
        if (got <= 0) {
            empty_pipe(m);
            return 0;
        }
        have += (size_t)got;
    }
    return have;
}

static size_t copied(struct memory *m, uint64_t address, uint8_t *to, size_t size)
{
    struct iovec local = {to, size}, remote = {(void *)(uintptr_t)address, size}; /* NOLINT */
    if (m->through_pipe)
        return piped(m, address, to, size);
    ssize_t got = syscall(SYS_process_vm_readv, m->pid, &local, 1UL, &remote, 1UL, 0UL);
    if (got < 0 && errno != EFAULT && errno != ENOMEM) {
        m->through_pipe = true;
        return piped(m, address, to, size);
    }
    return got > 0 ? (size_t)got : 0;
}

/* Page by page: the kernel may refuse a whole piece for one bad page in it. */
size_t memory_read_some(struct memory *m, uint64_t address, void *to, size_t size)
{
    uint8_t *out = to;
    size_t have = 0;
    if (address > UINT64_MAX - size)
        return 0;
    while (have < size) {
        uint64_t at = address + have;
        size_t piece = PAGE - (size_t)(at % PAGE);
        if (piece > size - have)
            piece = size - have;
        size_t got = copied(m, at, out + have, piece);
        have += got;
        if (got < piece)
            break;
    }
    return have;
}

bool memory_read(struct memory *m, uint64_t address, void *to, size_t size)
{
    return memory_read_some(m, address, to, size) == size;
}

static const uint8_t *kept_page(struct memory *m, uint64_t page)
{
    size_t slot = (size_t)((page / PAGE * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % PAGES;
    if (m->page_address[slot] == page)
        return m->page[slot];
    m->page_address[slot] = 0;
    if (page == 0 || copied(m, page, m->page[slot], PAGE) != PAGE)
        return NULL;
    m->page_address[slot] = page;
    return m->page[slot];
}

bool memory_read_constant(struct memory *m, uint64_t address, void *to, size_t size)
{
    uint8_t *out = to;
    if (address > UINT64_MAX - size)
        return false;
    while (size > 0) {
        uint64_t within = address % PAGE;
        size_t piece = PAGE - (size_t)within;
        const uint8_t *page = kept_page(m, address - within);
        if (!page)
            return false;
        if (piece > size)
            piece = size;
        memcpy(out, page + within, piece);
        out += piece;
        address += piece;
        size -= piece;
    }
    return true;
}

void memory_forget(struct memory *m)
{
    memset(m->page_address, 0, sizeof m->page_address);
}
