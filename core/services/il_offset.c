#include "core/services/il_offset.h"

#include "core/services/il_calls.h"

#include <medic/capture_format.h>
#include <stdlib.h>

/* VERSIONS: bodies of one function that are looked through. ENTRIES: of a mapping, the longest of which are of generated
 * code with thousands of statements. */
enum { VERSIONS = 16, REGIONS = 4, ENTRIES_INLINE = 128, ENTRIES_MAX = 1 << 16 };

/* What the JIT writes where no IL offset fits: NO_MAPPING, PROLOG, EPILOG. */
enum { FIRST_SPECIAL = 0xfffffffd };

uint32_t il_offset_in(const COR_DEBUG_IL_TO_NATIVE_MAP *map, uint32_t count, uint32_t offset)
{
    uint32_t best = MEDIC_NO_IL_OFFSET, best_start = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (map[i].ilOffset >= FIRST_SPECIAL || map[i].nativeStartOffset > offset)
            continue;
        /* Of the entries that begin at the same byte the last one is the innermost. */
        if (best == MEDIC_NO_IL_OFFSET || map[i].nativeStartOffset >= best_start) {
            best = map[i].ilOffset;
            best_start = map[i].nativeStartOffset;
        }
    }
    return best;
}

/* Whether ip is in the body that begins at start; *offset as the mapping counts: the hot region, then the cold one. */
static int offset_in_body(ICorProfilerInfo12 *info, uintptr_t start, uintptr_t ip, uint32_t *offset)
{
    COR_PRF_CODE_INFO regions[REGIONS];
    ULONG32 count = 0;
    uint64_t before = 0;

    if (FAILED(info->lpVtbl->GetCodeInfo4(info, start, REGIONS, &count, regions)))
        return 0;
    for (ULONG32 i = 0; i < count && i < REGIONS; i++) {
        if (ip >= regions[i].startAddress && ip - regions[i].startAddress < regions[i].size) {
            *offset = (uint32_t)(before + (ip - regions[i].startAddress));
            return 1;
        }
        before += regions[i].size;
    }
    return 0;
}

static uint32_t ask(ICorProfilerInfo12 *info, uintptr_t start, uint32_t offset, int called)
{
    COR_DEBUG_IL_TO_NATIVE_MAP few[ENTRIES_INLINE], *map = few;
    ULONG32 count = 0, room = ENTRIES_INLINE;
    uint32_t il = MEDIC_NO_IL_OFFSET;
    HRESULT hr = info->lpVtbl->GetILToNativeMapping3(info, start, room, &count, map);

    if (SUCCEEDED(hr) && count > room && count <= ENTRIES_MAX) {
        room = count;
        map = calloc(room, sizeof *map);
        hr = map ? info->lpVtbl->GetILToNativeMapping3(info, start, room, &count, map) : -1;
    }
    if (SUCCEEDED(hr))
        il = il_offset_in(map, count < room ? count : room, offset);
    if (SUCCEEDED(hr) && count && il == MEDIC_NO_IL_OFFSET && called)
        il = 0; /* all of the body seems to be the prolog, which calls nothing */
    if (map != few)
        free(map);
    return il;
}

/* Optimized code does not map every statement: since .NET 10 those that allocate an array may be missing, and their code
 * seems to belong to a statement before them, which calls nothing. Then the call is in the next one that can. */
static uint32_t of_call(ICorProfilerInfo12 *info, FunctionID function, uint32_t il)
{
    ModuleID module = 0;
    ClassID type, argument;
    mdToken token;
    ULONG32 arguments;
    LPCBYTE body = NULL;
    ULONG size = 0;

    if (FAILED(info->lpVtbl->GetFunctionInfo2(info, function, 0, &type, &module, &token, 1, &arguments, &argument)) ||
        FAILED(info->lpVtbl->GetILFunctionBody(info, module, token, &body, &size)) || !body)
        return il;
    return il_first_call(body, size, il);
}

uint32_t il_offset_at(ICorProfilerInfo12 *info, uintptr_t ip, FunctionID function, int called)
{
    UINT_PTR starts[VERSIONS];
    FunctionID found = 0;
    ReJITID rejit = 0;
    ULONG32 count = 0;
    uint32_t offset, il = MEDIC_NO_IL_OFFSET;

    if (FAILED(info->lpVtbl->GetFunctionFromIP3(info, (LPCBYTE)ip, &found, &rejit)) || found != function ||
        FAILED(info->lpVtbl->GetNativeCodeStartAddresses(info, function, rejit, VERSIONS, &count, starts)))
        return MEDIC_NO_IL_OFFSET;
    for (ULONG32 i = 0; i < count && i < VERSIONS; i++) {
        if (offset_in_body(info, starts[i], ip, &offset)) {
            il = ask(info, starts[i], offset, called);
            break;
        }
    }
    /* The IL of a rewritten method is not what GetILFunctionBody tells. */
    return called && il != MEDIC_NO_IL_OFFSET && !rejit ? of_call(info, function, il) : il;
}
