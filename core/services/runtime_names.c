#include "runtime_names.h"

#include <medic/clr/hresults.h>
#include <medic/clr/metadata.h>
#include <stdio.h>
#include <string.h>

#include "core/thread.h"

#include "pretty_names.h"

#define ARGUMENTS_MAX 32u /* of one type or method; the rest is not written */
#define NESTING_MAX 16u   /* types inside types */
#define RANKS_MAX 8u      /* arrays of arrays */
#define ARGUMENT_DEPTH 8  /* generic arguments inside generic arguments */
#define THREADS_PER_CALL 64u

/* A type, as GetClassIDInfo2 knows it. */
struct class_info {
    ModuleID module;
    mdTypeDef token;
    uint32_t count;
    ClassID arguments[ARGUMENTS_MAX];
};

/* What the generic arguments of a name are taken from. */
struct arguments {
    struct runtime_names *names;
    const ClassID *type, *method;
    uint32_t type_count, method_count;
};

static HRESULT put_class(struct runtime_names *n, ClassID id, bool nested, struct name_text *out,
                         struct name_origin *origin);

static void put_argument(void *context, struct name_text *out, uint32_t index)
{
    struct arguments *from = context;
    ClassID id = 0;
    if (index < from->type_count)
        id = from->type[index];
    else if (index - from->type_count < from->method_count)
        id = from->method[index - from->type_count];
    if (id == 0 || FAILED(put_class(from->names, id, true, out, NULL)))
        name_text_puts(out, "?");
}

/* The UTF-16 text in n->wide as a string in n->narrow; count is the runtime's: with the NUL, and before any truncation. */
static const char *narrowed(struct runtime_names *n, ULONG count)
{
    size_t units = 0, most = count < RUNTIME_NAME_UNITS ? count : RUNTIME_NAME_UNITS;
    while (units < most && n->wide[units] != 0)
        units++;
    struct name_text text = name_text_over(n->narrow, sizeof n->narrow - 1);
    name_text_put_wide(&text, n->wide, units);
    n->narrow[text.length] = '\0';
    return n->narrow;
}

HRESULT runtime_metadata(ICorProfilerInfo12 *info, ModuleID module, IMetaDataImport2 **out)
{
    static const GUID iid = MEDIC_IID_IMetaDataImport2;
    IUnknown *unknown = NULL;
    HRESULT hr = info->lpVtbl->GetModuleMetaData(info, module, ofRead, &iid, &unknown);
    *out = (IMetaDataImport2 *)(void *)unknown;
    /* S_FALSE: a module without metadata. */
    return SUCCEEDED(hr) && !unknown ? E_FAIL : hr;
}

static HRESULT type_def_name(struct runtime_names *n, IMetaDataImport2 *import, mdTypeDef token, const char **out)
{
    ULONG count = 0;
    DWORD flags = 0;
    mdToken extends = 0;
    HRESULT hr = import->lpVtbl->GetTypeDefProps(import, token, n->wide, RUNTIME_NAME_UNITS, &count, &flags, &extends);
    if (SUCCEEDED(hr))
        *out = narrowed(n, count);
    return hr;
}

static bool has_method(IMetaDataImport2 *import, mdTypeDef type, const WCHAR *name)
{
    mdMethodDef method = 0;
    HRESULT hr = import->lpVtbl->FindMethod(import, type, name, NULL, 0, &method);
    return SUCCEEDED(hr) && !IsNilToken(method);
}

/* Both async methods and async iterators have SetStateMachine; only the latter can be disposed of. */
static enum pretty_machine machine_of(IMetaDataImport2 *import, mdTypeDef type)
{
    if (!has_method(import, type, u"SetStateMachine"))
        return PRETTY_ITERATOR;
    return has_method(import, type, u"System.IAsyncDisposable.DisposeAsync") ? PRETTY_ASYNC_ITERATOR : PRETTY_ASYNC;
}

/* The type and the types around it, innermost first. */
static uint32_t nesting(IMetaDataImport2 *import, mdTypeDef token, mdTypeDef chain[NESTING_MAX])
{
    uint32_t count = 0;
    while (count < NESTING_MAX && !IsNilToken(token)) {
        mdTypeDef outer = 0;
        chain[count++] = token;
        if (FAILED(import->lpVtbl->GetNestedClassProps(import, token, &outer)))
            break;
        token = outer;
    }
    return count;
}

/* Global functions belong to the type `<Module>`, which nobody wrote. */
static bool is_global_type(mdTypeDef token)
{
    return RidFromToken(token) == 1;
}

static HRESULT put_nesting(struct runtime_names *n, IMetaDataImport2 *import, mdTypeDef token, struct pretty *pretty)
{
    mdTypeDef chain[NESTING_MAX];
    for (uint32_t i = nesting(import, token, chain); i-- > 0;) {
        const char *name = NULL;
        HRESULT hr = type_def_name(n, import, chain[i], &name);
        if (FAILED(hr))
            return hr;
        enum pretty_machine machine = pretty_is_state_machine(name) ? machine_of(import, chain[i]) : PRETTY_ASYNC;
        pretty_type(pretty, name, machine);
    }
    return S_OK;
}

/* `int`, `int?`: what C# writes for some types, but only inside of other names. */
static bool put_shorthand(struct runtime_names *n, IMetaDataImport2 *import, const struct class_info *info,
                          struct name_text *out)
{
    const char *name = NULL, *keyword;
    if (info->count > 1 || FAILED(type_def_name(n, import, info->token, &name)))
        return false;
    if (info->count == 1) {
        struct arguments arguments = {.names = n, .type = info->arguments, .type_count = 1};
        if (strcmp(name, "System.Nullable`1") != 0)
            return false;
        put_argument(&arguments, out, 0);
        name_text_puts(out, "?");
        return true;
    }
    if (strcmp(name, "System.__Canon") == 0)
        keyword = "__Canon";
    else
        keyword = pretty_keyword(name);
    if (!keyword)
        return false;
    name_text_puts(out, keyword);
    return true;
}

static HRESULT class_info_of(struct runtime_names *n, ClassID id, struct class_info *out)
{
    ClassID parent = 0;
    ULONG32 count = 0;
    HRESULT hr = n->info->lpVtbl->GetClassIDInfo2(n->info, id, &out->module, &out->token, &parent, ARGUMENTS_MAX,
                                                  &count, out->arguments);
    out->count = count < ARGUMENTS_MAX ? count : ARGUMENTS_MAX;
    return hr;
}

static HRESULT put_plain_class(struct runtime_names *n, const struct class_info *info, bool nested,
                               struct name_text *out)
{
    IMetaDataImport2 *import;
    HRESULT hr = runtime_metadata(n->info, info->module, &import);
    if (FAILED(hr))
        return hr;
    if (!nested || !put_shorthand(n, import, info, out)) {
        struct arguments arguments = {.names = n, .type = info->arguments, .type_count = info->count};
        struct pretty pretty;
        pretty_begin(&pretty, out, put_argument, &arguments, info->count);
        hr = put_nesting(n, import, info->token, &pretty);
        pretty_end(&pretty);
    }
    import->lpVtbl->Release(import);
    return hr;
}

/* Follows arrays down to what they are made of; ranks are noted from the outside in, as C# writes them. */
static uint32_t peel_arrays(struct runtime_names *n, ClassID *id, ULONG ranks[RANKS_MAX])
{
    uint32_t count = 0;
    while (count < RANKS_MAX) {
        CorElementType type;
        ClassID element = 0;
        ULONG rank = 0;
        if (n->info->lpVtbl->IsArrayClass(n->info, *id, &type, &element, &rank) != S_OK || element == 0)
            break;
        ranks[count++] = rank;
        *id = element;
    }
    return count;
}

static void put_rank(struct name_text *out, ULONG rank)
{
    name_text_puts(out, "[");
    for (ULONG i = 1; i < rank && !out->cut; i++)
        name_text_puts(out, ",");
    name_text_puts(out, "]");
}

static HRESULT put_class_inside(struct runtime_names *n, ClassID id, bool nested, struct name_text *out,
                                struct name_origin *origin)
{
    ULONG ranks[RANKS_MAX];
    struct class_info info = {.module = 0};
    uint32_t rank_count = peel_arrays(n, &id, ranks);
    HRESULT hr = class_info_of(n, id, &info);
    if (hr == CORPROF_E_CLASSID_IS_COMPOSITE) {
        name_text_puts(out, "(pointer)");
        hr = S_OK;
    } else if (hr == CORPROF_E_CLASSID_IS_ARRAY) {
        name_text_puts(out, NAME_ELLIPSIS);
        hr = S_OK;
    } else if (SUCCEEDED(hr)) {
        if (origin)
            *origin = (struct name_origin){.module = info.module, .token = rank_count > 0 ? 0 : info.token};
        hr = put_plain_class(n, &info, nested || rank_count > 0, out);
    }
    for (uint32_t i = 0; i < rank_count; i++)
        put_rank(out, ranks[i]);
    return hr;
}

static HRESULT put_class(struct runtime_names *n, ClassID id, bool nested, struct name_text *out,
                         struct name_origin *origin)
{
    if (out->cut)
        return S_OK;
    if (n->depth >= ARGUMENT_DEPTH) {
        name_text_puts(out, NAME_ELLIPSIS);
        return S_OK;
    }
    n->depth++;
    HRESULT hr = put_class_inside(n, id, nested, out, origin);
    n->depth--;
    return hr;
}

HRESULT runtime_type_name(struct runtime_names *names, ClassID id, struct name_text *out, struct name_origin *origin)
{
    *origin = (struct name_origin){.module = 0};
    return put_class(names, id, false, out, origin);
}

static HRESULT dynamic_function_name(struct runtime_names *n, FunctionID id, struct name_text *out,
                                     struct name_origin *origin)
{
    PCCOR_SIGNATURE signature = NULL;
    ULONG signature_size = 0, count = 0;
    HRESULT hr = n->info->lpVtbl->GetDynamicFunctionInfo(n->info, id, &origin->module, &signature, &signature_size,
                                                         RUNTIME_NAME_UNITS, &count, n->wide);
    if (FAILED(hr))
        return hr;
    const char *name = narrowed(n, count);
    name_text_puts(out, *name ? name : "(unnamed)");
    name_text_puts(out, " (dynamic)");
    origin->dynamic = true;
    return S_OK;
}

/* The class may be unknown (shared generic code): then the method's own metadata tells it, without arguments. */
static HRESULT put_owner(struct runtime_names *n, IMetaDataImport2 *import, mdTypeDef owner,
                         const struct class_info *known, struct pretty *pretty)
{
    IMetaDataImport2 *other;
    if (known->module == 0)
        return is_global_type(owner) ? S_OK : put_nesting(n, import, owner, pretty);
    if (is_global_type(known->token))
        return S_OK;
    HRESULT hr = runtime_metadata(n->info, known->module, &other);
    if (FAILED(hr))
        return hr;
    hr = put_nesting(n, other, known->token, pretty);
    other->lpVtbl->Release(other);
    return hr;
}

static HRESULT method_name(struct runtime_names *n, IMetaDataImport2 *import, mdToken token, mdTypeDef *owner,
                           const char **out)
{
    ULONG count = 0;
    HRESULT hr = import->lpVtbl->GetMethodProps(import, token, owner, n->wide, RUNTIME_NAME_UNITS, &count, NULL, NULL,
                                                NULL, NULL, NULL);
    if (SUCCEEDED(hr))
        *out = narrowed(n, count);
    return hr;
}

static HRESULT put_function(struct runtime_names *n, IMetaDataImport2 *import, mdToken token, ClassID class_id,
                            const struct arguments *method, struct name_text *out)
{
    struct class_info info = {.module = 0};
    struct pretty pretty;
    const char *name = NULL;
    mdTypeDef owner = 0;
    HRESULT hr = method_name(n, import, token, &owner, &name);
    if (FAILED(hr))
        return hr;
    if (class_id != 0 && FAILED(class_info_of(n, class_id, &info)))
        info = (struct class_info){.module = 0};
    struct arguments arguments = *method;
    arguments.type = info.arguments;
    arguments.type_count = info.count;
    pretty_begin(&pretty, out, put_argument, &arguments, info.count);
    hr = put_owner(n, import, owner, &info, &pretty);
    if (FAILED(hr))
        return hr;
    /* Asked again: the types' names have overwritten it. */
    hr = method_name(n, import, token, &owner, &name);
    if (SUCCEEDED(hr))
        pretty_method(&pretty, name, method->method_count);
    return hr;
}

HRESULT runtime_function_name(struct runtime_names *names, FunctionID id, struct name_text *out,
                              struct name_origin *origin)
{
    ICorProfilerInfo12 *info = names->info;
    ClassID class_id = 0, arguments[ARGUMENTS_MAX];
    ULONG32 count = 0;
    BOOL dynamic = FALSE;
    IMetaDataImport2 *import;

    *origin = (struct name_origin){.module = 0};
    if (SUCCEEDED(info->lpVtbl->IsFunctionDynamic(info, id, &dynamic)) && dynamic)
        return dynamic_function_name(names, id, out, origin);
    HRESULT hr = info->lpVtbl->GetFunctionInfo2(info, id, 0, &class_id, &origin->module, &origin->token, ARGUMENTS_MAX,
                                                &count, arguments);
    if (FAILED(hr))
        return hr;
    hr = runtime_metadata(names->info, origin->module, &import);
    if (FAILED(hr))
        return hr;
    struct arguments method = {
        .names = names, .method = arguments, .method_count = count < ARGUMENTS_MAX ? count : ARGUMENTS_MAX};
    hr = put_function(names, import, origin->token, class_id, &method, out);
    import->lpVtbl->Release(import);
    return hr;
}

/* The version id, and the name in the metadata for a module without a file. */
static void module_scope(struct runtime_names *n, ModuleID id, bool want_name, struct name_text *out, GUID *mvid)
{
    IMetaDataImport2 *import;
    ULONG count = 0;
    if (FAILED(runtime_metadata(n->info, id, &import)))
        return;
    if (SUCCEEDED(import->lpVtbl->GetScopeProps(import, n->wide, RUNTIME_NAME_UNITS, &count, mvid)) && want_name)
        name_text_puts(out, narrowed(n, count));
    import->lpVtbl->Release(import);
}

HRESULT runtime_module_path(struct runtime_names *names, ModuleID id, struct name_text *out,
                            struct module_origin *origin)
{
    ICorProfilerInfo12 *info = names->info;
    LPCBYTE base = NULL;
    ULONG count = 0;
    AssemblyID assembly = 0;
    DWORD flags = 0;

    *origin = (struct module_origin){.base = 0};
    names->wide[0] = 0;
    HRESULT hr =
        info->lpVtbl->GetModuleInfo2(info, id, &base, RUNTIME_NAME_UNITS, &count, names->wide, &assembly, &flags);
    if (FAILED(hr))
        return hr;
    origin->base = (uintptr_t)base;
    origin->dynamic = (flags & COR_PRF_MODULE_DYNAMIC) != 0;
    origin->collectible = (flags & COR_PRF_MODULE_COLLECTIBLE) != 0;
    const char *path = narrowed(names, count);
    bool named = *path != '\0';
    name_text_puts(out, path);
    module_scope(names, id, !named, out, &origin->mvid);
    return S_OK;
}

/* GetThreadInfo dereferences whatever it is given, and threads end: only the runtime's list tells the living ones. */
static bool is_alive(struct runtime_names *n, ThreadID id)
{
    ICorProfilerThreadEnum *list = NULL;
    bool found = false;
    if (FAILED(n->info->lpVtbl->EnumThreads(n->info, &list)) || !list)
        return false;
    while (!found) {
        ThreadID ids[THREADS_PER_CALL];
        ULONG count = 0;
        HRESULT hr = list->lpVtbl->Next(list, THREADS_PER_CALL, ids, &count);
        for (ULONG i = 0; SUCCEEDED(hr) && i < count && i < THREADS_PER_CALL && !found; i++)
            found = ids[i] == id;
        if (hr != S_OK || count == 0)
            break;
    }
    list->lpVtbl->Release(list);
    return found;
}

HRESULT runtime_thread_name(struct runtime_names *names, ThreadID id, struct name_text *out, uint32_t *os_id)
{
    DWORD tid = 0;
    char name[64];
    *os_id = 0;
    if (!is_alive(names, id))
        return CORPROF_E_NOT_MANAGED_THREAD;
    HRESULT hr = names->info->lpVtbl->GetThreadInfo(names->info, id, &tid);
    if (FAILED(hr))
        return hr;
    *os_id = tid;
    if (tid != 0)
        name_text_put_foreign(out, name, thread_read_name(tid, name, sizeof name));
    return S_OK;
}
