#include "tool/heap_read.h"

#include "tool/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 512u /* references told at a time */

struct reading {
    struct heap_parts *parts;
    const struct heap_visitor *visitor;
    uint32_t photo;
    struct heap_reference piece[PIECE];
    uint32_t pieces;
};

/* A record's bytes that are still to be read. bad stays set once something did not fit. */
struct input {
    const unsigned char *at, *end;
    int bad;
};

/* --- the alphabet --- */

static uint64_t take_number_slowly(struct input *input)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && input->at < input->end; shift += 7) {
        unsigned char byte = *input->at++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return number;
    }
    input->bad = 1;
    return 0;
}

/* LEB128. */
static inline uint64_t take_number(struct input *input)
{
    if (input->at < input->end && *input->at < 0x80)
        return *input->at++;
    return take_number_slowly(input);
}

/* A distance, in bytes. */
static inline uint64_t unzigzag(uint64_t number)
{
    return ((number >> 1) ^ (UINT64_C(0) - (number & 1))) * 8;
}

static uint64_t take_u64(struct input *input)
{
    uint64_t number = 0;
    if (input->end - input->at < (ptrdiff_t)sizeof number) {
        input->bad = 1;
        return 0;
    }
    memcpy(&number, input->at, sizeof number);
    input->at += sizeof number;
    return number;
}

/* The fixed head of a record; 0 when the record is shorter. */
static int take_head(struct input *input, void *head, size_t size)
{
    if ((size_t)(input->end - input->at) < size)
        return 0;
    memcpy(head, input->at, size);
    input->at += size;
    return 1;
}

/* --- lists --- */

/* Room for more items behind those that are there; NULL: no memory. */
static void *list_add(struct heap_list *list, size_t count, size_t item_size)
{
    if (!list->items || list->capacity - list->count < count) {
        size_t capacity = list->capacity + list->capacity / 2 + count + 16;
        void *larger = capacity < SIZE_MAX / item_size ? realloc(list->items, capacity * item_size) : NULL;
        if (!larger)
            return NULL;
        list->items = larger;
        list->capacity = capacity;
    }
    void *room = (char *)list->items + list->count * item_size;
    list->count += count;
    return room;
}

static int read_list(struct input *input, struct heap_list *list, size_t item_size)
{
    medic_heap_list_record head;
    if (!take_head(input, &head, sizeof head) || head.count > (size_t)(input->end - input->at) / item_size)
        return MEDIC_E_CORRUPT;
    void *room = list_add(list, head.count, item_size);
    if (!room)
        return MEDIC_E_MEMORY;
    memcpy(room, input->at, head.count * item_size);
    return MEDIC_OK;
}

static char *take_text(struct heap_parts *parts, struct input *input, uint32_t length)
{
    size_t size = utf8_repaired_size((const char *)input->at, length);
    char *text = arena_alloc(&parts->arena, size + 1);
    if (!text)
        return NULL;
    utf8_repair((const char *)input->at, length, text);
    text[size] = '\0';
    input->at += length;
    return text;
}

/* --- the records that come once, each in the first reading --- */

static int read_head(struct reading *reading, struct input *input)
{
    return take_head(input, &reading->parts->head, sizeof reading->parts->head) ? MEDIC_OK : MEDIC_E_CORRUPT;
}

static int ascending(const uint32_t *offsets, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        if (offsets[i] <= offsets[i - 1])
            return 0;
    return 1;
}

static int read_class(struct reading *reading, struct input *input)
{
    struct heap_parts *parts = reading->parts;
    medic_heap_class_record about;
    if (!take_head(input, &about, sizeof about) || about.index != parts->classes.count + 1)
        return MEDIC_E_CORRUPT;
    uint64_t count = (uint64_t)about.slot_count + about.element_slot_count;
    if (count > (size_t)(input->end - input->at) / sizeof(uint32_t) ||
        (about.element_slot_count && !about.component_size))
        return MEDIC_E_CORRUPT;
    uint32_t *offsets = arena_alloc(&parts->arena, count * sizeof *offsets);
    struct heap_class *class = list_add(&parts->classes, 1, sizeof *class);
    if (!offsets || !class)
        return MEDIC_E_MEMORY;
    memcpy(offsets, input->at, count * sizeof *offsets);
    *class = (struct heap_class){about, offsets};
    return ascending(offsets, about.slot_count) && ascending(offsets + about.slot_count, about.element_slot_count)
               ? MEDIC_OK
               : MEDIC_E_CORRUPT;
}

static int read_roots(struct reading *reading, struct input *input)
{
    return read_list(input, &reading->parts->roots, sizeof(medic_heap_root_entry));
}

static int read_dependents(struct reading *reading, struct input *input)
{
    return read_list(input, &reading->parts->dependents, sizeof(medic_heap_dependent_entry));
}

static int read_ranges(struct reading *reading, struct input *input)
{
    return read_list(input, &reading->parts->ranges, sizeof(medic_heap_range_entry));
}

static int read_statics(struct reading *reading, struct input *input)
{
    return read_list(input, &reading->parts->statics, sizeof(medic_heap_static_entry));
}

static int read_value(struct reading *reading, struct input *input)
{
    medic_heap_value_record about;
    if (!take_head(input, &about, sizeof about) || about.units > about.length ||
        about.units > (size_t)(input->end - input->at) / sizeof(uint16_t))
        return MEDIC_E_CORRUPT;
    uint16_t *text = arena_alloc(&reading->parts->arena, about.units * sizeof *text);
    medic_heap_value *value = list_add(&reading->parts->values, 1, sizeof *value);
    if (!text || !value)
        return MEDIC_E_MEMORY;
    memcpy(text, input->at, about.units * sizeof *text);
    *value = (medic_heap_value){about.hash, about.length, about.units, text};
    return MEDIC_OK;
}

static int begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* What was written in the source, of a name that a compiler made of it: of `<Items>k__BackingField` (a property), `<x>5__2` (a
 * local of a state machine), `<Name>i__Field` (of an anonymous type), `<clock>P` (a parameter of a class), `<>4__this`. */
static const char *as_written(char *name)
{
    char *close = *name == '<' ? strchr(name, '>') : NULL;
    if (strcmp(name, "<>4__this") == 0)
        return name + 5;
    if (!close || close == name + 1)
        return name;
    if (!begins(close, ">k__BackingField") && !begins(close, ">i__Field") && !begins(close, ">5__") &&
        strcmp(close, ">P") != 0)
        return name;
    *close = '\0';
    return name + 1;
}

static int read_field(struct heap_parts *parts, struct input *input, struct heap_field *field)
{
    medic_heap_field_entry about;
    if (!take_head(input, &about, sizeof about) || about.length > (size_t)(input->end - input->at))
        return MEDIC_E_CORRUPT;
    size_t padding = (4 - about.length % 4) % 4;
    char *name = take_text(parts, input, about.length);
    *field = (struct heap_field){about.offset, about.token, name ? as_written(name) : NULL};
    input->at += padding < (size_t)(input->end - input->at) ? padding : (size_t)(input->end - input->at);
    return field->name ? MEDIC_OK : MEDIC_E_MEMORY;
}

static int read_fields(struct reading *reading, struct input *input)
{
    struct heap_parts *parts = reading->parts;
    medic_heap_fields_record about;
    if (!take_head(input, &about, sizeof about) ||
        about.count > (size_t)(input->end - input->at) / sizeof(medic_heap_field_entry))
        return MEDIC_E_CORRUPT;
    struct heap_field *fields = arena_alloc(&parts->arena, about.count * sizeof *fields);
    struct heap_fields *all = list_add(&parts->fields, 1, sizeof *all);
    if (!fields || !all)
        return MEDIC_E_MEMORY;
    *all = (struct heap_fields){about.class_id, about.parent_id, about.element_id, about.count, fields};
    int result = MEDIC_OK;
    for (uint32_t i = 0; i < about.count && !result; i++)
        result = read_field(parts, input, &fields[i]);
    return result;
}

static int read_done(struct reading *reading, struct input *input)
{
    struct heap_parts *parts = reading->parts;
    if (!take_head(input, &parts->done, sizeof parts->done) || parts->done.length > (size_t)(input->end - input->at))
        return MEDIC_E_CORRUPT;
    parts->reason = take_text(parts, input, parts->done.length);
    return parts->reason ? MEDIC_OK : MEDIC_E_MEMORY;
}

/* --- objects and references, in each reading --- */

static int tell_piece(struct reading *reading, const uint64_t *array)
{
    const struct heap_visitor *visitor = reading->visitor;
    uint32_t count = reading->pieces;
    reading->pieces = 0;
    if (!count)
        return MEDIC_OK;
    return array ? visitor->elements(visitor->data, *array, reading->piece, count)
                 : visitor->references(visitor->data, reading->piece, count);
}

/* One reference of the object at `from`. array: as in tell_piece. */
static inline int take_reference(struct reading *reading, struct input *input, uint64_t from, uint32_t slot,
                                 const uint64_t *array)
{
    uint64_t number = take_number(input);
    if (!number)
        return MEDIC_OK;
    reading->piece[reading->pieces++] = (struct heap_reference){
        from + unzigzag(number - 1), (uint8_t)(slot < MEDIC_SLOT_DEPENDENT ? slot : MEDIC_SLOT_UNKNOWN)};
    return reading->pieces == PIECE ? tell_piece(reading, array) : MEDIC_OK;
}

/* The references of elements begin .. begin + count - 1 (each with slots), numbered through. */
static int take_elements(struct reading *reading, struct input *input, uint64_t from, uint32_t slots, uint64_t first,
                         uint64_t count, const uint64_t *array)
{
    uint32_t slot = (uint32_t)(first % slots);
    int result = MEDIC_OK;
    for (uint64_t i = 0; i < count && !result && !input->bad; i++) {
        result = take_reference(reading, input, from, slot, array);
        slot = slot + 1 == slots ? 0 : slot + 1;
    }
    return result;
}

static int take_references(struct reading *reading, struct input *input, const struct heap_object *object,
                           const medic_heap_class_record *about)
{
    int is_array = about->element_slot_count != 0, result = MEDIC_OK;
    for (uint32_t i = 0; i < about->slot_count && !result && !input->bad; i++)
        result = take_reference(reading, input, object->address, is_array ? MEDIC_SLOT_UNKNOWN : i, NULL);
    uint64_t elements = object->count * about->element_slot_count; /* count < 2^35, see object_size */
    if (elements && elements <= MEDIC_HEAP_INLINE_SLOTS && !result)
        result = take_elements(reading, input, object->address, about->element_slot_count, 0, elements, NULL);
    uint64_t extra = about->flags & (MEDIC_HEAP_COLLECTIBLE | MEDIC_HEAP_ODD) ? take_number(input) : 0;
    for (uint64_t i = 0; i < extra && !result && !input->bad; i++)
        result = take_reference(reading, input, object->address, MEDIC_SLOT_UNKNOWN, NULL);
    return result ? result : tell_piece(reading, NULL);
}

/* In 8 bytes; 0 when no object has it. */
static uint64_t object_size(const medic_heap_class_record *about, uint64_t count)
{
    if (about->component_size && count > (UINT64_C(8) * UINT32_MAX) / about->component_size)
        return 0;
    uint64_t units = (about->base_size + count * about->component_size + 7) / 8;
    return units <= UINT32_MAX ? units : 0;
}

static int take_object(struct reading *reading, struct input *input, uint64_t *end)
{
    uint64_t index = take_number(input), gap = take_number(input);
    if (input->bad || index == 0 || index > reading->parts->classes.count)
        return MEDIC_E_CORRUPT;
    const medic_heap_class_record *about = &heap_class_at(reading->parts, (uint32_t)index)->about;
    struct heap_object object = {.address = *end + unzigzag(gap), .class_index = (uint32_t)index};
    if (about->component_size)
        object.count = take_number(input);
    if (about->flags & MEDIC_HEAP_STRING && reading->parts->head.contents & MEDIC_HEAP_HASHES)
        object.hash = take_u64(input);
    object.units = object_size(about, object.count);
    *end = object.address + object.units * 8;
    if (input->bad || !object.units || !object.address || *end < object.address)
        return MEDIC_E_CORRUPT;
    int result = reading->visitor->object(reading->visitor->data, &object);
    return result ? result : take_references(reading, input, &object, about);
}

static int read_objects(struct reading *reading, struct input *input)
{
    medic_heap_objects_record head;
    if (!take_head(input, &head, sizeof head) || head.first % 8)
        return MEDIC_E_CORRUPT;
    int result = MEDIC_OK;
    uint64_t end = head.first;
    for (uint32_t i = 0; i < head.count && !result && !input->bad; i++)
        result = take_object(reading, input, &end);
    return input->bad ? MEDIC_E_CORRUPT : result;
}

static int read_elements(struct reading *reading, struct input *input)
{
    medic_heap_elements_record head;
    if (!take_head(input, &head, sizeof head) || head.count > (size_t)(input->end - input->at))
        return MEDIC_E_CORRUPT;
    uint32_t slots = reading->visitor->slots(reading->visitor->data, head.array);
    int result = take_elements(reading, input, head.array, slots, head.first, head.count, &head.array);
    if (!result)
        result = tell_piece(reading, &head.array);
    return input->bad ? MEDIC_E_CORRUPT : result;
}

/* --- the walk --- */

static const struct {
    int (*read)(struct reading *reading, struct input *input);
    int again; /* in later readings, too */
} READ[MEDIC_RECORD_HEAP_DONE + 1] = {
    [MEDIC_RECORD_HEAP] = {read_head, 0},
    [MEDIC_RECORD_HEAP_CLASS] = {read_class, 0},
    [MEDIC_RECORD_HEAP_OBJECTS] = {read_objects, 1},
    [MEDIC_RECORD_HEAP_ELEMENTS] = {read_elements, 1},
    [MEDIC_RECORD_HEAP_ROOTS] = {read_roots, 0},
    [MEDIC_RECORD_HEAP_DEPENDENTS] = {read_dependents, 0},
    [MEDIC_RECORD_HEAP_RANGES] = {read_ranges, 0},
    [MEDIC_RECORD_HEAP_STATICS] = {read_statics, 0},
    [MEDIC_RECORD_HEAP_VALUE] = {read_value, 0},
    [MEDIC_RECORD_HEAP_FIELDS] = {read_fields, 0},
    [MEDIC_RECORD_HEAP_DONE] = {read_done, 0},
};

/* Every record of a photograph begins with its number. */
static int read_record(struct reading *reading, const medic_record *record, int first)
{
    uint32_t photo;
    if (record->type > MEDIC_RECORD_HEAP_DONE || !READ[record->type].read || record->size < sizeof photo)
        return MEDIC_OK;
    memcpy(&photo, record->data, sizeof photo);
    if (photo != reading->photo || (!first && !READ[record->type].again))
        return MEDIC_OK;
    struct input input = {record->data, (const unsigned char *)record->data + record->size, 0};
    return READ[record->type].read(reading, &input);
}

static int explain(int code, uint32_t photo, uint64_t offset, medic_reason *why)
{
    if (code == MEDIC_E_MEMORY)
        return medic_fail(why, code, "out of memory while reading photograph %u of the heap", photo);
    return medic_fail(why, code, "photograph %u of the heap is damaged in the capture, at byte %llu: take another one",
                      photo, (unsigned long long)offset);
}

static int walk_failed(const struct capture_walk *walk, uint32_t photo, medic_reason *why)
{
    if (walk->error == ENOMEM)
        return explain(MEDIC_E_MEMORY, photo, 0, why);
    if (walk->error)
        return medic_fail(why, MEDIC_E_IO, "cannot read the capture: %s", strerror(walk->error));
    return walk->damaged_records ? explain(MEDIC_E_CORRUPT, photo, walk->offset, why) : MEDIC_OK;
}

static int compare_values(const void *a, const void *b)
{
    const medic_heap_value *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->length > y->length) - (x->length < y->length);
}

static int compare_fields(const void *a, const void *b)
{
    const struct heap_fields *x = a, *y = b;
    return (x->class_id > y->class_id) - (x->class_id < y->class_id);
}

static void sort(struct heap_list *list, size_t item_size, int (*compare)(const void *, const void *))
{
    if (list->count)
        qsort(list->items, list->count, item_size, compare);
}

int heap_read(const struct capture *capture, const struct capture_photo *photo, struct heap_parts *parts, int first,
              const struct heap_visitor *visitor, medic_reason *why)
{
    struct reading *reading = calloc(1, sizeof *reading);
    if (!reading)
        return explain(MEDIC_E_MEMORY, photo->photo, 0, why);
    *reading = (struct reading){.parts = parts, .visitor = visitor, .photo = photo->photo};
    struct capture_walk walk;
    medic_record record;
    int result = MEDIC_OK;
    capture_walk_photo(capture, photo, &walk);
    while (!result && !walk.damaged_records && walk_next(&walk, &record))
        result = read_record(reading, &record, first);
    if (result)
        explain(result, photo->photo, walk_payload_offset(&walk, &record), why);
    else
        result = walk_failed(&walk, photo->photo, why);
    if (first && !result && !parts->reason)
        result = explain(MEDIC_E_CORRUPT, photo->photo, photo->end, why); /* its DONE record has gone since */
    walk_end(&walk);
    free(reading);
    if (first) {
        sort(&parts->values, sizeof(medic_heap_value), compare_values);
        sort(&parts->fields, sizeof(struct heap_fields), compare_fields);
    }
    return result;
}

/* --- for callers --- */

void heap_parts_free(struct heap_parts *parts)
{
    struct heap_list *lists[] = {&parts->classes, &parts->roots,  &parts->dependents, &parts->ranges,
                                 &parts->statics, &parts->values, &parts->fields};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        free(lists[i]->items);
    arena_free(&parts->arena);
    *parts = (struct heap_parts){0};
}

const struct heap_class *heap_class_at(const struct heap_parts *parts, uint32_t index)
{
    return (const struct heap_class *)parts->classes.items + (index - 1);
}

static const void *search(const struct heap_list *list, const void *key, size_t item_size,
                          int (*compare)(const void *, const void *))
{
    return list->count ? bsearch(key, list->items, list->count, item_size, compare) : NULL;
}

const struct heap_fields *heap_fields_of(const struct heap_parts *parts, uint64_t class_id)
{
    struct heap_fields key = {.class_id = class_id};
    return search(&parts->fields, &key, sizeof key, compare_fields);
}

const medic_heap_value *heap_value_of(const struct heap_parts *parts, uint64_t hash, uint32_t length)
{
    medic_heap_value key = {.hash = hash, .length = length};
    return search(&parts->values, &key, sizeof key, compare_values);
}
