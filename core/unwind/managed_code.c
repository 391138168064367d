/* The functions that the runtime knows, looked up once and kept in a sorted table. */
#include "ready_to_run.h"
#include "unwind_info.h"

#include <stdlib.h>
#include <string.h>

enum {
    RANGES_MAX = 32768,
    MODULES_MAX = 8192,
    SEARCHES = 4,
    STARTS_MAX = 64,
    FUNCLETS_MAX = 4096,
    FUNCLETS_PER_READ = 32,
    /* The JIT's header of a function: CodeHeader in the runtime's codeman.h. */
    HEADER_METHOD = 24,
    HEADER_COUNT = 32,
    HEADER_FUNCTIONS = 36,
    FUNCTION_SIZE = 12
};
#define BELIEVED_NS UINT64_C(1000000000)

struct managed_code {
    ICorProfilerInfo12 *info;
    struct memory *memory;
    struct ready_to_run *module; /* sorted */
    size_t module_count, module_room;
    struct managed_range *range; /* sorted, disjoint */
    size_t range_count, range_room;
    uint64_t refreshed_ns;
    bool collectible; /* some assembly is: then any code of the JIT may be */
    bool silent;
    unsigned searches; /* for images, that are left until the next refresh */
};

struct managed_code *managed_code_new(ICorProfilerInfo12 *info, struct memory *memory)
{
    struct managed_code *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->info = info;
    m->memory = memory;
    return m;
}

void managed_code_free(struct managed_code *m)
{
    if (!m)
        return;
    free(m->module);
    free(m->range);
    free(m);
}

uint64_t managed_code_memory(const struct managed_code *m)
{
    return sizeof *m + m->module_room * sizeof *m->module + m->range_room * sizeof *m->range;
}

bool managed_code_refresh(struct managed_code *m, uint64_t now_ns)
{
    size_t kept = 0;
    if (now_ns - m->refreshed_ns < BELIEVED_NS)
        return false;
    m->refreshed_ns = now_ns;
    m->searches = SEARCHES;
    for (size_t i = 0; i < m->range_count; i++)
        if (!m->range[i].passing)
            m->range[kept++] = m->range[i];
    m->range_count = kept;
    kept = 0;
    for (size_t i = 0; i < m->module_count; i++)
        if (!m->module[i].passing)
            m->module[kept++] = m->module[i];
    m->module_count = kept;
    return true;
}

void managed_code_may_ask(struct managed_code *m, bool may)
{
    m->silent = !may;
}

/* ---- ReadyToRun images ---- */

/* Modules are never listed: the list holds dying ones, and the runtime crashes when it is asked about those. One is only asked
 * for by a function that has just been found on a stack. */

static int by_begin(const void *a, const void *b)
{
    const struct ready_to_run *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static bool add_image(struct managed_code *m, const struct ready_to_run *image)
{
    if (m->module_count == m->module_room) {
        size_t room = m->module_room ? m->module_room * 2 : 128;
        struct ready_to_run *bigger = room <= MODULES_MAX ? realloc(m->module, room * sizeof *bigger) : NULL;
        if (!bigger)
            return false;
        m->module = bigger;
        m->module_room = room;
    }
    m->module[m->module_count++] = *image;
    qsort(m->module, m->module_count, sizeof *m->module, by_begin);
    return true;
}

static bool module_of(struct managed_code *m, FunctionID function, uint64_t *base, DWORD *flags)
{
    ModuleID module = 0;
    ClassID class_id, argument;
    mdToken token;
    ULONG32 arguments;
    ULONG length;
    LPCBYTE at = NULL;
    if (FAILED(m->info->lpVtbl->GetFunctionInfo2(m->info, function, 0, &class_id, &module, &token, 1, &arguments,
                                                 &argument)) ||
        module == 0 || FAILED(m->info->lpVtbl->GetModuleInfo2(m->info, module, &at, 0, &length, NULL, NULL, flags)))
        return false;
    *base = (uintptr_t)at;
    return true;
}

/* Mostly the image of the function's own module; an instantiation may have been compiled into another one. */
static bool discover(struct managed_code *m, uint64_t ip, FunctionID function)
{
    struct ready_to_run image;
    uint64_t base = 0;
    DWORD flags = 0;
    bool mapped = module_of(m, function, &base, &flags) && base != 0 &&
                  !(flags & (COR_PRF_MODULE_FLAT_LAYOUT | COR_PRF_MODULE_DYNAMIC));
    bool found = mapped && ready_to_run_open(m->memory, base, &image) && ip >= image.begin && ip < image.end;
    if (!found && m->searches > 0) {
        m->searches--;
        found = ready_to_run_around(m->memory, ip, &image);
    }
    if (!found)
        return false;
    image.passing = (flags & COR_PRF_MODULE_COLLECTIBLE) != 0;
    return add_image(m, &image);
}

static bool find_ready_to_run(struct managed_code *m, uint64_t ip, struct managed_range *range)
{
    size_t low = 0, high = m->module_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct ready_to_run *image = &m->module[middle];
        if (ip < image->begin)
            high = middle;
        else if (ip >= image->end)
            low = middle + 1;
        else
            return ready_to_run_find(m->memory, image, ip, range);
    }
    return false;
}

/* ---- code of the JIT ---- */

static bool function_at(struct managed_code *m, uint64_t ip, FunctionID *function, ReJITID *rejit)
{
    *function = 0;
    *rejit = 0;
    return !m->silent &&
           SUCCEEDED(
               m->info->lpVtbl->GetFunctionFromIP3(m->info, (LPCBYTE)(uintptr_t)ip, function, rejit)) && /* NOLINT */
           *function != 0;
}

/* A function has several codes: tiers, and entries into running loops. */
static uint64_t start_of(struct managed_code *m, uint64_t ip, FunctionID function, ReJITID rejit)
{
    UINT_PTR starts[STARTS_MAX];
    ULONG32 count = 0;
    uint64_t best = 0;
    if (FAILED(m->info->lpVtbl->GetNativeCodeStartAddresses(m->info, function, rejit, STARTS_MAX, &count, starts)))
        return 0;
    for (ULONG32 i = 0; i < count && i < STARTS_MAX; i++)
        if (starts[i] <= ip && starts[i] > best)
            best = starts[i];
    return best;
}

/* The header is the one we know when it names the function that the runtime has just told us. */
static bool read_header(struct managed_code *m, uint64_t start, FunctionID function, uint64_t *header, uint32_t *count)
{
    uint64_t method;
    uint8_t bytes[HEADER_FUNCTIONS - HEADER_METHOD];
    if (start < 8 || !memory_read(m->memory, start - 8, header, sizeof *header) ||
        !memory_read(m->memory, *header + HEADER_METHOD, bytes, sizeof bytes))
        return false;
    memcpy(&method, bytes, sizeof method);
    memcpy(count, bytes + HEADER_COUNT - HEADER_METHOD, sizeof *count);
    return method == function && *count >= 1 && *count <= FUNCLETS_MAX;
}

static bool find_funclet(struct managed_code *m, uint64_t start, uint64_t header, uint32_t count, uint64_t ip,
                         struct managed_range *range)
{
    uint32_t part[FUNCLETS_PER_READ][3]; /* begin, end, unwind data */
    uint64_t base = 0;
    for (uint32_t done = 0, some; done < count; done += some) {
        some = count - done < FUNCLETS_PER_READ ? count - done : FUNCLETS_PER_READ;
        if (!memory_read(m->memory, header + HEADER_FUNCTIONS + (uint64_t)done * FUNCTION_SIZE, part,
                         some * sizeof part[0]))
            return false;
        if (done == 0)
            base = start - part[0][0];
        for (uint32_t i = 0; i < some; i++) {
            if (part[i][1] <= part[i][0])
                return false;
            if (ip - base < part[i][0] || ip - base >= part[i][1])
                continue;
            *range = (struct managed_range){
                .begin = base + part[i][0], .end = base + part[i][1], .base = base, .unwind_data = part[i][2]};
            return true;
        }
    }
    return false;
}

static bool may_be_freed(struct managed_code *m, FunctionID function)
{
    BOOL dynamic = FALSE;
    uint64_t base;
    DWORD flags = 0;
    if (m->collectible || FAILED(m->info->lpVtbl->IsFunctionDynamic(m->info, function, &dynamic)) || dynamic)
        return true;
    if (!module_of(m, function, &base, &flags))
        return true;
    m->collectible = (flags & COR_PRF_MODULE_COLLECTIBLE) != 0;
    return m->collectible;
}

static bool find_jitted(struct managed_code *m, uint64_t ip, FunctionID function, ReJITID rejit,
                        struct managed_range *range)
{
    uint64_t header, start = start_of(m, ip, function, rejit);
    uint32_t count;
    if (start == 0 || !read_header(m, start, function, &header, &count) ||
        !find_funclet(m, start, header, count, ip, range))
        return false;
    range->passing = may_be_freed(m, function);
    return true;
}

/* ---- the table ---- */

/* The first range that ends behind ip. */
static size_t position(const struct managed_code *m, uint64_t ip)
{
    size_t low = 0, high = m->range_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->range[middle].end <= ip)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct managed_range *kept(const struct managed_code *m, uint64_t ip)
{
    size_t at = position(m, ip);
    return at < m->range_count && m->range[at].begin <= ip ? &m->range[at] : NULL;
}

static bool make_room(struct managed_code *m)
{
    if (m->range_count < m->range_room)
        return true;
    if (m->range_room == RANGES_MAX) {
        m->range_count = 0;
        return true;
    }
    size_t room = m->range_room ? m->range_room * 2 : 256;
    struct managed_range *bigger = realloc(m->range, room * sizeof *bigger);
    if (!bigger)
        return false;
    m->range = bigger;
    m->range_room = room;
    return true;
}

/* What it overlaps was there before it and is gone. */
static void keep(struct managed_code *m, const struct managed_range *range)
{
    if (!make_room(m))
        return;
    size_t at = position(m, range->begin), last = at;
    while (last < m->range_count && m->range[last].begin < range->end)
        last++;
    memmove(&m->range[at + 1], &m->range[last], (m->range_count - last) * sizeof *m->range);
    m->range[at] = *range;
    m->range_count = m->range_count + at + 1 - last;
}

static bool look_up(struct managed_code *m, uint64_t ip, struct managed_range *range)
{
    FunctionID function;
    ReJITID rejit;
    if (find_ready_to_run(m, ip, range))
        return true;
    if (!function_at(m, ip, &function, &rejit))
        return false;
    return find_jitted(m, ip, function, rejit, range) || (discover(m, ip, function) && find_ready_to_run(m, ip, range));
}

bool managed_code_find(struct managed_code *m, uint64_t ip, struct managed_range *range)
{
    const struct managed_range *known = kept(m, ip);
    if (known) {
        *range = *known;
        return true;
    }
    if (!look_up(m, ip, range))
        return false;
    keep(m, range);
    return true;
}

bool managed_code_at(struct managed_code *m, uint64_t ip)
{
    FunctionID function;
    ReJITID rejit;
    return kept(m, ip) || function_at(m, ip, &function, &rejit);
}

/* ---- rules ---- */

static size_t read_unwind_info(struct managed_code *m, const struct managed_range *range, uint64_t address,
                               uint8_t bytes[UNWIND_INFO_MAX])
{
    if (!range->ready_to_run)
        return memory_read_some(m->memory, address, bytes, UNWIND_INFO_MAX);
    if (!memory_read_constant(m->memory, address, bytes, 4))
        return 0;
    size_t size = 4 + 2 * (((size_t)bytes[2] + 1) & ~(size_t)1) + 12;
    return memory_read_constant(m->memory, address, bytes, size) ? size : 0;
}

static bool in_epilogue(struct managed_code *m, const struct managed_range *range, uint64_t ip,
                        struct unwind_rule *rule)
{
    uint8_t code[EPILOGUE_MAX];
    uint64_t left = range->end - ip;
    size_t size = left < sizeof code ? (size_t)left : sizeof code;
    return memory_read(m->memory, ip, code, size) && unwind_epilogue(code, size, ip, range->begin, range->end, rule);
}

bool managed_code_rule(struct managed_code *m, const struct managed_range *range, uint64_t ip, bool interrupted,
                       struct unwind_rule *rule)
{
    uint8_t bytes[UNWIND_INFO_MAX];
    struct unwind_info_state state;
    struct unwind_info_parent part = {true, range->unwind_data};
    uint64_t prologue = ip - range->begin;
    if (interrupted && in_epilogue(m, range, ip, rule))
        return true;
    unwind_info_begin(&state);
    for (int i = 0; i < UNWIND_INFO_CHAIN_MAX && part.chained; i++) {
        size_t size = read_unwind_info(m, range, range->base + part.unwind_data, bytes);
        uint32_t executed = i == 0 && prologue < UINT32_MAX ? (uint32_t)prologue : UINT32_MAX;
        if (!unwind_info_add(&state, bytes, size, executed, &part))
            return false;
    }
    unwind_info_rule(&state, rule);
    return !part.chained;
}
