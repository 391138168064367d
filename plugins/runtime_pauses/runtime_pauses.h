/* The two halves, as the descriptor names them. */
#ifndef RUNTIME_PAUSES_H
#define RUNTIME_PAUSES_H

#include <medic/plugin.h>

extern const medic_capture runtime_pauses_capture;
extern const medic_report runtime_pauses_report;

#endif
