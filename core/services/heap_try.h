/* In the copy of the process: a step that may read memory that is not there, or wait for a lock whose holder was not cloned.
 * It is abandoned then, and the copy goes on with the next one: nothing that it held is wanted again. */
#ifndef CORE_SERVICES_HEAP_TRY_H
#define CORE_SERVICES_HEAP_TRY_H

#include <stdint.h>

enum heap_tried { HEAP_TRIED_OK = 0, HEAP_TRIED_FAULT = 1, HEAP_TRIED_LATE = 2 };

/* Takes the signals of faults away from the runtime, for good. 1; 0 = the kernel refuses, and nothing may be tried. [copy] */
int heap_try_open(void);
/* All that is tried from now on together may take this long; 0 = no limit. [copy] */
void heap_try_limit(uint64_t ns);
/* Whether that time is up. [copy] */
int heap_try_is_late(void);
/* Not from within a step. [copy] */
enum heap_tried heap_try(void (*step)(void *context), void *context);

#endif
