/* The report half: reads the snapshot, has the threads grouped, and writes the document. */
#include "recording.h"

#include <medic/reading.h>
#include <stdlib.h>
#include <string.h>

/* --- reading --- */

static int read_thread(struct recording *recording, const medic_record *record)
{
    struct thread thread = {0};

    if (!medic_take(record, &thread.raw, sizeof thread.raw, &recording->bad_records) ||
        (thread.raw.head.flags & MEDIC_STACK_RUNTIME_WALK)) /* a second opinion, for tests */
        return MEDIC_OK;
    return MEDIC_PUSH(recording, thread, thread);
}

static int read_all(struct recording *recording, medic_reason *why)
{
    const medic_capture_header *header = recording->capture->header(recording->host);
    medic_record record;

    recording->locks_have_frames = !header || header->runtime_major >= 10;
    recording->capture->rewind(recording->host);
    while (recording->capture->next(recording->host, &record)) {
        if (record.type == MS_THREAD && read_thread(recording, &record) != MEDIC_OK)
            return medic_fail(why, MEDIC_E_MEMORY, "no memory for more than %zu threads", recording->thread_count);
        if (record.type == MS_SNAPSHOT)
            recording->has_snapshot |=
                medic_take(&record, &recording->snapshot, sizeof recording->snapshot, &recording->bad_records);
    }
    for (size_t i = 0; i < recording->thread_count; i++)
        if (look_at_thread(recording, &recording->threads[i]) != MEDIC_OK)
            return medic_fail(why, MEDIC_E_MEMORY, "no memory for %zu threads", recording->thread_count);
    return MEDIC_OK;
}

/* --- the document --- */

static void write_verdict(const struct recording *recording)
{
    struct verdict verdict;

    verdict_of(&recording->facts, &verdict);
    recording->document->verdict(recording->host, verdict.severity, verdict.sentence);
    for (size_t i = 0; i < verdict.finding_count; i++)
        recording->document->finding(recording->host, verdict.findings[i].text, verdict.findings[i].section,
                                     *verdict.findings[i].key ? verdict.findings[i].key : NULL);
}

static int render(const medic_host *host, medic_reason *why)
{
    struct recording recording = {.host = host,
                                  .capture = host->service(host, MEDIC_SERVICE_CAPTURE),
                                  .document = host->service(host, MEDIC_SERVICE_DOCUMENT),
                                  .frames = host->service(host, MEDIC_SERVICE_FRAMES),
                                  .trees = host->service(host, MEDIC_SERVICE_STACK_TREE)};
    int code = read_all(&recording, why);

    if (code == MEDIC_OK && make_groups(&recording) != MEDIC_OK)
        code = medic_fail(why, MEDIC_E_MEMORY, "no memory for %zu threads", recording.thread_count);
    if (code == MEDIC_OK) {
        write_verdict(&recording);
        write_sections(&recording);
    }
    for (size_t i = 0; i < recording.thread_count; i++)
        free(recording.threads[i].frames);
    free(recording.threads);
    free(recording.groups);
    return code;
}

const medic_report merged_stacks_report = {.size = sizeof(medic_report), .render = render};
