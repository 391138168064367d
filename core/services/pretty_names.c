#include "pretty_names.h"

#include <string.h>

#define MEMBER_DEPTH 4 /* `<<M>b__0>g__X|1`: how many brackets deep a name is undone */

struct span {
    const char *at;
    size_t size;
};

/* A name that a compiler made: `before<inner>after`; before is a namespace with its dot, or empty. */
struct generated {
    struct span before, inner, after;
};

/* A method as it was written: in `<<M>g__X|0>b__1`, M is the method, X a local function and the whole a lambda. */
struct member {
    struct span method;
    struct span locals[MEMBER_DEPTH]; /* the innermost first */
    uint32_t local_count;
    const char *kind; /* NULL for a plain method */
};

static bool starts(struct span text, const char *with)
{
    size_t size = strlen(with);
    return text.size >= size && memcmp(text.at, with, size) == 0;
}

static bool is(struct span text, const char *word)
{
    return text.size == strlen(word) && starts(text, word);
}

static struct span skip(struct span text, size_t count)
{
    return (struct span){text.at + count, text.size - count};
}

/* The index of the '>' that closes the '<' at the beginning, 0 when none does. */
static size_t closing_bracket(struct span text)
{
    size_t depth = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] == '<')
            depth++;
        else if (text.at[i] == '>' && --depth == 0)
            return i;
    }
    return 0;
}

static bool split_generated(struct span name, struct generated *out)
{
    const char *open = memchr(name.at, '<', name.size);
    if (!open || (open > name.at && open[-1] != '.'))
        return false;
    size_t before = (size_t)(open - name.at);
    struct span rest = skip(name, before);
    size_t close = closing_bracket(rest);
    if (close == 0)
        return false;
    out->before = (struct span){name.at, before};
    out->inner = (struct span){rest.at + 1, close - 1};
    out->after = skip(rest, close + 1);
    return true;
}

static bool is_machine(const struct generated *name)
{
    return name->inner.size > 0 && (is(name->after, "d") || starts(name->after, "d__"));
}

/* `List`1` is List with one parameter of its own. */
static struct span without_arity(struct span name, uint32_t *arity)
{
    size_t i = name.size;
    uint32_t value = 0, scale = 1;
    *arity = 0;
    while (i > 0 && name.size - i < 4 && name.at[i - 1] >= '0' && name.at[i - 1] <= '9') {
        value += scale * (uint32_t)(name.at[--i] - '0');
        scale *= 10;
    }
    if (i < 2 || i == name.size || name.at[i - 1] != '`')
        return name;
    *arity = value;
    return (struct span){name.at, i - 1};
}

/* One step: what is inside the brackets, and what the brackets meant. */
static bool undo_member(struct member *member)
{
    struct generated name;
    if (!split_generated(member->method, &name) || name.before.size > 0 || name.inner.size == 0)
        return false;
    const char *kind = member->kind;
    if (name.after.size == 0) {
        kind = kind ? kind : "entry point";
    } else if (starts(name.after, "b__")) {
        kind = kind ? kind : "lambda";
    } else if (starts(name.after, "g__") && member->local_count < MEMBER_DEPTH) {
        struct span local = skip(name.after, 3);
        const char *bar = memchr(local.at, '|', local.size);
        if (bar)
            local.size = (size_t)(bar - local.at);
        member->locals[member->local_count++] = local;
        kind = kind ? kind : "local function";
    } else if (!is(name.after, "$")) {
        return false;
    }
    member->kind = kind;
    member->method = name.inner;
    return true;
}

static struct member member_of(struct span name)
{
    struct member member = {.method = name};
    for (int i = 0; i < MEMBER_DEPTH && undo_member(&member); i++) {
    }
    return member;
}

static void put(struct name_text *out, struct span text)
{
    name_text_put(out, text.at, text.size);
}

static void put_dot(struct pretty *p)
{
    if (p->out->length > p->start)
        name_text_puts(p->out, ".");
}

/* Roslyn writes a dot in the name of a type as a dash: `<System-IDisposable-Dispose>d__1`. */
static void put_undashed(struct name_text *out, struct span text)
{
    const char *dash;
    while ((dash = memchr(text.at, '-', text.size)) != NULL) {
        size_t before = (size_t)(dash - text.at);
        name_text_put(out, text.at, before);
        name_text_puts(out, ".");
        text = skip(text, before + 1);
    }
    put(out, text);
}

static void put_member(struct pretty *p, const struct member *member, bool dashed)
{
    put_dot(p);
    if (dashed)
        put_undashed(p->out, member->method);
    else
        put(p->out, member->method);
    for (uint32_t i = member->local_count; i-- > 0;) {
        name_text_puts(p->out, ".");
        put(p->out, member->locals[i]);
    }
}

/* `<int, string>`: the arguments from first to end; nothing when there are none. */
static void put_arguments(struct pretty *p, uint32_t first, uint32_t end)
{
    if (first >= end || !p->argument)
        return;
    for (uint32_t i = first; i < end && !p->out->cut; i++) {
        name_text_puts(p->out, i == first ? "<" : ", ");
        p->argument(p->context, p->out, i);
    }
    name_text_puts(p->out, ">");
}

static void put_kind(struct name_text *out, const char *first, const char *second)
{
    name_text_puts(out, " (");
    name_text_puts(out, first);
    if (second) {
        name_text_puts(out, " ");
        name_text_puts(out, second);
    }
    name_text_puts(out, ")");
}

/* A closure that turns out to be a name of its own, because no method follows that was moved into it. */
static void flush_closure(struct pretty *p)
{
    if (!p->closure)
        return;
    put_dot(p);
    name_text_puts(p->out, "(closure)");
    p->closure = false;
}

static const char *const machine_words[] = {
    [PRETTY_ASYNC] = "async", [PRETTY_ITERATOR] = "iterator", [PRETTY_ASYNC_ITERATOR] = "async iterator"};

static void put_machine(struct pretty *p, const struct generated *name, uint32_t first, enum pretty_machine machine)
{
    struct member member = member_of(name->inner);
    uint32_t carried = p->closure ? p->carried : first;
    p->closure = false;
    put_member(p, &member, true);
    put_arguments(p, carried, p->next);
    put_kind(p->out, machine_words[machine], member.kind);
    p->machine = true;
}

/* Types whose names say only what the compiler needed them for. */
static const struct {
    const char *after; /* behind `<>` */
    bool exact;
    const char *text;
} unnamed_types[] = {
    {"f__AnonymousType", false, "(anonymous type)"},
    {"f__AnonymousDelegate", false, "(anonymous delegate)"},
    {"F{", false, "(anonymous delegate)"},
    {"A{", false, "(anonymous delegate)"},
    {"F", true, "(anonymous delegate)"},
    {"A", true, "(anonymous delegate)"},
    {"O", true, "(delegate cache)"},
    {"o__", false, "(dynamic call site)"},
    {"z__ReadOnly", false, "(read-only list)"},
    {"y__InlineArray", false, "(inline array)"},
};

static const char *unnamed_type(struct span after)
{
    for (size_t i = 0; i < sizeof unnamed_types / sizeof *unnamed_types; i++) {
        const char *pattern = unnamed_types[i].after;
        if (unnamed_types[i].exact ? is(after, pattern) : starts(after, pattern))
            return unnamed_types[i].text;
    }
    return NULL;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

/* `<File>F0123...__Name` is the file-local type Name. Empty when it is something else. */
static struct span file_local(struct span after)
{
    size_t i = 1;
    if (!starts(after, "F"))
        return (struct span){after.at, 0};
    while (i < after.size && is_hex(after.at[i]))
        i++;
    struct span rest = skip(after, i);
    return i > 1 && starts(rest, "__") ? skip(rest, 2) : (struct span){after.at, 0};
}

/* Whether the part was one of the kinds known here; if so it is written. */
static bool put_generated_type(struct pretty *p, struct span text, uint32_t first, enum pretty_machine machine)
{
    struct generated name;
    if (!split_generated(text, &name))
        return false;
    bool unnamed = name.inner.size == 0;
    if (unnamed && (is(name.after, "c") || starts(name.after, "c__"))) {
        flush_closure(p);
        p->closure = true;
        p->carried = first;
        return true;
    }
    if (is_machine(&name)) {
        put_machine(p, &name, first, machine);
        return true;
    }
    struct span local = unnamed ? (struct span){"", 0} : file_local(name.after);
    const char *fixed = unnamed ? unnamed_type(name.after) : NULL;
    bool buffer = !unnamed && is(name.after, "e__FixedBuffer"), main_class = !unnamed && is(name.after, "$");
    if (!fixed && local.size == 0 && !buffer && !main_class)
        return false;
    flush_closure(p);
    put_dot(p);
    put(p->out, name.before);
    if (fixed) {
        name_text_puts(p->out, fixed);
        return true;
    }
    put(p->out, local.size > 0 ? local : name.inner);
    put_arguments(p, first, p->next);
    if (buffer)
        put_kind(p->out, "fixed buffer", NULL);
    return true;
}

void pretty_begin(struct pretty *pretty, struct name_text *out, pretty_argument_fn argument, void *context,
                  uint32_t count)
{
    *pretty =
        (struct pretty){.out = out, .start = out->length, .argument = argument, .context = context, .count = count};
}

void pretty_type(struct pretty *pretty, const char *name, enum pretty_machine machine)
{
    uint32_t arity, first = pretty->next, left = pretty->count - pretty->next;
    struct span text = without_arity((struct span){name, strlen(name)}, &arity);
    pretty->next += arity < left ? arity : left;
    pretty->machine = false;
    pretty->plain = false;
    if (put_generated_type(pretty, text, first, machine))
        return;
    flush_closure(pretty);
    put_dot(pretty);
    put(pretty->out, text);
    put_arguments(pretty, first, pretty->next);
    pretty->plain = true;
}

/* Not every compiler writes the arity into the name. */
static void put_left_over(struct pretty *p)
{
    if (p->plain)
        put_arguments(p, p->next, p->count);
    p->next = p->count;
}

void pretty_end(struct pretty *pretty)
{
    flush_closure(pretty);
    put_left_over(pretty);
}

/* A method of the state machine itself; its MoveNext is the body that was written. */
static void put_machine_method(struct pretty *p, struct span name)
{
    if (is(name, "MoveNext"))
        return;
    name_text_puts(p->out, ".");
    if (starts(name, "<>m__Finally"))
        name_text_puts(p->out, "(finally)");
    else
        put(p->out, name);
}

void pretty_method(struct pretty *pretty, const char *name, uint32_t argument_count)
{
    struct pretty *p = pretty;
    struct span text = {name, strlen(name)};
    uint32_t first = p->count;
    put_left_over(p);
    if (p->machine) {
        put_machine_method(p, text);
        put_arguments(p, p->count, p->count + argument_count);
        return;
    }
    struct member member = member_of(text);
    if (p->closure && member.kind) {
        first = p->carried;
        p->closure = false;
    }
    flush_closure(p);
    if (starts(text, "<>n__"))
        member.method = (struct span){"(base call)", strlen("(base call)")};
    put_member(p, &member, false);
    put_arguments(p, first, p->count + argument_count);
    if (member.kind)
        put_kind(p->out, member.kind, NULL);
}

bool pretty_is_state_machine(const char *name)
{
    struct generated parts;
    uint32_t arity;
    return split_generated(without_arity((struct span){name, strlen(name)}, &arity), &parts) && is_machine(&parts);
}

const char *pretty_keyword(const char *name)
{
    static const struct {
        const char *name, *keyword;
    } keywords[] = {
        {"Boolean", "bool"},  {"Byte", "byte"},     {"SByte", "sbyte"},  {"Char", "char"},     {"Decimal", "decimal"},
        {"Double", "double"}, {"Single", "float"},  {"Int16", "short"},  {"UInt16", "ushort"}, {"Int32", "int"},
        {"UInt32", "uint"},   {"Int64", "long"},    {"UInt64", "ulong"}, {"IntPtr", "nint"},   {"UIntPtr", "nuint"},
        {"Object", "object"}, {"String", "string"}, {"Void", "void"},
    };
    if (strncmp(name, "System.", 7) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (strcmp(name + 7, keywords[i].name) == 0)
            return keywords[i].keyword;
    return NULL;
}
