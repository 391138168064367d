/* Any bytes as the files of a kept session: the head of report.json, and session.json, which must come back the same from
 * what is written of it. */
#include "tool/session_summary.h"
#include "tool/store.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static size_t length(const char *text)
{
    return text ? strlen(text) : 0;
}

static void fuzz_summary(const char *text, size_t size)
{
    struct session_summary summary;
    struct arena arena = {0};
    session_summary_parse(text, size, &arena, &summary);
    require(length(summary.severity) + length(summary.verdict) + length(summary.end_reason) <= 3 * size);
    require(summary.known == (summary.verdict != NULL));
    arena_free(&arena);
}

static void fuzz_started(const char *bytes, size_t size)
{
    char *text = strndup(bytes, size);
    time_t seconds;
    session_started(text, &seconds);
    free(text);
}

static void fuzz_info(const char *text, size_t size)
{
    struct session_info info, again;
    struct arena arena = {0};
    medic_reason why = {{0}};
    size_t first_size, second_size;
    if (session_info_read(&info, text, size, &arena, &why)) {
        require(why.text[0] != '\0');
        arena_free(&arena);
        return;
    }
    char *first = session_info_write(&info, &first_size);
    require(first != NULL);
    require(session_info_read(&again, first, first_size, &arena, &why) == MEDIC_OK);
    char *second = session_info_write(&again, &second_size);
    require(second && first_size == second_size && memcmp(first, second, first_size) == 0);
    free(first);
    free(second);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_summary((const char *)data, size);
    fuzz_started((const char *)data, size);
    fuzz_info((const char *)data, size);
    return 0;
}
