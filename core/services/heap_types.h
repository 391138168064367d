/* What the runtime keeps of types, read in place in the copy of the process, where nobody changes it: which types are loaded, and
 * which fields they have. The profiling interface can tell neither: it has no list of loaded types, and reading metadata
 * allocates.
 *
 * Runtimes differ in where a module keeps its tables, so that is found out: the place is right where the table leads
 * to the types that are known already. What the tables look like has not changed from .NET 8 to 10 (lookupmap,
 * dacenumerablehash.h, field.h, class.h of dotnet/runtime). All of it may read memory that is not there: only under heap_try. */
#ifndef CORE_SERVICES_HEAP_TYPES_H
#define CORE_SERVICES_HEAP_TYPES_H

#include <stdint.h>

/* Where in the runtime's structures; 0 = not found out. */
struct heap_type_places {
    uint32_t definitions; /* types by number: Module.m_TypeDefToMethodTableMap */
    uint32_t instances;   /* generic instances, arrays: Module.m_pAvailableParamTypes */
    uint32_t assemblies;  /* AppDomain.m_Assemblies */
    uint32_t module;      /* of an assembly in it; 0 is a place as well */
    uint32_t is_behind;   /* from .NET 10 on the list's assemblies lead to another structure, which has it */
    uint32_t locals;      /* until .NET 8: Module.m_ModuleID, which leads to the statics of generic instances */
    uint32_t thread_data; /* from .NET 9 on: Thread.m_ThreadLocalDataPtr */
};

/* A type that is known to be loaded. */
struct heap_known_type {
    uint64_t method_table; /* ClassID */
    uint64_t module;       /* ModuleID */
    uint32_t number;       /* of the TypeDef token */
};

typedef void (*heap_type_visit)(void *context, uint64_t method_table);

/* Whether Module.definitions could be at this place: how many of the types it leads to. */
uint32_t heap_types_match(const struct heap_known_type *types, uint32_t count, uint32_t place);
void heap_types_definitions(uint64_t module, uint32_t place, heap_type_visit visit, void *context);
/* Nothing when there is no such table at this place. */
void heap_types_instances(uint64_t module, uint32_t place, heap_type_visit visit, void *context);

/* The modules of the assemblies in an AppDomain's list. Nothing when there is no such list at this place. */
void heap_types_modules(uint64_t domain, const struct heap_type_places *places, heap_type_visit visit, void *context);

enum { HEAP_DOMAIN_BYTES = 4096, HEAP_ASSEMBLY_BYTES = 64 };
enum { HEAP_MODULE_BYTES = 2048 }; /* where places are looked for */

struct heap_static_field {
    uint32_t token;
    uint32_t offset;  /* from the begin of its class's static references */
    uint8_t is_value; /* a structure: its box is what is held */
    uint8_t is_thread_static;
};

/* The static fields of a class, of its own, that may hold an object. Returns how many there are, at most room are filled in. */
uint32_t heap_type_statics(uint64_t method_table, struct heap_static_field *fields, uint32_t room);
/* From .NET 9 on: where the class's static references and boxes are; 0 = nowhere yet. The function's result: 1, or 0 = the
 * class does not tell. */
int heap_type_base(uint64_t method_table, uint64_t *base);
/* The same for a generic instance until .NET 8. 0 = it has none, or the place is not right. */
uint64_t heap_type_instance_base(uint64_t method_table, uint32_t place);
/* The same for thread statics of a thread: an object. 0 = it has none, or the class does not tell. */
uint64_t heap_type_thread_base(uint64_t method_table, uint64_t thread, uint32_t place);
/* The array with the objects of all classes, 0 = none. */
uint64_t heap_thread_statics(uint64_t thread, uint32_t place);
/* Whether the pointer at this place of a thread leads to a structure that leads back to it, as its own statics do. */
int heap_thread_has_data(uint64_t thread, uint32_t place);
enum { HEAP_THREAD_BYTES = 2048 };

/* The base class, 0 = none. */
uint64_t heap_type_parent(uint64_t method_table);

#endif
