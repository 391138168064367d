/* What classes and their slots are called. */
#include "tool/frame_code.h"
#include "tool/heap_graph.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASES_MAX 64 /* a chain that is longer goes in a circle */

static const char CORELIB[] = "System.Private.CoreLib.dll";

const char *heap_class_name(const struct heap_graph *graph, uint64_t class_id)
{
    const char *text = NULL;
    capture_name(graph->capture, MEDIC_NAME_TYPE, class_id, &text);
    return text && *text ? text : NULL;
}

static const char *module_path(const struct heap_graph *graph, uint64_t class_id)
{
    const char *path = NULL;
    const medic_name_record *name = capture_name(graph->capture, MEDIC_NAME_TYPE, class_id, NULL);
    if (name)
        capture_module(graph->capture, name->module, &path);
    return path;
}

/* Whether this is the class, or one of its bases. */
static int derives(const struct heap_graph *graph, uint64_t class_id, const char *base)
{
    for (int depth = 0; class_id && depth < BASES_MAX; depth++) {
        const char *name = heap_class_name(graph, class_id);
        if (name && strcmp(name, base) == 0)
            return 1;
        const struct heap_fields *fields = heap_fields_of(&graph->parts, class_id);
        class_id = fields ? fields->parent_id : 0;
    }
    return 0;
}

static int is_value_type(const struct heap_graph *graph, uint64_t class_id)
{
    return derives(graph, class_id, "System.ValueType");
}

/* --- kinds --- */

static int ends(const char *text, const char *with)
{
    size_t size = strlen(text), tail = strlen(with);
    return size >= tail && strcmp(text + size - tail, with) == 0;
}

/* Names are as a person reads them: "Orders.Cache.Load (async lambda)". */
static int is_state_machine(const char *name)
{
    const char *made = strrchr(name, '(');
    if (strstr(name, "AsyncStateMachineBox<"))
        return 1;
    return made && made > name && made[-1] == ' ' && ends(name, ")") &&
           (strncmp(made, "(async", 6) == 0 || strncmp(made, "(iterator", 9) == 0);
}

static uint32_t kind_of(const struct heap_graph *graph, const medic_heap_class *class)
{
    if (class->flags & MEDIC_HEAP_STRING)
        return MEDIC_KIND_STRING;
    if (class->flags & MEDIC_HEAP_ARRAY)
        return MEDIC_KIND_ARRAY;
    if (is_state_machine(class->name))
        return MEDIC_KIND_STATE_MACHINE;
    if (ends(class->name, "(closure)") || strstr(class->name, "<>c__DisplayClass"))
        return MEDIC_KIND_CLOSURE;
    if (derives(graph, class->id, "System.Delegate"))
        return MEDIC_KIND_DELEGATE;
    return is_value_type(graph, class->id) ? MEDIC_KIND_BOXED : MEDIC_KIND_OBJECT;
}

/* --- classes --- */

static const char *find_corelib(const struct heap_graph *graph)
{
    for (uint32_t i = 1; i <= graph->view.class_count; i++) {
        const char *path = module_path(graph, heap_class_at(&graph->parts, i)->about.id);
        if (path && strcmp(path_name(path), CORELIB) == 0)
            return path;
    }
    return NULL;
}

static const char *format(struct heap_graph *graph, const char *before, const char *middle, const char *after)
{
    size_t size = strlen(before) + strlen(middle) + strlen(after) + 1;
    char *text = arena_alloc(&graph->parts.arena, size);
    if (text)
        snprintf(text, size, "%s%s%s", before, middle, after);
    return text;
}

/* NULL: no memory. */
static const char *name_or_number(struct heap_graph *graph, uint64_t class_id, uint64_t element_id)
{
    const char *name = heap_class_name(graph, class_id), *element = heap_class_name(graph, element_id);
    char number[32];
    if (name)
        return name;
    snprintf(number, sizeof number, "0x%" PRIx64, class_id);
    return element ? format(graph, element, "[]", "") : format(graph, "class ", number, "");
}

int heap_name_classes(struct heap_graph *graph)
{
    uint32_t count = graph->view.class_count;
    medic_heap_class *classes = calloc((size_t)count + 1, sizeof *classes);
    graph->fields = calloc((size_t)count + 1, sizeof *graph->fields);
    graph->view.classes = classes;
    if (!classes || !graph->fields)
        return -1;
    const char *corelib = find_corelib(graph);
    for (uint32_t i = 1; i <= count; i++) {
        const medic_heap_class_record *about = &heap_class_at(&graph->parts, i)->about;
        const struct heap_fields *fields = heap_fields_of(&graph->parts, about->id);
        uint64_t element = fields && about->flags & MEDIC_HEAP_ARRAY ? fields->element_id : 0;
        const char *path = module_path(graph, element ? element : about->id);
        classes[i].id = about->id;
        classes[i].flags = about->flags;
        classes[i].name = name_or_number(graph, about->id, element);
        classes[i].module = path_name(path);
        classes[i].code = (uint32_t)code_of_assembly(path, corelib);
        if (!classes[i].name)
            return -1;
        classes[i].kind = kind_of(graph, &classes[i]);
    }
    classes[0].name = classes[0].module = "";
    return 0;
}

/* --- fields --- */

/* The field that a byte of an object lies in: the one that begins last before it, of the class or a base of it. `from`: where in
 * the object the fields are counted from. */
static const char *field_at(const struct heap_graph *graph, uint64_t class_id, uint32_t offset, uint32_t from)
{
    const struct heap_field *best = NULL;
    for (int depth = 0; class_id && depth < BASES_MAX; depth++) {
        const struct heap_fields *all = heap_fields_of(&graph->parts, class_id);
        for (uint32_t i = 0; all && i < all->count; i++) {
            const struct heap_field *field = &all->fields[i];
            if (field->offset != MEDIC_HEAP_STATIC_FIELD && (uint64_t)field->offset + from <= offset &&
                (!best || field->offset > best->offset))
                best = field;
        }
        class_id = all ? all->parent_id : 0;
    }
    return best && *best->name ? best->name : NULL;
}

static const char *element_field(struct heap_graph *graph, const struct heap_class *class, uint32_t slot)
{
    const struct heap_fields *fields = heap_fields_of(&graph->parts, class->about.id);
    uint64_t element = fields ? fields->element_id : 0;
    const char *name = is_value_type(graph, element)
                           ? field_at(graph, element, class->offsets[class->about.slot_count + slot], 0)
                           : NULL;
    return name ? format(graph, "[].", name, "") : "[]";
}

static const char *make_field_name(struct heap_graph *graph, uint32_t class_index, uint32_t slot)
{
    const struct heap_class *class = heap_class_at(&graph->parts, class_index);
    if (class->about.element_slot_count)
        return element_field(graph, class, slot);
    uint32_t from = is_value_type(graph, class->about.id) ? (uint32_t)sizeof(uint64_t) : 0; /* boxed */
    return field_at(graph, class->about.id, class->offsets[slot], from);
}

const char *heap_field_name(struct heap_graph *graph, uint32_t class_index, uint32_t slot)
{
    if (slot == MEDIC_SLOT_DEPENDENT)
        return "(dependent)";
    if (class_index == 0 || class_index > graph->view.class_count)
        return NULL;
    const medic_heap_class_record *about = &heap_class_at(&graph->parts, class_index)->about;
    uint32_t count = about->element_slot_count ? about->element_slot_count : about->slot_count;
    if (slot >= count || slot > MEDIC_SLOT_DEPENDENT)
        return NULL;
    static const char UNKNOWN[] = "";
    const char ***names = &graph->fields[class_index];
    if (!*names)
        *names = calloc(count < MEDIC_SLOT_DEPENDENT ? count : MEDIC_SLOT_DEPENDENT, sizeof **names);
    if (!*names)
        return NULL;
    if (!(*names)[slot]) {
        const char *name = make_field_name(graph, class_index, slot);
        (*names)[slot] = name ? name : UNKNOWN;
    }
    return *(*names)[slot] ? (*names)[slot] : NULL;
}

void heap_names_free(struct heap_graph *graph)
{
    for (uint32_t i = 0; graph->fields && i <= graph->view.class_count; i++)
        free(graph->fields[i]);
    free(graph->fields);
}
