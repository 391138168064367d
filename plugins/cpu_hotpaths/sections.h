/* What the files that write sections share. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#ifndef CPU_HOTPATHS_SECTIONS_H
#define CPU_HOTPATHS_SECTIONS_H

#include "recording.h"

#include <medic/sections.h>

/* Of what is judged: Medic's own is not in it. */
static inline medic_cell share_of(const struct recording *recording, uint64_t part)
{
    return medic_ratio((double)part, (double)recording->facts.base_ns);
}

const char *code_name(enum code code);

/* sections_who.c */
void write_threads(const struct recording *recording);
void write_timeline(const struct recording *recording);
void write_notes(const struct recording *recording);

#endif
