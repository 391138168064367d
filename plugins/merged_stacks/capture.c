/* The capture half: one snapshot of all managed threads, and the session is over. [worker] */
#include "merged_stacks.h"

#include <stdlib.h>

struct capture {
    const medic_host *host;
    const medic_records_service *records;
    const medic_runtime_service *runtime;
    const medic_stacks_service *stacks;
};

static int create(const medic_host *host, void **self, medic_reason *why)
{
    struct capture *capture = calloc(1, sizeof *capture);

    if (!capture)
        return medic_fail(why, MEDIC_E_MEMORY, "no memory for the state of merged_stacks");
    capture->host = host;
    capture->records = host->service(host, MEDIC_SERVICE_RECORDS);
    capture->runtime = host->service(host, MEDIC_SERVICE_RUNTIME);
    capture->stacks = host->service(host, MEDIC_SERVICE_STACKS);
    *self = capture;
    return MEDIC_OK;
}

static int start(void *self, medic_reason *why)
{
    struct capture *capture = self;
    medic_snapshot snapshot = {.size = sizeof snapshot};
    int code = capture->stacks->snapshot(capture->host, MS_THREAD, 0, &snapshot, why);

    if (code != MEDIC_OK)
        return code;
    code = capture->records->emit(capture->host, MS_SNAPSHOT, &snapshot, sizeof snapshot);
    if (code != MEDIC_OK)
        return medic_fail(why, code, "the snapshot of %u threads could not be written", snapshot.threads);
    capture->runtime->done(capture->host);
    return MEDIC_OK;
}

const medic_capture merged_stacks_capture = {
    .size = sizeof(medic_capture), .create = create, .start = start, .destroy = free};
