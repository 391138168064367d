/* The two halves of dup_strings. It has no records of its own: the photograph of the heap is the core's. */
#ifndef DUP_STRINGS_H
#define DUP_STRINGS_H

#include <medic/medic.h>

#define DUP_STRINGS_REVISION 1

extern const medic_capture dup_strings_capture;
extern const medic_report dup_strings_report;

#endif
