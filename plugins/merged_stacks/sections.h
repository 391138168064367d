/* What the files that write sections share. Ids of sections and columns are stable: scripts and comparisons rely on them. */
#ifndef MERGED_STACKS_SECTIONS_H
#define MERGED_STACKS_SECTIONS_H

#include "recording.h"

#include <medic/sections.h>

#endif
