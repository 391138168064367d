/* A place holder for the report half. */
#include "cpu_hotpaths.h"

#include <stdio.h>

static int render(const medic_host *host, medic_reason *why)
{
    const medic_capture_service *capture = host->service(host, MEDIC_SERVICE_CAPTURE);
    const medic_document_service *document = host->service(host, MEDIC_SERVICE_DOCUMENT);
    medic_record record;
    uint64_t samples = 0;
    char sentence[64];

    (void)why;
    while (capture->next(host, &record))
        samples += record.type == CH_SAMPLE;
    snprintf(sentence, sizeof sentence, "recorded %llu samples", (unsigned long long)samples);
    document->verdict(host, MEDIC_HEALTHY, sentence);
    return MEDIC_OK;
}

const medic_report cpu_hotpaths_report = {.size = sizeof(medic_report), .render = render};
