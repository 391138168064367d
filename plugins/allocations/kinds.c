#include "kinds.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name, *hint;
} kinds[KIND_COUNT] = {
    [KIND_OBJECT] = {"objects", NULL},
    [KIND_ARRAY] = {"arrays", NULL},
    [KIND_BUFFER] = {"buffers", "rent them from ArrayPool and return them, or keep one for reuse"},
    [KIND_POOL] = {"arrays of ArrayPool", "return each array that is rented, once: those that stay out, and those that "
                                          "are more than the pool keeps, are made anew"},
    [KIND_GROWTH] = {"growth of collections",
                     "give the collection its capacity when it is made, or reuse it with Clear"},
    [KIND_PARAMS] = {"object[], as params make it", "use an overload without params, or one that takes a span"},
    [KIND_BOXING] = {"boxing", "keep value types out of object and interfaces: make the method generic, or format the "
                               "value without boxing it"},
    [KIND_CLOSURE] = {"closures",
                      "give the lambda what it captures as an argument (many methods take a state for it), or make it "
                      "once and keep it: each time it is made it costs an object and a delegate"},
    [KIND_DELEGATE] = {"delegates", "a lambda that uses `this`, or a method of an object, is made anew each time: make "
                                    "it once and keep it in a field, or pass the object to a static lambda"},
    [KIND_STRING] = {"strings", "work on the bytes or spans they are made of, or keep the texts that come again"},
    [KIND_BUILT] = {"string building",
                    "whatever of Concat, Format, Substring and the like stands there is compiled into "
                    "the method: build the text once, or work on ReadOnlySpan<char>"},
    [KIND_CONCAT] = {"string concatenation", "build the text once, with string.Create, one interpolated string, or a "
                                             "reused StringBuilder"},
    [KIND_FORMAT] = {"string formatting",
                     "format into a span with TryWrite or TryFormat, or only when the text is used"},
    [KIND_PIECES] = {"pieces and copies of strings", "work on ReadOnlySpan<char>: AsSpan, span Split, comparisons that "
                                                     "ignore case"},
    [KIND_NUMBERS] = {"ToString", "format into a span with TryFormat, or keep the texts that come again"},
    [KIND_BUILDER] =
        {"StringBuilder",
         "give it a capacity, or reuse one with Clear; write it out by GetChunks where no string is needed"},
    [KIND_ASYNC] = {"async state machines", "suspend less often: complete synchronously where possible, or use "
                                            "PoolingAsyncValueTaskMethodBuilder"},
    [KIND_TASK] = {"tasks", "return ValueTask where results are mostly there already, and keep finished tasks"},
    [KIND_ITERATOR] = {"iterators (yield)", "fill a list of the caller's, or loop directly, on the hot path"},
    [KIND_ENUMERATOR] = {"enumerators", "enumerate the concrete collection instead of IEnumerable<T>: its enumerator "
                                        "is a struct"},
    [KIND_LINQ] = {"LINQ", "write a loop on the hot path"},
    [KIND_EXCEPTION] = {"exceptions and their stack traces",
                        "throw fewer of them: profiler exceptions tells which, and who throws and catches them"},
};

const char *kind_name(enum kind kind)
{
    return kinds[kind].name;
}

const char *kind_hint(enum kind kind)
{
    return kinds[kind].hint;
}

int kind_is_vague(enum kind kind)
{
    return kind == KIND_STRING || kind == KIND_BUILT || kind == KIND_ARRAY || kind == KIND_BUFFER ||
           kind == KIND_OBJECT;
}

static int has(const char *text, const char *piece)
{
    return text && strstr(text, piece) != NULL;
}

static int has_any(const char *text, const char *const *pieces)
{
    for (; *pieces; pieces++)
        if (has(text, *pieces))
            return 1;
    return 0;
}

int is_allocator(const char *method)
{
    static const char *const allocators[] = {"System.String.Ctor",
                                             "System.String.FastAllocateString",
                                             "System.Span<char>.ToString",
                                             "System.ReadOnlySpan<char>.ToString",
                                             "System.Text.ValueStringBuilder.",
                                             "System.GC.Allocate",
                                             "System.RuntimeType.CreateInstance",
                                             "System.RuntimeTypeHandle.InternalAlloc",
                                             "System.ActivatorCache",
                                             "System.Runtime.CompilerServices.CastHelpers",
                                             "System.Runtime.CompilerServices.BoxingHelpers",
                                             "System.Runtime.CompilerServices.RuntimeHelpers",
                                             NULL};

    return has_any(method, allocators);
}

static int is(const char *text, const char *a, const char *b)
{
    return text && (strcmp(text, a) == 0 || strcmp(text, b) == 0);
}

static int ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

int is_chars(const char *type)
{
    return is(type, "char[]", "System.Char[]");
}

int is_ints(const char *type)
{
    return is(type, "int[]", "System.Int32[]");
}

int is_stack_trace(const char *type)
{
    return is(type, "sbyte[]", "System.SByte[]") || is(type, "object[]", "System.Object[]");
}

int is_of_many_sizes(const char *type)
{
    return ends_with(type, "]") || is(type, "string", "System.String");
}

/* The runtime's part in a throw, written in C# since .NET 9, and the classes themselves. */
static int is_of_exception(const char *type, const char *base, const char *method, int own)
{
    static const char *const throwing[] = {"System.Runtime.EH.", "System.Exception.", "System.Diagnostics.StackTrace",
                                           "System.Diagnostics.StackFrame", NULL};

    return ends_with(type, "Exception") || (base && ends_with(base, "Exception")) ||
           (!own && has_any(method, throwing));
}

/* "System.Collections.Generic.Dictionary<int, int>.Entry[]": what a collection keeps its elements in. The methods that make
 * it anew may be compiled into the program's own. */
static int is_inside_collection(const char *type)
{
    return strncmp(type, "System.Collections.", 19) == 0 && (ends_with(type, ".Entry[]") || ends_with(type, "Node[]"));
}

static enum kind kind_of_array(const char *type, const char *method, int own)
{
    static const char *const growing[] = {
        ".Resize",          ".Grow",     "set_Capacity", "SetCapacity", "EnsureCapacity", ".Expand", ".Array.Resize",
        "GrowForInsertion", "GrowTable", "WithResize",   NULL};

    if (has(method, "StringBuilder"))
        return KIND_BUILDER;
    if (!own && has(method, "System.Buffers.") && has(method, "ArrayPool"))
        return KIND_POOL;
    if ((!own && has_any(method, growing)) || is_inside_collection(type))
        return KIND_GROWTH;
    if (own && is(type, "object[]", "System.Object[]"))
        return KIND_PARAMS;
    if (is(type, "byte[]", "System.Byte[]") || is_chars(type))
        return KIND_BUFFER;
    return KIND_ARRAY;
}

static enum kind kind_of_string(const char *method, int own)
{
    static const char *const format[] = {"String.Format", "string.Format", "InterpolatedStringHandler", "AppendFormat",
                                         NULL};
    static const char *const concat[] = {"tring.Concat", "tring.Join", "tring.Create<", NULL};
    static const char *const pieces[] = {
        "tring.Substring",     "tring.Split",   "tring.Trim", "tring.Replace",
        "tring.Remove",        "tring.Insert",  "tring.Pad",  "tring.InternalSubString",
        "tring.CreateTrimmed", ".ToLower",      ".ToUpper",   ".ChangeCase",
        "CreateSplitArray",    "SplitInternal", NULL};
    static const char *const numbers[] = {"Number.", ".ToString", "DateTimeFormat.", NULL};

    if (own)
        return KIND_BUILT;
    if (has_any(method, format))
        return KIND_FORMAT;
    if (has(method, "StringBuilder"))
        return KIND_BUILDER;
    if (has_any(method, concat))
        return KIND_CONCAT;
    if (has_any(method, pieces))
        return KIND_PIECES;
    return has_any(method, numbers) ? KIND_NUMBERS : KIND_STRING;
}

/* "<Lines>d__4": a class that the compiler made of a method with yield. */
static int is_iterator(const char *type)
{
    return has(type, ">d__") || has(type, "(iterator)");
}

enum kind kind_of(const char *type, const char *base, const char *method, int own)
{
    int value = is(base, "System.ValueType", "System.Enum") || is(base, "ValueType", "Enum");

    if (!type)
        return KIND_OBJECT;
    if (is_of_exception(type, base, method, own))
        return KIND_EXCEPTION;
    if (ends_with(type, "]") && strchr(type, '['))
        return kind_of_array(type, method, own);
    if (is(type, "string", "System.String"))
        return kind_of_string(method, own);
    if (has(type, "Text.StringBuilder"))
        return KIND_BUILDER;
    if (has(type, "DisplayClass") || has(type, "(closure)"))
        return KIND_CLOSURE;
    if (has(base, "MulticastDelegate"))
        return KIND_DELEGATE;
    if (has(type, "AsyncStateMachineBox") || has(type, "StateMachineBox") || has(type, "(async)"))
        return KIND_ASYNC;
    if (strncmp(type, "System.Linq.", 12) == 0)
        return KIND_LINQ;
    if (has(type, "Enumerator"))
        return KIND_ENUMERATOR;
    if (is_iterator(type))
        return KIND_ITERATOR;
    if (value)
        return KIND_BOXING;
    return has(type, "System.Threading.Tasks.Task") ? KIND_TASK : KIND_OBJECT;
}
