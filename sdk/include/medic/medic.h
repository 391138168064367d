/* All that a plugin includes. */
#ifndef MEDIC_MEDIC_H
#define MEDIC_MEDIC_H

#include <medic/capture_format.h>
#include <medic/heap_format.h>
#include <medic/plugin.h>
#include <medic/service/capture_reader.h>
#include <medic/service/clock.h>
#include <medic/service/document.h>
#include <medic/service/events.h>
#include <medic/service/frames.h>
#include <medic/service/heap.h>
#include <medic/service/heap_graph.h>
#include <medic/service/log.h>
#include <medic/service/names.h>
#include <medic/service/params.h>
#include <medic/service/records.h>
#include <medic/service/runtime.h>
#include <medic/service/stack_tree.h>
#include <medic/service/stacks.h>

#endif
