/* The bounded ring between callbacks and worker: many writers on any thread (signal handlers and suspended code
 * included), one reader. Lock-free for writers; when there is no room the record is dropped and counted. */
#ifndef CORE_RING_H
#define CORE_RING_H

#include <stdatomic.h>
#include <stdint.h>

struct ring {
    uint8_t *bytes;                     /* mmap'ed, capacity bytes, zero where nothing is written */
    uint64_t capacity;                  /* a power of two */
    _Alignas(64) _Atomic uint64_t head; /* next byte to be reserved, ever growing */
    _Alignas(64) _Atomic uint64_t tail; /* next byte to be read, ever growing */
    _Alignas(64) _Atomic uint64_t dropped;
    _Atomic uint32_t wake; /* futex: 1 = the reader should come before its time */
};

/* MEDIC_OK or MEDIC_E_MEMORY. bytes is rounded up to a power of two of at least 64 KiB. */
int ring_open(struct ring *ring, uint64_t bytes);
void ring_close(struct ring *ring);

/* Copies head and tail behind one another as one record. MEDIC_OK, or MEDIC_E_FULL (counted), or MEDIC_E_ARGUMENT when it
 * is larger than a quarter of the ring (counted too). [any thread] */
int ring_write(struct ring *ring, uint32_t type, const void *head, uint32_t head_size, const void *tail,
               uint32_t tail_size);

/* For a writer that fills its record in place: room for size bytes, 8-byte aligned and zero, which must become a record by
 * ring_commit at once; NULL when there is none, or it is larger than ring_write allows. Nothing is counted.
 * [any thread, signal] */
void *ring_reserve(struct ring *ring, uint32_t type, uint32_t size);
/* payload is what ring_reserve returned. */
void ring_commit(struct ring *ring, void *payload);
/* Makes all of it resident, so that no writer waits for the kernel to find a page. [reader] */
void ring_touch(struct ring *ring);
/* The most bytes that one record can have. */
uint32_t ring_largest(const struct ring *ring);
/* Counts a record that was not written. */
void ring_count_loss(struct ring *ring);
/* Has the reader come before its time. [any thread, signal] */
void ring_wake(struct ring *ring);

struct ring_record {
    uint32_t type;
    uint32_t size;
    const void *data; /* 8-byte aligned, inside the ring */
};

/* The oldest finished record: 1 = filled, 0 = none (empty, or its writer is not done). [reader] */
int ring_peek(struct ring *ring, struct ring_record *record);
/* Gives the room of the peeked record back. [reader] */
void ring_pop(struct ring *ring);
/* Whether a writer has reserved room that it has not finished. [reader] */
int ring_unfinished(struct ring *ring);

#endif
