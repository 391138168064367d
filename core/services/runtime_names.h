/* Asks the runtime what an id is called. It loads nothing into the target: only what is loaded already is looked at, by
 * GetClassIDInfo2, GetFunctionInfo2 and the metadata. The caller owns the ids' validity: the runtime dereferences them
 * unchecked, except a ThreadID, which is looked for among the living threads first. [worker] */
#ifndef CORE_SERVICES_RUNTIME_NAMES_H
#define CORE_SERVICES_RUNTIME_NAMES_H

#include <medic/clr/metadata.h>
#include <medic/clr/profiler.h>

#include "name_text.h"

#define RUNTIME_NAME_UNITS 4096u /* UTF-16 units of a name or path that are looked at */

struct runtime_names {
    ICorProfilerInfo12 *info; /* borrowed */
    int depth;                /* of generic arguments in generic arguments */
    WCHAR wide[RUNTIME_NAME_UNITS];
    char narrow[RUNTIME_NAME_UNITS * 3 + 1]; /* the same in UTF-8, with a NUL; overwritten by the next name */
};

/* Where a name comes from. */
struct name_origin {
    ModuleID module; /* 0 when there is none: a type that is no class */
    mdToken token;   /* 0 when there is none: arrays, dynamic code */
    bool dynamic;    /* made at run time: DynamicMethod, IL stubs */
};

struct module_origin {
    GUID mvid; /* zeros when unknown */
    uintptr_t base;
    bool dynamic, collectible;
};

/* Each appends the text; on failure the text is incomplete and the result is the runtime's. */
HRESULT runtime_type_name(struct runtime_names *names, ClassID id, struct name_text *out, struct name_origin *origin);
HRESULT runtime_function_name(struct runtime_names *names, FunctionID id, struct name_text *out,
                              struct name_origin *origin);
/* The path, or the name when it came from no file. */
HRESULT runtime_module_path(struct runtime_names *names, ModuleID id, struct name_text *out,
                            struct module_origin *origin);
/* The name is the one that Linux knows: 15 bytes of the managed name. */
HRESULT runtime_thread_name(struct runtime_names *names, ThreadID id, struct name_text *out, uint32_t *os_id);

/* The metadata of a module, for the caller to release. */
HRESULT runtime_metadata(ICorProfilerInfo12 *info, ModuleID module, IMetaDataImport2 **out);

#endif
