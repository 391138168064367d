/* core/services: objects of a heap become records that say the same. The heap is made by hand: MethodTables with the
 * collector's description in front of them, and objects of them in a block of memory. */
#include "test.h"

#include "common/crc32.h"
#include "core/services/heap_sink.h"
#include "core/services/heap_statics.h"
#include "core/services/heap_strings.h"

#include <fcntl.h>
#include <medic/clr/hresults.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- MethodTables ---- */

#define HAS_COMPONENTS 0x80000000u
#define HAS_REFERENCES 0x01000000u
#define ARRAY 0x00080000u

/* In front of words[ROOM]: the description; from there on: the MethodTable. */
enum { ROOM = 512 };
struct table {
    uint64_t words[ROOM + 2];
    uint64_t next;
};

static uint64_t id_of(struct table *table)
{
    return (uint64_t)(uintptr_t)&table->words[ROOM];
}

static void set_table(struct table *table, uint32_t flags, uint32_t base_size)
{
    memset(table, 0, sizeof *table);
    table->words[ROOM] = flags | (uint64_t)base_size << 32;
}

/* Adds references from begin to end. Those that come later lie at lower addresses. */
static void add_series(struct table *table, uint64_t begin, uint64_t end)
{
    uint32_t base_size = (uint32_t)(table->words[ROOM] >> 32);
    uint64_t at = ROOM - 1 - 2 * ++table->words[ROOM - 1];

    table->words[at] = end - begin - base_size;
    table->words[at + 1] = begin;
    table->words[ROOM] |= HAS_REFERENCES;
}

static void set_class(struct table *table, uint32_t base_size, uint64_t begin, uint64_t end)
{
    set_table(table, 0, base_size);
    if (begin < end)
        add_series(table, begin, end);
}

static void set_array(struct table *table, uint32_t base_size, uint16_t component_size)
{
    set_table(table, HAS_COMPONENTS | ARRAY | component_size, base_size);
}

static void set_reference_array(struct table *table, uint32_t base_size)
{
    set_array(table, base_size, 8);
    add_series(table, base_size - 8, base_size - 8);
    table->words[ROOM - 3] = (uint64_t) - (int64_t)base_size;
}

static void set_string(struct table *table)
{
    set_table(table, HAS_COMPONENTS | 2, 22);
}

/* Elements of these runs: how many references, and how many bytes to the next. */
static void set_struct_array(struct table *table, uint16_t component_size, uint64_t first, const uint32_t (*runs)[2],
                             uint32_t count)
{
    set_array(table, 24, component_size);
    table->words[ROOM] |= HAS_REFERENCES;
    table->words[ROOM - 1] = (uint64_t) - (int64_t)count;
    table->words[ROOM - 2] = 16 + first;
    for (uint32_t i = 0; i < count; i++)
        table->words[ROOM - 3 - i] = runs[i][0] | (uint64_t)runs[i][1] << 32;
}

/* ---- layout ---- */

static void check_layout(struct table *table, uint32_t flags, const uint32_t *slots, uint32_t slot_count,
                         const uint32_t *element_slots, uint32_t element_slot_count)
{
    struct heap_layout layout;
    uint32_t offsets[64];

    heap_layout_read(id_of(table), &layout, offsets, 64);
    assert_int_equal(layout.flags, flags);
    assert_int_equal(layout.slot_count, slot_count);
    assert_int_equal(layout.element_slot_count, element_slot_count);
    if (slot_count)
        assert_memory_equal(offsets, slots, slot_count * sizeof *slots);
    if (element_slot_count)
        assert_memory_equal(offsets + slot_count, element_slots, element_slot_count * sizeof *element_slots);
}

static void a_class_tells_where_its_references_are(void **state)
{
    static struct table table;

    (void)state;
    set_class(&table, 48, 8, 32);
    check_layout(&table, 0, (const uint32_t[]){8, 16, 24}, 3, NULL, 0);
    set_class(&table, 24, 0, 0);
    check_layout(&table, 0, NULL, 0, NULL, 0);
}

static void inherited_references_come_in_ascending_order(void **state)
{
    static struct table table;

    (void)state;
    set_class(&table, 80, 40, 56);
    add_series(&table, 8, 16);
    add_series(&table, 64, 72);
    check_layout(&table, 0, (const uint32_t[]){8, 40, 48, 64}, 4, NULL, 0);
}

static void elements_tell_where_their_references_are(void **state)
{
    static const uint32_t runs[][2] = {{1, 8}, {2, 16}}; /* of 40 bytes: x . x x . */
    static struct table table;

    (void)state;
    set_reference_array(&table, 24);
    check_layout(&table, MEDIC_HEAP_ARRAY, NULL, 0, (const uint32_t[]){0}, 1);
    set_reference_array(&table, 40); /* two dimensions */
    check_layout(&table, MEDIC_HEAP_ARRAY, NULL, 0, (const uint32_t[]){0}, 1);
    set_struct_array(&table, 48, 8, runs, 2);
    check_layout(&table, MEDIC_HEAP_ARRAY, NULL, 0, (const uint32_t[]){8, 24, 32}, 3);
    set_reference_array(&table, 24); /* of value types that are two references */
    table.words[ROOM] += 8;
    check_layout(&table, MEDIC_HEAP_ARRAY, NULL, 0, (const uint32_t[]){0, 8}, 2);
    set_array(&table, 24, 4);
    check_layout(&table, MEDIC_HEAP_ARRAY, NULL, 0, NULL, 0);
    set_string(&table);
    check_layout(&table, MEDIC_HEAP_STRING, NULL, 0, NULL, 0);
}

static void a_layout_without_sense_is_odd(void **state)
{
    static const uint32_t runs[][2] = {{1, 8}, {9, 16}};
    static struct table table;
    struct heap_layout layout;
    uint32_t offsets[4];

    (void)state;
    set_class(&table, 32, 8, 64); /* beyond its end */
    check_layout(&table, MEDIC_HEAP_ODD, NULL, 0, NULL, 0);
    set_class(&table, 32, 12, 20);
    check_layout(&table, MEDIC_HEAP_ODD, NULL, 0, NULL, 0);
    set_class(&table, 48, 8, 24);
    add_series(&table, 16, 32); /* overlaps */
    check_layout(&table, MEDIC_HEAP_ODD, NULL, 0, NULL, 0);
    set_class(&table, 48, 8, 24);
    table.words[ROOM - 1] = UINT64_C(1) << 40;
    check_layout(&table, MEDIC_HEAP_ODD, NULL, 0, NULL, 0);
    set_struct_array(&table, 48, 0, runs, 2);
    check_layout(&table, MEDIC_HEAP_ARRAY | MEDIC_HEAP_ODD, NULL, 0, NULL, 0);
    set_class(&table, 64, 8, 56); /* more than there is room for */
    heap_layout_read(id_of(&table), &layout, offsets, 4);
    assert_int_equal(layout.flags, MEDIC_HEAP_ODD);
    assert_int_equal(layout.slot_count, 0);
}

/* ---- a heap ---- */

enum { HEAP_SIZE = 4 << 20, OBJECTS = 256, EDGES = 1 << 18 };

struct node { /* as it was read */
    uint64_t address, class_id, size, count, hash;
    uint32_t flags;
    uint32_t first_edge, edge_count;
};

static struct {
    uint8_t *memory;
    uint64_t used;
    int fd;
    struct heap_sink sink;
    struct node nodes[OBJECTS];
    uint32_t node_count;
    uint64_t edges[EDGES];
    uint32_t edge_count;
    uint32_t record_counts[64];
    medic_heap_range_entry ranges[16];
    uint32_t range_count;
    char value[256];
    uint32_t value_count;
    uint64_t value_hash;
    char logs[1024];
} heap;

static HRESULT generation(ICorProfilerInfo12 *self, ObjectID object, COR_PRF_GC_GENERATION_RANGE *range)
{
    uint64_t begin = (uint64_t)(uintptr_t)heap.memory;

    (void)self;
    if (object < begin || object >= begin + HEAP_SIZE)
        return E_FAIL;
    *range = (COR_PRF_GC_GENERATION_RANGE){COR_PRF_GC_GEN_2, begin, HEAP_SIZE, HEAP_SIZE};
    return S_OK;
}

static HRESULT no_interface(ICorProfilerInfo12 *self, REFIID iid, void **out)
{
    (void)self, (void)iid, (void)out;
    return E_NOINTERFACE;
}

static ICorProfilerInfo12Vtbl vtable = {.QueryInterface = no_interface, .GetObjectGeneration = generation};
static ICorProfilerInfo12 fake_info = {.lpVtbl = &vtable};

void heap_tell_statics(struct heap_sink *sink)
{
    (void)sink;
}

void heap_guess_roots(struct heap_sink *sink)
{
    (void)sink;
}

int heap_statics_open(ICorProfilerInfo12 *info, struct heap_statics **statics, medic_reason *why)
{
    (void)info, (void)statics, (void)why;
    return MEDIC_OK;
}

void heap_statics_close(struct heap_statics *statics)
{
    (void)statics;
}

static void open_heap(uint32_t route, uint32_t contents, int fd)
{
    struct heap_plan plan = {.head = {.photo = 7, .route = route, .contents = contents, .attempt = 1},
                             .value_units = 8,
                             .bytes_max = UINT64_C(1) << 30,
                             .info = &fake_info};
    medic_reason why;

    memset(&heap, 0, sizeof heap);
    heap.memory = mmap(NULL, HEAP_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(heap.memory != MAP_FAILED);
    heap.fd = plan.capture = fd >= 0 ? fd : memfd_create("capture", MFD_CLOEXEC);
    assert_int_equal(heap_sink_open(&heap.sink, &plan, &why), MEDIC_OK);
    heap_sink_begin(&heap.sink);
}

static void close_heap(void)
{
    heap_sink_close(&heap.sink);
    munmap(heap.memory, HEAP_SIZE);
    close(heap.fd);
}

/* An object of this class; word i of it is at [i]. */
static uint64_t *make(struct table *class, uint64_t count)
{
    uint64_t *object = (uint64_t *)(void *)(heap.memory + heap.used);
    struct heap_layout layout;
    uint32_t offsets[64];

    heap_layout_read(id_of(class), &layout, offsets, 64);
    heap.used += heap_layout_size(&layout, count);
    assert_true(heap.used <= HEAP_SIZE);
    object[0] = id_of(class);
    if (layout.component_size)
        memcpy(object + 1, &(uint32_t){(uint32_t)count}, 4);
    return object;
}

static uint64_t *make_string(struct table *class, const char *text)
{
    size_t length = strlen(text);
    uint64_t *object = make(class, length);
    uint16_t *units = (uint16_t *)(void *)((uint8_t *)object + 12);

    for (size_t i = 0; i < length; i++)
        units[i] = (uint16_t)text[i];
    return object;
}

static uint64_t address_of(const uint64_t *object)
{
    return (uint64_t)(uintptr_t)object;
}

static void tell(const uint64_t *object, const uint64_t *references, uint32_t count)
{
    heap_sink_object(&heap.sink, (ObjectID)address_of(object), (ClassID)object[0], (const ObjectID *)references, count);
}

/* ---- a reader ---- */

struct input {
    const uint8_t *at;
    uint64_t size;
};

static uint64_t leb(struct input *in)
{
    uint64_t value = 0;

    for (int shift = 0;; shift += 7) {
        uint8_t byte = *in->at++;

        assert_true(in->size-- > 0);
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return value;
    }
}

static uint64_t unzigzag(uint64_t value, uint64_t from)
{
    int64_t words = value & 1 ? -(int64_t)(value / 2) - 1 : (int64_t)(value / 2);

    return from + (uint64_t)words * 8;
}

static void read_references(struct input *in, uint64_t count, uint64_t from)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t value = leb(in);

        assert_true(heap.edge_count < EDGES);
        if (value)
            heap.edges[heap.edge_count++] = unzigzag(value - 1, from);
    }
}

static medic_heap_class_record classes[64];

static void read_objects(struct input in)
{
    medic_heap_objects_record head;
    uint64_t end;

    memcpy(&head, in.at, sizeof head);
    assert_int_equal(head.photo, 7);
    in.at += sizeof head;
    in.size -= sizeof head;
    end = head.first;
    for (uint32_t i = 0; i < head.count; i++) {
        const medic_heap_class_record *class = &classes[leb(&in)];
        struct node *node = &heap.nodes[heap.node_count++];
        uint64_t slots;

        assert_true(class->index);
        node->address = unzigzag(leb(&in), end);
        node->class_id = class->id;
        node->flags = class->flags;
        node->count = class->component_size ? leb(&in) : 0;
        if (class->flags & MEDIC_HEAP_STRING && heap.sink.plan.head.contents & MEDIC_HEAP_HASHES) {
            memcpy(&node->hash, in.at, 8);
            in.at += 8;
            in.size -= 8;
        }
        slots = node->count * class->element_slot_count;
        node->first_edge = heap.edge_count;
        read_references(&in, class->slot_count + (slots > MEDIC_HEAP_INLINE_SLOTS ? 0 : slots), node->address);
        if (class->flags & (MEDIC_HEAP_COLLECTIBLE | MEDIC_HEAP_ODD))
            read_references(&in, leb(&in), node->address);
        node->edge_count = heap.edge_count - node->first_edge;
        node->size = (class->base_size + node->count * class->component_size + 7) & ~UINT64_C(7);
        end = node->address + node->size;
    }
    assert_int_equal(in.size, 0);
}

static void read_elements(struct input in)
{
    medic_heap_elements_record head;
    struct node *node = &heap.nodes[heap.node_count - 1]; /* in these tests nothing comes between */

    memcpy(&head, in.at, sizeof head);
    assert_int_equal(head.photo, 7);
    assert_int_equal(head.array, node->address);
    in.at += sizeof head;
    in.size -= sizeof head;
    read_references(&in, head.count, head.array);
    assert_int_equal(in.size, 0);
    node->edge_count = heap.edge_count - node->first_edge;
}

static void read_value(struct input in)
{
    medic_heap_value_record head;

    memcpy(&head, in.at, sizeof head);
    if (heap.value_count++)
        return;
    heap.value_hash = head.hash;
    for (uint32_t i = 0; i < head.units; i++)
        heap.value[i] = (char)in.at[sizeof head + i * 2];
}

static void read_record(uint32_t type, struct input in)
{
    medic_heap_class_record class;
    medic_heap_list_record list;

    heap.record_counts[type]++;
    if (type == MEDIC_RECORD_HEAP_CLASS) {
        memcpy(&class, in.at, sizeof class);
        assert_int_equal(in.size, sizeof class + 4 * (uint64_t)(class.slot_count + class.element_slot_count));
        classes[class.index] = class;
    } else if (type == MEDIC_RECORD_HEAP_OBJECTS) {
        read_objects(in);
    } else if (type == MEDIC_RECORD_HEAP_ELEMENTS) {
        read_elements(in);
    } else if (type == MEDIC_RECORD_HEAP_VALUE) {
        read_value(in);
    } else if (type == MEDIC_RECORD_HEAP_RANGES) {
        memcpy(&list, in.at, sizeof list);
        memcpy(heap.ranges, in.at + sizeof list, list.count * sizeof *heap.ranges);
        heap.range_count += list.count;
    } else if (type == MEDIC_RECORD_LOG) {
        strncat(heap.logs, (const char *)in.at + sizeof(medic_log_record), in.size - sizeof(medic_log_record));
    }
}

static void end_and_read(void)
{
    uint64_t size, at = 0;
    uint8_t *bytes;

    heap_sink_end(&heap.sink);
    assert_string_equal(heap.sink.shared->text, "");
    assert_int_equal(heap.sink.shared->phase, HEAP_COMPLETE);
    memset(classes, 0, sizeof classes);
    size = (uint64_t)lseek(heap.fd, 0, SEEK_END);
    assert_int_equal(size, heap.sink.shared->written);
    bytes = malloc(size);
    assert_int_equal(pread(heap.fd, bytes, size, 0), size);
    while (at < size) {
        medic_record_header header;

        memcpy(&header, bytes + at, sizeof header);
        assert_true(header.size <= MEDIC_HEAP_CHUNK_MAX);
        assert_int_equal(header.crc, crc32_update(crc32_update(0, &header, 8), bytes + at + 16, header.size));
        read_record(header.type, (struct input){bytes + at + sizeof header, header.size});
        at += sizeof header + ((header.size + 7) & ~7u);
    }
    free(bytes);
    assert_int_equal(heap.node_count, heap.sink.shared->objects);
}

static void check_node(uint32_t number, const uint64_t *object, const uint64_t *edges, uint32_t edge_count)
{
    const struct node *node = &heap.nodes[number];

    assert_true(number < heap.node_count);
    assert_int_equal(node->address, address_of(object));
    assert_int_equal(node->class_id, object[0]);
    assert_int_equal(node->edge_count, edge_count);
    for (uint32_t i = 0; i < edge_count; i++)
        assert_int_equal(heap.edges[node->first_edge + i], edges[i]);
}

/* ---- the sink ---- */

static void objects_and_references_are_read_as_they_were(void **state)
{
    static const uint32_t runs[][2] = {{1, 16}};
    static struct table plain, pair, array, structs, matrix;
    uint64_t *a, *b, *c, *d, *e;

    (void)state;
    open_heap(MEDIC_HEAP_COPY, 0, -1);
    set_class(&plain, 24, 0, 0);
    set_class(&pair, 40, 8, 24);
    set_reference_array(&array, 24);
    set_struct_array(&structs, 24, 8, runs, 1);
    set_reference_array(&matrix, 40);
    a = make(&plain, 0);
    b = make(&pair, 0);
    c = make(&array, 3);
    d = make(&structs, 2);
    e = make(&matrix, 6);
    b[1] = address_of(e);
    b[2] = address_of(a);
    c[3] = address_of(c);
    d[3] = address_of(a);
    d[6] = address_of(b);
    e[4] = address_of(d);
    e[9] = address_of(a);
    tell(a, NULL, 0);
    tell(b, (const uint64_t[]){address_of(a), address_of(e)}, 2); /* in whatever order */
    tell(c, (const uint64_t[]){address_of(c)}, 1);
    tell(d, (const uint64_t[]){address_of(a), address_of(b)}, 2);
    tell(e, (const uint64_t[]){address_of(d), address_of(a)}, 2);
    end_and_read();
    assert_int_equal(heap.node_count, 5);
    check_node(0, a, NULL, 0);
    check_node(1, b, (const uint64_t[]){address_of(e), address_of(a)}, 2);
    check_node(2, c, (const uint64_t[]){address_of(c)}, 1);
    check_node(3, d, (const uint64_t[]){address_of(a), address_of(b)}, 2);
    check_node(4, e, (const uint64_t[]){address_of(d), address_of(a)}, 2);
    assert_int_equal(heap.nodes[4].size, 40 + 6 * 8);
    assert_int_equal(heap.sink.shared->bytes, heap.used);
    assert_int_equal(heap.sink.shared->class_count, 5);
    assert_int_equal(heap.range_count, 1);
    assert_int_equal(heap.ranges[0].generation, MEDIC_GENERATION_2);
    for (uint32_t i = 1; i <= 5; i++)
        assert_int_equal(classes[i].flags & (MEDIC_HEAP_COLLECTIBLE | MEDIC_HEAP_ODD), 0);
    close_heap();
}

static void what_is_told_beyond_the_slots_is_kept(void **state)
{
    static struct table class, keeper;
    uint64_t *first, *second, *third, *kept;

    (void)state;
    open_heap(MEDIC_HEAP_COPY, 0, -1);
    set_class(&class, 32, 8, 16);
    set_class(&keeper, 24, 0, 0);
    kept = make(&keeper, 0);
    first = make(&class, 0);
    second = make(&class, 0);
    third = make(&class, 0);
    second[1] = third[1] = address_of(first);
    tell(kept, NULL, 0);
    tell(first, NULL, 0); /* looks like any other */
    tell(second, (const uint64_t[]){address_of(kept), address_of(first)}, 2);
    tell(third, (const uint64_t[]){address_of(first)}, 1);
    end_and_read();
    assert_int_equal(heap.record_counts[MEDIC_RECORD_HEAP_CLASS], 3);
    check_node(1, first, NULL, 0);
    check_node(2, second, (const uint64_t[]){address_of(first), address_of(kept)}, 2);
    check_node(3, third, (const uint64_t[]){address_of(first)}, 1);
    assert_int_equal(heap.nodes[1].flags, 0);
    assert_int_equal(heap.nodes[2].flags, MEDIC_HEAP_COLLECTIBLE);
    assert_int_equal(heap.sink.shared->class_count, 2); /* named once */
    close_heap();
}

static void where_layout_and_runtime_disagree_the_runtime_is_right(void **state)
{
    static struct table class;
    uint64_t *a, *b, *c, told[3];

    (void)state;
    open_heap(MEDIC_HEAP_COPY, 0, -1);
    set_class(&class, 40, 8, 24);
    a = make(&class, 0);
    b = make(&class, 0);
    c = make(&class, 0);
    a[1] = b[2] = address_of(c);
    told[0] = address_of(a), told[1] = address_of(b), told[2] = address_of(b);
    tell(a, told, 3);
    tell(b, NULL, 0);
    tell(c, NULL, 0);
    end_and_read();
    check_node(0, a, told, 3);
    check_node(1, b, NULL, 0);
    check_node(2, c, NULL, 0);
    assert_int_equal(heap.nodes[0].flags, MEDIC_HEAP_ODD);
    assert_int_equal(heap.record_counts[MEDIC_RECORD_HEAP_CLASS], 1);
    close_heap();
}

static void a_long_array_comes_in_runs(void **state)
{
    enum { COUNT = 250000 };
    static uint64_t edges[COUNT];
    static struct table array, far;
    uint64_t *object, *other;

    (void)state;
    open_heap(MEDIC_HEAP_COPY, 0, -1);
    set_reference_array(&array, 24);
    set_class(&far, 24, 0, 0);
    object = make(&array, COUNT);
    other = make(&far, 0);
    for (uint64_t i = 0; i < COUNT; i++) /* far apart: every reference takes many bytes */
        object[2 + i] = edges[i] = i % 2 ? address_of(other) : UINT64_C(8) << 40;
    tell(object, edges, COUNT);
    tell(other, NULL, 0);
    end_and_read();
    assert_true(heap.record_counts[MEDIC_RECORD_HEAP_ELEMENTS] > 1);
    check_node(0, object, edges, COUNT);
    check_node(1, other, NULL, 0);
    close_heap();
}

static void without_the_runtimes_telling_the_layout_is_believed(void **state)
{
    static struct table class, odd, free_class;
    uint64_t *a, *b, *gap;

    (void)state;
    open_heap(MEDIC_HEAP_ENUMERATE, MEDIC_HEAP_DEAD, -1);
    set_class(&class, 32, 8, 16);
    set_class(&odd, 32, 8, 16);
    odd.words[ROOM - 1] = 99999;
    set_table(&free_class, HAS_COMPONENTS | 1, 24);
    a = make(&class, 0);
    gap = make(&free_class, 40);
    b = make(&odd, 0);
    a[1] = b[1] = address_of(b);
    tell(a, NULL, 0);
    tell(gap, NULL, 0);
    tell(b, NULL, 0);
    end_and_read();
    assert_int_equal(heap.node_count, 2);
    check_node(0, a, (const uint64_t[]){address_of(b)}, 1);
    check_node(1, b, NULL, 0);
    assert_text_has(heap.logs, "references of 1 objects could not be read");
    close_heap();
}

static void an_object_whose_class_is_not_told_is_written_and_not_asked_for(void **state)
{
    static struct table class;
    uint64_t *object;

    (void)state;
    open_heap(MEDIC_HEAP_COPY, 0, -1);
    set_class(&class, 24, 0, 0);
    object = make(&class, 0);
    heap_sink_object(&heap.sink, (ObjectID)address_of(object), 0, NULL, 0);
    end_and_read();
    check_node(0, object, NULL, 0);
    assert_int_equal(heap.sink.shared->class_count, 0);
    close_heap();
}

/* ---- strings ---- */

static void values_that_are_there_twice_are_written(void **state)
{
    static struct table string;
    uint64_t *objects[6];
    static const char *const texts[6] = {"once", "small", "a longer text", "small", "a longer text", ""};

    (void)state;
    open_heap(MEDIC_HEAP_COPY, MEDIC_HEAP_VALUES, -1);
    set_string(&string);
    for (int i = 0; i < 6; i++) {
        objects[i] = make_string(&string, texts[i]);
        tell(objects[i], NULL, 0);
    }
    end_and_read();
    assert_int_equal(heap.node_count, 6);
    assert_int_equal(heap.nodes[1].hash, heap.nodes[3].hash);
    assert_int_equal(heap.nodes[2].hash, heap.nodes[4].hash);
    assert_int_not_equal(heap.nodes[0].hash, heap.nodes[1].hash);
    assert_int_not_equal(heap.nodes[5].hash, 0);
    assert_int_equal(heap.nodes[2].count, 13);
    assert_int_equal(heap.value_count, 2);
    assert_string_equal(heap.value, "a longer"); /* the greatest waste first, as much as was asked for */
    assert_int_equal(heap.value_hash, heap.nodes[2].hash);
    close_heap();
}

static void texts_that_do_not_fit_are_told(void **state)
{
    static struct table string;
    uint64_t *object;

    (void)state;
    open_heap(MEDIC_HEAP_COPY, MEDIC_HEAP_VALUES, -1);
    set_string(&string);
    object = make_string(&string, "a text of some length");
    for (uint64_t i = 1; i <= 500000; i++) {
        uint64_t hash = i * UINT64_C(0x9E3779B97F4A7C15);

        heap_strings_note(heap.sink.strings, hash, 21, address_of(object));
        heap_strings_note(heap.sink.strings, hash, 21, address_of(object));
    }
    end_and_read();
    assert_text_has(heap.logs, "of those that waste least, after 16 MB of text");
    assert_text_has(heap.logs, "more than 393216 different strings");
    assert_in_range(heap.value_count, 250000, 393216);
    close_heap();
}

static void hashes_differ_by_every_character(void **state)
{
    uint16_t units[40] = {0};
    uint64_t seen[40 * 2 + 40], count = 0;

    (void)state;
    for (uint64_t length = 0; length < 40; length++)
        seen[count++] = heap_string_hash(units, length);
    for (int i = 0; i < 40; i++) {
        units[i] = 1;
        seen[count++] = heap_string_hash(units, 40);
        units[i] = 0x100;
        seen[count++] = heap_string_hash(units, 40);
        units[i] = 0;
    }
    for (uint64_t i = 0; i < count; i++) {
        assert_int_not_equal(seen[i], 0);
        for (uint64_t k = 0; k < i; k++)
            assert_int_not_equal(seen[i], seen[k]);
    }
}

/* ---- what goes wrong ---- */

static void a_full_disk_is_a_sentence(void **state)
{
    static struct table class;
    uint64_t *object;

    (void)state;
    open_heap(MEDIC_HEAP_COPY, 0, open("/dev/full", O_WRONLY));
    set_class(&class, 24, 0, 0);
    object = make(&class, 0);
    tell(object, NULL, 0);
    heap_sink_end(&heap.sink);
    assert_int_equal(heap.sink.shared->phase, HEAP_FAILED);
    assert_int_equal(heap.sink.shared->code, MEDIC_E_IO);
    assert_text_has(heap.sink.shared->text, "cannot write the photograph of the heap: the disk is full");
    tell(object, NULL, 0); /* does nothing */
    heap_sink_end(&heap.sink);
    assert_int_equal(heap.sink.shared->phase, HEAP_FAILED);
    close_heap();
}

static void a_file_that_may_not_grow_is_a_sentence(void **state)
{
    enum { LIMIT = 5000 };
    static struct table class;
    struct rlimit before, limit;

    (void)state;
    open_heap(MEDIC_HEAP_COPY, 0, -1);
    set_class(&class, 24, 0, 0);
    for (int i = 0; i < 4000; i++)
        tell(make(&class, 0), NULL, 0);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = LIMIT;
    signal(SIGXFSZ, SIG_IGN); /* the copy blocks all signals */
    setrlimit(RLIMIT_FSIZE, &limit);
    heap_sink_end(&heap.sink);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(heap.sink.shared->code, MEDIC_E_IO);
    assert_text_has(heap.sink.shared->text, "size limit of the process");
    assert_int_equal(heap.sink.shared->written, LIMIT); /* what a short write took is counted */
    close_heap();
}

static void more_bytes_than_allowed_are_refused(void **state)
{
    static struct table class;
    uint64_t *object;

    (void)state;
    open_heap(MEDIC_HEAP_COPY, 0, -1);
    heap.sink.plan.bytes_max = 100;
    set_class(&class, 24, 0, 0);
    object = make(&class, 0);
    tell(object, NULL, 0);
    heap_sink_end(&heap.sink);
    assert_int_equal(heap.sink.shared->code, MEDIC_E_FULL);
    assert_text_has(heap.sink.shared->text, "the photograph of the heap is larger than the 100 bytes");
    assert_true(lseek(heap.fd, 0, SEEK_END) <= 100);
    close_heap();
}

static void more_classes_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    open_heap(MEDIC_HEAP_COPY, 0, -1);
    for (uint64_t i = 0; i < HEAP_CLASSES_MAX; i++) {
        heap_sink_want_class(&heap.sink, (ClassID)(heap.memory + i * 8));
        heap_sink_want_class(&heap.sink, (ClassID)(heap.memory + i * 8));
    }
    assert_false(heap_sink_failed(&heap.sink));
    assert_int_equal(heap.sink.shared->class_count, HEAP_CLASSES_MAX);
    heap_sink_want_class(&heap.sink, (ClassID)(heap.memory + HEAP_SIZE / 2));
    assert_true(heap_sink_failed(&heap.sink));
    assert_text_has(heap.sink.shared->text, "the heap has objects of more than 131072 classes");
    close_heap();
}

static void references_in_an_unknown_order_are_refused_when_they_are_many(void **state)
{
    enum { COUNT = 1 << 21 };
    static uint64_t told[COUNT];
    static struct table class;
    uint64_t *object;

    (void)state;
    open_heap(MEDIC_HEAP_COPY, 0, -1);
    set_class(&class, 24, 8, 64); /* beyond its end */
    object = make(&class, 0);
    tell(object, told, COUNT);
    assert_int_equal(heap.sink.shared->code, MEDIC_E_UNSUPPORTED);
    assert_text_has(heap.sink.shared->text, " has 2097152 references in an order that is not known");
    close_heap();
}

static void without_address_space_there_is_a_sentence(void **state)
{
    struct heap_plan plan = {.capture = -1, .info = &fake_info};
    struct rlimit before, limit;
    struct heap_sink sink;
    medic_reason why;
    int code;

    (void)state;
    getrlimit(RLIMIT_AS, &before);
    limit = before;
    limit.rlim_cur = 1 << 20;
    setrlimit(RLIMIT_AS, &limit);
    code = heap_sink_open(&sink, &plan, &why);
    setrlimit(RLIMIT_AS, &before);
    assert_int_equal(code, MEDIC_E_MEMORY);
    assert_text_has(why.text, "MB of address space for a photograph of the heap");
}

static void what_is_durable_is_counted(void **state)
{
    static struct table class;

    (void)state;
    open_heap(MEDIC_HEAP_COPY, 0, -1);
    set_class(&class, 24, 0, 0);
    tell(make(&class, 0), NULL, 0);
    heap_sink_end(&heap.sink);
    assert_int_equal(heap.sink.shared->kept, HEAP_VALUES_TOLD);
    assert_int_equal(heap.sink.shared->durable, heap.sink.shared->written);
    close_heap();
}

static void classes_that_can_be_unloaded_are_marked(void **state)
{
    static struct table lasting, collectible;

    (void)state;
    open_heap(MEDIC_HEAP_COPY, 0, -1);
    heap.sink.plan.runtime_major = 10;
    set_class(&lasting, 24, 0, 0);
    set_table(&collectible, 0x00200000, 24);
    tell(make(&lasting, 0), NULL, 0);
    tell(make(&collectible, 0), NULL, 0);
    assert_int_equal(heap.sink.shared->classes[0], id_of(&lasting));
    assert_int_equal(heap.sink.shared->classes[1], id_of(&collectible) | HEAP_CLASS_CAN_GO);
    assert_true(heap_layout_can_go(id_of(&lasting), 11)); /* nobody knows its flags */
    close_heap();
}

static void functions_of_stack_roots_are_wanted_once(void **state)
{
    static const medic_heap_root_entry roots[] = {{16, 80, MEDIC_ROOT_STACK, 0},
                                                  {24, 80, MEDIC_ROOT_STACK, 0},
                                                  {24, 88, MEDIC_ROOT_STACK, 0},
                                                  {24, 96, MEDIC_ROOT_HANDLE, 0},
                                                  {24, 0, MEDIC_ROOT_STACK, 0}};

    (void)state;
    open_heap(MEDIC_HEAP_COPY, 0, -1);
    heap_sink_roots(&heap.sink, roots, 5);
    end_and_read();
    assert_int_equal(heap.record_counts[MEDIC_RECORD_HEAP_ROOTS], 1);
    assert_int_equal(heap.sink.shared->function_count, 2);
    assert_int_equal(heap.sink.shared->functions[1], 88);
    close_heap();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_class_tells_where_its_references_are),
        cmocka_unit_test(inherited_references_come_in_ascending_order),
        cmocka_unit_test(elements_tell_where_their_references_are),
        cmocka_unit_test(a_layout_without_sense_is_odd),
        cmocka_unit_test(objects_and_references_are_read_as_they_were),
        cmocka_unit_test(what_is_told_beyond_the_slots_is_kept),
        cmocka_unit_test(where_layout_and_runtime_disagree_the_runtime_is_right),
        cmocka_unit_test(a_long_array_comes_in_runs),
        cmocka_unit_test(without_the_runtimes_telling_the_layout_is_believed),
        cmocka_unit_test(an_object_whose_class_is_not_told_is_written_and_not_asked_for),
        cmocka_unit_test(values_that_are_there_twice_are_written),
        cmocka_unit_test(texts_that_do_not_fit_are_told),
        cmocka_unit_test(hashes_differ_by_every_character),
        cmocka_unit_test(a_full_disk_is_a_sentence),
        cmocka_unit_test(a_file_that_may_not_grow_is_a_sentence),
        cmocka_unit_test(more_bytes_than_allowed_are_refused),
        cmocka_unit_test(more_classes_than_there_is_room_for_are_refused),
        cmocka_unit_test(references_in_an_unknown_order_are_refused_when_they_are_many),
        cmocka_unit_test(without_address_space_there_is_a_sentence),
        cmocka_unit_test(what_is_durable_is_counted),
        cmocka_unit_test(classes_that_can_be_unloaded_are_marked),
        cmocka_unit_test(functions_of_stack_roots_are_wanted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
