/* The last photograph of the heap as Chrome's .heapsnapshot, which DevTools opens: rows of numbers for nodes and edges, and a
 * table of strings at the end. Written as it goes: nothing of its size is in memory but the graph.
 *
 * Nodes: the root, "(GC roots)", one for each label of roots, then the objects by address. Strings: see struct snapshot. */
#include "tool/heap_service.h"
#include "tool/render.h"
#include "tool/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum { NODE_FIELDS = 7, FIRST_LABEL = 2, ROOM = 1 << 16, NUMBER_ROOM = 32 };
/* Places in node_types and edge_types, below. */
enum { TYPE_STRING = 2, TYPE_OBJECT = 3, TYPE_SYNTHETIC = 9 };
enum { EDGE_ELEMENT = 1, EDGE_PROPERTY = 2, EDGE_INTERNAL = 3, EDGE_WEAK = 6 };
enum { NAME_ROOT, NAME_GC_ROOTS, NAME_UNKNOWN, NAME_DEPENDENT, FIRST_CLASS_NAME };

static const char META[] =
    "{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\",\"trace_node_id\","
    "\"detachedness\"],\"node_types\":[[\"hidden\",\"array\",\"string\",\"object\",\"code\",\"closure\",\"regexp\","
    "\"number\",\"native\",\"synthetic\",\"concatenated string\",\"sliced string\",\"symbol\",\"bigint\",\"object "
    "shape\"],\"string\",\"number\",\"number\",\"number\",\"number\",\"number\"],\"edge_fields\":[\"type\","
    "\"name_or_index\",\"to_node\"],\"edge_types\":[[\"context\",\"element\",\"property\",\"internal\",\"hidden\","
    "\"shortcut\",\"weak\"],\"string_or_number\",\"node\"],\"trace_function_info_fields\":[\"function_id\",\"name\","
    "\"script_name\",\"script_id\",\"line\",\"column\"],\"trace_node_fields\":[\"id\",\"function_info_index\","
    "\"count\","
    "\"size\",\"children\"],\"sample_fields\":[\"timestamp_us\",\"last_assigned_id\"],\"location_fields\":["
    "\"object_index\",\"script_id\",\"line\",\"column\"]},";

/* A text that got a number: the label of roots, or the name of a field. Keys are pointers: equal texts that are not the same
 * are in the table twice. */
struct entry {
    const char *text;
    uint32_t number;
    uint32_t first, last, count; /* roots with this label: numbers of the first and the last, see next_root */
    UT_hash_handle hh;
};

/* Strings come in this order: the fixed ones, classes, labels, fields, values. */
struct snapshot {
    struct heap_graph *graph;
    const medic_heap_graph *view;
    FILE *out;
    char room[ROOM];
    size_t used;
    int error; /* errno of a failed write, or ENOMEM */
    struct arena arena;
    struct entry *labels, *fields;
    uint32_t label_count, field_count;
    uint32_t *next_root;      /* by number of a root: the next one with its label */
    uint32_t **field_numbers; /* by class and slot: number of the field's name + 1; 0 = not asked yet */
};

/* --- bytes --- */

static void flush(struct snapshot *snapshot)
{
    if (!snapshot->error && fwrite(snapshot->room, 1, snapshot->used, snapshot->out) != snapshot->used)
        snapshot->error = errno ? errno : EIO;
    snapshot->used = 0;
}

static void put(struct snapshot *snapshot, const char *bytes, size_t size)
{
    for (size_t part; size; bytes += part, size -= part) {
        if (snapshot->used == ROOM)
            flush(snapshot);
        part = size < ROOM - snapshot->used ? size : ROOM - snapshot->used;
        memcpy(snapshot->room + snapshot->used, bytes, part);
        snapshot->used += part;
    }
}

static void put_text(struct snapshot *snapshot, const char *text)
{
    put(snapshot, text, strlen(text));
}

static void put_number(struct snapshot *snapshot, uint64_t number, char after)
{
    char digits[NUMBER_ROOM], *at = digits + sizeof digits;
    *--at = after;
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    put(snapshot, at, (size_t)(digits + sizeof digits - at));
}

/* --- strings --- */

static void put_escape(struct snapshot *snapshot, uint32_t unit)
{
    char escape[8];
    snprintf(escape, sizeof escape, "\\u%04x", unit & 0xffff);
    put(snapshot, escape, 6);
}

static void put_character(struct snapshot *snapshot, uint32_t character)
{
    char bytes[4];
    if (character == '"' || character == '\\') {
        bytes[0] = '\\';
        bytes[1] = (char)character;
        put(snapshot, bytes, 2);
    } else if (character < ' ') {
        put_escape(snapshot, character);
    } else {
        put(snapshot, bytes, utf8_write(character, bytes));
    }
}

static void put_string(struct snapshot *snapshot, const char *text)
{
    size_t size = strlen(text), length;
    put(snapshot, "\"", 1);
    for (; size; text += length, size -= length)
        put_character(snapshot, utf8_decode(text, size, &length));
    put(snapshot, "\",\n", 3);
}

static int is_high(uint32_t unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static int is_low(uint32_t unit)
{
    return unit >= 0xdc00 && unit < 0xe000;
}

/* UTF-16 as it was in the heap, half characters included. */
static void put_value(struct snapshot *snapshot, const medic_heap_value *value)
{
    put(snapshot, "\"", 1);
    for (uint32_t i = 0; i < value->units; i++) {
        uint32_t unit = value->text[i], next = i + 1 < value->units ? value->text[i + 1] : 0;
        if (is_high(unit) && is_low(next)) {
            put_character(snapshot, 0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00));
            i++;
        } else if (is_high(unit) || is_low(unit)) {
            put_escape(snapshot, unit);
        } else {
            put_character(snapshot, unit);
        }
    }
    put_text(snapshot, value->units < value->length ? "...\",\n" : "\",\n");
}

static uint32_t first_label_name(const struct snapshot *snapshot)
{
    return FIRST_CLASS_NAME + snapshot->view->class_count;
}

static uint32_t first_field_name(const struct snapshot *snapshot)
{
    return first_label_name(snapshot) + snapshot->label_count;
}

/* What a node is called: a string by its value when that is known. All fields must have been met. */
static uint32_t name_of(const struct snapshot *snapshot, uint32_t node)
{
    const medic_heap_value *values = snapshot->graph->parts.values.items, *value = NULL;
    uint32_t class = snapshot->view->class_of[node], length;
    uint64_t hash = values && snapshot->view->classes[class].flags & MEDIC_HEAP_STRING
                        ? heap_string_hash(snapshot->graph, node, &length)
                        : 0;
    if (hash)
        value = heap_value_of(&snapshot->graph->parts, hash, length);
    return value ? first_field_name(snapshot) + snapshot->field_count + (uint32_t)(value - values)
                 : FIRST_CLASS_NAME + class - 1;
}

static void put_strings(struct snapshot *snapshot)
{
    const medic_heap_graph *view = snapshot->view;
    const struct heap_list *values = &snapshot->graph->parts.values;
    put_text(snapshot, "],\n\"strings\":[\"\",\n\"(GC roots)\",\n\"(unknown)\",\n\"(dependent)\",\n");
    for (uint32_t i = 1; i <= view->class_count; i++)
        put_string(snapshot, view->classes[i].name);
    for (const struct entry *label = snapshot->labels; label; label = label->hh.next)
        put_string(snapshot, label->text);
    for (const struct entry *field = snapshot->fields; field; field = field->hh.next)
        put_string(snapshot, field->text);
    for (size_t i = 0; i < values->count; i++)
        put_value(snapshot, (const medic_heap_value *)values->items + i);
    put_text(snapshot, "\"\"]}\n");
}

/* --- labels and fields --- */

/* NULL: no memory. */
static struct entry *entry_of(struct snapshot *snapshot, struct entry **table, uint32_t *count, const char *text)
{
    struct entry *entry;
    HASH_FIND_PTR(*table, &text, entry);
    if (entry)
        return entry;
    entry = arena_alloc(&snapshot->arena, sizeof *entry);
    if (entry) {
        entry->text = text;
        entry->number = (*count)++;
        HASH_ADD_PTR(*table, text, entry);
    }
    if (entry && entry->hh.tbl)
        return entry;
    snapshot->error = ENOMEM;
    return NULL;
}

static void meet_labels(struct snapshot *snapshot)
{
    const medic_heap_graph *view = snapshot->view;
    snapshot->next_root = arena_alloc(&snapshot->arena, view->root_count * sizeof *snapshot->next_root);
    if (!snapshot->next_root)
        snapshot->error = ENOMEM;
    for (uint32_t i = 0; i < view->root_count && !snapshot->error; i++) {
        struct entry *label = entry_of(snapshot, &snapshot->labels, &snapshot->label_count, view->roots[i].label);
        if (!label)
            return;
        if (label->count++)
            snapshot->next_root[label->last] = i;
        else
            label->first = i;
        label->last = i;
    }
}

/* The string of a field's name. */
static uint32_t field_name(struct snapshot *snapshot, uint32_t class, uint32_t slot)
{
    uint32_t **numbers = &snapshot->field_numbers[class];
    if (!*numbers)
        *numbers = arena_alloc(&snapshot->arena, (MEDIC_SLOT_UNKNOWN + 1) * sizeof **numbers);
    if (!*numbers) {
        snapshot->error = ENOMEM;
        return NAME_UNKNOWN;
    }
    if (!(*numbers)[slot]) {
        const char *name = heap_field_name(snapshot->graph, class, slot);
        struct entry *entry = name ? entry_of(snapshot, &snapshot->fields, &snapshot->field_count, name) : NULL;
        (*numbers)[slot] = 1 + (entry ? first_field_name(snapshot) + entry->number : NAME_UNKNOWN);
    }
    return (*numbers)[slot] - 1;
}

/* Their number must be known before the first string of a value is named. */
static void meet_fields(struct snapshot *snapshot)
{
    const medic_heap_graph *view = snapshot->view;
    for (uint32_t class = 1; class <= view->class_count && !snapshot->error; class ++) {
        const medic_heap_class_record *about = &heap_class_at(&snapshot->graph->parts, class)->about;
        uint32_t count = about->element_slot_count ? about->element_slot_count : about->slot_count;
        for (uint32_t slot = 0; view->classes[class].count && slot < count && slot < MEDIC_SLOT_DEPENDENT; slot++)
            field_name(snapshot, class, slot);
    }
}

/* --- nodes --- */

static void put_node(struct snapshot *snapshot, uint32_t type, uint32_t name, uint64_t id, uint64_t size,
                     uint64_t edges)
{
    put_number(snapshot, type, ',');
    put_number(snapshot, name, ',');
    put_number(snapshot, id, ',');
    put_number(snapshot, size, ',');
    put_number(snapshot, edges, ',');
    put(snapshot, "0,0", 3);
}

/* DevTools wants odd numbers for what is not native. */
static uint64_t id_of(uint64_t place)
{
    return place * 2 + 1;
}

static void put_nodes(struct snapshot *snapshot)
{
    const medic_heap_graph *view = snapshot->view;
    uint64_t first_object = FIRST_LABEL + (uint64_t)snapshot->label_count, place = FIRST_LABEL;
    put_text(snapshot, "\"nodes\":[");
    put_node(snapshot, TYPE_SYNTHETIC, NAME_ROOT, id_of(0), 0, 1);
    put(snapshot, "\n,", 2);
    put_node(snapshot, TYPE_SYNTHETIC, NAME_GC_ROOTS, id_of(1), 0, snapshot->label_count);
    for (const struct entry *label = snapshot->labels; label; label = label->hh.next, place++) {
        put(snapshot, "\n,", 2);
        put_node(snapshot, TYPE_SYNTHETIC, first_label_name(snapshot) + label->number, id_of(place), 0, label->count);
    }
    for (uint32_t node = 0; node < view->node_count && !snapshot->error; node++) {
        int is_string = (view->classes[view->class_of[node]].flags & MEDIC_HEAP_STRING) != 0;
        put(snapshot, "\n,", 2);
        put_node(snapshot, is_string ? TYPE_STRING : TYPE_OBJECT, name_of(snapshot, node), id_of(first_object + node),
                 (uint64_t)view->units[node] * 8, view->first_edge[node + 1] - view->first_edge[node]);
    }
}

/* --- edges --- */

static void put_edge(struct snapshot *snapshot, uint32_t type, uint64_t name, uint64_t place)
{
    put(snapshot, "\n,", 2);
    put_number(snapshot, type, ',');
    put_number(snapshot, name, ',');
    put_number(snapshot, place * NODE_FIELDS, ' ');
}

static void put_root_edges(struct snapshot *snapshot, uint64_t first_object)
{
    const medic_heap_graph *view = snapshot->view;
    uint64_t number = 0;
    put_text(snapshot, "],\n\"edges\":[1,1,7"); /* the root's: element 1, the second node */
    for (const struct entry *label = snapshot->labels; label; label = label->hh.next, number++)
        put_edge(snapshot, EDGE_ELEMENT, number, FIRST_LABEL + number);
    for (const struct entry *label = snapshot->labels; label; label = label->hh.next) {
        uint32_t root = label->first;
        for (uint32_t i = 0; i < label->count; i++, root = snapshot->next_root[root])
            put_edge(snapshot, root < view->strong_root_count ? EDGE_ELEMENT : EDGE_WEAK, i,
                     first_object + view->roots[root].node);
    }
}

static void put_reference(struct snapshot *snapshot, uint32_t class, uint32_t slot, uint64_t number, uint64_t place)
{
    uint32_t name = slot == MEDIC_SLOT_DEPENDENT ? NAME_DEPENDENT : field_name(snapshot, class, slot);
    uint32_t slots = heap_class_at(&snapshot->graph->parts, class)->about.element_slot_count;
    if (slots == 1 && slot < MEDIC_SLOT_DEPENDENT)
        put_edge(snapshot, EDGE_ELEMENT, number, place);
    else
        put_edge(snapshot, slot < MEDIC_SLOT_DEPENDENT ? EDGE_PROPERTY : EDGE_INTERNAL, name, place);
}

static void put_edges(struct snapshot *snapshot)
{
    const medic_heap_graph *view = snapshot->view;
    uint64_t first_object = FIRST_LABEL + (uint64_t)snapshot->label_count;
    put_root_edges(snapshot, first_object);
    for (uint32_t node = 0; node < view->node_count && !snapshot->error; node++) {
        uint64_t first = view->first_edge[node];
        for (uint64_t edge = first; edge < view->first_edge[node + 1]; edge++)
            put_reference(snapshot, view->class_of[node], view->slot[edge], edge - first,
                          first_object + view->target[edge]);
    }
}

/* --- the file --- */

static void put_snapshot(struct snapshot *snapshot)
{
    const medic_heap_graph *view = snapshot->view;
    put_text(snapshot, META);
    put_text(snapshot, "\"node_count\":");
    put_number(snapshot, FIRST_LABEL + (uint64_t)snapshot->label_count + view->node_count, ',');
    put_text(snapshot, "\"edge_count\":");
    put_number(snapshot, 1 + (uint64_t)snapshot->label_count + view->root_count + view->edge_count, ',');
    put_text(snapshot, "\"trace_function_count\":0},\n");
    put_nodes(snapshot);
    put_edges(snapshot);
    put_text(snapshot, "],\n\"trace_function_infos\":[],\"trace_tree\":[],\"samples\":[],\"locations\":[");
    put_strings(snapshot);
    flush(snapshot);
}

static int write_snapshot(struct heap_graph *graph, FILE *out, medic_reason *why)
{
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    int error = ENOMEM;
    if (snapshot) {
        snapshot->graph = graph;
        snapshot->view = &graph->view;
        snapshot->out = out;
        snapshot->field_numbers =
            arena_alloc(&snapshot->arena, ((size_t)graph->view.class_count + 1) * sizeof *snapshot->field_numbers);
        snapshot->error = snapshot->field_numbers ? 0 : ENOMEM;
        meet_labels(snapshot);
        meet_fields(snapshot);
        if (!snapshot->error)
            put_snapshot(snapshot);
        error = snapshot->error;
        if (!error && fflush(out))
            error = errno;
        HASH_CLEAR(hh, snapshot->labels);
        HASH_CLEAR(hh, snapshot->fields);
        arena_free(&snapshot->arena);
        free(snapshot);
    }
    if (error == ENOMEM)
        return medic_fail(why, MEDIC_E_MEMORY, "out of memory while writing the report");
    return error ? medic_fail(why, MEDIC_E_IO, "cannot write the report: %s", strerror(error)) : MEDIC_OK;
}

int render_heapsnapshot(const struct capture *capture, FILE *out, medic_reason *why)
{
    struct heap_graphs graphs = {0};
    struct heap_graph *graph = NULL;
    uint32_t count = heap_photographs(capture);
    if (!count)
        return medic_fail(why, MEDIC_E_NOT_FOUND,
                          "this session has no photograph of the heap to show as heapsnapshot; gc_survivors and "
                          "dup_strings take one");
    int result = heap_graphs_get(&graphs, capture, count - 1, &graph, why);
    if (!result)
        result = write_snapshot(graph, out, why);
    heap_graphs_free(&graphs);
    return result;
}
