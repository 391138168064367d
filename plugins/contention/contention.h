#ifndef CONTENTION_H
#define CONTENTION_H

#include <medic/medic.h>

extern const medic_capture contention_capture;
extern const medic_report contention_report;

#endif
