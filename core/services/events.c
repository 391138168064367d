#include "core/services/events.h"

#include "core/os.h"
#include "core/thread.h"

#include <string.h>

enum { EVENTS_STOPPING = 100 };

void events_init(struct events *events, ICorProfilerInfo12 *info)
{
    memset(events, 0, sizeof *events);
    events->info = info;
}

static void *run_start(void *argument)
{
    struct events *events = argument;
    HRESULT hr;

    thread_name("medic-events");
    atomic_store(&events->thread, os_thread_id());
    hr = events->info->lpVtbl->EventPipeStartSession(events->info, events->provider_count, events->providers, FALSE,
                                                     &events->session);
    atomic_store(&events->thread, 0);
    events->result = hr;
    atomic_fetch_add(&events->cpu_ns, os_time_ns(CLOCK_THREAD_CPUTIME_ID));
    atomic_store(&events->state, FAILED(hr) ? MEDIC_EVENTS_FAILED : MEDIC_EVENTS_ON);
    return NULL;
}

static void *run_stop(void *argument)
{
    struct events *events = argument;

    thread_name("medic-events");
    atomic_store(&events->thread, os_thread_id());
    events->info->lpVtbl->EventPipeStopSession(events->info, events->session);
    atomic_store(&events->thread, 0);
    atomic_fetch_add(&events->cpu_ns, os_time_ns(CLOCK_THREAD_CPUTIME_ID));
    atomic_store(&events->state, MEDIC_EVENTS_OFF);
    return NULL;
}

static int copy_name(WCHAR name[EVENTS_NAME_MAX], const char *text)
{
    size_t length = strlen(text);

    if (length == 0 || length >= EVENTS_NAME_MAX)
        return -1;
    for (size_t i = 0; i <= length; i++)
        name[i] = (WCHAR)(unsigned char)text[i];
    return 0;
}

int events_start(struct events *events, const medic_event_provider *providers, uint32_t count, medic_reason *why)
{
    int error;

    if (atomic_load(&events->state) != MEDIC_EVENTS_OFF)
        return medic_fail(why, MEDIC_E_BUSY, "the plugin has an event session already");
    if (count == 0 || count > EVENTS_PROVIDERS_MAX)
        return medic_fail(why, MEDIC_E_ARGUMENT, "%u event providers; 1 to %d are possible", count,
                          EVENTS_PROVIDERS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (copy_name(events->names[i], providers[i].name) != 0)
            return medic_fail(why, MEDIC_E_ARGUMENT, "the name of event provider %u must have 1 to %d bytes", i,
                              EVENTS_NAME_MAX - 1);
        events->providers[i] = (COR_PRF_EVENTPIPE_PROVIDER_CONFIG){
            .providerName = events->names[i], .keywords = providers[i].keywords, .loggingLevel = providers[i].level};
    }
    events->provider_count = count;
    atomic_store(&events->state, MEDIC_EVENTS_STARTING);
    error = thread_start(run_start, events);
    if (error) {
        atomic_store(&events->state, MEDIC_EVENTS_FAILED);
        return medic_fail(why, MEDIC_E_FAIL, "cannot start a thread for the event session: %s", strerror(error));
    }
    return MEDIC_OK;
}

static int wait_while(struct events *events, int state, uint64_t deadline_ns)
{
    while (atomic_load(&events->state) == state) {
        if (os_now_ns() > deadline_ns)
            return 0;
        os_sleep_ns(UINT64_C(500000));
    }
    return 1;
}

int events_stop(struct events *events, uint64_t timeout_ns, medic_reason *why)
{
    uint64_t deadline = os_now_ns() + timeout_ns;
    int error;

    if (!wait_while(events, MEDIC_EVENTS_STARTING, deadline))
        return medic_fail(why, MEDIC_E_TIMEOUT, "the runtime has not finished starting the event session");
    if (atomic_load(&events->state) == MEDIC_EVENTS_ON) {
        atomic_store(&events->state, EVENTS_STOPPING);
        error = thread_start(run_stop, events);
        if (error) {
            atomic_store(&events->state, MEDIC_EVENTS_ON);
            return medic_fail(why, MEDIC_E_FAIL, "cannot start a thread to stop the event session: %s",
                              strerror(error));
        }
    }
    if (!wait_while(events, EVENTS_STOPPING, deadline))
        return medic_fail(why, MEDIC_E_TIMEOUT, "the runtime has not finished stopping the event session");
    return MEDIC_OK;
}
