/* medic.events: the runtime's own trace events (EventPipe), delivered inside the process to the plugin's
 * EventPipeEventDelivered callback, synchronously on the thread that raised them. */
#ifndef MEDIC_SERVICE_EVENTS_H
#define MEDIC_SERVICE_EVENTS_H

#include <medic/plugin.h>
#include <stddef.h>

#define MEDIC_SERVICE_EVENTS "medic.events/draft"

typedef struct medic_event_provider {
    const char *name; /* "Microsoft-Windows-DotNETRuntime" */
    uint64_t keywords;
    uint32_t level; /* 1 critical .. 5 verbose */
    uint32_t reserved;
} medic_event_provider;

enum medic_events_state {
    MEDIC_EVENTS_OFF = 0,
    MEDIC_EVENTS_STARTING = 1,
    MEDIC_EVENTS_ON = 2,
    MEDIC_EVENTS_FAILED = 3
};

typedef struct medic_events_service {
    uint32_t size;
    uint32_t reserved;
    /* [worker] Asks for a session with these providers (at most 8; copied). Returns at once; the first session in a
     * process takes 20-60 ms to come up, much longer while collections run back to back. One session a plugin. The core
     * adds COR_PRF_HIGH_MONITOR_EVENT_PIPE to the mask by itself, and stops the session before it detaches. */
    int (*start)(const medic_host *host, const medic_event_provider *providers, uint32_t count, medic_reason *why);
    /* Any thread. enum medic_events_state. */
    int (*state)(const medic_host *host);
    /* Any thread. Linux tid of the core's own thread that starts or stops the session just now, 0 = none: it holds locks of the
     * runtime's library meanwhile, and what waits for it is Medic's doing. Check size before: it came later. */
    uint32_t (*thread)(const medic_host *host);
} medic_events_service;

/* Any thread. What `thread` says; 0 when there is no such service (NULL) or an older host does not tell. */
static inline uint32_t medic_events_thread(const medic_events_service *events, const medic_host *host)
{
    return events && events->size > offsetof(medic_events_service, thread) ? events->thread(host) : 0;
}

#endif
