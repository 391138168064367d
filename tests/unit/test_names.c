/* core/services: what the names of ids look like, and when their records are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <medic/clr/hresults.h>
#include <medic/clr/metadata.h>
#include <medic/result.h>

#include "../../core/services/name_text.h"
#include "../../core/services/names.h"
#include "../../core/services/pretty_names.h"

/* ---- text ---- */

static void text_is_cut_on_a_character_boundary(void **state)
{
    (void)state;
    char bytes[8];
    struct name_text text = name_text_over(bytes, sizeof bytes);
    name_text_puts(&text, "abcd\xC3\xA9"
                          "fgh");
    assert_true(text.cut);
    assert_memory_equal(bytes, "abcd" NAME_ELLIPSIS, text.length);
    assert_int_equal(text.length, 7);
    name_text_puts(&text, "x");
    assert_int_equal(text.length, 7);
}

static void text_that_fits_exactly_is_not_cut(void **state)
{
    (void)state;
    char bytes[6];
    struct name_text text = name_text_over(bytes, sizeof bytes);
    name_text_puts(&text, "abc");
    name_text_puts(&text, "def");
    assert_false(text.cut);
    assert_int_equal(text.length, 6);
    name_text_puts(&text, "");
    assert_false(text.cut);
    name_text_puts(&text, "g");
    assert_true(text.cut);
    assert_memory_equal(bytes, "abc" NAME_ELLIPSIS, 6);
}

static void every_cut_leaves_valid_text(void **state)
{
    (void)state;
    static const uint16_t wide[] = {'a', 0xE9, 0x20AC, 0xD83D, 0xDE00, 'b', 0x20AC, 0xD83D, 0xDE00, 0xE9};
    for (size_t capacity = 3; capacity < 32; capacity++) {
        char bytes[32], again[128];
        struct name_text text = name_text_over(bytes, capacity), copy = name_text_over(again, sizeof again);
        name_text_put_wide(&text, wide, sizeof wide / sizeof *wide);
        assert_true(text.length <= capacity);
        name_text_put_foreign(&copy, bytes, text.length);
        assert_int_equal(copy.length, text.length);
        assert_memory_equal(again, bytes, text.length);
    }
}

static void lone_surrogates_become_replacement_characters(void **state)
{
    (void)state;
    static const uint16_t wide[] = {0xDC00, 'a', 0xD800, 'b', 0xD83D, 0xDE00, 0xD800};
    static const char expected[] = "\xEF\xBF\xBD"
                                   "a\xEF\xBF\xBD"
                                   "b\xF0\x9F\x98\x80\xEF\xBF\xBD";
    char bytes[64];
    struct name_text text = name_text_over(bytes, sizeof bytes);
    name_text_put_wide(&text, wide, sizeof wide / sizeof *wide);
    assert_int_equal(text.length, sizeof expected - 1);
    assert_memory_equal(bytes, expected, text.length);
}

static void foreign_bytes_become_valid_text(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain", "plain"},
        {"caf\xC3\xA9", "caf\xC3\xA9"},
        {"caf\xC3", "caf"}, /* Linux cuts thread names in the middle of a character */
        {"a\xE2\x82", "a"},
        {"a\xFF"
         "b",
         "a\xEF\xBF\xBD"
         "b"},
        {"\xC0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xE0\x80\x80", "\xEF\xBF\xBD"}, /* overlong */
        {"\xED\xA0\x80", "\xEF\xBF\xBD"}, /* a surrogate */
        {"\xE2"
         "ab",
         "\xEF\xBF\xBD"
         "ab"},
        {"\xF4\x90\x80\x80", "\xEF\xBF\xBD"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char bytes[64];
        struct name_text text = name_text_over(bytes, sizeof bytes - 1);
        name_text_put_foreign(&text, cases[i].in, strlen(cases[i].in));
        bytes[text.length] = '\0';
        assert_string_equal(bytes, cases[i].out);
    }
}

/* ---- pretty names ---- */

static void put_letter(void *context, struct name_text *out, uint32_t index)
{
    (void)context;
    char letter = (char)('A' + index);
    name_text_put(out, &letter, 1);
}

/* types: the parts from the outermost in, separated by '+'. method: NULL for a type's name. Arguments are called A, B, C... */
static void check(const char *types, const char *method, uint32_t type_arguments, uint32_t method_arguments,
                  enum pretty_machine machine, const char *expected)
{
    char parts[512], bytes[513];
    struct name_text text = name_text_over(bytes, sizeof bytes - 1);
    struct pretty pretty;
    snprintf(parts, sizeof parts, "%s", types);
    pretty_begin(&pretty, &text, put_letter, NULL, type_arguments);
    for (char *rest = parts, *part; *rest != '\0' && (part = strsep(&rest, "+")) != NULL;) {
        pretty_type(&pretty, part, machine);
        if (!rest)
            break;
    }
    if (method)
        pretty_method(&pretty, method, method_arguments);
    else
        pretty_end(&pretty);
    bytes[text.length] = '\0';
    assert_string_equal(bytes, expected);
}

struct type_case {
    const char *types;
    uint32_t arguments;
    const char *expected;
};

static void types_are_named_as_they_were_written(void **state)
{
    (void)state;
    static const struct type_case cases[] = {
        {"Orders.Order", 0, "Orders.Order"},
        {"Order", 0, "Order"},
        {"Orders.Cache+Entry", 0, "Orders.Cache.Entry"},
        {"System.Collections.Generic.Dictionary`2", 2, "System.Collections.Generic.Dictionary<A, B>"},
        {"System.Collections.Generic.Dictionary`2+Enumerator", 2,
         "System.Collections.Generic.Dictionary<A, B>.Enumerator"},
        {"Outer`1+Inner`2", 3, "Outer<A>.Inner<B, C>"},
        {"Outer`1+Inner`2", 0, "Outer.Inner"},       /* an open type */
        {"Outer`1+Inner`2", 2, "Outer<A>.Inner<B>"}, /* fewer than the names promise */
        {"Written.By.Another.Compiler", 2, "Written.By.Another.Compiler<A, B>"},
        {"Tick`", 0, "Tick`"},
        {"`1", 0, "`1"},
        {"Odd`1x", 0, "Odd`1x"},
        {"Orders.Cache+<>c__DisplayClass4_0", 0, "Orders.Cache.(closure)"},
        {"Orders.Cache+<>c", 0, "Orders.Cache.(closure)"},
        {"Orders.Cache+<>c__4`1", 1, "Orders.Cache.(closure)"}, /* of a generic method */
        {"Orders.Cache`1+<>c__DisplayClass4_0`1", 2, "Orders.Cache<A>.(closure)"},
        {"<>c__DisplayClass", 0, "(closure)"},
        {"<>f__AnonymousType0`2", 2, "(anonymous type)"},
        {"<>f__AnonymousDelegate0`2", 2, "(anonymous delegate)"},
        {"<>F{00000001}`3", 3, "(anonymous delegate)"},
        {"<>A{00000001}`1", 1, "(anonymous delegate)"},
        {"Orders.Cache+<>O", 0, "Orders.Cache.(delegate cache)"},
        {"Orders.Cache+<>o__5", 0, "Orders.Cache.(dynamic call site)"},
        {"<>z__ReadOnlyArray`1", 1, "(read-only list)"},
        {"<>y__InlineArray3`1", 1, "(inline array)"},
        {"Orders.Buffer+<data>e__FixedBuffer", 0, "Orders.Buffer.data (fixed buffer)"},
        {"<Program>$", 0, "Program"},
        {"<Module>", 0, "<Module>"},
        {"<PrivateImplementationDetails>", 0, "<PrivateImplementationDetails>"},
        {"<PrivateImplementationDetails>+__StaticArrayInitTypeSize=12", 0,
         "<PrivateImplementationDetails>.__StaticArrayInitTypeSize=12"},
        {"Orders.<Tables>F0A1B2C3D4__Row`1", 1, "Orders.Row<A>"},
        {"<Tables>F0A__Row+Cell", 0, "Row.Cell"},
        {"<Tables>Fxyz__Row", 0, "<Tables>Fxyz__Row"},
        {"<Tables>F__Row", 0, "<Tables>F__Row"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(cases[i].types, NULL, cases[i].arguments, 0, PRETTY_ASYNC, cases[i].expected);
}

static void state_machines_are_named_after_their_method(void **state)
{
    (void)state;
    static const struct type_case async_cases[] = {
        {"Orders.Cache+<Load>d__5", 0, "Orders.Cache.Load (async)"},
        {"Orders.Cache+<Load>d", 0, "Orders.Cache.Load (async)"},
        {"Orders.Cache`1+<Load>d__5`1", 2, "Orders.Cache<A>.Load<B> (async)"},
        {"Program+<<Main>$>d__0", 0, "Program.Main (async)"},
        {"Orders.Cache+<>c+<<Load>b__0_1>d", 0, "Orders.Cache.Load (async lambda)"},
        {"Orders.Cache+<>c__DisplayClass4_0+<<Load>b__0>d", 0, "Orders.Cache.Load (async lambda)"},
        {"Orders.Cache+<>c__DisplayClass4_0`1+<<Load>b__0>d", 1, "Orders.Cache.Load<A> (async lambda)"},
        {"Orders.Cache+<<Load>g__Retry|4_0>d", 0, "Orders.Cache.Load.Retry (async local function)"},
        {"Program+<<<Main>$>g__Run|0_0>d", 0, "Program.Main.Run (async local function)"},
        {"Program+<>c+<<<Main>$>b__0_0>d", 0, "Program.Main (async lambda)"},
        {"Orders.Cache+<System-IAsyncDisposable-DisposeAsync>d__3", 0,
         "Orders.Cache.System.IAsyncDisposable.DisposeAsync (async)"},
    };
    for (size_t i = 0; i < sizeof async_cases / sizeof *async_cases; i++) {
        check(async_cases[i].types, NULL, async_cases[i].arguments, 0, PRETTY_ASYNC, async_cases[i].expected);
        check(async_cases[i].types, "MoveNext", async_cases[i].arguments, 0, PRETTY_ASYNC, async_cases[i].expected);
    }
    check("Orders.Cache+<Lines>d__2", NULL, 0, 0, PRETTY_ITERATOR, "Orders.Cache.Lines (iterator)");
    check("Orders.Cache`1+<Lines>d__2`1", "MoveNext", 2, 0, PRETTY_ITERATOR, "Orders.Cache<A>.Lines<B> (iterator)");
    check("Orders.Cache+<Lines>d__2", "MoveNext", 0, 0, PRETTY_ASYNC_ITERATOR, "Orders.Cache.Lines (async iterator)");
    check("Bag+<System-Collections-Generic-IEnumerable<T>-GetEnumerator>d__1", NULL, 0, 0, PRETTY_ITERATOR,
          "Bag.System.Collections.Generic.IEnumerable<T>.GetEnumerator (iterator)");
    check("Orders.Cache+<Lines>d__2", "System.IDisposable.Dispose", 0, 0, PRETTY_ITERATOR,
          "Orders.Cache.Lines (iterator).System.IDisposable.Dispose");
    check("Orders.Cache+<Lines>d__2", "<>m__Finally1", 0, 0, PRETTY_ITERATOR,
          "Orders.Cache.Lines (iterator).(finally)");
    check("Orders.Cache+<Load>d__5", "SetStateMachine", 0, 0, PRETTY_ASYNC,
          "Orders.Cache.Load (async).SetStateMachine");
}

static void methods_are_named_as_they_were_written(void **state)
{
    (void)state;
    static const struct {
        const char *types, *method;
        uint32_t type_arguments, method_arguments;
        const char *expected;
    } cases[] = {
        {"Orders.Cache", "Load", 0, 0, "Orders.Cache.Load"},
        {"", "Global", 0, 0, "Global"},
        {"Orders.Order", ".ctor", 0, 0, "Orders.Order..ctor"},
        {"Orders.Order", ".cctor", 0, 0, "Orders.Order..cctor"},
        {"Orders.Order", "get_Total", 0, 0, "Orders.Order.get_Total"},
        {"Orders.Order", "op_GreaterThan", 0, 0, "Orders.Order.op_GreaterThan"},
        {"Orders.Order", "<Clone>$", 0, 0, "Orders.Order.Clone"},
        {"Orders.Cache", "Sort", 0, 1, "Orders.Cache.Sort<A>"},
        {"Orders.Cache`1", "Sort", 1, 2, "Orders.Cache<A>.Sort<B, C>"},
        {"Orders.Cache", "System.IDisposable.Dispose", 0, 0, "Orders.Cache.System.IDisposable.Dispose"},
        {"Bag`1", "System.Collections.Generic.IEnumerable<T>.GetEnumerator", 1, 0,
         "Bag<A>.System.Collections.Generic.IEnumerable<T>.GetEnumerator"},
        {"Orders.Cache+<>c", "<Load>b__0_1", 0, 0, "Orders.Cache.Load (lambda)"},
        {"Orders.Cache+<>c__DisplayClass4_0", "<Load>b__0", 0, 0, "Orders.Cache.Load (lambda)"},
        {"Orders.Cache", "<Load>b__0_1", 0, 0, "Orders.Cache.Load (lambda)"},
        {"Orders.Cache`1+<>c__DisplayClass4_0`1", "<Load>b__0", 2, 0, "Orders.Cache<A>.Load<B> (lambda)"},
        {"Orders.Cache+<>c__4`1", "<Sort>b__4_0", 1, 0, "Orders.Cache.Sort<A> (lambda)"},
        {"Orders.Cache+<>c__DisplayClass4_0`1", "<Load>g__X|0", 1, 1, "Orders.Cache.Load.X<A, B> (local function)"},
        {"Orders.Cache+<>c", "<.ctor>b__0_0", 0, 0, "Orders.Cache..ctor (lambda)"},
        {"Orders.Cache+<>c", "<get_Total>b__0_0", 0, 0, "Orders.Cache.get_Total (lambda)"},
        {"Orders.Cache+<>c", "<System.IDisposable.Dispose>b__0_0", 0, 0,
         "Orders.Cache.System.IDisposable.Dispose (lambda)"},
        {"Bag`1+<>c", "<System.Collections.Generic.IEnumerable<T>.GetEnumerator>b__0", 1, 0,
         "Bag<A>.System.Collections.Generic.IEnumerable<T>.GetEnumerator (lambda)"},
        {"Orders.Cache+<>c", ".ctor", 0, 0, "Orders.Cache.(closure)..ctor"},
        {"Orders.Cache+<>c", "<>n__0", 0, 0, "Orders.Cache.(closure).(base call)"},
        {"Orders.Cache", "<>n__0", 0, 0, "Orders.Cache.(base call)"},
        {"Orders.Cache", "<Load>g__Retry|4_0", 0, 0, "Orders.Cache.Load.Retry (local function)"},
        {"Orders.Cache", "<Load>g__Retry|4_0", 0, 1, "Orders.Cache.Load.Retry<A> (local function)"},
        {"Orders.Cache+<>c", "<<Load>b__0>b__1", 0, 0, "Orders.Cache.Load (lambda)"},
        {"Orders.Cache+<>c", "<<Load>g__X|0>b__1", 0, 0, "Orders.Cache.Load.X (lambda)"},
        {"Orders.Cache+<>c", "<<Load>g__X|0>g__Y|1", 0, 0, "Orders.Cache.Load.X.Y (local function)"},
        {"Program", "<Main>$", 0, 0, "Program.Main"},
        {"<Program>$", "<Main>$", 0, 0, "Program.Main"},
        {"Program", "<Main>", 0, 0, "Program.Main (entry point)"},
        {"Program", "<<Main>$>g__Run|0_0", 0, 0, "Program.Main.Run (local function)"},
        {"Program+<>c", "<<Main>$>b__0_0", 0, 0, "Program.Main (lambda)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(cases[i].types, cases[i].method, cases[i].type_arguments, cases[i].method_arguments, PRETTY_ASYNC,
              cases[i].expected);
}

static void malformed_names_are_kept(void **state)
{
    (void)state;
    static const char *const names[] = {"<",    "<>",     "<M",     ">",        "><",     "<<",    "<<M>",  "<M>b",
                                        "<M>g", "<M>x__", "<>b__0", "<>g__X|0", "<>d__0", "<M>$x", "a<b>c", "<>$"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "T.%s", names[i]);
        check("T", names[i], 0, 0, PRETTY_ASYNC, expected);
        snprintf(expected, sizeof expected, "%s", names[i]);
        check(names[i], NULL, 0, 0, PRETTY_ASYNC, expected);
    }
    check("T", "<M>g__", 0, 0, PRETTY_ASYNC, "T.M. (local function)");
    check("T", "<M>g__X", 0, 0, PRETTY_ASYNC, "T.M.X (local function)");
    check("T", "<M>b__", 0, 0, PRETTY_ASYNC, "T.M (lambda)");
    check("T", "", 0, 0, PRETTY_ASYNC, "T.");
    check("T", "<<<<<<M>b__0>b__0>b__0>b__0>b__0>b__0", 0, 0, PRETTY_ASYNC, "T.<<M>b__0>b__0 (lambda)");
}

static void no_input_leaves_the_bounds(void **state)
{
    (void)state;
    static const char alphabet[] = "<><>`1|$.-_bdgFMcf+";
    srand(1);
    for (int round = 0; round < 200000; round++) {
        char type[24], method[24], *exact_type, *exact_method, bytes[16];
        size_t n = (size_t)(rand() % 23), m = (size_t)(rand() % 23);
        for (size_t i = 0; i < n; i++)
            type[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        for (size_t i = 0; i < m; i++)
            method[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        type[n] = method[m] = '\0';
        exact_type = strdup(type); /* exact sizes, for the address sanitizer */
        exact_method = strdup(method);
        struct name_text text = name_text_over(bytes, (size_t)(3 + rand() % 14));
        struct pretty pretty;
        pretty_begin(&pretty, &text, put_letter, NULL, (uint32_t)(rand() % 3));
        (void)pretty_is_state_machine(exact_type);
        pretty_type(&pretty, exact_type, PRETTY_ITERATOR);
        pretty_type(&pretty, exact_method, PRETTY_ASYNC);
        pretty_method(&pretty, exact_method, (uint32_t)(rand() % 3));
        pretty_end(&pretty);
        assert_true(text.length <= text.capacity);
        free(exact_type);
        free(exact_method);
    }
}

static void state_machines_are_recognised(void **state)
{
    (void)state;
    assert_true(pretty_is_state_machine("<M>d__5"));
    assert_true(pretty_is_state_machine("<M>d__5`1"));
    assert_true(pretty_is_state_machine("<<M>b__0>d"));
    assert_false(pretty_is_state_machine("<>d__5"));
    assert_false(pretty_is_state_machine("<M>data"));
    assert_false(pretty_is_state_machine("<>c__DisplayClass4_0"));
    assert_false(pretty_is_state_machine("Order"));
    assert_false(pretty_is_state_machine(""));
}

static void keywords_stand_for_their_types(void **state)
{
    (void)state;
    assert_string_equal(pretty_keyword("System.Int32"), "int");
    assert_string_equal(pretty_keyword("System.String"), "string");
    assert_string_equal(pretty_keyword("System.IntPtr"), "nint");
    assert_null(pretty_keyword("System.DateTime"));
    assert_null(pretty_keyword("Orders.Int32"));
    assert_null(pretty_keyword("System."));
}

/* ---- a small runtime: classes, methods and one module in tables ---- */

enum { MODULE = 0x1000, OTHER_MODULE = 0x1001, UNLOADED = 0x1002 };

static const struct fake_type {
    const char *name;
    mdTypeDef token, outer;
    bool async;
} types[] = {
    {"Orders.Order", 0x02000002, 0, false},
    {"System.Int32", 0x02000003, 0, false},
    {"System.Collections.Generic.Dictionary`2", 0x02000004, 0, false},
    {"Entry", 0x02000005, 0x02000004, false},
    {"System.Nullable`1", 0x02000006, 0, false},
    {"Orders.Cache", 0x02000007, 0, false},
    {"<Load>d__5`1", 0x02000008, 0x02000007, true},
    {"<Lines>d__6", 0x02000009, 0x02000007, false},
    {"Box`1", 0x0200000A, 0, false},
    {"<Module>", 0x02000001, 0, false},
};

static const struct fake_class {
    ClassID id;
    mdTypeDef token;
    ClassID element; /* of an array */
    ULONG rank;
    ULONG32 count;
    ClassID arguments[2];
    HRESULT result;
} classes[] = {
    {.id = 0x10, .token = 0x02000002},
    {.id = 0x20, .token = 0x02000003},
    {.id = 0x30, .token = 0x02000004, .count = 2, .arguments = {0x20, 0x10}},
    {.id = 0x40, .token = 0x02000005, .count = 2, .arguments = {0x20, 0x50}},
    {.id = 0x50, .element = 0x10, .rank = 1},
    {.id = 0x60, .element = 0x20, .rank = 2},
    {.id = 0x70, .element = 0x60, .rank = 1},
    {.id = 0x80, .token = 0x02000006, .count = 1, .arguments = {0x20}},
    {.id = 0x90, .element = 0x80, .rank = 1},
    {.id = 0xA0, .token = 0x02000007},
    {.id = 0xB0, .token = 0x02000008, .count = 1, .arguments = {0x20}},
    {.id = 0xC0, .token = 0x02000009},
    {.id = 0xD0, .token = 0x0200000A, .count = 1, .arguments = {0xD0}}, /* Box<Box<Box<... */
    {.id = 0xE0, .result = CORPROF_E_CLASSID_IS_COMPOSITE},
    {.id = 0xF0, .result = CORPROF_E_DATAINCOMPLETE},
    {.id = 0x100, .element = 0xE0, .rank = 1},
    {.id = 0x110, .token = 0x0200000A, .count = 1, .arguments = {0xF0}},
};

static const struct fake_function {
    FunctionID id;
    const char *name; /* of the method, or of the dynamic method */
    ClassID class_id;
    mdTypeDef owner;
    mdMethodDef token;
    ULONG32 count;
    ClassID arguments[1];
    bool dynamic;
} functions[] = {
    {.id = 0x500, .name = "Load", .class_id = 0xA0, .owner = 0x02000007, .token = 0x06000001},
    {.id = 0x501, .name = "MoveNext", .class_id = 0xB0, .owner = 0x02000008, .token = 0x06000002},
    {.id = 0x502, .name = "MoveNext", .class_id = 0, .owner = 0x02000009, .token = 0x06000003},
    {.id = 0x503,
     .name = "Sort",
     .class_id = 0x30,
     .owner = 0x02000004,
     .token = 0x06000004,
     .count = 1,
     .arguments = {0x20}},
    {.id = 0x504, .name = "lambda_method1", .dynamic = true},
    {.id = 0x505, .name = "Main", .class_id = 0, .owner = 0x02000001, .token = 0x06000005},
    {.id = 0x506, .name = "Lost", .class_id = 0xF0, .owner = 0x02000007, .token = 0x06000006},
};

static int imports_open, ip_queries;

static HRESULT answer(const char *text, LPWSTR out, ULONG capacity, ULONG *count)
{
    ULONG length = (ULONG)strlen(text) + 1;
    *count = length;
    for (ULONG i = 0; i < length && i < capacity; i++)
        out[i] = (WCHAR)(i + 1 == capacity ? 0 : (unsigned char)text[i]);
    return S_OK;
}

static const struct fake_type *type_of(mdTypeDef token)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].token == token)
            return &types[i];
    return NULL;
}

static const struct fake_class *class_of(ClassID id)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (classes[i].id == id)
            return &classes[i];
    return NULL;
}

static const struct fake_function *function_of(FunctionID id)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (functions[i].id == id)
            return &functions[i];
    return NULL;
}

static ULONG fake_import_release(IMetaDataImport2 *self)
{
    (void)self;
    return (ULONG)--imports_open;
}

static HRESULT fake_type_props(IMetaDataImport2 *self, mdTypeDef token, LPWSTR name, ULONG capacity, ULONG *count,
                               DWORD *flags, mdToken *extends)
{
    (void)self;
    (void)flags;
    (void)extends;
    const struct fake_type *type = type_of(token);
    return type ? answer(type->name, name, capacity, count) : E_INVALIDARG;
}

static HRESULT fake_nested(IMetaDataImport2 *self, mdTypeDef token, mdTypeDef *outer)
{
    (void)self;
    const struct fake_type *type = type_of(token);
    if (!type || type->outer == 0)
        return (HRESULT)0x80131130; /* CLDB_E_RECORD_NOTFOUND */
    *outer = type->outer;
    return S_OK;
}

static HRESULT fake_find_method(IMetaDataImport2 *self, mdTypeDef token, LPCWSTR name, PCCOR_SIGNATURE signature,
                                ULONG size, mdMethodDef *out)
{
    (void)self;
    (void)signature;
    (void)size;
    const struct fake_type *type = type_of(token);
    if (!type || !type->async || memcmp(name, u"SetStateMachine", sizeof u"SetStateMachine") != 0)
        return (HRESULT)0x80131130;
    *out = 0x06000099;
    return S_OK;
}

static HRESULT fake_method_props(IMetaDataImport2 *self, mdMethodDef token, mdTypeDef *owner, LPWSTR name,
                                 ULONG capacity, ULONG *count, DWORD *attributes, PCCOR_SIGNATURE *blob, ULONG *size,
                                 ULONG *rva, DWORD *flags)
{
    (void)self;
    (void)attributes;
    (void)blob;
    (void)size;
    (void)rva;
    (void)flags;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (functions[i].token == token) {
            *owner = functions[i].owner;
            return answer(functions[i].name, name, capacity, count);
        }
    }
    return E_INVALIDARG;
}

static HRESULT fake_scope(IMetaDataImport2 *self, LPWSTR name, ULONG capacity, ULONG *count, GUID *mvid)
{
    (void)self;
    memset(mvid, 7, sizeof *mvid);
    return answer("Scope.dll", name, capacity, count);
}

static const IMetaDataImport2Vtbl import_vtbl = {.Release = fake_import_release,
                                                 .GetTypeDefProps = fake_type_props,
                                                 .GetNestedClassProps = fake_nested,
                                                 .FindMethod = fake_find_method,
                                                 .GetMethodProps = fake_method_props,
                                                 .GetScopeProps = fake_scope};
static IMetaDataImport2 import = {&import_vtbl};

static HRESULT fake_metadata(ICorProfilerInfo12 *self, ModuleID module, DWORD flags, REFIID iid, IUnknown **out)
{
    (void)self;
    (void)iid;
    assert_int_equal(flags, 0);
    if (module != MODULE && module != OTHER_MODULE)
        return CORPROF_E_DATAINCOMPLETE;
    imports_open++;
    *out = (IUnknown *)(void *)&import;
    return S_OK;
}

static HRESULT fake_is_array(ICorProfilerInfo12 *self, ClassID id, CorElementType *type, ClassID *element, ULONG *rank)
{
    (void)self;
    const struct fake_class *class = class_of(id);
    if (!class || class->rank == 0)
        return S_FALSE;
    *type = ELEMENT_TYPE_CLASS;
    *element = class->element;
    *rank = class->rank;
    return S_OK;
}

static HRESULT fake_class_info(ICorProfilerInfo12 *self, ClassID id, ModuleID *module, mdTypeDef *token,
                               ClassID *parent, ULONG32 capacity, ULONG32 *count, ClassID *arguments)
{
    (void)self;
    const struct fake_class *class = class_of(id);
    if (!class)
        return E_INVALIDARG;
    *parent = id == 0x10 ? 0x30 : 0;
    if (class->rank > 0)
        return CORPROF_E_CLASSID_IS_ARRAY;
    if (FAILED(class->result))
        return class->result;
    *module = MODULE;
    *token = class->token;
    *count = class->count;
    for (ULONG32 i = 0; i < class->count && i < capacity; i++)
        arguments[i] = class->arguments[i];
    return S_OK;
}

static HRESULT fake_is_dynamic(ICorProfilerInfo12 *self, FunctionID id, BOOL *dynamic)
{
    (void)self;
    const struct fake_function *function = function_of(id);
    *dynamic = function && function->dynamic;
    return S_OK;
}

static HRESULT fake_dynamic_info(ICorProfilerInfo12 *self, FunctionID id, ModuleID *module, PCCOR_SIGNATURE *signature,
                                 ULONG *size, ULONG capacity, ULONG *count, WCHAR *name)
{
    (void)self;
    (void)signature;
    (void)size;
    *module = MODULE;
    return answer(function_of(id)->name, name, capacity, count);
}

static HRESULT fake_function_info(ICorProfilerInfo12 *self, FunctionID id, COR_PRF_FRAME_INFO frame, ClassID *class_id,
                                  ModuleID *module, mdToken *token, ULONG32 capacity, ULONG32 *count,
                                  ClassID *arguments)
{
    (void)self;
    const struct fake_function *function = function_of(id);
    assert_int_equal(frame, 0);
    if (!function)
        return E_INVALIDARG;
    *class_id = function->class_id;
    *module = MODULE;
    *token = function->token;
    *count = function->count;
    for (ULONG32 i = 0; i < function->count && i < capacity; i++)
        arguments[i] = function->arguments[i];
    return S_OK;
}

static HRESULT fake_module_info(ICorProfilerInfo12 *self, ModuleID id, LPCBYTE *base, ULONG capacity, ULONG *count,
                                WCHAR *name, AssemblyID *assembly, DWORD *flags)
{
    (void)self;
    (void)assembly;
    if (id == UNLOADED)
        return CORPROF_E_DATAINCOMPLETE;
    *base = id == MODULE ? (LPCBYTE)0x7000 : NULL;
    *flags = id == MODULE ? COR_PRF_MODULE_DISK : COR_PRF_MODULE_DYNAMIC | COR_PRF_MODULE_COLLECTIBLE;
    return answer(id == MODULE ? "/app/Orders.dll" : "", name, capacity, count);
}

static HRESULT fake_function_from_ip(ICorProfilerInfo12 *self, LPCBYTE ip, FunctionID *id, ReJITID *rejit)
{
    (void)self;
    (void)rejit;
    ip_queries++;
    if ((uintptr_t)ip == 0x9000)
        *id = 0x500;
    else if ((uintptr_t)ip == 0x9100)
        *id = 0x504;
    else
        return (uintptr_t)ip == 0x9200 ? CORPROF_E_ASYNCHRONOUS_UNSAFE : E_FAIL;
    return S_OK;
}

static ULONG thread_cursor;

static HRESULT fake_threads_next(ICorProfilerThreadEnum *self, ULONG capacity, ThreadID *ids, ULONG *count)
{
    (void)self;
    for (*count = 0; *count < capacity && thread_cursor < 100; thread_cursor++)
        ids[(*count)++] = 0x2000 + thread_cursor;
    return *count == capacity ? S_OK : S_FALSE;
}

static ULONG fake_threads_release(ICorProfilerThreadEnum *self)
{
    (void)self;
    return 0;
}

static const ICorProfilerThreadEnumVtbl threads_vtbl = {.Next = fake_threads_next, .Release = fake_threads_release};
static ICorProfilerThreadEnum threads = {&threads_vtbl};

static HRESULT fake_enum_threads(ICorProfilerInfo12 *self, ICorProfilerThreadEnum **out)
{
    (void)self;
    thread_cursor = 0;
    *out = &threads;
    return S_OK;
}

static HRESULT fake_thread_info(ICorProfilerInfo12 *self, ThreadID id, DWORD *os_id)
{
    (void)self;
    assert_in_range(id, 0x2000, 0x2000 + 99); /* anything else would be dereferenced */
    *os_id = (DWORD)getpid();
    return S_OK;
}

static const ICorProfilerInfo12Vtbl info_vtbl = {.IsArrayClass = fake_is_array,
                                                 .GetClassIDInfo2 = fake_class_info,
                                                 .GetModuleMetaData = fake_metadata,
                                                 .GetModuleInfo2 = fake_module_info,
                                                 .IsFunctionDynamic = fake_is_dynamic,
                                                 .GetDynamicFunctionInfo = fake_dynamic_info,
                                                 .GetFunctionInfo2 = fake_function_info,
                                                 .GetFunctionFromIP3 = fake_function_from_ip,
                                                 .EnumThreads = fake_enum_threads,
                                                 .GetThreadInfo = fake_thread_info};
static ICorProfilerInfo12 info = {&info_vtbl};

/* ---- the records ---- */

static struct {
    uint32_t count, names;
    uint32_t types[64];
    medic_name_record name; /* the last ones */
    medic_module_record module;
    medic_thread_record thread;
    char text[2048];
    int result;
} out;

static int take(void *context, uint32_t type, const void *head, uint32_t head_size, const void *tail,
                uint32_t tail_size)
{
    assert_ptr_equal(context, &out);
    if (out.result != MEDIC_OK)
        return out.result;
    assert_true(out.count < 64 && tail_size < sizeof out.text);
    out.types[out.count++] = type;
    if (type == MEDIC_RECORD_NAME) {
        assert_int_equal(head_size, sizeof out.name);
        memcpy(&out.name, head, head_size);
        assert_int_equal(out.name.length, tail_size);
        out.names++;
    } else if (type == MEDIC_RECORD_MODULE) {
        memcpy(&out.module, head, head_size);
        assert_int_equal(out.module.length, tail_size);
    } else {
        memcpy(&out.thread, head, head_size);
        assert_int_equal(out.thread.length, tail_size);
    }
    memcpy(out.text, tail, tail_size);
    out.text[tail_size] = '\0';
    return MEDIC_OK;
}

static int set_up(void **state)
{
    memset(&out, 0, sizeof out);
    ip_queries = 0;
    *state = names_new(&info, take, &out);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    names_free(*state);
    return imports_open == 0 ? 0 : -1;
}

static void expect_type(struct names *names, ClassID id, const char *expected, uint32_t flags)
{
    assert_int_equal(names_type(names, id), MEDIC_OK);
    assert_string_equal(out.text, expected);
    assert_int_equal(out.name.kind, MEDIC_NAME_TYPE);
    assert_int_equal(out.name.id, id);
    assert_int_equal(out.name.flags, flags);
}

static void a_type_gets_its_full_name(void **state)
{
    struct names *names = *state;
    expect_type(names, 0x10, "Orders.Order", 0);
    assert_int_equal(out.name.token, 0x02000002);
    assert_int_equal(out.name.module, MODULE);
    expect_type(names, 0x20, "System.Int32", 0);
    expect_type(names, 0x30, "System.Collections.Generic.Dictionary<int, Orders.Order>", 0);
    expect_type(names, 0x40, "System.Collections.Generic.Dictionary<int, Orders.Order[]>.Entry", 0);
    expect_type(names, 0x50, "Orders.Order[]", 0);
    assert_int_equal(out.name.token, 0);
    assert_int_equal(out.name.module, MODULE);
    expect_type(names, 0x60, "int[,]", 0);
    expect_type(names, 0x70, "int[][,]", 0); /* C# writes the outer rank first */
    expect_type(names, 0x80, "System.Nullable<int>", 0);
    expect_type(names, 0x90, "int?[]", 0);
    expect_type(names, 0xB0, "Orders.Cache.Load<int> (async)", 0);
    expect_type(names, 0xC0, "Orders.Cache.Lines (iterator)", 0);
    expect_type(names, 0xE0, "(pointer)", 0);
    expect_type(names, 0x100, "(pointer)[]", 0);
    expect_type(names, 0x110, "Box<?>", 0);
}

static void an_endless_type_is_cut(void **state)
{
    expect_type(*state, 0xD0, "Box<Box<Box<Box<Box<Box<Box<Box<" NAME_ELLIPSIS ">>>>>>>>", 0);
}

static void a_type_that_cannot_be_resolved_says_so_once(void **state)
{
    expect_type(*state, 0xF0, "(unknown type 0xf0: 0x80131351)", 2);
    assert_int_equal(out.name.module, 0);
    assert_int_equal(names_type(*state, 0xF0), MEDIC_OK);
    assert_int_equal(out.count, 1);
    assert_int_equal(names_type(*state, 0), MEDIC_E_ARGUMENT);
    assert_int_equal(out.count, 1);
}

static void a_base_type_is_told_and_named(void **state)
{
    ClassID base = 1;

    assert_int_equal(names_base_type(*state, 0x10, &base), MEDIC_OK);
    assert_int_equal(base, 0x30);
    assert_string_equal(out.text, "System.Collections.Generic.Dictionary<int, Orders.Order>");
    assert_int_equal(names_base_type(*state, 0x20, &base), MEDIC_E_NOT_FOUND);
    assert_int_equal(base, 0);
    assert_int_equal(names_base_type(*state, 0x50, &base), MEDIC_E_NOT_FOUND);
    assert_int_equal(names_base_type(*state, 0, &base), MEDIC_E_ARGUMENT);
}

static void a_name_is_written_once_and_behind_its_module(void **state)
{
    struct names *names = *state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(names_type(names, 0x10), MEDIC_OK);
        assert_int_equal(names_function(names, 0x500), MEDIC_OK);
        assert_int_equal(names_module(names, MODULE), MEDIC_OK);
    }
    assert_int_equal(out.count, 3);
    assert_int_equal(out.types[0], MEDIC_RECORD_MODULE);
    assert_int_equal(out.types[1], MEDIC_RECORD_NAME);
    assert_int_equal(out.types[2], MEDIC_RECORD_NAME);
}

static void a_record_that_was_not_written_is_tried_again(void **state)
{
    struct names *names = *state;
    out.result = MEDIC_E_IO;
    assert_int_equal(names_type(names, 0x10), MEDIC_E_IO);
    assert_int_equal(names_thread(names, 0x2000), MEDIC_E_IO);
    out.result = MEDIC_OK;
    assert_int_equal(names_type(names, 0x10), MEDIC_OK);
    assert_int_equal(names_thread(names, 0x2000), MEDIC_OK);
    assert_int_equal(out.count, 3);
}

static void a_function_gets_its_written_name(void **state)
{
    static const struct {
        FunctionID id;
        const char *expected;
        uint32_t flags;
    } cases[] = {
        {0x500, "Orders.Cache.Load", 0},
        {0x501, "Orders.Cache.Load<int> (async)", 0},
        {0x502, "Orders.Cache.Lines (iterator)", 0},
        {0x503, "System.Collections.Generic.Dictionary<int, Orders.Order>.Sort<int>", 0},
        {0x504, "lambda_method1 (dynamic)", 1},
        {0x505, "Main", 0},
        {0x506, "Orders.Cache.Lost", 0},
        {0x599, "(unknown function 0x599: 0x80070057)", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(names_function(*state, cases[i].id), MEDIC_OK);
        assert_string_equal(out.text, cases[i].expected);
        assert_int_equal(out.name.kind, MEDIC_NAME_FUNCTION);
        assert_int_equal(out.name.flags, cases[i].flags);
    }
}

static void a_module_has_path_base_and_version(void **state)
{
    assert_int_equal(names_module(*state, MODULE), MEDIC_OK);
    assert_string_equal(out.text, "/app/Orders.dll");
    assert_int_equal(out.module.base, 0x7000);
    assert_int_equal(out.module.mvid.Data1, 0x07070707);
    assert_int_equal(out.module.flags, 0);
    assert_int_equal(names_module(*state, OTHER_MODULE), MEDIC_OK);
    assert_string_equal(out.text, "Scope.dll");
    assert_int_equal(out.module.base, 0);
    assert_int_equal(out.module.flags, 3);
    assert_int_equal(names_module(*state, UNLOADED), MEDIC_OK);
    assert_string_equal(out.text, "(unknown module 0x1002: 0x80131351)");
}

static void a_thread_has_its_linux_id_and_name(void **state)
{
    char comm[32] = "";
    FILE *file = fopen("/proc/self/comm", "r");
    assert_non_null(file);
    assert_non_null(fgets(comm, sizeof comm, file));
    fclose(file);
    comm[strcspn(comm, "\n")] = '\0';
    assert_int_equal(names_thread(*state, 0x2000 + 99), MEDIC_OK); /* behind the first page of the list */
    assert_int_equal(out.thread.os_id, getpid());
    assert_string_equal(out.text, comm);
    assert_int_equal(names_thread(*state, 0x3000), MEDIC_OK);
    assert_int_equal(out.thread.os_id, 0);
    assert_string_equal(out.text, "(unknown thread 0x3000: 0x80131355)");
}

static void an_address_is_looked_up_once(void **state)
{
    struct names *names = *state;
    FunctionID id = 1;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(names_function_at(names, 0x9000, &id), MEDIC_OK);
        assert_int_equal(id, 0x500);
        assert_int_equal(names_function_at(names, 0x8000, &id), MEDIC_E_NOT_FOUND);
        assert_int_equal(id, 0);
    }
    assert_int_equal(ip_queries, 2);
    assert_int_equal(out.names, 1);
    assert_int_equal(names_function_at(names, 0, &id), MEDIC_E_NOT_FOUND);
}

static void what_may_change_is_asked_for_again(void **state)
{
    struct names *names = *state;
    FunctionID id;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(names_function_at(names, 0x9100, &id), MEDIC_OK); /* dynamic code */
        assert_int_equal(id, 0x504);
        assert_int_equal(names_function_at(names, 0x9200, &id), MEDIC_E_NOT_FOUND); /* a passing failure */
    }
    assert_int_equal(ip_queries, 4);
}

static int count_only(void *context, uint32_t type, const void *head, uint32_t head_size, const void *tail,
                      uint32_t tail_size)
{
    (void)type;
    (void)head;
    (void)head_size;
    (void)tail;
    (void)tail_size;
    ++*(uint64_t *)context;
    return MEDIC_OK;
}

static void the_cache_is_bounded_and_says_what_it_holds(void **state)
{
    (void)state;
    uint64_t records = 0, before, empty;
    struct names *names = names_new(&info, count_only, &records);
    assert_non_null(names);
    empty = names_memory(names);
    assert_in_range(empty, 1, 64 << 10);
    ClassID id = 0x100000;
    while (names_type(names, id) == MEDIC_OK)
        id++;
    assert_int_equal(names_type(names, id), MEDIC_E_FULL);
    assert_int_equal(records, id - 0x100000);
    before = names_memory(names);
    assert_in_range(before, 1 << 20, 16 << 20);
    assert_int_equal(names_type(names, 0x100000), MEDIC_OK);
    assert_int_equal(records, id - 0x100000);
    names_free(names);
    names_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_cut_on_a_character_boundary),
        cmocka_unit_test(text_that_fits_exactly_is_not_cut),
        cmocka_unit_test(every_cut_leaves_valid_text),
        cmocka_unit_test(lone_surrogates_become_replacement_characters),
        cmocka_unit_test(foreign_bytes_become_valid_text),
        cmocka_unit_test(types_are_named_as_they_were_written),
        cmocka_unit_test(state_machines_are_named_after_their_method),
        cmocka_unit_test(methods_are_named_as_they_were_written),
        cmocka_unit_test(malformed_names_are_kept),
        cmocka_unit_test(no_input_leaves_the_bounds),
        cmocka_unit_test(state_machines_are_recognised),
        cmocka_unit_test(keywords_stand_for_their_types),
        cmocka_unit_test_setup_teardown(a_type_gets_its_full_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_endless_type_is_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_type_that_cannot_be_resolved_says_so_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_base_type_is_told_and_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_is_written_once_and_behind_its_module, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_that_was_not_written_is_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_function_gets_its_written_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_module_has_path_base_and_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_thread_has_its_linux_id_and_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_address_is_looked_up_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_may_change_is_asked_for_again, set_up, tear_down),
        cmocka_unit_test(the_cache_is_bounded_and_says_what_it_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
