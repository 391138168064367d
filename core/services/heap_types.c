#include "core/services/heap_types.h"

/* MethodTable: the low bit of EECLASS tells that it is the MethodTable which has the class. */
enum { MT_PARENT = 16, MT_CLASS = 40, CLASS_METHOD_TABLE = 16, CLASS_FIELDS = 24, TAGS = 7 };
/* LookupMapBase */
enum { MAP_NEXT = 0, MAP_TABLE = 8, MAP_COUNT = 16, MAP_LINKS_MAX = 4096, MAP_ENTRIES_MAX = 1 << 24 };
/* DacEnumerableHashTable; its buckets begin with their number and the next version of them, from .NET 9 on also with the
 * mark that ends a chain, which is odd. */
enum {
    HASH_MODULE = 0,
    HASH_BUCKETS = 16,
    ENTRY_VALUE = 0,
    ENTRY_NEXT = 8,
    BUCKETS_MAX = 1 << 24,
    CHAIN_MAX = 1 << 20
};
/* ArrayListBase: a number, then the first block. */
enum { LIST_COUNT = 0, LIST_BLOCK = 8, BLOCK_NEXT = 0, BLOCK_COUNT = 8, BLOCK_ARRAY = 16, LIST_MAX = 1 << 16 };
/* MethodTableAuxiliaryData: in front of it what the class has of statics (DynamicStaticsInfo, ThreadStaticsInfo), with the
 * MethodTable once more. */
enum { MT_AUXILIARY = 32, STATICS_SELF = 8, STATICS_BASE = 24, STATICS_INDEX = 36 };
/* Until .NET 8, behind the pointers to pieces of the table of virtual methods: a pointer to the FieldDescs of the instance's
 * statics, and its number in the DomainLocalModule's list of such instances, whose entries begin with where their references are. */
enum { MT_VIRTUALS = 12, MT_LOADER_MODULE = 24, MT_PIECES = 64, PER_PIECE = 8, OPTIONAL_MAX = 8 };
enum { LOCAL_ENTRIES = 8, LOCAL_ENTRY_COUNT = 16, LOCAL_ENTRY_BYTES = 16, LOCAL_ENTRIES_MAX = 1 << 20 };
/* ThreadLocalData: references are in an array of objects, each with the fields of one class; those of classes that can be
 * unloaded are in handles of such objects. */
enum { LOCAL_COUNT = 0, LOCAL_COLLECTIBLE_COUNT = 4, LOCAL_ARRAY = 8, LOCAL_HANDLES = 16, LOCAL_THREAD = 24 };
enum { INDEX_PLAIN = 0, INDEX_COLLECTIBLE = 1 };
/* FieldDesc */
enum { FIELD_BYTES = 16, FIELDS_MAX = 1 << 16, TYPE_VALUE = 0x11, TYPE_CLASS = 0x12, TOKEN_FIELD = 0x04000000 };
#define FIELD_NUMBER 0xffffffu
#define FIELD_STATIC (1u << 24)
#define FIELD_THREAD (1u << 25)
#define FIELD_RVA (1u << 26)
#define FIELD_OFFSET 0x7ffffffu

static uint64_t word_at(uint64_t address)
{
    return *(const volatile uint64_t *)(uintptr_t)address;
}

static uint32_t half_at(uint64_t address)
{
    return *(const volatile uint32_t *)(uintptr_t)address;
}

/* Points at what could be a structure of the runtime. */
static int plausible(uint64_t address)
{
    return address >= 65536 && address < UINT64_C(1) << 47 && address % 8 == 0;
}

/* ---- types by number ---- */

static uint64_t definition(uint64_t module, uint32_t place, uint32_t number)
{
    uint64_t map = module + place;

    for (int link = 0; plausible(map) && link < MAP_LINKS_MAX; link++) {
        uint64_t table = word_at(map + MAP_TABLE);
        uint32_t count = half_at(map + MAP_COUNT);

        if (!plausible(table) || count > MAP_ENTRIES_MAX)
            return 0;
        if (number < count)
            return word_at(table + number * UINT64_C(8)) & ~(uint64_t)TAGS;
        number -= count;
        map = word_at(map + MAP_NEXT);
    }
    return 0;
}

uint32_t heap_types_match(const struct heap_known_type *types, uint32_t count, uint32_t place)
{
    uint32_t matches = 0;

    for (uint32_t i = 0; i < count && i < 4 + matches * 2; i++)
        matches += definition(types[i].module, place, types[i].number) == types[i].method_table;
    return matches;
}

void heap_types_definitions(uint64_t module, uint32_t place, heap_type_visit visit, void *context)
{
    uint64_t map = module + place;

    for (int link = 0; plausible(map) && link < MAP_LINKS_MAX; link++) {
        uint64_t table = word_at(map + MAP_TABLE);
        uint32_t count = half_at(map + MAP_COUNT);

        if (!plausible(table) || count > MAP_ENTRIES_MAX)
            return;
        for (uint32_t i = 0; i < count; i++) {
            uint64_t type = word_at(table + i * UINT64_C(8)) & ~(uint64_t)TAGS;

            if (type)
                visit(context, type);
        }
        map = word_at(map + MAP_NEXT);
    }
}

/* ---- instances ---- */

/* Descriptors of types that have no MethodTable (pointers, type parameters) are marked by the second bit. */
static void visit_chain(uint64_t entry, heap_type_visit visit, void *context)
{
    for (int i = 0; plausible(entry) && i < CHAIN_MAX; i++) {
        uint64_t value = word_at(entry + ENTRY_VALUE) & ~UINT64_C(1);

        if (plausible(value))
            visit(context, value);
        entry = word_at(entry + ENTRY_NEXT);
    }
}

void heap_types_instances(uint64_t module, uint32_t place, heap_type_visit visit, void *context)
{
    uint64_t hash = word_at(module + place), buckets, count;
    uint32_t first;

    if (!plausible(hash) || word_at(hash + HASH_MODULE) != module)
        return;
    buckets = word_at(hash + HASH_BUCKETS);
    if (!plausible(buckets))
        return;
    count = word_at(buckets);
    first = word_at(buckets + 16) % 2 ? 3 : 2;
    for (uint64_t i = 0; i < count && i < BUCKETS_MAX; i++)
        visit_chain(word_at(buckets + (first + i) * 8), visit, context);
}

/* ---- modules ---- */

void heap_types_modules(uint64_t domain, const struct heap_type_places *places, heap_type_visit visit, void *context)
{
    uint64_t list = domain + places->assemblies, block = list + LIST_BLOCK;
    uint32_t left = half_at(list + LIST_COUNT);

    while (left && left < LIST_MAX && plausible(block)) {
        uint32_t count = half_at(block + BLOCK_COUNT);

        if (!count || count > LIST_MAX)
            return;
        for (uint32_t i = 0; i < count && left; i++, left--) {
            uint64_t assembly = word_at(block + BLOCK_ARRAY + i * UINT64_C(8));

            if (places->is_behind && plausible(assembly))
                assembly = word_at(assembly);
            if (plausible(assembly)) /* none: it was unloaded */
                visit(context, word_at(assembly + places->module));
        }
        block = word_at(block + BLOCK_NEXT);
    }
}

/* ---- fields ---- */

uint64_t heap_type_parent(uint64_t method_table)
{
    uint64_t parent = word_at(method_table + MT_PARENT);

    return plausible(parent) ? parent : 0;
}

/* FieldDescs lie one after the other, those of objects first, and what follows them is no FieldDesc of the class: a
 * MethodDescChunk, which also begins with the MethodTable, has no type of a field where they have it. */
uint32_t heap_type_statics(uint64_t method_table, struct heap_static_field *fields, uint32_t room)
{
    uint64_t tagged = word_at(method_table + MT_CLASS);
    uint64_t owner = tagged & 1 ? tagged & ~UINT64_C(1) : method_table;
    uint64_t class = owner == method_table ? tagged : word_at(owner + MT_CLASS), field;
    uint32_t count = 0;

    if (!plausible(class) || word_at(class + CLASS_METHOD_TABLE) != owner)
        return 0;
    field = word_at(class + CLASS_FIELDS);
    for (int i = 0; plausible(field) && i < FIELDS_MAX && word_at(field) == owner; i++, field += FIELD_BYTES) {
        uint32_t what = half_at(field + 8), type = half_at(field + 12) >> 27;

        if (!(what & FIELD_NUMBER) || !type)
            break;
        if (!(what & FIELD_STATIC) || (what & FIELD_RVA) || (type != TYPE_CLASS && type != TYPE_VALUE))
            continue;
        if (count < room)
            fields[count] = (struct heap_static_field){.token = TOKEN_FIELD | (what & FIELD_NUMBER),
                                                       .offset = half_at(field + 12) & FIELD_OFFSET,
                                                       .is_value = type == TYPE_VALUE,
                                                       .is_thread_static = (what & FIELD_THREAD) != 0};
        count++;
    }
    return count;
}

/* ---- where they are ---- */

int heap_type_base(uint64_t method_table, uint64_t *base)
{
    uint64_t auxiliary = word_at(method_table + MT_AUXILIARY);

    if (!plausible(auxiliary) || word_at(auxiliary - STATICS_SELF) != method_table)
        return 0;
    *base = word_at(auxiliary - STATICS_BASE) & ~UINT64_C(1); /* not initialised yet */
    return 1;
}

static int is_statics_of(uint64_t fields, uint64_t method_table)
{
    return plausible(fields) && word_at(fields) == method_table && (half_at(fields + 8) & FIELD_STATIC);
}

/* -1 = it is no generic instance with statics. */
static int64_t instance_number(uint64_t method_table)
{
    uint64_t virtuals = half_at(method_table + MT_VIRTUALS) & 0xffff;
    uint64_t at = method_table + MT_PIECES + (virtuals + PER_PIECE - 1) / PER_PIECE * 8;

    for (int i = 0; i < OPTIONAL_MAX; i++, at += 8) {
        if (is_statics_of(word_at(at), method_table))
            return (int64_t)(word_at(at + 8) & UINT32_MAX);
    }
    return -1;
}

uint64_t heap_type_instance_base(uint64_t method_table, uint32_t place)
{
    int64_t number = instance_number(method_table);
    uint64_t locals = word_at(word_at(method_table + MT_LOADER_MODULE) + place), entries, count, entry;

    if (number < 0 || !plausible(locals))
        return 0;
    entries = word_at(locals + LOCAL_ENTRIES);
    count = word_at(locals + LOCAL_ENTRY_COUNT);
    if (!plausible(entries) || count > LOCAL_ENTRIES_MAX || (uint64_t)number >= count)
        return 0;
    entry = word_at(entries + (uint64_t)number * LOCAL_ENTRY_BYTES);
    return plausible(entry) && plausible(word_at(entry)) ? word_at(entry) : 0;
}

int heap_thread_has_data(uint64_t thread, uint32_t place)
{
    uint64_t data = word_at(thread + place);

    return plausible(data) && word_at(data + LOCAL_THREAD) == thread;
}

uint64_t heap_thread_statics(uint64_t thread, uint32_t place)
{
    return place && heap_thread_has_data(thread, place) ? word_at(word_at(thread + place) + LOCAL_ARRAY) : 0;
}

/* Indexes count from the array's begin, its header included. */
static uint64_t thread_object(uint64_t data, uint32_t index)
{
    uint32_t number = index & 0xffffff;
    uint64_t array = word_at(data + LOCAL_ARRAY), handles = word_at(data + LOCAL_HANDLES), handle = 0;

    if (index >> 24 == INDEX_PLAIN && array && number < half_at(data + LOCAL_COUNT))
        return word_at(array + number * UINT64_C(8));
    if (index >> 24 == INDEX_COLLECTIBLE && handles && number < half_at(data + LOCAL_COLLECTIBLE_COUNT))
        handle = word_at(handles + number * UINT64_C(8));
    return handle ? word_at(handle) : 0;
}

uint64_t heap_type_thread_base(uint64_t method_table, uint64_t thread, uint32_t place)
{
    uint64_t auxiliary = word_at(method_table + MT_AUXILIARY);

    if (!plausible(auxiliary) || word_at(auxiliary - STATICS_SELF) != method_table ||
        !heap_thread_has_data(thread, place))
        return 0;
    return thread_object(word_at(thread + place), half_at(auxiliary - STATICS_INDEX));
}
