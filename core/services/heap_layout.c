#include "core/services/heap_layout.h"

#include <medic/heap_format.h>
#include <stddef.h>
#include <string.h>

/* methodtable.h: the flags are the first word of a MethodTable, the base size is the second. */
#define HAS_COMPONENTS 0x80000000u /* the low half of the flags is the size of one */
#define HAS_REFERENCES 0x01000000u
#define CATEGORY_MASK 0x000c0000u
#define CATEGORY_ARRAY 0x00080000u
#define COLLECTIBLE_8 0x10000000u /* of .NET 8; since 9: */
#define COLLECTIBLE 0x00200000u

enum { WORD = 8, SERIES_MAX = 4096 };

/* gcdesc.h: a run of references; in front of the MethodTable, the last one next to the count of them. */
struct series {
    int64_t size; /* bytes of it less the bytes of the object */
    uint64_t begin;
};

/* Of an array of value types: one run in an element, and how far the next begins behind it. */
struct element_series {
    uint32_t references;
    uint32_t skip;
};

/* Where the offsets go. */
struct room {
    uint32_t *offsets;
    uint32_t count, capacity;
};

static void read_word(uint64_t address, void *word)
{
    memcpy(word, (const void *)(uintptr_t)address, WORD);
}

static int64_t series_count(uint64_t method_table)
{
    int64_t count;

    read_word(method_table - WORD, &count);
    return count;
}

static struct series series_at(uint64_t method_table, int64_t number)
{
    uint64_t address = method_table - WORD - (uint64_t)(number + 1) * sizeof(struct series);
    struct series series;

    read_word(address, &series.size);
    read_word(address + WORD, &series.begin);
    return series;
}

static int put_run(struct room *room, uint64_t begin, uint64_t references)
{
    if (references > room->capacity - room->count)
        return 0;
    for (uint64_t i = 0; i < references; i++)
        room->offsets[room->count++] = (uint32_t)(begin + i * WORD);
    return 1;
}

/* Finds the series that begins next behind `after`. */
static int next_series(uint64_t method_table, int64_t count, uint64_t after, struct series *next)
{
    int found = 0;

    for (int64_t i = 0; i < count; i++) {
        struct series series = series_at(method_table, i);

        if (series.begin >= after && (!found || series.begin < next->begin)) {
            *next = series;
            found = 1;
        }
    }
    return found;
}

/* Series are in no order that could be relied upon: they are taken by where they begin. */
static int read_slots(uint64_t method_table, struct heap_layout *layout, struct room *room)
{
    int64_t count = series_count(method_table);
    uint64_t end = WORD;

    if (count < 0 || count > SERIES_MAX)
        return 0;
    for (int64_t i = 0; i < count; i++) {
        struct series series = {0, 0};
        uint64_t size;

        if (!next_series(method_table, count, end, &series))
            return 0;
        size = (uint64_t)series.size + layout->base_size;
        if (series.begin % WORD || size % WORD || size > layout->base_size ||
            series.begin + size > layout->base_size - (uint64_t)WORD || !put_run(room, series.begin, size / WORD))
            return 0;
        end = series.begin + size;
    }
    layout->slot_count = room->count;
    return 1;
}

/* An array of references, or of value types that are nothing else: one series, all of its elements. */
static int read_references(uint64_t method_table, struct heap_layout *layout, struct room *room)
{
    struct series series = series_at(method_table, 0);

    if (series_count(method_table) != 1 || series.size != -(int64_t)layout->base_size ||
        series.begin != layout->base_size - (uint64_t)WORD || layout->component_size % WORD)
        return 0;
    layout->element_slot_count = layout->component_size / WORD;
    return put_run(room, 0, layout->element_slot_count);
}

/* An array of value types: a negative count of runs, the first of which is where the size of the series would be, the others in
 * front of it. */
static int read_elements(uint64_t method_table, struct heap_layout *layout, struct room *room)
{
    int64_t runs = -series_count(method_table);
    uint64_t first = method_table - WORD - sizeof(struct series), begin = series_at(method_table, 0).begin, at;
    uint64_t elements = layout->base_size - (uint64_t)WORD;

    if (runs > SERIES_MAX || begin < elements || begin % WORD)
        return 0;
    at = begin -= elements;
    for (int64_t i = 0; i < runs; i++) {
        struct element_series run;

        read_word(first - (uint64_t)i * WORD, &run);
        if (run.skip % WORD || at + (uint64_t)run.references * WORD > layout->component_size ||
            !put_run(room, at, run.references))
            return 0;
        at += (uint64_t)run.references * WORD + run.skip;
    }
    layout->element_slot_count = room->count;
    return at == begin + layout->component_size;
}

static int read_all(uint64_t method_table, uint32_t flags, struct heap_layout *layout, struct room *room)
{
    if (layout->base_size < 2 * WORD || (layout->base_size % WORD && !(layout->flags & MEDIC_HEAP_STRING)))
        return 0;
    if (!(flags & HAS_REFERENCES))
        return 1;
    if (!(flags & HAS_COMPONENTS))
        return read_slots(method_table, layout, room);
    if (!(layout->flags & MEDIC_HEAP_ARRAY) || layout->base_size < 3 * WORD)
        return 0;
    return series_count(method_table) < 0 ? read_elements(method_table, layout, room)
                                          : read_references(method_table, layout, room);
}

void heap_layout_read(uint64_t method_table, struct heap_layout *layout, uint32_t *offsets, uint32_t room)
{
    struct room all = {offsets, 0, room};
    uint32_t words[2];

    read_word(method_table, words);
    *layout = (struct heap_layout){.base_size = words[1]};
    if (words[0] & HAS_COMPONENTS) {
        layout->component_size = words[0] & 0xffff;
        if ((words[0] & CATEGORY_MASK) == CATEGORY_ARRAY)
            layout->flags = MEDIC_HEAP_ARRAY;
        else if (layout->component_size == 2)
            layout->flags = MEDIC_HEAP_STRING;
    }
    if (!read_all(method_table, words[0], layout, &all)) {
        layout->flags |= MEDIC_HEAP_ODD;
        layout->slot_count = layout->element_slot_count = 0;
    }
}

int heap_layout_is_free(const struct heap_layout *layout)
{
    return layout->component_size == 1 && !(layout->flags & MEDIC_HEAP_ARRAY);
}

int heap_layout_can_go(uint64_t method_table, uint16_t runtime_major)
{
    uint32_t flags[2];

    read_word(method_table, flags);
    switch (runtime_major) {
    case 8: return (flags[0] & COLLECTIBLE_8) != 0;
    case 9:
    case 10: return (flags[0] & COLLECTIBLE) != 0;
    default: return 1;
    }
}

uint64_t heap_layout_size(const struct heap_layout *layout, uint64_t count)
{
    return (layout->base_size + count * layout->component_size + WORD - 1) & ~(uint64_t)(WORD - 1);
}
