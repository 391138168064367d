/* For attach.c and launch.c: the waits of a session. */
#ifndef TOOL_ATTACH_WATCH_H
#define TOOL_ATTACH_WATCH_H

#include "tool/attach.h"

/* One look, without waiting: whether the session is over, then *result is set. alive: whether the target still was before
 * the look. */
bool attach_look(struct attach *attach, bool alive, enum attach_result *result, medic_reason *why);
/* Whether the target still lives; does not wait. */
bool attach_target_lives(const struct attach *attach);
/* Until the target has been left. MEDIC_E_TIMEOUT, MEDIC_E_UNSAFE (inert) with a sentence. */
int attach_wait_detached(struct attach *attach, medic_reason *why);

#endif
