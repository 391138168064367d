/* Static fields and what they hold, told by the copy of the process when everything else is written. Which types there are
 * comes from heap_types.h: those of objects and their base classes, then all that the modules list. Nothing here takes a lock
 * or allocates, the questions to the runtime included; and it answers them while it collects, too. */
#include "core/services/heap_statics.h"

#include "core/services/heap_class.h"
#include "core/services/heap_output.h"
#include "core/services/heap_sink.h"
#include "core/services/heap_try.h"
#include "core/services/heap_types.h"

#include <medic/clr/hresults.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    TYPES_MAX = 1 << 19, /* a power of two; at most three quarters of it are used */
    MODULES_MAX = 1 << 13,
    KNOWN_MAX = 256,
    INSTANCES_MAX = 64,
    STATICS_MAX = 1 << 12, /* of one class */
    THREADS_MAX = 1 << 16,
    TYPE_ARGUMENTS = 1, /* that are asked for: only whether there are any is of interest */
    BATCH = 256
};
#define LIMIT_NS UINT64_C(5000000000)

/* Mapped, not touched, before the copy is made. */
struct heap_statics {
    struct heap_sink *sink;
    ICorProfilerInfo12 *info;
    AppDomainID domain;
    struct heap_type_places places;
    struct heap_type_places trial;
    uint32_t place; /* that is being tried */
    uint32_t matches;
    uint32_t thread_count, type_count, module_count, known_count, instance_count, batch_count;
    uint32_t next_type, next_module; /* where a step goes on after a fault */
    ThreadID threads[THREADS_MAX];
    uint64_t types[TYPES_MAX]; /* hash set */
    uint64_t queue[TYPES_MAX]; /* the same, in the order in which they were found */
    uint64_t modules[MODULES_MAX];
    struct heap_known_type known[KNOWN_MAX];
    uint64_t instances[INSTANCES_MAX]; /* generic ones */
    struct heap_static_field fields[STATICS_MAX];
    medic_heap_static_entry batch[BATCH];
};

/* ---- in the target ---- */

static int list_threads(struct heap_statics *s)
{
    ICorProfilerThreadEnum *threads = NULL;
    ULONG count = 0;
    HRESULT hr = s->info->lpVtbl->EnumThreads(s->info, &threads);

    if (FAILED(hr) || !threads)
        return 0;
    hr = threads->lpVtbl->Next(threads, THREADS_MAX, s->threads, &count);
    threads->lpVtbl->Release(threads);
    s->thread_count = count;
    for (ULONG i = 0; i < count && !s->domain; i++) /* there is one for all */
        s->info->lpVtbl->GetThreadAppDomain(s->info, s->threads[i], &s->domain);
    return SUCCEEDED(hr);
}

int heap_statics_open(ICorProfilerInfo12 *info, struct heap_statics **statics, medic_reason *why)
{
    struct heap_statics *s =
        mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    *statics = NULL;
    if (s == MAP_FAILED)
        return medic_fail(why, MEDIC_E_MEMORY, "cannot reserve %llu MB of address space for a photograph of the heap",
                          (unsigned long long)(sizeof *s >> 20));
    s->info = info;
    if (!list_threads(s)) {
        heap_statics_close(s);
        return medic_fail(why, MEDIC_E_FAIL, "the runtime does not list its threads");
    }
    *statics = s;
    return MEDIC_OK;
}

void heap_statics_close(struct heap_statics *s)
{
    if (s)
        munmap(s, sizeof *s);
}

uint32_t heap_statics_threads(const struct heap_statics *statics, const ThreadID **threads, uint32_t *place)
{
    *place = statics->places.thread_data;
    *threads = statics->threads;
    return statics->thread_count;
}

uint64_t heap_statics_domain(const struct heap_statics *statics)
{
    return (uint64_t)statics->domain;
}

/* ---- what is found ---- */

static void add_type(void *context, uint64_t type)
{
    struct heap_statics *s = context;
    uint32_t i = (uint32_t)((type >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 40) % TYPES_MAX;

    while (s->types[i] && s->types[i] != type)
        i = (i + 1) % TYPES_MAX;
    if (s->types[i] || s->type_count >= TYPES_MAX / 4 * 3)
        return;
    s->types[i] = type;
    s->queue[s->type_count++] = type;
}

static void add_module(struct heap_statics *s, uint64_t module)
{
    for (uint32_t i = 0; i < s->module_count; i++)
        if (s->modules[i] == module)
            return;
    if (module && s->module_count < MODULES_MAX)
        s->modules[s->module_count++] = module;
}

/* Its module, and what it is good for in finding the modules' tables. */
static void classify(struct heap_statics *s, uint64_t type)
{
    ModuleID module = 0;
    mdTypeDef token = 0;
    ClassID parent = 0, argument = 0;
    ULONG32 arguments = 0;
    HRESULT hr = s->info->lpVtbl->GetClassIDInfo2(s->info, type, &module, &token, &parent, TYPE_ARGUMENTS, &arguments,
                                                  &argument);

    if (FAILED(hr) || !module)
        return;
    add_module(s, module);
    if (arguments == 0 && s->known_count < KNOWN_MAX)
        s->known[s->known_count++] =
            (struct heap_known_type){.method_table = type, .module = module, .number = token & 0xffffff};
    else if (arguments != 0 && s->instance_count < INSTANCES_MAX)
        s->instances[s->instance_count++] = type;
}

/* ---- what they hold ---- */

static void flush(struct heap_statics *s)
{
    if (s->batch_count)
        heap_sink_statics(s->sink, s->batch, s->batch_count);
    s->batch_count = 0;
}

static uint64_t word_at(uint64_t address)
{
    return *(const volatile uint64_t *)(uintptr_t)address;
}

static void tell(struct heap_statics *s, uint64_t type, const struct heap_static_field *field, uint64_t slot,
                 uint64_t object, uint32_t os_id)
{
    if (!object)
        return;
    if (s->batch_count == BATCH)
        flush(s);
    s->batch[s->batch_count++] = (medic_heap_static_entry){
        .slot = slot, .object = object, .class_id = type, .token = field->token, .os_id = os_id};
}

/* As the runtime tells it: for a structure, which is kept in a box, the address in the box. An enumeration is not kept in one,
 * so what stands in front must be the class of an object. */
static void tell_address(struct heap_statics *s, uint64_t type, const struct heap_static_field *field, void *address,
                         uint32_t os_id)
{
    uint64_t slot = (uint64_t)(uintptr_t)address;

    if (!slot)
        return;
    if (!field->is_value)
        tell(s, type, field, slot, word_at(slot), os_id);
    else if (heap_class_has_objects(s->sink, word_at(slot - 8)))
        tell(s, type, field, slot, slot - 8, os_id);
}

static uint32_t os_id_of(struct heap_statics *s, uint64_t thread)
{
    DWORD os_id = 0;

    return SUCCEEDED(s->info->lpVtbl->GetThreadInfo(s->info, (ThreadID)thread, &os_id)) ? os_id : 0;
}

static void tell_of_thread(struct heap_statics *s, uint64_t type, const struct heap_static_field *field,
                           uint64_t thread)
{
    void *address = NULL;
    uint64_t base;

    if (s->places.thread_data) {
        base = heap_type_thread_base(type, thread, s->places.thread_data);
        if (base)
            tell(s, type, field, base + field->offset, word_at(base + field->offset), os_id_of(s, thread));
    } else if (SUCCEEDED(s->info->lpVtbl->GetThreadStaticAddress2(s->info, (ClassID)type, field->token, s->domain,
                                                                  (ThreadID)thread, &address))) {
        tell_address(s, type, field, address, os_id_of(s, thread));
    }
}

/* The runtime answers for a class that is no generic instance, and that was initialised. From .NET 9 on a class knows itself where
 * its fields are. */
static void tell_field(struct heap_statics *s, uint64_t type, const struct heap_static_field *field)
{
    uint64_t base;
    void *address = NULL;

    if (field->is_thread_static) {
        for (uint32_t i = 0; i < s->thread_count; i++)
            tell_of_thread(s, type, field, (uint64_t)s->threads[i]);
    } else if (heap_type_base(type, &base)) {
        if (base)
            tell(s, type, field, base + field->offset, word_at(base + field->offset), 0);
    } else if (SUCCEEDED(s->info->lpVtbl->GetAppDomainStaticAddress(s->info, (ClassID)type, field->token, s->domain,
                                                                    &address))) {
        tell_address(s, type, field, address, 0);
    } else if (s->places.locals && (base = heap_type_instance_base(type, s->places.locals)) != 0) {
        tell(s, type, field, base + field->offset, word_at(base + field->offset), 0);
    }
}

static void tell_type(struct heap_statics *s, uint64_t type)
{
    uint32_t count = heap_type_statics(type, s->fields, STATICS_MAX);

    for (uint32_t i = 0; i < count && i < STATICS_MAX; i++)
        tell_field(s, type, &s->fields[i]);
}

/* ---- steps: each may be left by a fault ---- */

static void step_classify(void *context)
{
    struct heap_statics *s = context;

    while (s->next_type < s->type_count) {
        uint64_t type = s->queue[s->next_type++], parent = heap_type_parent(type);

        if (parent)
            add_type(s, parent);
        classify(s, type);
    }
}

static void step_tell(void *context)
{
    struct heap_statics *s = context;

    while (s->next_type < s->type_count) {
        uint64_t type = s->queue[s->next_type++], parent = heap_type_parent(type);

        if (parent)
            add_type(s, parent);
        tell_type(s, type);
    }
}

static void step_thread_data(void *context)
{
    struct heap_statics *s = context;

    for (uint32_t i = 0; i < s->thread_count; i++)
        s->matches += heap_thread_has_data((uint64_t)s->threads[i], s->place) ? 1u : 0u;
}

static void step_match(void *context)
{
    struct heap_statics *s = context;

    s->matches = heap_types_match(s->known, s->known_count, s->place);
}

static void count_instance(void *context, uint64_t type)
{
    struct heap_statics *s = context;

    for (uint32_t i = 0; i < s->instance_count; i++)
        s->matches += s->instances[i] == type;
}

static void step_instances(void *context)
{
    struct heap_statics *s = context;

    while (s->next_module < s->module_count)
        heap_types_instances(s->modules[s->next_module++], s->place, count_instance, s);
}

/* How many static fields of an instance hold a known object, if none holds something else. */
static uint32_t held_objects(struct heap_statics *s, uint64_t type, uint64_t base)
{
    uint32_t count = heap_type_statics(type, s->fields, STATICS_MAX), objects = 0;

    for (uint32_t i = 0; i < count && i < STATICS_MAX; i++) {
        uint64_t object = s->fields[i].is_thread_static ? 0 : word_at(base + s->fields[i].offset);

        if (object && (object % 8 || !heap_class_has_objects(s->sink, word_at(object) & ~UINT64_C(7))))
            return 0;
        objects += object != 0;
    }
    return objects;
}

static void step_locals(void *context)
{
    struct heap_statics *s = context;

    for (uint32_t i = 0; i < s->instance_count; i++) {
        uint64_t base = heap_type_instance_base(s->instances[i], s->place);

        if (base)
            s->matches += held_objects(s, s->instances[i], base);
    }
}

static void count_module(void *context, uint64_t module)
{
    struct heap_statics *s = context;

    for (uint32_t i = 0; i < s->module_count; i++)
        s->matches += s->modules[i] == module;
}

static void step_count_modules(void *context)
{
    struct heap_statics *s = context;

    heap_types_modules((uint64_t)s->domain, &s->trial, count_module, s);
}

static void found_module(void *context, uint64_t module)
{
    add_module(context, module);
}

static void step_modules(void *context)
{
    struct heap_statics *s = context;

    heap_types_modules((uint64_t)s->domain, &s->places, found_module, s);
}

static void step_tables(void *context)
{
    struct heap_statics *s = context;

    while (s->next_module < s->module_count) {
        uint64_t module = s->modules[s->next_module++];

        if (s->places.instances)
            heap_types_instances(module, s->places.instances, add_type, s);
        if (s->places.definitions)
            heap_types_definitions(module, s->places.definitions, add_type, s);
    }
}

/* ---- all together ---- */

static void each_type(struct heap_statics *s, void (*step)(void *))
{
    s->next_type = 0;
    while (s->next_type < s->type_count && heap_try(step, s) != HEAP_TRIED_LATE)
        ;
}

static void each_module(struct heap_statics *s, void (*step)(void *))
{
    s->next_module = 0;
    while (s->next_module < s->module_count && heap_try(step, s) != HEAP_TRIED_LATE)
        ;
}

/* A thread that never ran managed code has none. */
static void find_thread_data(struct heap_statics *s)
{
    uint32_t best = 0;

    for (s->place = 8; s->place < HEAP_THREAD_BYTES; s->place += 8) {
        s->matches = 0;
        if (heap_try(step_thread_data, s) == HEAP_TRIED_OK && s->matches > best) {
            best = s->matches;
            s->places.thread_data = s->place;
        }
    }
}

/* The place where most of the types that are known are found. */
static void find_places(struct heap_statics *s)
{
    uint32_t best_definitions = 2, best_instances = 0;

    for (s->place = 8; s->place < HEAP_MODULE_BYTES; s->place += 8) {
        s->matches = 0;
        if (heap_try(step_match, s) == HEAP_TRIED_OK && s->matches > best_definitions) {
            best_definitions = s->matches;
            s->places.definitions = s->place;
        }
        s->matches = 0;
        each_module(s, step_instances);
        if (s->matches > best_instances) {
            best_instances = s->matches;
            s->places.instances = s->place;
        }
    }
}

/* Where the statics of generic instances are, before classes knew it themselves. */
static void find_locals(struct heap_statics *s)
{
    uint32_t best = 0;

    for (s->place = 8; s->place < HEAP_MODULE_BYTES; s->place += 8) {
        s->matches = 0;
        if (heap_try(step_locals, s) == HEAP_TRIED_OK && s->matches > best) {
            best = s->matches;
            s->places.locals = s->place;
        }
    }
}

static void try_assemblies(struct heap_statics *s, uint32_t *best)
{
    for (s->trial.module = 0; s->trial.module < HEAP_ASSEMBLY_BYTES; s->trial.module += 8) {
        s->matches = 0;
        if (heap_try(step_count_modules, s) == HEAP_TRIED_OK && s->matches > *best) {
            *best = s->matches;
            s->places.assemblies = s->trial.assemblies;
            s->places.module = s->trial.module;
            s->places.is_behind = s->trial.is_behind;
        }
    }
}

/* Modules of which there is no object at all. */
static void find_modules(struct heap_statics *s)
{
    uint32_t best = 0;

    for (s->trial.assemblies = 8; s->trial.assemblies < HEAP_DOMAIN_BYTES; s->trial.assemblies += 8) {
        for (s->trial.is_behind = 0; s->trial.is_behind < 2; s->trial.is_behind++)
            try_assemblies(s, &best);
    }
    if (best)
        heap_try(step_modules, s);
}

static void tell_all(struct heap_statics *s)
{
    int late;

    heap_try_limit(LIMIT_NS);
    for (uint32_t i = 1; i <= s->sink->class_count; i++)
        add_type(s, s->sink->classes[i].id);
    each_type(s, step_classify);
    find_thread_data(s);
    find_places(s);
    find_modules(s);
    if (s->sink->plan.runtime_major < 9)
        find_locals(s);
    each_module(s, step_tables);
    each_type(s, step_tell);
    late = heap_try_is_late();
    heap_try_limit(0);
    flush(s);
    if (!s->places.definitions)
        heap_output_log(s->sink,
                        "the runtime's list of types was not found: static fields of classes without objects are "
                        "not told");
    if (late)
        heap_output_log(s->sink, "the static fields were not told to the end: it took too long");
}

void heap_tell_statics(struct heap_sink *sink)
{
    struct heap_statics *s = sink->statics;

    if (heap_sink_failed(sink))
        return;
    s->sink = sink;
    if (heap_try_open())
        tell_all(s);
    else
        heap_output_log(sink, "no static fields are told: the kernel refuses a timer");
}
