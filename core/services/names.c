/* The cache behind medic.names: which ids have their record in the capture already. What an id is called is the business
 * of runtime_names.c. A slot in the cache is reserved before the record is written, so that running out of memory fails
 * the one name and never writes it twice. Everything here runs on the worker. */
#include "names.h"

#include <medic/clr/hresults.h>
#include <medic/result.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime_names.h"

/* uthash ends the process when memory runs out, unless it is told to undo the insertion instead. */
#define HASH_NONFATAL_OOM 1
#define uthash_fatal(message) ((void)0)
#define HASH_FUNCTION(key, size, result) ((result) = hash_key(key))

struct key {
    uint64_t id;
    uint64_t kind;
};

static unsigned hash_key(const void *key)
{
    struct key k;
    memcpy(&k, key, sizeof k);
    uint64_t mixed = (k.id ^ k.kind << 56) * 0x9E3779B97F4A7C15u;
    return (unsigned)(mixed >> 32);
}

#include <uthash.h>

/* Instead of the runtime's answer, when the id may not be valid any more: what is given back for data that is gone. */
#define TOO_LATE CORPROF_E_DATAINCOMPLETE

enum { KIND_TYPE = 1, KIND_FUNCTION, KIND_MODULE, KIND_THREAD };

enum {
    NAME_BYTES = 1024,     /* the longest name of a type or function */
    ENTRIES_MAX = 1 << 17, /* 12 MB; then new ids get no name */
    BLOCK_ENTRIES = 64,
    IP_SLOTS = 4096 /* a power of two */
};

struct entry {
    struct key key;
    uint64_t module;   /* of a function; 0 for dynamic code */
    bool fleeting;     /* of a function or module: its code may go away, and other code come to its place */
    UT_hash_handle hh; /* hh.next links the unused ones */
};

struct block {
    struct block *next;
    struct entry entries[BLOCK_ENTRIES];
};

struct ip_slot {
    uintptr_t ip;
    FunctionID id; /* 0 = not managed code */
};

struct names {
    names_emit_fn emit;
    void *context;
    int (*begin_asking)(void *context); /* NULL: ids are always valid */
    void (*end_asking)(void *context);
    struct entry *known; /* hash table */
    struct entry *unused;
    struct block *blocks;
    size_t block_count;
    struct ip_slot *ips; /* IP_SLOTS of them, made on first use; a new address takes the place of an old one */
    char text[NAME_BYTES];
    char path[RUNTIME_NAME_UNITS * 3];
    struct runtime_names runtime;
};

struct names *names_new(ICorProfilerInfo12 *info, names_emit_fn emit, void *context)
{
    struct names *names = calloc(1, sizeof *names);
    if (!names)
        return NULL;
    names->emit = emit;
    names->context = context;
    names->runtime.info = info;
    return names;
}

void names_guard(struct names *names, int (*begin)(void *context), void (*end)(void *context))
{
    names->begin_asking = begin;
    names->end_asking = end;
}

int names_begin_asking(struct names *names)
{
    return !names->begin_asking || names->begin_asking(names->context);
}

void names_end_asking(struct names *names)
{
    if (names->end_asking)
        names->end_asking(names->context);
}

void names_free(struct names *names)
{
    if (!names)
        return;
    HASH_CLEAR(hh, names->known);
    while (names->blocks) {
        struct block *block = names->blocks;
        names->blocks = block->next;
        free(block);
    }
    free(names->ips);
    free(names);
}

uint64_t names_memory(const struct names *names)
{
    uint64_t bytes = sizeof *names + names->block_count * sizeof(struct block);
    const UT_hash_table *table = names->known ? names->known->hh.tbl : NULL;
    if (table)
        bytes += sizeof *table + table->num_buckets * sizeof *table->buckets;
    return bytes + (names->ips ? IP_SLOTS * sizeof *names->ips : 0);
}

static struct entry *find(const struct names *names, uint64_t kind, uint64_t id)
{
    struct key key = {.id = id, .kind = kind};
    struct entry *entry;
    HASH_FIND(hh, names->known, &key, sizeof key, entry);
    return entry;
}

static int add_block(struct names *names)
{
    struct block *block;
    if (names->block_count >= ENTRIES_MAX / BLOCK_ENTRIES)
        return MEDIC_E_FULL;
    block = calloc(1, sizeof *block);
    if (!block)
        return MEDIC_E_MEMORY;
    for (int i = 0; i < BLOCK_ENTRIES; i++) {
        block->entries[i].hh.next = names->unused;
        names->unused = &block->entries[i];
    }
    block->next = names->blocks;
    names->blocks = block;
    names->block_count++;
    return MEDIC_OK;
}

static int reserve(struct names *names, uint64_t kind, uint64_t id, struct entry **out)
{
    int result = names->unused ? MEDIC_OK : add_block(names);
    if (result != MEDIC_OK)
        return result;
    struct entry *entry = names->unused, *next = entry->hh.next;
    memset(entry, 0, sizeof *entry);
    entry->key = (struct key){.id = id, .kind = kind};
    HASH_ADD(hh, names->known, key, sizeof entry->key, entry);
    if (!entry->hh.tbl) { /* out of memory: undone */
        entry->hh.next = next;
        return MEDIC_E_MEMORY;
    }
    names->unused = next;
    *out = entry;
    return MEDIC_OK;
}

/* Keeps the reservation when the record was written, and gives it back otherwise, so that the next call tries again. */
static int settle(struct names *names, struct entry *entry, int result)
{
    if (result == MEDIC_OK)
        return MEDIC_OK;
    HASH_DELETE(hh, names->known, entry);
    entry->hh.next = names->unused;
    names->unused = entry;
    return result;
}

static void put_unknown(struct name_text *text, const char *what, uint64_t id, HRESULT hr)
{
    char sentence[96];
    snprintf(sentence, sizeof sentence, "(unknown %s 0x%llx: 0x%08x)", what, (unsigned long long)id, (unsigned)hr);
    text->length = 0;
    text->cut = false;
    name_text_puts(text, sentence);
}

static int emit_name(struct names *names, const medic_name_record *record, const struct name_text *text)
{
    medic_name_record head = *record;
    int result = head.module != 0 ? names_module(names, (ModuleID)head.module) : MEDIC_OK;
    if (result != MEDIC_OK)
        return result;
    head.length = (uint32_t)text->length;
    return names->emit(names->context, MEDIC_RECORD_NAME, &head, sizeof head, text->bytes, head.length);
}

/* Finishes a name record from what the runtime said. */
static int write_name(struct names *names, medic_name_record *record, const char *what, HRESULT hr,
                      const struct name_origin *origin, struct name_text *text)
{
    record->module = origin->module;
    record->token = origin->token;
    record->flags = origin->dynamic ? 1 : 0;
    if (FAILED(hr)) {
        put_unknown(text, what, record->id, hr);
        record->flags |= 2;
        record->module = 0;
        record->token = 0;
    }
    return emit_name(names, record, text);
}

int names_type(struct names *names, ClassID id)
{
    struct entry *entry;
    struct name_origin origin = {.module = 0};
    HRESULT hr = TOO_LATE;
    if (id == 0)
        return MEDIC_E_ARGUMENT;
    if (find(names, KIND_TYPE, id))
        return MEDIC_OK;
    int result = reserve(names, KIND_TYPE, id, &entry);
    if (result != MEDIC_OK)
        return result;
    struct name_text text = name_text_over(names->text, sizeof names->text);
    medic_name_record record = {.kind = MEDIC_NAME_TYPE, .id = id};
    if (names_begin_asking(names)) {
        hr = runtime_type_name(&names->runtime, id, &text, &origin);
        names_end_asking(names);
    }
    return settle(names, entry, write_name(names, &record, "type", hr, &origin, &text));
}

int names_base_type(struct names *names, ClassID id, ClassID *base)
{
    ICorProfilerInfo12 *info = names->runtime.info;
    ClassID parent = 0;
    ModuleID module = 0;
    mdTypeDef token = 0;
    ULONG32 arguments = 0;
    HRESULT hr = TOO_LATE;
    *base = 0;
    if (id == 0)
        return MEDIC_E_ARGUMENT;
    if (names_begin_asking(names)) {
        hr = info->lpVtbl->GetClassIDInfo2(info, id, &module, &token, &parent, 0, &arguments, NULL);
        names_end_asking(names);
    }
    if (FAILED(hr) || parent == 0) /* an array, or System.Object */
        return MEDIC_E_NOT_FOUND;
    *base = parent;
    return names_type(names, parent);
}

static int name_function(struct names *names, FunctionID id, struct names_code *code)
{
    struct entry *entry = find(names, KIND_FUNCTION, id), *module;
    struct name_origin origin = {.module = 0};
    HRESULT hr = TOO_LATE;
    code->function = id;
    if (entry) {
        code->module = entry->module;
        code->fleeting = entry->fleeting;
        return MEDIC_OK;
    }
    int result = reserve(names, KIND_FUNCTION, id, &entry);
    if (result != MEDIC_OK)
        return result;
    struct name_text text = name_text_over(names->text, sizeof names->text);
    medic_name_record record = {.kind = MEDIC_NAME_FUNCTION, .id = id};
    if (names_begin_asking(names)) {
        hr = runtime_function_name(&names->runtime, id, &text, &origin);
        names_end_asking(names);
    }
    result = write_name(names, &record, "function", hr, &origin, &text);
    module = find(names, KIND_MODULE, origin.module);
    code->fleeting = entry->fleeting = FAILED(hr) || origin.dynamic || !module || module->fleeting;
    code->module = entry->module = FAILED(hr) || origin.dynamic ? 0 : origin.module;
    return settle(names, entry, result);
}

int names_function(struct names *names, FunctionID id)
{
    struct names_code code;
    return id == 0 ? MEDIC_E_ARGUMENT : name_function(names, id, &code);
}

int names_module(struct names *names, ModuleID id)
{
    struct entry *entry;
    struct module_origin origin = {.base = 0};
    HRESULT hr = TOO_LATE;
    if (id == 0)
        return MEDIC_E_ARGUMENT;
    if (find(names, KIND_MODULE, id))
        return MEDIC_OK;
    int result = reserve(names, KIND_MODULE, id, &entry);
    if (result != MEDIC_OK)
        return result;
    struct name_text path = name_text_over(names->path, sizeof names->path);
    if (names_begin_asking(names)) {
        hr = runtime_module_path(&names->runtime, id, &path, &origin);
        names_end_asking(names);
    }
    if (FAILED(hr))
        put_unknown(&path, "module", id, hr);
    entry->fleeting = FAILED(hr) || origin.dynamic || origin.collectible;
    medic_module_record record = {.id = id,
                                  .mvid = origin.mvid,
                                  .base = origin.base,
                                  .length = (uint32_t)path.length,
                                  .flags = (origin.dynamic ? 1u : 0u) | (origin.collectible ? 2u : 0u)};
    return settle(names, entry,
                  names->emit(names->context, MEDIC_RECORD_MODULE, &record, sizeof record, path.bytes, record.length));
}

int names_thread(struct names *names, ThreadID id)
{
    struct entry *entry;
    uint32_t os_id;
    if (id == 0)
        return MEDIC_E_ARGUMENT;
    if (find(names, KIND_THREAD, id))
        return MEDIC_OK;
    int result = reserve(names, KIND_THREAD, id, &entry);
    if (result != MEDIC_OK)
        return result;
    struct name_text text = name_text_over(names->text, sizeof names->text);
    HRESULT hr = runtime_thread_name(&names->runtime, id, &text, &os_id);
    if (FAILED(hr))
        put_unknown(&text, "thread", id, hr);
    medic_thread_record record = {.id = id, .os_id = os_id, .length = (uint32_t)text.length};
    return settle(names, entry,
                  names->emit(names->context, MEDIC_RECORD_THREAD, &record, sizeof record, text.bytes, record.length));
}

/* Without memory for the cache every address is asked for anew. */
static struct ip_slot *ip_slot_of(struct names *names, uintptr_t ip)
{
    if (!names->ips)
        names->ips = calloc(IP_SLOTS, sizeof *names->ips);
    if (!names->ips)
        return NULL;
    uint64_t mixed = (uint64_t)ip * 0x9E3779B97F4A7C15u;
    return &names->ips[(mixed >> 32) & (IP_SLOTS - 1)];
}

int names_code_at(struct names *names, uintptr_t ip, struct names_code *code)
{
    ICorProfilerInfo12 *info = names->runtime.info;
    struct ip_slot *slot = ip_slot_of(names, ip);
    FunctionID found = 0;
    ReJITID rejit = 0;

    *code = (struct names_code){.function = 0};
    if (ip == 0)
        return MEDIC_E_NOT_FOUND;
    if (slot && slot->ip == ip)
        return slot->id == 0 ? MEDIC_E_NOT_FOUND : name_function(names, slot->id, code);
    if (!names_begin_asking(names))
        return MEDIC_E_NOT_FOUND; /* even the question what lies at an address crashes while that is being unloaded */
    HRESULT hr = info->lpVtbl->GetFunctionFromIP3(info, (LPCBYTE)ip, &found, &rejit);
    names_end_asking(names);
    if (FAILED(hr) || found == 0) {
        /* E_FAIL is the answer for native code; other failures are of the moment. */
        if (slot && hr == E_FAIL)
            *slot = (struct ip_slot){.ip = ip};
        return MEDIC_E_NOT_FOUND;
    }
    int result = name_function(names, found, code);
    if (slot && result == MEDIC_OK && !code->fleeting)
        *slot = (struct ip_slot){.ip = ip, .id = found};
    return result;
}

int names_function_at(struct names *names, uintptr_t ip, FunctionID *id)
{
    struct names_code code;
    int result = names_code_at(names, ip, &code);
    *id = code.function;
    return result;
}
