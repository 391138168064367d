/* What a list of sessions shows of a report, without reading all of it: reports of heaps are large. */
#ifndef TOOL_SESSION_SUMMARY_H
#define TOOL_SESSION_SUMMARY_H

#include "tool/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Texts live in the arena, NULL: not known. */
struct session_summary {
    const char *severity, *verdict, *end_reason;
    uint64_t duration_ns;
    bool known; /* there is a report */
};

/* From the head of report.json in an opened session folder. Without a report, or with a damaged one, nothing is known. */
void session_summary_read(int folder, struct arena *arena, struct session_summary *summary);
/* The same from a text, which need not be whole: everything before the sections counts. */
void session_summary_parse(const char *text, size_t size, struct arena *arena, struct session_summary *summary);

/* "2026-11-21T13:20:05.123Z" as seconds since 1970. false: another text. */
bool session_started(const char *text, time_t *seconds);

#endif
