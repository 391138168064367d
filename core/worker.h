/* Medic's own thread in the target: creates the plugin, drains the ring, and ends the session in the safe order. */
#ifndef CORE_WORKER_H
#define CORE_WORKER_H

void *worker_run(void *unused);

#endif
