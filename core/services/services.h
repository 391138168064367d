/* The services that the core offers to capture halves. */
#ifndef CORE_SERVICES_SERVICES_H
#define CORE_SERVICES_SERVICES_H

#include <medic/plugin.h>

/* The host of the running session. Static. */
extern const medic_host services_host;

int services_have(const char *name);

#endif
