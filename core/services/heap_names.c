/* What the classes of a photograph are called and what fields they have, asked in the target when the copy has gone. Nothing is
 * loaded for it. A class may have been unloaded meanwhile: the guard (names.h) stands before every question. [worker] */
#include "core/services/heap_sink.h"
#include "core/services/runtime_names.h"
#include "core/session.h"

#include <medic/clr/hresults.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_PER_CALL = 64 };

/* Ids, each once, in the order in which they came; with HEAP_CLASS_CAN_GO. */
struct id_list {
    uint64_t *ids;
    uint32_t *table; /* open addressing: number of the id, from 1 */
    uint32_t count, capacity;
};

struct fields {
    medic_heap_fields_record head;
    uint8_t *bytes;
    size_t size, capacity;
    COR_FIELD_OFFSET *layout;
    ULONG layout_capacity;
    ModuleID module;
    mdTypeDef token;
    WCHAR wide[RUNTIME_NAME_UNITS];
    char name[RUNTIME_NAME_UNITS * 3];
};

/* ---- the list ---- */

static uint32_t *place_of(const struct id_list *list, uint64_t id)
{
    uint32_t size = list->capacity * 2, at = (uint32_t)((id >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (size - 1);

    while (list->table[at] && (list->ids[list->table[at] - 1] ^ id) & ~HEAP_CLASS_CAN_GO)
        at = (at + 1) & (size - 1);
    return &list->table[at];
}

static int grow(struct id_list *list)
{
    uint32_t capacity = list->capacity ? list->capacity * 2 : 1024;
    uint64_t *ids = realloc(list->ids, capacity * sizeof *ids);

    if (ids)
        list->ids = ids;
    free(list->table);
    list->table = calloc(capacity * (size_t)2, sizeof *list->table);
    if (!ids || !list->table)
        return MEDIC_E_MEMORY;
    list->capacity = capacity;
    for (uint32_t i = 0; i < list->count; i++)
        *place_of(list, list->ids[i]) = i + 1;
    return MEDIC_OK;
}

static int add(struct id_list *list, uint64_t id)
{
    uint32_t *place;

    if (list->count == list->capacity && grow(list) != MEDIC_OK)
        return MEDIC_E_MEMORY;
    place = place_of(list, id);
    if (!*place) {
        list->ids[list->count] = id;
        *place = ++list->count;
    }
    return MEDIC_OK;
}

/* ---- fields ---- */

static int put_field(struct fields *fields, uint32_t offset, mdFieldDef token, ULONG units)
{
    struct name_text text = name_text_over(fields->name, sizeof fields->name);
    medic_heap_field_entry entry = {.offset = offset, .token = token};
    size_t size;

    name_text_put_wide(&text, fields->wide, units);
    entry.length = (uint32_t)text.length;
    size = sizeof entry + ((text.length + 3) & ~(size_t)3);
    if (size > fields->capacity - fields->size) {
        size_t capacity = fields->capacity * 2 + size + 4096;
        uint8_t *bytes = realloc(fields->bytes, capacity);

        if (!bytes)
            return MEDIC_E_MEMORY;
        fields->bytes = bytes;
        fields->capacity = capacity;
    }
    memset(fields->bytes + fields->size, 0, size);
    memcpy(fields->bytes + fields->size, &entry, sizeof entry);
    memcpy(fields->bytes + fields->size + sizeof entry, fields->name, text.length);
    fields->size += size;
    fields->head.count++;
    return MEDIC_OK;
}

/* Puts the field, an instance's at this offset; with MEDIC_HEAP_STATIC_FIELD only if it is static and not a constant. */
static int name_field(struct fields *fields, IMetaDataImport2 *import, mdFieldDef token, uint32_t offset)
{
    ULONG count = 0;
    DWORD attributes = 0;
    HRESULT hr = import->lpVtbl->GetFieldProps(import, token, NULL, fields->wide, RUNTIME_NAME_UNITS, &count,
                                               &attributes, NULL, NULL, NULL, NULL, NULL);

    if (FAILED(hr) || (offset == MEDIC_HEAP_STATIC_FIELD && (attributes & (fdStatic | fdLiteral)) != fdStatic))
        return MEDIC_OK;
    if (count > RUNTIME_NAME_UNITS)
        count = RUNTIME_NAME_UNITS;
    return put_field(fields, offset, token, count > 0 ? count - 1 : 0);
}

/* Offsets are told as the contract has them: of an object from its begin, of a value type from its first field. */
static int name_instance_fields(struct fields *fields, IMetaDataImport2 *import)
{
    ICorProfilerInfo12 *info = session.info;
    ClassID id = (ClassID)fields->head.class_id;
    ULONG count = 0, size = 0;
    int code = MEDIC_OK;

    if (FAILED(info->lpVtbl->GetClassLayout(info, id, NULL, 0, &count, &size)) || !count)
        return MEDIC_OK; /* a string, or not a class */
    if (count > fields->layout_capacity) {
        COR_FIELD_OFFSET *layout = realloc(fields->layout, count * sizeof *layout);

        if (!layout)
            return MEDIC_E_MEMORY;
        fields->layout = layout;
        fields->layout_capacity = count;
    }
    if (FAILED(info->lpVtbl->GetClassLayout(info, id, fields->layout, fields->layout_capacity, &count, &size)))
        return MEDIC_OK;
    for (ULONG i = 0; i < count && i < fields->layout_capacity && code == MEDIC_OK; i++)
        code = name_field(fields, import, fields->layout[i].ridOfField, fields->layout[i].ulOffset);
    return code;
}

static int name_static_fields(struct fields *fields, IMetaDataImport2 *import)
{
    mdFieldDef tokens[FIELDS_PER_CALL];
    HCORENUM list = NULL;
    ULONG count = 0;
    int code = MEDIC_OK;

    while (code == MEDIC_OK &&
           import->lpVtbl->EnumFields(import, &list, fields->token, tokens, FIELDS_PER_CALL, &count) == S_OK && count) {
        for (ULONG i = 0; i < count && code == MEDIC_OK; i++)
            code = name_field(fields, import, tokens[i], MEDIC_HEAP_STATIC_FIELD);
    }
    import->lpVtbl->CloseEnum(import, list);
    return code;
}

/* What the class is made of. Without an answer of the runtime it stays empty. */
static void ask_class(struct fields *fields)
{
    ICorProfilerInfo12 *info = session.info;
    ClassID id = (ClassID)fields->head.class_id, other = 0;
    CorElementType type;
    ULONG rank = 0;
    ULONG32 arguments = 0;

    fields->module = 0;
    if (info->lpVtbl->IsArrayClass(info, id, &type, &other, &rank) == S_OK) {
        fields->head.element_id = other;
        return;
    }
    other = 0;
    if (SUCCEEDED(
            info->lpVtbl->GetClassIDInfo2(info, id, &fields->module, &fields->token, &other, 0, &arguments, NULL)))
        fields->head.parent_id = other;
    else
        fields->module = 0;
}

static int ask(struct fields *fields)
{
    IMetaDataImport2 *import;
    int code;

    ask_class(fields);
    if (!fields->module || FAILED(runtime_metadata(session.info, fields->module, &import)))
        return MEDIC_OK;
    code = name_instance_fields(fields, import);
    if (code == MEDIC_OK)
        code = name_static_fields(fields, import);
    import->lpVtbl->Release(import);
    return code;
}

/* The class's name and fields; what it is derived from or made of is named as well. Of one that can go, so can these. */
static int write_class(struct fields *fields, struct id_list *wanted, uint64_t id, uint32_t photo)
{
    uint64_t can_go = id & HEAP_CLASS_CAN_GO;
    int asking = can_go ? names_begin_asking(session.names) : session_begin_asking_lasting();
    int code = names_type(session.names, (ClassID)(id - can_go));

    if (!asking)
        return code == MEDIC_E_IO ? code : MEDIC_OK; /* its name says that it is gone */
    fields->head = (medic_heap_fields_record){.photo = photo, .class_id = id - can_go};
    fields->size = 0;
    if (code != MEDIC_E_IO)
        code = ask(fields);
    names_end_asking(session.names);
    if (code == MEDIC_OK)
        code = files_write_record(&session.files, MEDIC_RECORD_HEAP_FIELDS, &fields->head, sizeof fields->head,
                                  fields->bytes, (uint32_t)fields->size);
    if (code == MEDIC_OK && fields->head.parent_id)
        code = add(wanted, fields->head.parent_id | can_go);
    if (code == MEDIC_OK && fields->head.element_id)
        code = add(wanted, fields->head.element_id | can_go);
    return code;
}

int heap_names_write(const struct heap_shared *shared, uint32_t photo)
{
    uint32_t classes = atomic_load(&shared->class_count), functions = atomic_load(&shared->function_count);
    struct fields *fields = calloc(1, sizeof *fields);
    struct id_list wanted = {.count = 0};
    int code = fields ? MEDIC_OK : MEDIC_E_MEMORY;

    for (uint32_t i = 0; i < classes && code == MEDIC_OK; i++)
        code = add(&wanted, shared->classes[i]);
    for (uint32_t i = 0; i < wanted.count && code == MEDIC_OK; i++)
        code = write_class(fields, &wanted, wanted.ids[i], photo);
    for (uint32_t i = 0; i < functions && code == MEDIC_OK; i++)
        code = names_function(session.names, (FunctionID)shared->functions[i]) == MEDIC_E_IO ? MEDIC_E_IO : MEDIC_OK;
    if (fields) {
        free(fields->bytes);
        free(fields->layout);
    }
    free(fields);
    free(wanted.ids);
    free(wanted.table);
    return code;
}
