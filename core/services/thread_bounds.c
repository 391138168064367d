#include "core/services/thread_bounds.h"

#include "core/os.h"

#include <pthread.h>

enum { ENTRIES = 1024 };

/* Threads come and go, and their ids come back: id and control block together tell whether an entry is this thread's. An odd
 * version: somebody writes. */
struct entry {
    _Atomic uint32_t version;
    _Atomic uint32_t tid;
    _Atomic uint64_t block, low, high;
};

static struct entry entries[ENTRIES];

int thread_bounds_ask(struct thread_bounds *bounds)
{
    uint64_t block = (uint64_t)(uintptr_t)pthread_self(); /* where glibc keeps it is what it calls the thread */
    pthread_attr_t attributes;
    void *address = NULL;
    size_t size = 0;
    int error = pthread_getattr_np(pthread_self(), &attributes);

    if (error)
        return 0;
    error = pthread_attr_getstack(&attributes, &address, &size);
    pthread_attr_destroy(&attributes);
    if (error || !address || !size)
        return 0;
    bounds->low = (uint64_t)(uintptr_t)address;
    bounds->high = bounds->low + size;
    if (block > bounds->low && block < bounds->high)
        bounds->high = block;
    return 1;
}

static int read_entry(struct entry *entry, uint32_t tid, uint64_t block, struct thread_bounds *bounds)
{
    uint32_t version = atomic_load(&entry->version);
    int same = atomic_load(&entry->tid) == tid && atomic_load(&entry->block) == block;

    bounds->low = atomic_load(&entry->low);
    bounds->high = atomic_load(&entry->high);
    return same && !(version & 1) && atomic_load(&entry->version) == version;
}

static void write_entry(struct entry *entry, uint32_t tid, uint64_t block, const struct thread_bounds *bounds)
{
    uint32_t version = atomic_load(&entry->version);

    if ((version & 1) || !atomic_compare_exchange_strong(&entry->version, &version, version + 1))
        return;
    atomic_store(&entry->tid, tid);
    atomic_store(&entry->block, block);
    atomic_store(&entry->low, bounds->low);
    atomic_store(&entry->high, bounds->high);
    atomic_store(&entry->version, version + 2);
}

int thread_bounds_get(struct thread_bounds *bounds)
{
    uint32_t tid = os_thread_id();
    uint64_t block = (uint64_t)(uintptr_t)pthread_self();
    struct entry *entry = &entries[tid % ENTRIES];

    if (read_entry(entry, tid, block, bounds))
        return 1;
    if (!thread_bounds_ask(bounds))
        return 0;
    write_entry(entry, tid, block, bounds);
    return 1;
}
