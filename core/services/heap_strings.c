#include "core/services/heap_strings.h"

#include "core/services/heap_output.h"

#include <string.h>

/* The memory is the copy's own, and charged to the target's cgroup: pages are touched as strings come. */
enum { SEEN_WORDS = 1 << 20, ENTRIES = 1 << 19, ENTRIES_USED_MAX = ENTRIES / 4 * 3, VALUES_MAX = 16 << 20 };
enum { FIRST_UNIT = 12 }; /* bytes from a string object's begin */

_Static_assert(SEEN_WORDS == 1 << (64 - 44), "a word of the map by the upper bits of the key");
#define MULTIPLIER UINT64_C(0x9E3779B97F4A7C15)

/* Seen twice, or, rarely, as if: strings may share their bits in the map. */
struct entry {
    uint64_t hash; /* 0 = free */
    uint64_t address;
    uint32_t length;
    uint32_t count;
};

struct heap_strings {
    uint32_t used;
    uint64_t refused; /* strings that came when the table was full */
    uint64_t *seen;   /* a word of 64 bits for some strings, three bits of it for each */
    struct entry *entries;
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof word);
    return word;
}

/* Sixteen bytes a step, folded by a product of 128 bits. */
uint64_t heap_string_hash(const uint16_t *units, uint64_t count)
{
    static const uint64_t first = UINT64_C(0xA0761D6478BD642F), second = UINT64_C(0xE7037ED1A0B428DB);
    const uint8_t *bytes = (const uint8_t *)units;
    uint64_t size = count * 2, hash = mix(size ^ first, second), tail[2] = {0, 0};

    for (; size > 16; size -= 16, bytes += 16)
        hash = mix(load(bytes) ^ first, load(bytes + 8) ^ hash);
    memcpy(tail, bytes, size);
    hash = mix(tail[0] ^ second, tail[1] ^ hash);
    hash = mix(hash ^ first, MULTIPLIER);
    return hash ? hash : 1;
}

uint64_t heap_strings_memory(void)
{
    return sizeof(struct heap_strings) + SEEN_WORDS * sizeof(uint64_t) + ENTRIES * sizeof(struct entry);
}

struct heap_strings *heap_strings_begin(void *memory)
{
    struct heap_strings *strings = memory;

    strings->entries = (struct entry *)(strings + 1);
    strings->seen = (uint64_t *)(strings->entries + ENTRIES);
    return strings;
}

/* Whether its bits were set already. */
static int see(struct heap_strings *strings, uint64_t key)
{
    uint64_t *word = &strings->seen[key >> 44];
    uint64_t bits = UINT64_C(1) << (key & 63) | UINT64_C(1) << (key >> 6 & 63) | UINT64_C(1) << (key >> 12 & 63);
    int seen = (*word & bits) == bits;

    *word |= bits;
    return seen;
}

void heap_strings_note(struct heap_strings *strings, uint64_t hash, uint32_t length, uint64_t address)
{
    uint64_t key = (hash ^ length) * MULTIPLIER;
    struct entry *entry = &strings->entries[(key >> 20) % ENTRIES];

    if (!see(strings, key))
        return;
    while (entry->hash && (entry->hash != hash || entry->length != length))
        entry = entry + 1 < strings->entries + ENTRIES ? entry + 1 : strings->entries;
    if (entry->hash) {
        entry->count += entry->count < UINT32_MAX;
    } else if (strings->used < ENTRIES_USED_MAX) {
        strings->used++;
        *entry = (struct entry){hash, address, length, 2};
    } else {
        strings->refused++;
    }
}

/* ---- the greatest waste first: a heap of entries, in the table's place ---- */

static uint64_t waste(const struct entry *entry)
{
    return (uint64_t)(entry->count - 1) * (22 + 2 * (uint64_t)entry->length);
}

static void sink_down(struct entry *heap, uint32_t count, uint32_t at)
{
    struct entry moved = heap[at];

    for (uint32_t child; (child = at * 2 + 1) < count; at = child) {
        if (child + 1 < count && waste(&heap[child + 1]) > waste(&heap[child]))
            child++;
        if (waste(&heap[child]) <= waste(&moved))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

static uint32_t make_heap(struct heap_strings *strings)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < ENTRIES; i++) {
        if (strings->entries[i].hash)
            strings->entries[count++] = strings->entries[i];
    }
    for (uint32_t i = count / 2; i-- > 0;)
        sink_down(strings->entries, count, i);
    return count;
}

static void write_value(struct heap_sink *sink, const struct entry *entry)
{
    uint32_t units = entry->length < sink->plan.value_units ? entry->length : sink->plan.value_units;
    medic_heap_value_record head = {sink->plan.head.photo, entry->length, entry->hash, units, 0};

    heap_output_record(sink, MEDIC_RECORD_HEAP_VALUE, &head, sizeof head,
                       (const void *)(uintptr_t)(entry->address + FIRST_UNIT), (uint64_t)units * 2);
}

void heap_strings_write(struct heap_sink *sink)
{
    struct heap_strings *strings = sink->strings;
    uint32_t count = strings->used ? make_heap(strings) : 0;
    uint64_t bytes = 0;

    while (count > 0 && !heap_sink_failed(sink)) {
        const struct entry *top = strings->entries;
        uint64_t units = top->length < sink->plan.value_units ? top->length : sink->plan.value_units;

        bytes += sizeof(medic_record_header) + sizeof(medic_heap_value_record) + units * 2;
        if (bytes > VALUES_MAX)
            break;
        write_value(sink, top);
        strings->entries[0] = strings->entries[--count];
        if (count)
            sink_down(strings->entries, count, 0);
    }
    if (count > 0)
        heap_output_log(sink,
                        "the texts of %u strings that are there more than once were left out: of those that "
                        "waste least, after %d MB of text",
                        count, VALUES_MAX >> 20);
    if (strings->refused)
        heap_output_log(sink,
                        "more than %d different strings are there more than once: the texts of some were left out",
                        ENTRIES_USED_MAX);
}
