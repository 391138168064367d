/* The record layout of gc_survivors: what its capture half writes and its report half reads, beside the photographs, which
 * the core writes (medic/heap_format.h). Revision 1. */
#ifndef GC_SURVIVORS_H
#define GC_SURVIVORS_H

#include <medic/medic.h>

#define GC_SURVIVORS_REVISION 1

enum { GS_SECOND_FAILED = 256 /* the sentence why there is no second photograph: text without a NUL */ };

extern const medic_capture gc_survivors_capture;
extern const medic_report gc_survivors_report;

#endif
