/* For attach.c: the waits of a session. */
#ifndef TOOL_ATTACH_WATCH_H
#define TOOL_ATTACH_WATCH_H

#include "tool/attach.h"

/* Until the target has been left. MEDIC_E_TIMEOUT, MEDIC_E_UNSAFE (inert) with a sentence. */
int attach_wait_detached(struct attach *attach, medic_reason *why);

#endif
