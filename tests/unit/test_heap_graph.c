/* Photographs of the heap as graphs: what is read of them, what is dropped, what is called damage. */
#include "test.h"

#include "heap_writer.h"
#include "tool/heap_service.h"

#include <medic/service/frames.h>

#include <stdlib.h>

enum { NODE = 0x100, TEXT = 0x200, LIST = 0x300, PAIRS = 0x400, PAIR = 0x410, CACHE = 0x500, HANDLER = 0x600 };

static struct buffer bytes;
static struct heap_writer heap;
static struct capture *capture;
static struct heap_graphs graphs;
static struct heap_graph *graph;
static const medic_heap_graph *view;
static int fd;

static int begin(void **state)
{
    (void)state;
    bytes = (struct buffer){0};
    put_header(&bytes);
    heap_begin(&heap, &bytes, 1, MEDIC_HEAP_HASHES | MEDIC_HEAP_VALUES);
    return 0;
}

static int end(void **state)
{
    (void)state;
    heap_graphs_free(&graphs);
    capture_close(capture);
    close(fd);
    buffer_free(&bytes);
    capture = NULL;
    graph = NULL;
    return 0;
}

static int open_graph(uint32_t index, medic_reason *why)
{
    if (!capture) {
        fd = file_with(bytes.bytes, bytes.size);
        assert_int_equal(capture_open(fd, &capture, why), MEDIC_OK);
    }
    int result = heap_graphs_get(&graphs, capture, index, &graph, why);
    view = result ? NULL : &graph->view;
    return result;
}

static void load(void)
{
    medic_reason why = {""};
    heap_done(&heap);
    if (open_graph(0, &why))
        fail_msg("%s", why.text);
}

static uint32_t node_class(void)
{
    return heap_class(&heap, NODE, 0, 32, 0, HEAP_SLOTS(8, 16), HEAP_NO_SLOTS);
}

static uint32_t text_class(void)
{
    return heap_class(&heap, TEXT, MEDIC_HEAP_STRING, 22, 2, HEAP_NO_SLOTS, HEAP_NO_SLOTS);
}

static uint32_t list_class(void)
{
    return heap_class(&heap, LIST, MEDIC_HEAP_ARRAY, 24, 8, HEAP_NO_SLOTS, HEAP_SLOTS(0));
}

static void assert_edges(uint32_t node, const uint32_t *targets, const uint8_t *slots, uint32_t count)
{
    uint64_t first = view->first_edge[node];
    assert_int_equal(view->first_edge[node + 1] - first, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(view->target[first + i], targets[i]);
        assert_int_equal(view->slot[first + i], slots[i]);
    }
}

#define ASSERT_EDGES(node, targets, slots)                                                                             \
    assert_edges(node, (const uint32_t[])targets, (const uint8_t[])slots, sizeof((const uint8_t[])slots))
#define LIST_OF(...)                                                                                                   \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

static void objects_and_their_references_become_columns(void **state)
{
    (void)state;
    uint32_t node = node_class(), text = text_class(), list = list_class();
    heap_object(&heap, 0x1000, node, 0, 0, HEAP_TO(0x1020, 0), 2);
    heap_object(&heap, 0x1020, node, 0, 0, HEAP_TO(0x1000, 0x1040), 2);
    heap_object(&heap, 0x1040, text, 5, 0xabc, NULL, 0);
    heap_object(&heap, 0x8000, list, 3, 0, HEAP_TO(0x1040, 0, 0x1000), 3);
    heap_range(&heap, 0x1000, 0x1040, MEDIC_GENERATION_2);
    heap_range(&heap, 0x8000, 0x9000, MEDIC_GENERATION_LARGE);
    load();
    assert_int_equal(view->node_count, 4);
    assert_int_equal(view->edge_count, 5);
    assert_int_equal(view->dangling, 0);
    assert_int_equal(view->bytes, 32 + 32 + 32 + 48);
    assert_int_equal(view->units[2] * 8, 32);
    assert_int_equal(view->units[3] * 8, 48);
    assert_int_equal(view->generation[1], MEDIC_GENERATION_2);
    assert_int_equal(view->generation[2], MEDIC_GENERATION_UNKNOWN);
    assert_int_equal(view->generation[3], MEDIC_GENERATION_LARGE);
    ASSERT_EDGES(0, LIST_OF(1), LIST_OF(0));
    ASSERT_EDGES(1, LIST_OF(0, 2), LIST_OF(0, 1));
    assert_edges(2, NULL, NULL, 0);
    ASSERT_EDGES(3, LIST_OF(2, 0), LIST_OF(0, 0));
    assert_int_equal(view->classes[node].count, 2);
    assert_int_equal(view->classes[node].bytes, 64);
    assert_string_equal(view->route_reason, "workstation GC");
    assert_int_equal(view->time_ns, 2001);
}

static void strings_have_hashes_and_the_repeated_ones_values(void **state)
{
    (void)state;
    uint32_t node = node_class(), text = text_class(), length;
    heap_object(&heap, 0x1000, text, 5, 0xabc, NULL, 0);
    heap_object(&heap, 0x1020, node, 0, 0, HEAP_TO(0, 0), 2);
    heap_object(&heap, 0x1040, text, 7, 0xdef, NULL, 0);
    heap_value(&heap, 0xdef, 7, "Ord");
    heap_value(&heap, 0xabc, 5, "Hello");
    load();
    assert_int_equal(heap_string_hash(graph, 0, &length), 0xabc);
    assert_int_equal(length, 5);
    assert_int_equal(heap_string_hash(graph, 1, &length), 0);
    assert_int_equal(heap_string_hash(graph, 2, &length), 0xdef);
    assert_int_equal(heap_string_hash(graph, 3, &length), 0);
    const medic_heap_value *value = heap_value_of(&graph->parts, 0xdef, 7);
    assert_non_null(value);
    assert_int_equal(value->units, 3);
    assert_int_equal(value->text[2], 'd');
    assert_null(heap_value_of(&graph->parts, 0xdef, 8));
}

static void objects_may_come_in_any_order(void **state)
{
    (void)state;
    uint32_t node = node_class();
    static const uint64_t order[] = {0x9000, 0x9020, 0x9060, 0x1000, 0x1040, 0x9040, 0x1020, 0x5000};
    for (uint32_t i = 0; i < 8; i++)
        heap_object(&heap, order[i], node, 0, 0, HEAP_TO(order[(i + 1) % 8], 0), 2);
    load();
    assert_int_equal(view->node_count, 8);
    for (uint32_t i = 1; i < 8; i++)
        assert_true(view->address[i] > view->address[i - 1]);
    uint32_t at = 0;
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(view->first_edge[at + 1] - view->first_edge[at], 1);
        at = view->target[view->first_edge[at]];
    }
    assert_int_equal(at, 0); /* once round */
}

static void an_object_that_is_there_twice_is_kept_once(void **state)
{
    (void)state;
    uint32_t node = node_class();
    heap_object(&heap, 0x1020, node, 0, 0, HEAP_TO(0x1000, 0x1000), 2);
    heap_object(&heap, 0x1000, node, 0, 0, HEAP_TO(0x1020, 0), 2);
    heap_object(&heap, 0x1020, node, 0, 0, HEAP_TO(0x1000, 0x1000), 2);
    load();
    assert_int_equal(view->node_count, 2);
    assert_int_equal(view->edge_count, 3);
    assert_int_equal(view->classes[node].count, 2);
}

static void references_to_nothing_are_dropped_and_counted(void **state)
{
    (void)state;
    uint32_t node = node_class();
    heap_object(&heap, 0x1000, node, 0, 0, HEAP_TO(0x1008, 0x1020), 2); /* into the middle of itself */
    heap_object(&heap, 0x1020, node, 0, 0, HEAP_TO(0x7770, 0x10), 2);
    heap_object(&heap, 0x1040, node, 0, 0, HEAP_TO(0x1000, 0x7770), 2);
    heap_root(&heap, MEDIC_ROOT_HANDLE, 0, 1, 0x7770);
    heap_root(&heap, MEDIC_ROOT_GUESSED, 0, 1, 0x7770);
    load();
    assert_int_equal(view->dangling, 5);
    assert_int_equal(view->edge_count, 2);
    assert_int_equal(view->root_count, 0);
    ASSERT_EDGES(0, LIST_OF(1), LIST_OF(1));
    assert_edges(1, NULL, NULL, 0);
    ASSERT_EDGES(2, LIST_OF(0), LIST_OF(0));
}

static void long_arrays_bring_their_elements_afterwards(void **state)
{
    (void)state;
    enum { COUNT = 150000 };
    uint32_t node = node_class(), list = list_class();
    uint32_t pairs = heap_class(&heap, PAIRS, MEDIC_HEAP_ARRAY, 24, 24, HEAP_NO_SLOTS, HEAP_SLOTS(0, 8));
    uint64_t *to = calloc(COUNT, sizeof *to);
    for (uint32_t i = 0; i < COUNT; i++)
        to[i] = i % 3 == 0 ? 0x1000 : i % 3 == 1 ? 0x1020 : 0;
    heap_object(&heap, 0x100000, list, COUNT, 0, to, COUNT);
    heap_object(&heap, 0x800000, pairs, COUNT / 2, 0, to, COUNT);
    heap_object(&heap, 0x1000, node, 0, 0, HEAP_TO(0, 0), 2);
    heap_object(&heap, 0x1020, node, 0, 0, HEAP_TO(0, 0), 2);
    heap_elements(&heap, 0x7770, 0, HEAP_TO(0x1000), 1); /* of no object */
    load();
    assert_int_equal(view->edge_count, COUNT / 3 * 4);
    assert_int_equal(view->dangling, 1);
    assert_int_equal(view->first_edge[3] - view->first_edge[2], COUNT / 3 * 2);
    uint64_t at = view->first_edge[3];
    for (uint32_t i = 0; i < COUNT; i++) {
        if (!to[i])
            continue;
        assert_int_equal(view->target[at], i % 3);
        assert_int_equal(view->slot[at++], i % 2);
    }
    free(to);
}

static void references_beyond_the_slots_have_no_number(void **state)
{
    (void)state;
    uint32_t slots[300];
    uint64_t to[300];
    for (uint32_t i = 0; i < 300; i++) {
        slots[i] = 8 + i * 8;
        to[i] = 0x9000;
    }
    uint32_t wide = heap_class(&heap, 0x700, 0, 2416, 0, slots, 300, HEAP_NO_SLOTS);
    uint32_t odd = heap_class(&heap, 0x800, MEDIC_HEAP_ODD, 32, 0, HEAP_NO_SLOTS, HEAP_NO_SLOTS);
    heap_object(&heap, 0x1000, wide, 0, 0, to, 300);
    heap_object(&heap, 0x9000, odd, 0, 0, HEAP_TO(0x1000), 1);
    load();
    assert_int_equal(view->slot[253], 253);
    assert_int_equal(view->slot[254], MEDIC_SLOT_UNKNOWN);
    assert_int_equal(view->slot[299], MEDIC_SLOT_UNKNOWN);
    ASSERT_EDGES(1, LIST_OF(0), LIST_OF(MEDIC_SLOT_UNKNOWN));
    assert_null(heap_field_name(graph, wide, 3));
    assert_null(heap_field_name(graph, wide, 255));
}

/* --- roots --- */

static void assert_root(uint32_t at, uint32_t node, const char *label)
{
    assert_true(at < view->root_count);
    assert_string_equal(view->roots[at].label, label);
    assert_int_equal(view->roots[at].node, node);
}

static void roots_are_named_and_static_fields_come_first(void **state)
{
    (void)state;
    uint32_t node = node_class();
    for (uint32_t i = 0; i < 4; i++)
        heap_object(&heap, 0x1000 + i * 32, node, 0, 0, HEAP_TO(0, 0), 2);
    put_function(&bytes, 70, 0, 0x06000001, "Orders.Worker.Run(Order)");
    heap_root(&heap, MEDIC_ROOT_HANDLE, MEDIC_ROOT_WEAK, 1, 0x1000);
    heap_root(&heap, MEDIC_ROOT_STACK, 0, 70, 0x1000);
    heap_root(&heap, MEDIC_ROOT_STACK, MEDIC_ROOT_INTERIOR, 0, 0x1039);
    heap_root(&heap, MEDIC_ROOT_HANDLE, MEDIC_ROOT_PINNED, 1, 0x1000);
    heap_root(&heap, MEDIC_ROOT_HANDLE, 0, 1, 0x1000);
    heap_root(&heap, MEDIC_ROOT_FINALIZER, 0, 0, 0x1000);
    heap_root(&heap, MEDIC_ROOT_STACK, 0, 70, 0);
    heap_root(&heap, MEDIC_ROOT_STACK, 0, 70, 0x1020);
    heap_static(&heap, CACHE, 0x04000001, 0, 0x1040);
    heap_static(&heap, CACHE, 0x04000002, 41, 0x1040);
    heap_static(&heap, CACHE, 0x04000003, 0, 0x1040);
    heap_static(&heap, CACHE, 0x04000001, 0, 0);
    heap_static(&heap, 0x666, 0x04000001, 0, 0x1060);
    heap_name(&heap, CACHE, 0, "Orders.Cache");
    heap_fields(&heap, CACHE, 0, 0,
                (struct heap_made_field[]){{MEDIC_HEAP_STATIC_FIELD, 0x04000001, "_items"},
                                           {MEDIC_HEAP_STATIC_FIELD, 0x04000002, "_last"}},
                2);
    load();
    assert_int_equal(view->root_count, 11);
    assert_int_equal(view->strong_root_count, 10);
    assert_root(0, 2, "static Orders.Cache._items");
    assert_root(1, 2, "thread static Orders.Cache._last");
    assert_root(2, 2, "static field of Orders.Cache");
    assert_root(3, 3, "static field");
    assert_root(4, 0, "stack of Orders.Worker.Run(Order)");
    assert_root(5, 1, "stack");
    assert_root(6, 0, "pinned handle");
    assert_root(7, 0, "strong handle");
    assert_root(8, 0, "finalizer queue");
    assert_root(10, 0, "weak handle");
    assert_ptr_equal(view->roots[4].label, view->roots[9].label);
    assert_int_equal(view->roots[1].kind, MEDIC_ROOT_THREAD_STATIC);
}

static void dependent_handles_are_references_of_their_key(void **state)
{
    (void)state;
    uint32_t node = node_class();
    for (uint32_t i = 0; i < 3; i++)
        heap_object(&heap, 0x1000 + i * 32, node, 0, 0, HEAP_TO(0x1000, 0), 2);
    heap_dependent(&heap, 0x1000, 0x1020);
    heap_dependent(&heap, 0x7770, 0x1040);
    heap_dependent(&heap, 0, 0x1020);
    load();
    ASSERT_EDGES(0, LIST_OF(0, 1), LIST_OF(0, MEDIC_SLOT_DEPENDENT));
    assert_string_equal(heap_field_name(graph, node, MEDIC_SLOT_DEPENDENT), "(dependent)");
    assert_int_equal(view->root_count, 1);
    assert_root(0, 2, "ConditionalWeakTable");
}

/* --- names --- */

static void name(uint64_t class_id, uint64_t parent_id, uint64_t element_id, const char *text)
{
    heap_name(&heap, class_id, 7, text);
    heap_fields(&heap, class_id, parent_id, element_id, NULL, 0);
}

static void classes_are_what_their_bases_and_names_say(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t parent;
        uint32_t kind;
    } cases[] = {{"Orders.Order", 1, MEDIC_KIND_OBJECT},
                 {"System.EventHandler", 2, MEDIC_KIND_DELEGATE},
                 {"Orders.Cache.(closure)", 1, MEDIC_KIND_CLOSURE},
                 {"Orders.Cache.Load (async)", 1, MEDIC_KIND_STATE_MACHINE},
                 {"Orders.Cache.All (iterator)", 1, MEDIC_KIND_STATE_MACHINE},
                 {"System.Runtime.CompilerServices.AsyncTaskMethodBuilder<int>.AsyncStateMachineBox<X>", 1,
                  MEDIC_KIND_STATE_MACHINE},
                 {"Orders.Point", 4, MEDIC_KIND_BOXED},
                 {"Orders.Round", 0x1006 + 1, MEDIC_KIND_OBJECT}}; /* its own base */
    enum { COUNT = sizeof cases / sizeof *cases };
    for (uint32_t i = 0; i < COUNT; i++) {
        heap_class(&heap, 0x1000 + i, 0, 24, 0, HEAP_NO_SLOTS, HEAP_NO_SLOTS);
        name(0x1000 + i, cases[i].parent, 0, cases[i].name);
    }
    uint32_t text = text_class(), list = list_class();
    put_module(&bytes, 7, "/app/Orders.dll");
    name(1, 0, 0, "object");
    name(2, 3, 0, "System.MulticastDelegate");
    name(3, 1, 0, "System.Delegate");
    name(4, 1, 0, "System.ValueType");
    heap_fields(&heap, LIST, 0, 0x1000, NULL, 0);
    load();
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_string_equal(view->classes[i + 1].name, cases[i].name);
        assert_int_equal(view->classes[i + 1].kind, cases[i].kind);
    }
    assert_int_equal(view->classes[text].kind, MEDIC_KIND_STRING);
    assert_string_equal(view->classes[text].name, "class 0x200");
    assert_string_equal(view->classes[text].module, "");
    assert_int_equal(view->classes[list].kind, MEDIC_KIND_ARRAY);
    assert_string_equal(view->classes[list].name, "Orders.Order[]");
    assert_string_equal(view->classes[list].module, "Orders.dll");
    assert_int_equal(view->classes[list].code, MEDIC_CODE_USER);
}

static void slots_have_the_names_of_the_fields_they_lie_in(void **state)
{
    (void)state;
    uint32_t node = heap_class(&heap, NODE, 0, 64, 0, HEAP_SLOTS(8, 16, 32, 48), HEAP_NO_SLOTS);
    uint32_t list = list_class();
    uint32_t pairs = heap_class(&heap, PAIRS, MEDIC_HEAP_ARRAY, 24, 24, HEAP_NO_SLOTS, HEAP_SLOTS(0, 8));
    uint32_t boxed = heap_class(&heap, PAIR, 0, 40, 0, HEAP_SLOTS(8, 16), HEAP_NO_SLOTS);
    heap_fields(&heap, NODE, CACHE, 0,
                (struct heap_made_field[]){{24, 3, "pair"}, {48, 4, "last"}, {MEDIC_HEAP_STATIC_FIELD, 5, "all"}}, 3);
    heap_fields(&heap, CACHE, 0, 0, (struct heap_made_field[]){{8, 1, "_items"}, {16, 2, "_next"}}, 2);
    heap_fields(&heap, PAIRS, 0, PAIR, NULL, 0);
    heap_fields(&heap, PAIR, 4, 0, (struct heap_made_field[]){{0, 1, "key"}, {8, 2, "value"}}, 2);
    heap_name(&heap, 4, 0, "System.ValueType");
    load();
    assert_string_equal(heap_field_name(graph, node, 0), "_items");
    assert_string_equal(heap_field_name(graph, node, 1), "_next");
    assert_string_equal(heap_field_name(graph, node, 2), "pair");
    assert_string_equal(heap_field_name(graph, node, 3), "last");
    assert_null(heap_field_name(graph, node, 4));
    assert_string_equal(heap_field_name(graph, list, 0), "[]");
    assert_string_equal(heap_field_name(graph, pairs, 1), "[].value");
    assert_string_equal(heap_field_name(graph, boxed, 0), "key");
    assert_string_equal(heap_field_name(graph, boxed, 1), "value");
    assert_null(heap_field_name(graph, 99, 0));
}

static void fields_that_a_compiler_made_are_called_as_in_the_source(void **state)
{
    (void)state;
    static const struct heap_made_field made[] = {{8, 1, "<Items>k__BackingField"},
                                                  {16, 2, "<i>5__2"},
                                                  {24, 3, "<Name>i__Field"},
                                                  {32, 4, "<clock>P"},
                                                  {40, 5, "<>4__this"},
                                                  {48, 6, "<>1__state"},
                                                  {56, 7, "<odd"},
                                                  {64, 8, "_plain"}};
    static const char *const names[] = {"Items", "i", "Name", "clock", "this", "<>1__state", "<odd", "_plain"};
    uint32_t node = heap_class(&heap, NODE, 0, 80, 0, HEAP_SLOTS(8, 16, 24, 32, 40, 48, 56, 64), HEAP_NO_SLOTS);
    heap_fields(&heap, NODE, 0, 0, made, 8);
    load();
    for (uint32_t i = 0; i < 8; i++)
        assert_string_equal(heap_field_name(graph, node, i), names[i]);
}

/* --- photographs --- */

static void each_complete_photograph_is_a_graph(void **state)
{
    (void)state;
    medic_reason why = {""};
    static struct heap_writer second, third, lost;
    heap_object(&heap, 0x1000, node_class(), 0, 0, HEAP_TO(0, 0), 2);
    heap_done(&heap);
    heap_begin(&lost, &bytes, 2, 0); /* given up */
    heap_class(&lost, NODE, 0, 32, 0, HEAP_NO_SLOTS, HEAP_NO_SLOTS);
    heap_begin(&second, &bytes, 2, 0);
    heap_begin(&third, &bytes, 3, 0);
    uint32_t two = heap_class(&second, NODE, 0, 24, 0, HEAP_NO_SLOTS, HEAP_NO_SLOTS);
    uint32_t three = heap_class(&third, NODE, 0, 48, 0, HEAP_NO_SLOTS, HEAP_NO_SLOTS);
    heap_object(&second, 0x2000, two, 0, 0, NULL, 0);
    heap_object(&third, 0x3000, three, 0, 0, NULL, 0);
    heap_done(&second);
    heap_flush(&third); /* no end */
    buffer_free(&third.chunk);
    assert_int_equal(open_graph(0, &why), MEDIC_OK);
    const medic_heap_graph *one = view;
    assert_int_equal(heap_photographs(capture), 2);
    assert_int_equal(open_graph(1, &why), MEDIC_OK);
    assert_int_equal(view->photo, 2);
    assert_int_equal(view->bytes, 24);
    assert_int_equal(one->bytes, 32);
    assert_int_equal(open_graph(2, &why), MEDIC_E_NOT_FOUND);
    heap_graphs_release(&graphs, one);
    assert_null(heap_graphs_find(&graphs, one));
    assert_int_equal(open_graph(0, &why), MEDIC_OK);
    assert_int_equal(view->bytes, 32);
    assert_int_equal(capture_totals(capture)->damaged_records, 0);
    assert_int_equal(capture_totals(capture)->unknown_records, 0);
}

static void a_photograph_without_objects_is_one(void **state)
{
    (void)state;
    load();
    assert_int_equal(view->node_count, 0);
    assert_int_equal(view->first_edge[0], 0);
    const medic_heap_dominators *dominators = heap_graph_dominators(graph);
    assert_int_equal(dominators->reachable, 0);
    assert_int_equal(dominators->retained[0], 0);
}

static void refused(const char *what)
{
    medic_reason why = {""};
    assert_int_equal(open_graph(0, &why), MEDIC_E_CORRUPT);
    assert_text_has(why.text, what);
}

static void an_object_that_is_missing_is_damage(void **state)
{
    (void)state;
    heap_object(&heap, 0x1000, node_class(), 0, 0, HEAP_TO(0, 0), 2);
    heap.objects++;
    heap_done(&heap);
    refused("it has 1 of 2 objects");
}

static void a_class_that_is_not_there_is_damage(void **state)
{
    (void)state;
    node_class();
    heap.classes[9] = heap.classes[1];
    heap_object(&heap, 0x1000, 9, 0, 0, HEAP_TO(0, 0), 2);
    heap_done(&heap);
    refused("photograph 1 of the heap is damaged in the capture, at byte");
}

static void a_record_with_a_bad_checksum_is_damage(void **state)
{
    (void)state;
    heap_object(&heap, 0x1000, node_class(), 0, 0, HEAP_TO(0, 0), 2);
    heap_flush(&heap);
    bytes.bytes[bytes.size - 9] ^= 1;
    heap_done(&heap);
    refused("damaged");
}

static void sizes_that_no_object_has_are_damage(void **state)
{
    (void)state;
    uint32_t wide = heap_class(&heap, LIST, MEDIC_HEAP_ARRAY, 24, UINT32_MAX, HEAP_NO_SLOTS, HEAP_NO_SLOTS);
    heap_object(&heap, 0x1000, wide, UINT64_C(1) << 40, 0, NULL, 0);
    heap_done(&heap);
    refused("damaged");
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        WITH(objects_and_their_references_become_columns),
        WITH(strings_have_hashes_and_the_repeated_ones_values),
        WITH(objects_may_come_in_any_order),
        WITH(an_object_that_is_there_twice_is_kept_once),
        WITH(references_to_nothing_are_dropped_and_counted),
        WITH(long_arrays_bring_their_elements_afterwards),
        WITH(references_beyond_the_slots_have_no_number),
        WITH(roots_are_named_and_static_fields_come_first),
        WITH(dependent_handles_are_references_of_their_key),
        WITH(classes_are_what_their_bases_and_names_say),
        WITH(slots_have_the_names_of_the_fields_they_lie_in),
        WITH(fields_that_a_compiler_made_are_called_as_in_the_source),
        WITH(each_complete_photograph_is_a_graph),
        WITH(a_photograph_without_objects_is_one),
        WITH(an_object_that_is_missing_is_damage),
        WITH(a_class_that_is_not_there_is_damage),
        WITH(a_record_with_a_bad_checksum_is_damage),
        WITH(sizes_that_no_object_has_are_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
