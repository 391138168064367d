/* Names for people: types without their namespaces, and what a compiler or the framework made, for what it is. Pure. */
#include "recording.h"

#include <stdlib.h>

#define DEEP 10u     /* chains of fewer are not worth a word: those of hash tables */
#define DEPTH_MAX 32 /* of generic arguments; deeper ones keep their namespaces */

uint64_t hash_text(uint64_t add, const char *text)
{
    uint64_t hash = add ^ UINT64_C(0xcbf29ce484222325);

    for (; text && *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    hash ^= hash >> 29;
    return hash ? hash : 1;
}

/* --- types --- */

/* Whether the name that goes on here ends in " (async)" or "(closure)": then the type around it is told as well. */
static int is_made_by_compiler(const char *at)
{
    int depth = 0;

    for (; *at; at++) {
        if (!depth && *at == '(')
            return 1;
        if (!depth && (*at == ',' || *at == '>'))
            return 0;
        depth += *at == '<';
        depth -= *at == '>';
    }
    return 0;
}

static int dots_after(const char *at)
{
    int depth = 0, dots = 0;

    for (; *at && *at != '('; at++) {
        if (!depth && (*at == ',' || *at == '>'))
            break;
        depth += *at == '<';
        depth -= *at == '>';
        dots += *at == '.' && !depth;
    }
    return dots;
}

/* Drops what stands before the last dot of every name: "System.Collections.Generic.List<Orders.Order>" is "List<Order>". */
static size_t without_namespaces(const char *name, char out[NAME_ROOM])
{
    size_t begins[DEPTH_MAX] = {0}, length = 0;
    unsigned depth = 0;

    for (; *name && length < NAME_ROOM - 1; name++) {
        int known = depth < DEPTH_MAX;
        if (*name == '.' && known && length > begins[depth] && dots_after(name + 1) >= is_made_by_compiler(name + 1)) {
            length = begins[depth];
            continue;
        }
        out[length++] = *name;
        if (*name == '<' && ++depth < DEPTH_MAX)
            begins[depth] = length;
        else if (*name == '>' && depth)
            depth--;
        else if ((*name == ',' || *name == ' ') && depth && known)
            begins[depth] = length;
    }
    out[length] = '\0';
    return length;
}

/* The text with a word before it and without its last `drop` bytes. */
static const char *told_as(const char *word, const char *text, size_t drop, char out[NAME_ROOM])
{
    char whole[NAME_ROOM];

    snprintf(whole, sizeof whole, "%.*s", (int)(strlen(text) - drop), text);
    snprintf(out, NAME_ROOM, "%s %.400s", word, whole);
    return out;
}

static int ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), size = strlen(end);

    return length >= size && strcmp(text + length - size, end) == 0;
}

/* "async Worker.Run" of "Worker.Run (async)", wherever in the name it stands: the tasks that box a state machine have it
 * as an argument. */
static const char *state_machine(char out[NAME_ROOM])
{
    static const char *const kinds[] = {"async lambda", "async iterator", "async local function", "async", "iterator"};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char mark[40];
        char *end;
        int depth = 0;
        snprintf(mark, sizeof mark, " (%s)", kinds[i]);
        if (!(end = strstr(out, mark)))
            continue;
        *end = '\0';
        char *begin = end;
        while (begin > out && (depth || (begin[-1] != '<' && begin[-1] != ' '))) {
            begin--;
            depth += *begin == '>';
            depth -= *begin == '<';
        }
        char text[NAME_ROOM];
        snprintf(text, sizeof text, "%s", begin);
        return told_as(kinds[i], text, 0, out);
    }
    return out;
}

const char *short_type(const char *name, uint32_t kind, char out[NAME_ROOM])
{
    char text[NAME_ROOM];
    size_t length = without_namespaces(name, out);

    if (strcmp(name, "System.String") == 0 || strcmp(name, "System.Object") == 0)
        out[0] |= 0x20; /* as C# says */

    if (kind == MEDIC_KIND_STATE_MACHINE)
        return state_machine(out);
    if (ends_with(out, ".(closure)")) {
        snprintf(text, sizeof text, "%s", out);
        return told_as("closure of", text, sizeof ".(closure)" - 1, out);
    }
    if (kind == MEDIC_KIND_BOXED && length + sizeof "boxed " < NAME_ROOM) {
        snprintf(text, sizeof text, "%s", out);
        return told_as("boxed", text, 0, out);
    }
    return out;
}

/* --- fields --- */

const char *field_name(const char *field, char out[NAME_ROOM])
{
    const char *end;

    if (medic_begins_with(field, "[]."))
        field += 3;
    end = *field == '<' ? strchr(field, '>') : NULL;
    if (end && end > field + 1)
        snprintf(out, NAME_ROOM, "%.*s", (int)(end - field - 1), field + 1);
    else
        snprintf(out, NAME_ROOM, "%s", field);
    return out;
}

const char *class_name(const struct recording *recording, uint32_t class_index, char out[NAME_ROOM])
{
    const medic_heap_class *class = &recording->graph->classes[class_index];

    return short_type(class->name, class->kind, out);
}

/* --- holders and steps --- */

/* "static Orders.Cache.Items" of "static Orders.Cache.<Items>k__BackingField" */
static void add_root(struct medic_text *text, const char *root)
{
    const char *open = strstr(root, ".<"), *close = open ? strstr(open, ">k__BackingField") : NULL;

    if (close)
        medic_add(text, "%.*s%.*s", (int)(open + 1 - root), root, (int)(close - open - 2), open + 2);
    else
        medic_add(text, "%s", root);
}

void add_label(struct medic_text *text, const struct label *label)
{
    if (!label->text) {
        medic_add(text, "nothing that was seen");
        return;
    }
    add_root(text, label->text);
    if (label->other) {
        medic_add(text, label->more ? ", " : " and ");
        add_root(text, label->other);
    }
    if (label->more)
        medic_add(text, " and others");
}

const struct label *label_of_path(const struct recording *recording, uint32_t path)
{
    while (path && recording->paths.all[path].depth > 1)
        path = recording->paths.all[path].parent;
    return &recording->holders.labels[recording->paths.all[path].label];
}

static int is_of_kind(const struct recording *recording, uint32_t path, uint8_t kind)
{
    return recording->graph->classes[recording->paths.all[path].class_index].kind == kind;
}

/* While a handler is added, the old and the new delegate share the list: it hangs beside them. */
static int is_beside_a_delegate(const struct recording *recording, uint32_t path)
{
    const struct path *all = recording->paths.all;
    uint32_t sibling = all[all[path].parent].first_child;

    while (sibling && !is_of_kind(recording, sibling, MEDIC_KIND_DELEGATE))
        sibling = all[sibling].next;
    return sibling != 0;
}

uint64_t handlers_of(const struct recording *recording, uint32_t path)
{
    const struct path *at = &recording->paths.all[path];

    if (at->depth < 2 || !is_of_kind(recording, path, MEDIC_KIND_ARRAY))
        return 0;
    if (at->depth == 2 ? !is_beside_a_delegate(recording, path)
                       : !is_of_kind(recording, at->parent, MEDIC_KIND_DELEGATE))
        return 0;
    return at->references;
}

/* The field by which a path goes on, or NULL. */
static const char *field_of(const struct recording *recording, const struct path *at, char out[NAME_ROOM])
{
    const struct path *parent = &recording->paths.all[at->parent];
    const char *field = NULL;

    if (at->depth > 2 && at->slot < PATH_NO_SLOT)
        field = recording->heap->field(recording->host, recording->graph, parent->class_index, at->slot);
    if (!field || strcmp(field, "[]") == 0)
        return NULL;
    return at->slot == MEDIC_SLOT_DEPENDENT ? "ConditionalWeakTable" : field_name(field, out);
}

/* Without any number: the row is to be found again in another report. */
void add_step(struct medic_text *text, const struct recording *recording, uint32_t path)
{
    const struct path *at = &recording->paths.all[path];
    char field[NAME_ROOM], name[NAME_ROOM];
    const char *by;

    if (at->depth == 1) {
        add_label(text, &recording->holders.labels[at->label]);
        return;
    }
    by = field_of(recording, at, field);
    if (by)
        medic_add(text, "%s: ", by);
    if (handlers_of(recording, path)) {
        medic_add(text, "handlers");
        return;
    }
    medic_add(text, "%s", class_name(recording, at->class_index, name));
    if ((at->flags & PATH_RECURSIVE) && at->levels >= DEEP)
        medic_add(text, " (nested)");
}
