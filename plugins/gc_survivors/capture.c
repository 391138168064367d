/* The capture half: one photograph of the heap, or two with a time between them, and the session is over. [worker] */
#include "gc_survivors.h"

#include <stdlib.h>
#include <string.h>

struct capture {
    const medic_host *host;
    const medic_records_service *records;
    const medic_runtime_service *runtime;
    const medic_heap_service *heap;
    medic_heap_request request;
    uint64_t compare_ns; /* 0 = one photograph */
    uint64_t second_ns;  /* when the second is due; 0 = the first was not taken yet */
    int over;
};

static int read_route(const char *text, uint32_t *route)
{
    static const char *const names[] = {"auto", "copy", "collect", "enumerate"};

    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *route = i; /* enum medic_heap_route in its order */
            return MEDIC_OK;
        }
    }
    return MEDIC_E_ARGUMENT;
}

static int read_params(struct capture *capture)
{
    const medic_host *host = capture->host;
    const medic_params_service *params = host->service(host, MEDIC_SERVICE_PARAMS);
    const char *route = "";
    int code = params->get_duration(host, "compare", &capture->compare_ns);

    if (code == MEDIC_OK)
        code = params->get_duration(host, "max_pause", &capture->request.max_pause_ns);
    if (code == MEDIC_OK)
        code = params->get_text(host, "route", &route);
    return code == MEDIC_OK ? read_route(route, &capture->request.route) : code;
}

static int create(const medic_host *host, void **self, medic_reason *why)
{
    struct capture *capture = calloc(1, sizeof *capture);
    int code;

    if (!capture)
        return medic_fail(why, MEDIC_E_MEMORY, "no memory for the state of gc_survivors");
    capture->host = host;
    capture->records = host->service(host, MEDIC_SERVICE_RECORDS);
    capture->runtime = host->service(host, MEDIC_SERVICE_RUNTIME);
    capture->heap = host->service(host, MEDIC_SERVICE_HEAP);
    capture->request.size = sizeof capture->request;
    code = read_params(capture);
    if (code != MEDIC_OK) {
        free(capture);
        return medic_fail(why, code, "the host does not know the parameters of gc_survivors");
    }
    *self = capture;
    return MEDIC_OK;
}

/* --- the photographs --- */

static void end(struct capture *capture)
{
    capture->over = 1;
    capture->runtime->done(capture->host);
}

static void take_first(struct capture *capture, uint64_t now_ns)
{
    medic_heap_photo photo = {.size = sizeof photo};
    medic_reason why = {""};
    int code = capture->heap->photograph(capture->host, &capture->request, &photo, &why);

    if (code != MEDIC_OK && code != MEDIC_E_STOPPED) {
        capture->over = 1;
        capture->runtime->fail(capture->host, code, why.text);
        return;
    }
    capture->second_ns = now_ns + capture->compare_ns;
    if (code == MEDIC_E_STOPPED || !capture->compare_ns)
        end(capture);
}

/* Without the second the first is still worth a report, which tells why there is one only. */
static void take_second(struct capture *capture)
{
    medic_heap_photo photo = {.size = sizeof photo};
    medic_reason why = {""};
    int code = capture->heap->photograph(capture->host, &capture->request, &photo, &why);

    if (code != MEDIC_OK)
        capture->records->emit(capture->host, GS_SECOND_FAILED, why.text, (uint32_t)strlen(why.text));
    end(capture);
}

static void tick(void *self, uint64_t now_ns)
{
    struct capture *capture = self;

    if (capture->over)
        return;
    if (!capture->second_ns)
        take_first(capture, now_ns);
    else if (now_ns >= capture->second_ns)
        take_second(capture);
    else
        capture->runtime->progress(capture->host, (int32_t)(1000 - (double)(capture->second_ns - now_ns) * 1000 /
                                                                       (double)capture->compare_ns));
}

const medic_capture gc_survivors_capture = {
    .size = sizeof(medic_capture), .create = create, .tick = tick, .destroy = free};
