/* Where the fields lie that are read of a thrown exception: their names have not changed since .NET Core 2, their offsets do
 * with every release. */
#include "capture.h"

#include <medic/clr/metadata.h>

enum { MODULES_MAX = 64, FIELDS_MAX = 64, NAME_UNITS = 64 };

static int equals(const WCHAR *wide, const char *text)
{
    while (*wide && *wide == (WCHAR)*text)
        wide++, text++;
    return *wide == (WCHAR)*text;
}

IMetaDataImport2 *metadata_of(ICorProfilerInfo12 *info, ModuleID module)
{
    static const GUID iid = MEDIC_IID_IMetaDataImport2;
    IUnknown *unknown = NULL;

    if (FAILED(info->lpVtbl->GetModuleMetaData(info, module, ofRead, &iid, &unknown)))
        return NULL;
    return (IMetaDataImport2 *)(void *)unknown;
}

static uint32_t offset_of(IMetaDataImport2 *import, const COR_FIELD_OFFSET *layout, ULONG count, const char *name)
{
    for (ULONG i = 0; i < count; i++) {
        WCHAR text[NAME_UNITS] = {0};
        if (SUCCEEDED(import->lpVtbl->GetFieldProps(import, layout[i].ridOfField, NULL, text, NAME_UNITS, NULL, NULL,
                                                    NULL, NULL, NULL, NULL, NULL)) &&
            equals(text, name))
            return layout[i].ulOffset;
    }
    return 0;
}

static int read_layout(ICorProfilerInfo12 *info, IMetaDataImport2 *import, ClassID class, struct fields *fields)
{
    COR_FIELD_OFFSET layout[FIELDS_MAX];
    ULONG count = 0, size = 0;

    if (FAILED(info->lpVtbl->GetClassLayout(info, class, layout, FIELDS_MAX, &count, &size)) || count > FIELDS_MAX)
        return 0;
    fields->stack_trace = offset_of(import, layout, count, "_stackTrace");
    fields->message = offset_of(import, layout, count, "_message");
    fields->inner = offset_of(import, layout, count, "_innerException");
    return fields->stack_trace && fields->message && fields->inner;
}

/* In the module that defines it, which is the first one that was loaded. */
static int look_in(ICorProfilerInfo12 *info, ModuleID module, struct fields *fields)
{
    static const WCHAR name[] = {'S', 'y', 's', 't', 'e', 'm', '.', 'E', 'x', 'c', 'e', 'p', 't', 'i', 'o', 'n', 0};
    IMetaDataImport2 *import = metadata_of(info, module);
    mdTypeDef token = 0;
    ClassID class = 0;
    int found;

    if (!import)
        return 0;
    found = SUCCEEDED(import->lpVtbl->FindTypeDefByName(import, name, 0, &token)) &&
            SUCCEEDED(info->lpVtbl->GetClassFromTokenAndTypeArgs(info, module, token, 0, NULL, &class)) &&
            read_layout(info, import, class, fields);
    import->lpVtbl->Release(import);
    return found;
}

int fields_find(ICorProfilerInfo12 *info, struct fields *fields, medic_reason *why)
{
    ICorProfilerModuleEnum *modules = NULL;
    ModuleID module;
    ULONG length = 0, characters = 0, count = 0;
    int found = 0;

    if (SUCCEEDED(info->lpVtbl->GetStringLayout2(info, &length, &characters)) && characters &&
        SUCCEEDED(info->lpVtbl->EnumModules(info, &modules))) {
        for (int i = 0; i < MODULES_MAX && !found; i++) {
            if (modules->lpVtbl->Next(modules, 1, &module, &count) != S_OK || count != 1)
                break;
            found = look_in(info, module, fields);
        }
        modules->lpVtbl->Release(modules);
    }
    fields->length = length;
    fields->characters = characters;
    if (!found)
        return medic_fail(why, MEDIC_E_UNSUPPORTED,
                          "the runtime does not tell the layout of System.Exception: try with mode=cheap");
    return MEDIC_OK;
}
