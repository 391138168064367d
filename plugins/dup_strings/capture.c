/* The capture half: one photograph of the heap with its strings, and the session is over. [worker] */
#include "dup_strings.h"
#include "value_text.h"

#include <stdlib.h>

struct capture {
    const medic_host *host;
    const medic_params_service *params;
    const medic_runtime_service *runtime;
    const medic_heap_service *heap;
    int taken;
};

static int create(const medic_host *host, void **self, medic_reason *why)
{
    struct capture *capture = calloc(1, sizeof *capture);

    if (!capture)
        return medic_fail(why, MEDIC_E_MEMORY, "no memory for the state of dup_strings");
    capture->host = host;
    capture->params = host->service(host, MEDIC_SERVICE_PARAMS);
    capture->runtime = host->service(host, MEDIC_SERVICE_RUNTIME);
    capture->heap = host->service(host, MEDIC_SERVICE_HEAP);
    *self = capture;
    return MEDIC_OK;
}

/* Without values when they are secrets: then no text is written anywhere. */
static int read_request(const struct capture *capture, medic_heap_request *request)
{
    int redact = 1;
    int64_t value_length = 0;
    int code = capture->params->get_bool(capture->host, "redact", &redact);

    if (code == MEDIC_OK)
        code = capture->params->get_int(capture->host, "value_length", &value_length);
    if (code == MEDIC_OK)
        code = capture->params->get_duration(capture->host, "max_pause", &request->max_pause_ns);
    request->contents = MEDIC_HEAP_HASHES | (redact ? 0 : MEDIC_HEAP_VALUES);
    request->value_units = redact ? 0 : (uint32_t)value_length + VALUE_UNITS_MORE;
    return code;
}

static void tick(void *self, uint64_t now_ns)
{
    struct capture *capture = self;
    medic_heap_request request = {.size = sizeof request, .route = MEDIC_HEAP_AUTO};
    medic_heap_photo photo = {.size = sizeof photo};
    medic_reason why = {"the parameters of dup_strings cannot be read"};
    int code;

    (void)now_ns;
    if (capture->taken)
        return;
    capture->taken = 1;
    code = read_request(capture, &request);
    if (code == MEDIC_OK)
        code = capture->heap->photograph(capture->host, &request, &photo, &why);
    if (code == MEDIC_OK)
        capture->runtime->done(capture->host);
    else if (code != MEDIC_E_STOPPED) /* somebody wanted it to end */
        capture->runtime->fail(capture->host, code, why.text);
}

const medic_capture dup_strings_capture = {
    .size = sizeof(medic_capture), .create = create, .tick = tick, .destroy = free};
