/* Libraries whose threads switch to stacks too small for a signal. Go's goroutines have some hundred bytes to spare, and Go
 * demands that handlers run on the alternate stack, which .NET's threads cannot have: the runtime leaves live frames there when
 * it handles a fault on the original one. */
#ifndef CORE_SERVICES_SMALL_STACKS_H
#define CORE_SERVICES_SMALL_STACKS_H

#include <medic/result.h>

/* MEDIC_OK, or MEDIC_E_UNSUPPORTED with the library's name. Takes the loader's lock. [worker] */
int small_stacks_check(medic_reason *why);

#endif
