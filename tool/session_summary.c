#include "tool/session_summary.h"
#include "tool/json.h"
#include "tool/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_MAX = 1 << 20 };

bool session_started(const char *text, time_t *seconds)
{
    struct tm utc = {0};
    int end = 0;
    if (!text ||
        sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &utc.tm_year, &utc.tm_mon, &utc.tm_mday, &utc.tm_hour, &utc.tm_min,
               &utc.tm_sec, &end) != 6 ||
        !strchr(text + end, 'Z') || utc.tm_mon < 1 || utc.tm_mon > 12 || utc.tm_mday < 1 || utc.tm_mday > 31)
        return false;
    utc.tm_year -= 1900;
    utc.tm_mon--;
    *seconds = timegm(&utc);
    return true;
}

static const char *text_of(const struct json *object, const char *key)
{
    return json_get_string(json_member(object, key));
}

static void take(const struct json *root, struct session_summary *summary)
{
    const struct json *session = json_member(root, "session");
    summary->severity = text_of(root, "severity");
    summary->verdict = text_of(root, "verdict");
    summary->end_reason = text_of(session, "end_reason");
    summary->duration_ns = json_get_unsigned(json_member(session, "duration_ns"));
    summary->known = summary->verdict != NULL;
}

/* report.json is written in a fixed order with the sections behind what counts here, and a newline never stands inside a
 * JSON string: this one is that of the outermost object. */
void session_summary_parse(const char *text, size_t size, struct arena *arena, struct session_summary *summary)
{
    static const char mark[] = "\n  \"sections\":";
    struct json *root;
    *summary = (struct session_summary){.known = false};
    const char *sections = memmem(text, size, mark, sizeof mark - 1);
    size_t head = sections ? (size_t)(sections - text) : size;
    char *whole = malloc(head + 2);
    if (!whole)
        return;
    memcpy(whole, text, head);
    while (sections && head && (whole[head - 1] == ',' || whole[head - 1] == ' '))
        head--;
    if (sections)
        whole[head++] = '}';
    whole[head] = '\0';
    if (json_parse(whole, head, arena, &root, NULL) == MEDIC_OK)
        take(root, summary);
    free(whole);
}

void session_summary_read(int folder, struct arena *arena, struct session_summary *summary)
{
    struct stat about;
    *summary = (struct session_summary){.known = false};
    int fd = openat(folder, STORE_REPORT_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (!fstat(fd, &about) && S_ISREG(about.st_mode)) {
        size_t size = about.st_size < HEAD_MAX ? (size_t)about.st_size : HEAD_MAX;
        char *text = malloc(size + 1);
        ssize_t got = text ? pread(fd, text, size, 0) : -1;
        if (got > 0)
            session_summary_parse(text, (size_t)got, arena, summary);
        free(text);
    }
    close(fd);
}
