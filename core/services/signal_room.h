/* How many signals may be pending at once, for all processes of the program's user together (RLIMIT_SIGPENDING). A timer holds
 * one for as long as it lives. The runtime needs one to stop a thread in managed code that calls nothing: where there is none left,
 * a collection or a suspension waits until that code is done, and all others wait with it. */
#ifndef CORE_SERVICES_SIGNAL_ROOM_H
#define CORE_SERVICES_SIGNAL_ROOM_H

#include <medic/result.h>
#include <stdint.h>

/* How many more there may be now; UINT64_MAX when the system does not tell. Microseconds. [worker] */
uint64_t signal_room(void);
/* The same from the text of /proc/PID/status. Pure. */
uint64_t signal_room_in(const char *status);
/* Before a suspension: MEDIC_OK, or MEDIC_E_UNSUPPORTED when it may never end. [worker] */
int signal_room_to_suspend(medic_reason *why);

#endif
