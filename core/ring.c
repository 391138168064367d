#include "core/ring.h"

#include "core/os.h"

#include <medic/result.h>
#include <string.h>
#include <sys/mman.h>

/* A cell begins with two words. The first one is published last: 0 = reserved or free, else the bytes of the whole cell
 * with PADDING for the unused end of the ring. The reader zeroes a cell before it gives it back. */
enum { CELL_HEAD = 16, PADDING = 1 };

struct cell {
    _Atomic uint32_t length; /* multiple of 8; bit 0 = PADDING */
    uint32_t size;
    uint32_t type;
    uint32_t reserved;
};

int ring_open(struct ring *ring, uint64_t bytes)
{
    uint64_t capacity = UINT64_C(64) << 10;

    while (capacity < bytes)
        capacity <<= 1;
    memset(ring, 0, sizeof *ring);
    ring->bytes = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ring->bytes == MAP_FAILED) {
        ring->bytes = NULL;
        return MEDIC_E_MEMORY;
    }
    ring->capacity = capacity;
    return MEDIC_OK;
}

void ring_close(struct ring *ring)
{
    if (ring->bytes)
        munmap(ring->bytes, ring->capacity);
    ring->bytes = NULL;
}

void ring_touch(struct ring *ring)
{
    for (uint64_t at = 0; at < ring->capacity; at += 4096)
        atomic_fetch_or_explicit((_Atomic uint32_t *)(void *)(ring->bytes + at), 0, memory_order_relaxed);
}

static struct cell *cell_at(const struct ring *ring, uint64_t position)
{
    return (struct cell *)(void *)(ring->bytes + (position & (ring->capacity - 1)));
}

void ring_wake(struct ring *ring)
{
    if (atomic_exchange_explicit(&ring->wake, 1, memory_order_relaxed) == 0)
        os_futex_wake(&ring->wake);
}

static int drop(struct ring *ring, int code)
{
    atomic_fetch_add_explicit(&ring->dropped, 1, memory_order_relaxed);
    ring_wake(ring);
    return code;
}

/* Reserves length bytes that do not wrap, with padding before them where the end of the ring is too near. */
static struct cell *reserve(struct ring *ring, uint64_t length)
{
    for (;;) {
        /* tail first: it never passes the head that is read after it. */
        uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
        uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
        uint64_t to_end = ring->capacity - (head & (ring->capacity - 1));
        uint64_t padding = to_end < length ? to_end : 0;

        if (head + padding + length - tail > ring->capacity)
            return NULL;
        if (!atomic_compare_exchange_weak_explicit(&ring->head, &head, head + padding + length, memory_order_acq_rel,
                                                   memory_order_relaxed))
            continue;
        if (padding)
            atomic_store_explicit(&cell_at(ring, head)->length, (uint32_t)padding | PADDING, memory_order_release);
        return cell_at(ring, head + padding);
    }
}

static uint64_t cell_length(uint64_t size)
{
    return CELL_HEAD + ((size + 7) & ~UINT64_C(7));
}

uint32_t ring_largest(const struct ring *ring)
{
    return (uint32_t)(ring->capacity / 4 - CELL_HEAD);
}

void ring_count_loss(struct ring *ring)
{
    drop(ring, MEDIC_E_FULL);
}

void *ring_reserve(struct ring *ring, uint32_t type, uint32_t size)
{
    struct cell *cell = size <= ring_largest(ring) ? reserve(ring, cell_length(size)) : NULL;

    if (!cell)
        return NULL;
    cell->size = size;
    cell->type = type;
    return (uint8_t *)cell + CELL_HEAD;
}

void ring_commit(struct ring *ring, void *payload)
{
    struct cell *cell = (struct cell *)(void *)((uint8_t *)payload - CELL_HEAD);

    atomic_store_explicit(&cell->length, (uint32_t)cell_length(cell->size), memory_order_release);
    if (atomic_load_explicit(&ring->head, memory_order_relaxed) -
            atomic_load_explicit(&ring->tail, memory_order_relaxed) >
        ring->capacity / 4)
        ring_wake(ring);
}

int ring_write(struct ring *ring, uint32_t type, const void *head, uint32_t head_size, const void *tail,
               uint32_t tail_size)
{
    uint64_t size = (uint64_t)head_size + tail_size;
    uint8_t *payload;

    if (size > ring_largest(ring))
        return drop(ring, MEDIC_E_ARGUMENT);
    payload = ring_reserve(ring, type, (uint32_t)size);
    if (!payload)
        return drop(ring, MEDIC_E_FULL);
    if (head_size)
        memcpy(payload, head, head_size);
    if (tail_size)
        memcpy(payload + head_size, tail, tail_size);
    ring_commit(ring, payload);
    return MEDIC_OK;
}

static void release(struct ring *ring, uint64_t tail, uint32_t length)
{
    memset(cell_at(ring, tail), 0, length);
    atomic_store_explicit(&ring->tail, tail + length, memory_order_release);
}

int ring_peek(struct ring *ring, struct ring_record *record)
{
    for (;;) {
        uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
        struct cell *cell;
        uint32_t length;

        if (tail == atomic_load_explicit(&ring->head, memory_order_relaxed))
            return 0;
        cell = cell_at(ring, tail);
        length = atomic_load_explicit(&cell->length, memory_order_acquire);
        if (length == 0)
            return 0;
        if (!(length & PADDING)) {
            record->type = cell->type;
            record->size = cell->size;
            record->data = (const uint8_t *)cell + CELL_HEAD;
            return 1;
        }
        release(ring, tail, length & ~(uint32_t)PADDING);
    }
}

void ring_pop(struct ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    release(ring, tail, atomic_load_explicit(&cell_at(ring, tail)->length, memory_order_relaxed));
}

int ring_unfinished(struct ring *ring)
{
    struct ring_record record;

    return !ring_peek(ring, &record) && atomic_load_explicit(&ring->tail, memory_order_relaxed) !=
                                            atomic_load_explicit(&ring->head, memory_order_relaxed);
}
