/* Roots, and what a person calls them. */
#include "tool/buffer.h"
#include "tool/heap_graph.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct heap_label {
    char *text;
    UT_hash_handle hh;
};

struct finding {
    struct heap_graph *graph;
    const struct heap_index *index;
    medic_heap_root *roots;
    uint32_t count;
    int failed; /* no memory */
};

void heap_labels_free(struct heap_graph *graph)
{
    HASH_CLEAR(hh, graph->labels);
}

/* Each text once. NULL: no memory. */
static const char *label(struct finding *finding, const char *before, const char *middle, const char *after)
{
    struct heap_graph *graph = finding->graph;
    struct heap_label *found = NULL;
    struct buffer text = {0};
    buffer_add_string(&text, before);
    buffer_add_string(&text, middle);
    buffer_add_string(&text, after);
    if (!text.failed)
        HASH_FIND(hh, graph->labels, buffer_get(&text), text.size, found);
    if (!found && !text.failed && (found = arena_alloc(&graph->parts.arena, sizeof *found + text.size + 1)) != NULL) {
        found->text = (char *)(found + 1);
        memcpy(found->text, buffer_get(&text), text.size + 1);
        HASH_ADD_KEYPTR(hh, graph->labels, found->text, text.size, found);
        if (!found->hh.tbl)
            found = NULL;
    }
    buffer_free(&text);
    finding->failed |= !found;
    return found ? found->text : NULL;
}

static const char *field_of(const struct heap_graph *graph, uint64_t class_id, uint32_t token)
{
    const struct heap_fields *all = heap_fields_of(&graph->parts, class_id);
    for (uint32_t i = 0; all && i < all->count; i++)
        if (all->fields[i].token == token && *all->fields[i].name)
            return all->fields[i].name;
    return NULL;
}

/* "static Orders.Cache._items" */
static const char *static_label(struct finding *finding, const medic_heap_static_entry *entry)
{
    const char *class = heap_class_name(finding->graph, entry->class_id);
    const char *field = field_of(finding->graph, entry->class_id, entry->token);
    const char *what = entry->os_id ? "thread static " : "static ";
    if (!class)
        return label(finding, what, "field", "");
    struct buffer name = {0};
    buffer_add_string(&name, class);
    buffer_add_string(&name, ".");
    const char *text =
        field ? label(finding, what, buffer_get(&name), field) : label(finding, what, "field of ", class);
    finding->failed |= name.failed;
    buffer_free(&name);
    return text;
}

static const char *root_label(struct finding *finding, const medic_heap_root_entry *entry)
{
    const char *function = NULL;
    switch (entry->kind) {
    case MEDIC_ROOT_STACK:
        if (entry->id)
            capture_name(finding->graph->capture, MEDIC_NAME_FUNCTION, entry->id, &function);
        return function && *function ? label(finding, "stack of ", function, "") : label(finding, "stack", "", "");
    case MEDIC_ROOT_FINALIZER: return label(finding, "finalizer queue", "", "");
    case MEDIC_ROOT_HANDLE:
        return label(finding,
                     entry->flags & MEDIC_ROOT_WEAK         ? "weak "
                     : entry->flags & MEDIC_ROOT_PINNED     ? "pinned "
                     : entry->flags & MEDIC_ROOT_REFCOUNTED ? "ref-counted "
                                                            : "strong ",
                     "handle", "");
    case MEDIC_ROOT_DEPENDENT: return label(finding, "ConditionalWeakTable", "", "");
    case MEDIC_ROOT_GUESSED:
        return label(finding, "guessed (a word ",
                     entry->flags & MEDIC_ROOT_ON_STACK ? "on a stack" : "outside the heap", ")");
    default: return label(finding, "other root", "", "");
    }
}

/* Takes the object that has the byte, when it may lie inside. */
static uint32_t node_at(const struct finding *finding, uint64_t address, int interior)
{
    const medic_heap_graph *view = &finding->graph->view;
    if (!interior)
        return heap_index_find(finding->index, address);
    uint32_t node = heap_index_before(finding->index, address);
    int inside = node != MEDIC_NO_NODE && address - view->address[node] < (uint64_t)view->units[node] * 8;
    return inside ? node : MEDIC_NO_NODE;
}

static void add(struct finding *finding, uint32_t node, uint32_t kind, uint32_t flags, const char *text)
{
    finding->roots[finding->count++] = (medic_heap_root){.node = node, .kind = kind, .flags = flags, .label = text};
}

static void add_statics(struct finding *finding)
{
    const struct heap_list *list = &finding->graph->parts.statics;
    const medic_heap_static_entry *entries = list->items;
    for (size_t i = 0; i < list->count && !finding->failed; i++) {
        uint32_t node = node_at(finding, entries[i].object, 0);
        if (!entries[i].object)
            continue;
        if (node == MEDIC_NO_NODE)
            finding->graph->view.dangling++;
        else
            add(finding, node, entries[i].os_id ? MEDIC_ROOT_THREAD_STATIC : MEDIC_ROOT_STATIC, 0,
                static_label(finding, &entries[i]));
    }
}

static void add_entries(struct finding *finding, uint32_t weak)
{
    const struct heap_list *list = &finding->graph->parts.roots;
    const medic_heap_root_entry *entries = list->items;
    for (size_t i = 0; i < list->count && !finding->failed; i++) {
        if ((entries[i].flags & MEDIC_ROOT_WEAK) != weak || !entries[i].object)
            continue;
        uint32_t node = node_at(finding, entries[i].object, (entries[i].flags & MEDIC_ROOT_INTERIOR) != 0);
        if (node != MEDIC_NO_NODE)
            add(finding, node, entries[i].kind, entries[i].flags, root_label(finding, &entries[i]));
        else if (entries[i].kind != MEDIC_ROOT_GUESSED)
            finding->graph->view.dangling++;
    }
}

/* Values of keys that are not in the heap that was seen: nobody can tell that the key is dead. */
static void add_dependents(struct finding *finding)
{
    const struct heap_list *list = &finding->graph->parts.dependents;
    const medic_heap_dependent_entry *entries = list->items;
    for (size_t i = 0; i < list->count && !finding->failed; i++) {
        medic_heap_root_entry root = {entries[i].value, entries[i].handle, MEDIC_ROOT_DEPENDENT, 0};
        uint32_t node = node_at(finding, entries[i].value, 0);
        if (entries[i].key && node != MEDIC_NO_NODE && node_at(finding, entries[i].key, 0) == MEDIC_NO_NODE)
            add(finding, node, root.kind, 0, root_label(finding, &root));
    }
}

int heap_find_roots(struct heap_graph *graph, const struct heap_index *index)
{
    const struct heap_parts *parts = &graph->parts;
    size_t room = parts->statics.count + parts->roots.count + parts->dependents.count + 1;
    struct finding finding = {.graph = graph, .index = index, .roots = calloc(room, sizeof *finding.roots)};
    graph->view.roots = finding.roots;
    if (!finding.roots || room > HEAP_ROOTS_MAX)
        return -1;
    add_statics(&finding);
    add_entries(&finding, 0);
    add_dependents(&finding);
    graph->view.strong_root_count = finding.count;
    add_entries(&finding, MEDIC_ROOT_WEAK);
    graph->view.root_count = finding.count;
    return finding.failed ? -1 : 0;
}
