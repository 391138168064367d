#include "tool/heap_order.h"

#include <stdlib.h>
#include <string.h>

/* Numbers begin .. end - 1: first of addresses that ascend, then of places in the order. */
struct run {
    uint32_t begin, end;
};

static uint32_t count_runs(const uint64_t *address, uint32_t count)
{
    uint32_t runs = count != 0;
    for (uint32_t i = 1; i < count; i++)
        runs += address[i] <= address[i - 1];
    return runs;
}

static void find_runs(const uint64_t *address, uint32_t count, struct run *runs)
{
    uint32_t run = 0;
    runs[0].begin = 0;
    for (uint32_t i = 1; i < count; i++) {
        if (address[i] > address[i - 1])
            continue;
        runs[run++].end = i;
        runs[run].begin = i;
    }
    runs[run].end = count;
}

static int by_first_address(const void *a, const void *b, void *address)
{
    const uint64_t *of = address;
    uint64_t x = of[((const struct run *)a)->begin], y = of[((const struct run *)b)->begin];
    return (x > y) - (x < y);
}

/* Lays the runs one behind the other, and joins those that do not overlap. How many are left. */
static uint32_t lay_out(const uint64_t *address, struct run *runs, uint32_t count, uint32_t *order)
{
    uint32_t left = 0, at = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t begin = at;
        for (uint32_t number = runs[i].begin; number < runs[i].end; number++)
            order[at++] = number;
        /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.ArraySubscript): no run is empty */
        if (left && address[order[begin - 1]] < address[order[begin]])
            runs[left - 1].end = at;
        else
            runs[left++] = (struct run){begin, at};
    }
    return left;
}

static void merge(const uint64_t *address, const uint32_t *from, struct run a, struct run b, uint32_t *to)
{
    for (uint32_t at = a.begin; at < b.end; at++) {
        int take_a = a.begin < a.end && (b.begin == b.end || address[from[a.begin]] <= address[from[b.begin]]);
        to[at] = take_a ? from[a.begin++] : from[b.begin++];
    }
}

/* Neighbours become one, until one is left. The array that holds the result. */
static uint32_t *merge_all(const uint64_t *address, struct run *runs, uint32_t count, uint32_t *order, uint32_t *other)
{
    while (count > 1) {
        uint32_t left = 0;
        for (uint32_t i = 0; i < count; i += 2) {
            struct run a = runs[i], b = i + 1 < count ? runs[i + 1] : (struct run){a.end, a.end};
            merge(address, order, a, b, other);
            runs[left++] = (struct run){a.begin, b.end};
        }
        uint32_t *merged = other;
        other = order;
        order = merged;
        count = left;
    }
    return order;
}

static uint32_t drop_repeated(const uint64_t *address, uint32_t *order, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!kept || address[order[kept - 1]] != address[order[i]])
            /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): lay_out filled it */
            order[kept++] = order[i];
    return kept;
}

int heap_order(const uint64_t *address, uint32_t count, uint32_t **order, uint32_t *kept)
{
    uint32_t run_count = count_runs(address, count);
    *order = NULL;
    *kept = count;
    if (run_count <= 1)
        return 0;
    struct run *runs = malloc(run_count * sizeof *runs);
    uint32_t *first = malloc(count * sizeof *first), *second = malloc(count * sizeof *second);
    int result = runs && first && second ? 0 : -1;
    if (!result) {
        find_runs(address, count, runs);
        qsort_r(runs, run_count, sizeof *runs, by_first_address, (void *)(uintptr_t)address);
        run_count = lay_out(address, runs, run_count, first);
        *order = merge_all(address, runs, run_count, first, second);
        *kept = drop_repeated(address, *order, count);
    }
    free(runs);
    if (first != *order)
        free(first);
    if (second != *order)
        free(second);
    return result;
}
