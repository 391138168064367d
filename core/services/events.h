/* In-process EventPipe sessions. EventPipeStartSession turns its thread into a managed thread for good, on which names do not
 * resolve any more, and it can wait for as long as collections run back to back: so starting and stopping each run on a
 * thread of their own that ends with it. */
#ifndef CORE_SERVICES_EVENTS_H
#define CORE_SERVICES_EVENTS_H

#include <medic/clr/profiler.h>
#include <medic/service/events.h>
#include <stdatomic.h>

enum { EVENTS_PROVIDERS_MAX = 8, EVENTS_NAME_MAX = 64 };

struct events {
    ICorProfilerInfo12 *info;
    _Atomic int state; /* enum medic_events_state */
    HRESULT result;    /* of the start, when it failed */
    EVENTPIPE_SESSION session;
    COR_PRF_EVENTPIPE_PROVIDER_CONFIG providers[EVENTS_PROVIDERS_MAX];
    WCHAR names[EVENTS_PROVIDERS_MAX][EVENTS_NAME_MAX];
    uint32_t provider_count;
    _Atomic uint32_t thread; /* tid of who starts or stops; 0 = nobody */
    _Atomic uint64_t cpu_ns; /* of the threads that have ended */
};

void events_init(struct events *events, ICorProfilerInfo12 *info);
int events_start(struct events *events, const medic_event_provider *providers, uint32_t count, medic_reason *why);
/* Stops the session if there is one. MEDIC_E_TIMEOUT: the runtime has not let go of it, so nobody may detach. [worker] */
int events_stop(struct events *events, uint64_t timeout_ns, medic_reason *why);

#endif
