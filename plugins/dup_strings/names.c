/* What values and holders are called. */
#include "findings.h"

/* Namespaces that everybody knows would hide the rest. */
static const char *known_namespace(const char *at)
{
    static const char *const known[] = {"System.Collections.Generic.", "System.Collections.Concurrent.",
                                        "System.Collections.Immutable."};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (medic_begins_with(at, known[i]))
            return at + strlen(known[i]);
    return at;
}

static void add_class(struct medic_text *text, const char *name)
{
    for (int begins = 1; *name; name++) {
        if (begins)
            name = known_namespace(name);
        medic_add(text, "%c", *name);
        begins = *name == '<' || *name == ',' || *name == ' ';
    }
}

/* What the compiler calls the field of a property `Name` is "<Name>k__BackingField": the person wrote Name. */
static void add_plain(struct medic_text *text, const char *name)
{
    static const char behind[] = ">k__BackingField";

    while (*name) {
        const char *end = *name == '<' ? strchr(name, '>') : NULL;
        if (end && medic_begins_with(end, behind)) {
            medic_add(text, "%.*s", (int)(end - name - 1), name + 1);
            name = end + sizeof behind - 1;
        } else {
            medic_add(text, "%c", *name++);
        }
    }
}

/* "Orders.Customer._city", "string[]", "Dictionary<string, Order>.Entry[].key" */
static void add_field(struct medic_text *text, const struct work *work, uint32_t class_index, uint32_t slot)
{
    const struct census *census = &work->census;
    const char *name = census->graph->classes[class_index].name;
    const char *field = census->heap->field(census->host, census->graph, class_index, slot);

    add_class(text, name);
    if (field && medic_begins_with(field, "[]")) {
        add_plain(text, field + 2); /* the name of an array ends so */
    } else if (!field) {
        medic_add(text, " (field not known)");
    } else {
        medic_add(text, "%s", *field == '(' ? " " : ".");
        add_plain(text, field);
    }
}

void add_holder(struct medic_text *text, const struct work *work, const struct holder *holder)
{
    if (holder->class_index)
        add_field(text, work, holder->class_index, holder->slot);
    else
        add_plain(text, holder->root ? holder->root : "(not known)");
}

void add_through(struct medic_text *text, const struct work *work, const struct holder *holder)
{
    if (holder->through_class)
        add_field(text, work, holder->through_class, holder->through_slot);
}

static int ends_with(const char *text, const char *end)
{
    size_t length = text ? strlen(text) : 0, tail = strlen(end);

    return length >= tail && strcmp(text + length - tail, end) == 0;
}

enum holding_kind holding_kind(const struct work *work, const struct holder *holder)
{
    const struct census *census = &work->census;
    const char *field = holder->through_class ? census->heap->field(census->host, census->graph, holder->through_class,
                                                                    holder->through_slot)
                                              : NULL;

    return ends_with(field, "[].key") ? HOLDS_KEY : ends_with(field, "[].value") ? HOLDS_VALUE : HOLDS;
}

int add_value(struct medic_text *text, struct work *work, const struct value *value, uint32_t most)
{
    const struct census *census = &work->census;
    const medic_heap_value *kept =
        work->redact ? NULL : census->heap->value(census->host, census->graph, value->hash, value->length);
    int is_cut;

    if (!kept) {
        medic_add(text, "#%012llx", (unsigned long long)(value->hash >> 16));
        return 0;
    }
    is_cut = value_text(work->text, kept->text, kept->units < value->length ? kept->units : value->length,
                        value->length, most < VALUE_MAX ? most : VALUE_MAX);
    medic_add(text, "%s", work->text);
    return is_cut;
}
