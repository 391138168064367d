/* Where the references in an object are, read from its MethodTable: the runtime keeps a description for its collector in
 * front of it (GCDesc; gcdesc.h and methodtable.h of dotnet/runtime, unchanged since .NET Core 1). [copy], or any thread
 * while the class cannot be unloaded. */
#ifndef CORE_SERVICES_HEAP_LAYOUT_H
#define CORE_SERVICES_HEAP_LAYOUT_H

#include <stdint.h>

struct heap_layout {
    uint32_t flags; /* enum medic_heap_class_flags */
    uint32_t base_size;
    uint32_t component_size;
    uint32_t slot_count;         /* references outside elements */
    uint32_t element_slot_count; /* in one element */
};

/* Offsets go into offsets: first slot_count, then element_slot_count, each run ascending. What does not fit in room, or makes no
 * sense, makes the class ODD: no slots. method_table: a ClassID of an object. */
void heap_layout_read(uint64_t method_table, struct heap_layout *layout, uint32_t *offsets, uint32_t room);

/* Whether it is the class of what lies between objects: the collector fills gaps with it. */
int heap_layout_is_free(const struct heap_layout *layout);

/* Whether the class can be unloaded. Of a runtime whose flags are not known, all can. */
int heap_layout_can_go(uint64_t method_table, uint16_t runtime_major);

/* Bytes of an object, as the runtime counts them. */
uint64_t heap_layout_size(const struct heap_layout *layout, uint64_t count);

#endif
