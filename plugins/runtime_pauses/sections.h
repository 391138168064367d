/* What the files that write sections share. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#ifndef RUNTIME_PAUSES_SECTIONS_H
#define RUNTIME_PAUSES_SECTIONS_H

#include "recording.h"

#include <medic/sections.h>

#define TOP_ROWS 20u
#define LABEL_MAX 96

#define INSTANT(id, title, role)                                                                                       \
    {                                                                                                                  \
        id, title, MEDIC_INTEGER, MEDIC_UNIT_INSTANT, role, 0                                                          \
    }

/* "gen2 blocking: induced", written into label. */
const char *cause_label(const struct pause *pause, char label[LABEL_MAX]);

/* sections_who.c */
void write_callers(const struct recording *recording, const struct caller_row *rows, size_t count);
void write_slow_threads(const struct recording *recording, const struct slow_row *rows, size_t count);
void write_stacks(const struct recording *recording);

/* sections_time.c: worst, timeline, lengths, spans. At least one pause. */
void write_single_pauses(const struct recording *recording);
void write_timeline(const struct recording *recording);
void write_histogram(const struct recording *recording);

#endif
