/* What a method's catch blocks do with an exception, as far as its IL tells: which of them take the type, whether these are
 * empty, and whether there is one around all of the method, as the compiler makes for async methods. [worker, in drain] */
#include "capture.h"

#include <string.h>

enum { BASES_MAX = 12, NAME_UNITS = 128 };
enum { TINY = 2, FAT = 3, FORMAT = 3, MORE_SECTIONS = 8, EH_TABLE = 1, FAT_SECTION = 0x40, FAT_HEADER = 12 };
enum { TYPED = 0, FILTER = 1 };
enum {
    IL_NOP = 0x00,
    IL_STLOC_0 = 0x0a,
    IL_STLOC_3 = 0x0d,
    IL_STLOC_S = 0x13,
    IL_POP = 0x26,
    IL_LEAVE = 0xdd,
    IL_LEAVE_S
};

typedef WCHAR type_name[NAME_UNITS];

static uint32_t number_at(const uint8_t *at, uint32_t bytes)
{
    uint32_t number = 0;

    for (uint32_t i = 0; i < bytes; i++)
        number |= (uint32_t)at[i] << 8 * i;
    return number;
}

/* --- the table in a method's body: ECMA-335, II.25.4 --- */

uint32_t clauses_read(const uint8_t *body, uint32_t size, struct clause *clauses, const uint8_t **code,
                      uint32_t *code_size)
{
    uint32_t at, length, count = 0, fat;

    if (size < FAT_HEADER || (body[0] & FORMAT) != FAT || !(body[0] & MORE_SECTIONS))
        return 0;
    *code = body + FAT_HEADER;
    *code_size = number_at(body + 4, 4);
    if (*code_size > size - FAT_HEADER)
        return 0;
    at = (FAT_HEADER + *code_size + 3) & ~3u;
    if (at > size || size - at < 4 || (body[at] & 0x3f) != EH_TABLE)
        return 0;
    fat = body[at] & FAT_SECTION;
    length = number_at(body + at + 1, fat ? 3 : 1);
    if (length < 4 || length > size - at)
        return 0;
    for (uint32_t left = length - 4, each = fat ? 24 : 12; left >= each && count < CLAUSES_MAX; left -= each, count++) {
        const uint8_t *from = body + at + length - left;
        clauses[count] =
            fat ? (struct clause){number_at(from, 4),      number_at(from + 4, 4),  number_at(from + 8, 4),
                                  number_at(from + 12, 4), number_at(from + 16, 4), number_at(from + 20, 4)}
                : (struct clause){number_at(from, 2),     number_at(from + 2, 2), number_at(from + 4, 1),
                                  number_at(from + 5, 2), number_at(from + 7, 1), number_at(from + 8, 4)};
    }
    return count;
}

/* It drops the exception and leaves. */
int clause_is_empty(const struct clause *clause, const uint8_t *code, uint32_t code_size)
{
    uint32_t at = clause->handler, end;

    if (clause->handler > code_size || clause->handler_size > code_size - clause->handler)
        return 0;
    end = at + clause->handler_size;
    while (at < end) {
        uint8_t op = code[at];
        if (op == IL_LEAVE || op == IL_LEAVE_S)
            return 1;
        if (op != IL_NOP && op != IL_POP && op != IL_STLOC_S && (op < IL_STLOC_0 || op > IL_STLOC_3))
            return 0;
        at += op == IL_STLOC_S ? 2 : 1;
    }
    return 0;
}

/* --- types --- */

static int name_of(IMetaDataImport2 *import, mdToken token, type_name name)
{
    memset(name, 0, sizeof(type_name));
    if (token >> 24 == mdtTypeDef >> 24)
        return SUCCEEDED(import->lpVtbl->GetTypeDefProps(import, token, name, NAME_UNITS, NULL, NULL, NULL));
    if (token >> 24 == mdtTypeRef >> 24)
        return SUCCEEDED(import->lpVtbl->GetTypeRefProps(import, token, NULL, name, NAME_UNITS, NULL));
    return 0;
}

/* The type's name, and those of what it derives from. */
static uint32_t name_bases(ICorProfilerInfo12 *info, ClassID type, type_name *names)
{
    uint32_t count = 0;

    while (type && count < BASES_MAX) {
        ModuleID module = 0;
        mdTypeDef token = 0;
        ClassID base = 0;
        IMetaDataImport2 *import;
        if (FAILED(info->lpVtbl->GetClassIDInfo2(info, type, &module, &token, &base, 0, NULL, NULL)) ||
            !(import = metadata_of(info, module)))
            break;
        count += name_of(import, token, names[count]) != 0;
        import->lpVtbl->Release(import);
        type = base;
    }
    return count;
}

/* One whose type is not known by a name (a generic one), or that asks a filter, may. */
static int takes(IMetaDataImport2 *import, const struct clause *clause, type_name *bases, uint32_t base_count)
{
    type_name name;

    if (clause->kind == FILTER || !name_of(import, clause->type, name))
        return 1;
    for (uint32_t i = 0; i < base_count; i++)
        if (memcmp(name, bases[i], sizeof name) == 0)
            return 1;
    return 0;
}

static int is_around(const struct clause *outer, const struct clause *inner)
{
    return outer->begin <= inner->begin && outer->begin + outer->size >= inner->handler + inner->handler_size;
}

/* The table has inner ones first. */
static void judge(IMetaDataImport2 *import, const uint8_t *body, uint32_t size, type_name *bases, uint32_t base_count,
                  ex_catcher *catcher)
{
    struct clause clauses[CLAUSES_MAX];
    const uint8_t *code = NULL;
    uint32_t code_size = 0, count = clauses_read(body, size, clauses, &code, &code_size);

    for (uint32_t i = 0; i < count; i++) {
        int is_outermost = i + 1 == count;
        if (clauses[i].kind > FILTER || !takes(import, &clauses[i], bases, base_count))
            continue;
        for (uint32_t k = 0; k < i && is_outermost; k++)
            is_outermost = is_around(&clauses[i], &clauses[k]);
        catcher->outermost += is_outermost != 0;
        catcher->inner += !is_outermost;
        if (clause_is_empty(&clauses[i], code, code_size))
            catcher->empty++;
    }
}

static int look_at(ICorProfilerInfo12 *info, ex_catcher *catcher)
{
    type_name bases[BASES_MAX];
    ClassID class = 0;
    ModuleID module = 0;
    mdToken token = 0;
    const uint8_t *body = NULL;
    ULONG size = 0;
    IMetaDataImport2 *import;

    if (FAILED(info->lpVtbl->GetFunctionInfo2(info, (FunctionID)catcher->catcher, 0, &class, &module, &token, 0, NULL,
                                              NULL)) ||
        FAILED(info->lpVtbl->GetILFunctionBody(info, module, token, &body, &size)) ||
        !(import = metadata_of(info, module)))
        return 0; /* made at run time: it has no IL to read */
    judge(import, body, size, bases, name_bases(info, (ClassID)catcher->type, bases), catcher);
    import->lpVtbl->Release(import);
    return 1;
}

void describe_catcher(struct throws *self, const ex_route *route)
{
    ex_catcher catcher = {.type = route->type, .catcher = route->catcher};
    int some;

    if (!self->names->begin_asking(self->host))
        return;
    some = look_at(self->runtime->info(self->host), &catcher);
    self->names->end_asking(self->host);
    if (some)
        self->records->emit(self->host, EX_CATCHER, &catcher, sizeof catcher);
}
