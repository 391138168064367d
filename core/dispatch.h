/* The gate between the runtime's callbacks and the plugin: open while a session records. Counts who is inside, so that the
 * worker can wait until nobody is, and times a sample of the calls. */
#ifndef CORE_DISPATCH_H
#define CORE_DISPATCH_H

#include <medic/callbacks.h>
#include <stdint.h>

/* The object that the runtime calls, every callback interface in one vtable. Static, never freed. */
extern ICorProfilerCallback11 dispatch_callback;

/* Lets callbacks through to this plugin. callbacks and self outlive the next dispatch_close. [worker] */
void dispatch_open(const medic_callbacks *callbacks, void *self);
/* Lets nobody in any more. Does not wait. Any thread. */
void dispatch_close(void);
/* Waits until nobody is inside: 1, or 0 when timeout_ns has passed. [worker], after dispatch_close. */
int dispatch_quiet(uint64_t timeout_ns);

struct dispatch_cost {
    uint64_t calls;
    uint64_t cpu_ns; /* estimated from every 61st call: a prime, because callbacks come in patterns */
};
/* Since the last dispatch_open. Any thread. */
struct dispatch_cost dispatch_cost(void);

#endif
