#include "core/ring.h"

#include "test.h"

#include <medic/result.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_small(void **state)
{
    struct ring *ring = aligned_alloc(64, sizeof *ring);

    assert_int_equal(ring_open(ring, 1), MEDIC_OK);
    assert_int_equal(ring->capacity, 65536);
    *state = ring;
    return 0;
}

static int close_it(void **state)
{
    ring_close(*state);
    free(*state);
    return 0;
}

static void an_empty_ring_gives_nothing(void **state)
{
    struct ring_record record;

    assert_int_equal(ring_peek(*state, &record), 0);
    assert_int_equal(ring_unfinished(*state), 0);
}

static void records_come_out_whole_and_in_order(void **state)
{
    struct ring *ring = *state;
    struct ring_record record;

    assert_int_equal(ring_write(ring, 300, "head", 4, "and tail", 8), MEDIC_OK);
    assert_int_equal(ring_write(ring, 301, NULL, 0, NULL, 0), MEDIC_OK);
    assert_int_equal(ring_peek(ring, &record), 1);
    assert_int_equal(record.type, 300);
    assert_int_equal(record.size, 12);
    assert_memory_equal(record.data, "headand tail", 12);
    assert_int_equal((uintptr_t)record.data % 8, 0);
    ring_pop(ring);
    assert_int_equal(ring_peek(ring, &record), 1);
    assert_int_equal(record.type, 301);
    assert_int_equal(record.size, 0);
    ring_pop(ring);
    assert_int_equal(ring_peek(ring, &record), 0);
}

static void a_record_can_be_filled_where_it_lies(void **state)
{
    struct ring *ring = *state;
    struct ring_record record;
    char *payload = ring_reserve(ring, 310, 11);

    assert_non_null(payload);
    assert_int_equal((uintptr_t)payload % 8, 0);
    assert_int_equal(ring_peek(ring, &record), 0); /* not before it is finished */
    memcpy(payload, "in its room", 11);
    ring_commit(ring, payload);
    assert_int_equal(ring_peek(ring, &record), 1);
    assert_int_equal(record.type, 310);
    assert_int_equal(record.size, 11);
    assert_memory_equal(record.data, "in its room", 11);
    ring_pop(ring);
    for (unsigned i = 0; i < 11; i++)
        assert_int_equal(payload[i], 0); /* nothing of it stays */
}

static void what_does_not_fit_is_not_reserved_and_not_counted(void **state)
{
    struct ring *ring = *state;

    assert_null(ring_reserve(ring, 310, ring_largest(ring) + 1));
    assert_int_equal(atomic_load(&ring->dropped), 0);
    for (int i = 0; i < 4; i++) {
        void *payload = ring_reserve(ring, 310, ring_largest(ring));

        assert_non_null(payload);
        ring_commit(ring, payload);
    }
    assert_null(ring_reserve(ring, 310, 1));
    assert_int_equal(atomic_load(&ring->dropped), 0);
    ring_count_loss(ring);
    assert_int_equal(atomic_load(&ring->dropped), 1);
}

static void a_full_ring_drops_counts_and_takes_records_again_after_a_pop(void **state)
{
    struct ring *ring = *state;
    struct ring_record record;
    static char big[10000];
    int written = 0;

    while (ring_write(ring, 256, big, sizeof big, NULL, 0) == MEDIC_OK)
        written++;
    assert_int_equal(written, 6);
    assert_int_equal(ring->dropped, 1);
    assert_int_equal(ring->wake, 1);
    assert_int_equal(ring_peek(ring, &record), 1);
    ring_pop(ring);
    /* the first cell is free, but the room at the end is too short: it is padded and the record goes to the front */
    assert_int_equal(ring_write(ring, 257, big, 9000, NULL, 0), MEDIC_OK);
    for (int i = 1; i < written; i++) {
        assert_int_equal(ring_peek(ring, &record), 1);
        assert_int_equal(record.type, 256);
        ring_pop(ring);
    }
    assert_int_equal(ring_peek(ring, &record), 1);
    assert_int_equal(record.type, 257);
}

static void a_record_larger_than_a_quarter_is_refused(void **state)
{
    struct ring *ring = *state;
    static char huge[20000];

    assert_int_equal(ring_write(ring, 256, huge, sizeof huge, NULL, 0), MEDIC_E_ARGUMENT);
    assert_int_equal(ring_write(ring, 256, huge, sizeof huge, huge, UINT32_MAX), MEDIC_E_ARGUMENT);
    assert_int_equal(ring->dropped, 2);
}

static void a_reserved_record_that_was_never_written_hides_what_follows_and_is_seen(void **state)
{
    struct ring *ring = *state;
    struct ring_record record;

    atomic_fetch_add(&ring->head, 64); /* a writer that died between reserving and publishing */
    assert_int_equal(ring_write(ring, 256, "x", 1, NULL, 0), MEDIC_OK);
    assert_int_equal(ring_peek(ring, &record), 0);
    assert_int_equal(ring_unfinished(ring), 1);
}

/* Many writers, one reader: every record that was accepted comes out once, unharmed, each writer's in its own order. */
enum { WRITERS = 4, RECORDS = 50000 };

static _Atomic int finished;

struct writer {
    struct ring *ring;
    uint32_t number;
    uint32_t accepted;
};

struct payload {
    uint32_t writer, sequence, check[60];
};

static void *write_many(void *argument)
{
    struct writer *writer = argument;
    struct payload payload;

    for (uint32_t i = 0; i < RECORDS; i++) {
        uint32_t extra = (i * 7 + writer->number) % 60;

        payload.writer = writer->number;
        payload.sequence = i;
        for (uint32_t k = 0; k < extra; k++)
            payload.check[k] = i ^ k;
        if (ring_write(writer->ring, 1000 + extra, &payload, 8, payload.check, extra * 4) == MEDIC_OK)
            writer->accepted++;
    }
    atomic_fetch_add(&finished, 1);
    return NULL;
}

static void many_writers_lose_nothing_that_was_accepted(void **state)
{
    struct ring *ring = *state;
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    uint32_t seen[WRITERS] = {0}, last[WRITERS];
    uint64_t accepted = 0, read = 0;
    struct ring_record record;
    int all_finished;

    memset(last, 0xff, sizeof last);
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){ring, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
    }
    do {
        all_finished = atomic_load(&finished) == WRITERS;
        while (ring_peek(ring, &record)) {
            const struct payload *payload = record.data;
            uint32_t extra = record.type - 1000;

            assert_true(payload->writer < WRITERS && record.size == 8 + extra * 4);
            assert_true(last[payload->writer] == UINT32_MAX || payload->sequence > last[payload->writer]);
            for (uint32_t k = 0; k < extra; k++)
                assert_int_equal(payload->check[k], payload->sequence ^ k);
            last[payload->writer] = payload->sequence;
            seen[payload->writer]++;
            read++;
            ring_pop(ring);
        }
    } while (!all_finished);
    for (uint32_t i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(seen[i], writers[i].accepted);
        accepted += writers[i].accepted;
    }
    assert_int_equal(read, accepted);
    assert_int_equal(accepted + ring->dropped, (uint64_t)WRITERS * RECORDS);
    assert_true(accepted > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_small, close_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_ring_gives_nothing),
        TEST(records_come_out_whole_and_in_order),
        TEST(a_record_can_be_filled_where_it_lies),
        TEST(what_does_not_fit_is_not_reserved_and_not_counted),
        TEST(a_full_ring_drops_counts_and_takes_records_again_after_a_pop),
        TEST(a_record_larger_than_a_quarter_is_refused),
        TEST(a_reserved_record_that_was_never_written_hides_what_follows_and_is_seen),
        TEST(many_writers_lose_nothing_that_was_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
