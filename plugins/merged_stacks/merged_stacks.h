/* The record layout of merged_stacks: what its capture half writes and its report half reads. Revision 1. */
#ifndef MERGED_STACKS_H
#define MERGED_STACKS_H

#include <medic/medic.h>

#define MERGED_STACKS_REVISION 1

enum {
    MS_THREAD = 256,  /* medic_thread_stack */
    MS_SNAPSHOT = 257 /* medic_snapshot, behind the threads */
};

extern const medic_capture merged_stacks_capture;
extern const medic_report merged_stacks_report;

#endif
