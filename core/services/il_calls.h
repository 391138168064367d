/* Where in a method's IL a call can have been made. Pure. */
#ifndef CORE_SERVICES_IL_CALLS_H
#define CORE_SERVICES_IL_CALLS_H

#include <stdint.h>

/* The first instruction, on the way that control takes from `from` on, that can call anything: a method, or a helper of the
 * runtime. `from` itself when there is none before the method ends, or it is no instruction. body: header and code of a
 * method, size bytes. */
uint32_t il_first_call(const uint8_t *body, uint32_t size, uint32_t from);

#endif
