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

/* "Orders.Customer._city", "string[]", "Dictionary<string, Order>.Entry[].key" */
static void add_field(struct medic_text *text, const struct work *work, uint32_t class_index, uint32_t slot)
{
    const struct census *census = &work->census;
    const char *name = census->graph->classes[class_index].name;
    const char *field = census->heap->field(census->host, census->graph, class_index, slot);

    add_class(text, name);
    if (field && medic_begins_with(field, "[]")) {
        medic_add(text, "%s", field + 2); /* the name of an array ends so */
    } else if (!field) {
        medic_add(text, " (field not known)");
    } else {
        medic_add(text, "%s%s", *field == '(' ? " " : ".", field);
    }
}

void add_holder(struct medic_text *text, const struct work *work, const struct holder *holder)
{
    if (holder->class_index)
        add_field(text, work, holder->class_index, holder->slot);
    else
        medic_add(text, "%s", holder->root ? holder->root : "(not known)");
}

void add_through(struct medic_text *text, const struct work *work, const struct holder *holder)
{
    if (holder->through_class)
        add_field(text, work, holder->through_class, holder->through_slot);
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
