/* The report half: reads the capture, works it out, and writes the document. */
#include "recording.h"

static int render(const medic_host *host, medic_reason *why)
{
    struct recording recording = {.host = host,
                                  .capture = host->service(host, MEDIC_SERVICE_CAPTURE),
                                  .document = host->service(host, MEDIC_SERVICE_DOCUMENT),
                                  .frames = host->service(host, MEDIC_SERVICE_FRAMES),
                                  .trees = host->service(host, MEDIC_SERVICE_STACK_TREE)};
    const medic_params_service *params = host->service(host, MEDIC_SERVICE_PARAMS);
    int code;

    if (params->get_duration(host, "long_wait", &recording.long_ns) != MEDIC_OK ||
        params->get_bool(host, "handles", &recording.handles) != MEDIC_OK || !recording.long_ns)
        return medic_fail(why, MEDIC_E_NOT_FOUND, "the host does not know the parameters of contention");
    code = read_recording(&recording, why);
    if (code == MEDIC_OK && find_facts(&recording) != MEDIC_OK)
        code = medic_fail(why, MEDIC_E_MEMORY, "no memory for %zu waits", recording.wait_count);
    if (code == MEDIC_OK) {
        write_verdict(&recording);
        write_sections(&recording);
    }
    recording_free(&recording);
    return code;
}

const medic_report contention_report = {.size = sizeof(medic_report), .render = render};
