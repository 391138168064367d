/* The export for DevTools: its rows and strings, read back. A foreign reader's opinion is in tests/e2e/test_exports.py. */
#include "test.h"

#include "heap_writer.h"
#include "tool/heap_graph.h"
#include "tool/json.h"
#include "tool/render.h"

#include <stdio.h>
#include <stdlib.h>

enum { NODE_FIELDS = 7, EDGE_FIELDS = 3, TYPE = 0, NAME = 1, ID = 2, SELF_SIZE = 3, EDGE_COUNT = 4 };

static struct buffer bytes;
static struct heap_writer heap;
static struct arena arena;
static const struct json *nodes, *edges, *strings, *snapshot;

static int begin(void **state)
{
    (void)state;
    bytes = (struct buffer){0};
    put_header(&bytes);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buffer_free(&bytes);
    arena_free(&arena);
    arena = (struct arena){0};
    return 0;
}

static int render(char **text, size_t *size, medic_reason *why)
{
    struct capture *capture;
    int fd = file_with(bytes.bytes, bytes.size);
    FILE *out = open_memstream(text, size);
    assert_int_equal(capture_open(fd, &capture, why), MEDIC_OK);
    int result = renderer_find("heapsnapshot")->render_capture(capture, out, why);
    fclose(out);
    capture_close(capture);
    close(fd);
    return result;
}

static void read_back(void)
{
    char *text;
    size_t size;
    struct json *root;
    medic_reason why = {""};
    heap_done(&heap);
    if (render(&text, &size, &why) || json_parse(text, size, &arena, &root, &why))
        fail_msg("%s", why.text);
    free(text);
    snapshot = json_member(root, "snapshot");
    nodes = json_member(root, "nodes");
    edges = json_member(root, "edges");
    strings = json_member(root, "strings");
}

static const struct json *at(const struct json *array, uint64_t index)
{
    const struct json *item = json_first(array, JSON_KIND_ARRAY);
    for (; item && index; index--)
        item = item->next;
    return item;
}

static uint64_t of_node(uint64_t node, uint64_t field)
{
    return json_get_unsigned(at(nodes, node * NODE_FIELDS + field));
}

static const char *string(uint64_t index)
{
    const char *text = json_get_string(at(strings, index));
    return text ? text : "(no such string)";
}

static const char *name_of(uint64_t node)
{
    return string(of_node(node, NAME));
}

static void assert_edge(uint64_t edge, uint64_t type, uint64_t name, uint64_t to)
{
    assert_int_equal(json_get_unsigned(at(edges, edge * EDGE_FIELDS)), type);
    assert_int_equal(json_get_unsigned(at(edges, edge * EDGE_FIELDS + 1)), name);
    assert_int_equal(json_get_unsigned(at(edges, edge * EDGE_FIELDS + 2)), to * NODE_FIELDS);
}

static void assert_named_edge(uint64_t edge, uint64_t type, const char *name, uint64_t to)
{
    uint64_t text = json_get_unsigned(at(edges, edge * EDGE_FIELDS + 1));
    assert_string_equal(string(text), name);
    assert_edge(edge, type, text, to);
}

static uint64_t length_of(const struct json *array)
{
    uint64_t length = 0;
    for (const struct json *item = json_first(array, JSON_KIND_ARRAY); item; item = item->next)
        length++;
    return length;
}

static void objects_hang_below_the_labels_of_their_roots(void **state)
{
    enum { ELEMENT = 1, PROPERTY = 2, INTERNAL = 3, WEAK = 6 };
    (void)state;
    heap_begin(&heap, &bytes, 1, MEDIC_HEAP_HASHES | MEDIC_HEAP_VALUES);
    uint32_t node = heap_class(&heap, 0x100, 0, 32, 0, HEAP_SLOTS(8, 16), HEAP_NO_SLOTS);
    uint32_t text = heap_class(&heap, 0x200, MEDIC_HEAP_STRING, 22, 2, HEAP_NO_SLOTS, HEAP_NO_SLOTS);
    uint32_t list = heap_class(&heap, 0x300, MEDIC_HEAP_ARRAY, 24, 8, HEAP_NO_SLOTS, HEAP_SLOTS(0));
    heap_object(&heap, 0x1000, list, 2, 0, HEAP_TO(0x2000, 0x3000), 2);
    heap_object(&heap, 0x2000, node, 0, 0, HEAP_TO(0x3000, 0x1000), 2);
    heap_object(&heap, 0x3000, text, 4, 0xabc, NULL, 0);
    heap_static(&heap, 0x100, 1, 0, 0x1000);
    heap_root(&heap, MEDIC_ROOT_STACK, 0, 0, 0x2000);
    heap_root(&heap, MEDIC_ROOT_STACK, 0, 0, 0x1000);
    heap_root(&heap, MEDIC_ROOT_HANDLE, MEDIC_ROOT_WEAK, 0, 0x3000);
    heap_dependent(&heap, 0x3000, 0x2000);
    heap_value(&heap, 0xabc, 4, "a\"\n\\");
    heap_name(&heap, 0x100, 0, "Orders.Order");
    heap_fields(&heap, 0x100, 0, 0, (struct heap_made_field[]){{8, 1, "_name"}}, 1);
    read_back();
    /* root, (GC roots), three labels, three objects */
    assert_int_equal(json_get_unsigned(json_member(snapshot, "node_count")), 8);
    assert_int_equal(length_of(nodes), 8 * NODE_FIELDS);
    assert_int_equal(json_get_unsigned(json_member(snapshot, "edge_count")), 13);
    assert_int_equal(length_of(edges), 13 * EDGE_FIELDS);
    assert_string_equal(name_of(1), "(GC roots)");
    assert_string_equal(name_of(2), "static Orders.Order._name");
    assert_string_equal(name_of(3), "stack");
    assert_string_equal(name_of(4), "weak handle");
    assert_string_equal(name_of(5), "class 0x300");
    assert_string_equal(name_of(6), "Orders.Order");
    assert_string_equal(name_of(7), "a\"\n\\");
    assert_int_equal(of_node(7, TYPE), 2);
    assert_int_equal(of_node(7, SELF_SIZE), 32);
    assert_int_equal(of_node(3, EDGE_COUNT), 2);
    for (uint64_t i = 0; i < 8; i++)
        assert_int_equal(of_node(i, ID), i * 2 + 1);
    assert_edge(0, ELEMENT, 1, 1);
    assert_edge(1, ELEMENT, 0, 2);
    assert_edge(3, ELEMENT, 2, 4);
    assert_edge(4, ELEMENT, 0, 5);
    assert_edge(5, ELEMENT, 0, 6);
    assert_edge(6, ELEMENT, 1, 5);
    assert_edge(7, WEAK, 0, 7);
    assert_edge(8, ELEMENT, 0, 6);
    assert_edge(9, ELEMENT, 1, 7);
    assert_named_edge(10, PROPERTY, "_name", 7);
    assert_named_edge(11, PROPERTY, "_name", 5);
    assert_named_edge(12, INTERNAL, "(dependent)", 6);
}

static void the_last_photograph_is_shown(void **state)
{
    static struct heap_writer first;
    (void)state;
    heap_begin(&first, &bytes, 1, 0);
    heap_done(&first);
    heap_begin(&heap, &bytes, 2, 0);
    heap_object(&heap, 0x1000, heap_class(&heap, 1, 0, 24, 0, HEAP_NO_SLOTS, HEAP_NO_SLOTS), 0, 0, NULL, 0);
    read_back();
    assert_int_equal(json_get_unsigned(json_member(snapshot, "node_count")), 3);
}

static void a_cut_value_ends_with_dots_and_half_characters_stay(void **state)
{
    (void)state;
    static const uint16_t units[] = {0xd83d, 0xde00, 0xd83d, 'x', 0x00e9, 1};
    medic_heap_value_record value = {1, 9, 0xabc, 6, 0};
    heap_begin(&heap, &bytes, 1, MEDIC_HEAP_HASHES | MEDIC_HEAP_VALUES);
    uint32_t text = heap_class(&heap, 0x200, MEDIC_HEAP_STRING, 22, 2, HEAP_NO_SLOTS, HEAP_NO_SLOTS);
    heap_object(&heap, 0x1000, text, 9, 0xabc, NULL, 0);
    heap_flush(&heap);
    put_bytes(&bytes, MEDIC_RECORD_HEAP_VALUE, &value, sizeof value, units, sizeof units);
    heap_done(&heap);
    char *out;
    size_t size;
    medic_reason why = {""};
    assert_int_equal(render(&out, &size, &why), MEDIC_OK);
    assert_text_has(out, "\"\xf0\x9f\x98\x80\\ud83dx\xc3\xa9\\u0001...\"");
    free(out);
}

static void a_session_without_a_photograph_says_so(void **state)
{
    (void)state;
    char *text;
    size_t size;
    medic_reason why = {""};
    assert_int_equal(render(&text, &size, &why), MEDIC_E_NOT_FOUND);
    assert_text_has(why.text, "this session has no photograph of the heap");
    assert_int_equal(size, 0);
    free(text);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        WITH(objects_hang_below_the_labels_of_their_roots),
        WITH(the_last_photograph_is_shown),
        WITH(a_cut_value_ends_with_dots_and_half_characters_stay),
        WITH(a_session_without_a_photograph_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
