/* medic.heap: a photograph of the managed heap (medic/service/heap.h). A route is chosen, told with what it will cost, and
 * tried; the routes are in heap_copy.c and heap_collect.c.
 *
 *   heap.c               attempts, what is told, the records at the end; the service's table               [worker]
 *   heap_choice.c        routes, predicted pauses and needs, refusals: from numbers
 *   heap_memory.c        what the process has, and what machine and control groups have left               [worker]
 *   heap_copy.c          suspend, raw clone, resume; in the copy: collect, or list                         [worker]
 *   heap_collect.c       a forced collection of the target with a late walk in a glibc fork                [worker], callbacks
 *   heap_code_memory.c   the copy's own copy of the runtime's code memory                                  [copy]
 *   heap_child.c         what every copy does first: signals, descriptors, oom score, its own end          [copy]
 *   heap_walk.c          the callbacks of a collection, on their way to the sink                           [copy]
 *   heap_watch.c         the copy as seen from outside: progress, memory, deadline, kill, wait             [worker]
 *   heap_sink.c          what is told becomes records: its memory, roots, and the end of a photograph      [copy]
 *   heap_object.c        objects and their references, in chunks; no allocation, no lock                   [copy]
 *   heap_class.c         the classes of objects, by ClassID                                                [copy]
 *   heap_layout.c        where the references of a class's objects are                                     [copy]
 *   heap_ranges.c        which addresses are which generation                                              [copy]
 *   heap_output.c        records to the capture, by write(2)                                               [copy]
 *   heap_strings.c       hashes and repeated values                                                        [copy]
 *   heap_statics.c       static fields and what they hold                                                  [copy]
 *   heap_types.c         which types are loaded, and their fields, in the runtime's own tables             [copy]
 *   heap_guess.c         ENUMERATE: roots: handles, finalizers, words on stacks                            [copy]
 *   heap_handles.c       the runtime's handle tables                                                       [copy]
 *   heap_try.c           steps that may crash or hang                                                      [copy]
 *   heap_names.c         names of classes, fields and functions, afterwards                                [worker] */
#ifndef CORE_SERVICES_HEAP_H
#define CORE_SERVICES_HEAP_H

#include <medic/clr/profiler.h>
#include <medic/service/heap.h>

extern const medic_heap_service heap_service;

/* When a session begins: event mask bits that the service will need later, for a plugin with these flags (enum
 * medic_plugin_flags) on this major version. The runtime's thread. */
uint32_t heap_mask_at_begin(uint32_t plugin_flags, uint16_t runtime_major);
/* What of these bits may stay set while no photograph is taken: MONITOR_GC must not. */
uint32_t heap_relax_mask(uint32_t low);
/* Frees what a session left. The thread in charge. */
void heap_free(void);

/* Callbacks, from dispatch.c, before and instead of the plugin's. 1 = a photograph took it, *answer is for the runtime.
 * Cheap when no photograph is under way. [runtime] [suspended] */
int heap_object_references(ObjectID object, ClassID type, ULONG count, ObjectID *references, HRESULT *answer);
int heap_root_references(ULONG count, ObjectID *objects, COR_PRF_GC_ROOT_KIND *kinds, COR_PRF_GC_ROOT_FLAGS *flags,
                         UINT_PTR *ids);
int heap_dependent_references(ULONG count, ObjectID *keys, ObjectID *values, GCHandleID *handles);
int heap_collection_finished(void);
/* An event of the runtime's provider, as EventPipeEventDelivered gets it. */
void heap_event(DWORD id, const BYTE *data, ULONG size);

#endif
